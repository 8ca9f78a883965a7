/* SPDX-License-Identifier: MIT */
/* loop.h - one turn of the engine (theory of operation: core/loop.c) */
#ifndef RINGSTACK_LOOP_H
#define RINGSTACK_LOOP_H

#include "abi.h"

void loop_setup(struct stack_ctl *ctl);
int loop_turn(double now);

#endif /* RINGSTACK_LOOP_H */
