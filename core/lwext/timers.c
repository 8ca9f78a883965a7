/* SPDX-License-Identifier: MIT */
/* timers.c - lwIP's protocol timers, run only while there is something to time
 *
 * Theory of operation
 *
 * lwIP wants tcp_tmr() every TCP_TMR_INTERVAL and the timers of ARP, ND and reassembly every second,
 * without end. Here both clocks stop when nothing waits for them:
 *
 * - Every turn starts TCP's clock. After each tick, it looks which connections still need the timer
 *   (pcb_due()): data or a FIN on the way, an ACK to send, a handshake or an ending to finish. The
 *   others are parked (core/lwext/tcp_park.c) until keep-alive or the end of FIN_WAIT_2 is due, if at
 *   all, so the cost of a tick depends on busy connections and not on open ones. If none is left, the
 *   clock stops. When it starts again, before the turn does anything, tcp_ticks is moved on by the
 *   ticks that were skipped, so all times in ticks stay right.
 * - The one-second clock runs for QUIET_AFTER seconds after the last packet, long enough for any
 *   reassembly, address resolution, neighbour probe and TIME_WAIT to end, and then stops. The start of
 *   the next turn runs the seconds it missed, before any entry is used or made.
 *
 * After a pause of the thread, catch_up() moves TCP's clock on before frames are taken in, except for
 * CATCH_UP ticks. It ages in-flight segments, but keeps them below the RTO until the queued ACKs are
 * processed; segments sent after the pause are not aged. The last ticks are run one per turn while
 * frames wait, since the sender of the ACK may have been paused with the same thread.
 *
 * TIME_WAIT is reaped here after TIME_WAIT_MS (lwipopts.h), and earlier, oldest first, when there are
 * more than TIME_WAIT_MOST.
 */
#include "lwext/timers.h"

#include "lwip/igmp.h"
#include "lwip/ip4_frag.h"
#include "lwip/ip6_frag.h"
#include "lwip/priv/tcp_priv.h"

#include "abi.h"
#include "iface/address.h"
#include "iface/iface.h"
#include "iface/neighbor.h"
#include "lwext/tcp_park.h"

#define SECOND 1000.0
#define QUIET_AFTER 20u
#define MISSED_MOST 400u /* seconds; no reassembly and no group needs more */
#define CATCH_UP 10u
#define TIME_WAIT_MOST 4096u

static double tcp_time;    /* when the last TCP tick was due */
static double second_time; /* when the last second was due */
static uint32_t tcp_running;
static uint32_t tcp_long_due; /* stopped: slow ticks from tcp_time until keep-alive is due */
static uint32_t packets_seen, quiet;

/**
 * timers_start() - Begin to count time
 * @now: ms
 */
void timers_start(double now)
{
    tcp_time = now;
    second_time = now;
    quiet = QUIET_AFTER;
    tcp_long_due = TIMER_NONE;
}

/**
 * tcp_timer_needed() - lwIP's TCP asks for its timer
 *
 * Every turn starts it.
 */
void tcp_timer_needed(void)
{
}

/**
 * ticks_left() - Slow ticks until so many have passed since a moment
 * @since: that moment, in ticks
 * @ticks: how many
 *
 * Return: ticks, at least 1
 */
static uint32_t ticks_left(uint32_t since, uint32_t ticks)
{
    uint32_t passed = tcp_ticks - since;

    return passed > ticks ? 1 : ticks - passed + 1;
}

/**
 * pcb_due() - When a connection next needs the slow timer
 * @pcb: active connection
 *
 * Return: slow ticks, TIMER_NONE: not at all
 */
static uint32_t pcb_due(const struct tcp_pcb *pcb)
{
    if ((pcb->flags & (TF_ACK_DELAY | TF_ACK_NOW | TF_CLOSEPEND)) || pcb->unsent || pcb->unacked ||
        pcb->ooseq || pcb->refused_data || pcb->rtime >= 0 || pcb->persist_backoff ||
        pcb->state < ESTABLISHED || pcb->state == LAST_ACK) {
        return 1;
    }
    if (pcb->state == FIN_WAIT_2 && (pcb->flags & TF_RXCLOSED)) {
        return ticks_left(pcb->tmr, TCP_FIN_WAIT_TIMEOUT / TCP_SLOW_INTERVAL);
    }
    if (ip_get_option(pcb, SOF_KEEPALIVE) &&
        (pcb->state == ESTABLISHED || pcb->state == CLOSE_WAIT || pcb->state == FIN_WAIT_2)) {
        return ticks_left(pcb->tmr, (pcb->keep_idle + pcb->keep_cnt_sent * pcb->keep_intvl) /
                                        TCP_SLOW_INTERVAL);
    }
    return TIMER_NONE;
}

/**
 * park_idle() - Park the connections that need no timer now
 *
 * Return: slow ticks until TCP next needs its timer, TIMER_NONE: not at all
 */
static uint32_t park_idle(void)
{
    struct tcp_pcb *pcb, *next;

    for (pcb = tcp_active_pcbs; pcb; pcb = next) {
        uint32_t due = pcb_due(pcb);

        next = pcb->next;
        if (due > 1) {
            lwext_park(pcb, due);
        }
    }
    return tcp_active_pcbs ? 1 : lwext_park_due();
}

/**
 * skip_tcp() - Move a stopped TCP clock to now
 * @now: ms
 */
static void skip_tcp(double now)
{
    uint32_t ticks = (uint32_t)((now - tcp_time) / TCP_SLOW_INTERVAL);

    tcp_ticks += ticks;
    tcp_time += (double)ticks * TCP_SLOW_INTERVAL;
    /* A stopped clock runs no tick for the rest of the time. */
    tcp_time = LWIP_MAX(tcp_time, now - TCP_TMR_INTERVAL + 1);
}

