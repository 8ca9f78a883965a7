/* SPDX-License-Identifier: MIT */
/* timers.h - lwIP's protocol timers, run only while there is something to time */
#ifndef RINGSTACK_TIMERS_H
#define RINGSTACK_TIMERS_H

#include <stdint.h>

void timers_start(double now);
void timers_begin(double now);
void timers_run(double now, int frames_pending);
uint32_t timers_next(double now);
void timers_close(void);

#endif /* RINGSTACK_TIMERS_H */
