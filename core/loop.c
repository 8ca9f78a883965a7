/* SPDX-License-Identifier: MIT */
/* loop.c - one turn of the engine: commands, frames, timers, output, events
 *
 * Theory of operation
 *
 * The thread that runs the stack calls loop_turn() when the engine's doorbell was rung, when the last
 * turn left work, or when ctl.next_timer has passed. A turn does a bounded amount of work: some commands
 * (core/command.c) and up to FRAMES_A_TURN frames of each interface, then reports whether there is more.
 * So two stacks on one thread take turns while their data is still in the cache.
 *
 * Before it reports that nothing is left, it arms every ring it empties and looks once more, so that
 * the caller may sleep on the doorbell without losing a wake-up.
 */
#include "loop.h"

#include "lwip/stats.h"

#include "channel.h"
#include "command.h"
#include "iface/iface.h"
#include "iface/neighbor.h"
#include "lwext/error_limit.h"
#include "lwext/timers.h"
#include "lwip_port.h"
#include "mem/heap.h"
#include "sock/protocol.h"
#include "sock/sock_event.h"
#include "sock/sock_work.h"

#define FRAMES_A_TURN 64u
/* When a socket that lacked memory is looked after again, ms. */
#define LATER 10u
/* How often quiet connections are looked for, ms; an idle stack turns for longer than they need. */
#define TRIM 1000.0

static struct stack_ctl *ctl;
static double trimmed;

/**
 * loop_setup() - Set which stack to run
 * @stack: control block of the stack
 */
void loop_setup(struct stack_ctl *stack)
{
    ctl = stack;
    ctl->next_timer = TIMER_NONE;
}

/**
 * publish() - Copy lwIP's counters to where JS sees them
 */
static void publish(void)
{
    struct stack_stats *to = &ctl->stats;

    to->tcp_rexmit = STATS_READ(mib2.tcpretranssegs);
    to->tcp_rx_segments = STATS_READ(tcp.recv);
    to->tcp_tx_segments = STATS_READ(tcp.xmit);
    to->checksum_errors = STATS_READ(tcp.chkerr) + STATS_READ(ip.chkerr) + STATS_READ(icmp.chkerr);
    to->input_drops = STATS_READ(ip.drop) + STATS_READ(ip6.drop) + STATS_READ(tcp.drop) +
                      STATS_READ(icmp.drop) + STATS_READ(icmp6.drop) + STATS_READ(etharp.drop) +
                      STATS_READ(link.drop);
    to->fragment_drops = STATS_READ(ip_frag.drop) + STATS_READ(ip6_frag.drop);
    to->icmp_errors = lwext_errors.sent;
    to->icmp_limited = lwext_errors.limited;
    to->neighbor_drops = neighbor_drops;
    to->heap_bytes = heap_used();
}

/**
 * loop_turn() - Turn the engine once
 * @now: ms since some fixed moment, never going back
 *
 * Return: TURN_MORE: there is more to do at once; TURN_SOON: a last small segment waits, should the
 * app have no more for it in the next instant; TURN_IDLE: the caller may sleep for ctl.next_timer
 * ms or until the doorbell rings
 */
int loop_turn(double now)
{
    int more;

    port_set_time(now);
    timers_begin(now);
    ctl->stats.turns++;
    sock_work_begin();
    more = command_run();
    sock_work_run();
    if (iface_retry()) {
        protocol_retry();
    }
    more |= iface_poll(FRAMES_A_TURN);
    timers_run(now, more);
    if (now - trimmed >= TRIM) {
        trimmed = now;
        protocol_trim();
    }
    sock_work_run();
    iface_flush();
    publish();
    more |= channel_flush(sock_event_flush);
    if (!more) {
        more = !iface_arm() || !command_arm();
    }
    if (!more && sock_work_is_urgent()) {
        more = TURN_SOON;
    }
    ctl->next_timer = more ? 0 : timers_next(now);
    if (sock_work_is_left() && ctl->next_timer > LATER) {
        ctl->next_timer = LATER;
    }
    return more;
}
