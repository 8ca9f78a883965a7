/* SPDX-License-Identifier: MIT */
/* tcp_open.c - how TCP connections and listeners come to be
 *
 * Theory of operation
 *
 * A connection gets its rings before its SYN is sent (or when the peer's handshake is done), so
 * that out of memory is an error of connect, or a reset to the peer, and not a surprise later.
 *
 * Backlog. A SYN is answered only while half-open connections and those that JS has not taken are
 * fewer than the backlog: on_half_open() counts a pcb that lwIP makes for a SYN and marks it with
 * the listener, and the count goes down when its handshake is done or it dies. lwIP's own counter
 * has eight bits.
 */
#include "lwip/priv/tcp_priv.h"

#include "iface/iface.h"
#include "iface/route.h"
#include "lwext/tcp_table.h"
#include "lwip_port.h"
#include "sock/tcp.h"
#include "sock/tcp_internal.h"
#include "util/random.h"

#define EPHEMERAL_FIRST 32768u
#define EPHEMERAL_COUNT 28232u /* 32768..60999, as Linux */
#define LISTENER_TRIES 256

/**
 * prepare() - Rings of a new connection
 * @s: zeroed socket
 * @rx_max: bound of the rx ring
 * @tx_max: bound of the tx ring
 *
 * Return: 0 or ABI_ENOMEM
 */
static int prepare(struct sock *s, uint32_t rx_max, uint32_t tx_max)
{
    s->rx_max = LWIP_MAX(RING_FIRST, LWIP_MIN(rx_max, TCP_WND));
    s->tx_max = LWIP_MAX(RING_FIRST, LWIP_MIN(tx_max, TCP_SND_BUF));
    ring_init(&s->pub.tx, 0, 0, 0);
    ring_init(&s->pub.rx, 0, 0, 0);
    if (sock_storage(&s->pub.tx, RING_FIRST) != 0) {
        return ABI_ENOMEM;
    }
    consumer_init(&s->tx, &s->pub.tx);
    producer_init(&s->rx, &s->pub.rx);
    return 0;
}

/**
 * opened() - The handshake is done
 * @s: connection
 */
static void opened(struct sock *s)
{
    port_from_lwip(&s->pcb->local_ip, s->pcb->local_port, &s->pub.local);
    port_from_lwip(&s->pcb->remote_ip, s->pcb->remote_port, &s->pub.remote);
    tcp_sock_nodelay(s, s->nodelay);
    tcp_sock_keepalive(s, s->keepalive);
    tcp_data_open(s);
    atomic_fetch_or_explicit(&s->pub.flags, SOCK_OPEN, memory_order_release); /* after addresses */
}

/**
 * on_connected() - Our SYN was answered (tcp_connected_fn)
 * @arg: connection
 * @pcb: its pcb
 * @err: ERR_OK
 *
 * Return: ERR_OK
 */
static err_t on_connected(void *arg, struct tcp_pcb *pcb, err_t err)
{
    struct sock *s = arg;

    (void)pcb;
    (void)err;
    opened(s);
    sock_event(s, SOCK_OPEN);
    return ERR_OK;
}

/**
 * on_half_open_gone() - A half-open connection died (tcp_extarg_callback_pcb_destroyed_fn)
 * @id: 0
 * @data: its listener, NULL: that has closed, or the handshake was done
 */
static void on_half_open_gone(u8_t id, void *data)
{
    (void)id;
    if (data) {
        ((struct sock *)data)->half_open--;
    }
}

static const struct tcp_ext_arg_callbacks half_open_callbacks = { .destroy = on_half_open_gone };

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
    struct sock *listener = tcp_ext_arg_get((struct tcp_pcb *)lpcb, id);

    if (listener->half_open + listener->waiting >= listener->backlog) {
        return ERR_MEM;
    }
    listener->half_open++;
    tcp_ext_arg_set_callbacks(pcb, id, &half_open_callbacks);
    tcp_ext_arg_set(pcb, id, listener);
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
    struct sock *listener = arg, *s;

    if (!pcb || err != ERR_OK || !listener) {
        return ERR_VAL;
    }
    /* No longer half-open; an abort from here on is not to count it again. */
    tcp_ext_arg_set(pcb, 0, NULL);
    listener->half_open--;
    s = sock_new(SOCK_STREAM);
    if (!s) {
        return ERR_MEM;
    }
    if (prepare(s, listener->rx_max, listener->tx_max) != 0) {
        sock_free(s);
        return ERR_MEM;
    }
    s->listener = listener;
    s->nodelay = listener->nodelay;
    s->keepalive = listener->keepalive;
    tcp_sock_attach(s, pcb);
    opened(s);
    listener->waiting++;
    s->announce = 1;
    sock_event(s, SOCK_OPEN);
    return ERR_OK;
}

/**
 * tcp_sock_accepted() - JS has taken a connection
 * @s: connection
 */
void tcp_sock_accepted(struct sock *s)
{
    if (s->listener) {
        s->listener->waiting--;
        s->listener = NULL;
    }
}

