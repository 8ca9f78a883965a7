/* SPDX-License-Identifier: MIT */
/* sock.c - socket slots: handles, events, ring storage
 *
 * Theory of operation
 *
 * A handle is a slot number and a generation: a handle JS kept too long finds nothing, never
 * somebody else's connection. The table grows by chunks and does not shrink; a free slot costs
 * eight bytes.
 *
 * | state     | how it is told apart           | JS may                      | C may                    |
 * |-----------|--------------------------------|-----------------------------|--------------------------|
 * | listener  | kind SOCK_LISTENER             | CMD_CLOSE, CMD_RELEASE      | announce connections     |
 * | connecting| pcb, no SOCK_OPEN              | CMD_ABORT, CMD_RELEASE      | open or close it         |
 * | open      | SOCK_OPEN, no SOCK_CLOSED      | write tx, read rx, all CMD_ | write rx, read tx, close |
 * | closed    | SOCK_CLOSED, pcb is NULL       | read rx to its end, RELEASE | nothing                  |
 * | orphan    | released, pcb                  | nothing: the handle is gone | finish, then free        |
 *
 * A socket is freed when JS has released it and lwIP has no pcb for it, whichever is last. Its
 * rings are freed with it, so neither side ever reads storage that is gone.
 *
 * Events are not queued one by one: a socket has a set of bits to tell and stands in a list until
 * the event ring had room for them, so a full event ring loses nothing and the list is bounded by
 * the number of sockets. Socket rings have no doorbells: whoever moved a position past the other
 * side's mark says so with an event or a CMD_KICK.
 *
 * Storage: a ring begins with one small block, laid in place before its first byte, and moves to
 * a larger one by the protocol of core/ring.h. The block it left is given back when both sides
 * have passed it (sock_settle()).
 */
#include "sock/sock.h"

#include "mem/heap.h"

#define CHUNK 256u
#define CHUNKS 256u

struct slot {
    struct sock *socket;
    uint16_t generation;
    uint16_t next_free;
};

static struct stack_ctl *ctl;
static struct slot *chunks[CHUNKS];
static uint32_t slots, slots_max; /* slots in the chunks; slot 0 is never used */
static uint32_t first_free;
static struct sock *work_first, *work_last, *later_first;
static int later_urgent;

/**
 * sock_setup() - Set up the table
 * @stack: control block of the stack
 * @max_sockets: sockets at the most, 1..65535
 */
