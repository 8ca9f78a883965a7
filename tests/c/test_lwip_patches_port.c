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

/* --- 0041-foreign -------------------------------------------------------------------------------- */

START_TEST(syn_for_another_address_meets_the_listener_of_port_0)
{
    struct tcp_pcb *pcb = tcp_listen(tcp_new_ip_type(IPADDR_TYPE_ANY));
    struct rig_seg sent, syn = { .flags = TCP_SYN, .from = CONN_PEER_PORT, .to = 443, .wnd = 1000 };

    ck_assert_ptr_nonnull(pcb);
    tcp_accept(pcb, conn_accept);
    syn.ip6 = _i;
    rig_elsewhere = 1;
    rig_feed_tcp(&syn);
    ck_assert_uint_eq(rig_out_count, 0);
    rig_gateway = 1;
    rig_feed_tcp(&syn);
    ck_assert_int_eq(rig_sent(0, &sent), 1);
    ck_assert_uint_eq(sent.flags, TCP_SYN | TCP_ACK);
    ck_assert_uint_eq(sent.from, 443);
    ck_assert_uint_eq(get16(rig_out[0].data + (_i ? 8 : 12)), _i ? 0x2001 : 0xc633);
    syn.flags = TCP_ACK;
    syn.seq++;
    syn.ack = sent.seq + 1;
    rig_feed_tcp(&syn);
    ck_assert_ptr_nonnull(conn.pcb);
    ck_assert_uint_eq(conn.pcb->local_port, 443);
    tcp_abort(conn.pcb);
    rig_elsewhere = rig_gateway = 0;
    tcp_close(pcb);
}
END_TEST

/* --- 0044-netif-addresses -------------------------------------------------------------------------- */

START_TEST(address_that_goes_is_the_ports_matter)
{
    static const ip4_addr_t none = { 0 };

    conn_open(1460, 0xffff);
    netif_set_addr(&rig_tun, &none, &none, &none);
    ck_assert_int_eq(conn.err, ERR_OK);
    ck_assert_ptr_nonnull(conn.pcb);
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
    tcase = add_case(suite, "0041");
    tcase_add_loop_test(tcase, syn_for_another_address_meets_the_listener_of_port_0, 0, 2);
    tcase = add_case(suite, "0044");
    tcase_add_test(tcase, address_that_goes_is_the_ports_matter);
    return run_cases(suite);
}
