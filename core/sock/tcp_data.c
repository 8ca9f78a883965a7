/* SPDX-License-Identifier: MIT */
/* tcp_data.c - the bytes of a TCP connection: byte rings to lwIP and back
 *
 * Theory of operation
 *
 * Transmit. JS fills tx. `queued` is how far lwIP has been given the bytes, by reference
 * (tcp_write() without TCP_WRITE_FLAG_COPY); they stay in the ring until they are acknowledged
 * (head). All bytes in the ring at the end of a batch are queued at once, so small writes become full
 * segments. When the ring moves to a larger buffer (core/sock/tcp_rings.c), lwIP's references keep the
 * old one until they are acknowledged.
 *
 * Receive. Payload is copied into rx, the one copy of the way in. Position tail of the ring is
 * rcv_nxt of the connection: port_tcp_inpacket() sees every segment before lwIP does and makes sure
 * that the ring can hold everything up to the segment's end, holes included. If the arena has no
 * memory for it, the segment is dropped there, unacknowledged and counted, and the peer sends it again.
 * So data that lwIP hands over always fits.
 *
 * Both ways, TCP sends at the end of a batch of frames, not after each frame: one ACK for all segments
 * of the batch, and one call of tcp_output() for all ACKs in it. Within a batch, an ACK goes for every
 * quarter of the window.
 *
 * Window. lwIP starts with a window of rx_max and lowers it by what it hands over; `recved` is how far
 * the window has been given back. Every ACK advertises the bytes that JS has read. If no segment comes
 * that could be answered, JS sends a CMD_KICK when its reads are worth a window update of its own: a
 * quarter of rx_max.
 */
#include "sock/tcp_data.h"

#include "lwip/priv/tcp_priv.h"
#include "lwip/sys.h"

#include "iface/ringif.h"
#include "lwext/path_mtu.h"
#include "lwext/tcp_park.h"
#include "lwip_port.h"
#include "sock/sock_event.h"
#include "sock/sock_work.h"
#include "sock/tcp_rings.h"

/* Between two answers to segments with a wrong ACK, as Linux's tcp_invalid_ratelimit. */
#define CHALLENGE_MS 500u
/* As long as Linux keeps an orphan whose peer answers its probes (tcp_orphan_retries 8). */
#define ORPHAN_MS 100000u
/* A smaller MSS makes more headers than bytes (Linux: tcp_min_snd_mss). */
#define MSS_LEAST 48u
/* Segments of fewer bytes behind holes, and how many of them are kept: TCP walks all of them for the next one. */
#define SMALL 512u
#define SMALL_MOST 256u
/* Segments that TCP has at once of a peer that takes no larger ones: it walks all of them for what comes behind. */
#define SMALL_QUEUED 64u

/* tcp_write() takes a u16. */
#define LWIP_MOST 0xffffu

static struct stack_stats *stats;
/* State of the connection before the segment that is processed now. */
static enum tcp_state state_before;

/**
 * tcp_sock_data_setup() - Set where to count
 * @to: the stack's counters
 */
void tcp_sock_data_setup(struct stack_stats *to)
{
    stats = to;
}

static uint32_t window_step(const struct tcp_sock *t)
{
    return t->rx_max / 4;
}

/**
 * arm_window() - Ask JS for a kick when its reads are worth a window update
 * @t: open connection
 *
 * Return: 1 if they are not yet
 */
static int arm_window(struct tcp_sock *t)
{
    return producer_arm(&t->sock.rx, t->recved + window_step(t) - 1);
}

/**
 * at_eof() - Whether the peer has ended its side
 * @t: connection
 *
 * Return: 1 if so: nothing comes any more, and a peer that has forgotten the connection would
 * answer a window update with a reset
 */
static int at_eof(const struct tcp_sock *t)
{
    return (atomic_load_explicit(&t->sock.pub.flags, memory_order_relaxed) & SOCK_EOF) !=
           0; /* own */
}

/**
 * tcp_sock_data_path() - Set the MSS by what is known of the path
 * @t: connection with a pcb
 */
void tcp_sock_data_path(struct tcp_sock *t)
{
    const ip_addr_t *to = &t->pcb->remote_ip;
    uint32_t headers = TCP_HLEN + (IP_IS_V6(to) ? IP6_HLEN : IP_HLEN);
    uint32_t mss = lwext_path_mtu(to, 0xffff) - headers;

    t->pcb->mss = (u16_t)LWIP_MIN(t->mss, mss);
}

