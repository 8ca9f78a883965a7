/* SPDX-License-Identifier: MIT */
/* abi_gen.c - prints js/abi.ts from core/abi.h (make abi); a test compares the two */
#include <stdio.h>

#include "abi.h"

#define OFFSET(name, type, field)                                                                  \
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
    OFFSET("ARENA_MAGIC", arena_ctl, magic);
    OFFSET("ARENA_VERSION", arena_ctl, version);
    VALUE(ARENA_ABANDONED);
    OFFSET("ARENA_LOCK", arena_ctl, lock);
    OFFSET("ARENA_FREE_BYTES", arena_ctl, free_bytes);
    OFFSET("ARENA_TOTAL_BYTES", arena_ctl, total_bytes);
    OFFSET("DOORBELL_SEQ", doorbell, seq);
    OFFSET("DOORBELL_SLEEPING", doorbell, sleeping);
    VALUE(DOORBELL_AWAKE);
    VALUE(DOORBELL_WAIT);
    VALUE(DOORBELL_POST);
}

static void rings(void)
{
    head("Rings");
    VALUE(RING_LAYOUT_SIZE);
    OFFSET("RING_TAIL", ring, tail);
    OFFSET("RING_ROOM_THRESHOLD", ring, room_threshold);
    OFFSET("RING_GEN", ring, gen);
    OFFSET("RING_SWITCH_POS", ring, switch_pos);
    OFFSET("RING_WANT", ring, want);
    OFFSET("RING_HEAD", ring, head);
    OFFSET("RING_DATA_THRESHOLD", ring, data_threshold);
    OFFSET("RING_CONS_GEN", ring, cons_gen);
    OFFSET("RING_GSO_MAX_SIZE", ring, gso_max_size);
    OFFSET("RING_BAD", ring, bad);
    OFFSET("RING_BUF", ring, buf);
    OFFSET("RING_SIZE", ring, size);
    OFFSET("RING_OFFERED", ring, offered);
    OFFSET("RING_DATA_DOORBELL", ring, data_doorbell);
    OFFSET("RING_ROOM_DOORBELL", ring, room_doorbell);
    VALUE(FRAME_ALIGN);
    VALUE(FRAME_HEADER);
    VALUE(FRAME_SKIP);
}

static void sockets(void)
{
    head("Sockets");
    VALUE(SOCK_TCP_LISTENER);
    VALUE(SOCK_TCP);
    VALUE(SOCK_UDP);
    VALUE(SOCK_ICMP);
    VALUE(SOCK_ICMP6);
    VALUE(SOCK_FLOW);
    VALUE(SOCK_OPEN);
    VALUE(SOCK_EOF);
    VALUE(SOCK_CLOSED);
    VALUE(SOCK_READABLE);
    VALUE(SOCK_WRITABLE);
    VALUE(SOCK_SENT);
    VALUE(SOCK_ERROR);
    OFFSET("SOCK_TX", abi_sock, tx);
    OFFSET("SOCK_RX", abi_sock, rx);
    OFFSET("SOCK_LOCAL", abi_sock, local);
    OFFSET("SOCK_REMOTE", abi_sock, remote);
    OFFSET("SOCK_RX_DATAGRAMS", abi_sock, rx_datagrams);
    OFFSET("SOCK_TX_DATAGRAMS", abi_sock, tx_datagrams);
    OFFSET("SOCK_RX_DROPPED", abi_sock, rx_dropped);
    OFFSET("SOCK_TX_DROPPED", abi_sock, tx_dropped);
    OFFSET("SOCK_RX_BYTES", abi_sock, rx_bytes);
    OFFSET("SOCK_TX_BYTES", abi_sock, tx_bytes);
    OFFSET("SOCK_PATH_MTU", abi_sock, path_mtu);
    OFFSET("DATAGRAM_REMOTE", abi_datagram, remote);
    OFFSET("DATAGRAM_LOCAL", abi_datagram, local);
    OFFSET("DATAGRAM_IFACE", abi_datagram, iface);
    OFFSET("DATAGRAM_TTL", abi_datagram, ttl);
    OFFSET("DATAGRAM_FLAGS", abi_datagram, flags);
    OFFSET("DATAGRAM_VERDICT", abi_datagram, verdict);
    OFFSET("DATAGRAM_LINK_ADDRESS", abi_datagram, link);
    SIZE("DATAGRAM_SIZE", abi_datagram);
    VALUE(DATAGRAM_LINK);
    VALUE(UDP_MOST);
    VALUE(UDP_MOST_IPV6);
    VALUE(ICMP_MOST);
    OFFSET("ADDR_PORT", abi_addr, port);
    OFFSET("ADDR_FAMILY", abi_addr, family);
    OFFSET("ADDR_PREFIX", abi_addr, prefix);
    OFFSET("ADDR_ZONE", abi_addr, zone);
    SIZE("ADDR_SIZE", abi_addr);
}

