/* SPDX-License-Identifier: MIT */
/* test_lwip_patches_port.c - test_lwip_patches.c for the patches that let the port replace parts of lwIP */
/* Before lwIP's own, which is what patch 0029 is about. */
#define STATS_INC(x) count_here(#x)
static void count_here(const char *name);

#include "lwip_rig/suite.h"

/* --- 0029-stats-inc ------------------------------------------------------------------------------ */

static const char *counted;

static void count_here(const char *name)
{
    counted = name;
}

START_TEST(port_counts_in_place_of_lwip)
{
    STAT_COUNTER before = lwip_stats.tcp.drop;

    TCP_STATS_INC(tcp.drop);
    ck_assert_ptr_nonnull(counted);
    ck_assert_str_eq(counted, "tcp.drop");
    ck_assert_uint_eq(lwip_stats.tcp.drop, before);
}
END_TEST

/* --- 0030-tcp-new-port ----------------------------------------------------------------------------- */

START_TEST(connection_is_from_the_port_that_the_port_chooses)
{
    rig_port = 1000;
    conn_connect(NULL);
    ck_assert_uint_eq(conn.pcb->local_port, 1001);
    ck_assert_uint_eq(rig_port, 1001);
}
END_TEST

/* --- 0031-route-only -------------------------------------------------------------------------------- */

START_TEST(destination_without_a_route_is_not_searched_for)
{
    static const char *const peers[] = { "10.0.0.2", "fd00::2" };
    struct tcp_pcb *pcb = tcp_new();
    ip_addr_t peer;

    ck_assert_ptr_nonnull(pcb);
    ck_assert_int_eq(ipaddr_aton(peers[_i], &peer), 1);
    rig_no_route = 1;
    ck_assert_int_eq(tcp_connect(pcb, &peer, CONN_PEER_PORT, NULL), ERR_RTE);
    rig_no_route = 0;
    ck_assert_int_eq(tcp_connect(pcb, &peer, CONN_PEER_PORT, NULL), ERR_OK);
    tcp_abort(pcb);
}
END_TEST

START_TEST(default_interface_is_no_route)
{
    struct tcp_pcb *pcb = tcp_new();
    ip_addr_t peer;

    ck_assert_ptr_nonnull(pcb);
    ck_assert_int_eq(ipaddr_aton(_i ? "fd99::2" : "10.99.0.2", &peer), 1);
    netif_set_default(&rig_tun);
    ck_assert_int_eq(tcp_connect(pcb, &peer, CONN_PEER_PORT, NULL), ERR_RTE);
    netif_set_default(NULL);
    tcp_abort(pcb);
}
END_TEST

START_TEST(next_hop_inside_of_the_subnet_is_that_of_the_hook)
{
    struct pbuf *p = pbuf_alloc(PBUF_IP, 8, PBUF_RAM);
    ip_addr_t to, hop;

    ck_assert_int_eq(ipaddr_aton(_i ? "fe80::9" : "10.0.1.9", &to), 1);
    ck_assert_int_eq(ipaddr_aton(_i ? "fd00:1::3" : "10.0.1.3", &hop), 1);
    memset(p->payload, 0, 8);
    if (_i) {
        /* The same /64 as the tap's own address. */
        ck_assert_int_eq(ipaddr_aton("fd00:1::9", &to), 1);
        netif_ip6_addr_set(&rig_tap, 1, ip_2_ip6(&to));
        netif_ip6_addr_set_state(&rig_tap, 1, IP6_ADDR_PREFERRED);
        ck_assert_int_eq(ipaddr_aton("fd00:1::8", &to), 1);
        rig_forget();
        rig_hop6 = ip_2_ip6(&hop);
        rig_tap.output_ip6(&rig_tap, p, ip_2_ip6(&to));
        ck_assert_mem_eq(rig_out[0].data + IP6_HLEN + 8, ip_2_ip6(&hop)->addr, 16);
    } else {
        rig_hop4 = ip_2_ip4(&hop);
        rig_tap.output(&rig_tap, p, ip_2_ip4(&to));
        ck_assert_mem_eq(rig_out[0].data + 24, &ip_2_ip4(&hop)->addr, 4); /* it is asked for */
    }
    pbuf_free(p);
    rig_hop4 = NULL;
    rig_hop6 = NULL;
    etharp_cleanup_netif(&rig_tap);
    nd6_cleanup_netif(&rig_tap);
}
END_TEST

/* --- 0033-nd6-conflict --------------------------------------------------------------------------- */

START_TEST(advertisement_takes_no_address_away)
{
    u8_t message[32] = { ICMP6_TYPE_NA };

    /* Of the tap's own link-local address, to all nodes, with a link-layer address. */
    memcpy(message + 8, netif_ip6_addr(&rig_tap, 0)->addr, 16);
    message[24] = ND6_OPTION_TYPE_TARGET_LLADDR;
    message[25] = 1;
    rig_feed_icmp6(&rig_tap, message, sizeof(message), 1);
    ck_assert(ip6_addr_isvalid(netif_ip6_addr_state(&rig_tap, 0)));
}
END_TEST

/* --- 0034-nd6-announce --------------------------------------------------------------------------- */

START_TEST(address_that_becomes_valid_is_announced)
{
    ip_addr_t own;
    unsigned found = 0;

    ck_assert_int_eq(ipaddr_aton("fd00:1::9", &own), 1);
    netif_ip6_addr_set(&rig_tap, 1, ip_2_ip6(&own));
    netif_ip6_addr_set_state(&rig_tap, 1, IP6_ADDR_PREFERRED);
    for (unsigned i = 0; i < rig_out_count; i++)
        found += rig_out[i].data[6] == IP6_NEXTH_ICMP6 &&
                 rig_out[i].data[IP6_HLEN] == ICMP6_TYPE_NA &&
                 memcmp(rig_out[i].data + IP6_HLEN + 8, ip_2_ip6(&own)->addr, 16) == 0;
    ck_assert_uint_eq(found, 1);
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
    Suite *suite = suite_create("lwip_patches_port");
    TCase *tcase;

    tcase = add_case(suite, "0029");
    tcase_add_test(tcase, port_counts_in_place_of_lwip);
    tcase = add_case(suite, "0030");
    tcase_add_test(tcase, connection_is_from_the_port_that_the_port_chooses);
    tcase = add_case(suite, "0031");
    tcase_add_loop_test(tcase, destination_without_a_route_is_not_searched_for, 0, 2);
    tcase_add_loop_test(tcase, default_interface_is_no_route, 0, 2);
    tcase_add_loop_test(tcase, next_hop_inside_of_the_subnet_is_that_of_the_hook, 0, 2);
    tcase = add_case(suite, "0033");
    tcase_add_test(tcase, advertisement_takes_no_address_away);
    tcase = add_case(suite, "0034");
    tcase_add_test(tcase, address_that_becomes_valid_is_announced);
    return run_cases(suite);
}
