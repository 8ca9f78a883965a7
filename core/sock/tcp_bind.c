/* SPDX-License-Identifier: MIT */
/* tcp_bind.c - local ports of TCP
 *
 * This replaces tcp_bind(), which walks all connections for each port it tries, and lwIP's SO_REUSE: a
 * listener may bind while connections it accepted, or connections in TIME_WAIT, have its port.
 */
#include "sock/tcp_bind.h"

#include "lwip/priv/tcp_priv.h"

#include "abi.h"
#include "lwext/tcp_table.h"
#include "util/random.h"

#define EPHEMERAL_FIRST 32768u
#define EPHEMERAL_COUNT 28232u /* 32768..60999, as Linux */
#define LISTENER_TRIES 256

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
 * Return: a secret offset for each remote end plus a counter (RFC 6056, algorithm 3): a port is reused
 * as late as possible, so the peer's TIME_WAIT of its last use has expired
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
 * tcp_sock_bind() - Bind to a port, or to some free one
 * @pcb: new pcb
 * @ip: local address, with its zone
 * @port: port, 0: any, from a random one on (RFC 6056, 3.3.1)
 * @remote: address it will be connected to, with its zone; NULL: it will listen
 * @remote_port: port that goes with it
 *
 * A connection from any port may share it with connections to other remote ends, so there can be more
 * connections than ports.
 *
 * Return: 0 or ABI_EADDRINUSE
 */
int tcp_sock_bind(struct tcp_pcb *pcb, const ip_addr_t *ip, u16_t port, const ip_addr_t *remote,
                  u16_t remote_port)
{
    uint32_t start = remote ? next_port(remote, remote_port) : random_u32();
    uint32_t tries = port ? 1 : remote ? EPHEMERAL_COUNT : LISTENER_TRIES;

    for (; tries; tries--, start++) {
        u16_t local = port ? port : (u16_t)(EPHEMERAL_FIRST + start % EPHEMERAL_COUNT);

        if (!listening_on(ip, local) &&
            (remote && !port ? !lwext_table_find(ip, local, remote, remote_port)
                             : !lwext_table_uses(ip, local, !remote))) {
            ip_addr_set(&pcb->local_ip, ip);
            pcb->local_port = local;
            TCP_REG(&tcp_bound_pcbs, pcb);
            return 0;
        }
    }
    return ABI_EADDRINUSE;
}
