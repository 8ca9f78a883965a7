/* SPDX-License-Identifier: MIT */
/* channel.h - the command and event rings of each thread (theory of operation: core/channel.c) */
#ifndef RINGSTACK_CHANNEL_H
#define RINGSTACK_CHANNEL_H

#include "abi.h"
#include "ring.h"

struct sock;

/* A channel, with C's private part. */
struct channel {
    struct abi_channel *pub;
    struct consumer commands;
    struct producer events;
    uint32_t sock;                /* handle of the connection that was handed over, or 0 */
    uint32_t iface;               /* handle of the interface that was, or 0 */
    struct channel *next_telling; /* list of channels with events to write */
    struct sock *events_first;    /* sockets with events to tell (core/sock/sock.c) */
    struct sock *events_last;
    uint8_t telling; /* stands in the list */
};

int channel_setup(struct stack_ctl *ctl);
void channel_close(void);
struct channel *channel_app(void);
struct channel *channel_open(void);
void channel_free(struct channel *p);
struct channel *channel_next(const struct channel *after);
struct channel *channel_take_pending(int *released);
int channel_has_room(struct channel *p);
void channel_tell(struct channel *p);
void channel_answer(struct channel *p, uint32_t id, int error, uint32_t handle, uint32_t offset);
int channel_flush(int (*tell)(struct channel *p));
int channel_recall(struct channel *p);

#endif /* RINGSTACK_CHANNEL_H */