static void interfaces(void)
{
    head("Interfaces");
    VALUE(IFACE_LOOPBACK);
    VALUE(IFACE_TUN);
    VALUE(IFACE_TAP);
    VALUE(IFACE_BRIDGE);
    VALUE(IFACE_MTU_MAX);
    VALUE(IFACE_TX_RESERVE);
    VALUE(IFACE_MTU_MIN);
    VALUE(IFACE_ADDRS);
    VALUE(IFACE_NO_CHECKSUM);
    VALUE(IFACE_NO_GSO);
    OFFSET("IFACE_TX", abi_iface, tx);
    OFFSET("IFACE_RX", abi_iface, rx);
    OFFSET("IFACE_FRAME_MAX", abi_iface, frame_max);
    OFFSET("IFACE_LISTENING", abi_iface, listening);
    OFFSET("IFACE_DROPPED", abi_iface, dropped);
    OFFSET("IFACE_TX_PACKETS", abi_iface, tx_packets);
    OFFSET("IFACE_RX_PACKETS", abi_iface, rx_packets);
    OFFSET("IFACE_TX_BYTES", abi_iface, tx_bytes);
    OFFSET("IFACE_RX_BYTES", abi_iface, rx_bytes);
    OFFSET("IFACE_RX_INVALID", abi_iface, rx_invalid);
    OFFSET("IFACE_RX_OVERSIZE", abi_iface, rx_oversize);
    OFFSET("IFACE_TX_LOST", abi_iface, tx_lost);
    OFFSET("IFACE_CHANNEL", abi_iface, channel);
    OFFSET("IFACE_MTU", abi_iface, mtu);
    OFFSET("IFACE_FORWARD", abi_iface, forward);
    VALUE(FORWARD_SENT);
    VALUE(FORWARD_TTL);
    VALUE(FORWARD_NO_ROUTE);
    VALUE(FORWARD_TOO_BIG);
    VALUE(FORWARD_REFUSED);
    VALUE(FORWARD_FULL);
}

static void bridges(void)
{
    head("Bridges");
    OFFSET("PORT_BLOCKED", abi_port, blocked);
    OFFSET("PORT_TABLE", abi_port, table);
    OFFSET("PORT_STATIONS", abi_port, stations);
    OFFSET("PORT_CREATED", abi_port, created);
    OFFSET("PORT_DROPS", abi_port, counts);
    VALUE(PORT_MALFORMED);
    VALUE(PORT_RESERVED);
    VALUE(PORT_FILTERED);
    VALUE(PORT_SPOOFED);
    VALUE(PORT_STORM);
    VALUE(PORT_LOOPED);
    VALUE(PORT_ISOLATED);
    VALUE(PORT_GUARDED);
    VALUE(PORT_FULL);
    VALUE(PORT_TOO_LONG);
    VALUE(PORT_MOVES);
    OFFSET("STATION_PORT", abi_station, port);
    OFFSET("STATION_KIND", abi_station, kind);
    OFFSET("STATION_SEEN", abi_station, seen);
    SIZE("STATION_SIZE", abi_station);
    VALUE(STATION_LEARNED);
    VALUE(STATION_OWN);
    SIZE("PORT_FRAME_HEADER", abi_port_frame);
    OFFSET("PORT_FRAME_ALL", abi_port_frame, all);
    VALUE(CMD_FINISH);
    VALUE(CMD_BRIDGE);
    OFFSET("CMD_BRIDGE_BRIDGE", cmd_bridge, bridge);
    OFFSET("CMD_BRIDGE_FLAGS", cmd_bridge, flags);
    OFFSET("CMD_BRIDGE_STORM", cmd_bridge, storm);
    OFFSET("CMD_BRIDGE_MOST", cmd_bridge, most);
    OFFSET("CMD_BRIDGE_AGEING", cmd_bridge, ageing);
    OFFSET("CMD_BRIDGE_MTU", cmd_bridge, mtu);
    OFFSET("CMD_BRIDGE_MAC", cmd_bridge, mac);
    SIZE("CMD_BRIDGE_SIZE", cmd_bridge);
    VALUE(BRIDGE_JOIN);
    VALUE(BRIDGE_LEAVE);
    VALUE(BRIDGE_FIX);
    VALUE(BRIDGE_FLUSH);
    VALUE(PORT_IS_ISOLATED);
    VALUE(PORT_IS_GUARDED);
    VALUE(PORT_IS_FIXED);
    VALUE(PORT_STORM_MOST);
}

