/* SPDX-License-Identifier: MIT */
/* protocol.c - the table of protocols: one row for each kind of socket
 *
 * A new protocol is a struct that begins with struct sock, its functions, and a row here. Commands,
 * events, handles, storage and sharing with other threads work for every row. Its functions for all its
 * sockets at once are called below the table: in a row each pointer would be an instruction of the
 * module's start, and the loops more than the calls.
 */
#include "sock/protocol.h"

#include "sock/dgram.h"
#include "sock/dgram_out.h"
#include "sock/sock.h"
#include "sock/sock_work.h"
#include "sock/tcp.h"
#include "sock/tcp_data.h"
#include "sock/tcp_listen.h"
#include "sock/tcp_open.h"
#include "sock/tcp_rings.h"

static const struct sock_ops protocols[SOCK_UDP + 1] = {
    [SOCK_TCP_LISTENER] = {
        .size = sizeof(struct tcp_listener),
        .open = tcp_sock_listen,
        .close = tcp_sock_listen_close,
        .abort = tcp_sock_listen_abort,
        .release = tcp_sock_listen_release,
        .set_option = tcp_sock_listen_set_option,
        .address_gone = tcp_sock_listen_address_gone,
        .interface_gone = tcp_sock_listen_interface_gone,
    },
    [SOCK_TCP] = {
        .size = sizeof(struct tcp_sock),
        .can_share = 1,
        .open = tcp_sock_open,
        .accepted = tcp_sock_accepted,
        .kick = tcp_sock_kick,
        .shutdown = tcp_sock_shutdown,
        .discard = tcp_sock_discard,
        .abort = tcp_sock_abort,
        .release = tcp_sock_release,
        .set_option = tcp_sock_set_option,
        .run = tcp_sock_run,
        .address_gone = tcp_sock_address_gone,
        .interface_gone = tcp_sock_interface_gone,
    },
    /* And all kinds behind it. */
    [SOCK_UDP] = {
        .size = sizeof(struct dgram_sock),
        .can_share = 1,
        .open = dgram_open,
        .kick = sock_work,
        .abort = dgram_abort,
        .release = dgram_release,
        .set_option = dgram_set_option,
        .member = dgram_member,
        .run = dgram_run,
        .address_gone = dgram_address_gone,
        .interface_gone = dgram_interface_gone,
    },
};

/**
 * protocol_setup() - Set up the sockets of a stack
 * @ctl: control block of the stack
 * @max_sockets: sockets at the most, 1..65535
 */
void protocol_setup(struct stack_ctl *ctl, uint32_t max_sockets)
{
    sock_setup(ctl, max_sockets, protocols);
    tcp_sock_data_setup(&ctl->stats);
    tcp_sock_listen_setup(&ctl->stats);
    dgram_setup(&ctl->stats);
}

/**
 * protocol_retry() - Send what an interface had no room for
 */
void protocol_retry(void)
{
    tcp_sock_retry();
    dgram_out_retry();
}

/**
 * protocol_trim() - Free memory that quiet sockets do not need; once a second
 */
void protocol_trim(void)
{
    tcp_sock_rings_trim();
}

/**
 * protocol_address_gone() - End the sockets that use an address
 * @ip: address that will be removed
 * @error: code for those whose protocol leaves it to the caller
 */
void protocol_address_gone(const struct ip_addr *ip, int error)
{
    uint32_t cursor = 0;
    struct sock *s;

    while ((s = sock_next(&cursor))) {
        s->ops->address_gone(s, ip, error);
    }
}

/**
 * protocol_interface_gone() - End the sockets that are bound to an interface
 * @ifc: interface that will be removed; its addresses are no socket's any more
 */
void protocol_interface_gone(const struct ringif *ifc)
{
    uint32_t cursor = 0;
    struct sock *s;

    while ((s = sock_next(&cursor))) {
        if (s->ops->interface_gone) {
            s->ops->interface_gone(s, ifc);
        }
    }
    /* Those that waited for room in it look for another way. */
    protocol_retry();
}

/**
 * protocol_finish() - Connections that are closing, released ones included
 * @end: 1: reset all connections
 *
 * Return: how many are left
 */
uint32_t protocol_finish(int end)
{
    if (end) {
        tcp_sock_end();
    }
    return tcp_sock_closing();
}

/**
 * protocol_end() - End and free all sockets
 */
void protocol_end(void)
{
    uint32_t cursor = 0;
    struct sock *s;

    while ((s = sock_next(&cursor))) {
        uint32_t released = s->released;

        s->ops->abort(s, ABI_ECONNABORTED);
        if (!released) {
            s->ops->release(s);
        }
    }
    tcp_sock_end();
    dgram_end();
    sock_close();
}
