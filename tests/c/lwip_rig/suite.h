/* SPDX-License-Identifier: MIT */
/* suite.h - what the programs test_lwip_patches*.c have in common: fixture, bytes, cases, main */
#ifndef RINGSTACK_TEST_SUITE_H
#define RINGSTACK_TEST_SUITE_H

#include <check.h>

#include "conn.h"

/* Bytes to send, either way. */
static u8_t pattern[0x10000 + 2000];

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

/**
 * add_case() - an empty test case with our fixture
 * @suite: where to
 * @name: number of the patch
 *
 * Return: the case
 */
static TCase *add_case(Suite *suite, const char *name)
{
    TCase *tcase = tcase_create(name);

    tcase_add_checked_fixture(tcase, setup, teardown);
    suite_add_tcase(suite, tcase);
    return tcase;
}

/**
 * run_cases() - the main function of a test program
 * @suite: what to run
 *
 * Return: exit status, 0 if all tests pass
 */
static int run_cases(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    int failed;

    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}

#endif /* RINGSTACK_TEST_SUITE_H */
