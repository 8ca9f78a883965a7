/* SPDX-License-Identifier: MIT */
/* icmp.c - ICMP and ICMPv6 sockets, and the errors that belong to other sockets
 *
 * Theory of operation
 *
 * An ICMP socket sends and receives whole messages. One with an identifier (its port) gets the replies
 * to its echoes and the errors about them; one without gets every message of its family. lwIP goes on
 * with each message afterwards: it answers echoes, and neighbor discovery is its own.
 *
 * An error quotes the packet it is about. It is passed on only if that packet was ours: sent from
 * one of our addresses by a connection or socket there is, and for TCP with a sequence number that is on
 * the way (RFC 5927); and only if it came by the interface that leads to where it went. All others are counted. A
 * connection that is being opened ends with it; one that is open goes on (RFC 5461), and a connected UDP socket is
 * told once.
 *
 * "Fragmentation needed" and Packet Too Big lower the MTU of the path (core/lwext/path_mtu.c). Over IPv4 only a
 * socket that forbids fragments can have caused one. TCP cuts its segments and sends again at once, UDP makes
 * smaller fragments, and a socket that forbids them is told (EMSGSIZE).
 *
 * The checksum of what is sent is made here, in the ring, where the message waits.
 */
#include "sock/icmp.h"

#include "lwip/icmp.h"
#include "lwip/inet_chksum.h"
#include "lwip/ip.h"
#include "lwip/prot/icmp6.h"
#include "lwip/prot/nd6.h"

#include "lwext/path_mtu.h"
#include "sock/dgram_in.h"
#include "sock/flow.h"
#include "sock/ip_send.h"
#include "sock/tcp_icmp.h"

#define ICMP_HEADER 8u
static struct stack_stats *stats;

/**
 * icmp_sock_setup() - Tell where to count
 * @to: the stack's counters
 */
void icmp_sock_setup(struct stack_stats *to)
{
    stats = to;
}

static uint16_t read16(const uint8_t *from)
{
    return (uint16_t)(from[0] << 8 | from[1]);
}

/**
 * read_quote() - Read the packet that an error is about
 * @e: the error
 * @q: set to what would answer that packet, as if it came where the error did
 * @sequence: set to the first sequence number, if it is a segment of TCP
 *
 * Of the fragments of a packet only the first has ports.
 *
 * Return: 1, 0: there is too little of it, or it is a later fragment
 */
static int read_quote(const struct datagram *e, struct datagram *q, uint32_t *sequence)
{
    const uint8_t *bytes = (const uint8_t *)e->p->payload + ICMP_HEADER, *offset;
    uint32_t held = e->p->len - ICMP_HEADER, header;
    int v6 = e->proto == IP6_NEXTH_ICMP6, fragment;

    if (held < IP_HLEN + 8 || bytes[0] >> 4 != (v6 ? 6 : 4)) {
        return 0;
    }
    fragment = v6 && bytes[6] == IP6_NEXTH_FRAGMENT;
    header = v6 ? IP6_HLEN + (fragment ? 8u : 0) : (bytes[0] & 15u) * 4;
    if (held < header + 8) {
        return 0;
    }
    offset = bytes + (v6 ? 42 : 6);
    if (v6 ? fragment && (offset[0] | (offset[1] & 0xf8)) : (offset[0] & 0x1f) | offset[1]) {
        return 0;
    }
    *q = *e;
    q->proto = bytes[v6 ? fragment ? 40 : 6 : 9];
    /* Zeros stay behind an IPv4 address. */
    __builtin_memcpy(ip_2_ip6(&q->to)->addr, bytes + (v6 ? 8 : 12), v6 ? 16 : 4);
    __builtin_memcpy(ip_2_ip6(&q->from)->addr, bytes + (v6 ? 24 : 16), v6 ? 16 : 4);
    q->to_port = read16(bytes + header);
    q->from_port = read16(bytes + header + 2);
    *sequence = (uint32_t)read16(bytes + header + 4) << 16 | read16(bytes + header + 6);
    return 1;
}

/**
 * error_of() - What an ICMP message says of the packet it quotes
 * @proto: IP_PROTO_ICMP or IP6_NEXTH_ICMP6
 * @type: its type
 * @code: its code
 *
 * Return: code of the ABI, 0: it is no error that we pass on
 */
static int error_of(uint8_t proto, uint8_t type, uint8_t code)
{
    if (proto == IP_PROTO_ICMP) {
        if (type == ICMP_DUR) {
            return code == ICMP_DUR_PORT || code == ICMP_DUR_PROTO ? ABI_ECONNREFUSED
                   : code == ICMP_DUR_FRAG                         ? ABI_EMSGSIZE
                                                                   : ABI_EHOSTUNREACH;
        }
        return type == ICMP_TE ? ABI_EHOSTUNREACH : 0;
    }
    switch (type) {
    case ICMP6_TYPE_DUR:
        return code == ICMP6_DUR_PORT ? ABI_ECONNREFUSED : ABI_EHOSTUNREACH;
    case ICMP6_TYPE_PTB:
        return ABI_EMSGSIZE;
    case ICMP6_TYPE_TE:
        return ABI_EHOSTUNREACH;
    default:
        return 0;
    }
}

/**
 * mtu_of() - The MTU that an error names
 * @e: the error, ABI_EMSGSIZE
 *
 * Return: bytes, never 0
 */