/**
 * listening_on() - Whether a listener has an address and port already
 * @ip: address, of both families or of one
 * @port: port
 *
 * Return: 1 if so
 */
static int listening_on(const ip_addr_t *ip, u16_t port)
{
    const struct tcp_pcb_listen *lpcb = tcp_listen_pcbs.listen_pcbs;

    for (; lpcb; lpcb = lpcb->next) {
        if (lpcb->local_port != port) {
            continue;
        }
        if (IP_IS_ANY_TYPE_VAL(*ip) || IP_IS_ANY_TYPE_VAL(lpcb->local_ip) ||
            ip_addr_eq(&lpcb->local_ip, ip) ||
            (IP_GET_TYPE(ip) == IP_GET_TYPE(&lpcb->local_ip) &&
             (ip_addr_isany(ip) || ip_addr_isany(&lpcb->local_ip)))) {
            return 1;
        }
    }
    return 0;
}

/**
 * next_port() - Where to look first for a port to connect from (RFC 6056, 3.3.3)
 * @remote: remote address
 * @remote_port: remote port
 *
 * Return: a number that goes up by one, from a place that only we can know for each remote end: a port
 * comes again as late as can be, when the peer's TIME_WAIT of its last use is surely older than our
 * clock of initial sequence numbers can tell
 */
static uint32_t next_port(const ip_addr_t *remote, u16_t remote_port)
{
    static uint32_t count;
    struct {
        ip_addr_t ip;
        uint32_t port;
    } key;

    __builtin_memset(&key, 0, sizeof(key));
    ip_addr_copy(key.ip, *remote);
    key.port = remote_port;
    return (uint32_t)(random_hash(&key, sizeof(key)) >> 32) + count++;
}

/**
 * bind_port() - Bind to a port, or to some free one
 * @pcb: new pcb
 * @ip: local address, with its zone
 * @port: port, 0: any, from a random one on (RFC 6056, 3.3.1)
 * @remote: address it will be connected to, with its zone; NULL: it will listen
 * @remote_port: port that goes with it
 *
 * In the place of tcp_bind(), which walks all connections for every port it is asked about, and of lwIP's
 * SO_REUSE: a listener may bind while connections it accepted, or some in TIME_WAIT, have its port. What
 * connects from any port may share that with connections to other remote ends, so that there can be
 * more of those than ports.
 *
 * Return: 0 or ABI_EADDRINUSE
 */
static int bind_port(struct tcp_pcb *pcb, const ip_addr_t *ip, u16_t port, const ip_addr_t *remote,
                     u16_t remote_port)
{
    uint32_t start = remote ? next_port(remote, remote_port) : random_u32();
    uint32_t tries = port ? 1 : remote ? EPHEMERAL_COUNT : LISTENER_TRIES;

    for (; tries; tries--, start++) {
        u16_t local = port ? port : (u16_t)(EPHEMERAL_FIRST + start % EPHEMERAL_COUNT);

        if (!listening_on(ip, local) &&
            (remote && !port ? !tcp_table_find(ip, local, remote, remote_port)
                             : !tcp_table_uses(ip, local, !remote))) {
            ip_addr_set(&pcb->local_ip, ip);
            pcb->local_port = local;
            TCP_REG(&tcp_bound_pcbs, pcb);
            return 0;
        }
    }
    return ABI_EADDRINUSE;
}

/**
 * is_any() - Whether an address of the ABI is the unspecified one
 * @address: address
 *
 * Return: 1 if so, or if it has no family
 */
static int is_any(const struct abi_addr *address)
{
    static const uint8_t zero[16];

    return address->family == FAMILY_NONE ||
           __builtin_memcmp(address->bytes, zero, sizeof(zero)) == 0;
}

/**
 * open_listener() - Bind and listen
 * @s: socket
 * @cmd: command
 *
 * Return: 0 or a negative code
 */
