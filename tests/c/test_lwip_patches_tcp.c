/* SPDX-License-Identifier: MIT */
/* test_lwip_patches_tcp.c - test_lwip_patches.c for the patches of TCP's queues
 *
 * The peer offers no window scaling, so our window is 65535 bytes. Nothing is read from it, so data from
 * the test closes it.
 */
#include "lwip_rig/suite.h"

/* data() - hand lwIP the bytes of pattern[] from offset on, at that offset */
static void data(u32_t offset, u16_t len, u8_t flags)
{
    conn_data(offset, pattern + offset, len, flags);
}

/* expect_got() - what lwIP handed up is the start of pattern[], and all slots are given back */
static void expect_got(u32_t len)
{
    ck_assert_uint_eq(conn.got, len);
    ck_assert_mem_eq(conn_got, pattern, len);
    ck_assert_uint_eq(rig_slots, 0);
}

/* --- 0008-tcp-ooseq-copy ---------------------------------------------------------------------- */

START_TEST(segment_out_of_order_gives_its_slot_back)
{
    /* in how many bytes of IP packet the first pbuf ends: with the packet, the headers, an option, the data */
    static const u16_t splits[] = { 0, IP_HLEN + TCP_HLEN + 12, IP_HLEN + TCP_HLEN + 5,
                                    IP_HLEN + TCP_HLEN + 212 };
    static const u8_t opt[12] = { 1, 1, 30, 10 };

    conn_open(1460, 0xffff);
    conn_feed((struct rig_seg){ .seq = conn.snd + 1000,
                                .flags = TCP_ACK | TCP_PSH,
                                .data = pattern + 1000,
                                .len = 500,
                                .opt = opt,
                                .optlen = sizeof(opt),
                                .split = splits[_i] });
    ck_assert_uint_eq(rig_slots, 0);
    ck_assert_ptr_nonnull(conn.pcb->ooseq);
    ck_assert_uint_eq(conn.pcb->ooseq->len, 500);
    ck_assert_uint_eq(conn.pcb->ooseq->tcphdr->seqno, conn.snd + 1000);
    ck_assert_uint_eq(TCPH_FLAGS(conn.pcb->ooseq->tcphdr), TCP_ACK | TCP_PSH);
    data(0, 1000, 0);
    expect_got(1500);
    ck_assert_ptr_null(conn.pcb->ooseq);
}
END_TEST

START_TEST(segments_out_of_order_overlap)
{
    conn_open(1460, 0xffff);
    data(1000, 500, 0);
    data(1400, 600, 0);       /* cuts the end of the one before */
    data(500, 600, 0);        /* loses its end to the one behind */
    data(2600, 400, TCP_FIN); /* another block */
    data(2500, 500, TCP_FIN); /* replaces it */
    data(3000, 0, TCP_FIN);   /* nothing but the FIN, again */
    data(700, 1000, 0);       /* covers one whole segment */
    ck_assert_uint_eq(rig_slots, 0);
    ck_assert_uint_eq(conn.got, 0);
    data(0, 600, 0);
    expect_got(2000);
    data(1900, 600, 0);
    expect_got(3000);
    ck_assert_int_eq(conn.eof, 1);
    ck_assert_uint_eq(conn.pcb->rcv_nxt, conn.snd + 3001);
}
END_TEST

/* expect_sack() - the next ACK selectively acknowledges one block, or none if it is empty */
static void expect_sack(u32_t from, u32_t to)
{
    struct rig_seg sent;

    rig_forget();
    rig_ms(TCP_TMR_INTERVAL);
    ck_assert(rig_sent(0, &sent));
    ck_assert_uint_eq(sent.optlen, from == to ? 0 : 12);
    if (from != to) {
        ck_assert_uint_eq(get32(sent.opt + 4), conn.snd + from);
        ck_assert_uint_eq(get32(sent.opt + 8), conn.snd + to);
    }
}

START_TEST(no_memory_to_queue_segment)
{
    unsigned before;

    conn_open(1460, 0xffff);
    before = rig_allocated;
    rig_heap_countdown = _i; /* 0: for the segment, 1: for its data */
    data(1000, 500, 0);
    rig_heap_countdown = -1;
    ck_assert_uint_eq(rig_allocated, before);
    ck_assert_uint_eq(rig_slots, 0);
    ck_assert_ptr_null(conn.pcb->ooseq);
    expect_sack(0, 0);
    data(2000, 500, 0);
    before = rig_allocated;
    rig_heap_countdown = _i;
    data(1000, 500, 0);
    rig_heap_countdown = -1;
    ck_assert_uint_eq(rig_allocated, before);
    ck_assert_uint_eq(conn.pcb->ooseq->tcphdr->seqno, conn.snd + 2000);
    expect_sack(2000, 2500);
    data(0, 2000, 0);
    expect_got(2500);
}
END_TEST

