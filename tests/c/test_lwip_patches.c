/* SPDX-License-Identifier: MIT */
/* test_lwip_patches.c - each patch of lwip/patches/ has a test case here that fails without it
 *
 * A test case is named after the number of its patch, so CK_RUN_CASE=0001 runs what proves
 * 0001-*.patch; tests/c/lwip_patches_needed.sh leaves out one patch after the other and expects
 * exactly that test case to fail. Patches of TCP's queues are tested in test_lwip_patches_tcp.c, those
 * of its timers in test_lwip_patches_timers.c, of how it finds connections in test_lwip_patches_pcb.c,
 * of what it sends, and again, in test_lwip_patches_send.c and test_lwip_patches_loss.c.
 */
#include "lwip_rig/suite.h"

static const u8_t zeros[RIG_PACKET_MAX];

/* --- 0001-tcp-option-length ------------------------------------------------------------------ */

static const u8_t last_option[] = { LWIP_TCP_OPT_MSS, LWIP_TCP_OPT_WS, LWIP_TCP_OPT_SACK_PERM,
                                    LWIP_TCP_OPT_TS, 30 };

START_TEST(option_kind_is_last_byte_of_packet)
{
    const u8_t opt[4] = { 1, 1, 1, last_option[_i] };

    conn_listen();
    conn_feed((struct rig_seg){
        .seq = 1, .flags = TCP_SYN, .wnd = 1000, .opt = opt, .optlen = sizeof(opt) });
    ck_assert_ptr_nonnull(tcp_active_pcbs);
}
END_TEST

START_TEST(option_kind_is_last_byte_of_second_pbuf)
{
    const u8_t opt[8] = { LWIP_TCP_OPT_MSS, 4, 2, 0, 1, 1, 1, last_option[_i] };

    conn_listen();
    conn_feed((struct rig_seg){ .seq = 1,
                                .flags = TCP_SYN,
                                .wnd = 1000,
                                .opt = opt,
                                .optlen = sizeof(opt),
                                .split = IP_HLEN + TCP_HLEN + 3 });
    ck_assert_ptr_nonnull(tcp_active_pcbs);
    ck_assert_uint_eq(tcp_active_pcbs->mss, 512);
}
END_TEST

START_TEST(option_body_ends_after_packet)
{
    const u8_t mss[4] = { 1, LWIP_TCP_OPT_MSS, 4, 2 }, ws[4] = { 1, 1, LWIP_TCP_OPT_WS, 3 };
    const u8_t *opt = _i ? ws : mss;

    conn_listen();
    conn_feed((struct rig_seg){ .seq = 1, .flags = TCP_SYN, .wnd = 1000, .opt = opt, .optlen = 4 });
    ck_assert_ptr_nonnull(tcp_active_pcbs);
    ck_assert_uint_eq(tcp_active_pcbs->mss, 536);
    ck_assert(!(tcp_active_pcbs->flags & TF_WND_SCALE));
}
END_TEST

/* --- 0002-tcp-mss-option ---------------------------------------------------------------------- */

START_TEST(mss_option_after_the_syn_changes_nothing)
{
    u8_t opt[4] = { LWIP_TCP_OPT_MSS, 4, 0, 0 };

    put16(opt + 2, _i ? 0xffff : 1);
    conn_open(1460, 0xffff);
    conn_feed((struct rig_seg){ .flags = TCP_ACK, .opt = opt, .optlen = sizeof(opt) });
    ck_assert_uint_eq(conn.pcb->mss, 1460);
}
END_TEST

START_TEST(mss_option_of_repeated_syn_changes_nothing)
{
    const u8_t first[4] = { LWIP_TCP_OPT_MSS, 4, 4, 0 },
               second[4] = { LWIP_TCP_OPT_MSS, 4, 0xff, 0 };

    conn_listen();
    conn_feed(
        (struct rig_seg){ .seq = 1, .flags = TCP_SYN, .wnd = 1000, .opt = first, .optlen = 4 });
    ck_assert_ptr_nonnull(tcp_active_pcbs);
    conn_feed(
        (struct rig_seg){ .seq = 1, .flags = TCP_SYN, .wnd = 1000, .opt = second, .optlen = 4 });
    ck_assert_int_eq(tcp_active_pcbs->state, SYN_RCVD);
    ck_assert_uint_eq(tcp_active_pcbs->mss, 1024);
}
END_TEST

