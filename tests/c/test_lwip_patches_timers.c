/* SPDX-License-Identifier: MIT */
/* test_lwip_patches_timers.c - test_lwip_patches.c for the patches of TCP's timers */
#include "lwip_rig/suite.h"

#define TICKS(ms) ((ms) / TCP_SLOW_INTERVAL)
#define RTO_MAX 60000

/* --- 0012-tcp-rto ------------------------------------------------------------------------------- */

/* connect_after() - connect to the peer, whose answer takes this long */
static void connect_after(u32_t ms)
{
    conn_connect(conn_connected);
    rig_ms(ms);
    conn_feed((struct rig_seg){ .flags = TCP_SYN | TCP_ACK });
    ck_assert_int_eq(conn.pcb->state, ESTABLISHED);
    conn.snd++;
    rig_forget();
}

START_TEST(rto_has_a_lower_bound)
{
    u32_t ms;

    conn_open(1460, 0xffff);
    for (int i = 0; i < 20; i++) {
        ck_assert_int_eq(conn_write(pattern, 100), ERR_OK);
        conn.rcv += 100;
        conn_feed((struct rig_seg){ .flags = TCP_ACK });
    }
    ck_assert_int_eq(conn_write(pattern, 100), ERR_OK);
    ms = next_sent(1000);
    ck_assert_uint_ge(ms, LWIP_TCP_RTO_MIN);
    ck_assert_uint_le(ms, LWIP_TCP_RTO_MIN + TCP_SLOW_INTERVAL);
    ck_assert_int_eq(conn.pcb->nrtx, 1);
}
END_TEST

START_TEST(rto_after_the_handshake_fits_the_round_trip)
{
    connect_after(300);
    /* RFC 6298, 2.2: R + 4 * R / 2 */
    ck_assert_int_ge(conn.pcb->rto, TICKS(900) - 3);
    ck_assert_int_le(conn.pcb->rto, TICKS(900) + 3);
}
END_TEST

START_TEST(silence_after_the_handshake_is_no_round_trip)
{
    connect_after(100);
    rig_ms(700000); /* more ticks than an s16_t */
    ck_assert_int_eq(conn_write(pattern, 100), ERR_OK);
    rig_ms(100);
    conn.rcv += 100;
    conn_feed((struct rig_seg){ .flags = TCP_ACK });
    ck_assert_int_ge(conn.pcb->rto, TICKS(LWIP_TCP_RTO_MIN));
    ck_assert_int_le(conn.pcb->rto, TICKS(400));
}
END_TEST

START_TEST(segment_sent_twice_is_no_measurement)
{
    s16_t sa, sv;

    connect_after(300);
    sa = conn.pcb->sa;
    sv = conn.pcb->sv;
    ck_assert_int_eq(conn_write(pattern, 100), ERR_OK);
    ck_assert_uint_lt(next_sent(5000), 1000);
    conn.rcv += 100;
    conn_feed((struct rig_seg){ .flags = TCP_ACK }); /* of which of the two? */
    ck_assert_int_eq(conn.pcb->sa, sa);
    ck_assert_int_eq(conn.pcb->sv, sv);
    ck_assert_int_eq(conn_write(pattern, 100), ERR_OK);
    conn.rcv += 100;
    conn_feed((struct rig_seg){ .flags = TCP_ACK });
    ck_assert_int_lt(conn.pcb->sa, sa);
}
END_TEST

START_TEST(what_was_no_round_trip_is_soon_forgotten)
{
    connect_after(900);
    ck_assert_int_ge(conn.pcb->rto, TICKS(2700) - 3);
    ck_assert_int_eq(conn_write(pattern, 100), ERR_OK);
    rig_ms(TCP_SLOW_INTERVAL);
    conn.rcv += 100;
    conn_feed((struct rig_seg){ .flags = TCP_ACK });
    ck_assert_int_le(conn.pcb->rto, TICKS(LWIP_TCP_RTO_MIN) + 1);
}
END_TEST

START_TEST(timeouts_after_fast_retransmission_double_the_rto)
{
    u32_t ms;

    conn_open(1000, 0xffff);
    ms = (u32_t)conn.pcb->rto * TCP_SLOW_INTERVAL;
    conn.pcb->cwnd = 10000;
    ck_assert_int_eq(conn_write(pattern, 10000), ERR_OK);
    tcp_clear_flags(conn.pcb, TF_SACK);
    rig_forget();
    for (int i = 0; i < 3; i++)
        conn_feed((struct rig_seg){ .flags = TCP_ACK });
    ck_assert_int_eq(conn.pcb->nrtx, 1);
    for (int i = 0; i < 4; i++, ms *= 2) {
        u32_t after = next_sent(60000);

        ck_assert_uint_ge(after, ms - TCP_SLOW_INTERVAL);
        ck_assert_uint_le(after, ms + TCP_SLOW_INTERVAL);
    }
}
END_TEST

