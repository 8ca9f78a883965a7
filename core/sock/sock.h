/* SPDX-License-Identifier: MIT */
/* sock.h - socket slots and what a protocol is (theory of operation: core/sock/sock.c) */
#ifndef RINGSTACK_SOCK_H
#define RINGSTACK_SOCK_H

#include "abi.h"
#include "ring.h"
#include "util/list.h"

struct channel;
struct ip_addr; /* of lwIP */
struct ringif;

/* A socket of any protocol: the part that JS sees comes first. A protocol's own struct begins with this. */
struct sock {
    struct abi_sock pub;
    const struct sock_ops *ops;
    struct channel *channel; /* of the thread that has the handle */
    struct list event;       /* in channel->sockets (core/sock/sock_event.c) */
    struct list work;        /* runs at the end of the batch (core/sock/sock_work.c) */
    struct list later;       /* runs in the next turn */
    struct consumer tx;
    struct producer rx;
    uint32_t events;   /* SOCK_* bits of the next EVENT_SOCK */
    uint32_t announce; /* handle of the listener, until EVENT_ACCEPT is written; else 0 */
    uint32_t released; /* JS has forgotten the handle */
};

/* The functions of one kind of socket: a row of core/sock/protocol.c. NULL: nothing to do. */
struct sock_ops {
    uint32_t size;      /* of its struct, bytes */
    uint32_t can_share; /* a socket may be handed to another thread */

    /* Commands. open() returns 0 or a negative code, and then the socket is freed. */
    int (*open)(struct sock *s, const struct cmd_socket *cmd);
    void (*accepted)(struct sock *s);
    void (*kick)(struct sock *s);
    void (*shutdown)(struct sock *s);
    void (*discard)(struct sock *s);
    void (*close)(struct sock *s);
    void (*abort)(struct sock *s, int error); /* ends at once; frees it if it is released */
    void (*release)(struct sock *s); /* sets released; frees it when nothing is left to do */
    int (*set_option)(struct sock *s, uint32_t option, uint32_t value); /* 0 or a negative code */
    int (*member)(struct sock *s, const struct cmd_group *cmd);         /* the same */

    /* Before an address or an interface is removed. */
    void (*address_gone)(struct sock *s, const struct ip_addr *ip, int error);
    void (*interface_gone)(struct sock *s, const struct ringif *ifc);

    /* The end of a batch, for a socket that sock_work() or sock_later() was called for. */
    void (*run)(struct sock *s);
};

void sock_setup(struct stack_ctl *ctl, uint32_t max_sockets, const struct sock_ops *protocols);
void sock_close(void);
int sock_open(const struct cmd_socket *cmd, struct sock **out);
struct sock *sock_new(uint32_t kind);
struct sock *sock_get(uint32_t handle);
struct sock *sock_next(uint32_t *cursor);
void sock_free(struct sock *s);

#endif /* RINGSTACK_SOCK_H */
