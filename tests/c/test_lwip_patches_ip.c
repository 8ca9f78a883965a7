/* SPDX-License-Identifier: MIT */
/* test_lwip_patches_ip.c - patches of IP and ICMP, as in test_lwip_patches.c */
#include "lwip_rig/suite.h"

/* --- 0035-icmp-errors --------------------------------------------------------------------------- */

/* unknown_protocol() - a packet of a protocol nobody has, to the tun */
static void unknown_protocol(int v6, u8_t last)
{
    u8_t packet[IP6_HLEN + 20] = { 0 };

    if (v6) {
        rig_ip6(packet, IP6_HLEN + 8, 253, &rig_tun);
        packet[39] = last;
        rig_feed(&rig_tun, packet, IP6_HLEN + 8);
    } else {
        rig_ip4(packet, IP_HLEN + 8, 253);
        rig_feed(&rig_tun, packet, IP_HLEN + 8);
    }
}

START_TEST(errors_only_if_the_port_says_so)
{
    unknown_protocol(_i, 1);
    ck_assert_uint_eq(rig_out_count, 1);
    rig_no_errors = 1;
    unknown_protocol(_i, 1);
    ck_assert_uint_eq(rig_out_count, 1);
}
END_TEST

START_TEST(an_error_comes_from_where_the_packet_went)
{
    ip6_addr_t second = { 0 };
    s8_t i;

    IP6_ADDR(&second, PP_HTONL(0xfd000000), 0, 0, PP_HTONL(7));
    ck_assert_int_eq(netif_add_ip6_address(&rig_tun, &second, &i), ERR_OK);
    netif_ip6_addr_set_state(&rig_tun, i, IP6_ADDR_PREFERRED);
    for (u8_t last = 1; last < 8; last = (u8_t)(last + 6)) {
        unknown_protocol(1, last);
        ck_assert_uint_eq(rig_out_count, 1);
        ck_assert_uint_eq(rig_out[0].data[IP6_HLEN], ICMP6_TYPE_PP);
        ck_assert_uint_eq(rig_out[0].data[8], 0xfd);
        ck_assert_uint_eq(rig_out[0].data[23], last);
        rig_forget();
    }
}
END_TEST

/* --- 0036-ip4-dont-fragment --------------------------------------------------------------------- */

START_TEST(segments_of_tcp_are_not_to_be_fragmented)
{
    conn_open(1460, 0xffff);
    ck_assert_int_eq(conn_write(pattern, 100), ERR_OK);
    ck_assert_uint_eq(rig_out_count, 1);
    ck_assert_uint_eq(get16(rig_out[0].data + 6), IP_DF);
    ck_assert_uint_eq((u16_t)~chksum(rig_out[0].data, IP_HLEN), 0);
}
END_TEST

START_TEST(flags_of_other_packets_are_the_ports)
{
    for (int df = 0; df < 2; df++) {
        port_ip4_offset = df ? PP_HTONS(IP_DF) : 0;
        unknown_protocol(0, 1);
        ck_assert_uint_eq(rig_out_count, 1);
        ck_assert_uint_eq(get16(rig_out[0].data + 6), df ? IP_DF : 0);
        ck_assert_uint_eq((u16_t)~chksum(rig_out[0].data, IP_HLEN), 0);
        rig_forget();
    }
}
END_TEST

/* --- 0037-ip-frag-count --------------------------------------------------------------------------- */

/* fragment() - one of a packet to the tun whose others do not come */
static void fragment(int v6, u16_t offset)
{
    u8_t packet[IP6_HLEN + 16 + 8] = { 0 };

    if (v6) {
        rig_ip6(packet, IP6_HLEN + 16, IP6_NEXTH_FRAGMENT, &rig_tun);
        packet[IP6_HLEN] = IP6_NEXTH_ICMP6;
        put16(packet + IP6_HLEN + 2, (u32_t)(offset | 1));
        rig_feed(&rig_tun, packet, IP6_HLEN + 16);
    } else {
        u16_t sum = 0;

        rig_ip4(packet, IP_HLEN + 8, IP_PROTO_ICMP);
        put16(packet + 6, (u32_t)(IP_MF | offset / 8));
        memcpy(packet + 10, &sum, 2);
        sum = (u16_t)~chksum(packet, IP_HLEN);
        memcpy(packet + 10, &sum, 2);
        rig_feed(&rig_tun, packet, IP_HLEN + 8);
    }
}

START_TEST(fragments_that_time_out_are_counted)
{
    fragment(_i, 8);
    fragment(_i, 24);
    fragment(_i, 40);
    ck_assert_uint_eq(lwip_stats.ip_frag.drop + lwip_stats.ip6_frag.drop, 0);
    for (int i = 0; i <= LWIP_MAX(IP_REASS_MAXAGE, IPV6_REASS_MAXAGE); i++) {
        ip_reass_tmr();
        ip6_reass_tmr();
    }
    ck_assert_uint_eq(_i ? lwip_stats.ip6_frag.drop : lwip_stats.ip_frag.drop, 3);
    ck_assert_uint_eq(rig_slots, 0);
}
END_TEST

/* --- 0039-ip4-point-to-point ------------------------------------------------------------------------ */

