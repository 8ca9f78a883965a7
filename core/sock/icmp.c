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
 * the way (RFC 5927). A connection that is being opened ends with it; one that is open goes on
 * (RFC 5461), and a connected UDP socket is told once.
 *
 * The checksum of what is sent is made here, in the ring, where the message waits.
 */
#include "sock/icmp.h"

#include "lwip/icmp.h"
#include "lwip/inet_chksum.h"
#include "lwip/ip.h"
#include "lwip/prot/icmp6.h"
#include "lwip/prot/tcp.h"
#include "lwip/prot/udp.h"

#include "lwip_port.h"
#include "sock/dgram_data.h"
#include "sock/dgram_table.h"
#include "sock/ip_send.h"
#include "sock/tcp_icmp.h"

#define ICMP_HEADER 8u
/* The header of an IPv4 packet with all its options, and what of its payload is looked at. */
#define QUOTE_MOST (60u + 8u)

/* The packet that an error is about. */
struct quote {
    ip_addr_t from;
    ip_addr_t to;
    uint16_t from_port;
    uint16_t to_port;
    uint32_t sequence;
    uint8_t proto;
};

static uint16_t read16(const uint8_t *from)
{
    return (uint16_t)(from[0] << 8 | from[1]);
}

/**
 * read_quote() - Read the packet that an error is about
 * @p: message of ICMP
 * @proto: IP_PROTO_ICMP or IP6_NEXTH_ICMP6
 * @q: set to it
 *
 * Return: 1, 0: there is too little of it, or it is a later fragment
 */
static int read_quote(const struct pbuf *p, uint8_t proto, struct quote *q)
{
    uint8_t bytes[QUOTE_MOST];
    uint32_t held = pbuf_copy_partial(p, bytes, QUOTE_MOST, ICMP_HEADER), header;

    __builtin_memset(q, 0, sizeof(*q));
    if (proto == IP_PROTO_ICMP) {
        header = (bytes[0] & 15u) * 4;
        if (held < IP_HLEN || bytes[0] >> 4 != 4 || header < IP_HLEN || header + 8 > held ||
            ((bytes[6] & 0x1f) | bytes[7])) {
            return 0;
        }
        q->proto = bytes[9];
        __builtin_memcpy(&ip_2_ip4(&q->from)->addr, bytes + 12, 4);
        __builtin_memcpy(&ip_2_ip4(&q->to)->addr, bytes + 16, 4);
    } else {
        header = IP6_HLEN;
        if (held < header + 8 || bytes[0] >> 4 != 6) {
            return 0;
        }
        q->proto = bytes[6];
        IP_SET_TYPE_VAL(q->from, IPADDR_TYPE_V6);
        IP_SET_TYPE_VAL(q->to, IPADDR_TYPE_V6);
        __builtin_memcpy(ip_2_ip6(&q->from)->addr, bytes + 8, 16);
        __builtin_memcpy(ip_2_ip6(&q->to)->addr, bytes + 24, 16);
    }
    q->from_port = read16(bytes + header);
    q->to_port = read16(bytes + header + 2);
    q->sequence = (uint32_t)read16(bytes + header + 4) << 16 | read16(bytes + header + 6);
    if (q->proto == proto) {
        q->from_port = (uint16_t)(q->sequence >> 16); /* the identifier of an echo */
    }
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
 * pass_error() - Tell the socket that an error is about
 * @p: message of ICMP
 * @a: the same, as a datagram
 * @type: its type
 * @code: its code
 */
static void pass_error(const struct pbuf *p, struct arrival *a, uint8_t type, uint8_t code)
{
    int error = error_of(a->proto, type, code);
    struct quote q;

    if (!error || !read_quote(p, a->proto, &q)) {
        return;
    }
    if (q.proto == IP_PROTO_UDP) {
        struct dgram_sock *d =
            dgram_table_find(IP_PROTO_UDP, &q.from, q.from_port, &q.to, q.to_port);

        if (d) {
            dgram_failed(d, error);
        }
    } else if (q.proto == IP_PROTO_TCP) {
        /* Time exceeded is a matter of the way, which may change. */
        int soft = type == ICMP_TE || (a->proto == IP6_NEXTH_ICMP6 && type == ICMP6_TYPE_TE);

        tcp_icmp_error(&q.from, q.from_port, &q.to, q.to_port, q.sequence, soft ? 0 : error);
    } else if (q.proto == a->proto && q.from_port) {
        a->to_port = q.from_port;
        dgram_data_deliver(a, 1);
    }
}

/**
 * icmp_sock_input() - A message of ICMP came
 * @p: packet, at its IP header, whole; lwIP goes on with it
 * @inp: interface it came from
 * @proto: IP_PROTO_ICMP or IP6_NEXTH_ICMP6
 */
void icmp_sock_input(struct pbuf *p, struct netif *inp, uint8_t proto)
{
    u16_t headers = ip_current_header_tot_len();
    struct arrival a = { .ifc = inp->state, .proto = proto };
    const uint8_t *message;

    pbuf_remove_header(p, headers);
    message = p->payload;
    if (p->len >= ICMP_HEADER) {
        u16_t sum = 0;

        IF__NETIF_CHECKSUM_ENABLED(inp, NETIF_CHECKSUM_CHECK_ICMP)
        {
            sum = proto == IP_PROTO_ICMP
                      ? inet_chksum_pbuf(p)
                      : ip_chksum_pseudo(p, proto, p->tot_len, ip_current_src_addr(),
                                         ip_current_dest_addr());
        }
        if (sum == 0) {
            a.from = *ip_current_src_addr();
            a.to = *ip_current_dest_addr();
            a.ttl = proto == IP_PROTO_ICMP ? IPH_TTL(ip4_current_header())
                                           : IP6H_HOPLIM(ip6_current_header());
            a.p = p;
            a.length = p->tot_len;
            dgram_data_deliver(&a, 1);
            if (message[0] == (proto == IP_PROTO_ICMP ? ICMP_ER : ICMP6_TYPE_EREP)) {
                a.to_port = read16(message + 4);
                if (a.to_port) {
                    dgram_data_deliver(&a, 1);
                }
            } else {
                pass_error(p, &a, message[0], message[1]);
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
 * Return: as ip_send(), ABI_EINVAL: shorter than any, or of the other family
 */
int icmp_sock_output(struct dgram_sock *d, const struct departure *out)
{
    struct pbuf *p;
    int err;

    if (out->length < ICMP_HEADER / 2 || IP_IS_V6(&out->to) != (out->proto == IP6_NEXTH_ICMP6)) {
        return ABI_EINVAL;
    }
    if (out->length > ICMP_MOST) {
        return ABI_EMSGSIZE;
    }
    p = ip_send_packet(0, out->data, out->length);
    if (!p) {
        return ABI_ENOBUFS;
    }
    out->data[2] = out->data[3] = 0;
    IF__NETIF_CHECKSUM_ENABLED(&out->ifc->netif, NETIF_CHECKSUM_GEN_ICMP)
    {
        u16_t sum = IP_IS_V6(&out->to)
                        ? ip_chksum_pseudo(p, out->proto, p->tot_len, &out->from, &out->to)
                        : inet_chksum_pbuf(p);

        __builtin_memcpy(out->data + 2, &sum, sizeof(sum));
    }
    err = ip_send(p, out, d->flags & DGRAM_DONT_FRAGMENT);
    pbuf_free(p);
    return err;
}