static int open_listener(struct sock *s, const struct cmd_socket *cmd)
{
    int dual = cmd->local.family != FAMILY_IPV4 && is_any(&cmd->local), err;
    ip_addr_t ip = *IP_ANY_TYPE;
    struct tcp_pcb *pcb, *lpcb;
    err_t lwip_err;

    if (!dual && port_to_lwip(&cmd->local, &ip) != 0) {
        return ABI_EINVAL;
    }
    if (!is_any(&cmd->local) && !route_is_own(&cmd->local)) {
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
    err = bind_port(pcb, &ip, cmd->local.port, NULL, 0);
    if (err) {
        tcp_abort(pcb);
        return err;
    }
    lpcb = tcp_listen_with_backlog_and_err(pcb, 1, &lwip_err);
    if (!lpcb) {
        tcp_abort(pcb);
        return lwip_err == ERR_USE ? ABI_EADDRINUSE : ABI_ENOMEM;
    }
    s->pcb = lpcb;
    tcp_arg(lpcb, s);
    tcp_accept(lpcb, on_accepted);
    tcp_ext_arg_set_callbacks(lpcb, 0, &listener_callbacks);
    tcp_ext_arg_set(lpcb, 0, s);
    s->pub.local = cmd->local;
    s->pub.local.port = lpcb->local_port;
    return 0;
}

/**
 * tcp_sock_listen() - CMD_LISTEN
 * @cmd: command
 * @out: set to the listener
 *
 * Return: 0 or a negative code
 */
int tcp_sock_listen(const struct cmd_socket *cmd, struct sock **out)
{
    struct sock *s = sock_new(SOCK_LISTENER);
    int err;

    if (!s) {
        return sock_shortage();
    }
    s->rx_max = cmd->rx_max;
    s->tx_max = cmd->tx_max;
    s->nodelay = cmd->nodelay;
    s->keepalive = cmd->keepalive;
    s->backlog = cmd->backlog;
    err = open_listener(s, cmd);
    if (err) {
        sock_free(s);
        return err;
    }
    *out = s;
    return 0;
}

/**
 * assign_zone() - Give an address that needs a zone the one of an interface
 * @address: address of either family
 * @netif: interface
 */
static void assign_zone(ip_addr_t *address, const struct netif *netif)
{
    if (IP_IS_V6(address) && ip6_addr_lacks_zone(ip_2_ip6(address), IP6_UNICAST)) {
        ip6_addr_assign_zone(ip_2_ip6(address), IP6_UNICAST, netif);
    }
}

/**
 * choose_ends() - Addresses of a new connection
 * @cmd: command
 * @remote: set to where to
 * @local: set to where from
 *
 * Return: 0, ABI_EINVAL, ABI_EHOSTUNREACH, ABI_EADDRNOTAVAIL
 */
static int choose_ends(const struct cmd_socket *cmd, ip_addr_t *remote, ip_addr_t *local)
{
    const struct ringif *zone = iface_get(cmd->remote.zone);
    const ip_addr_t *source;
    struct netif *netif;

    if (port_to_lwip(&cmd->remote, remote) != 0 || cmd->remote.port == 0) {
        return ABI_EINVAL;
    }
    if (IP_IS_V6(remote) && zone) {
        ip6_addr_assign_zone(ip_2_ip6(remote), IP6_UNICAST, &zone->netif);
    }
    ip_addr_set_zero(local);
    IP_SET_TYPE(local, IP_GET_TYPE(remote));
    if (!is_any(&cmd->local)) {
        if (cmd->local.family != cmd->remote.family || !route_is_own(&cmd->local)) {
            return ABI_EADDRNOTAVAIL;
        }
        port_to_lwip(&cmd->local, local);
    } else if (route_is_own(&cmd->remote)) {
        /* To ourselves from ourselves, as every host does. */
        *local = *remote;
    }
    /* lwIP does not ask the hook while there is one interface only. */
    netif = IP_IS_V6(remote) && !ip6_addr_has_zone(ip_2_ip6(remote))
                ? port_ip6_route(ip_2_ip6(local), ip_2_ip6(remote))
                : ip_route(local, remote);
    if (!netif) {
        return ABI_EHOSTUNREACH;
    }
    if (ip_addr_isany(local)) {
        source = ip_netif_get_local_ip(netif, remote);
        if (!source || ip_addr_isany(source)) {
            return ABI_EHOSTUNREACH;
        }
        *local = *source;
    }
    /* As tcp_connect() would, but before the table is asked for these ends. */
    assign_zone(local, netif);
    assign_zone(remote, netif);
    return 0;
}

/**
 * start_connect() - Bind and send the SYN
 * @s: socket
 * @cmd: command
 *
 * Return: 0 or a negative code
 */
static int start_connect(struct sock *s, const struct cmd_socket *cmd)
{
    ip_addr_t remote, local;
    struct tcp_pcb *pcb;
    int err = choose_ends(cmd, &remote, &local);

    if (err) {
        return err;
    }
    if (prepare(s, cmd->rx_max, cmd->tx_max) != 0) {
        return ABI_ENOMEM;
    }
    pcb = tcp_new_ip_type(IP_GET_TYPE(&remote));
    if (!pcb) {
        return ABI_ENOMEM;
    }
    err = bind_port(pcb, &local, cmd->local.port, &remote, cmd->remote.port);
    if (err == 0) {
        tcp_sock_attach(s, pcb);
        s->pub.remote = cmd->remote;
        err = port_error(tcp_connect(pcb, &remote, cmd->remote.port, on_connected));
    }
    if (err) {
        tcp_arg(pcb, NULL);
        tcp_ext_arg_set(pcb, 0, NULL);
        tcp_err(pcb, NULL);
        tcp_abort(pcb);
        s->pcb = NULL;
    }
    return err;
}

/**
 * tcp_sock_connect() - CMD_CONNECT
 * @cmd: command
 * @out: set to the connection, which is not open yet
 *
 * Return: 0 or a negative code
 */
int tcp_sock_connect(const struct cmd_socket *cmd, struct sock **out)
{
    struct sock *s = sock_new(SOCK_STREAM);
    int err;

    if (!s) {
        return sock_shortage();
    }
    s->nodelay = cmd->nodelay;
    s->keepalive = cmd->keepalive;
    err = start_connect(s, cmd);
    if (err) {
        sock_free(s);
        return err;
    }
    *out = s;
    return 0;
}