void sock_setup(struct stack_ctl *stack, uint32_t max_sockets)
{
    ctl = stack;
    slots_max = max_sockets;
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
 * Return: zeroed socket with a handle, or NULL: no slot or no memory (sock_shortage() tells which)
 */
struct sock *sock_new(uint32_t kind)
{
    struct sock *s;
    struct slot *slot;
    uint32_t index;

    if (!first_free && grow() != 0) {
        return NULL;
    }
    s = heap_calloc(1, sizeof(*s));
    if (!s) {
        return NULL;
    }
    index = first_free;
    slot = slot_at(index);
    first_free = slot->next_free;
    slot->socket = s;
    slot->generation++;
    s->pub.handle = (uint32_t)slot->generation << 16 | index;
    s->pub.kind = kind;
    s->channel = channel_app();
    ctl->stats.sockets++;
    return s;
}

/**
 * sock_shortage() - Why sock_new() returned NULL
 *
 * Return: ABI_EMFILE or ABI_ENOMEM
 */
int sock_shortage(void)
{
    return first_free || slots <= slots_max ? ABI_ENOMEM : ABI_EMFILE;
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
    s = slot_at(index)->socket;
    return s && s->pub.handle == handle && !s->released ? s : NULL;
}

/**
 * sock_next() - Go through all sockets
 * @after: the last one, NULL to begin
 *
 * Return: socket, or NULL: that was the last
 */
struct sock *sock_next(const struct sock *after)
{
    uint32_t index = after ? (after->pub.handle & 0xffff) + 1 : 1;

    for (; index < slots; index++) {
        if (slot_at(index)->socket) {
            return slot_at(index)->socket;
        }
    }
    return NULL;
}

/**
 * free_storage() - Give back one buffer of a ring
 * @ring: ring
 * @which: buf[which]
 */
static void free_storage(struct ring *ring, uint32_t which)
{
    if (ring->size[which]) {
        ctl->stats.ring_bytes -= arena_block_size(ring->buf[which]);
        arena_free(ring->buf[which]);
        ring->buf[which] = 0;
        ring->size[which] = 0;
    }
}

/**
 * sock_free() - Free a socket that neither JS nor lwIP knows any more
 * @s: socket
 */
void sock_free(struct sock *s)
{
    uint32_t index = s->pub.handle & 0xffff;

    if (!s->dead) {
        struct slot *slot = slot_at(index);

        slot->socket = NULL;
        slot->next_free = (uint16_t)first_free;
        first_free = index;
        ctl->stats.sockets--;
        free_storage(&s->pub.tx, 0);
        free_storage(&s->pub.tx, 1);
        free_storage(&s->pub.rx, 0);
        free_storage(&s->pub.rx, 1);
    }
    s->dead = 1;
    if (!s->event_listed && !s->work_listed && !s->later_listed && !s->trim_listed) {
        heap_free(s);
    }
}

/**
 * sock_close() - Free the table; every socket is freed already, but some may stand in lists, of events
 * in that of the app only: no object is on another channel any more
 */
void sock_close(void)
{
    struct channel *app = channel_app();
    struct sock *s, *next;

    sock_begin();
    sock_take_work();
    for (s = app->events_first; s; s = next) {
        next = s->next_event;
        s->event_listed = 0;
        sock_free(s);
    }
    app->events_first = app->events_last = NULL;
    while (slots) {
        slots -= CHUNK;
        heap_free(chunks[slots / CHUNK]);
    }
    first_free = 0;
}

/**
 * sock_event() - Tell JS something about a socket
 * @s: socket
 * @bits: SOCK_* to tell
 */
void sock_event(struct sock *s, uint32_t bits)
{
    struct channel *p = s->channel;

    s->events |= bits;
    if (s->event_listed || s->released) {
        return;
    }
    s->event_listed = 1;
    s->next_event = NULL;
    if (p->events_last) {
        p->events_last->next_event = s;
    } else {
        p->events_first = s;
    }
    p->events_last = s;
    channel_tell(p);
}

/**
 * sock_move() - Hand a socket to another thread
 * @s: socket that its thread knows of
 * @to: that thread's channel; it is told all that has happened so far
 */
void sock_move(struct sock *s, struct channel *to)
{
    struct sock **link = &s->channel->events_first, *last = NULL;

    if (s->event_listed) {
        for (; *link != s; link = &last->next_event) {
            last = *link;
        }
        *link = s->next_event;
        if (s->channel->events_last == s) {
            s->channel->events_last = last;
        }
        s->event_listed = 0;
    }
    s->channel = to;
    sock_event(s, SOCK_READABLE | SOCK_WRITABLE |
                      atomic_load_explicit(&s->pub.flags, memory_order_relaxed)); /* our own */
}

/**
 * tell() - Write one event
 * @events: event ring
 * @event: the event
 *
 * Return: 0 or ABI_EAGAIN
 */
static int tell(struct producer *events, const struct event *event)
{
    uint8_t *to;
    int err = frame_reserve(events, sizeof(*event), &to);

    if (err == 0) {
        __builtin_memcpy(to, event, sizeof(*event));
        frame_submit(events, sizeof(*event));
    }
    return err;
}

/**
 * tell_socket() - Write all that is to be told of one socket
 * @events: event ring
 * @s: socket
 *
 * Return: 0 or ABI_EAGAIN
 */
static int tell_socket(struct producer *events, struct sock *s)
{
    struct event event = { .handle = s->pub.handle };

    if (s->announce) {
        event.kind = EVENT_ACCEPT;
        event.id = s->listener ? s->listener->pub.handle : 0;
        event.offset = offset_of(&s->pub);
        if (tell(events, &event) != 0) {
            return ABI_EAGAIN;
        }
        s->announce = 0;
    }
    if (s->events) {
        event.kind = EVENT_SOCK;
        event.bits = s->events;
        event.error = s->pub.error;
        if (tell(events, &event) != 0) {
            return ABI_EAGAIN;
        }
        s->events = 0;
    }
    return 0;
}

/**
 * sock_events_flush() - Tell a thread as much of its sockets as its event ring has room for
 * @p: its channel
 *
 * Return: 1 if all was told, 0 if the rest waits for room
 */
int sock_events_flush(struct channel *p)
{
    while (p->events_first) {
        struct sock *s = p->events_first;

        if (!s->dead && !s->released && tell_socket(&p->events, s) != 0) {
            return 0;
        }
        p->events_first = s->next_event;
        if (!p->events_first) {
            p->events_last = NULL;
        }
        s->event_listed = 0;
        if (s->dead) {
            sock_free(s);
        }
    }
    return 1;
}

/**
 * sock_work() - Look after a socket at the end of the batch
 * @s: socket
 */
void sock_work(struct sock *s)
{
    if (s->work_listed) {
        return;
    }
    s->work_listed = 1;
    s->next_work = NULL;
    if (work_last) {
        work_last->next_work = s;
    } else {
        work_first = s;
    }
    work_last = s;
}

/**
 * sock_later() - Look after a socket in the next turn
 * @s: socket
 * @urgent: the next turn is to come at once, else in due time
 */
void sock_later(struct sock *s, int urgent)
{
    later_urgent |= urgent;
    if (!s->later_listed) {
        s->later_listed = 1;
        s->next_later = later_first;
        later_first = s;
    }
}

/**
 * sock_later_urgent() - Whether the next turn is to come at once
 *
 * Return: 1 if so
 */
int sock_later_urgent(void)
{
    return later_urgent;
}

/**
 * sock_later_any() - Whether a socket waits for the next turn
 *
 * Return: 1 if so
 */
int sock_later_any(void)
{
    return later_first != NULL;
}

/**
 * sock_begin() - A turn begins: what was left for it is work now
 */
void sock_begin(void)
{
    struct sock *s = later_first, *next;

    later_first = NULL;
    later_urgent = 0;
    for (; s; s = next) {
        next = s->next_later;
        s->later_listed = 0;
        if (s->dead) {
            sock_free(s);
        } else {
            sock_work(s);
        }
    }
}

/**
 * sock_take_work() - The next socket to look after
 *
 * Return: socket, no longer listed, or NULL
 */
struct sock *sock_take_work(void)
{
    while (work_first) {
        struct sock *s = work_first;

        work_first = s->next_work;
        if (!work_first) {
            work_last = NULL;
        }
        s->work_listed = 0;
        if (!s->dead) {
            return s;
        }
        sock_free(s);
    }
    return NULL;
}

/**
 * sock_storage() - Give a ring a buffer, its first or a larger one
 * @ring: a socket's ring; settled, if it has a buffer
 * @size: bytes, a power of two
 *
 * Return: 0 or ABI_ENOMEM
 */
int sock_storage(struct ring *ring, uint32_t size)
{
    uint32_t buf = arena_alloc(size, ctl->owner);

    if (!buf) {
        return ABI_ENOMEM;
    }
    ctl->stats.ring_bytes += arena_block_size(buf);
    if (ring->size[0] == 0 && ring->size[1] == 0) {
        /* Nothing was ever in it: the first tail that the consumer sees comes after this. */
        ring->buf[0] = buf;
        __atomic_store_n(&ring->size[0], size, __ATOMIC_RELAXED); /* ring_size() */
    } else {
        ring_offer(ring, buf, size);
    }
    return 0;
}

/**
 * sock_settle() - Give back the buffer that both sides have left
 * @ring: a socket's ring
 *
 * Return: 1 if the ring may be given another buffer
 */
int sock_settle(struct ring *ring)
{
    uint32_t offered = atomic_load_explicit(&ring->offered, memory_order_relaxed); /* our own G */

    if (!ring_settled(ring)) {
        return 0;
    }
    free_storage(ring, (offered + 1) & 1);
    return 1;
}
