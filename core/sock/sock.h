/* SPDX-License-Identifier: MIT */
/* sock.h - socket slots: what JS holds a handle to (theory of operation: core/sock/sock.c) */
#ifndef RINGSTACK_SOCK_H
#define RINGSTACK_SOCK_H

#include "abi.h"
#include "channel.h"
#include "ring.h"

struct tcp_pcb;

/* A socket: the part JS sees first, then ours. */
struct sock {
    struct abi_sock pub;
    struct tcp_pcb *pcb;     /* NULL once lwIP is done with it, or for a listener's lpcb, closed */
    struct channel *channel; /* whose thread has it */
    struct sock *listener;   /* accepted and not yet taken by JS: who waits */
    struct sock *next_event; /* list of sockets with events to tell */
    struct sock *next_work;  /* list of sockets to look after at the end of the batch */
    struct sock *next_later; /* list of sockets to look after in the next turn */
    struct sock *next_trim;  /* list of sockets whose rings may be too large */
    struct consumer tx;
    struct producer rx;
    uint32_t queued;    /* position in tx up to which lwIP has the bytes */
    uint32_t recved;    /* position in rx up to which the window was given back */
    uint32_t answered;  /* position in rx when we last had TCP send */
    uint32_t segment;   /* most data of one segment, when TCP last sent one; 0: it has not */
    uint32_t rx_max;    /* bound of the rx ring and of the window */
    uint32_t tx_max;    /* bound of the tx ring */
    uint32_t nodelay;   /* set when the connection opens */
    uint32_t keepalive; /* ms, set when the connection opens */
    uint32_t backlog;   /* listener: half-open and waiting connections at the most */
    uint32_t half_open; /* listener: SYNs answered whose handshake is not done */
    uint32_t waiting;   /* listener: connections JS has not taken */
    uint32_t events;    /* SOCK_* bits to tell */
    uint32_t rx_seen;   /* tail of rx and tx when tcp_rings_trim() last looked */
    uint32_t tx_seen;
    uint32_t quiet;       /* how often it found nothing new since */
    uint32_t held_tail;   /* tail of tx when less than a segment was held back */
    uint8_t event_listed; /* stands in the list of events */
    uint8_t work_listed;  /* stands in the list of work */
    uint8_t later_listed; /* stands in the list for the next turn */
    uint8_t trim_listed;  /* stands in the list of tcp_rings_trim() */
    uint8_t held;         /* less than a segment is held back until the next turn */
    uint8_t announce;     /* EVENT_ACCEPT is still to be told */
    uint8_t shutdown;     /* FIN after the last byte */
    uint8_t fin_queued;   /* lwIP has the FIN */
    uint8_t discard;      /* closed by JS: what comes is thrown away */
    uint8_t released;     /* JS has forgotten the handle */
    uint8_t dead;         /* freed while it stood in a list: the list frees it */
};

void sock_setup(struct stack_ctl *ctl, uint32_t max_sockets);
void sock_close(void);
struct sock *sock_new(uint32_t kind);
struct sock *sock_get(uint32_t handle);
void sock_free(struct sock *s);
void sock_event(struct sock *s, uint32_t bits);
void sock_work(struct sock *s);
void sock_later(struct sock *s, int urgent);
void sock_begin(void);
struct sock *sock_take_work(void);
struct sock *sock_next(const struct sock *after);
int sock_later_urgent(void);
int sock_later_any(void);
int sock_events_flush(struct channel *p);
void sock_move(struct sock *s, struct channel *to);
int sock_shortage(void);
int sock_storage(struct ring *ring, uint32_t size);
int sock_settle(struct ring *ring);

#endif /* RINGSTACK_SOCK_H */