START_TEST(network_of_two_hosts_has_no_broadcast_address)
{
    ip4_addr_t own, mask, other;

    IP4_ADDR(&own, 10, 7, 0, 0);
    IP4_ADDR(&other, 10, 7, 0, (u8_t)(_i ? 3 : 1));
    IP4_ADDR(&mask, 255, 255, 255, (u8_t)(_i ? 252 : 254));
    netif_set_addr(&rig_tap, &own, &mask, IP4_ADDR_ANY4);
    ck_assert_int_eq(ip4_addr_isbroadcast(&other, &rig_tap), _i);
    other.addr = IPADDR_BROADCAST;
    ck_assert(ip4_addr_isbroadcast(&other, &rig_tap));
}
END_TEST

/* --- 0040-forward ------------------------------------------------------------------------------------ */

/* to_other() - a packet to the tun for another address than its own */
static void to_other(int v6)
{
    u8_t packet[IP6_HLEN + 8] = { 0 };
    u16_t sum = 0;

    if (v6) {
        rig_ip6(packet, IP6_HLEN + 8, 253, &rig_tun);
        packet[24 + 3] = 1;
        rig_feed(&rig_tun, packet, IP6_HLEN + 8);
        return;
    }
    rig_ip4(packet, IP_HLEN + 8, 253);
    packet[19] = 77;
    memcpy(packet + 10, &sum, 2);
    sum = (u16_t)~chksum(packet, IP_HLEN);
    memcpy(packet + 10, &sum, 2);
    rig_feed(&rig_tun, packet, IP_HLEN + 8);
}

START_TEST(packets_for_others_go_to_the_port)
{
    u32_t dropped = lwip_stats.ip.drop;

    to_other(_i);
    ck_assert_uint_eq(rig_forwarded, 0);
    ck_assert_uint_eq(lwip_stats.ip.drop - dropped, (u32_t)!_i);
    rig_forwards = 1;
    to_other(_i);
    ck_assert_uint_eq(rig_forwarded, 1);
    ck_assert_uint_eq(rig_forwarded_version, _i ? 6 : 4);
    ck_assert_uint_eq(lwip_stats.ip.drop - dropped, (u32_t)!_i);
    ck_assert_uint_eq(rig_out_count, 0);
    ck_assert_uint_eq(rig_slots, 0);
}
END_TEST

START_TEST(an_error_has_the_ports_word)
{
    port_icmp_data = PP_HTONL(1234);
    unknown_protocol(0, 1);
    ck_assert_uint_eq(rig_out_count, 1);
    ck_assert_uint_eq(get16(rig_out[0].data + IP_HLEN + 6), 1234);
}
END_TEST

/* --- 0042-icmp6-group-echo ------------------------------------------------------------------------------ */

START_TEST(echo_request_to_all_nodes_is_answered_as_errors_are)
{
    static const u8_t all_nodes[16] = { [0] = 0xff, [1] = 2, [15] = 1 };
    u8_t packet[IP6_HLEN + 16];
    u16_t sum;

    rig_ip6(packet, sizeof(packet), IP6_NEXTH_ICMP6, &rig_tun);
    memcpy(packet + 24, all_nodes, sizeof(all_nodes));
    memcpy(packet + IP6_HLEN, pattern, 16);
    memset(packet + IP6_HLEN, 0, 4);
    packet[IP6_HLEN] = ICMP6_TYPE_EREQ;
    sum = rig_sum(packet + 8, 32, IP6_NEXTH_ICMP6, packet + IP6_HLEN, 16);
    memcpy(packet + IP6_HLEN + 2, &sum, 2);
    rig_no_errors = _i;
    rig_feed(&rig_tun, packet, sizeof(packet));
    ck_assert_uint_eq(rig_out_count, (unsigned)!_i);
    if (!_i) {
        ck_assert_uint_eq(rig_out[0].data[IP6_HLEN], ICMP6_TYPE_EREP);
        ck_assert_mem_eq(rig_out[0].data + IP6_HLEN + 4, pattern + 4, 12);
        /* From the address of the interface, to the sender. */
        ck_assert_uint_eq(rig_out[0].data[8], 0xfd);
        ck_assert_uint_eq(rig_out[0].data[23], 1);
        ck_assert_uint_eq(rig_out[0].data[39], 2);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("patches of IP");
    TCase *tcase = add_case(suite, "0035");

    tcase_add_loop_test(tcase, errors_only_if_the_port_says_so, 0, 2);
    tcase_add_test(tcase, an_error_comes_from_where_the_packet_went);
    tcase = add_case(suite, "0036");
    tcase_add_test(tcase, segments_of_tcp_are_not_to_be_fragmented);
    tcase_add_test(tcase, flags_of_other_packets_are_the_ports);
    tcase = add_case(suite, "0037");
    tcase_add_loop_test(tcase, fragments_that_time_out_are_counted, 0, 2);
    tcase = add_case(suite, "0039");
    tcase_add_loop_test(tcase, network_of_two_hosts_has_no_broadcast_address, 0, 2);
    tcase = add_case(suite, "0040");
    tcase_add_loop_test(tcase, packets_for_others_go_to_the_port, 0, 2);
    tcase_add_test(tcase, an_error_has_the_ports_word);
    tcase = add_case(suite, "0042");
    tcase_add_loop_test(tcase, echo_request_to_all_nodes_is_answered_as_errors_are, 0, 2);
    return run_cases(suite);
}