/**
 * catch_up() - Move a running TCP clock on after a pause of the thread
 * @now: ms
 */
static void catch_up(double now)
{
    struct tcp_pcb *pcb;
    double owed = now - tcp_time - CATCH_UP * TCP_TMR_INTERVAL;
    uint32_t ticks;

    if (owed < TCP_SLOW_INTERVAL) {
        return;
    }
    ticks = (uint32_t)(owed / TCP_SLOW_INTERVAL);
    tcp_ticks += ticks;
    tcp_time += (double)ticks * TCP_SLOW_INTERVAL;
    for (pcb = tcp_active_pcbs; pcb; pcb = pcb->next) {
        /* The ticks of this turn alone do not reach the timeout. */
        int32_t room = pcb->rto - (int32_t)(CATCH_UP / 2) - 1 - pcb->rtime;

        if (pcb->rtime >= 0 && room > 0) {
            pcb->rtime = (s16_t)(pcb->rtime + (int32_t)LWIP_MIN(ticks, (uint32_t)room));
        }
        pcb->persist_cnt = (u16_t)LWIP_MIN(pcb->persist_cnt + ticks, 0xffffu);
    }
}

/**
 * reap_time_wait() - Free connections that have been in TIME_WAIT long enough
 *
 * The list is newest first.
 */
static void reap_time_wait(void)
{
    struct tcp_pcb *pcb = tcp_tw_pcbs, *next;
    uint32_t count = 0;

    for (; pcb; pcb = next) {
        next = pcb->next;
        if (++count > TIME_WAIT_MOST || tcp_ticks - pcb->tmr > TIME_WAIT_MS / TCP_SLOW_INTERVAL) {
            tcp_pcb_remove(&tcp_tw_pcbs, pcb);
            tcp_free(pcb);
        }
    }
}

/**
 * run_tcp() - Run TCP's timer as often as is due, and stop its clock if nothing needs it
 * @now: ms
 * @frames_pending: frames wait to be taken in
 */
static void run_tcp(double now, int frames_pending)
{
    uint32_t missed, run;

    if (!tcp_running || now - tcp_time < TCP_TMR_INTERVAL) {
        return;
    }
    missed = (uint32_t)((now - tcp_time) / TCP_TMR_INTERVAL);
    run = frames_pending ? 1 : LWIP_MIN(missed, CATCH_UP);
    tcp_time += (double)run * TCP_TMR_INTERVAL;
    while (run--) {
        lwext_park_tick(tcp_ticks + 1);
        tcp_tmr();
    }
    if (!(tcp_ticks & 7)) {
        reap_time_wait();
    }
    tcp_long_due = park_idle();
    tcp_running = tcp_long_due <= 1;
}

/**
 * run_seconds() - Run the one-second timers as often as is due
 * @now: ms
 */
static void run_seconds(double now)
{
    struct ringif *ifc;
    uint32_t missed, run;

    if (now - second_time < SECOND) {
        return;
    }
    missed = (uint32_t)((now - second_time) / SECOND);
    second_time += (double)missed * SECOND;
    quiet += missed;
    if (ringif_packets() != packets_seen) {
        packets_seen = ringif_packets();
        quiet = 0;
    }
    for (run = LWIP_MIN(missed, MISSED_MOST); run; run--) {
        for (ifc = iface_next(NULL); ifc; ifc = iface_next(ifc)) {
            address_tmr(ifc);
        }
        ip_reass_tmr();
        ip6_reass_tmr();
        igmp_tmr();
    }
    for (ifc = iface_next(NULL); ifc; ifc = iface_next(ifc)) {
        neighbor_tmr(ifc);
    }
    reap_time_wait();
}

/**
 * timers_begin() - Start the clocks again, before a turn does anything
 * @now: ms
 */
void timers_begin(double now)
{
    if (tcp_running) {
        catch_up(now);
    } else {
        skip_tcp(now);
        tcp_running = 1;
    }
    if (quiet >= QUIET_AFTER) {
        run_seconds(now);
    }
}

/**
 * timers_run() - Run the timers that are due, at the end of a turn
 * @now: ms
 * @frames_pending: frames wait to be taken in
 */
void timers_run(double now, int frames_pending)
{
    run_tcp(now, frames_pending);
    run_seconds(now);
}

/**
 * wait_until() - Time left until a moment
 * @when: moment, ms
 * @now: ms
 *
 * Return: ms, rounded up
 */
static uint32_t wait_until(double when, double now)
{
    return when > now ? (uint32_t)(when - now) + 1 : 0;
}

/**
 * timers_next() - How long the engine may sleep
 * @now: ms
 *
 * Return: ms, TIMER_NONE: until a doorbell rings
 */
uint32_t timers_next(double now)
{
    uint32_t next = TIMER_NONE;

    if (tcp_running) {
        next = wait_until(tcp_time + TCP_TMR_INTERVAL, now);
    } else if (tcp_long_due != TIMER_NONE) {
        next = wait_until(tcp_time + (double)tcp_long_due * TCP_SLOW_INTERVAL, now);
    }
    if (quiet < QUIET_AFTER || ringif_packets() != packets_seen) {
        next = LWIP_MIN(next, wait_until(second_time + SECOND, now));
    }
    return next;
}

/**
 * timers_close() - Let all reassembly time out now
 */
void timers_close(void)
{
    uint32_t i;

    for (i = 0; i <= LWIP_MAX(IP_REASS_MAXAGE, IPV6_REASS_MAXAGE); i++) {
        ip_reass_tmr();
        ip6_reass_tmr();
    }
}
