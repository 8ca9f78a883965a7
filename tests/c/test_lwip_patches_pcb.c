/* SPDX-License-Identifier: MIT */
/* test_lwip_patches_pcb.c - test_lwip_patches.c for the patches of how TCP finds and lists connections
 */
#include "lwip_rig/suite.h"

/* --- 0014-tcp-time-wait-syn ----------------------------------------------------------------------- */

START_TEST(port_of_a_connection_in_time_wait_connects_again)
{
    static const u32_t beyond[] = { 1, 5000, 0x7ffffff0 };
    struct rig_seg sent;

    conn_open(1460, 0xffff);
    ck_assert_int_eq(tcp_shutdown(conn.pcb, 0, 1), ERR_OK);
    conn.rcv++;
    conn_feed((struct rig_seg){ .flags = TCP_ACK | TCP_FIN });
    ck_assert_ptr_null(tcp_active_pcbs);
    ck_assert_ptr_nonnull(tcp_tw_pcbs);
    conn.pcb = NULL;
    rig_forget();
    conn_feed((struct rig_seg){ .seq = conn.snd + 1 + beyond[_i], .flags = TCP_SYN });
    ck_assert_int_eq(rig_sent(0, &sent), 1);
    ck_assert_uint_eq(sent.flags, TCP_SYN | TCP_ACK);
    ck_assert_uint_eq(sent.ack, conn.snd + 1 + beyond[_i] + 1);
    ck_assert_ptr_null(tcp_tw_pcbs);
    ck_assert_int_eq(tcp_active_pcbs->state, SYN_RCVD);
}
END_TEST

START_TEST(old_syn_does_not_end_time_wait)
{
    conn_open(1460, 0xffff);
    ck_assert_int_eq(tcp_shutdown(conn.pcb, 0, 1), ERR_OK);
    conn.rcv++;
    conn_feed((struct rig_seg){ .flags = TCP_ACK | TCP_FIN });
    conn.pcb = NULL;
    conn_feed((struct rig_seg){ .seq = conn.snd - 1, .flags = TCP_SYN });
    ck_assert_ptr_nonnull(tcp_tw_pcbs);
    conn_feed((struct rig_seg){ .seq = conn.snd + 5000, .flags = TCP_SYN | TCP_RST });
    ck_assert_ptr_nonnull(tcp_tw_pcbs);
    ck_assert_ptr_null(tcp_active_pcbs);
}
END_TEST

START_TEST(syn_that_ends_time_wait_finds_nobody_listening)
{
    struct rig_seg sent;

    conn_connect(conn_connected);
    conn_feed((struct rig_seg){ .flags = TCP_SYN | TCP_ACK });
    conn.snd++;
    ck_assert_int_eq(tcp_shutdown(conn.pcb, 0, 1), ERR_OK);
    conn.rcv++;
    conn_feed((struct rig_seg){ .flags = TCP_ACK | TCP_FIN });
    ck_assert_ptr_nonnull(tcp_tw_pcbs);
    rig_forget();
    conn_feed((struct rig_seg){ .seq = conn.snd + 5000, .flags = TCP_SYN });
    ck_assert_ptr_null(tcp_tw_pcbs);
    ck_assert_int_eq(rig_sent(0, &sent), 1);
    ck_assert_uint_eq(sent.flags, TCP_RST | TCP_ACK);
}
END_TEST

/* --- 0018-tcp-find ---------------------------------------------------------------------------- */