/**
 * tcp_sock_data_open() - Set window and rings when the handshake is done
 * @t: connection with a pcb; the tx ring has its first block
 */
void tcp_sock_data_open(struct tcp_sock *t)
{
    if (!(t->pcb->flags & TF_WND_SCALE)) {
        /* No more can be announced, so no more would ever be used. */
        t->rx_max = LWIP_MIN(t->rx_max, 0xffff);
    }
    t->mss = LWIP_MAX(t->pcb->mss, MSS_LEAST);
    tcp_sock_data_path(t);
    t->pcb->rcv_wnd = t->rx_max;
    t->pcb->rcv_ann_wnd = t->rx_max;
    /* lwIP has noted TCP_WND as announced; on the wire, a SYN carried 16 bits of it. */
    t->pcb->rcv_ann_right_edge = t->pcb->rcv_nxt + LWIP_MIN(t->rx_max, 0xffff);
    /* The peer's real window is unknown until its first segment: cap the first send, so that it cannot
       exceed the window and wait for the persist timer. (A segment above the MSS would be split.) */
    if (t->pcb->mss > RING_FIRST) {
        t->pcb->snd_wnd_max = LWIP_MIN(t->pcb->snd_wnd_max, 2 * RING_FIRST);
    }
    arm_window(t);
    consumer_arm(&t->sock.tx);
    tcp_sock_rings_moved(t);
}

/**
 * open_window() - Open the window by bytes that left rx; the next ACK advertises it
 * @t: connection
 * @pcb: its pcb
 * @length: bytes
 *
 * As tcp_recved(), without its bounds: that takes a u16 and announces nothing until a whole segment
 * (or half of TCP_WND) has become free, and a small buffer never has that much.
 */
static void open_window(struct tcp_sock *t, struct tcp_pcb *pcb, uint32_t length)
{
    t->recved += length;
    pcb->rcv_wnd += length;
    pcb->rcv_ann_wnd = pcb->rcv_wnd;
    pcb->rcv_ann_right_edge = pcb->rcv_nxt + pcb->rcv_wnd;
}

/**
 * give_back() - Open the window by bytes that left rx, and send an update
 * @t: connection with a pcb
 * @length: bytes, worth a segment
 */
static void give_back(struct tcp_sock *t, uint32_t length)
{
    struct tcp_pcb *pcb = t->pcb;

    lwext_unpark(pcb);
    open_window(t, pcb, length);
    tcp_ack_now(pcb);
    tcp_output(pcb);
}

/**
 * tcp_sock_data_give_back() - Open the window by all that is in rx: JS does not read it any more
 * @t: connection with a pcb
 */
void tcp_sock_data_give_back(struct tcp_sock *t)
{
    if (!at_eof(t)) {
        give_back(t, t->sock.rx.tail - t->recved);
    }
}

/**
 * tcp_sock_data_window() - Open the window by what JS has read, if it is worth a segment
 * @t: connection
 */
void tcp_sock_data_window(struct tcp_sock *t)
{
    if (!t->pcb || t->discard || at_eof(t)) {
        return;
    }
    do {
        uint32_t freed;

        producer_refresh(&t->sock.rx);
        freed = t->sock.rx.head - t->recved;
        if (freed >= window_step(t)) {
            give_back(t, freed);
        }
    } while (!arm_window(t));
}

/**
 * acknowledges() - Whether a segment acknowledges what can have been sent lately (RFC 9293, 3.10.7.4; RFC 5961, 5.2)
 * @t: connection, or NULL
 * @pcb: its pcb, handshake done
 * @hdr: header of the segment
 *
 * Without that, a host that knows the four ends and nothing else could put bytes into the stream. The answer tells a
 * peer that has lost its state, and is limited: two of these would answer each other.
 *
 * Return: 1 if so, or if it is a SYN or a reset, which lwIP looks at
 */
static int acknowledges(struct tcp_sock *t, struct tcp_pcb *pcb, const struct tcp_hdr *hdr)
{
    uint32_t flags = TCPH_FLAGS(hdr);

    if (flags & (TCP_SYN | TCP_RST)) {
        return 1;
    }
    if (!(flags & TCP_ACK)) {
        return 0;
    }
    if (!TCP_SEQ_GT(hdr->ackno, pcb->snd_nxt) &&
        !TCP_SEQ_LT(hdr->ackno, pcb->lastack - pcb->snd_wnd_max)) {
        return 1;
    }
    if (t && sys_now() - t->challenged >= CHALLENGE_MS) {
        t->challenged = sys_now();
        tcp_send_empty_ack(pcb);
    }
    return 0;
}

