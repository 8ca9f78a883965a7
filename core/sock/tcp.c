/* SPDX-License-Identifier: MIT */
/* tcp.c - how TCP connections live, close and die (how they open: core/sock/tcp_open.c)
 *
 * Theory of operation
 *
 * A socket and an lwIP pcb point at each other (callback_arg, ext_arg) until lwIP is done with the
 * pcb: it entered TIME_WAIT, was reset, timed out or aborted. Then detach() or end() cuts both
 * pointers, and lwIP reaches nothing of the socket any more. It does not reach the rings either, since
 * every path there frees or purges the pcb's segments.
 *
 * Closing. CMD_SHUTDOWN queues a FIN behind the last byte of tx; the other direction stays open as
 * long as the peer likes. CMD_DISCARD drops incoming data: tcp_close() would answer unread data with a
 * reset and lose what we have queued. After a discard, when our FIN is acknowledged (SOCK_SENT),
 * tcp_shutdown() closes our receiving side: lwIP then limits the time in FIN_WAIT_2 and answers more
 * data with a reset.
 *
 * JS may release the handle at any time. Unless it asked for a reset, the connection then finishes
 * by itself as an orphan, as if closed.
 */
#include "sock/tcp.h"

#include "lwip/ip4.h"
#include "lwip/priv/tcp_priv.h"

#include "iface/neighbor.h"
#include "lwext/tcp_park.h"
#include "lwip_port.h"
#include "sock/sock_event.h"
#include "sock/sock_work.h"
#include "sock/tcp_data.h"
#include "sock/tcp_rings.h"

/* As Node: a probe a second, ten of them. */
#define KEEPALIVE_INTERVAL 1000u
#define KEEPALIVE_PROBES 10u
/* lwIP adds the time of all probes to it in 32 bits. */
#define KEEPALIVE_MOST 0x7fffffffu

/* Why connections are being aborted, for end(); 0: lwIP gave up by itself. */
static int abort_reason;

/**
 * finish() - The connection is over
 * @t: connection, which its pcb does not know any more; freed, if JS has released it
 * @error: code, 0: both sides closed
 */
static void finish(struct tcp_sock *t, int error)
{
    t->pcb = NULL;
    tcp_sock_rings_over(t);
    sock_event_finish(&t->sock, error);
}

/**
 * detach() - Let lwIP finish the pcb without us
 * @t: connection
 */
static void detach(struct tcp_sock *t)
{
    struct tcp_pcb *pcb = t->pcb;

    tcp_output(pcb); /* what this batch has not sent yet */
    tcp_arg(pcb, NULL);
    tcp_ext_arg_set(pcb, 0, NULL);
    tcp_recv(pcb, NULL);
    tcp_sent(pcb, NULL);
    tcp_err(pcb, NULL);
}

/**
 * sent_all() - Our FIN is acknowledged
 * @t: connection
 */
static void sent_all(struct tcp_sock *t)
{
    uint32_t flags = atomic_load_explicit(&t->sock.pub.flags, memory_order_relaxed); /* our own */

    if (!(flags & SOCK_SENT)) {
        atomic_fetch_or_explicit(&t->sock.pub.flags, SOCK_SENT,
                                 memory_order_release); /* after head */
        sock_event(&t->sock, SOCK_SENT);
    }
    if (t->pcb->state == TIME_WAIT) {
        detach(t);
        finish(t, 0);
    } else if (t->discard) {
        tcp_shutdown(t->pcb, 1, 0);
        if (t->sock.released) {
            detach(t);
            finish(t, 0);
        }
    }
}

/**
 * unreachable() - Whether the next hop of a connection that timed out was never resolved
 * @t: connection
 *
 * Return: 1 if no host answered for the address on the link
 */