static void channels(void)
{
    head("Channels");
    OFFSET("CHANNEL_COMMANDS", abi_channel, commands);
    OFFSET("CHANNEL_EVENTS", abi_channel, events);
    OFFSET("CHANNEL_DOORBELL", abi_channel, doorbell);
    OFFSET("CHANNEL_STATE", abi_channel, state);
    OFFSET("CHANNEL_NEXT", abi_channel, next);
    OFFSET("CHANNEL_INDEX", abi_channel, index);
    OFFSET("CHANNEL_ENGINE_DOORBELL", abi_channel, engine_doorbell);
    OFFSET("CHANNEL_PENDING_LIST", abi_channel, pending_list);
    OFFSET("CHANNEL_KEY", abi_channel, key);
    OFFSET("CHANNEL_NEXT_CHANNEL", abi_channel, next_channel);
    VALUE(CHANNEL_OFFERED);
    VALUE(CHANNEL_ATTACHED);
    VALUE(CHANNEL_RECALLED);
    VALUE(CHANNEL_RELEASED);
    VALUE(CHANNEL_PENDING);
}

static void commands(void)
{
    head("Commands");
    VALUE(CMD_IFACE_ADD);
    VALUE(CMD_IFACE_REMOVE);
    VALUE(CMD_IFACE_WIRE);
    VALUE(CMD_OPEN);
    VALUE(CMD_ACCEPTED);
    VALUE(CMD_KICK);
    VALUE(CMD_SHUTDOWN);
    VALUE(CMD_DISCARD);
    VALUE(CMD_CLOSE);
    VALUE(CMD_ABORT);
    VALUE(CMD_RELEASE);
    VALUE(CMD_SET_OPTION);
    VALUE(CMD_JOIN);
    VALUE(CMD_LEAVE);
    VALUE(CMD_SHARE_SOCK);
    VALUE(CMD_SHARE_IFACE);
    VALUE(CMD_RECALL);
    VALUE(CMD_SYNC);
    VALUE(CMD_CHANGE);
    VALUE(CMD_ROUTE);
    OFFSET("CMD_OP", cmd, op);
    OFFSET("CMD_ID", cmd, id);
    OFFSET("CMD_HANDLE", cmd, handle);
    OFFSET("CMD_VALUE", cmd, value);
    SIZE("CMD_SIZE", cmd);
    OFFSET("CMD_IFACE_KIND", cmd_iface, kind);
    OFFSET("CMD_IFACE_MTU", cmd_iface, mtu);
    OFFSET("CMD_IFACE_FLAGS", cmd_iface, flags);
    OFFSET("CMD_IFACE_RING_SIZE", cmd_iface, ring_size);
    OFFSET("CMD_IFACE_MAC", cmd_iface, mac);
    OFFSET("CMD_IFACE_ADDR_COUNT", cmd_iface, addr_count);
    OFFSET("CMD_IFACE_ADDRS", cmd_iface, addrs);
    SIZE("CMD_IFACE_SIZE", cmd_iface);
}