static uint32_t mtu_of(const struct datagram *e)
{
    const uint8_t *message = e->p->payload;

    if (e->proto == IP6_NEXTH_ICMP6 && read16(message + 4)) {
        return 0xffff;
    }
    return LWIP_MAX(read16(message + 6), 1u);
}

/**
 * pass_udp_error() - Tell the UDP socket that an error is about
 * @q: what would answer the quoted datagram
 * @error: code of the ABI
 * @mtu: of the path, 0: the error is another
 * @routed: it came by the interface that leads to where the datagram went
 *
 * Return: 1 if there is one
 */
static int pass_udp_error(const struct datagram *q, int error, uint32_t mtu, int routed)
{
    struct dgram_sock *d = dgram_in_find(q);

    if (!d || (!routed && !d->iface)) {
        return 0;
    }
    if (mtu) {
        if (!IP_IS_V6(&q->from) && !(d->flags & DGRAM_DONT_FRAGMENT)) {
            return 0;
        }
        mtu = lwext_path_mtu_lower(&q->from, mtu, 0);
        if (!mtu) {
            return 0;
        }
        d->sock.pub.path_mtu = mtu;
    } else if (!d->connected) {
        return 0;
    }
    dgram_in_failed(d, error);
    return 1;
}

/**
 * pass_error() - Tell the socket that an error is about
 * @e: the error
 * @type: its type
 * @error: what it says, a code of the ABI
 *
 * Return: 1 if it is about a packet of ours
 */
static int pass_error(struct datagram *e, uint8_t type, int error)
{
    uint32_t sequence, mtu = error == ABI_EMSGSIZE ? mtu_of(e) : 0;
    struct datagram q;
    int routed;

    if (!read_quote(e, &q, &sequence) || mtu >= e->ifc->netif.mtu) {
        return 0;
    }
    routed = ip_route(&q.to, &q.from) == &e->ifc->netif;
    if (q.proto == IP_PROTO_TCP) {
        /* Time exceeded is a matter of the way, which may change. */
        return routed &&
               type != (e->proto == IP_PROTO_ICMP ? (uint8_t)ICMP_TE : (uint8_t)ICMP6_TYPE_TE) &&
               tcp_icmp_error(&q, sequence, error, mtu);
    }
    if (e->foreign) {
        return 0;
    }
    if (q.proto == IP_PROTO_UDP) {
        return pass_udp_error(&q, error, mtu, routed);
    }
    e->to_port = (uint16_t)(sequence >> 16); /* the identifier of an echo */
    if (q.proto != e->proto || !e->to_port || !dgram_in_deliver(e, 1)) {
        return 0;
    }
    if (mtu && routed) {
        lwext_path_mtu_lower(&q.from, mtu, 0);
    }
    return 1;
}

/**
 * icmp_sock_input() - A message of ICMP came
 * @p: packet, at its IP header, whole; lwIP goes on with it
 * @inp: interface it came from
 * @a: the same
 */
void icmp_sock_input(struct pbuf *p, const struct netif *inp, struct datagram *a)
{
    u16_t headers = ip_current_header_tot_len(), sum = 0;
    int v4 = a->proto == IP_PROTO_ICMP;
    const uint8_t *message;
    int error;

    pbuf_remove_header(p, headers);
    message = p->payload;
    IF__NETIF_CHECKSUM_ENABLED(inp, NETIF_CHECKSUM_CHECK_ICMP)
    {
        sum =
            v4 ? inet_chksum_pbuf(p) : ip_chksum_pseudo(p, a->proto, p->tot_len, &a->from, &a->to);
    }
    if (sum == 0 && p->len >= ICMP_HEADER) {
        a->length = p->tot_len;
        if (a->foreign) {
            flow_deliver(a);
        } else {
            dgram_in_deliver(a, 1);
        }
        if (message[0] == (v4 ? (uint8_t)ICMP_ER : (uint8_t)ICMP6_TYPE_EREP)) {
            a->to_port = read16(message + 4);
            if (a->to_port && !a->foreign) {
                dgram_in_deliver(a, 1);
            }
        } else {
            error = error_of(a->proto, message[0], message[1]);
            if (error && !pass_error(a, message[0], error)) {
                stats->icmp_ignored++;
            }
        }
    }
    pbuf_header_force(p, (s16_t)headers);
}

/**
 * icmp_sock_output() - Send a message
 * @d: socket
 * @out: message, its checksum still to be made
 *
 * Return: as ip_send(), ABI_EINVAL: shorter than any
 */
int icmp_sock_output(struct dgram_sock *d, struct datagram *out)
{
    struct pbuf *p;
    u16_t sum;

    if (out->length < ICMP_HEADER / 2) {
        return ABI_EINVAL;
    }
    if (out->length > ICMP_MOST) {
        return ABI_EMSGSIZE;
    }
    p = ip_send_packet(0, out);
    if (!p) {
        return ABI_ENOBUFS;
    }
    out->from_port = out->to_port = 0;
    __builtin_memset(out->data + 2, 0, sizeof(sum));
    if (out->data[0] == ICMP6_TYPE_RA) {
        out->ifc->router = ND6_FLAG_ROUTER;
    }
    IF__NETIF_CHECKSUM_ENABLED(&out->ifc->netif, NETIF_CHECKSUM_GEN_ICMP)
    {
        sum = IP_IS_V6(&out->to) ? ip_chksum_pseudo(p, out->proto, p->tot_len, &out->from, &out->to)
                                 : inet_chksum_pbuf(p);
        __builtin_memcpy(out->data + 2, &sum, sizeof(sum));
    }
    return ip_send(p, out, d);
}
