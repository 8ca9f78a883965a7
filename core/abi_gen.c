/* SPDX-License-Identifier: MIT */
/* abi_gen.c - prints js/abi.ts from core/abi.h (make abi); a test compares the two */
#include <stdio.h>

#include "abi.h"

#define PLACE(name, type, field)                                                                   \
    printf("export const %s = %u;\n", name, (unsigned)offsetof(struct type, field))
#define SIZE(name, type) printf("export const %s = %u;\n", name, (unsigned)sizeof(struct type))
#define VALUE(constant) printf("export const %s = %lld;\n", #constant, (long long)(constant))

static void head(const char *text)
{
    printf("\n// %s\n", text);
}

static void arena(void)
{
    head("Arena");
    VALUE(ABI_MAGIC);
    VALUE(ABI_VERSION);
    VALUE(ARENA_CTL);
    VALUE(ARENA_MIN);
    SIZE("ARENA_CTL_SIZE", arena_ctl);
    PLACE("ARENA_MAGIC", arena_ctl, magic);
    PLACE("ARENA_VERSION", arena_ctl, version);
    PLACE("ARENA_FREE_BYTES", arena_ctl, free_bytes);
    PLACE("ARENA_TOTAL_BYTES", arena_ctl, total_bytes);
    PLACE("BELL_SEQ", bell, seq);
    PLACE("BELL_SLEEPING", bell, sleeping);
    VALUE(BELL_AWAKE);
    VALUE(BELL_WAIT);
    VALUE(BELL_POST);
}

static void rings(void)
{
    head("Rings");
    VALUE(RING_LAYOUT_SIZE);
    PLACE("RING_TAIL", ring, tail);
    PLACE("RING_ROOM_MARK", ring, room_mark);
    PLACE("RING_GEN", ring, gen);
    PLACE("RING_SWITCH_POS", ring, switch_pos);
    PLACE("RING_WANT", ring, want);
    PLACE("RING_HEAD", ring, head);
    PLACE("RING_DATA_MARK", ring, data_mark);
    PLACE("RING_CONS_GEN", ring, cons_gen);
    PLACE("RING_TAKES", ring, takes);
    PLACE("RING_BAD", ring, bad);
    PLACE("RING_BUF", ring, buf);
    PLACE("RING_SIZE", ring, size);
    PLACE("RING_OFFERED", ring, offered);
    PLACE("RING_DATA_BELL", ring, data_bell);
    PLACE("RING_ROOM_BELL", ring, room_bell);
    VALUE(FRAME_ALIGN);
    VALUE(FRAME_HEADER);
    VALUE(FRAME_SKIP);
}

static void sockets(void)
{
    head("Sockets");
    VALUE(SOCK_OPEN);
    VALUE(SOCK_EOF);
    VALUE(SOCK_CLOSED);
    VALUE(SOCK_READABLE);
    VALUE(SOCK_WRITABLE);
    VALUE(SOCK_SENT);
    PLACE("SOCK_TX", sock, tx);
    PLACE("SOCK_RX", sock, rx);
    PLACE("SOCK_LOCAL", sock, local);
    PLACE("SOCK_REMOTE", sock, remote);
    PLACE("ADDR_PORT", abi_addr, port);
    PLACE("ADDR_FAMILY", abi_addr, family);
    PLACE("ADDR_PREFIX", abi_addr, prefix);
    PLACE("ADDR_ZONE", abi_addr, zone);
    SIZE("ADDR_SIZE", abi_addr);
}

