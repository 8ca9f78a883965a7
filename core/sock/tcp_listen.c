/* SPDX-License-Identifier: MIT */
/* tcp_listen.c - TCP listeners
 *
 * Theory of operation
 *
 * Backlog. Half-open connections and connections that JS has not taken are no more than the backlog. If a SYN comes
 * beyond it, the oldest half-open one of the same interface, or of one that has more of them, is given up without a word:
 * so a flood of SYNs takes nothing but its own, and an honest handshake by its interface has the time that the flood
 * needs to fill the backlog (RFC 4987, 3.4). on_half_open() lists the pcb that lwIP makes for a SYN; it leaves the list when its handshake
 * is done or it dies. lwIP's own counter has eight bits.
 */
#include "sock/tcp_listen.h"

#include "lwip/priv/tcp_priv.h"
#include "lwip/sys.h"

#include "iface/iface.h"
#include "iface/ringif.h"
#include "iface/route.h"
#include "lwip_port.h"
#include "mem/heap.h"
#include "sock/sock_event.h"
#include "sock/tcp.h"
#include "sock/tcp_bind.h"
#include "sock/tcp_rings.h"

/* An honest handshake takes no longer, and a backlog of 4096 is not filled sooner by 20,000 SYNs a second. */
#define HANDSHAKE_MS 200u

static struct stack_stats *stats;
/* Half-open connections by the number of their interface. */
static uint32_t by_netif[256];

/**
 * tcp_sock_listen_setup() - Set where to count
 * @to: the stack's counters
 */
void tcp_sock_listen_setup(struct stack_stats *to)
{
    stats = to;
}

/**
 * forget() - A connection is half-open no longer
 * @h: it
 */
static void forget(struct half_open *h)
{
    h->listener->half_open--;
    --*h->share;
    list_remove(&h->list);
    tcp_ext_arg_set(h->pcb, 0, NULL);
    heap_free(h);
}

/**
 * on_half_open_gone() - A half-open connection died (tcp_extarg_callback_pcb_destroyed_fn)
 * @id: 0
 * @data: it, NULL: the listener has closed, or the handshake was done
 */
static void on_half_open_gone(u8_t id, void *data)
{
    (void)id;
    if (data) {
        forget(data);
    }
}

static const struct tcp_ext_arg_callbacks half_open_callbacks = { .destroy = on_half_open_gone };

/**
 * make_room() - Give up the oldest half-open connection of the same interface, or of one that has more
 * @listener: listener whose backlog is full
 * @share: how many the interface has that wants room
 *
 * One of the same that came just now has its answer on the way, and would be reset by its next segment. If most are not
 * half-open, it is the program that is slow.
 *
 * Return: 1 if one was given up
 */
static int make_room(struct tcp_listener *listener, const uint32_t *share)
{
    struct list *member;

    if (listener->half_open <= listener->backlog / 2) {
        return 0;
    }
    for (member = listener->half_open_list.next; member != &listener->half_open_list;
         member = member->next) {
        struct half_open *h = LIST_ENTRY(member, struct half_open, list);

        if (h->share == share ? sys_now() - h->since >= HANDSHAKE_MS : *h->share > *share) {
            tcp_abandon(h->pcb, 0);
            return 1;
        }
        if (*share >= listener->half_open / 2) {
            return 0; /* no other has more: the list need not be walked */
        }
    }
    return 0;
}

/**
 * on_half_open() - A SYN came for a listener (tcp_extarg_callback_passive_open_fn)
 * @id: 0
 * @lpcb: the listener's pcb
 * @pcb: new pcb of the connection
 *
 * Return: ERR_OK, or ERR_MEM: the backlog is full, the SYN stays unanswered
 */