static err_t write_when_connected(void *arg, struct tcp_pcb *pcb, err_t err)
{
    LWIP_UNUSED_ARG(arg);
    LWIP_UNUSED_ARG(err);
    return tcp_write(pcb, zeros, 1000, 0);
}

START_TEST(segment_queued_before_the_syn_is_larger_than_mss)
{
    const u8_t opt[4] = { LWIP_TCP_OPT_MSS, 4, 0, 100 };
    u32_t total = 0;

    conn_connect(write_when_connected);
    ck_assert_int_eq(tcp_write(conn.pcb, zeros, 300, 0), ERR_OK);
    conn_feed((struct rig_seg){ .flags = TCP_SYN | TCP_ACK, .opt = opt, .optlen = sizeof(opt) });
    ck_assert_int_eq(conn.pcb->state, ESTABLISHED);
    ck_assert_uint_eq(conn.pcb->mss, 100);
    for (struct tcp_seg *seg = conn.pcb->unacked; seg; seg = seg->next)
        total += seg->len;
    for (struct tcp_seg *seg = conn.pcb->unsent; seg; seg = seg->next) {
        ck_assert_uint_le(seg->len, 100);
        total += seg->len;
    }
    ck_assert_uint_eq(total, 1300);
}
END_TEST

/* --- 0003-short-headers ----------------------------------------------------------------------- */

START_TEST(ip_packet_shorter_than_header)
{
    u8_t frame[SIZEOF_ETH_HDR + IP6_HLEN] = { 0 }, *packet = frame + SIZEOF_ETH_HDR;
    int v6 = _i & 1;
    u16_t hlen = v6 ? IP6_HLEN : IP_HLEN;

    packet[0] = v6 ? 0x60 : 0x45;
    packet[3] = 1;
    for (u16_t len = 1; len < hlen; len++) {
        rig_feed(&rig_tun, packet, len);
        rig_feed_frame(packet, len, v6 ? ETHTYPE_IPV6 : ETHTYPE_IP);
        packet[0] = v6 ? 0x60 : 0x45;
    }
    ck_assert_uint_eq(v6 ? lwip_stats.ip6.lenerr : lwip_stats.ip.lenerr, 2 * (hlen - 1));
    ck_assert_uint_eq(rig_out_count, 0);
}
END_TEST

START_TEST(arp_packet_shorter_than_header)
{
    u8_t frame[SIZEOF_ETH_HDR + SIZEOF_ETHARP_HDR] = { 0 }, *arp = frame + SIZEOF_ETH_HDR;

    put32(arp, 0x00010800);
    put32(arp + 4, 0x06040001); /* a request */
    put32(arp + 14, 0x0a000102);
    put32(arp + 24, 0x0a000101); /* for us */
    for (u16_t len = 1; len < SIZEOF_ETHARP_HDR; len++)
        rig_feed_frame(arp, len, ETHTYPE_ARP);
    ck_assert_uint_eq(lwip_stats.etharp.lenerr, SIZEOF_ETHARP_HDR - 1);
    ck_assert_uint_eq(rig_out_count, 0);
    rig_feed_frame(arp, SIZEOF_ETHARP_HDR, ETHTYPE_ARP);
    ck_assert_uint_eq(rig_out_count, 1);
}
END_TEST

static const u8_t extension[] = { IP6_NEXTH_HOPBYHOP, IP6_NEXTH_DESTOPTS, IP6_NEXTH_ROUTING,
                                  IP6_NEXTH_FRAGMENT };

START_TEST(ip6_packet_ends_before_extension_header)
{
    u8_t packet[IP6_HLEN + 7] = { 0 };

    for (u16_t len = 0; len < 8; len++) {
        rig_ip6(packet, (u16_t)(IP6_HLEN + len), extension[_i], &rig_tun);
        rig_feed(&rig_tun, packet, (u16_t)(IP6_HLEN + len));
    }
    ck_assert_uint_eq(lwip_stats.ip6.lenerr + lwip_stats.ip6_frag.lenerr, 8);
}
END_TEST