/**
 * is_orphan() - Whether nobody waits for a connection any more, and its peer has taken no byte for too long
 * @t: closed connection
 * @hdr: header of a segment of the peer, which is there and keeps its window shut
 *
 * Return: 1 if so
 */
static int is_orphan(struct tcp_sock *t, const struct tcp_hdr *hdr)
{
    if (t->sock.tx.head != t->acked_seen || !t->acked_at || hdr->wnd) {
        t->acked_seen = t->sock.tx.head;
        t->acked_at = sys_now() | 1;
        return 0;
    }
    return sys_now() - t->acked_at >= ORPHAN_MS;
}

/**
 * refuses() - Whether a segment is not for TCP to look at
 * @t: connection, or NULL
 * @pcb: its pcb, which is gone if it was an orphan
 * @hdr: header of the segment
 *
 * Return: 1 if so; counted
 */
static int refuses(struct tcp_sock *t, struct tcp_pcb *pcb, const struct tcp_hdr *hdr)
{
    if (pcb->state >= ESTABLISHED && !acknowledges(t, pcb, hdr)) {
        TCP_STATS_INC(tcp.drop);
        return 1;
    }
    if (t && t->discard && t->shutdown && is_orphan(t, hdr)) {
        stats->orphans++;
        tcp_abort(pcb);
        return 1;
    }
    return 0;
}

/**
 * port_tcp_inpacket() - See a segment before TCP does (LWIP_HOOK_TCP_INPACKET_PCB)
 * @pcb: connection or listener
 * @hdr: its header, host byte order
 * @optlen: length of the options
 * @opt1len: of them in the first pbuf
 * @opt2: the others
 * @p: its payload
 *
 * Return: ERR_OK to go on, ERR_MEM to drop it
 */
err_t port_tcp_inpacket(struct tcp_pcb *pcb, struct tcp_hdr *hdr, u16_t optlen, u16_t opt1len,
                        u8_t *opt2, struct pbuf *p)
{
    struct tcp_sock *t;
    int32_t more;
    int ahead;

    (void)optlen;
    (void)opt1len;
    (void)opt2;
    state_before = pcb->state;
    if (pcb->state >= ESTABLISHED && p->tot_len > pcb->mss) {
        /* More than one segment's worth: no reason to wait for a second one. */
        tcp_set_flags(pcb, TF_ACK_DELAY);
    }
    if (pcb->state == SYN_RCVD && p->tot_len > 0 && !tcp_sock_rings_can_accept(p->tot_len)) {
        /* There is no memory to accept: drop data (it will be retransmitted). A bare ACK is not
           retransmitted: on_accepted() then resets the connection. */
        stats->no_memory_drops++;
        return ERR_MEM;
    }
    if (pcb->state == TIME_WAIT && TCPH_FLAGS(hdr) & TCP_RST && hdr->seqno == pcb->rcv_nxt) {
        /* The peer knows nothing of it any more: its port is free. As Linux does, though RFC 1337 would not. */
        tcp_pcb_remove(&tcp_tw_pcbs, pcb);
        tcp_free(pcb);
        return ERR_MEM;
    }
    if (pcb->state == LISTEN || pcb->state == SYN_RCVD || pcb->state == TIME_WAIT) {
        return ERR_OK;
    }
    t = tcp_ext_arg_get(pcb, 0);
    if (refuses(t, pcb, hdr)) {
        return ERR_MEM;
    }
    if (t && t->fin_queued) {
        /* lwIP has no callback for the ACK of a FIN that had a segment of its own. */
        sock_work(&t->sock);
    }
    if (!t || t->discard || p->tot_len == 0) {
        return ERR_OK;
    }
    tcp_sock_rings_moved(t);
    /* Advertise freed space with every ACK: waiting for window_step() would shrink the usable window on
       paths with a long round trip. */
    producer_refresh(&t->sock.rx);
    open_window(t, pcb, t->sock.rx.head - t->recved);
    /* lwIP takes nothing beyond the window. */
    more = (int32_t)(hdr->seqno + p->tot_len - pcb->rcv_nxt);
    more = LWIP_MIN(more, (int32_t)pcb->rcv_wnd);
    ahead = more > p->tot_len;
    if (!pcb->ooseq) {
        t->small = 0;
    }
    if (more > 0 && ((ahead && p->tot_len < SMALL && t->small++ >= SMALL_MOST) ||
                     !tcp_sock_rings_ensure(t, (uint32_t)more, ahead))) {
        stats->no_memory_drops++;
        return ERR_MEM;
    }
    return ERR_OK;
}

