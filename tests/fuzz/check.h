/* SPDX-License-Identifier: MIT */
/* check.h - stands in for the library Check: in a program of libFuzzer an assertion that fails ends the program
 *
 * The rigs of tests/c are made for Check, which runs each test in a process of its own. Only what the rigs name is here.
 */
#ifndef RINGSTACK_FUZZ_CHECK_H
#define RINGSTACK_FUZZ_CHECK_H

#include <stdio.h>
#include <stdlib.h>

typedef struct Suite Suite;
typedef struct TCase TCase;
typedef struct SRunner SRunner;
#define CK_NORMAL 0

/* The parts of a rig that name these are not used here. */
SRunner *srunner_create(Suite *suite);
void srunner_run_all(SRunner *runner, int mode);
int srunner_ntests_failed(SRunner *runner);
void srunner_free(SRunner *runner);
TCase *tcase_create(const char *name);
void tcase_add_checked_fixture(TCase *tc, void (*setup)(void), void (*teardown)(void));
void tcase_set_timeout(TCase *tc, double seconds);
void suite_add_tcase(Suite *suite, TCase *tc);

#define ck_abort_msg(...) (fprintf(stderr, __VA_ARGS__), fputc('\n', stderr), abort())
#define CK_THAT(ok, text)                                                                          \
    do {                                                                                           \
        if (!(ok)) {                                                                               \
            ck_abort_msg("%s:%d: %s", __FILE__, __LINE__, text);                                   \
        }                                                                                          \
    } while (0)
#define ck_assert_int_eq(a, b) CK_THAT((a) == (b), #a " == " #b)
#define ck_assert_int_ne(a, b) CK_THAT((a) != (b), #a " != " #b)
#define ck_assert_uint_eq(a, b) CK_THAT((a) == (b), #a " == " #b)
#define ck_assert_uint_ne(a, b) CK_THAT((a) != (b), #a " != " #b)
#define ck_assert_uint_gt(a, b) CK_THAT((a) > (b), #a " > " #b)

#endif /* RINGSTACK_FUZZ_CHECK_H */
