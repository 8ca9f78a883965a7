/* SPDX-License-Identifier: MIT */
/* tcp.c - how TCP connections live, close and die (how they open: core/sock/tcp_open.c)
 *
 * Theory of operation
 *
 * A socket and an lwIP pcb point at each other (callback_arg, ext_arg) until lwIP is done with the
 * pcb: it entered TIME_WAIT, was reset, timed out or aborted. Then detach() or errf cuts both
 * pointers, and nothing of the socket is reached from lwIP any more; in particular its rings are
 * not, since every path there frees or purges the pcb's segments.
 *
 * Closing. CMD_SHUTDOWN queues a FIN behind the last byte of tx; the other direction stays open
 * for as long as the peer likes. CMD_DISCARD throws away what still comes: we do not use
 * tcp_close(), which answers unread data with a reset and loses what we have queued. After a
 * discard, when our FIN is acknowledged (SOCK_SENT), lwIP is told that we no longer receive, so
 * that it limits the time in FIN_WAIT_2 and answers more data with a reset.
 *
 * JS may release the handle at any time. Unless it asked for a reset, the connection then finishes
 * by itself as an orphan, as if closed.
 */
#include "sock/tcp.h"

#include "lwip/etharp.h"
#include "lwip/priv/tcp_priv.h"

#include "iface/iface.h"
#include "lwext/tcp_park.h"
#include "lwip_port.h"
#include "sock/tcp_internal.h"

/* As Node: a probe a second, ten of them. */
#define KEEPALIVE_INTERVAL 1000u
#define KEEPALIVE_PROBES 10u
/* lwIP adds the time of all probes to it in 32 bits. */
#define KEEPALIVE_MOST 0x7fffffffu

/* Why connections are being aborted, for errf; 0: lwIP gave up by itself. */
static int abort_reason;

/**
 * finish() - The connection is over; lwIP no longer has the pcb
 * @s: connection
 * @error: code, 0: both sides closed
 */
