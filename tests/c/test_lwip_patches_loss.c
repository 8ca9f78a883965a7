/* SPDX-License-Identifier: MIT */
/* test_lwip_patches_loss.c - test_lwip_patches.c for the patches of what TCP sends again, and when
 *
 * Segments have SEG bytes; what is said of them by number holds from the first that is sent on.
 */
#include <stdarg.h>

#include "lwip_rig/suite.h"

#define SEG 1000
#define END (-1)
#define SACK_OPTION 5 /* RFC 2018 */

/**
 * fly() - a connection with segments in flight
 * @flight: how many
 * @more: how many wait behind them for the congestion window
 * @sack: the peer knows SACK
 */
static void fly(u32_t flight, u32_t more, int sack)
{
    conn_open(SEG, 0xffff);
    if (!sack)
        tcp_clear_flags(conn.pcb, TF_SACK);
    conn.pcb->cwnd = flight * SEG;
    ck_assert_int_eq(conn_write(pattern, (u16_t)((flight + more) * SEG)), ERR_OK);
    ck_assert_uint_eq(rig_out_count, flight);
    rig_forget();
}

/* ack() - the peer acknowledges the segments before this one */
static void ack(u32_t segment)
{
    conn_feed((struct rig_seg){ .flags = TCP_ACK, .ack = conn.rcv + segment * SEG });
}

/**
 * sack() - the peer acknowledges the segments before one, and selectively others
 * @segment: first that is missing
 * @...: pairs of the first of a block and the first behind it, END
 */
static void sack(u32_t segment, ...)
{
    u8_t opt[40] = { 1, 1, SACK_OPTION, 2 };
    u8_t len = 4;
    va_list blocks;

    va_start(blocks, segment);
    for (int edge = va_arg(blocks, int); edge != END; edge = va_arg(blocks, int)) {
        put32(opt + len, conn.rcv + (u32_t)edge * SEG);
        len += 4;
        opt[3] += 4;
    }
    va_end(blocks);
    conn_feed((struct rig_seg){
        .flags = TCP_ACK, .ack = conn.rcv + segment * SEG, .opt = opt, .optlen = len });
}

/* expect() - just these segments were sent since the last time, with their own bytes; END ends them */
static void expect(int segment, ...)
{
    struct rig_seg sent;
    unsigned i = 0;
    va_list segments;

    va_start(segments, segment);
    for (; segment != END; segment = va_arg(segments, int), i++) {
        ck_assert(rig_sent(i, &sent));
        ck_assert_uint_eq(sent.seq, conn.rcv + (u32_t)segment * SEG);
        ck_assert_mem_eq(sent.data, pattern + segment * SEG, sent.len);
    }
    va_end(segments);
    ck_assert_uint_eq(rig_out_count, i);
    rig_forget();
}

/* --- 0023-tcp-recovery -------------------------------------------------------------------------- */

START_TEST(lost_segments_are_sent_again_as_others_leave_the_network)
{
    fly(10, 20, 1);
    /* 0, 3 and 5 are lost */
    sack(0, 1, 2, END);
    expect(10, END);
    sack(0, 1, 3, END);
    expect(11, END);
    sack(0, 4, 5, 1, 3, END);
    expect(0, END);
    ck_assert_uint_eq(conn.pcb->cwnd, 5 * SEG);
    ck_assert_uint_eq(conn.pcb->rttest, 0);
    sack(0, 6, 7, 4, 5, 1, 3, END);
    sack(0, 6, 8, 4, 5, 1, 3, END);
    expect(END);
    sack(0, 6, 9, 4, 5, 1, 3, END);
    expect(3, END);
    sack(0, 6, 10, 4, 5, 1, 3, END);
    expect(5, END);
    sack(0, 6, 11, 4, 5, 1, 3, END);
    expect(12, END);
    sack(3, 6, 12, 4, 5, END);
    expect(13, 14, END);
    ck_assert_uint_eq(conn.pcb->rtseq, conn.rcv + 12 * SEG);
    ack(12);
    expect(15, 16, END);
    ck_assert_uint_eq(conn.pcb->cwnd, 5 * SEG);
}
END_TEST

START_TEST(segment_that_a_retransmission_shows_lost_is_sent_again)
{
    fly(6, 0, 1);
    /* 0 and 4 are lost, and no third one arrives behind 4 */
    sack(0, 1, 2, END);
    sack(0, 1, 3, END);
    sack(0, 1, 4, END);
    expect(0, END);
    sack(0, 5, 6, 1, 4, END);
    expect(END);
    sack(4, 5, 6, END);
    expect(4, END);
}
END_TEST

