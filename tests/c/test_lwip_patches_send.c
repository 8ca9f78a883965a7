/* SPDX-License-Identifier: MIT */
/* test_lwip_patches_send.c - test_lwip_patches.c for the patches of what TCP sends, and when */
#include "lwip_rig/suite.h"

#define MSS 1460

/* --- 0020-tcp-output-later ---------------------------------------------------------------------- */

START_TEST(batch_of_segments_is_answered_once)
{
    struct rig_seg sent;

    conn_open(MSS, 0xffff);
    rig_output_later = 1;
    for (u32_t i = 0; i < 10; i++)
        conn_data(i * 1000, pattern + i * 1000, 1000, 0);
    ck_assert_uint_eq(rig_out_count, 0);
    ck_assert_int_eq(tcp_output(conn.pcb), ERR_OK);
    ck_assert_uint_eq(rig_out_count, 1);
    ck_assert(rig_sent(0, &sent));
    ck_assert_uint_eq(sent.ack, conn.snd + 10000);
}
END_TEST

START_TEST(segment_out_of_order_is_answered_within_the_batch)
{
    struct rig_seg sent;

    conn_open(MSS, 0xffff);
    rig_output_later = 1;
    conn_data(0, pattern, 1000, 0);
    conn_data(2000, pattern + 2000, 1000, 0);
    conn_data(3000, pattern + 3000, 1000, 0);
    ck_assert_uint_eq(rig_out_count, 2);
    for (unsigned i = 0; i < 2; i++) {
        ck_assert(rig_sent(i, &sent));
        ck_assert_uint_eq(sent.ack, conn.snd + 1000);
    }
}
END_TEST

/* --- 0021-tcp-slow-start ------------------------------------------------------------------------ */

START_TEST(slow_start_counts_all_bytes_of_an_ack)
{
    u32_t cwnd;

    conn_open(MSS, 0xffff);
    cwnd = conn.pcb->cwnd;
    ck_assert_int_eq(conn_write(pattern, 60000), ERR_OK);
    for (u32_t flight = cwnd / MSS * MSS; flight <= 2 * cwnd / MSS * MSS; flight *= 2) {
        ck_assert_uint_eq(conn.pcb->snd_nxt, conn.rcv + flight);
        conn.rcv += flight;
        conn_feed((struct rig_seg){ .flags = TCP_ACK });
    }
}
END_TEST

START_TEST(slow_start_after_a_timeout_counts_one_segment)
{
    conn_open(MSS, 0xffff);
    ck_assert_int_eq(conn_write(pattern, 60000), ERR_OK);
    next_sent(5000);
    ck_assert_int_eq(conn.pcb->nrtx, 1);
    ck_assert_uint_eq(conn.pcb->cwnd, MSS);
    conn.rcv += 2 * MSS;
    conn_feed((struct rig_seg){ .flags = TCP_ACK });
    ck_assert_uint_eq(conn.pcb->cwnd, 2 * MSS);
}
END_TEST

/* --- 0022-tcp-large-segments -------------------------------------------------------------------- */

static u32_t start; /* sequence number of pattern[0] */
static u16_t mss;

/* large() - a connection over IPv4 or IPv6 that may send 20 MSS at once */
static void large(int ip6)
{
    conn.ip6 = ip6;
    conn_open(ip6 ? MSS - 20 : MSS, 0xffff);
    start = conn.rcv;
    tcp_nagle_disable(conn.pcb);
    mss = conn.pcb->mss;
    rig_segment_max = (u16_t)(20 * mss);
    conn.pcb->cwnd = 40u * mss;
}

/* expect_sent() - packets were sent that hold pattern[] in order, the last one perhaps less */
static void expect_sent(u32_t offset, unsigned packets, u16_t each, u16_t last)
{
    struct rig_seg sent;

    ck_assert_uint_eq(rig_out_count, packets);
    for (unsigned i = 0; i < packets; i++, offset += sent.len) {
        ck_assert(rig_sent(i, &sent));
        ck_assert_uint_eq(sent.seq, start + offset);
        ck_assert_uint_eq(sent.len, i == packets - 1 ? last : each);
        ck_assert_mem_eq(sent.data, pattern + offset, sent.len);
    }
    rig_forget();
}

/* acknowledge() - the peer has everything up to here */
static void acknowledge(u32_t offset)
{
    conn.rcv = start + offset;
    conn_feed((struct rig_seg){ .flags = TCP_ACK });
}

/* expect_done() - nothing is left of what was sent */
static void expect_done(void)
{
    ck_assert_ptr_null(conn.pcb->unacked);
    ck_assert_ptr_null(conn.pcb->unsent);
    ck_assert_uint_eq(conn.pcb->snd_queuelen, 0);
    ck_assert_uint_eq(conn.pcb->snd_buf, TCP_SND_BUF);
}

START_TEST(large_segment_is_one_packet)
{
    large(_i);
    ck_assert_int_eq(conn_write(pattern, (u16_t)(20 * mss + 100)), ERR_OK);
    expect_sent(0, 2, (u16_t)(20 * mss), 100);
    acknowledge(20u * mss + 100);
    expect_done();
}
END_TEST

