/* SPDX-License-Identifier: MIT */
/* admit.h - which packets an interface may bring (theory of operation: core/iface/admit.c) */
#ifndef RINGSTACK_ADMIT_H
#define RINGSTACK_ADMIT_H

#include "abi.h"

void admit_setup(struct stack_stats *to, int weak);

#endif /* RINGSTACK_ADMIT_H */