/**
 * port_tcp_output_later() - Whether TCP sends at the end of the batch, not after this segment
 * (LWIP_HOOK_TCP_OUTPUT_LATER)
 * @pcb: connection whose segment was processed
 *
 * Return: 1 if so
 */
int port_tcp_output_later(struct tcp_pcb *pcb)
{
    struct tcp_sock *t = NULL;

    /* A connection that opens or closes answers at once. */
    if (pcb->state == state_before && pcb->state >= ESTABLISHED && pcb->state != TIME_WAIT) {
        t = tcp_ext_arg_get(pcb, 0);
    }
    if (!t) {
        return 0;
    }
    sock_work(&t->sock);
    if (t->sock.rx.tail - t->answered >= window_step(t)) {
        /* ACK every quarter of the window: a peer on another thread must not wait for the batch to end. */
        t->answered = t->sock.rx.tail;
        return 0;
    }
    return 1;
}

/**
 * port_tcp_segment_max() - How much data one segment may have (LWIP_HOOK_TCP_SEGMENT_MAX)
 * @pcb: connection
 * @netif: where it will go, NULL: where the last one went
 *
 * Return: bytes, a multiple of the MSS
 */
u16_t port_tcp_segment_max(struct tcp_pcb *pcb, struct netif *netif)
{
    /* In the states before, it is the listener. */
    struct tcp_sock *t = pcb->state >= ESTABLISHED ? tcp_ext_arg_get(pcb, 0) : NULL;
    uint32_t most = pcb->mss, headers, gso;

    if (!netif) {
        return (u16_t)(t && t->segment ? t->segment : most);
    }
    headers = ETHERNET_HEADER + TCP_HLEN + (IP_IS_V6(&pcb->remote_ip) ? IP6_HLEN : IP_HLEN);
    gso = ringif_gso_max_size(netif->state);
    if (gso > headers + most) {
        most = (gso - headers) / most * most;
    }
    if (t) {
        t->segment = most;
    }
    return (u16_t)most;
}

/**
 * tcp_sock_data_received() - Put payload into rx
 * @t: connection
 * @p: payload, possibly a chain; freed
 *
 * Return: ERR_OK, or ERR_ABRT: no memory for what came with the handshake, connection aborted
 */
err_t tcp_sock_data_received(struct tcp_sock *t, struct pbuf *p)
{
    struct pbuf *q;
    uint32_t threshold, before;

    if (t->discard) {
        give_back(t, p->tot_len);
        pbuf_free(p);
        return ERR_OK;
    }
    /* port_tcp_inpacket() has made room, except for data that ends a handshake: another thread may have
       taken that memory. */
    if (!tcp_sock_rings_ensure(t, p->tot_len, 0)) {
        pbuf_free(p);
        t->sock.pub.error = ABI_ENOBUFS;
        tcp_abort(t->pcb);
        return ERR_ABRT;
    }
    stats->bytes_copied += p->tot_len;
    before = t->sock.rx.tail;
    for (q = p; q; q = q->next) {
        uint32_t done = 0;

        while (done < q->len) {
            struct span to;

            if (byte_reserve(&t->sock.rx, q->len - done, &to) == 0) {
                break;
            }
            __builtin_memcpy(to.data, (char *)q->payload + done, to.length);
            byte_submit(&t->sock.rx, to.length);
            done += to.length;
        }
    }
    pbuf_free(p);
    threshold =
        atomic_load_explicit(&t->sock.pub.rx.data_threshold, memory_order_seq_cst); /* F, pairs E */
    if (ring_passed(threshold, before, t->sock.rx.tail)) {
        sock_event(&t->sock, SOCK_READABLE);
    }
    return ERR_OK;
}

/**
 * fin_is_acked() - Whether our FIN is acknowledged
 * @t: connection with a FIN queued
 *
 * Return: 1 if so
 */
static int fin_is_acked(const struct tcp_sock *t)
{
    enum tcp_state state = t->pcb->state;

    return t->sock.tx.head == t->queued && state != FIN_WAIT_1 && state != CLOSING &&
           state != LAST_ACK;
}

/**
 * queueable() - How far into tx lwIP is to be given the bytes now
 * @t: open connection
 * @mss: size of a full segment
 *
 * Return: position
 */
