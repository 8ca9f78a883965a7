/* SPDX-License-Identifier: MIT */
/* change.h - interfaces that change or go (core/change.c) */
#ifndef RINGSTACK_CHANGE_H
#define RINGSTACK_CHANGE_H

#include "abi.h"

int change_remove(uint32_t handle);
int change_interface(const struct cmd_change *c);

#endif /* RINGSTACK_CHANGE_H */