START_TEST(large_segment_fills_the_window_with_whole_ones)
{
    large(_i);
    conn.pcb->ssthresh = 0; /* the window opens slowly */
    conn.pcb->cwnd = 4u * mss + 10;
    ck_assert_int_eq(conn_write(pattern, (u16_t)(12 * mss)), ERR_OK);
    expect_sent(0, 1, 0, (u16_t)(4 * mss));
    acknowledge(4u * mss);
    expect_sent(4u * mss, 1, 0, (u16_t)(4 * mss));
    acknowledge(8u * mss);
    expect_sent(8u * mss, 1, 0, (u16_t)(4 * mss));
    acknowledge(12u * mss);
    expect_done();
}
END_TEST

START_TEST(large_segment_is_cut_when_nobody_takes_it_any_more)
{
    large(_i & 1);
    rig_full = 1;
    ck_assert_int_eq(tcp_write(conn.pcb, pattern, (u16_t)(10 * mss), 0), ERR_OK);
    if (_i & 2) {
        /* not where the first bytes end: the segment is a chain */
        memmove(pattern + 0xc000, pattern + 10 * mss, 5u * mss);
        ck_assert_int_eq(tcp_write(conn.pcb, pattern + 0xc000, (u16_t)(5 * mss), 0), ERR_OK);
    } else {
        ck_assert_int_eq(tcp_write(conn.pcb, pattern + 10 * mss, (u16_t)(5 * mss), 0), ERR_OK);
    }
    ck_assert_int_eq(tcp_output(conn.pcb), ERR_MEM);
    ck_assert_ptr_null(conn.pcb->unsent->next);
    rig_full = rig_segment_max = 0;
    ck_assert_int_eq(tcp_output(conn.pcb), ERR_OK);
    expect_sent(0, 15, mss, mss);
    acknowledge(15u * mss);
    expect_done();
}
END_TEST

START_TEST(large_segment_that_was_lost_is_sent_again_in_pieces)
{
    large(_i & 1);
    ck_assert_int_eq(conn_write(pattern, (u16_t)(20 * mss)), ERR_OK);
    expect_sent(0, 1, 0, (u16_t)(20 * mss));
    if (_i & 2) {
        rig_segment_max = 0;
    }
    next_sent(5000);
    expect_sent(0, 1, 0, mss); /* a window of one segment after a timeout */
    acknowledge(mss);
    ck_assert_uint_eq(conn.pcb->cwnd, 2 * mss);
    expect_sent(mss, _i & 2 ? 2 : 1, mss, (u16_t)(_i & 2 ? mss : 2 * mss));
    acknowledge(20u * mss);
    expect_done();
}
END_TEST

START_TEST(what_the_peer_has_of_a_large_segment_is_not_sent_again)
{
    large(_i & 1);
    ck_assert_int_eq(conn_write(pattern, (u16_t)(20 * mss)), ERR_OK);
    expect_sent(0, 1, 0, (u16_t)(20 * mss));
    acknowledge(5u * mss + 10);
    rig_segment_max = 0;
    next_sent(5000);
    expect_sent(5u * mss, 1, 0, mss);
    acknowledge(20u * mss);
    expect_done();
}
END_TEST

START_TEST(large_segment_is_cut_when_there_is_memory_again)
{
    large(0);
    rig_full = 1;
    ck_assert_int_eq(conn_write(pattern, (u16_t)(3 * mss)), ERR_MEM);
    rig_full = rig_segment_max = 0;
    rig_heap_countdown = _i; /* for its header, the reference, the segment */
    ck_assert_int_eq(tcp_output(conn.pcb), ERR_OK);
    ck_assert_uint_eq(rig_out_count, 0);
    rig_heap_countdown = -1;
    ck_assert_uint_lt(next_sent(5000), 5000);
    expect_sent(0, 3, mss, mss);
    acknowledge(3u * mss);
    expect_done();
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
    Suite *suite = suite_create("lwip_patches_send");
    TCase *tcase;

    tcase = add_case(suite, "0020");
    tcase_add_test(tcase, batch_of_segments_is_answered_once);
    tcase_add_test(tcase, segment_out_of_order_is_answered_within_the_batch);
    tcase = add_case(suite, "0021");
    tcase_add_test(tcase, slow_start_counts_all_bytes_of_an_ack);
    tcase_add_test(tcase, slow_start_after_a_timeout_counts_one_segment);
    tcase = add_case(suite, "0022");
    tcase_add_loop_test(tcase, large_segment_is_one_packet, 0, 2);
    tcase_add_loop_test(tcase, large_segment_fills_the_window_with_whole_ones, 0, 2);
    tcase_add_loop_test(tcase, large_segment_is_cut_when_nobody_takes_it_any_more, 0, 4);
    tcase_add_loop_test(tcase, large_segment_that_was_lost_is_sent_again_in_pieces, 0, 4);
    tcase_add_loop_test(tcase, what_the_peer_has_of_a_large_segment_is_not_sent_again, 0, 2);
    tcase_add_loop_test(tcase, large_segment_is_cut_when_there_is_memory_again, 0, 3);
    return run_cases(suite);
}