static err_t on_half_open(u8_t id, struct tcp_pcb_listen *lpcb, struct tcp_pcb *pcb)
{
    struct tcp_listener *listener = tcp_ext_arg_get((struct tcp_pcb *)lpcb, id);
    uint32_t *share = &by_netif[ip_current_input_netif()->num];
    struct half_open *h;

    if (listener->half_open + listener->waiting >= listener->backlog) {
        stats->syn_drops++;
        if (!make_room(listener, share)) {
            return ERR_MEM;
        }
    }
    h = heap_calloc(1, sizeof(*h));
    if (!h) {
        return ERR_MEM;
    }
    h->listener = listener;
    h->pcb = pcb;
    h->share = share;
    ++*share;
    h->since = sys_now();
    list_add(&listener->half_open_list, &h->list);
    listener->half_open++;
    tcp_ext_arg_set_callbacks(pcb, id, &half_open_callbacks);
    tcp_ext_arg_set(pcb, id, h);
    return ERR_OK;
}

static const struct tcp_ext_arg_callbacks listener_callbacks = { .passive_open = on_half_open };

/**
 * on_accepted() - A connection to a listener is established (tcp_accept_fn)
 * @arg: listener
 * @pcb: pcb of the connection, NULL: lwIP had no memory for one
 * @err: ERR_OK or ERR_MEM
 *
 * Return: ERR_OK, or ERR_MEM: lwIP resets the connection
 */
static err_t on_accepted(void *arg, struct tcp_pcb *pcb, err_t err)
{
    struct tcp_listener *listener = arg;
    struct sock *s;
    struct tcp_sock *t;

    if (!pcb || err != ERR_OK || !listener) {
        return ERR_VAL;
    }
    forget(tcp_ext_arg_get(pcb, 0));
    s = sock_new(SOCK_TCP);
    if (!s) {
        return ERR_MEM;
    }
    t = tcp_sock_of(s);
    if (tcp_sock_rings_open(t, listener->rx_max, listener->tx_max) != 0) {
        sock_free(s);
        return ERR_MEM;
    }
    t->listener = listener;
    t->nodelay = listener->nodelay;
    t->keepalive = listener->keepalive;
    listener->waiting++;
    s->announce = listener->sock.pub.handle;
    tcp_sock_attach(t, pcb);
    tcp_sock_opened(t);
    return ERR_OK;
}

/**
 * tcp_sock_listen() - CMD_OPEN: bind and listen
 * @s: new listener
 * @cmd: command
 *
 * Return: 0 or a negative code
 */
int tcp_sock_listen(struct sock *s, const struct cmd_socket *cmd)
{
    struct tcp_listener *listener = tcp_listener_of(s);
    int dual = cmd->local.family != FAMILY_IPV4 && port_is_any(&cmd->local), err;
    ip_addr_t ip = *IP_ANY_TYPE;
    const struct ringif *gateway = iface_get(cmd->iface);
    struct tcp_pcb *pcb, *lpcb;
    err_t lwip_err;

    if (!dual && port_to_lwip(&cmd->local, &ip) != 0) {
        return ABI_EINVAL;
    }
    if (!port_is_any(&cmd->local) && !route_is_own(&cmd->local)) {
        return ABI_EADDRNOTAVAIL;
    }
    if (IP_IS_V6_VAL(ip) && ip6_addr_lacks_zone(ip_2_ip6(&ip), IP6_UNICAST)) {
        ip6_addr_select_zone(ip_2_ip6(&ip), ip_2_ip6(&ip));
    }
    pcb = tcp_new_ip_type(dual ? IPADDR_TYPE_ANY : IP_GET_TYPE(&ip));
    if (!pcb) {
        return ABI_ENOMEM;
    }
    ip_set_option(pcb, SOF_REUSEADDR);
    if (gateway) {
        /* Its port is 0: it is asked for the SYNs that core/sock/flow.c lets pass. */
        pcb->netif_idx = netif_get_index(&gateway->netif);
        err = 0;
    } else {
        err = cmd->iface ? ABI_ENODEV : tcp_sock_bind(pcb, &ip, cmd->local.port, NULL, 0);
    }
    if (err) {
        tcp_abort(pcb);
        return err;
    }
    lpcb = tcp_listen_with_backlog_and_err(pcb, 1, &lwip_err);
    if (!lpcb) {
        tcp_abort(pcb);
        return lwip_err == ERR_USE ? ABI_EADDRINUSE : ABI_ENOMEM;
    }
    tcp_arg(lpcb, listener);
    tcp_accept(lpcb, on_accepted);
    tcp_ext_arg_set_callbacks(lpcb, 0, &listener_callbacks);
    tcp_ext_arg_set(lpcb, 0, listener);
    listener->pcb = lpcb;
    list_init(&listener->half_open_list);
    listener->backlog = cmd->backlog;
    listener->rx_max = cmd->rx_max;
    listener->tx_max = cmd->tx_max;
    listener->nodelay = cmd->nodelay;
    listener->keepalive = cmd->keepalive;
    s->pub.local = cmd->local;
    s->pub.local.port = lpcb->local_port;
    return 0;
}

