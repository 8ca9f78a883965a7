/* SPDX-License-Identifier: MIT */
/* tcp_recovery.c - TCP's loss recovery: which segments are lost, and when they are sent again
 *
 * Theory of operation
 *
 * Without this file, lwIP leaves fast recovery with the first ACK for new data: the second loss in a
 * window waits for a timeout, after which everything in flight is sent again.
 *
 * Scoreboard (RFC 6675). Segments stay in the queue of what is in flight (pcb->unacked) until they
 * are acknowledged. The blocks of SACK options mark those that have arrived. Before anything is
 * sent, port_tcp_lost() looks at all of them:
 *
 * - A segment is lost if three have arrived that were sent after it. The order of sending is
 *   seg->xmit, so that this holds for a segment that was sent again, too (as RFC 8985, with the order
 *   in place of time); otherwise a lost retransmission would cost a timeout.
 * - The first lost one starts fast recovery. It ends when everything is acknowledged that was sent
 *   before (pcb->rto_end).
 * - Lost segments are moved to the unsent queue for as long as the congestion window has room for
 *   what is in the network. pcb->departed is what is in flight and no longer in the network: it has
 *   arrived or is lost. New segments go after them, in the window that cwnd and departed leave.
 *
 * The first arrivals behind a hole let new segments go, too (RFC 3042); without these a window of
 * four segments never sees the third arrival.
 *
 * Timeouts. All that has not arrived is lost. Segments that have arrived are not sent again, except
 * when the first one in flight is among them: the peer must have forgotten it. A timeout ends fast
 * recovery, and duplicate ACKs for what is sent again after it do not start another (RFC 6582, 3.2).
 *
 * Without SACK. Each duplicate ACK stands for a segment that has arrived. In fast recovery an ACK for
 * a part of what was in flight has the next segment sent again (RFC 6582).
 *
 * Timing. The ACK of what is sent during recovery waits for retransmissions, so a segment is timed
 * until its SACK comes, or not at all: on a bad link there is hardly any other sample.
 */
#include "lwip/priv/tcp_priv.h"

#include "lwip_port.h"

static u32_t first_of(const struct tcp_seg *seg)
{
    return lwip_ntohl(seg->tcphdr->seqno);
}

/**
 * start_recovery() - Enter fast recovery (RFC 5681, 3.2)
 * @pcb: connection
 */
static LWIP_COLD void start_recovery(struct tcp_pcb *pcb)
{
    tcpwnd_size_t half = LWIP_MIN(pcb->cwnd, pcb->snd_wnd) / 2;

    pcb->ssthresh = LWIP_MAX(half, (tcpwnd_size_t)(2 * pcb->mss));
    pcb->cwnd = pcb->ssthresh;
    pcb->bytes_acked = 0;
    pcb->rto_end = pcb->snd_nxt;
    tcp_set_flags(pcb, TF_INFR);
    /* The timeout must not send it again at once. */
    pcb->rtime = 0;
}

/**
 * port_tcp_dupack() - A duplicate ACK has come (LWIP_HOOK_TCP_DUPACK)
 * @pcb: connection; with SACK, port_tcp_lost() knows more
 */
LWIP_COLD void port_tcp_dupack(struct tcp_pcb *pcb)
{
    if (pcb->flags & TF_SACK) {
        return;
    }
    if (pcb->dupacks < 0xff) {
        pcb->dupacks++;
    }
    if (pcb->flags & TF_RTO) {
        /* All is sent again anyway, which makes duplicates of its own. */
        return;
    }
    TCP_WND_INC(pcb->departed, pcb->mss);
    if (pcb->dupacks >= 3 && pcb->unacked && !(pcb->flags & TF_INFR) && tcp_rexmit(pcb) == ERR_OK) {
        start_recovery(pcb);
    }
}

/**
 * port_tcp_acked() - New data was acknowledged while some was lost or had left the network
 * (LWIP_HOOK_TCP_ACKED)
 * @pcb: connection
 * @ackno: acknowledgement
 * @acked: bytes
 */
