/* SPDX-License-Identifier: MIT */
/* tcp_rto.c - TCP's retransmission timeout: samples of the round-trip time, bounds and backoff
 *
 * Theory of operation
 *
 * RFC 6298 with the clock of lwIP's slow timer, TCP_SLOW_INTERVAL (20 ms). pcb->sa is 8 times the
 * smoothed round-trip time, pcb->sv is 4 times its deviation, pcb->rto is the timeout, all in ticks.
 * lwIP chooses what is timed (pcb->rttest, pcb->rtseq); never a segment that was sent again.
 *
 * The first sample sets sa and sv (2.2). lwIP starts them at 0 and LWIP_TCP_RTO_TIME, which takes
 * ten round trips to converge, and a loss before that costs seconds. A sample below a quarter of sa
 * sets them again: the samples before it were no round trips. A SYN waited for an address to be
 * resolved, or the peer was suspended, as virtual machines are.
 *
 * LWIP_TCP_RTO_MIN is what others delay an ACK by, in ticks one more, since the first tick may come
 * at once. Each timeout doubles the RTO (5.5) up to LWIP_TCP_RTO_MAX. 12 retransmissions
 * (TCP_MAXRTX) then take 168 s or more, which is above the 100 s of RFC 1122, 4.2.3.5. SYNs are not
 * backed off: TCP_SYNMAXRTX counts times of LWIP_TCP_RTO_TIME.
 *
 * Types: a sample is cut at 4095 ticks (82 s), so that sa <= 8 * 4095, sv <= 4 * 4095 and their sum
 * fit into s16_t.
 */
#include "lwip/priv/tcp_priv.h"

#include "lwip_port.h"

/* The largest sample that sa can hold. */
#define RTT_MAX (0x7fff >> 3)
/* Bounds of the timeout. */
#define RTO_MIN LWIP_MAX(3, (LWIP_TCP_RTO_MIN + TCP_SLOW_INTERVAL - 1) / TCP_SLOW_INTERVAL + 1)
#define RTO_MAX LWIP_MIN(0x7fff, LWIP_TCP_RTO_MAX / TCP_SLOW_INTERVAL)

/**
 * port_tcp_rto() - The timeout by what was measured (LWIP_HOOK_TCP_RTO)
 * @pcb: connection
 *
 * Return: ticks
 */
s16_t port_tcp_rto(const struct tcp_pcb *pcb)
{
    s32_t rto = (pcb->sa >> 3) + pcb->sv;

    rto = LWIP_MAX(rto, RTO_MIN);
    return (s16_t)LWIP_MIN(rto, RTO_MAX);
}

/**
 * port_tcp_rtt() - Take a sample: the segment that was timed is acknowledged (LWIP_HOOK_TCP_RTT)
 * @pcb: connection
 */
void port_tcp_rtt(struct tcp_pcb *pcb)
{
    u32_t ticks = tcp_ticks - pcb->rttest;
    s16_t rtt = (s16_t)LWIP_MIN(ticks, RTT_MAX);

    if (pcb->sa == 0 || rtt < (pcb->sa >> 5)) {
        pcb->sa = (s16_t)(rtt << 3);
        pcb->sv = (s16_t)(rtt << 1);
    } else {
        /* By 1/8 of the error, and the deviation by 1/4 of what that differs from it. */
        s16_t error = (s16_t)(rtt - (pcb->sa >> 3));

        pcb->sa = (s16_t)(pcb->sa + error);
        if (error < 0) {
            error = (s16_t)-error;
        }
        pcb->sv = (s16_t)(pcb->sv + error - (pcb->sv >> 2));
    }
    pcb->rto = port_tcp_rto(pcb);
    pcb->rttest = 0;
}

/**
 * port_tcp_timed_out() - Back off after a timeout (LWIP_HOOK_TCP_TIMED_OUT)
 * @pcb: connection
 *
 * A segment that times out again does not lower ssthresh again (RFC 5681, 3.1): that would be half
 * of what cwnd is then, one segment. A lost SYN is no congestion.
 */
void port_tcp_timed_out(struct tcp_pcb *pcb)
{
    if (pcb->state != SYN_SENT) {
        pcb->rto = (s16_t)LWIP_MIN(pcb->rto * 2, RTO_MAX);
    }
    if (pcb->state < ESTABLISHED) {
        return;
    }
    if (pcb->nrtx == 0) {
        tcpwnd_size_t window = LWIP_MIN(pcb->cwnd, pcb->snd_wnd);

        pcb->ssthresh = LWIP_MAX(window / 2, (tcpwnd_size_t)(2 * pcb->mss));
    }
    pcb->cwnd = pcb->mss;
}