static int unreachable(const struct tcp_sock *t)
{
    int v6 = t->sock.pub.remote.family == FAMILY_IPV6;
    ip_addr_t remote;
    const struct ringif *ifc;
    const struct netif *netif;

    if (port_to_lwip(&t->sock.pub.remote, &remote) != 0 ||
        (v6 && ip6_addr_islinklocal(ip_2_ip6(&remote)))) {
        return 0;
    }
    netif = v6 ? port_ip6_route(IP6_ADDR_ANY6, ip_2_ip6(&remote))
               : port_ip4_route(NULL, ip_2_ip4(&remote));
    if (!netif) {
        return 1;
    }
    ifc = netif->state;
    return ifc->pub->kind >= IFACE_TAP && !neighbor_answers(netif, v6, &remote.u_addr);
}

/**
 * nothing_lost() - Whether both sides have ended and all bytes have arrived
 * @t: connection that ends by a reset, since the peer did not wait for our FIN, or in TIME_WAIT
 * @flags: of its socket
 * @err: why
 *
 * Return: 1 if so
 */
static int nothing_lost(const struct tcp_sock *t, uint32_t flags, err_t err)
{
    return (flags & SOCK_EOF) && t->fin_queued && t->sock.tx.head == t->queued &&
           (err == ERR_RST || t->pcb->lastack == t->pcb->snd_nxt);
}

/**
 * end() - lwIP frees the pcb
 * @t: connection
 * @err: why
 */
