/* SPDX-License-Identifier: MIT */
/* command_rig.h - records of commands, from what a test would write by hand */
#ifndef RINGSTACK_COMMAND_RIG_H
#define RINGSTACK_COMMAND_RIG_H

#include "testkit.h"

#include "abi.h"

/* 2 and 10 are Linux's AF_INET and AF_INET6; its header would bring more names than these. */
int inet_pton(int family, const char *restrict text, void *restrict to);

/**
 * address() - An address of the ABI from text such as "127.0.0.1/8" or "::1"
 * @text: address, with a prefix where one is meant
 * @port: port
 *
 * Return: the address
 */
static inline struct abi_addr address(const char *text, uint16_t port)
{
    struct abi_addr to = { .port = port };
    char bare[64];
    const char *slash = strchr(text, '/');
    size_t length = slash ? (size_t)(slash - text) : strlen(text);

    must(length < sizeof(bare));
    memcpy(bare, text, length);
    bare[length] = 0;
    to.family = strchr(bare, ':') ? FAMILY_IPV6 : FAMILY_IPV4;
    must(inet_pton(to.family == FAMILY_IPV6 ? 10 : 2, bare, to.bytes) == 1);
    to.prefix = slash ? (uint8_t)atoi(slash + 1) : 0;
    return to;
}

/**
 * iface_command() - A command for an interface with one or two addresses
 * @kind: IFACE_*
 * @mtu: MTU
 * @first: address with prefix, or NULL
 * @second: the same
 *
 * Return: the command
 */
static inline struct cmd_iface iface_command(uint32_t kind, uint32_t mtu, const char *first,
                                             const char *second)
{
    struct cmd_iface cmd = { .cmd.op = CMD_IFACE_ADD, .kind = kind, .mtu = mtu };
    static const uint8_t mac[6] = { 2, 0, 0, 0, 0, 1 };

    cmd.ring_size = 1u << 20;
    memcpy(cmd.mac, mac, sizeof(mac));
    if (first) {
        cmd.addrs[cmd.addr_count++] = address(first, 0);
    }
    if (second) {
        cmd.addrs[cmd.addr_count++] = address(second, 0);
    }
    return cmd;
}

/**
 * socket_command() - A command that listens or connects, with large buffers
 * @kind: SOCK_TCP_LISTENER or SOCK_TCP
 * @where: local address to listen on, or remote one to connect to
 * @port: its port
 *
 * Return: the command
 */
static inline struct cmd_socket socket_command(uint32_t kind, const char *where, uint16_t port)
{
    struct cmd_socket cmd = { .cmd.op = CMD_OPEN, .kind = kind };

    *(kind == SOCK_TCP_LISTENER ? &cmd.local : &cmd.remote) = address(where, port);
    cmd.rx_max = cmd.tx_max = 1u << 20;
    cmd.backlog = 128;
    cmd.nodelay = 1;
    return cmd;
}

#endif /* RINGSTACK_COMMAND_RIG_H */