/* --- 0009-tcp-ooseq-window -------------------------------------------------------------------- */

START_TEST(segment_out_of_order_overruns_window)
{
    const u32_t left = 0xffff - 64000;

    conn_open(1460, 0xffff);
    for (u32_t offset = 0; offset < 64000; offset += 1000)
        data(offset, 1000, 0);
    ck_assert_uint_eq(conn.pcb->rcv_wnd, left);
    if (_i & 1)
        data(64500, 100, 0); /* so that it is put before another one */
    if (_i & 2)
        data(64001, (u16_t)(left - 1), TCP_FIN); /* only the FIN is too much */
    else
        data(64001, 2000, 0);
    data(64000, 1, 0);
    ck_assert_uint_eq(conn.pcb->rcv_wnd, 0);
    ck_assert_int_eq(conn.eof, 0);
    expect_got(0xffff);
}
END_TEST

START_TEST(fin_out_of_order_is_not_moved_out_of_window)
{
    conn_open(1460, 0xffff);
    for (u32_t offset = 0; offset < 64000; offset += 1000)
        data(offset, 1000, 0);
    data(64500, 1000, TCP_FIN);
    if (_i) {
        data(64001, 0xffff - 64001, 0); /* goes on where the FIN was, out of order */
        data(64000, 1, 0);
    } else {
        data(64000, 0xffff - 64000, 0); /* the same in order */
    }
    ck_assert_uint_eq(conn.pcb->rcv_wnd, 0);
    ck_assert_int_eq(conn.eof, 0);
    expect_got(0xffff);
}
END_TEST

/* --- 0010-tcp-ack-now --------------------------------------------------------------------------- */

/* nagle() - a connection on which 10 bytes are in flight and 10 more wait for their ACK */
static void nagle(void)
{
    conn_open(1460, 0xffff);
    ck_assert_int_eq(conn_write(pattern, 10), ERR_OK);
    ck_assert_int_eq(conn_write(pattern + 10, 10), ERR_OK);
    ck_assert_uint_eq(rig_out_count, 1);
    rig_forget();
}

/* expect_ack() - one packet was sent, and it acknowledges this many bytes and carries none */
static void expect_ack(u32_t len)
{
    struct rig_seg sent;

    ck_assert_uint_eq(rig_out_count, 1);
    ck_assert(rig_sent(0, &sent));
    ck_assert_uint_eq(sent.ack, conn.snd + len);
    ck_assert_uint_eq(sent.len, 0);
}

START_TEST(ack_is_due_while_nagle_holds_data_back)
{
    nagle();
    data(0, 1000, 0);
    ck_assert_uint_eq(rig_out_count, 0);
    data(1000, 1000, 0);
    expect_ack(2000);
}
END_TEST

START_TEST(delayed_ack_is_due_while_nagle_holds_data_back)
{
    nagle();
    data(0, 1000, 0);
    rig_ms(TCP_TMR_INTERVAL);
    expect_ack(1000);
    rig_ms(5 * TCP_TMR_INTERVAL);
    ck_assert_uint_eq(rig_out_count, 1);
}
END_TEST

START_TEST(delayed_ack_is_due_while_ring_is_full)
{
    conn_open(1460, 0xffff);
    data(0, 1000, 0);
    rig_full = 1;
    rig_ms(2 * TCP_TMR_INTERVAL);
    rig_full = 0;
    ck_assert_uint_eq(rig_out_count, 0);
    rig_ms(TCP_TMR_INTERVAL);
    expect_ack(1000);
}
END_TEST

/* --- 0011-tcp-split ------------------------------------------------------------------------- */