START_TEST(ip6_option_type_is_last_byte_of_packet)
{
    const u8_t header[8] = {
        IP6_NEXTH_NONE, 0, 0, 0, 0, 0, 0, (_i & 2) ? 0x1e : IP6_ROUTER_ALERT_OPTION
    };
    u8_t packet[IP6_HLEN + 8];

    memcpy(packet + IP6_HLEN, header, sizeof(header));
    rig_ip6(packet, sizeof(packet), (_i & 1) ? IP6_NEXTH_DESTOPTS : IP6_NEXTH_HOPBYHOP, &rig_tun);
    rig_feed(&rig_tun, packet, sizeof(packet));
    ck_assert_uint_eq(lwip_stats.ip6.lenerr, 1);
    packet[sizeof(packet) - 1] = IP6_PAD1_OPTION;
    rig_feed(&rig_tun, packet, sizeof(packet));
    ck_assert_uint_eq(lwip_stats.ip6.lenerr, 1);
}
END_TEST

/* --- 0004-nd6-lladdr-option ------------------------------------------------------------------- */

#define ND_TARGET 8 /* offset of the target address in NS, NA and redirect */

static const u8_t peer_mac[6] = { 2, 0, 0, 0, 0, 2 };

/* nd_message() - an ND message about fe80::[last], and room for options; its fixed header's length */
static u16_t nd_message(u8_t *message, u8_t type, u8_t last)
{
    memset(message, 0, 128);
    message[0] = type;
    put16(message + ND_TARGET, 0xfe80);
    message[ND_TARGET + 15] = last;
    if (type == ICMP6_TYPE_RD) {
        put16(message + ND_TARGET + 16, 0xfe80);
        message[ND_TARGET + 31] = 2;
        return sizeof(struct redirect_header);
    }
    return sizeof(struct na_header);
}

/* meet_peer() - have the tap's neighbor and destination caches know fe80::2 */
static void meet_peer(void)
{
    u8_t message[128];
    u16_t len = nd_message(message, ICMP6_TYPE_NS, 1);

    message[len] = ND6_OPTION_TYPE_SOURCE_LLADDR;
    message[len + 1] = 1;
    memcpy(message + len + 2, peer_mac, sizeof(peer_mac));
    rig_feed_icmp6(&rig_tap, message, (u16_t)(len + 8), 0);
    ck_assert_uint_eq(rig_out_count, 1);
    ck_assert_uint_eq(rig_out[0].data[IP6_HLEN], ICMP6_TYPE_NA);
    ck_assert_mem_eq(neighbor_cache[0].lladdr, peer_mac, sizeof(peer_mac));
    rig_forget();
}

/* Bytes where a link-layer address option of 8 bytes is expected. */
static const struct {
    u8_t option[8];
    u16_t len;
} no_address[] = {
    { { 0 }, 0 },             /* nothing */
    { { 0xff }, 1 },          /* half an option header */
    { { 0xff, 0 }, 2 },       /* length 0 */
    { { 0xff, 0 }, 8 },       /* length 0, not at the end */
    { { 0xff, 1 }, 2 },       /* longer than the packet */
    { { 0xff, 2, 0, 0 }, 8 }, /* longer than the packet */
    { { 14, 1, 0, 0 }, 8 },   /* another option (nonce) */
};

START_TEST(nd_message_without_whole_lladdr_option)
{
    static const u8_t types[] = { ICMP6_TYPE_NS, ICMP6_TYPE_NA, ICMP6_TYPE_NA, ICMP6_TYPE_RD };
    u8_t message[128], type = types[_i % 4];
    int multicast = _i % 4 == 1, redirect = type == ICMP6_TYPE_RD, i = _i / 4;
    u16_t len;

    if (type != ICMP6_TYPE_NS)
        meet_peer();
    len = nd_message(message, type, redirect ? 3 : type == ICMP6_TYPE_NS ? 1 : 2);
    if (type == ICMP6_TYPE_NA)
        message[4] = ND6_FLAG_OVERRIDE;
    memcpy(message + len, no_address[i].option, no_address[i].len);
    if (message[len] == 0xff)
        message[len] =
            type == ICMP6_TYPE_NS ? ND6_OPTION_TYPE_SOURCE_LLADDR : ND6_OPTION_TYPE_TARGET_LLADDR;
    rig_feed_icmp6(&rig_tap, message, (u16_t)(len + no_address[i].len), multicast);
    ck_assert_uint_eq(rig_out_count, 0);
    if (type == ICMP6_TYPE_NS)
        ck_assert_int_eq(neighbor_cache[0].state, ND6_NO_ENTRY);
    else
        ck_assert_mem_eq(neighbor_cache[0].lladdr, peer_mac, sizeof(peer_mac));
    ck_assert_int_eq(neighbor_cache[1].state, ND6_NO_ENTRY);
}
END_TEST

