/* SPDX-License-Identifier: MIT */
/* sock_event.c - events of sockets, from C to JS
 *
 * Theory of operation
 *
 * Events are not queued one by one. A socket has a set of bits for its next event, and is in the list
 * of its channel until the event ring had room for it. So a full event ring loses nothing, and the
 * list is bounded by the number of sockets.
 *
 * Socket rings have no doorbells: a side that moves a position past the other side's threshold sends an
 * event (C) or a CMD_KICK (JS).
 */
#include "sock/sock_event.h"

/**
 * sock_event() - Have an event written for a socket
 * @s: socket
 * @bits: SOCK_*
 */
void sock_event(struct sock *s, uint32_t bits)
{
    s->events |= bits;
    if (!s->released && list_add(&s->channel->sockets, &s->event)) {
        channel_tell(s->channel);
    }
}

/**
 * sock_event_finish() - A socket has ended: write the event, or free it if JS has released it
 * @s: socket that its protocol has finished with
 * @error: code, 0: both sides closed
 */
void sock_event_finish(struct sock *s, int error)
{
    if (!s->pub.error) {
        s->pub.error = error;
    }
    if (s->released) {
        sock_free(s);
        return;
    }
    atomic_fetch_or_explicit(&s->pub.flags, SOCK_CLOSED, memory_order_release); /* after error */
    sock_event(s, SOCK_CLOSED);
}

/**
 * sock_event_move() - Hand a socket to another thread
 * @s: socket that is announced already
 * @to: channel of that thread, which gets an event with all bits so far
 */
void sock_event_move(struct sock *s, struct channel *to)
{
    list_remove(&s->event);
    s->channel = to;
    sock_event(s, SOCK_READABLE | SOCK_WRITABLE |
                      atomic_load_explicit(&s->pub.flags, memory_order_relaxed)); /* our own */
}

/**
 * write_events() - Write the events of one socket
 * @c: its channel
 * @s: socket
 *
 * Return: 0 or ABI_EAGAIN
 */
static int write_events(struct channel *c, struct sock *s)
{
    struct event event = { .handle = s->pub.handle };

    if (s->announce) {
        event.kind = EVENT_ACCEPT;
        event.id = s->announce;
        event.offset = offset_of(&s->pub);
        if (channel_write(c, &event) != 0) {
            return ABI_EAGAIN;
        }
        s->announce = 0;
    }
    if (s->events) {
        event.kind = EVENT_SOCK;
        event.bits = s->events;
        event.error = s->pub.error;
        if (channel_write(c, &event) != 0) {
            return ABI_EAGAIN;
        }
        s->events = 0;
    }
    return 0;
}

/**
 * sock_event_flush() - Write as many events of a channel's sockets as its event ring has room for
 * @c: channel
 *
 * Return: 1 if all were written, 0 if the rest waits for room
 */
int sock_event_flush(struct channel *c)
{
    while (!list_is_empty(&c->sockets)) {
        struct sock *s = LIST_ENTRY(c->sockets.next, struct sock, event);

        if (!s->released && write_events(c, s) != 0) {
            return 0;
        }
        list_remove(&s->event);
    }
    return 1;
}
