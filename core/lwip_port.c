/* SPDX-License-Identifier: MIT */
/* lwip_port.c - what lwIP asks of a platform: the clock, sequence numbers, conversions
 *
 * Time is passed in with every turn and does not move within one. lwip_port.h declares all hooks; those
 * about routes are in core/iface/route.c, those about segments in core/sock/tcp_data.c, and those that
 * lwip/patches add in core/lwext/.
 */
#include "lwip_port.h"

#include "lwip/stats.h"
#include "lwip/sys.h"

#include "util/random.h"

u16_t port_ip4_offset;
static double now_ms;

/**
 * port_set_time() - Set the clock, once a turn
 * @now: ms since some fixed moment, never going back
 */
void port_set_time(double now)
{
    now_ms = now;
}

/**
 * port_time() - The clock of this turn
 *
 * Return: ms
 */
double port_time(void)
{
    return now_ms;
}

/**
 * sys_now() - The clock as lwIP wants it
 *
 * Return: ms, wrapping
 */
u32_t sys_now(void)
{
    return (u32_t)(uint64_t)now_ms;
}

/**
 * port_tcp_isn() - Initial sequence number by RFC 6528: a 4 us clock plus a keyed hash of the four
 * ends (LWIP_HOOK_TCP_ISN)
 * @local_ip: our address
 * @local_port: our port
 * @remote_ip: their address
 * @remote_port: their port
 *
 * Return: the number
 */
u32_t port_tcp_isn(const ip_addr_t *local_ip, u16_t local_port, const ip_addr_t *remote_ip,
                   u16_t remote_port)
{
    struct abi_addr ends[2];

    port_from_lwip(local_ip, local_port, &ends[0]);
    port_from_lwip(remote_ip, remote_port, &ends[1]);
    return (u32_t)(uint64_t)(now_ms * 250.0) + (u32_t)random_hash(ends, sizeof(ends));
}

#ifndef RINGSTACK_NATIVE
/**
 * port_count() - Count what was dropped (lwip/arch/cc.h)
 * @counter: its offset in lwIP's counters, which are all uint32_t (LWIP_STATS_LARGE)
 */
void port_count(size_t counter)
{
    ++*(uint32_t *)((char *)&lwip_stats + counter);
}
#endif

/**
 * port_tcp_new_port() - A port to connect from (LWIP_HOOK_TCP_NEW_PORT)
 *
 * Return: 0: lwIP gets none, since core/sock/tcp_open.c binds before it connects
 */
u16_t port_tcp_new_port(void)
{
    return 0;
}

/**
 * port_to_lwip() - Convert an address of the ABI
 * @from: address
 * @to: set to it; a link-local address has no zone yet
 *
 * Return: 0 or ABI_EINVAL: unknown family
 */
int port_to_lwip(const struct abi_addr *from, ip_addr_t *to)
{
    ip_addr_set_zero(to);
    if (from->family == FAMILY_IPV4) {
        IP_SET_TYPE_VAL(*to, IPADDR_TYPE_V4);
        __builtin_memcpy(&ip_2_ip4(to)->addr, from->bytes, 4);
        return 0;
    }
    if (from->family == FAMILY_IPV6) {
        IP_SET_TYPE_VAL(*to, IPADDR_TYPE_V6);
        __builtin_memcpy(ip_2_ip6(to)->addr, from->bytes, 16);
        return 0;
    }
    return ABI_EINVAL;
}

/**
 * port_from_lwip() - Convert an address of lwIP
 * @from: address
 * @port: port that goes with it, host byte order
 * @to: set to both; zone and prefix are 0
 */
void port_from_lwip(const ip_addr_t *from, u16_t port, struct abi_addr *to)
{
    __builtin_memset(to, 0, sizeof(*to));
    if (IP_IS_V6(from)) {
        to->family = FAMILY_IPV6;
        __builtin_memcpy(to->bytes, ip_2_ip6(from)->addr, 16);
    } else {
        to->family = FAMILY_IPV4;
        __builtin_memcpy(to->bytes, &ip_2_ip4(from)->addr, 4);
    }
    to->port = port;
}

/**
 * port_is_any() - Whether an address of the ABI is the unspecified one
 * @address: address
 *
 * Return: 1 if so, or if it has no family
 */
int port_is_any(const struct abi_addr *address)
{
    static const uint8_t zero[16];

    return address->family == FAMILY_NONE ||
           __builtin_memcmp(address->bytes, zero, sizeof(zero)) == 0;
}

/* The macros of lwIP for addresses of either family are large where they stand; these are calls. */

/**
 * port_ip_is_same() - Whether two addresses are the same, whatever their zones
 * @a: address
 * @b: address
 *
 * Return: 1 if so
 */
int port_ip_is_same(const ip_addr_t *a, const ip_addr_t *b)
{
    const uint32_t *x = ip_2_ip6(a)->addr, *y = ip_2_ip6(b)->addr;

    /* Behind an IPv4 address there are zeros (port_to_lwip(), ip_addr_copy_from_ip4()). */
    return IP_IS_V6(a) == IP_IS_V6(b) &&
           ((x[0] ^ y[0]) | (x[1] ^ y[1]) | (x[2] ^ y[2]) | (x[3] ^ y[3])) == 0;
}

/**
 * port_ip_is_any() - Whether an address is 0.0.0.0 or ::, or that of both families
 * @address: address
 *
 * Return: 1 if so
 */
int port_ip_is_any(const ip_addr_t *address)
{
    const uint32_t *words = ip_2_ip6(address)->addr;

    return (words[0] | words[1] | words[2] | words[3]) == 0;
}

/**
 * port_ip_is_group() - Whether an address is a multicast address
 * @address: address
 *
 * Return: 1 if so
 */
int port_ip_is_group(const ip_addr_t *address)
{
    uint8_t head = *(const uint8_t *)ip_2_ip6(address)->addr;

    return IP_IS_V6(address) ? head == 0xff : head >> 4 == 0xe;
}

/**
 * port_error() - The code of the ABI for an error of a call into lwIP
 * @err: lwIP's error
 *
 * Return: 0 or a negative code
 */
int port_error(err_t err)
{
    static const int8_t codes[] = {
        [-ERR_MEM] = ABI_ENOBUFS,       [-ERR_BUF] = ABI_ENOBUFS,
        [-ERR_RTE] = ABI_EHOSTUNREACH,  [-ERR_USE] = ABI_EADDRINUSE,
        [-ERR_ISCONN] = ABI_EADDRINUSE, [-ERR_RST] = ABI_ECONNRESET,
        [-ERR_ABRT] = ABI_ECONNABORTED, [-ERR_CLSD] = ABI_ECONNABORTED,
        [-ERR_CONN] = ABI_ECONNABORTED, [-ERR_TIMEOUT] = ABI_ETIMEDOUT,
    };
    uint32_t i = (uint32_t)-err;

    if (!i) {
        return 0;
    }
    return i < sizeof(codes) && codes[i] ? codes[i] : ABI_EINVAL;
}
