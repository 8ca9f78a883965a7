/* SPDX-License-Identifier: MIT */
/* channel.h - the command and event rings of each thread (theory of operation: core/channel.c) */
#ifndef RINGSTACK_CHANNEL_H
#define RINGSTACK_CHANNEL_H

#include "abi.h"
#include "ring.h"
#include "util/list.h"

/* A channel, with C's private part. */
struct channel {
    struct abi_channel *pub;
    struct consumer commands;
    struct producer events;
    uint32_t sock;       /* handle of the connection that was handed over, or 0 */
    uint32_t iface;      /* handle of the interface that was, or 0 */
    struct list sockets; /* those with events to write (core/sock/sock_event.c) */
    struct list telling; /* in the list of channels with events to write */
};

int channel_setup(struct stack_ctl *ctl);
void channel_close(void);
struct channel *channel_app(void);
struct channel *channel_open(void);
void channel_free(struct channel *c);
struct channel *channel_next(const struct channel *after);
struct channel *channel_take_pending(int *released);
int channel_has_room(struct channel *c);
int channel_write(struct channel *c, const struct event *event);
void channel_tell(struct channel *c);
int channel_flush(int (*write_events)(struct channel *c));
int channel_recall(struct channel *c);

#endif /* RINGSTACK_CHANNEL_H */
