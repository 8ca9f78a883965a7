/* SPDX-License-Identifier: MIT */
/* forward.h - packets of others, from one interface to another (theory of operation: core/iface/forward.c) */
#ifndef RINGSTACK_FORWARD_H
#define RINGSTACK_FORWARD_H

#include "iface/ringif.h"

int forward_set(struct ringif *ifc, uint32_t on);

#endif /* RINGSTACK_FORWARD_H */
