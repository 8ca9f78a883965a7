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

/* --- 0006-ip6-frag-keeps-the-packet --------------------------------------------------------------- */

static const u8_t peer_mac[6] = { 2, 0, 0, 0, 0, 2 };

/* meet_peer() - have the tap's neighbor cache know fe80::2 */
static void meet_peer(void)
{
    u8_t message[sizeof(struct ns_header) + 8] = { ICMP6_TYPE_NS };
    u8_t *option = message + sizeof(struct ns_header);

    put16(message + 8, 0xfe80); /* about fe80::1 */
    message[23] = 1;
    option[0] = ND6_OPTION_TYPE_SOURCE_LLADDR;
    option[1] = 1;
    memcpy(option + 2, peer_mac, sizeof(peer_mac));
    rig_feed_icmp6(&rig_tap, message, sizeof(message), 0);
    ck_assert_mem_eq(neighbor_cache[0].lladdr, peer_mac, sizeof(peer_mac));
    rig_forget();
}

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
    nd6_clear_destination_cache();
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
    tcase = add_case(suite, "0006");
    tcase_add_test(tcase, segment_sent_in_fragments_is_sent_again);
    tcase = add_case(suite, "0007");
    tcase_add_loop_test(tcase, ip6_fragments_of_more_than_a_packet, 0, 5);
    tcase_add_test(tcase, ip6_fragments_of_a_packet);
    tcase_add_loop_test(tcase, ip6_fragment_behind_long_headers, 0, 4);
    tcase_add_test(tcase, ip6_headers_and_fragments_of_more_than_a_packet);
    return run_cases(suite);
}
