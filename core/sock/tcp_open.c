/* SPDX-License-Identifier: MIT */
/* tcp_open.c - connecting: addresses, rings and the SYN of a TCP connection
 *
 * A connection gets its rings before its SYN is sent (or when the peer's handshake is done), so that
 * out of memory is an error of connect, or a reset to the peer, and never happens later.
 */
#include "sock/tcp_open.h"

#include "lwip/priv/tcp_priv.h"

#include "iface/iface.h"
#include "iface/route.h"
#include "lwip_port.h"
#include "sock/tcp.h"
#include "sock/tcp_bind.h"
#include "sock/tcp_rings.h"

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
    (void)pcb;
    (void)err;
    tcp_sock_opened(arg);
    return ERR_OK;
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
 * destination() - Where a connection is to go
 * @cmd: command
 * @to: set to it: an IPv4 address in one of IPv6 (RFC 4291, 2.5.5.2) as that, and ourselves if there is none
 */
static void destination(const struct cmd_socket *cmd, struct abi_addr *to)
{
    static const uint8_t mapped[12] = { [10] = 0xff, 0xff }, ourselves[4] = { 127, 0, 0, 1 };

    *to = cmd->remote;
    if (to->family == FAMILY_IPV6 && __builtin_memcmp(to->bytes, mapped, sizeof(mapped)) == 0) {
        to->family = FAMILY_IPV4;
        __builtin_memcpy(to->bytes, to->bytes + 12, 4);
        __builtin_memset(to->bytes + 4, 0, 12);
    }
    if (to->family == FAMILY_IPV6 && port_is_any(to)) {
        to->bytes[15] = 1;
    } else if (port_is_any(to)) {
        __builtin_memcpy(to->bytes, ourselves, sizeof(ourselves));
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
    struct abi_addr to;

    destination(cmd, &to);
    if (port_to_lwip(&to, remote) != 0 || to.port == 0) {
        return ABI_EINVAL;
    }
    if (IP_IS_V6(remote) && zone) {
        ip6_addr_assign_zone(ip_2_ip6(remote), IP6_UNICAST, &zone->netif);
    }
    ip_addr_set_zero(local);
    IP_SET_TYPE(local, IP_GET_TYPE(remote));
    if (!port_is_any(&cmd->local)) {
        if (cmd->local.family != to.family || !route_is_own(&cmd->local)) {
            return ABI_EADDRNOTAVAIL;
        }
        port_to_lwip(&cmd->local, local);
    } else if (route_is_own(&to)) {
        /* To ourselves from ourselves, as every host does. */
        *local = *remote;
    }
    /* lwIP does not ask the hook while there is one interface only. */
    netif = IP_IS_V6(remote) && !ip6_addr_has_zone(ip_2_ip6(remote))
                ? port_ip6_route(ip_2_ip6(local), ip_2_ip6(remote))
                : ip_route(local, remote);
    if (!netif || port_ip_is_group(remote) ||
        (!IP_IS_V6(remote) && ip4_addr_isbroadcast(ip_2_ip4(remote), netif))) {
        return ABI_EHOSTUNREACH; /* or no host alone */
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
 * tcp_sock_open() - CMD_OPEN: bind and send the SYN
 * @s: new connection; opens or fails later
 * @cmd: command
 *
 * Return: 0 or a negative code
 */
int tcp_sock_open(struct sock *s, const struct cmd_socket *cmd)
{
    struct tcp_sock *t = tcp_sock_of(s);
    ip_addr_t remote, local;
    struct tcp_pcb *pcb;
    int err = choose_ends(cmd, &remote, &local);

    if (err) {
        return err;
    }
    t->nodelay = cmd->nodelay;
    t->keepalive = cmd->keepalive;
    if (tcp_sock_rings_open(t, cmd->rx_max, cmd->tx_max) != 0) {
        return ABI_ENOMEM;
    }
    pcb = tcp_new_ip_type(IP_GET_TYPE(&remote));
    if (!pcb) {
        return ABI_ENOMEM;
    }
    err = tcp_sock_bind(pcb, &local, cmd->local.port, &remote, cmd->remote.port);
    if (err == 0) {
        tcp_sock_attach(t, pcb);
        s->pub.remote = cmd->remote;
        err = port_error(tcp_connect(pcb, &remote, cmd->remote.port, on_connected));
    }
    if (err) {
        tcp_arg(pcb, NULL);
        tcp_ext_arg_set(pcb, 0, NULL);
        tcp_err(pcb, NULL);
        tcp_abort(pcb);
        t->pcb = NULL;
    }
    return err;
}
