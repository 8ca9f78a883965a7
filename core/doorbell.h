/* SPDX-License-Identifier: MIT */
/* doorbell.h - wake-ups between threads; twin: js/sched/doorbell.ts
 *
 * A doorbell (struct doorbell, core/abi.h) has one sleeper, and anyone may ring it:
 *
 *     the sleeper                             the side that rings
 *
 *     STORE sleeping          (N)             COUNT seq               (M)
 *     LOAD seq                (M)             LOAD sleeping           (N)
 *     sleep if unchanged                      wake if it sleeps
 *
 * All four are sequentially consistent: in their total order either the sleeper sees the new count,
 * or the side that rings sees that it sleeps. C cannot post a message. So a sleeper that waits for one
 * is noted in a word, which JS looks at after every turn. So is one sleeper of a turn that the app's
 * thread runs: it can turn a sleeping engine as fast as wake it (js/engine/worker.ts).
 */
#ifndef RINGSTACK_DOORBELL_H
#define RINGSTACK_DOORBELL_H

#include "abi.h"

void doorbell_setup(struct stack_ctl *stack);
void doorbell_ring(uint32_t doorbell);

#endif /* RINGSTACK_DOORBELL_H */