START_TEST(retransmission_is_lost)
{
    fly(8, 20, 1);
    sack(0, 1, 4, END);
    expect(0, END);
    /* 0 is lost again: 8, 9 and 10 were sent later, and arrive */
    sack(0, 1, 7, END);
    expect(8, 9, END);
    sack(0, 1, 8, END);
    expect(10, END);
    sack(0, 1, 9, END);
    expect(11, END);
    sack(0, 1, 10, END);
    expect(12, END);
    sack(0, 1, 11, END);
    expect(0, 13, END);
    /* and a third time */
    sack(0, 1, 13, END);
    expect(14, 15, END);
    sack(0, 1, 16, END);
    expect(0, 16, 17, 18, END);
    ck_assert_uint_ne(conn.pcb->flags & TF_INFR, 0);
    ck_assert_uint_eq(conn.pcb->cwnd, 4 * SEG);
}
END_TEST

START_TEST(segment_is_timed_until_its_sack)
{
    fly(6, 20, 1);
    conn.pcb->rttest = 0;
    conn.pcb->sa = (s16_t)(8 * 1000);
    sack(0, 1, 4, END);
    expect(0, END);
    sack(0, 1, 6, END);
    expect(6, 7, END);
    ck_assert_uint_eq(conn.pcb->rtseq, conn.rcv + 6 * SEG);
    rig_ms(5 * TCP_SLOW_INTERVAL);
    sack(0, 1, 7, END);
    ck_assert_int_lt(conn.pcb->sa, 8 * 1000);
    expect(8, END);
    ck_assert_uint_eq(conn.pcb->rtseq, conn.rcv + 8 * SEG);
}
END_TEST

START_TEST(what_is_sent_again_is_not_timed)
{
    fly(6, 0, _i);
    ck_assert_uint_eq(conn.pcb->rtseq, conn.rcv);
    for (int i = 2; i < 5; i++)
        if (_i)
            sack(0, 1, i, END);
        else
            ack(0);
    expect(0, END);
    ck_assert_uint_eq(conn.pcb->rttest, 0);
}
END_TEST

START_TEST(part_of_a_segment_is_acknowledged)
{
    fly(4, 8, 1);
    conn_feed((struct rig_seg){ .flags = TCP_ACK, .ack = conn.rcv + SEG / 2 });
    rig_forget();
    sack(0, 1, 4, END); /* an old one */
    conn_feed((struct rig_seg){ .flags = TCP_ACK, .ack = conn.rcv + SEG / 2 });
    ck_assert_uint_le(conn.pcb->snd_nxt - conn.rcv, 8 * SEG);
}
END_TEST

START_TEST(what_has_arrived_is_not_sent_again_after_a_timeout)
{
    fly(5, 0, 1);
    sack(0, 1, 3, END);
    ck_assert_uint_lt(next_sent(5000), 5000);
    expect(0, END);
    ack(3);
    expect(3, 4, END);
    ack(5);
    ck_assert_ptr_null(conn.pcb->unacked);
}
END_TEST

START_TEST(what_the_peer_has_forgotten_is_sent_again_after_a_timeout)
{
    fly(3, 0, 1);
    sack(0, 1, 3, END);
    ack(1); /* and no more */
    expect(END);
    ck_assert_uint_lt(next_sent(5000), 5000);
    expect(1, END);
    ack(2);
    expect(2, END);
}
END_TEST

START_TEST(nagle_does_not_hold_back_what_is_sent_again)
{
    conn_open(SEG, 0xffff);
    tcp_nagle_disable(conn.pcb);
    ck_assert_int_eq(conn_write(pattern, 200), ERR_OK);
    ck_assert_int_eq(conn_write(pattern + 200, 800 + SEG), ERR_OK);
    tcp_nagle_enable(conn.pcb);
    sack(0, 1, 2, END);
    ck_assert_ptr_nonnull(conn.pcb->unacked);
    ck_assert_uint_lt(next_sent(5000), 5000);
    expect(0, END);
}
END_TEST

START_TEST(bad_sack_options_are_ignored)
{
    /* a length of no block, of a half, beyond the options; then bytes that must not be a block */
    static const u8_t lengths[] = { 0, 1, 2, 3, 6, 9, 11, 18, 250 };

    fly(4, 4, 1);
    for (unsigned i = 0; i < sizeof(lengths); i++) {
        u8_t opt[12] = { 1, 1, SACK_OPTION, lengths[i] };

        put32(opt + 4, conn.rcv + SEG);
        put32(opt + 8, conn.rcv + 4 * SEG);
        conn_feed((struct rig_seg){ .flags = TCP_ACK, .opt = opt, .optlen = sizeof(opt) });
        expect(END);
    }
}
END_TEST

