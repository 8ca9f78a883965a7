/* SPDX-License-Identifier: MIT */
/* test_lwip_patches_send.c - test_lwip_patches.c for the patches of what TCP sends, and when */
#include <check.h>

#include "lwip_rig/conn.h"

#define MSS 1460

static u8_t pattern[0x10000];

static void setup(void)
{
    for (u32_t i = 0; i < sizeof(pattern); i++)
        pattern[i] = (u8_t)(i * 31 + (i >> 8));
    rig_start();
}

static void teardown(void)
{
    ck_assert_uint_eq(rig_stop(), 0);
}

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
    for (u32_t flight = cwnd / MSS * MSS; flight <= 4 * cwnd / MSS * MSS; flight *= 2) {
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

/* --- The suite ---------------------------------------------------------------------------------- */

/* add_case() - an empty test case with our fixture */
static TCase *add_case(Suite *suite, const char *name)
{
    TCase *tcase = tcase_create(name);

    tcase_add_checked_fixture(tcase, setup, teardown);
    suite_add_tcase(suite, tcase);
    return tcase;
}

Suite *lwip_patches_send_suite(void);

/**
 * lwip_patches_send_suite() - one test case per patch, named after its number
 *
 * Return: the suite
 */
Suite *lwip_patches_send_suite(void)
{
    Suite *suite = suite_create("lwip_patches_send");
    TCase *tcase;

    tcase = add_case(suite, "0020");
    tcase_add_test(tcase, batch_of_segments_is_answered_once);
    tcase_add_test(tcase, segment_out_of_order_is_answered_within_the_batch);
    tcase = add_case(suite, "0021");
    tcase_add_test(tcase, slow_start_counts_all_bytes_of_an_ack);
    tcase_add_test(tcase, slow_start_after_a_timeout_counts_one_segment);
    return suite;
}

/**
 * main() - run the suite
 *
 * Return: 0 if all tests pass
 */
int main(void)
{
    SRunner *runner = srunner_create(lwip_patches_send_suite());
    int failed;

    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