static void finish(struct sock *s, int error)
{
    s->pcb = NULL;
    tcp_rings_over(s);
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
 * detach() - Let lwIP finish the pcb without us
 * @s: connection
 */
static void detach(struct sock *s)
{
    struct tcp_pcb *pcb = s->pcb;

    tcp_output(pcb); /* what this batch owes */
    tcp_arg(pcb, NULL);
    tcp_ext_arg_set(pcb, 0, NULL);
    tcp_recv(pcb, NULL);
    tcp_sent(pcb, NULL);
    tcp_err(pcb, NULL);
    s->pcb = NULL;
}

/**
 * tcp_sock_sent_all() - Our FIN is acknowledged
 * @s: connection
 */
void tcp_sock_sent_all(struct sock *s)
{
    uint32_t flags = atomic_load_explicit(&s->pub.flags, memory_order_relaxed); /* our own */

    if (!(flags & SOCK_SENT)) {
        atomic_fetch_or_explicit(&s->pub.flags, SOCK_SENT, memory_order_release); /* after head */
        sock_event(s, SOCK_SENT);
    }
    if (s->pcb->state == TIME_WAIT) {
        detach(s);
        finish(s, 0);
    } else if (s->discard) {
        tcp_shutdown(s->pcb, 1, 0);
        if (s->released) {
            detach(s);
            finish(s, 0);
        }
    }
}

/**
 * unreachable() - Whether the next hop of a connection that timed out was never resolved
 * @s: connection
 *
 * Return: 1 if no host answered for the address on the link
 */
static int unreachable(const struct sock *s)
{
    struct eth_addr *mac;
    const ip4_addr_t *found;
    ip_addr_t remote;
    const struct ringif *ifc;
    struct netif *netif;
    const ip4_addr_t *hop;

    if (s->pub.remote.family != FAMILY_IPV4 || port_to_lwip(&s->pub.remote, &remote) != 0) {
        return 0;
    }
    netif = ip4_route(ip_2_ip4(&remote));
    if (!netif) {
        return 1;
    }
    ifc = netif->state;
    hop = ip4_addr_net_eq(ip_2_ip4(&remote), netif_ip4_addr(netif), netif_ip4_netmask(netif))
              ? ip_2_ip4(&remote)
              : netif_ip4_gw(netif);
    return ifc->pub->kind == IFACE_TAP && etharp_find_addr(netif, hop, &mac, &found) < 0;
}

/**
 * nothing_lost() - Whether a reset comes when both sides have ended and all bytes have arrived: the
 * peer did not wait for our FIN
 * @s: connection
 *
 * Return: 1 if so
 */
static int nothing_lost(const struct sock *s)
{
    uint32_t flags = atomic_load_explicit(&s->pub.flags, memory_order_relaxed); /* our own */

    return (flags & SOCK_EOF) && s->fin_queued && s->tx.head == s->queued;
}

/**
 * on_error() - lwIP has freed the pcb (tcp_err_fn)
 * @arg: connection
 * @err: why
 */
static void on_error(void *arg, err_t err)
{
    struct sock *s = arg;
    int connecting, error;

    if (!s) {
        return;
    }
    connecting = !(atomic_load_explicit(&s->pub.flags, memory_order_relaxed) & SOCK_OPEN); /* own */
    if (err == ERR_CLSD || (err == ERR_RST && nothing_lost(s))) {
        s->pcb = NULL;
        sock_event(s, SOCK_SENT);
        finish(s, 0);
        return;
    }
    if (s->discard && (atomic_load_explicit(&s->pub.flags, memory_order_relaxed) & SOCK_SENT)) {
        /* All we sent has arrived and we want nothing more: however it ended, it was closed. */
        finish(s, 0);
        return;
    }
    if (err == ERR_RST) {
        error = connecting ? ABI_ECONNREFUSED : ABI_ECONNRESET;
    } else if (abort_reason) {
        error = abort_reason;
    } else {
        error = connecting && unreachable(s) ? ABI_EHOSTUNREACH : ABI_ETIMEDOUT;
    }
    finish(s, error);
}

/**
 * on_received() - Payload, or the peer's FIN (tcp_recv_fn)
 * @arg: connection
 * @pcb: its pcb
 * @p: payload, NULL: FIN
 * @err: ERR_OK
 *
 * Return: ERR_OK or ERR_ABRT
 */
static err_t on_received(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
    struct sock *s = arg;

    (void)err;
    if (p) {
        return tcp_data_received(s, p);
    }
    atomic_fetch_or_explicit(&s->pub.flags, SOCK_EOF, memory_order_release); /* after the bytes */
    sock_event(s, SOCK_EOF);
    if (pcb->state == TIME_WAIT) {
        tcp_sock_sent_all(s);
    }
    return ERR_OK;
}

/**
 * on_sent() - The peer acknowledged (tcp_sent_fn)
 * @arg: connection
 * @pcb: its pcb
 * @length: how much
 *
 * Return: ERR_OK
 */
static err_t on_sent(void *arg, struct tcp_pcb *pcb, u16_t length)
{
    (void)pcb;
    tcp_data_acked(arg, length);
    return ERR_OK;
}

/**
 * on_destroyed() - lwIP frees a pcb (tcp_extarg_callback_pcb_destroyed_fn)
 * @id: 0
 * @data: socket, NULL if detached
 *
 * errf follows or came before wherever a socket is still attached; this only makes sure that no
 * path leaves the socket with a pointer to a pcb that is gone.
 */
static void on_destroyed(u8_t id, void *data)
{
    (void)id;
    if (data) {
        ((struct sock *)data)->pcb = NULL;
    }
}

static const struct tcp_ext_arg_callbacks ext_callbacks = { .destroy = on_destroyed };

/**
 * tcp_sock_attach() - Tie a socket and a pcb together
 * @s: socket
 * @pcb: pcb
 */
void tcp_sock_attach(struct sock *s, struct tcp_pcb *pcb)
{
    s->pcb = pcb;
    tcp_arg(pcb, s);
    tcp_ext_arg_set_callbacks(pcb, 0, &ext_callbacks);
    tcp_ext_arg_set(pcb, 0, s);
    tcp_recv(pcb, on_received);
    tcp_sent(pcb, on_sent);
    tcp_err(pcb, on_error);
}

/**
 * drop_waiting() - Reset the connections JS was never told of, forget the others and the half-open
 * @listener: listener that closes
 */
static void drop_waiting(struct sock *listener)
{
    struct sock *s, *next;
    struct tcp_pcb *pcb;

    for (pcb = tcp_active_pcbs; pcb; pcb = pcb->next) {
        if (tcp_ext_arg_get(pcb, 0) == listener) {
            tcp_ext_arg_set(pcb, 0, NULL);
        }
    }
    for (s = sock_next(NULL); s; s = next) {
        next = sock_next(s);
        if (s->listener != listener) {
            continue;
        }
        s->listener = NULL;
        if (s->announce) {
            s->announce = 0;
            s->released = 1;
            tcp_sock_abort(s, ABI_ECONNABORTED);
        }
    }
}

/**
 * close_listener() - Stop listening
 * @s: listener
 * @error: what JS is told
 */
static void close_listener(struct sock *s, int error)
{
    if (s->pcb) {
        tcp_arg(s->pcb, NULL);
        tcp_close(s->pcb);
        drop_waiting(s);
        finish(s, error);
    }
}

/**
 * tcp_sock_shutdown() - CMD_SHUTDOWN: FIN after the last byte of tx
 * @s: connection
 */
void tcp_sock_shutdown(struct sock *s)
{
    if (s->pub.kind == SOCK_STREAM) {
        s->shutdown = 1;
        sock_work(s);
    }
}

/**
 * tcp_sock_discard() - CMD_DISCARD: what still comes is thrown away
 * @s: connection; one that is not open yet is aborted
 */
void tcp_sock_discard(struct sock *s)
{
    int open = atomic_load_explicit(&s->pub.flags, memory_order_relaxed) & SOCK_OPEN; /* our own */

    if (!s->pcb || s->discard || s->pub.kind == SOCK_LISTENER) {
        return;
    }
    if (!open) {
        tcp_sock_abort(s, ABI_ECONNABORTED);
        return;
    }
    s->discard = 1;
    tcp_data_give_back(s); /* unparks it: the time in FIN_WAIT_2 may be limited from now on */
    if (s->fin_queued && s->pcb->state == FIN_WAIT_2) {
        tcp_shutdown(s->pcb, 1, 0);
    }
}

/**
 * tcp_sock_close() - CMD_CLOSE: stop listening
 * @s: listener
 */
void tcp_sock_close(struct sock *s)
{
    if (s->pub.kind == SOCK_LISTENER) {
        close_listener(s, 0);
    }
}

/**
 * tcp_sock_abort() - CMD_ABORT: reset the connection
 * @s: connection
 * @error: what JS is told
 */
void tcp_sock_abort(struct sock *s, int error)
{
    if (s->pub.kind == SOCK_LISTENER) {
        close_listener(s, error);
    } else if (s->pcb) {
        abort_reason = error;
        tcp_abort(s->pcb);
        abort_reason = 0;
    }
}

/**
 * tcp_sock_release() - CMD_RELEASE: JS forgets the handle
 * @s: connection or listener
 */
void tcp_sock_release(struct sock *s)
{
    tcp_sock_accepted(s); /* or not: it waits no longer */
    tcp_sock_close(s);
    tcp_sock_discard(s);
    s->released = 1;
    if (s->pcb) {
        tcp_sock_shutdown(s);
    }
    if (!s->pcb) {
        sock_free(s);
    } else if (s->fin_queued && s->pcb->state == FIN_WAIT_2) {
        detach(s);
        finish(s, 0);
    }
}

/**
 * tcp_sock_kick() - CMD_KICK: tx has bytes or wants room, or rx has room past its threshold
 * @s: connection
 */
void tcp_sock_kick(struct sock *s)
{
    if (s->pcb && s->pub.kind == SOCK_STREAM) {
        tcp_data_window(s);
        if (s->pcb) {
            sock_work(s);
        }
    }
}

/**
 * tcp_sock_nodelay() - CMD_NODELAY
 * @s: connection
 * @on: 0: Nagle's algorithm (RFC 896), else small segments go at once
 */
void tcp_sock_nodelay(struct sock *s, uint32_t on)
{
    s->nodelay = on;
    if (!s->pcb || s->pub.kind != SOCK_STREAM) {
        return;
    }
    if (on) {
        tcp_nagle_disable(s->pcb);
    } else {
        tcp_nagle_enable(s->pcb);
    }
}

/**
 * tcp_sock_keepalive() - CMD_KEEPALIVE
 * @s: connection
 * @idle: ms before the first probe, 0: no probes
 */
void tcp_sock_keepalive(struct sock *s, uint32_t idle)
{
    idle = LWIP_MIN(idle, KEEPALIVE_MOST);
    s->keepalive = idle;
    if (!s->pcb || s->pub.kind != SOCK_STREAM) {
        return;
    }
    tcp_unpark(s->pcb);
    if (idle) {
        s->pcb->keep_idle = idle;
        s->pcb->keep_intvl = KEEPALIVE_INTERVAL;
        s->pcb->keep_cnt = KEEPALIVE_PROBES;
        ip_set_option(s->pcb, SOF_KEEPALIVE);
    } else {
        ip_reset_option(s->pcb, SOF_KEEPALIVE);
    }
}

/**
 * tcp_sock_interface_remove() - Remove an interface and end what used its addresses
 * @handle: interface
 *
 * Return: 0 or ABI_ENODEV
 */
int tcp_sock_interface_remove(uint32_t handle)
{
    const struct ringif *ifc = iface_get(handle);
    struct sock *s = NULL;
    uint32_t i;
    int err;

    if (!ifc) {
        return ABI_ENODEV;
    }
    while ((s = sock_next(s))) {
        for (i = 0; i < ifc->addr_count && s->pub.kind == SOCK_LISTENER; i++) {
            if (s->pub.local.family == ifc->addrs[i].family &&
                __builtin_memcmp(s->pub.local.bytes, ifc->addrs[i].bytes, 16) == 0) {
                close_listener(s, ABI_ENODEV);
                break;
            }
        }
    }
    abort_reason = ABI_ENODEV;
    tcp_unpark_all();
    err = iface_remove(handle);
    abort_reason = 0;
    return err;
}

/**
 * tcp_sock_abort_orphans() - Reset what lwIP still finishes by itself, TIME_WAIT included
 */
void tcp_sock_abort_orphans(void)
{
    tcp_unpark_all();
    while (tcp_active_pcbs) {
        tcp_abort(tcp_active_pcbs);
    }
    while (tcp_tw_pcbs) {
        tcp_abort(tcp_tw_pcbs);
    }
}

/**
 * tcp_sock_run() - Look after the sockets that asked for it during the batch
 */
void tcp_sock_run(void)
{
    struct sock *s;

    while ((s = sock_take_work())) {
        tcp_data_output(s);
    }
}

/**
 * tcp_sock_retry() - Have TCP send what an interface had no room for
 */
void tcp_sock_retry(void)
{
    struct tcp_pcb *pcb, *next;

    for (pcb = tcp_active_pcbs; pcb; pcb = next) {
        next = pcb->next;
        if (pcb->unsent || (pcb->flags & (TF_ACK_NOW | TF_ACK_DELAY))) {
            tcp_output(pcb);
        }
    }
}