START_TEST(rto_has_an_upper_bound)
{
    u32_t ms, total = 0;

    conn_open(1460, 0xffff);
    if (_i)
        conn.pcb->sv = TICKS(50000);
    ck_assert_int_eq(conn_write(pattern, 100), ERR_OK);
    for (int i = 0; i < TCP_MAXRTX; i++) {
        ms = next_sent(1000000);
        ck_assert_uint_le(ms, RTO_MAX);
        total += ms;
    }
    ck_assert_ptr_nonnull(conn.pcb);
    ck_assert_uint_ge(total, 100000); /* RFC 1122, 4.2.3.5: R2 */
    rig_ms(RTO_MAX);
    ck_assert_int_eq(conn.err, ERR_ABRT);
}
END_TEST

START_TEST(lost_syn_is_no_congestion)
{
    conn_connect(conn_connected);
    ck_assert_uint_lt(next_sent(5000), 5000);
    ck_assert_int_eq(conn.pcb->nrtx, 1);
    conn_feed((struct rig_seg){ .flags = TCP_SYN | TCP_ACK });
    ck_assert_int_eq(conn.pcb->state, ESTABLISHED);
    ck_assert_int_eq(conn.pcb->nrtx, 0);
    ck_assert_uint_eq(conn.pcb->ssthresh, TCP_SND_BUF);
}
END_TEST

START_TEST(second_timeout_leaves_ssthresh)
{
    conn_open(1000, 0xffff);
    conn.pcb->cwnd = 20000;
    ck_assert_int_eq(conn_write(pattern, 20000), ERR_OK);
    next_sent(5000);
    ck_assert_uint_eq(conn.pcb->ssthresh, 10000);
    next_sent(5000);
    ck_assert_int_eq(conn.pcb->nrtx, 2);
    ck_assert_uint_eq(conn.pcb->ssthresh, 10000);
}
END_TEST

START_TEST(segment_out_of_order_waits_for_retransmissions)
{
    conn_open(1460, 0xffff);
    conn_data(1000, pattern + 1000, 500, 0);
    rig_ms(8900);
    ck_assert_ptr_nonnull(conn.pcb->ooseq);
    rig_ms(200);
    ck_assert_ptr_null(conn.pcb->ooseq);
}
END_TEST

/* --- 0013-tcp-persist --------------------------------------------------------------------------- */

/* shut_window() - a connection with this many bytes to send and a peer that takes none */
static void shut_window(u16_t len)
{
    conn_open(1460, 1000);
    ck_assert_int_eq(conn_write(pattern, 500), ERR_OK);
    conn.rcv += 500;
    rig_forget();
    rig_feed_tcp(&(struct rig_seg){ .from = CONN_PEER_PORT,
                                    .to = CONN_PORT,
                                    .seq = conn.snd,
                                    .ack = conn.rcv,
                                    .flags = TCP_ACK });
    ck_assert_int_eq(conn_write(pattern, len), ERR_OK);
    ck_assert_uint_eq(rig_out_count, 0);
}

START_TEST(window_probes_back_off_to_a_minute)
{
    struct rig_seg sent;
    u32_t due;

    shut_window(500);
    due = (u32_t)conn.pcb->rto * TCP_SLOW_INTERVAL; /* the first one: RFC 9293, 3.8.6.1 */
    ck_assert_uint_le(due, 1000);
    for (unsigned i = 0; i < 11; i++) {
        u32_t ms = next_sent(100000);

        ck_assert_uint_ge(ms, due - TCP_SLOW_INTERVAL);
        ck_assert_uint_le(ms, due + TCP_SLOW_INTERVAL);
        due = LWIP_MIN(2 * due, 60000);
        ck_assert(rig_sent(0, &sent));
        ck_assert_uint_eq(sent.len, 1);
        ck_assert_uint_eq(sent.seq, conn.rcv);
        if (_i) /* the peer lives, but takes nothing */
            rig_feed_tcp(&(struct rig_seg){ .from = CONN_PEER_PORT,
                                            .to = CONN_PORT,
                                            .seq = conn.snd,
                                            .ack = conn.rcv,
                                            .flags = TCP_ACK });
    }
    rig_ms(4 * 60000);
    ck_assert_int_eq(conn.err, _i ? ERR_OK : ERR_ABRT);
}
END_TEST

START_TEST(window_probe_carries_the_last_byte)
{
    shut_window(1);
    ck_assert_uint_lt(next_sent(5000), 5000);
    conn.rcv++;
    conn_feed((struct rig_seg){ .flags = TCP_ACK }); /* taken, and the window is open again */
    ck_assert_ptr_null(conn.pcb->unsent);
    ck_assert_uint_eq(next_sent(100000), 100000); /* nothing is left to probe for */
    ck_assert_int_eq(conn.pcb->persist_backoff, 0);
}
END_TEST