START_TEST(segment_with_fin_is_split)
{
    struct rig_seg sent;

    conn_open(1460, 1000);
    ck_assert_int_eq(conn_write(pattern, 500), ERR_OK);
    conn.rcv += 500;
    conn.wnd = 100;
    conn_feed((struct rig_seg){ .flags = TCP_ACK });
    rig_forget();
    /* does not fit into the window; the FIN joins it */
    ck_assert_int_eq(conn_write(pattern + 500, 400), ERR_OK);
    ck_assert_int_eq(tcp_shutdown(conn.pcb, 0, 1), ERR_OK);
    ck_assert_uint_eq(rig_out_count, 0);
    rig_ms(1600); /* the persist timer splits it */
    ck_assert(rig_sent(0, &sent));
    ck_assert_uint_eq(sent.len, 100);
    ck_assert_uint_eq(sent.flags & (TCP_FIN | TCP_PSH), 0);
    conn.rcv += 100;
    conn.wnd = 1000;
    rig_forget();
    conn_feed((struct rig_seg){ .flags = TCP_ACK });
    ck_assert(rig_sent(0, &sent));
    ck_assert_uint_eq(sent.seq, conn.rcv);
    ck_assert_uint_eq(sent.len, 300);
    ck_assert_mem_eq(sent.data, pattern + 600, 300);
    ck_assert_uint_ne(sent.flags & TCP_FIN, 0);
}
END_TEST

START_TEST(segment_queued_before_the_syn_is_split)
{
    const u8_t opt[4] = { LWIP_TCP_OPT_MSS, 4, 0, 100 };
    struct rig_seg sent;

    conn_connect(conn_connected);
    ck_assert_int_eq(tcp_write(conn.pcb, pattern, 500, 0), ERR_OK);
    conn_feed((struct rig_seg){
        .flags = TCP_SYN | TCP_ACK, .wnd = 300, .opt = opt, .optlen = sizeof(opt) });
    conn.snd++;
    ck_assert_uint_lt(next_sent(5000), 5000);
    ck_assert(rig_sent(0, &sent));
    ck_assert_uint_eq(sent.len, 100);
    ck_assert_mem_eq(sent.data, pattern, 100);
}
END_TEST

START_TEST(segment_acknowledged_in_part_is_split_behind_that)
{
    struct rig_seg sent;

    conn_open(1000, 10000);
    ck_assert_int_eq(conn_write(pattern, 1000), ERR_OK);
    conn.wnd = 100;
    conn_feed((struct rig_seg){ .flags = TCP_ACK, .ack = conn.rcv + 600 });
    ck_assert_uint_eq(conn.pcb->lastack, conn.rcv + 600);
    for (conn.rcv += 600; conn.pcb->unacked || conn.pcb->unsent; conn.rcv = sent.seq + sent.len) {
        ck_assert_uint_lt(next_sent(30000), 30000);
        ck_assert_int_eq(rig_sent(0, &sent), 1);
        ck_assert(TCP_SEQ_LEQ(sent.seq, conn.rcv) && TCP_SEQ_GT(sent.seq + sent.len, conn.rcv));
        ck_assert(TCP_SEQ_LEQ(sent.seq + sent.len, conn.rcv + conn.wnd));
        conn_feed((struct rig_seg){ .flags = TCP_ACK, .ack = sent.seq + sent.len });
    }
}
END_TEST

/* --- 0026-tcp-fin-behind-the-window ------------------------------------------------------------ */

START_TEST(fin_behind_a_full_window_arrives)
{
    conn_open(1460, 0xffff);
    for (u32_t offset = 0; offset < 65000; offset += 1000)
        data(offset, 1000, 0);
    data(65000, 0xffff - 65000, _i ? 0 : TCP_FIN);
    if (_i)
        data(0xffff, 0, TCP_FIN); /* alone, and the window is zero */
    ck_assert_int_eq(conn.eof, 1);
    ck_assert_int_eq(conn.pcb->state, CLOSE_WAIT);
    expect_got(0xffff);
}
END_TEST

/* --- 0028-tcp-empty-segment-at-the-edge --------------------------------------------------------- */

/* answered() - whether lwIP sends something for an empty segment at an offset of the peer's stream */
static int answered(u32_t offset)
{
    rig_ms(1000); /* timers that are due come first */
    rig_forget();
    data(offset, 0, 0);
    rig_ms(1000);
    return rig_out_count != 0;
}

START_TEST(acknowledgements_at_the_edge_of_the_window_are_not_answered)
{
    const u32_t got = _i ? 0xffff : 60000; /* the window is closed, or not */

    conn_open(1460, 0xffff);
    for (u32_t offset = 0; offset < got; offset += 5000)
        data(offset, (u16_t)LWIP_MIN(5000, got - offset), 0);
    expect_got(got);
    ck_assert_uint_eq(conn.pcb->rcv_wnd, 0xffff - got);
    ck_assert_int_eq(answered(got), 0);
    ck_assert_int_eq(answered(0xffff), 0);
    ck_assert_int_eq(answered(0xffff + 1), 0); /* it has probed the window */
    ck_assert_int_eq(answered(got - 1), 1);    /* a keep-alive */
    ck_assert_int_eq(answered(0xffff + 2), 1);
}
END_TEST