static uint32_t queueable(struct tcp_sock *t, uint32_t mss)
{
    uint32_t tail = t->queued + (byte_held(&t->sock.tx) - (t->queued - t->sock.tx.head));
    uint32_t rest = (tail - t->queued) % mss;

    /* JS has written more than a segment and is likely to write more: hold the rest for one turn. */
    if (tail - t->queued < mss || rest == 0 || t->shutdown || (t->held && t->held_tail == tail)) {
        t->held = 0;
        return tail;
    }
    t->held = 1;
    t->held_tail = tail;
    sock_work_later(&t->sock, 1);
    return tail - rest;
}

/**
 * few() - How far into tx lwIP is to have the bytes, if the peer takes small segments only
 * @t: open connection
 * @end: how far it could have them
 * @mss: size of a full segment
 *
 * Return: position
 */
static uint32_t few(const struct tcp_sock *t, uint32_t end, uint32_t mss)
{
    uint32_t head = t->sock.tx.head, most = LWIP_MAX(SMALL_QUEUED * mss, t->queued - head);

    return mss < SMALL ? head + LWIP_MIN(end - head, most) : end;
}

/**
 * tcp_sock_data_output() - Give lwIP what is in tx, the FIN after it, and send
 * @t: open connection with a pcb
 *
 * Return: 1 if our FIN is acknowledged
 */
int tcp_sock_data_output(struct tcp_sock *t)
{
    uint32_t mss, most, end;
    struct span from;
    err_t err = ERR_OK;

    lwext_unpark(t->pcb);
    t->answered = t->sock.rx.tail;
    if (t->pcb->mss < t->mss) {
        tcp_sock_data_path(t);
    }
    if (t->fin_queued) {
        tcp_output(t->pcb);
        return t->pcb && fin_is_acked(t);
    }
    tcp_sock_rings_moved(t);
    tcp_sock_rings_grow_tx(t);
    mss = LWIP_MAX(1u, LWIP_MIN(tcp_mss(t->pcb), LWIP_MIN(LWIP_MOST, t->pcb->snd_wnd_max / 2)));
    most = LWIP_MOST / mss * mss;
    end = few(t, queueable(t, mss), mss);
    if (end - t->queued > mss) {
        struct netif *netif = ip_route(&t->pcb->local_ip, &t->pcb->remote_ip);

        if (netif) {
            port_tcp_segment_max(t->pcb, netif); /* for tcp_write(), which does not know where to */
        }
    }
    while (err == ERR_OK && t->queued != end && byte_peek(&t->sock.tx, t->queued, &from)) {
        uint32_t length = LWIP_MIN(LWIP_MIN(from.length, end - t->queued), most);

        length = LWIP_MIN(length, tcp_sndbuf(t->pcb));
        if (length == 0) {
            break;
        }
        err = tcp_write(t->pcb, from.data, (u16_t)length,
                        t->queued + length == end ? 0 : TCP_WRITE_FLAG_MORE);
        if (err == ERR_OK) {
            t->queued += length;
        }
    }
    if (err != ERR_OK) {
        /* Out of memory for segments: ACKs or closing connections will free some. */
        sock_work_later(&t->sock, 0);
    } else if (!consumer_arm(&t->sock.tx)) {
        sock_work(&t->sock);
    } else if (t->shutdown && t->queued == t->sock.tx.tail) {
        t->fin_queued = tcp_shutdown(t->pcb, 0, 1) == ERR_OK;
        if (t->fin_queued) {
            /* lwIP counts LAST_ACK from the last segment received, which may have come hours ago. */
            t->pcb->tmr = tcp_ticks;
        }
    }
    if (t->pcb) {
        tcp_output(t->pcb);
    }
    return 0;
}

/**
 * tcp_sock_data_acked() - Release what the peer has acknowledged
 * @t: connection
 * @length: sequence numbers acknowledged, a FIN among them
 */
void tcp_sock_data_acked(struct tcp_sock *t, uint32_t length)
{
    uint32_t before = t->sock.tx.head, threshold;

    length = LWIP_MIN(length, t->queued - t->sock.tx.head);
    byte_release(&t->sock.tx, length);
    threshold =
        atomic_load_explicit(&t->sock.pub.tx.room_threshold, memory_order_seq_cst); /* F, pairs E */
    if (ring_passed(threshold, before, t->sock.tx.head)) {
        sock_event(&t->sock, SOCK_WRITABLE);
    }
    sock_work(&t->sock);
}