/* --- 0015-tcp-count-retransmissions --------------------------------------------------------------- */

START_TEST(segments_sent_again_after_a_timeout_are_counted)
{
    conn_open(1460, 0xffff);
    ck_assert_int_eq(conn_write(pattern, 100), ERR_OK);
    ck_assert_int_eq(conn_write(pattern, 100), ERR_OK);
    ck_assert_uint_eq(lwip_stats.mib2.tcpretranssegs, 0);
    next_sent(5000);
    ck_assert_int_eq(conn.pcb->nrtx, 1);
    ck_assert_uint_eq(lwip_stats.mib2.tcpretranssegs, rig_out_count);
    ck_assert_uint_ge(rig_out_count, 1);
}
END_TEST

START_TEST(syns_sent_again_are_counted)
{
    conn_connect(NULL);
    ck_assert_uint_eq(lwip_stats.mib2.tcpretranssegs, 0);
    next_sent(5000);
    ck_assert_uint_eq(lwip_stats.mib2.tcpretranssegs, 1);
}
END_TEST
/* --- 0038-tcp-keepalive -------------------------------------------------------------------------- */

/* keep_alive() - probes after a second of silence, three of them, a second apart */
static void keep_alive(void)
{
    ip_set_option(conn.pcb, SOF_KEEPALIVE);
    conn.pcb->keep_idle = 1000;
    conn.pcb->keep_intvl = 1000;
    conn.pcb->keep_cnt = 3;
}

START_TEST(half_closed_connection_is_probed_and_given_up)
{
    conn_open(1460, 0xffff);
    ck_assert_int_eq(tcp_shutdown(conn.pcb, 0, 1), ERR_OK);
    conn.rcv++;
    conn_feed((struct rig_seg){ .flags = TCP_ACK });
    ck_assert_int_eq(conn.pcb->state, FIN_WAIT_2);
    keep_alive();
    rig_forget();
    rig_ms(3500);
    ck_assert_uint_eq(rig_out_count, 3);
    ck_assert_ptr_nonnull(conn.pcb);
    rig_ms(1000);
    ck_assert_ptr_null(conn.pcb);
    ck_assert_int_eq(conn.err, ERR_ABRT);
}
END_TEST

START_TEST(clock_that_jumps_skips_no_probe)
{
    conn_open(1460, 0xffff);
    keep_alive();
    rig_forget();
    tcp_ticks += 60000 / TCP_SLOW_INTERVAL;
    rig_ms(3 * TCP_SLOW_INTERVAL);
    ck_assert_uint_eq(rig_out_count, 1);
    conn_feed((struct rig_seg){ .flags = TCP_ACK });
    rig_ms(900);
    ck_assert_ptr_nonnull(conn.pcb);
    /* Without an answer all probes go, a second apart. */
    rig_forget();
    tcp_ticks += 60000 / TCP_SLOW_INTERVAL;
    rig_ms(2900);
    ck_assert_uint_eq(rig_out_count, 3);
    ck_assert_ptr_nonnull(conn.pcb);
    rig_ms(1000);
    ck_assert_ptr_null(conn.pcb);
}
END_TEST

/* --- The suite ---------------------------------------------------------------------------------- */

/**
 * main() - one test case per patch, named after its number
 *
 * Return: 0 if all tests pass
 */
int main(void)
{
    Suite *suite = suite_create("lwip_patches_timers");
    TCase *tcase;

    tcase = add_case(suite, "0012");
    tcase_add_test(tcase, rto_has_a_lower_bound);
    tcase_add_test(tcase, rto_after_the_handshake_fits_the_round_trip);
    tcase_add_test(tcase, silence_after_the_handshake_is_no_round_trip);
    tcase_add_test(tcase, segment_sent_twice_is_no_measurement);
    tcase_add_test(tcase, what_was_no_round_trip_is_soon_forgotten);
    tcase_add_test(tcase, timeouts_after_fast_retransmission_double_the_rto);
    tcase_add_loop_test(tcase, rto_has_an_upper_bound, 0, 2);
    tcase_add_test(tcase, lost_syn_is_no_congestion);
    tcase_add_test(tcase, second_timeout_leaves_ssthresh);
    tcase_add_test(tcase, segment_out_of_order_waits_for_retransmissions);
    tcase = add_case(suite, "0013");
    tcase_add_loop_test(tcase, window_probes_back_off_to_a_minute, 0, 2);
    tcase_add_test(tcase, window_probe_carries_the_last_byte);
    tcase = add_case(suite, "0015");
    tcase_add_test(tcase, segments_sent_again_after_a_timeout_are_counted);
    tcase_add_test(tcase, syns_sent_again_are_counted);
    tcase = add_case(suite, "0038");
    tcase_add_test(tcase, half_closed_connection_is_probed_and_given_up);
    tcase_add_test(tcase, clock_that_jumps_skips_no_probe);
    return run_cases(suite);
}