START_TEST(several_losses_without_sack)
{
    struct rig_seg sent;

    fly(10, 20, 0);
    /* 0 and 4 are lost */
    ack(0);
    expect(10, END);
    ack(0);
    expect(11, END);
    ack(0);
    expect(0, END);
    for (int i = 0; i < 5; i++)
        ack(0);
    rig_forget();
    ack(4);
    ck_assert(rig_sent(0, &sent));
    ck_assert_uint_eq(sent.seq, conn.rcv + 4 * SEG);
    ck_assert_uint_ne(conn.pcb->flags & TF_INFR, 0);
    ack((conn.pcb->snd_nxt - conn.rcv) / SEG);
    ck_assert_uint_eq(conn.pcb->flags & TF_INFR, 0);
    ck_assert_uint_eq(conn.pcb->cwnd, 5 * SEG);
}
END_TEST

START_TEST(timeout_ends_fast_recovery)
{
    fly(10, 20, _i);
    if (_i)
        sack(0, 1, 4, END);
    else
        for (int i = 0; i < 3; i++)
            ack(0);
    ck_assert_uint_ne(conn.pcb->flags & TF_INFR, 0);
    ck_assert_uint_eq(conn.pcb->ssthresh, 5 * SEG);
    ck_assert_uint_lt(next_sent(5000), 5000);
    ck_assert_uint_eq(conn.pcb->flags & TF_INFR, 0);
    ck_assert_uint_eq(conn.pcb->cwnd, SEG);
    ack(1);
    ck_assert_uint_eq(conn.pcb->cwnd, 2 * SEG);
    for (int i = 0; i < 3; i++)
        ack(1); /* the peer has got something twice */
    ck_assert_uint_eq(conn.pcb->flags & TF_INFR, 0);
    ck_assert_uint_eq(conn.pcb->cwnd, 2 * SEG);
}
END_TEST

/* --- 0024-tcp-initial-window -------------------------------------------------------------------- */

START_TEST(initial_window_is_ten_segments)
{
    static const u16_t mss[] = { 536, 1460, 8960 }, segments[] = { 10, 10, 2 };

    rig_tun.mtu = 9000;
    conn_open(mss[_i], 0xffff);
    ck_assert_int_eq(conn_write(pattern, 60000), ERR_OK);
    ck_assert_uint_eq(rig_out_count, segments[_i]);
}
END_TEST

/* --- 0025-tcp-append ---------------------------------------------------------------------------- */

START_TEST(nothing_is_appended_to_what_is_sent_again)
{
    struct rig_seg sent;
    u32_t end = 0;

    conn_open(SEG, 0xffff);
    tcp_clear_flags(conn.pcb, TF_SACK);
    tcp_nagle_disable(conn.pcb);
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(conn_write(pattern + 300 * i, 300), ERR_OK);
    rig_full = 1;
    for (int i = 0; i < 3; i++)
        ack(0);
    ck_assert_uint_eq(lwip_ntohl(conn.pcb->unsent->tcphdr->seqno), conn.rcv);
    if (_i)
        tcp_shutdown(conn.pcb, 0, 1);
    else
        conn_write(pattern + 1200, 200);
    rig_full = 0;
    rig_forget();
    tcp_output(conn.pcb);
    ck_assert_uint_eq(rig_out_count, 2);
    for (unsigned i = 0; i < 2; i++) {
        u32_t offset;

        ck_assert(rig_sent(i, &sent));
        offset = sent.seq - conn.rcv;
        ck_assert_mem_eq(sent.data, pattern + offset, sent.len);
        end = offset + sent.len;
        ck_assert_int_eq((sent.flags & TCP_FIN) != 0, _i && i);
    }
    ck_assert_uint_eq(end, _i ? 1200 : 1400);
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
    Suite *suite = suite_create("lwip_patches_loss");
    TCase *tcase;

    tcase = add_case(suite, "0023");
    tcase_add_test(tcase, lost_segments_are_sent_again_as_others_leave_the_network);
    tcase_add_test(tcase, segment_that_a_retransmission_shows_lost_is_sent_again);
    tcase_add_test(tcase, retransmission_is_lost);
    tcase_add_test(tcase, segment_is_timed_until_its_sack);
    tcase_add_loop_test(tcase, what_is_sent_again_is_not_timed, 0, 2);
    tcase_add_test(tcase, part_of_a_segment_is_acknowledged);
    tcase_add_test(tcase, what_has_arrived_is_not_sent_again_after_a_timeout);
    tcase_add_test(tcase, what_the_peer_has_forgotten_is_sent_again_after_a_timeout);
    tcase_add_test(tcase, nagle_does_not_hold_back_what_is_sent_again);
    tcase_add_test(tcase, bad_sack_options_are_ignored);
    tcase_add_test(tcase, several_losses_without_sack);
    tcase_add_loop_test(tcase, timeout_ends_fast_recovery, 0, 2);
    tcase = add_case(suite, "0024");
    tcase_add_loop_test(tcase, initial_window_is_ten_segments, 0, 3);
    tcase = add_case(suite, "0025");
    tcase_add_loop_test(tcase, nothing_is_appended_to_what_is_sent_again, 0, 2);
    return run_cases(suite);
}
