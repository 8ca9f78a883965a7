/* SPDX-License-Identifier: MIT */
/* main.c - runs lwIP's own unit tests, built with our options (lwipopts.h beside this file)
 *
 * Left out, since our options leave out what they test: udp, dns, dhcp, mdns, mqtt and pppos (the
 * protocols), sockets (the API of threads), timers (core/ has its own), mem (lwIP's heap;
 * core/mem/heap.c replaces it).
 */
#include "lwip_check.h"

#include "core/test_def.h"
#include "core/test_netif.h"
#include "core/test_pbuf.h"
#include "etharp/test_etharp.h"
#include "ip4/test_ip4.h"
#include "ip6/test_ip6.h"
#include "tcp/test_tcp.h"
#include "tcp/test_tcp_oos.h"
#include "tcp/test_tcp_state.h"

#include "lwip/init.h"
#include "lwip/stats.h"
#include "lwip/tcp.h"

#include <stdio.h>
#include <string.h>

/* --- What the port gives lwIP --------------------------------------------------------------- */

/* The C library's heap, watched by AddressSanitizer, instead of core/mem/heap.c. */
void *heap_malloc(size_t size)
{
    return malloc(size);
}

void *heap_calloc(size_t count, size_t size)
{
    return calloc(count, size);
}

void heap_free(void *mem)
{
    free(mem);
}

/* The same numbers on every run. */
uint32_t random_u32(void)
{
    static uint32_t state = 1;
    state = state * 1664525u + 1013904223u;
    return state;
}

/* --- What lwip_unittests.c gives the suites -------------------------------------------------- */

/* Tests of a fixed number of connections: our pools grow (MEMP_MEM_MALLOC). */
static const char *const left_out[] = {
    "test_tcp_new_max_num",
    "test_tcp_new_max_num_remove_TIME_WAIT",
};

static int is_left_out(testfunc test)
{
    for (size_t i = 0; i < sizeof(left_out) / sizeof(left_out[0]); i++) {
        if (strcmp(test->name, left_out[i]) == 0) {
            return 1;
        }
    }
    return 0;
}

Suite *create_suite(const char *name, testfunc *tests, size_t num_tests, SFun setup, SFun teardown)
{
    Suite *suite = suite_create(name);
    for (size_t i = 0; i < num_tests; i++) {
        if (is_left_out(tests[i])) {
            continue;
        }
        TCase *tcase = tcase_create(name);
        if (setup != NULL || teardown != NULL) {
            tcase_add_checked_fixture(tcase, setup, teardown);
        }
        tcase_add_named_test(tcase, tests[i]);
        suite_add_tcase(suite, tcase);
    }
    return suite;
}

/* Bytes of the heap that one timeout of lwIP takes. Pools lie in the heap too (MEMP_MEM_MALLOC),
   and timeouts come and go on their own, so every suite passes over them. */
static mem_size_t timeout_size;

void lwip_check_ensure_no_alloc(unsigned int skip)
{
    if (!(skip & SKIP_HEAP)) {
        ck_assert_uint_eq(lwip_stats.mem.used,
                          lwip_stats.memp[MEMP_SYS_TIMEOUT]->used * timeout_size);
    }
    for (int i = 0; i < MEMP_MAX; i++) {
        if (!(skip & SKIP_POOL(i))) {
            ck_assert_msg(lwip_stats.memp[i]->used == 0, "pool %d still has %u elements", i,
                          (unsigned)lwip_stats.memp[i]->used);
        }
    }
}

int main(void)
{
    suite_getter_fn *suites[] = {
        def_suite, pbuf_suite, netif_suite,   etharp_suite,    ip4_suite,
        ip6_suite, tcp_suite,  tcp_oos_suite, tcp_state_suite,
    };

    lwip_init();
    timeout_size = lwip_stats.mem.used / lwip_stats.memp[MEMP_SYS_TIMEOUT]->used;
    SRunner *runner = srunner_create(suites[0]());
    for (size_t i = 1; i < sizeof(suites) / sizeof(suites[0]); i++) {
        srunner_add_suite(runner, suites[i]());
    }
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