START_TEST(nd_lladdr_option_behind_another)
{
    u8_t message[128];
    u16_t len = nd_message(message, ICMP6_TYPE_NS, 1);

    message[len] = 14;
    message[len + 1] = 1;
    message[len + 8] = ND6_OPTION_TYPE_SOURCE_LLADDR;
    message[len + 9] = 1;
    memcpy(message + len + 10, peer_mac, sizeof(peer_mac));
    rig_feed_icmp6(&rig_tap, message, (u16_t)(len + 16), 0);
    ck_assert_uint_eq(rig_out_count, 1);
    ck_assert_mem_eq(neighbor_cache[0].lladdr, peer_mac, sizeof(peer_mac));
}
END_TEST

/* --- 0005-nd6-packet-too-big, 0006-ip6-frag-keeps-the-packet ----------------------------------- */

/* packet_too_big() - tell the tap that fe80::2 is behind a smaller MTU */
static void packet_too_big(u32_t mtu)
{
    u8_t message[8 + IP6_HLEN] = { ICMP6_TYPE_PTB };

    put32(message + 4, mtu);
    put16(message + 8 + 24, 0xfe80);
    message[8 + 39] = 2;
    rig_feed_icmp6(&rig_tap, message, sizeof(message), 0);
}

START_TEST(packet_too_big_is_left_to_the_port)
{
    static const u32_t mtus[] = { 0,         1,    40,   48,   55,    56,
                                  1279,      1280, 1400, 1501, 65535, 0x10000 + 1400,
                                  0xffffffff };

    meet_peer();
    packet_too_big(mtus[_i]);
    ck_assert_uint_eq(nd6_get_destination_mtu(&neighbor_cache[0].next_hop_address, &rig_tap), 1500);
    /* an answer as large as the question */
    rig_feed_icmp6(&rig_tap, (u8_t[1400]){ ICMP6_TYPE_EREQ }, 1400, 0);
    ck_assert_uint_eq(rig_out_count, 1);
    ck_assert_uint_eq(rig_out[0].len, IP6_HLEN + 1400);
}
END_TEST

START_TEST(segment_sent_in_fragments_is_sent_again)
{
    static u8_t data[1400], first[2][RIG_PACKET_MAX];
    u16_t len[2];

    for (unsigned i = 0; i < sizeof(data); i++)
        data[i] = (u8_t)(i * 7);
    meet_peer();
    conn.tap = 1;
    conn_open(1440, 0xffff);
    rig_tap.mtu = 1280;
    ck_assert_int_eq(conn_write(data, sizeof(data)), ERR_OK);
    ck_assert_uint_eq(rig_out_count, 2);
    for (int i = 0; i < 2; i++) {
        len[i] = rig_out[i].len;
        memcpy(first[i], rig_out[i].data, len[i]);
    }
    ck_assert_uint_eq(len[0] + len[1], 2 * (IP6_HLEN + IP6_FRAG_HLEN) + TCP_HLEN + sizeof(data));
    ck_assert_uint_lt(next_sent(5000), 5000);
    ck_assert_uint_eq(rig_out_count, 2);
    for (int i = 0; i < 2; i++) {
        put32(first[i] + IP6_HLEN + 4, get32(rig_out[i].data + IP6_HLEN + 4)); /* identification */
        ck_assert_uint_eq(rig_out[i].len, len[i]);
        ck_assert_mem_eq(rig_out[i].data, first[i], len[i]);
    }
    ck_assert_mem_eq(first[1] + len[1] - 100, data + sizeof(data) - 100, 100);
}
END_TEST

/* --- 0007-ip6-reass-length --------------------------------------------------------------------- */