LWIP_COLD void port_tcp_acked(struct tcp_pcb *pcb, u32_t ackno, u32_t acked)
{
    pcb->departed -= LWIP_MIN(pcb->departed, acked);
    if (!pcb->departed && !(pcb->flags & (TF_INFR | TF_RTO))) {
        return;
    }
    tcp_set_flags(pcb, TF_SACKED);
    if (TCP_SEQ_GEQ(ackno, pcb->rto_end)) {
        tcp_clear_flags(pcb, TF_INFR);
    }
    if (!(pcb->flags & TF_INFR)) {
        pcb->departed = 0;
    } else if (!(pcb->flags & TF_SACK)) {
        /* The timer goes on: a timeout sends many again sooner than one each round trip. */
        TCP_WND_INC(pcb->departed, LWIP_MIN(acked, pcb->mss));
        tcp_rexmit(pcb);
    } else if (pcb->unacked && !(pcb->unacked->flags & TF_SEG_REXMITTED)) {
        /* A later segment has arrived: the retransmission that was just acknowledged. */
        pcb->unacked->flags |= TF_SEG_LOST;
    }
}

/**
 * port_tcp_sack() - A SACK block has come: mark the segments in it (LWIP_HOOK_TCP_SACK)
 * @pcb: connection
 * @ackno: acknowledgement of the segment it came in
 * @left: first sequence number of the block
 * @right: first sequence number behind it
 */
LWIP_COLD void port_tcp_sack(struct tcp_pcb *pcb, u32_t ackno, u32_t left, u32_t right)
{
    struct tcp_seg *seg;

    for (seg = pcb->unacked; seg; seg = seg->next) {
        u32_t first = first_of(seg);

        if (TCP_SEQ_GEQ(first, left) && TCP_SEQ_LEQ(first + TCP_TCPLEN(seg), right)) {
            if (pcb->rtseq == first) {
                /* The one that is timed: lwIP is to take it as acknowledged. */
                pcb->rtseq = ackno - 1;
            }
            seg->flags |= TF_SEG_SACKED;
            tcp_set_flags(pcb, TF_SACKED);
        }
    }
}

/**
 * port_tcp_time() - Choose what is timed while segments are sent again (LWIP_HOOK_TCP_TIME)
 * @pcb: connection
 * @seg: has just been sent
 *
 * Nothing is timed without SACK, since all ACKs wait for the retransmissions.
 */
LWIP_COLD void port_tcp_time(struct tcp_pcb *pcb, const struct tcp_seg *seg)
{
    if (!(pcb->flags & TF_SACK)) {
        pcb->rttest = 0;
    } else if (seg->flags & TF_SEG_REXMITTED) {
        /* Which of the two has arrived? (Karn's rule) */
        if (pcb->rtseq == first_of(seg)) {
            pcb->rttest = 0;
        }
    } else if (pcb->rttest == 0) {
        pcb->rttest = tcp_ticks;
        pcb->rtseq = first_of(seg);
    }
}

/**
 * third_last() - How many segments were sent since the third last of those that have arrived
 * @pcb: connection
 *
 * Return: a number that was sent, or the largest: fewer than three have arrived
 */
static LWIP_COLD u32_t third_last(const struct tcp_pcb *pcb)
{
    u32_t since[3] = { 0xffffffff, 0xffffffff, 0xffffffff };
    const struct tcp_seg *seg;
    int i;

    for (seg = pcb->unacked; seg; seg = seg->next) {
        u32_t count = pcb->xmits - seg->xmit;

        if (!(seg->flags & TF_SEG_SACKED)) {
            continue;
        }
        for (i = 0; i < 3; i++) {
            u32_t other = since[i];

            since[i] = LWIP_MIN(count, other);
            count = LWIP_MAX(count, other);
        }
    }
    return since[2];
}