static void interfaces(void)
{
    head("Interfaces");
    VALUE(IFACE_LOOPBACK);
    VALUE(IFACE_TUN);
    VALUE(IFACE_TAP);
    VALUE(IFACE_MTU_MAX);
    VALUE(IFACE_MTU_MIN);
    VALUE(IFACE_ADDRS);
    VALUE(IFACE_NO_CHECKSUM);
    VALUE(IFACE_NO_LARGE_SEND);
    PLACE("IFACE_TX", iface, tx);
    PLACE("IFACE_RX", iface, rx);
    PLACE("IFACE_FRAME_MAX", iface, frame_max);
    PLACE("IFACE_LISTENING", iface, listening);
    PLACE("IFACE_DROPPED", iface, dropped);
    PLACE("IFACE_TX_PACKETS", iface, tx_packets);
    PLACE("IFACE_RX_PACKETS", iface, rx_packets);
    PLACE("IFACE_TX_BYTES", iface, tx_bytes);
    PLACE("IFACE_RX_BYTES", iface, rx_bytes);
    PLACE("IFACE_RX_INVALID", iface, rx_invalid);
    PLACE("IFACE_RX_OVERSIZE", iface, rx_oversize);
    PLACE("IFACE_TX_LOST", iface, tx_lost);
    PLACE("IFACE_PORT", iface, port);
}

static void ports(void)
{
    head("Ports");
    PLACE("PORT_COMMANDS", port, commands);
    PLACE("PORT_EVENTS", port, events);
    PLACE("PORT_BELL", port, bell);
    PLACE("PORT_STATE", port, state);
    PLACE("PORT_NEXT", port, next);
    PLACE("PORT_INDEX", port, index);
    PLACE("PORT_ENGINE_BELL", port, engine_bell);
    PLACE("PORT_RUNG_LIST", port, rung_list);
    PLACE("PORT_KEY", port, key);
    PLACE("PORT_NEXT_PORT", port, next_port);
    VALUE(PORT_OFFERED);
    VALUE(PORT_ATTACHED);
    VALUE(PORT_RECALLED);
    VALUE(PORT_RELEASED);
    VALUE(PORT_RUNG);
}

static void commands(void)
{
    head("Commands");
    VALUE(CMD_IFACE_ADD);
    VALUE(CMD_IFACE_REMOVE);
    VALUE(CMD_IFACE_WIRE);
    VALUE(CMD_LISTEN);
    VALUE(CMD_CONNECT);
    VALUE(CMD_ACCEPTED);
    VALUE(CMD_KICK);
    VALUE(CMD_SHUTDOWN);
    VALUE(CMD_DISCARD);
    VALUE(CMD_CLOSE);
    VALUE(CMD_ABORT);
    VALUE(CMD_RELEASE);
    VALUE(CMD_NODELAY);
    VALUE(CMD_KEEPALIVE);
    VALUE(CMD_SHARE_SOCK);
    VALUE(CMD_SHARE_IFACE);
    VALUE(CMD_RECALL);
    VALUE(CMD_SYNC);
    PLACE("CMD_OP", cmd, op);
    PLACE("CMD_ID", cmd, id);
    PLACE("CMD_HANDLE", cmd, handle);
    PLACE("CMD_VALUE", cmd, value);
    SIZE("CMD_SIZE", cmd);
    PLACE("CMD_IFACE_KIND", cmd_iface, kind);
    PLACE("CMD_IFACE_MTU", cmd_iface, mtu);
    PLACE("CMD_IFACE_FLAGS", cmd_iface, flags);
    PLACE("CMD_IFACE_RING_SIZE", cmd_iface, ring_size);
    PLACE("CMD_IFACE_MAC", cmd_iface, mac);
    PLACE("CMD_IFACE_ADDR_COUNT", cmd_iface, addr_count);
    PLACE("CMD_IFACE_GATEWAY_COUNT", cmd_iface, gateway_count);
    PLACE("CMD_IFACE_ADDRS", cmd_iface, addrs);
    PLACE("CMD_IFACE_GATEWAYS", cmd_iface, gateways);
    SIZE("CMD_IFACE_SIZE", cmd_iface);
    PLACE("CMD_SOCKET_LOCAL", cmd_socket, local);
    PLACE("CMD_SOCKET_REMOTE", cmd_socket, remote);
    PLACE("CMD_SOCKET_RX_MAX", cmd_socket, rx_max);
    PLACE("CMD_SOCKET_TX_MAX", cmd_socket, tx_max);
    PLACE("CMD_SOCKET_BACKLOG", cmd_socket, backlog);
    PLACE("CMD_SOCKET_NODELAY", cmd_socket, nodelay);
    PLACE("CMD_SOCKET_KEEPALIVE", cmd_socket, keepalive);
    SIZE("CMD_SOCKET_SIZE", cmd_socket);
}