/* feed_fragment() - a fragment of a packet to the tun, behind headers - 48 bytes of destination options */
static void feed_fragment(u16_t headers, u16_t offset, u16_t len, int more)
{
    static u8_t packet[RIG_PACKET_MAX];
    u16_t at = IP6_HLEN;

    memset(packet, 0, sizeof(packet));
    rig_ip6(packet, (u16_t)(headers + len), headers > 48 ? IP6_NEXTH_DESTOPTS : IP6_NEXTH_FRAGMENT,
            &rig_tun);
    while (at < headers - 8) {
        u16_t rest = (u16_t)(headers - 8 - at), size = rest > 2048 ? 2048 : rest;

        packet[at] = rest > 2048 ? IP6_NEXTH_DESTOPTS : IP6_NEXTH_FRAGMENT;
        packet[at + 1] = (u8_t)(size / 8 - 1);
        at = (u16_t)(at + size);
    }
    packet[at] = IP6_NEXTH_ICMP6;
    put16(packet + at + 2, offset | (more ? 1u : 0u));
    put32(packet + at + 4, 4711);
    if (!offset)
        packet[at + 8] = ICMP6_TYPE_EREQ;
    rig_feed(&rig_tun, packet, (u16_t)(headers + len));
}

START_TEST(ip6_fragments_of_more_than_a_packet)
{
    static const u16_t totals[] = { 65496, 65504, 65520, 65528, 65535 };

    feed_fragment(48, 8, 65480, 1);
    feed_fragment(48, 65488, (u16_t)(totals[_i] - 65488), 0);
    feed_fragment(48, 0, 8, 1);
    ck_assert_uint_eq(rig_slots, 0);
    ck_assert_uint_eq(lwip_stats.icmp6.recv, 0);
    ck_assert_uint_eq(lwip_stats.ip6_frag.proterr, 1);
}
END_TEST

START_TEST(ip6_fragments_of_a_packet)
{
    feed_fragment(48, 8, 65480, 1);
    feed_fragment(48, 65488, 7, 0);
    feed_fragment(48, 0, 8, 1);
    ck_assert_uint_eq(rig_slots, 0);
    ck_assert_uint_eq(lwip_stats.icmp6.recv, 1);
}
END_TEST

START_TEST(ip6_fragment_behind_long_headers)
{
    static const u16_t headers[] = { 32768, 32776, 40000, 65512 };

    feed_fragment(headers[_i], 0, 8, 1);
    feed_fragment(48, 8, 8, 0);
    ck_assert_uint_eq(lwip_stats.ip6_frag.proterr, 1);
    ck_assert_uint_eq(lwip_stats.icmp6.recv, 0);
    feed_fragment(32000, 0, 8, 1);
    ck_assert_uint_eq(rig_slots, 0);
    ck_assert_uint_eq(lwip_stats.icmp6.recv, 1);
}
END_TEST

START_TEST(ip6_headers_and_fragments_of_more_than_a_packet)
{
    feed_fragment(48, 8, 40000, 0);
    feed_fragment(30000, 0, 8, 1);
    ck_assert_uint_eq(rig_slots, 0);
    ck_assert_uint_eq(lwip_stats.icmp6.recv, 0);
    ck_assert_uint_eq(lwip_stats.ip6_frag.proterr, 1);
}
END_TEST

/* --- 0017-etharp-queue-bytes ------------------------------------------------------------------ */

START_TEST(packets_for_unresolved_addresses_are_bounded_together)
{
    for (int round = 0; round < 3; round++) {
        u32_t queued = 0;

        for (u8_t n = 0; n < 200; n++) {
            struct pbuf *p = pbuf_alloc(PBUF_LINK, 30000, PBUF_RAM);
            ip4_addr_t to;

            IP4_ADDR(&to, 10, 0, 1, 10 + n % 40);
            if (etharp_query(&rig_tap, &to, p) == ERR_OK)
                queued += p->tot_len;
            pbuf_free(p);
            rig_forget();
        }
        ck_assert_uint_le(queued, ARP_QUEUE_MAX_BYTES);
        ck_assert_uint_gt(queued, ARP_QUEUE_MAX_BYTES - 30000);
        for (int second = 0; second < 10; second++) /* no answer: all is given up */
            etharp_tmr();
    }
}
END_TEST

/* --- 0032-nd6-queue --------------------------------------------------------------------------- */

/* Bytes that a test sends to a neighbor whose address is not known. */
#define WAITING 33