START_TEST(segment_is_for_the_connection_that_the_port_finds)
{
    static const u8_t bytes[] = "found";
    struct rig_seg sent;

    conn_open(1460, 0xffff);
    ck_assert_ptr_eq(rig_opened, conn.pcb);
    TCP_RMV(&tcp_active_pcbs, conn.pcb);
    conn_data(0, bytes, sizeof(bytes), 0);
    ck_assert_uint_eq(conn.got, sizeof(bytes));
    conn.snd += sizeof(bytes);
    TCP_REG(&tcp_active_pcbs, conn.pcb);
    ck_assert_int_eq(tcp_shutdown(conn.pcb, 0, 1), ERR_OK);
    conn.rcv++;
    conn_feed((struct rig_seg){ .flags = TCP_ACK | TCP_FIN });
    ck_assert_ptr_eq(tcp_tw_pcbs, conn.pcb);
    TCP_RMV(&tcp_tw_pcbs, conn.pcb);
    rig_forget();
    conn_feed((struct rig_seg){ .flags = TCP_ACK | TCP_FIN });
    ck_assert_int_eq(rig_sent(0, &sent), 1);
    ck_assert_uint_eq(sent.flags, TCP_ACK);
    TCP_REG(&tcp_tw_pcbs, conn.pcb);
    tcp_abort(conn.pcb);
    ck_assert_ptr_null(rig_opened);
}
END_TEST

START_TEST(segment_is_for_nobody_if_the_port_finds_none)
{
    struct rig_seg sent;

    conn_open(1460, 0xffff);
    rig_opened = NULL;
    conn_data(0, (const u8_t *)"lost", 4, 0);
    ck_assert_uint_eq(conn.got, 0);
    ck_assert_int_eq(rig_sent(0, &sent), 1);
    ck_assert_uint_eq(sent.flags, TCP_RST | TCP_ACK);
}
END_TEST

/* --- 0019-tcp-lists --------------------------------------------------------------------------- */

/* new_bound() - a pcb on the list of those that are bound */
static struct tcp_pcb *new_bound(u16_t port)
{
    struct tcp_pcb *pcb = tcp_new();

    ck_assert_int_eq(tcp_bind(pcb, IP4_ADDR_ANY, port), ERR_OK);
    return pcb;
}

START_TEST(connection_comes_off_the_list_it_stands_on)
{
    struct tcp_pcb *own = NULL, *other = new_bound(7001);

    conn_open(1460, 0xffff);
    TCP_RMV(&tcp_active_pcbs, conn.pcb);
    TCP_RMV(&tcp_bound_pcbs, other);
    TCP_REG(&own, other);
    TCP_REG(&own, conn.pcb);
    if (_i)
        tcp_abort(other);
    tcp_abort(conn.pcb);
    ck_assert_int_eq(conn.err, ERR_ABRT);
    ck_assert_ptr_eq(own, _i ? NULL : other);
    if (!_i)
        tcp_abort(other);
    ck_assert_ptr_null(own);
}
END_TEST

START_TEST(lists_keep_their_order_whatever_leaves_them)
{
    struct tcp_pcb *pcbs[4];

    for (u16_t i = 0; i < 4; i++)
        pcbs[i] = new_bound((u16_t)(7000 + i));
    tcp_abort(pcbs[_i]);
    pcbs[_i] = NULL;
    for (int i = 3; i >= 0; i--) {
        if (pcbs[i]) {
            ck_assert_ptr_eq(tcp_bound_pcbs, pcbs[i]);
            tcp_abort(pcbs[i]);
        }
    }
    ck_assert_ptr_null(tcp_bound_pcbs);
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
    Suite *suite = suite_create("lwip_patches_pcb");
    TCase *tcase;

    tcase = add_case(suite, "0014");
    tcase_add_loop_test(tcase, port_of_a_connection_in_time_wait_connects_again, 0, 3);
    tcase_add_test(tcase, old_syn_does_not_end_time_wait);
    tcase_add_test(tcase, syn_that_ends_time_wait_finds_nobody_listening);
    tcase = add_case(suite, "0018");
    tcase_add_test(tcase, segment_is_for_the_connection_that_the_port_finds);
    tcase_add_test(tcase, segment_is_for_nobody_if_the_port_finds_none);
    tcase = add_case(suite, "0019");
    tcase_add_loop_test(tcase, connection_comes_off_the_list_it_stands_on, 0, 2);
    tcase_add_loop_test(tcase, lists_keep_their_order_whatever_leaves_them, 0, 4);
    return run_cases(suite);
}
