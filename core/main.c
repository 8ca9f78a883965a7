/* SPDX-License-Identifier: MIT */
/* main.c - the only exported functions of the module
 *
 * One instance either allocates in an arena for JS (rs_arena_*) or is a stack (rs_stack_*). Every
 * instance in an arena has globals, C stack and heap of its own.
 */
#include "lwip/init.h"
#include "lwip/netif.h"

#include "channel.h"
#include "command.h"
#include "iface/admit.h"
#include "iface/iface.h"
#include "iface/ringif.h"
#include "loop.h"
#include "lwext/timers.h"
#include "mem/heap.h"
#include "sock/protocol.h"
#include "util/random.h"

#ifdef __wasm__
#define EXPORT __attribute__((used, visibility("default")))
#else
#define EXPORT
#endif

EXPORT int rs_arena_init(uint32_t first, uint32_t size);
EXPORT uint32_t rs_arena_alloc(uint32_t size, uint32_t owner);
EXPORT void rs_arena_free(uint32_t offset);
EXPORT uint32_t rs_arena_new_owner(void);
EXPORT uint32_t rs_arena_free_owner(uint32_t owner);
EXPORT uint32_t rs_stack_init(uint32_t config, double now);
EXPORT int rs_stack_turn(double now);
EXPORT void rs_stack_close(void);

static struct stack_ctl control __attribute__((aligned(ABI_LINE)));

/**
 * rs_arena_init() - arena_init() for JS
 * @first: offset of the first byte after what JS laid out itself
 * @size: bytes of the arena
 *
 * Return: 0 or ABI_EINVAL
 */
int rs_arena_init(uint32_t first, uint32_t size)
{
    return arena_init(first, size);
}

/**
 * rs_arena_alloc() - arena_alloc() for JS
 * @size: bytes
 * @owner: owner number
 *
 * Return: offset, 0: out of memory
 */
uint32_t rs_arena_alloc(uint32_t size, uint32_t owner)
{
    return arena_alloc(size, owner);
}

/**
 * rs_arena_free() - arena_free() for JS
 * @offset: block
 */
void rs_arena_free(uint32_t offset)
{
    arena_free(offset);
}

/**
 * rs_arena_new_owner() - arena_new_owner() for JS
 *
 * Return: owner number
 */
uint32_t rs_arena_new_owner(void)
{
    return arena_new_owner();
}

/**
 * rs_arena_free_owner() - arena_free_owner() for JS
 * @owner: owner number
 *
 * Return: bytes given back
 */
uint32_t rs_arena_free_owner(uint32_t owner)
{
    return arena_free_owner(owner);
}

/**
 * rs_stack_init() - Set up this instance as a stack
 * @config: offset of a struct stack_config
 * @now: ms, the clock later given to rs_stack_turn()
 *
 * Return: offset of the struct stack_ctl, 0: out of memory
 */
uint32_t rs_stack_init(uint32_t config, double now)
{
    const struct stack_config *c = at(config);

    control.magic = ABI_MAGIC;
    control.version = ABI_VERSION;
    control.size = sizeof(control);
    control.owner = c->owner;
    random_init(c->seed);
    heap_init(c->owner);
    if (channel_setup(&control) != 0) {
        return 0;
    }
    lwip_init();
    timers_start(now);
    protocol_setup(&control, c->max_sockets);
    ringif_setup(&control.stats);
    admit_setup(&control.stats, (int)c->weak_host);
    iface_setup(&control);
    loop_setup(&control);
    return offset_of(&control);
}

/**
 * rs_stack_turn() - loop_turn() for JS
 * @now: ms
 *
 * Return: TURN_*
 */
int rs_stack_turn(double now)
{
    return loop_turn(now);
}

/**
 * rs_stack_close() - End all connections, remove all interfaces, give everything back
 */
void rs_stack_close(void)
{
    command_end();
    timers_close();
    channel_close();
    heap_trim();
}