START_TEST(solicitation_brings_the_address_that_packets_wait_for)
{
    struct pbuf *p = pbuf_alloc(PBUF_IP, WAITING, PBUF_RAM);
    u8_t message[128];
    u16_t len = nd_message(message, ICMP6_TYPE_NS, 1);
    ip6_addr_t peer;
    unsigned found = 0;

    IP6_ADDR(&peer, PP_HTONL(0xfe800000), 0, 0, PP_HTONL(2));
    ip6_addr_assign_zone(&peer, IP6_UNICAST, &rig_tap);
    memset(p->payload, 0, WAITING);
    ck_assert_int_eq(
        ip6_output_if(p, netif_ip6_addr(&rig_tap, 0), &peer, 64, 0, IP6_NEXTH_UDP, &rig_tap),
        ERR_OK);
    pbuf_free(p);
    ck_assert_int_eq(neighbor_cache[0].state, ND6_INCOMPLETE);
    rig_forget();
    message[len] = ND6_OPTION_TYPE_SOURCE_LLADDR;
    message[len + 1] = 1;
    memcpy(message + len + 2, peer_mac, sizeof(peer_mac));
    rig_feed_icmp6(&rig_tap, message, (u16_t)(len + 8), 0);
    for (unsigned i = 0; i < rig_out_count; i++)
        found += rig_out[i].len == IP6_HLEN + WAITING && rig_out[i].data[6] == IP6_NEXTH_UDP;
    ck_assert_uint_eq(found, 1);
    ck_assert_ptr_null(neighbor_cache[0].q);
}
END_TEST

/* --- The suite ------------------------------------------------------------------------------- */

/**
 * main() - one test case per patch, named after its number
 *
 * Return: 0 if all tests pass
 */
int main(void)
{
    Suite *suite = suite_create("lwip_patches");
    TCase *tcase;

    tcase = add_case(suite, "0001");
    tcase_add_loop_test(tcase, option_kind_is_last_byte_of_packet, 0, sizeof(last_option));
    tcase_add_loop_test(tcase, option_kind_is_last_byte_of_second_pbuf, 0, sizeof(last_option));
    tcase_add_loop_test(tcase, option_body_ends_after_packet, 0, 2);
    tcase = add_case(suite, "0002");
    tcase_add_loop_test(tcase, mss_option_after_the_syn_changes_nothing, 0, 2);
    tcase_add_test(tcase, mss_option_of_repeated_syn_changes_nothing);
    tcase_add_test(tcase, segment_queued_before_the_syn_is_larger_than_mss);
    tcase = add_case(suite, "0003");
    tcase_add_loop_test(tcase, ip_packet_shorter_than_header, 0, 2);
    tcase_add_test(tcase, arp_packet_shorter_than_header);
    tcase_add_loop_test(tcase, ip6_packet_ends_before_extension_header, 0, sizeof(extension));
    tcase_add_loop_test(tcase, ip6_option_type_is_last_byte_of_packet, 0, 4);
    tcase = add_case(suite, "0004");
    tcase_add_loop_test(tcase, nd_message_without_whole_lladdr_option, 0,
                        4 * (int)LWIP_ARRAYSIZE(no_address));
    tcase_add_test(tcase, nd_lladdr_option_behind_another);
    tcase = add_case(suite, "0005");
    tcase_add_loop_test(tcase, packet_too_big_is_left_to_the_port, 0, 13);
    tcase = add_case(suite, "0006");
    tcase_add_test(tcase, segment_sent_in_fragments_is_sent_again);
    tcase = add_case(suite, "0007");
    tcase_add_loop_test(tcase, ip6_fragments_of_more_than_a_packet, 0, 5);
    tcase_add_test(tcase, ip6_fragments_of_a_packet);
    tcase_add_loop_test(tcase, ip6_fragment_behind_long_headers, 0, 4);
    tcase_add_test(tcase, ip6_headers_and_fragments_of_more_than_a_packet);
    tcase = add_case(suite, "0017");
    tcase_add_test(tcase, packets_for_unresolved_addresses_are_bounded_together);
    tcase = add_case(suite, "0032");
    tcase_add_test(tcase, solicitation_brings_the_address_that_packets_wait_for);
    return run_cases(suite);
}
