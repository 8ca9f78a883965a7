/* SPDX-License-Identifier: MIT */
/* sock.c - socket slots: handles, states and lifetime
 *
 * Theory of operation
 *
 * A handle is a slot number and a generation, so a handle that JS kept too long finds nothing and never
 * another connection. The table grows by chunks and does not shrink; a free slot costs eight bytes.
 *
 * | state     | condition                      | JS may                      | C may                    |
 * |-----------|--------------------------------|-----------------------------|--------------------------|
 * | listener  | kind SOCK_TCP_LISTENER         | CMD_CLOSE, CMD_RELEASE      | announce connections     |
 * | connecting| pcb, no SOCK_OPEN              | CMD_ABORT, CMD_RELEASE      | open or close it         |
 * | open      | SOCK_OPEN, no SOCK_CLOSED      | write tx, read rx, all CMD_ | write rx, read tx, close |
 * | closed    | SOCK_CLOSED, pcb is NULL       | read rx to its end, RELEASE | nothing                  |
 * | orphan    | released, pcb                  | nothing: the handle is gone | finish, then free        |
 *
 * A socket is freed when JS has released it and its protocol is done with it, whichever is last. Its
 * rings are freed with it, so neither side reads storage that is gone.
 *
 * A protocol is a row of functions (struct sock_ops). This file and its neighbours (sock_event.c,
 * sock_work.c, ring_storage.c) know no protocol; core/sock/protocol.c has the table of them.
 */
#include "sock/sock.h"

#include "channel.h"
#include "mem/heap.h"
#include "sock/ring_storage.h"

#define CHUNK 256u
#define CHUNKS 256u

struct slot {
    struct sock *sock;
    uint16_t generation;
    uint16_t next_free;
};

static struct stack_ctl *ctl;
static const struct sock_ops *protocols; /* by kind */
static struct slot *chunks[CHUNKS];
static uint32_t slots, slots_max; /* slots in the chunks; slot 0 is never used */
static uint32_t first_free;

/**
 * sock_setup() - Set up the table
 * @stack: control block of the stack
 * @max_sockets: sockets at the most, 1..65535
 * @table: what to ask of each kind of socket, SOCK_UDP + 1 rows; the last is for all kinds behind it, too
 */
void sock_setup(struct stack_ctl *stack, uint32_t max_sockets, const struct sock_ops *table)
{
    ctl = stack;
    slots_max = max_sockets;
    protocols = table;
    ring_storage_setup(stack);
}

static struct slot *slot_at(uint32_t index)
{
    return &chunks[index / CHUNK][index % CHUNK];
}

/**
 * grow() - Add a chunk of slots
 *
 * Return: 0, ABI_EMFILE, ABI_ENOMEM
 */
static int grow(void)
{
    struct slot *chunk;
    uint32_t i;

    if (slots > slots_max) {
        return ABI_EMFILE;
    }
    chunk = heap_calloc(CHUNK, sizeof(*chunk));
    if (!chunk) {
        return ABI_ENOMEM;
    }
    chunks[slots / CHUNK] = chunk;
    for (i = CHUNK; i-- > 0;) {
        uint32_t index = slots + i;

        if (index > 0 && index <= slots_max) {
            chunk[i].next_free = (uint16_t)first_free;
            first_free = index;
        }
    }
    slots += CHUNK;
    return 0;
}

/**
 * sock_new() - Take a slot
 * @kind: SOCK_*
 *
 * Return: zeroed socket of the kind with a handle, or NULL: no slot or no memory
 */
struct sock *sock_new(uint32_t kind)
{
    const struct sock_ops *ops;
    struct sock *s;
    struct slot *slot;
    uint32_t index;

    if (!first_free && grow() != 0) {
        return NULL;
    }
    ops = &protocols[kind < SOCK_UDP ? kind : SOCK_UDP];
    s = heap_calloc(1, ops->size);
    if (!s) {
        return NULL;
    }
    index = first_free;
    slot = slot_at(index);
    first_free = slot->next_free;
    slot->sock = s;
    slot->generation++;
    s->pub.handle = (uint32_t)slot->generation << 16 | index;
    s->pub.kind = kind;
    s->ops = ops;
    s->channel = channel_app();
    ctl->stats.sockets++;
    return s;
}

/**
 * sock_open() - CMD_OPEN: make a socket
 * @cmd: command
 * @out: set to the socket
 *
 * Return: 0, ABI_EINVAL: no kind of that number, ABI_EMFILE, ABI_ENOMEM, or an error of its protocol
 */
int sock_open(const struct cmd_socket *cmd, struct sock **out)
{
    struct sock *s;
    int err;

    if (cmd->kind >= SOCK_KINDS) {
        return ABI_EINVAL;
    }
    s = sock_new(cmd->kind);
    if (!s) {
        return first_free || slots <= slots_max ? ABI_ENOMEM : ABI_EMFILE;
    }
    err = s->ops->open(s, cmd);
    if (err) {
        sock_free(s);
        return err;
    }
    *out = s;
    return 0;
}

/**
 * sock_get() - The socket of a handle
 * @handle: handle
 *
 * Return: socket, or NULL: never was, is gone, or JS has released it
 */
struct sock *sock_get(uint32_t handle)
{
    uint32_t index = handle & 0xffff;
    struct sock *s;

    if (index >= slots) {
        return NULL;
    }
    s = slot_at(index)->sock;
    return s && s->pub.handle == handle && !s->released ? s : NULL;
}

/**
 * sock_next() - Go through all sockets, any of which may be freed on the way
 * @cursor: 0 to begin
 *
 * Return: socket, or NULL: there are no more
 */
struct sock *sock_next(uint32_t *cursor)
{
    while (++*cursor < slots) {
        if (slot_at(*cursor)->sock) {
            return slot_at(*cursor)->sock;
        }
    }
    return NULL;
}

/**
 * sock_free() - Free a socket that neither JS nor its protocol knows any more
 * @s: socket
 */
void sock_free(struct sock *s)
{
    uint32_t index = s->pub.handle & 0xffff;
    struct slot *slot = slot_at(index);

    slot->sock = NULL;
    slot->next_free = (uint16_t)first_free;
    first_free = index;
    ctl->stats.sockets--;
    ring_storage_free(&s->pub.tx);
    ring_storage_free(&s->pub.rx);
    list_remove(&s->event);
    list_remove(&s->work);
    list_remove(&s->later);
    heap_free(s);
}

/**
 * sock_close() - Free the table; every socket is freed already
 */
void sock_close(void)
{
    while (slots) {
        slots -= CHUNK;
        heap_free(chunks[slots / CHUNK]);
    }
    first_free = 0;
}