static void end(struct tcp_sock *t, err_t err)
{
    uint32_t flags = atomic_load_explicit(&t->sock.pub.flags, memory_order_relaxed); /* our own */
    int connecting = !(flags & SOCK_OPEN), error = 0;

    if (err == ERR_CLSD || nothing_lost(t, flags, err)) {
        sock_event(&t->sock, SOCK_SENT);
    } else if (t->discard && (flags & SOCK_SENT)) {
        /* All we sent has arrived and we want nothing more: it was closed, even by a reset. */
    } else if (err == ERR_RST) {
        error = connecting ? ABI_ECONNREFUSED : ABI_ECONNRESET;
    } else if (abort_reason) {
        error = abort_reason;
    } else {
        error = connecting && unreachable(t) ? ABI_EHOSTUNREACH : ABI_ETIMEDOUT;
    }
    tcp_ext_arg_set(t->pcb, 0, NULL); /* it is told once: lwIP frees the pcb after errf */
    finish(t, error);
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
    struct tcp_sock *t = arg;

    (void)err;
    if (p) {
        return tcp_sock_data_received(t, p);
    }
    atomic_fetch_or_explicit(&t->sock.pub.flags, SOCK_EOF,
                             memory_order_release); /* after the bytes */
    sock_event(&t->sock, SOCK_EOF);
    if (pcb->state == TIME_WAIT) {
        sent_all(t);
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
    tcp_sock_data_acked(arg, length);
    return ERR_OK;
}

/**
 * on_error() - The peer ended the connection (tcp_err_fn)
 * @arg: connection
 * @err: ERR_RST or ERR_CLSD; ERR_ABRT: its end was told already, by on_destroyed()
 */
static void on_error(void *arg, err_t err)
{
    if (err != ERR_ABRT) {
        end(arg, err);
    }
}

/**
 * on_destroyed() - lwIP frees a pcb (tcp_extarg_callback_pcb_destroyed_fn)
 * @id: 0
 * @data: socket, NULL if detached
 *
 * Of a pcb in TIME_WAIT lwIP tells nothing else: one whose last segment has data for a socket that takes none, or that a
 * reset or a new connection ends within the batch.
 */
static void on_destroyed(u8_t id, void *data)
{
    (void)id;
    if (data) {
        end(data, ERR_ABRT);
    }
}

static const struct tcp_ext_arg_callbacks ext_callbacks = { .destroy = on_destroyed };

/**
 * tcp_sock_attach() - Tie a socket and a pcb together
 * @t: socket
 * @pcb: pcb
 */
void tcp_sock_attach(struct tcp_sock *t, struct tcp_pcb *pcb)
{
    t->pcb = pcb;
    tcp_arg(pcb, t);
    tcp_ext_arg_set_callbacks(pcb, 0, &ext_callbacks);
    tcp_ext_arg_set(pcb, 0, t);
    tcp_recv(pcb, on_received);
    tcp_sent(pcb, on_sent);
    tcp_err(pcb, on_error);
}

/**
 * tcp_sock_opened() - The handshake is done
 * @t: connection, attached
 */
void tcp_sock_opened(struct tcp_sock *t)
{
    struct abi_sock *pub = &t->sock.pub;

    port_from_lwip(&t->pcb->local_ip, t->pcb->local_port, &pub->local);
    port_from_lwip(&t->pcb->remote_ip, t->pcb->remote_port, &pub->remote);
    if (IP_IS_V6_VAL(t->pcb->remote_ip) && ip6_addr_has_zone(ip_2_ip6(&t->pcb->remote_ip))) {
        const struct netif *netif = netif_get_by_index(ip6_addr_zone(ip_2_ip6(&t->pcb->remote_ip)));

        pub->remote.zone = netif ? ((const struct ringif *)netif->state)->pub->handle : 0;
    }
    tcp_sock_set_option(&t->sock, OPTION_NODELAY, t->nodelay);
    tcp_sock_set_option(&t->sock, OPTION_KEEPALIVE, t->keepalive);
    tcp_sock_data_open(t);
    atomic_fetch_or_explicit(&pub->flags, SOCK_OPEN, memory_order_release); /* after addresses */
    sock_event(&t->sock, SOCK_OPEN);
}

/**
 * tcp_sock_accepted() - CMD_ACCEPTED: JS has taken a connection
 * @s: connection
 */
void tcp_sock_accepted(struct sock *s)
{
    struct tcp_sock *t = tcp_sock_of(s);

    if (t->listener) {
        t->listener->waiting--;
        t->listener = NULL;
    }
}

/**
 * tcp_sock_shutdown() - CMD_SHUTDOWN: FIN after the last byte of tx
 * @s: connection
 */
void tcp_sock_shutdown(struct sock *s)
{
    tcp_sock_of(s)->shutdown = 1;
    sock_work(s);
}

/**
 * tcp_sock_discard() - CMD_DISCARD: drop incoming data from now on
 * @s: connection; one that is not open yet is aborted
 */
void tcp_sock_discard(struct sock *s)
{
    struct tcp_sock *t = tcp_sock_of(s);
    int open = atomic_load_explicit(&s->pub.flags, memory_order_relaxed) & SOCK_OPEN; /* our own */

    if (!t->pcb || t->discard) {
        return;
    }
    if (!open) {
        tcp_sock_abort(s, ABI_ECONNABORTED);
        return;
    }
    t->discard = 1;
    tcp_sock_data_give_back(t); /* unparks it: the time in FIN_WAIT_2 may be limited from now on */
    if (t->fin_queued && t->pcb->state == FIN_WAIT_2) {
        tcp_shutdown(t->pcb, 1, 0);
    }
}

/**
 * tcp_sock_abort() - CMD_ABORT: reset the connection
 * @s: connection
 * @error: code for JS
 */
void tcp_sock_abort(struct sock *s, int error)
{
    struct tcp_sock *t = tcp_sock_of(s);

    if (t->pcb) {
        abort_reason = error;
        tcp_abort(t->pcb);
        abort_reason = 0;
    }
}

/**
 * tcp_sock_release() - CMD_RELEASE: JS forgets the handle
 * @s: connection
 */
void tcp_sock_release(struct sock *s)
{
    struct tcp_sock *t = tcp_sock_of(s);

    tcp_sock_accepted(s); /* it leaves the backlog */
    tcp_sock_discard(s);
    s->released = 1;
    if (!t->pcb) {
        sock_free(s);
        return;
    }
    tcp_sock_shutdown(s);
    if (t->fin_queued && t->pcb->state == FIN_WAIT_2) {
        detach(t);
        finish(t, 0);
    }
}

/**
 * tcp_sock_kick() - CMD_KICK: tx has bytes or wants room, or rx has room past its threshold
 * @s: connection
 */
void tcp_sock_kick(struct sock *s)
{
    struct tcp_sock *t = tcp_sock_of(s);

    if (t->pcb) {
        tcp_sock_data_window(t);
        sock_work(s);
    }
}

/**
 * set_keepalive() - Send probes when nothing comes, or stop
 * @pcb: pcb of the connection
 * @idle: ms before the first probe, 0: no probes
 */
static void set_keepalive(struct tcp_pcb *pcb, uint32_t idle)
{
    lwext_unpark(pcb);
    if (idle) {
        pcb->keep_idle = idle;
        pcb->keep_intvl = KEEPALIVE_INTERVAL;
        pcb->keep_cnt = KEEPALIVE_PROBES;
        ip_set_option(pcb, SOF_KEEPALIVE);
    } else {
        ip_reset_option(pcb, SOF_KEEPALIVE);
    }
}

/**
 * tcp_sock_set_option() - CMD_SET_OPTION
 * @s: connection
 * @option: OPTION_NODELAY or OPTION_KEEPALIVE
 * @value: its value (core/abi.h)
 *
 * Return: 0 or ABI_EINVAL
 */
int tcp_sock_set_option(struct sock *s, uint32_t option, uint32_t value)
{
    struct tcp_sock *t = tcp_sock_of(s);

    switch (option) {
    case OPTION_NODELAY:
        t->nodelay = value;
        if (t->pcb && value) {
            tcp_nagle_disable(t->pcb);
        } else if (t->pcb) {
            tcp_nagle_enable(t->pcb);
        }
        return 0;
    case OPTION_KEEPALIVE:
        t->keepalive = LWIP_MIN(value, KEEPALIVE_MOST);
        if (t->pcb) {
            set_keepalive(t->pcb, t->keepalive);
        }
        return 0;
    default:
        return ABI_EINVAL;
    }
}

/**
 * tcp_sock_run() - The end of a batch that touched a connection
 * @s: connection
 */
void tcp_sock_run(struct sock *s)
{
    struct tcp_sock *t = tcp_sock_of(s);

    if (t->pcb && tcp_sock_data_output(t)) {
        sent_all(t);
    }
}

/**
 * tcp_sock_retry() - Send again what an interface had no room for
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

/**
 * tcp_sock_address_gone() - Reset a connection if it uses an address
 * @s: connection
 * @ip: address
 * @error: code for JS
 */
void tcp_sock_address_gone(struct sock *s, const struct ip_addr *ip, int error)
{
    const struct tcp_pcb *pcb = tcp_sock_of(s)->pcb;

    if (pcb && port_ip_is_same(&pcb->local_ip, ip)) {
        tcp_sock_abort(s, error);
    }
}

/**
 * tcp_sock_interface_gone() - Reset a connection if it is bound to an interface: a gateway's
 * @s: connection
 * @ifc: interface that goes
 */
void tcp_sock_interface_gone(struct sock *s, const struct ringif *ifc)
{
    const struct tcp_pcb *pcb = tcp_sock_of(s)->pcb;

    if (pcb && pcb->netif_idx == netif_get_index(&ifc->netif)) {
        tcp_sock_abort(s, ABI_ENODEV);
    }
}

/**
 * tcp_sock_closing() - Count connections that have sent their FIN and are not over: in TIME_WAIT they are
 *
 * Return: how many
 */
uint32_t tcp_sock_closing(void)
{
    const struct tcp_pcb *pcb;
    uint32_t closing = 0;

    lwext_unpark_all();
    for (pcb = tcp_active_pcbs; pcb; pcb = pcb->next) {
        closing += pcb->state >= FIN_WAIT_1 && pcb->state != CLOSE_WAIT;
    }
    return closing;
}

/**
 * tcp_sock_end() - Reset what lwIP still finishes by itself, TIME_WAIT included
 */
void tcp_sock_end(void)
{
    lwext_unpark_all();
    while (tcp_active_pcbs) {
        tcp_abort(tcp_active_pcbs);
    }
    while (tcp_tw_pcbs) {
        tcp_abort(tcp_tw_pcbs);
    }
}
