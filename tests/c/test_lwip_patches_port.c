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
    return run_cases(suite);
}
