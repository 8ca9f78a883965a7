/* SPDX-License-Identifier: MIT */
/* tcp_data.c - the bytes of a TCP connection: byte rings to lwIP and back
 *
 * Theory of operation
 *
 * Transmit. JS fills tx. `queued` is how far lwIP has been given the bytes, by reference
 * (tcp_write() without TCP_WRITE_FLAG_COPY); they stay in the ring until they are acknowledged
 * (head). Whatever stands in the ring at the end of a batch is queued in one go, so small writes
 * become full segments. When the ring moves to a larger buffer (core/sock/tcp_rings.c), lwIP's
 * references into the old one hold it in place until they are acknowledged.
 *
 * Receive. Payload is copied into rx, the one copy of the way in. Position tail of the ring is
 * rcv_nxt of the connection: port_tcp_inpacket() sees every segment before lwIP does and makes sure
 * that the ring can hold everything up to the segment's end, holes included. If the arena has no
 * memory for that, the segment is dropped there, unacknowledged and counted, and the peer sends it
 * again: so what lwIP hands over always fits.
 *
 * Both ways, TCP sends at the end of a batch of frames, not after each: one ACK for all that came,
 * one look at what the ACKs that came allow to send. Within a batch, an ACK goes for every quarter of
 * the window.
 *
 * Window. lwIP was told rx_max at the start and lowers its window by what it hands over;
 * `recved` is how far the window has been given back: what JS has read goes out with every ACK. For
 * the case that no segment comes to be answered, JS is asked for a CMD_KICK when its reads pass the
 * point from which on an update is worth a segment of its own: a quarter of rx_max.
 */
#include "lwip/priv/tcp_priv.h"

#include "iface/iface.h"
#include "lwext/tcp_park.h"
#include "lwip_port.h"
#include "sock/tcp.h"
#include "sock/tcp_internal.h"

/* tcp_write() takes a u16. */
#define LWIP_MOST 0xffffu

static struct stack_stats *stats;
/* What a segment found, for when it is processed. */
static enum tcp_state state_before;

/**
 * tcp_data_setup() - Tell where to count
 * @to: the stack's counters
 */
void tcp_data_setup(struct stack_stats *to)
{
    stats = to;
}

static uint32_t window_step(const struct sock *s)
{
    return s->rx_max / 4;
}

/**
 * arm_window() - Ask JS for a kick when its reads are worth a window update
 * @s: open connection
 *
 * Return: 1 if they are not yet
 */
static int arm_window(struct sock *s)
{
    return producer_arm(&s->rx, s->recved + window_step(s) - 1);
}

/**
 * at_eof() - Whether the peer has ended its side
 * @s: connection
 *
 * Return: 1 if so: nothing comes any more, and a peer that has forgotten the connection would
 * answer a window update with a reset
 */
static int at_eof(const struct sock *s)
{
    return (atomic_load_explicit(&s->pub.flags, memory_order_relaxed) & SOCK_EOF) != 0; /* own */
}

/**
 * tcp_data_open() - Set window and rings when the handshake is done
 * @s: connection with a pcb; the tx ring has its first block
 */
void tcp_data_open(struct sock *s)
{
    if (!(s->pcb->flags & TF_WND_SCALE)) {
        /* No more can be announced, so no more would ever be used. */
        s->rx_max = LWIP_MIN(s->rx_max, 0xffff);
    }
    s->pcb->rcv_wnd = s->rx_max;
    s->pcb->rcv_ann_wnd = s->rx_max;
    /* lwIP has noted TCP_WND as announced; on the wire, a SYN carried 16 bits of it. */
    s->pcb->rcv_ann_right_edge = s->pcb->rcv_nxt + LWIP_MIN(s->rx_max, 0xffff);
    /* That of the peer is known from its first segment on: a segment cut to the 64 KiB of a SYN may
       be more than it ever opens, and would wait for the persist timer. (One above the MSS would be
       cut to what the window takes.) */
    if (s->pcb->mss > RING_FIRST) {
        s->pcb->snd_wnd_max = LWIP_MIN(s->pcb->snd_wnd_max, 2 * RING_FIRST);
    }
    arm_window(s);
    consumer_arm(&s->tx);
    tcp_rings_moved(s);
}

/**
 * open_window() - Open the window by bytes that left rx; the next ACK tells
 * @s: connection
 * @pcb: its pcb
 * @length: bytes
 *
 * Does what tcp_recved() does, but for the bounds: that takes a u16, and it announces nothing until
 * a whole segment (or half of TCP_WND) has become free, which a small buffer never sees.
 */
static void open_window(struct sock *s, struct tcp_pcb *pcb, uint32_t length)
{
    s->recved += length;
    pcb->rcv_wnd += length;
    pcb->rcv_ann_wnd = pcb->rcv_wnd;
    pcb->rcv_ann_right_edge = pcb->rcv_nxt + pcb->rcv_wnd;
}

