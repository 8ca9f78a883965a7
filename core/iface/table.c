/* SPDX-License-Identifier: MIT */
/* table.c - routes and neighbors for JavaScript to read
 *
 * The entries are of one moment. They are in a block of the arena of their own, which JavaScript frees when it has
 * read them.
 */
#include "iface/table.h"

#include "iface/iface.h"
#include "iface/neighbor.h"
#include "iface/route.h"

/**
 * neighbors() - ROUTE_NEIGHBORS: those of all interfaces
 * @to: where to, NULL: they are counted
 *
 * Return: how many
 */
static uint32_t neighbors(struct abi_entry *to)
{
    struct ringif *ifc;
    uint32_t n = 0;

    for (ifc = iface_next(NULL); ifc; ifc = iface_next(ifc)) {
        n += to ? neighbor_list(ifc, to + n) : ifc->neighbor_count;
    }
    return n;
}

/**
 * table_answer() - ROUTE_LIST, ROUTE_LOOKUP, ROUTE_NEIGHBORS
 * @cmd: command
 * @answer: set to how many entries there are, and where
 *
 * Return: 0, ABI_EINVAL: unknown, or nobody would free the block, ABI_ENOMEM
 */
int table_answer(const struct cmd_route *cmd, struct event *answer)
{
    struct abi_entry *to;

    if (!cmd->cmd.id || cmd->cmd.value > ROUTE_NEIGHBORS) {
        return ABI_EINVAL;
    }
    answer->offset = iface_block((route_count() + neighbors(NULL) + 1) * (uint32_t)sizeof(*to));
    if (!answer->offset) {
        return ABI_ENOMEM;
    }
    to = at(answer->offset);
    answer->handle = cmd->cmd.value == ROUTE_LIST     ? route_list(to)
                     : cmd->cmd.value == ROUTE_LOOKUP ? route_lookup(&cmd->destination, to)
                                                      : neighbors(to);
    return 0;
}