/* --- 0043-tcp-simultaneous-open ------------------------------------------------------------------- */

/* crossed() - our SYN and the peer's are under way at the same time: ours comes once more, with an ACK */
static void crossed(u32_t isn)
{
    static const u8_t opt[4] = { LWIP_TCP_OPT_MSS, 4, 1460 >> 8, 1460 & 255 };
    struct rig_seg sent;

    conn_feed((struct rig_seg){ .seq = isn, .flags = TCP_SYN, .opt = opt, .optlen = sizeof(opt) });
    ck_assert_int_eq(rig_sent(0, &sent), 1);
    ck_assert_uint_eq(sent.flags, TCP_SYN | TCP_ACK);
    ck_assert_uint_eq(sent.seq, conn.rcv - 1);
    ck_assert_uint_eq(sent.ack, isn + 1);
    rig_forget();
    /* A SYN that is repeated is not answered without end. */
    conn_feed((struct rig_seg){ .seq = isn, .flags = TCP_SYN });
    ck_assert_uint_eq(rig_out_count, 0);
}

/* opened() - it is open, and data passes both ways */
static void opened(void)
{
    struct rig_seg sent;

    ck_assert_int_eq(conn.pcb->state, ESTABLISHED);
    ck_assert_int_eq(rig_sent(0, &sent), 1);
    ck_assert_uint_eq(sent.flags, TCP_ACK);
    ck_assert_uint_eq(sent.ack, conn.snd);
    data(0, 1000, 0);
    expect_got(1000);
    conn.snd += 1000;
    rig_forget();
    ck_assert_int_eq(conn_write(pattern, 2000), ERR_OK);
    ck_assert_int_eq(rig_sent(0, &sent), 1);
    ck_assert_uint_eq(sent.seq, conn.rcv);
    ck_assert_uint_eq(sent.len, 1460);
}

START_TEST(two_that_connect_to_each_other_are_connected)
{
    conn_connect(conn_connected);
    crossed(conn.snd);
    if (_i == 0) {
        conn_feed((struct rig_seg){ .flags = TCP_SYN | TCP_ACK });
        conn.snd++;
    } else {
        /* Its SYN-ACK was lost. */
        conn.snd++;
        conn_feed((struct rig_seg){ .flags = TCP_ACK });
    }
    opened();
}
END_TEST

START_TEST(syn_that_was_made_up_keeps_nobody_out)
{
    conn_connect(conn_connected);
    crossed(conn.snd + 77777);
    conn_feed((struct rig_seg){ .flags = TCP_SYN | TCP_ACK });
    conn.snd++;
    opened();
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
    Suite *suite = suite_create("lwip_patches_tcp");
    TCase *tcase;

    tcase = add_case(suite, "0008");
    tcase_add_loop_test(tcase, segment_out_of_order_gives_its_slot_back, 0, 4);
    tcase_add_test(tcase, segments_out_of_order_overlap);
    tcase_add_loop_test(tcase, no_memory_to_queue_segment, 0, 2);
    tcase = add_case(suite, "0009");
    tcase_add_loop_test(tcase, segment_out_of_order_overruns_window, 0, 4);
    tcase_add_loop_test(tcase, fin_out_of_order_is_not_moved_out_of_window, 0, 2);
    tcase = add_case(suite, "0010");
    tcase_add_test(tcase, ack_is_due_while_nagle_holds_data_back);
    tcase_add_test(tcase, delayed_ack_is_due_while_nagle_holds_data_back);
    tcase_add_test(tcase, delayed_ack_is_due_while_ring_is_full);
    tcase = add_case(suite, "0011");
    tcase_add_test(tcase, segment_with_fin_is_split);
    tcase_add_test(tcase, segment_queued_before_the_syn_is_split);
    tcase_add_test(tcase, segment_acknowledged_in_part_is_split_behind_that);
    tcase = add_case(suite, "0026");
    tcase_add_loop_test(tcase, fin_behind_a_full_window_arrives, 0, 2);
    tcase = add_case(suite, "0028");
    tcase_add_loop_test(tcase, acknowledgements_at_the_edge_of_the_window_are_not_answered, 0, 2);
    tcase = add_case(suite, "0043");
    tcase_add_loop_test(tcase, two_that_connect_to_each_other_are_connected, 0, 2);
    tcase_add_test(tcase, syn_that_was_made_up_keeps_nobody_out);
    return run_cases(suite);
}