/**
 * give_back() - Open the window by bytes that left rx, and say so
 * @s: connection with a pcb
 * @length: bytes, worth a segment
 */
static void give_back(struct sock *s, uint32_t length)
{
    struct tcp_pcb *pcb = s->pcb;

    tcp_unpark(pcb);
    open_window(s, pcb, length);
    tcp_ack_now(pcb);
    tcp_output(pcb);
}

/**
 * tcp_data_give_back() - Open the window by all that is in rx: JS does not read it any more
 * @s: connection with a pcb
 */
void tcp_data_give_back(struct sock *s)
{
    if (!at_eof(s)) {
        give_back(s, s->rx.tail - s->recved);
    }
}

/**
 * tcp_data_window() - Open the window by what JS has read, if it is worth a segment
 * @s: connection
 */
void tcp_data_window(struct sock *s)
{
    if (!s->pcb || s->discard || at_eof(s)) {
        return;
    }
    do {
        uint32_t freed;

        producer_refresh(&s->rx);
        freed = s->rx.head - s->recved;
        if (freed >= window_step(s)) {
            give_back(s, freed);
        }
    } while (!arm_window(s));
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
    struct sock *s;
    int32_t more;

    (void)optlen;
    (void)opt1len;
    (void)opt2;
    state_before = pcb->state;
    if (p->tot_len > pcb->mss && pcb->state >= ESTABLISHED) {
        /* More than one segment's worth: no reason to wait for a second one. */
        tcp_set_flags(pcb, TF_ACK_DELAY);
    }
    if (pcb->state == SYN_RCVD && p->tot_len > 0 && !tcp_rings_can_accept(p->tot_len)) {
        /* Accepted now, the connection would have no place for this. A bare ACK would not come again:
           that it cannot be accepted is told by a reset. */
        stats->no_memory_drops++;
        return ERR_MEM;
    }
    if (pcb->state == LISTEN || pcb->state == SYN_RCVD || pcb->state == TIME_WAIT) {
        return ERR_OK;
    }
    s = tcp_ext_arg_get(pcb, 0);
    if (s && s->fin_queued) {
        /* lwIP calls nobody when a FIN that had a segment of its own is acknowledged. */
        sock_work(s);
    }
    if (!s || s->discard || p->tot_len == 0) {
        return ERR_OK;
    }
    tcp_rings_moved(s);
    /* A window that only ever moved by window_step() would be that much smaller to a peer far away. */
    producer_refresh(&s->rx);
    open_window(s, pcb, s->rx.head - s->recved);
    /* lwIP takes nothing beyond the window. */
    more = (int32_t)(hdr->seqno + p->tot_len - pcb->rcv_nxt);
    more = LWIP_MIN(more, (int32_t)pcb->rcv_wnd);
    if (more > 0 && !tcp_rings_ensure(s, (uint32_t)more)) {
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
    struct sock *s = NULL;

    /* Whoever opens or closes is not kept waiting, and needs no second batch. */
    if (pcb->state == state_before && pcb->state >= ESTABLISHED && pcb->state != TIME_WAIT) {
        s = tcp_ext_arg_get(pcb, 0);
    }
    if (!s) {
        return 0;
    }
    sock_work(s);
    if (s->rx.tail - s->answered >= window_step(s)) {
        /* On a thread of its own the peer goes on meanwhile. */
        s->answered = s->rx.tail;
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
    struct sock *s = pcb->state >= ESTABLISHED ? tcp_ext_arg_get(pcb, 0) : NULL;
    uint32_t most = pcb->mss, headers, gso;

    if (!netif) {
        return (u16_t)(s && s->segment ? s->segment : most);
    }
    headers = ETHERNET_HEADER + TCP_HLEN + (IP_IS_V6(&pcb->remote_ip) ? IP6_HLEN : IP_HLEN);
    gso = ringif_gso_max_size(netif->state);
    if (gso > headers + most) {
        most = (gso - headers) / most * most;
    }
    if (s) {
        s->segment = most;
    }
    return (u16_t)most;
}

/**
 * tcp_data_received() - Put payload into rx
 * @s: connection
 * @p: payload, possibly a chain; freed
 *
 * Return: ERR_OK, or ERR_ABRT: no memory for what came with the handshake, connection aborted
 */
err_t tcp_data_received(struct sock *s, struct pbuf *p)
{
    struct pbuf *q;
    uint32_t threshold, before;

    if (s->discard) {
        give_back(s, p->tot_len);
        pbuf_free(p);
        return ERR_OK;
    }
    /* Passes at once but for what ends a handshake: another thread may have taken that memory. */
    if (!tcp_rings_ensure(s, p->tot_len)) {
        pbuf_free(p);
        s->pub.error = ABI_ENOBUFS;
        tcp_abort(s->pcb);
        return ERR_ABRT;
    }
    stats->bytes_copied += p->tot_len;
    before = s->rx.tail;
    for (q = p; q; q = q->next) {
        uint32_t done = 0;

        while (done < q->len) {
            struct span to;

            if (byte_reserve(&s->rx, q->len - done, &to) == 0) {
                break;
            }
            __builtin_memcpy(to.data, (char *)q->payload + done, to.length);
            byte_submit(&s->rx, to.length);
            done += to.length;
        }
    }
    pbuf_free(p);
    threshold =
        atomic_load_explicit(&s->pub.rx.data_threshold, memory_order_seq_cst); /* F, pairs E */
    if (ring_passed(threshold, before, s->rx.tail)) {
        sock_event(s, SOCK_READABLE);
    }
    return ERR_OK;
}

/**
 * note_fin() - See whether our FIN is acknowledged
 * @s: connection with a FIN queued
 */
static void note_fin(struct sock *s)
{
    enum tcp_state state = s->pcb->state;

    if (s->tx.head == s->queued && state != FIN_WAIT_1 && state != CLOSING && state != LAST_ACK) {
        tcp_sock_sent_all(s);
    }
}

/**
 * queueable() - How far into tx lwIP is to be given the bytes now
 * @s: open connection
 * @mss: size of a full segment
 *
 * Return: position
 */
static uint32_t queueable(struct sock *s, uint32_t mss)
{
    uint32_t tail = s->queued + (byte_held(&s->tx) - (s->queued - s->tx.head));
    uint32_t rest = (tail - s->queued) % mss;

    /* Whoever writes more than a segment is likely to write more at once: wait for it a turn. */
    if (tail - s->queued < mss || rest == 0 || s->shutdown || (s->held && s->held_tail == tail)) {
        s->held = 0;
        return tail;
    }
    s->held = 1;
    s->held_tail = tail;
    sock_later(s, 1);
    return tail - rest;
}

/**
 * tcp_data_output() - Give lwIP what stands in tx, the FIN after it, and send
 * @s: open connection
 */
void tcp_data_output(struct sock *s)
{
    uint32_t mss, most, end;
    struct span from;
    err_t err = ERR_OK;

    if (!s->pcb) {
        return;
    }
    tcp_unpark(s->pcb);
    s->answered = s->rx.tail;
    if (s->fin_queued) {
        tcp_output(s->pcb);
        note_fin(s);
        return;
    }
    tcp_rings_moved(s);
    tcp_rings_grow_tx(s);
    mss = LWIP_MAX(1u, LWIP_MIN(tcp_mss(s->pcb), LWIP_MIN(LWIP_MOST, s->pcb->snd_wnd_max / 2)));
    most = LWIP_MOST / mss * mss;
    end = queueable(s, mss);
    if (end - s->queued > mss) {
        struct netif *netif = ip_route(&s->pcb->local_ip, &s->pcb->remote_ip);

        if (netif) {
            port_tcp_segment_max(s->pcb, netif); /* for tcp_write(), which does not know where to */
        }
    }
    while (err == ERR_OK && s->queued != end && byte_peek(&s->tx, s->queued, &from)) {
        uint32_t length = LWIP_MIN(LWIP_MIN(from.length, end - s->queued), most);

        length = LWIP_MIN(length, tcp_sndbuf(s->pcb));
        if (length == 0) {
            break;
        }
        err = tcp_write(s->pcb, from.data, (u16_t)length,
                        s->queued + length == end ? 0 : TCP_WRITE_FLAG_MORE);
        if (err == ERR_OK) {
            s->queued += length;
        }
    }
    if (err != ERR_OK) {
        /* Out of memory for segments: acknowledgements bring some back, or others close. */
        sock_later(s, 0);
    } else if (!consumer_arm(&s->tx)) {
        sock_work(s);
    } else if (s->shutdown && s->queued == s->tx.tail) {
        s->fin_queued = tcp_shutdown(s->pcb, 0, 1) == ERR_OK;
        if (s->fin_queued) {
            /* lwIP counts LAST_ACK from the last segment received, which may be hours ago. */
            s->pcb->tmr = tcp_ticks;
        }
    }
    if (s->pcb) {
        tcp_output(s->pcb);
    }
}

/**
 * tcp_data_acked() - Release what the peer has acknowledged
 * @s: connection
 * @length: sequence numbers acknowledged, a FIN among them
 */
void tcp_data_acked(struct sock *s, uint32_t length)
{
    uint32_t before = s->tx.head, threshold;

    length = LWIP_MIN(length, s->queued - s->tx.head);
    byte_release(&s->tx, length);
    threshold =
        atomic_load_explicit(&s->pub.tx.room_threshold, memory_order_seq_cst); /* F, pairs E */
    if (ring_passed(threshold, before, s->tx.head)) {
        sock_event(s, SOCK_WRITABLE);
    }
    sock_work(s);
}