/**
 * drop_waiting() - Reset the connections not yet announced to JS, forget the others and the half-open
 * @listener: listener that closes
 */
static void drop_waiting(struct tcp_listener *listener)
{
    uint32_t cursor = 0;
    struct sock *s;

    while (!list_is_empty(&listener->half_open_list)) {
        forget(LIST_ENTRY(listener->half_open_list.next, struct half_open, list));
    }
    while ((s = sock_next(&cursor))) {
        if (s->pub.kind != SOCK_TCP || tcp_sock_of(s)->listener != listener) {
            continue;
        }
        tcp_sock_of(s)->listener = NULL;
        if (s->announce) {
            s->announce = 0;
            tcp_sock_abort(s, ABI_ECONNABORTED); /* unless it is over already */
            sock_free(s);
        }
    }
}

/**
 * tcp_sock_listen_abort() - CMD_ABORT: stop listening with an error
 * @s: listener
 * @error: code for JS
 */
void tcp_sock_listen_abort(struct sock *s, int error)
{
    struct tcp_listener *listener = tcp_listener_of(s);

    if (listener->pcb) {
        tcp_arg(listener->pcb, NULL);
        tcp_close(listener->pcb);
        listener->pcb = NULL;
        drop_waiting(listener);
        sock_event_finish(s, error);
    }
}

/**
 * tcp_sock_listen_close() - CMD_CLOSE: stop listening
 * @s: listener
 */
void tcp_sock_listen_close(struct sock *s)
{
    tcp_sock_listen_abort(s, 0);
}

/**
 * tcp_sock_listen_release() - CMD_RELEASE: JS forgets the handle
 * @s: listener
 */
void tcp_sock_listen_release(struct sock *s)
{
    tcp_sock_listen_close(s);
    sock_free(s);
}

/**
 * tcp_sock_listen_set_option() - CMD_SET_OPTION, for the connections to come
 * @s: listener
 * @option: OPTION_NODELAY or OPTION_KEEPALIVE
 * @value: its value (core/abi.h)
 *
 * Return: 0 or ABI_EINVAL
 */
int tcp_sock_listen_set_option(struct sock *s, uint32_t option, uint32_t value)
{
    struct tcp_listener *listener = tcp_listener_of(s);

    switch (option) {
    case OPTION_NODELAY:
        listener->nodelay = value;
        return 0;
    case OPTION_KEEPALIVE:
        listener->keepalive = value;
        return 0;
    default:
        return ABI_EINVAL;
    }
}

/**
 * tcp_sock_listen_address_gone() - Close a listener if it is on an address
 * @s: listener
 * @ip: address
 * @error: code for JS
 */
void tcp_sock_listen_address_gone(struct sock *s, const struct ip_addr *ip, int error)
{
    const struct tcp_pcb *pcb = tcp_listener_of(s)->pcb;

    if (pcb && port_ip_is_same(&pcb->local_ip, ip)) {
        tcp_sock_listen_abort(s, error);
    }
}

/**
 * tcp_sock_listen_interface_gone() - Close a listener if it is that of a gateway
 * @s: listener
 * @ifc: interface that goes
 */
void tcp_sock_listen_interface_gone(struct sock *s, const struct ringif *ifc)
{
    const struct tcp_pcb *pcb = tcp_listener_of(s)->pcb;

    if (pcb && pcb->netif_idx == netif_get_index(&ifc->netif)) {
        tcp_sock_listen_abort(s, ABI_ENODEV);
    }
}