static void events(void)
{
    head("Events");
    VALUE(EVENT_RESULT);
    VALUE(EVENT_SOCK);
    VALUE(EVENT_ACCEPT);
    PLACE("EVENT_KIND", event, kind);
    PLACE("EVENT_ID", event, id);
    PLACE("EVENT_HANDLE", event, handle);
    PLACE("EVENT_PLACE", event, place);
    PLACE("EVENT_BITS", event, bits);
    PLACE("EVENT_ERROR", event, error);
    SIZE("EVENT_SIZE", event);
}

static void stack(void)
{
    head("Stack");
    PLACE("STACK_MAGIC", stack_ctl, magic);
    PLACE("STACK_VERSION", stack_ctl, version);
    PLACE("STACK_SIZE", stack_ctl, size);
    PLACE("STACK_BELL", stack_ctl, bell);
    PLACE("STACK_NEXT_TIMER", stack_ctl, next_timer);
    PLACE("STACK_PORTS", stack_ctl, ports);
    PLACE("STACK_FIRST_PORT", stack_ctl, first_port);
    PLACE("STACK_STOP", stack_ctl, stop);
    PLACE("STACK_POSTS", stack_ctl, posts);
    PLACE("STACK_APP", stack_ctl, app);
    PLACE("STACK_STATS", stack_ctl, stats);
    SIZE("STACK_CTL_SIZE", stack_ctl);
    VALUE(TIMER_NONE);
    VALUE(TURN_IDLE);
    VALUE(TURN_SOON);
    PLACE("STATS_TCP_REXMIT", stack_stats, tcp_rexmit);
    PLACE("STATS_TCP_RX_SEGMENTS", stack_stats, tcp_rx_segments);
    PLACE("STATS_TCP_TX_SEGMENTS", stack_stats, tcp_tx_segments);
    PLACE("STATS_CHECKSUM_ERRORS", stack_stats, checksum_errors);
    PLACE("STATS_INPUT_DROPS", stack_stats, input_drops);
    PLACE("STATS_NO_MEMORY_DROPS", stack_stats, no_memory_drops);
    PLACE("STATS_SOCKETS", stack_stats, sockets);
    PLACE("STATS_HEAP_BYTES", stack_stats, heap_bytes);
    PLACE("STATS_RING_BYTES", stack_stats, ring_bytes);
    PLACE("STATS_TURNS", stack_stats, turns);
    PLACE("STATS_BYTES_COPIED", stack_stats, bytes_copied);
    PLACE("CONFIG_OWNER", stack_config, owner);
    PLACE("CONFIG_MAX_SOCKETS", stack_config, max_sockets);
    PLACE("CONFIG_SEED", stack_config, seed);
    SIZE("CONFIG_SIZE", stack_config);
}

static void errors(void)
{
    head("Errors");
    VALUE(ABI_EINVAL);
    VALUE(ABI_ENOMEM);
    VALUE(ABI_EMFILE);
    VALUE(ABI_EADDRINUSE);
    VALUE(ABI_EADDRNOTAVAIL);
    VALUE(ABI_EHOSTUNREACH);
    VALUE(ABI_ECONNREFUSED);
    VALUE(ABI_ECONNRESET);
    VALUE(ABI_ECONNABORTED);
    VALUE(ABI_ETIMEDOUT);
    VALUE(ABI_ENODEV);
    VALUE(ABI_EBADF);
    VALUE(ABI_EMSGSIZE);
    VALUE(ABI_EAGAIN);
    VALUE(ABI_EPROTO);
    VALUE(ABI_ENOBUFS);
}

int main(void)
{
    puts("// SPDX-License-Identifier: MIT");
    puts("// abi.ts - places and constants of core/abi.h; generated by core/abi_gen.c (make abi)");
    arena();
    rings();
    sockets();
    interfaces();
    ports();
    commands();
    events();
    stack();
    errors();
    return 0;
}
