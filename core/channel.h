/* SPDX-License-Identifier: MIT */
/* channel.h - control planes: C's side of every port (theory of operation: core/channel.c) */
#ifndef RINGSTACK_PLANE_H
#define RINGSTACK_PLANE_H

#include "abi.h"
#include "ring.h"

struct socket;

/* C's side of a port. */
struct plane {
    struct port *pub;
    struct consumer commands;
    struct producer events;
    uint32_t sock;               /* handle of the connection that was handed over, or 0 */
    uint32_t iface;              /* handle of the interface that was, or 0 */
    struct plane *next_telling;  /* list of planes with something to tell */
    struct socket *events_first; /* sockets with events to tell (core/sock/sock.c) */
    struct socket *events_last;
    uint8_t telling; /* stands in the list */
};

int plane_setup(struct stack_ctl *ctl);
void plane_close(void);
struct plane *plane_app(void);
struct plane *plane_open(void);
void plane_free(struct plane *p);
struct plane *plane_next(const struct plane *after);
struct plane *plane_take_rung(int *released);
int plane_has_room(struct plane *p);
void plane_tell(struct plane *p);
void plane_answer(struct plane *p, uint32_t id, int error, uint32_t handle, uint32_t place);
int plane_flush(int (*tell)(struct plane *p));
int plane_recall(struct plane *p);

#endif /* RINGSTACK_PLANE_H */
