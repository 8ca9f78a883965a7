/* SPDX-License-Identifier: MIT */
/* tcp_sock.h - the state of a TCP connection and of a listener (theory of operation: core/sock/tcp.c) */
#ifndef RINGSTACK_TCP_SOCK_H
#define RINGSTACK_TCP_SOCK_H

#include "sock/sock.h"

struct netif;
struct tcp_pcb;

/* A connection whose handshake is not done (core/sock/tcp_listen.c). */
struct half_open {
    struct list list; /* of its listener, oldest first */
    struct tcp_listener *listener;
    struct tcp_pcb *pcb;
    uint32_t *share; /* how many came by the interface of this one */
    uint32_t since;  /* in sys_now() */
};

/* SOCK_TCP_LISTENER */
struct tcp_listener {
    struct sock sock;
    struct tcp_pcb *pcb; /* a tcp_pcb_listen; NULL: closed */
    uint32_t backlog;    /* half-open and waiting connections at the most */
    uint32_t half_open;  /* SYNs answered whose handshake is not done */
    struct list half_open_list;
    uint32_t waiting; /* connections JS has not taken */
    uint32_t rx_max;  /* of the connections */
    uint32_t tx_max;
    uint32_t nodelay;
    uint32_t keepalive;
};

/* SOCK_TCP */
struct tcp_sock {
    struct sock sock;
    struct tcp_pcb *pcb;           /* NULL: lwIP is done with it */
    struct tcp_listener *listener; /* accepted and not yet taken by JS: where it waits */
    struct list trim;              /* its rings may be too large (core/sock/tcp_rings.c) */
    uint32_t queued;               /* position in tx up to which lwIP has the bytes */
    uint32_t recved;               /* position in rx up to which the window was given back */
    uint32_t answered;             /* position in rx when we last had TCP send */
    uint32_t mss;                  /* as both sides announced, whatever the path; 0: not open yet */
    uint32_t segment;   /* most data of one segment, when TCP last sent one; 0: none yet */
    uint32_t rx_max;    /* bound of the rx ring and of the window */
    uint32_t tx_max;    /* bound of the tx ring */
    uint32_t nodelay;   /* set when the connection opens */
    uint32_t keepalive; /* ms, set when the connection opens */
    uint32_t rx_seen;   /* tail of rx and tx when tcp_sock_rings_trim() last looked */
    uint32_t tx_seen;
    uint32_t quiet;      /* how often it found nothing new since */
    uint32_t held_tail;  /* tail of tx when less than a segment was held back */
    uint8_t held;        /* less than a segment is held back until the next turn */
    uint8_t shutdown;    /* FIN after the last byte */
    uint8_t fin_queued;  /* lwIP has the FIN */
    uint8_t discard;     /* closed by JS: what comes is thrown away */
    uint32_t small;      /* small segments that came behind a hole, since there was none */
    uint32_t challenged; /* when a segment with a wrong ACK was last answered */
    uint32_t acked_seen; /* head of tx, and when, as tcp_sock_expire() last saw it move */
    uint32_t acked_at;
};

/**
 * tcp_sock_of() - The connection that a socket is
 * @s: socket of kind SOCK_TCP
 *
 * Return: connection
 */
static inline struct tcp_sock *tcp_sock_of(struct sock *s)
{
    return (struct tcp_sock *)(void *)s;
}

/**
 * tcp_listener_of() - The listener that a socket is
 * @s: socket of kind SOCK_TCP_LISTENER
 *
 * Return: listener
 */
static inline struct tcp_listener *tcp_listener_of(struct sock *s)
{
    return (struct tcp_listener *)(void *)s;
}

#endif /* RINGSTACK_TCP_SOCK_H */
