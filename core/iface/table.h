/* SPDX-License-Identifier: MIT */
/* table.h - routes and neighbors for JavaScript to read (core/iface/table.c) */
#ifndef RINGSTACK_TABLE_H
#define RINGSTACK_TABLE_H

#include "abi.h"

int table_answer(const struct cmd_route *cmd, struct event *answer);

#endif /* RINGSTACK_TABLE_H */
