/* SPDX-License-Identifier: MIT */
/* state.c - where the variables of a target begin or end (tests/fuzz/fuzz.c)
 *
 * Compiled twice, and linked before and behind all that has to be as new for each input.
 */
#ifdef STATE_END
#define MARK(section) section##_end
#else
#define MARK(section) section##_begin
#endif

/* Two names a section: in .data and in .bss. */
extern char MARK(fuzz_data)[], MARK(fuzz_bss)[];
char MARK(fuzz_data)[64] = { 1 };
char MARK(fuzz_bss)[64];