static void route_commands(void)
{
    OFFSET("CMD_CHANGE_ADDRESS", cmd_change, address);
    OFFSET("CMD_CHANGE_AMOUNT", cmd_change, amount);
    SIZE("CMD_CHANGE_SIZE", cmd_change);
    VALUE(CHANGE_ADD);
    VALUE(CHANGE_REMOVE);
    VALUE(CHANGE_DETECT);
    VALUE(CHANGE_UP);
    VALUE(CHANGE_MTU);
    VALUE(CHANGE_FORWARD);
    OFFSET("CMD_ROUTE_DESTINATION", cmd_route, destination);
    OFFSET("CMD_ROUTE_VIA", cmd_route, via);
    OFFSET("CMD_ROUTE_METRIC", cmd_route, metric);
    OFFSET("CMD_ROUTE_NUMBER", cmd_route, number);
    SIZE("CMD_ROUTE_SIZE", cmd_route);
    VALUE(ROUTE_ADD);
    VALUE(ROUTE_REMOVE);
    VALUE(ROUTE_LIST);
    VALUE(ROUTE_LOOKUP);
    VALUE(ROUTE_NEIGHBORS);
    OFFSET("ENTRY_DESTINATION", abi_entry, destination);
    OFFSET("ENTRY_VIA", abi_entry, via);
    OFFSET("ENTRY_IFACE", abi_entry, iface);
    OFFSET("ENTRY_METRIC", abi_entry, metric);
    OFFSET("ENTRY_NUMBER", abi_entry, number);
    SIZE("ENTRY_SIZE", abi_entry);
}

static void socket_commands(void)
{
    OFFSET("CMD_SOCKET_KIND", cmd_socket, kind);
    OFFSET("CMD_SOCKET_LOCAL", cmd_socket, local);
    OFFSET("CMD_SOCKET_REMOTE", cmd_socket, remote);
    OFFSET("CMD_SOCKET_RX_MAX", cmd_socket, rx_max);
    OFFSET("CMD_SOCKET_TX_MAX", cmd_socket, tx_max);
    OFFSET("CMD_SOCKET_BACKLOG", cmd_socket, backlog);
    OFFSET("CMD_SOCKET_NODELAY", cmd_socket, nodelay);
    OFFSET("CMD_SOCKET_KEEPALIVE", cmd_socket, keepalive);
    OFFSET("CMD_SOCKET_IFACE", cmd_socket, iface);
    OFFSET("CMD_SOCKET_FLAGS", cmd_socket, flags);
    OFFSET("CMD_SOCKET_TTL", cmd_socket, ttl);
    OFFSET("CMD_SOCKET_MULTICAST_TTL", cmd_socket, multicast_ttl);
    SIZE("CMD_SOCKET_SIZE", cmd_socket);
    VALUE(DGRAM_REUSE);
    VALUE(DGRAM_BROADCAST);
    VALUE(DGRAM_MULTICAST_LOOP);
    VALUE(DGRAM_DONT_FRAGMENT);
    VALUE(DGRAM_TRANSPARENT);
    VALUE(VERDICT_ACCEPT);
    VALUE(VERDICT_RESET);
    VALUE(VERDICT_ICMP);
    OFFSET("CMD_GROUP_GROUP", cmd_group, group);
    OFFSET("CMD_GROUP_SOURCE", cmd_group, source);
    OFFSET("CMD_GROUP_IFACE", cmd_group, iface);
    SIZE("CMD_GROUP_SIZE", cmd_group);
    OFFSET("CMD_OPTION_OPTION", cmd_option, option);
    SIZE("CMD_OPTION_SIZE", cmd_option);
    VALUE(OPTION_NODELAY);
    VALUE(OPTION_KEEPALIVE);
    VALUE(OPTION_TTL);
    VALUE(OPTION_MULTICAST_TTL);
}

static void events(void)
{
    head("Events");
    VALUE(EVENT_RESULT);
    VALUE(EVENT_SOCK);
    VALUE(EVENT_ACCEPT);
    OFFSET("EVENT_KIND", event, kind);
    OFFSET("EVENT_ID", event, id);
    OFFSET("EVENT_HANDLE", event, handle);
    OFFSET("EVENT_OFFSET", event, offset);
    OFFSET("EVENT_BITS", event, bits);
    OFFSET("EVENT_ERROR", event, error);
    SIZE("EVENT_SIZE", event);
}