/**
 * mark_lost() - Mark which segments in flight are lost
 * @pcb: connection
 *
 * Return: bytes that are in the network, or wait to be sent again: these are in flight as soon as the
 * window lets them
 */
static LWIP_COLD u32_t mark_lost(struct tcp_pcb *pcb)
{
    u32_t third = third_last(pcb), pipe = 0;
    struct tcp_seg *seg;

    for (seg = pcb->unacked; seg; seg = seg->next) {
        if (seg->flags & TF_SEG_SACKED) {
            continue;
        }
        if (pcb->xmits - seg->xmit > third) {
            if (seg == pcb->unacked && !(pcb->flags & (TF_INFR | TF_RTO))) {
                start_recovery(pcb);
            }
            seg->flags |= TF_SEG_LOST;
        }
        if (!(seg->flags & TF_SEG_LOST)) {
            pipe += TCP_TCPLEN(seg);
        }
    }
    for (seg = pcb->unsent; seg && TCP_SEQ_LT(first_of(seg), pcb->snd_nxt); seg = seg->next) {
        pipe += TCP_TCPLEN(seg);
    }
    return pipe;
}

/**
 * port_tcp_lost() - See which segments in flight are lost, and have as many of them sent again as the
 * congestion window allows (LWIP_HOOK_TCP_LOST)
 * @pcb: connection with SACK, of which something new is known
 */
LWIP_COLD void port_tcp_lost(struct tcp_pcb *pcb)
{
    struct tcp_seg *seg, **from = &pcb->unacked, **to = &pcb->unsent;
    u32_t flight, pipe;

    tcp_clear_flags(pcb, TF_SACKED);
    pipe = mark_lost(pcb);
    while ((seg = *from)) {
        /* An interface may still have its packet. */
        if ((seg->flags & (TF_SEG_SACKED | TF_SEG_LOST)) != TF_SEG_LOST || seg->p->ref != 1) {
            from = &seg->next;
            continue;
        }
        /* Nothing goes on without the first one. */
        if (pipe + seg->len > pcb->cwnd && TCP_SEQ_GT(first_of(seg), pcb->lastack)) {
            break;
        }
        pipe += TCP_TCPLEN(seg);
        seg->flags = (u8_t)((seg->flags & ~TF_SEG_LOST) | TF_SEG_REXMITTED);
        pcb->nrtx = LWIP_MAX(pcb->nrtx, 1);
        /* The unsent queue stays sorted. */
        while (*to && TCP_SEQ_LT(first_of(*to), first_of(seg))) {
            to = &(*to)->next;
        }
        *from = seg->next;
        seg->next = *to;
        *to = seg;
    }
    /* The peer may have acknowledged a part of the first segment. */
    flight = pcb->snd_nxt - pcb->lastack;
    pcb->departed = flight - LWIP_MIN(flight, pipe);
}

/**
 * port_tcp_rexmit_all() - A timeout: take all as lost that has not arrived (LWIP_HOOK_TCP_REXMIT_ALL)
 * @pcb: connection with segments in flight
 *
 * Return: 1 if port_tcp_lost() has them sent again; 0: lwIP does
 */
LWIP_COLD int port_tcp_rexmit_all(struct tcp_pcb *pcb)
{
    struct tcp_seg *seg;
    u8_t forget;

    pcb->departed = 0;
    tcp_clear_flags(pcb, TF_INFR);
    if (!(pcb->flags & TF_SACK) || pcb->state < ESTABLISHED) {
        return 0;
    }
    forget = TF_SEG_REXMITTED | (pcb->unacked->flags & TF_SEG_SACKED);
    for (seg = pcb->unacked; seg; seg = seg->next) {
        seg->flags = (u8_t)((seg->flags & ~forget) | TF_SEG_LOST);
    }
    tcp_set_flags(pcb, TF_RTO | TF_SACKED);
    pcb->rto_end = pcb->snd_nxt;
    pcb->rttest = 0;
    return 1;
}