static void stack(void)
{
    head("Stack");
    OFFSET("STACK_MAGIC", stack_ctl, magic);
    OFFSET("STACK_VERSION", stack_ctl, version);
    OFFSET("STACK_SIZE", stack_ctl, size);
    OFFSET("STACK_DOORBELL", stack_ctl, doorbell);
    OFFSET("STACK_NEXT_TIMER", stack_ctl, next_timer);
    OFFSET("STACK_CHANNELS", stack_ctl, channels);
    OFFSET("STACK_FIRST_CHANNEL", stack_ctl, first_channel);
    OFFSET("STACK_STOP", stack_ctl, stop);
    OFFSET("STACK_POSTS", stack_ctl, posts);
    OFFSET("STACK_LOCK", stack_ctl, lock);
    OFFSET("STACK_WAKER", stack_ctl, waker);
    OFFSET("STACK_CLOCK", stack_ctl, clock);
    OFFSET("STACK_ALARM", stack_ctl, alarm);
    OFFSET("STACK_APP", stack_ctl, app);
    OFFSET("STACK_STATS", stack_ctl, stats);
    SIZE("STACK_CTL_SIZE", stack_ctl);
    VALUE(TIMER_NONE);
    VALUE(WAKER_JS);
    VALUE(TURN_IDLE);
    VALUE(TURN_MORE);
    VALUE(TURN_SOON);
    OFFSET("STATS_TCP_REXMIT", stack_stats, tcp_rexmit);
    OFFSET("STATS_TCP_RX_SEGMENTS", stack_stats, tcp_rx_segments);
    OFFSET("STATS_TCP_TX_SEGMENTS", stack_stats, tcp_tx_segments);
    OFFSET("STATS_CHECKSUM_ERRORS", stack_stats, checksum_errors);
    OFFSET("STATS_INPUT_DROPS", stack_stats, input_drops);
    OFFSET("STATS_NO_MEMORY_DROPS", stack_stats, no_memory_drops);
    OFFSET("STATS_UDP_INVALID", stack_stats, udp_invalid);
    OFFSET("STATS_UDP_NO_SOCKET", stack_stats, udp_no_socket);
    OFFSET("STATS_ICMP_ERRORS", stack_stats, icmp_errors);
    OFFSET("STATS_ICMP_LIMITED", stack_stats, icmp_limited);
    OFFSET("STATS_NEIGHBOR_DROPS", stack_stats, neighbor_drops);
    OFFSET("STATS_SOURCE_DROPS", stack_stats, source_drops);
    OFFSET("STATS_SYN_DROPS", stack_stats, syn_drops);
    OFFSET("STATS_ORPHANS", stack_stats, orphans);
    OFFSET("STATS_ICMP_IGNORED", stack_stats, icmp_ignored);
    OFFSET("STATS_FRAGMENT_DROPS", stack_stats, fragment_drops);
    OFFSET("STATS_SOCKETS", stack_stats, sockets);
    OFFSET("STATS_HEAP_BYTES", stack_stats, heap_bytes);
    OFFSET("STATS_RING_BYTES", stack_stats, ring_bytes);
    OFFSET("STATS_TURNS", stack_stats, turns);
    OFFSET("STATS_BYTES_COPIED", stack_stats, bytes_copied);
    OFFSET("CONFIG_OWNER", stack_config, owner);
    OFFSET("CONFIG_MAX_SOCKETS", stack_config, max_sockets);
    OFFSET("CONFIG_WEAK_HOST", stack_config, weak_host);
    OFFSET("CONFIG_SEED", stack_config, seed);
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
    VALUE(ABI_EACCES);
}

int main(void)
{
    puts("// SPDX-License-Identifier: MIT");
    puts("// abi.ts - offsets and constants of core/abi.h; generated by core/abi_gen.c (make abi)");
    arena();
    rings();
    sockets();
    interfaces();
    bridges();
    channels();
    commands();
    route_commands();
    socket_commands();
    events();
    stack();
    errors();
    return 0;
}
