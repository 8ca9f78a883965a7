/* SPDX-License-Identifier: MIT */
/* loop.c - one turn of the engine: commands, frames, timers, output, events
 *
 * Theory of operation
 *
 * Whoever owns the thread calls loop_turn() when the engine's doorbell rang, when the last turn left
 * work, or when ctl.next_timer has passed. A turn does a bounded amount of work: up to
 * COMMANDS_A_TURN commands and FRAMES_A_TURN frames of each interface, then reports whether there
 * is more. Two stacks on one thread thereby take turns while their data is still in the cache.
 *
 * Before it reports that nothing is left, it arms every ring it empties and looks once more, so
 * that the caller may sleep on the doorbell without losing a wake-up.
 *
 * Commands are taken only while the event ring has room for their answers: an answer is never
 * lost, and JS that does not read its events stops being served, not us from working. Objects that
 * were handed to other threads have channels of their own (core/channel.c).
 */
#include "loop.h"

#include "lwip/init.h"
#include "lwip/stats.h"

#include "channel.h"
#include "iface/iface.h"
#include "lwext/timers.h"
#include "lwip_port.h"
#include "mem/heap.h"
#include "ring.h"
#include "sock/tcp.h"

#define COMMANDS_A_TURN 256u
#define FRAMES_A_TURN 64u
/* When a socket that lacked memory is looked after again, ms. */
#define LATER 10u
/* How often quiet connections are looked for, ms; an idle stack turns for longer than they need. */
#define TRIM 1000.0

static struct stack_ctl *ctl;
static double trimmed;

/**
 * loop_setup() - Set up the control channel
 * @stack: zeroed control block with its owner filled in
 *
 * Return: 0 or ABI_ENOMEM
 */
int loop_setup(struct stack_ctl *stack)
{
    ctl = stack;
    ctl->next_timer = TIMER_NONE;
    return channel_setup(stack);
}

/**
 * close_sockets() - End and free all sockets of a kind
 * @kind: SOCK_*
 */
static void close_sockets(uint32_t kind)
{
    struct sock *s, *next;

    for (s = sock_next(NULL); s; s = next) {
        next = sock_next(s);
        if (s->pub.kind != kind) {
            continue;
        }
        s->released = 1;
        if (s->pcb) {
            tcp_sock_abort(s, ABI_ECONNABORTED);
        } else {
            sock_free(s);
        }
    }
}

/**
 * end_channel() - Take the object of a channel back and free the channel
 * @p: channel, not the app's; its thread uses neither channel nor object any more, or there is none
 */
static void end_channel(struct channel *p)
{
    struct sock *s = sock_get(p->sock);

    if (s) {
        /* It was not released before: nobody has it, and nobody will. */
        sock_move(s, channel_app());
        tcp_sock_abort(s, ABI_ECONNABORTED);
        tcp_sock_release(s);
    }
    iface_share(p->iface, 0);
    channel_free(p);
}

/**
 * loop_close() - Give back what loop_setup() and JS's leftovers took
 */
void loop_close(void)
{
    struct ringif *ifc;
    struct channel *p;

    while ((p = channel_next(NULL))) {
        end_channel(p);
    }
    /* A listener that closes frees connections; they go first. */
    close_sockets(SOCK_STREAM);
    close_sockets(SOCK_LISTENER);
    tcp_sock_abort_orphans();
    while ((ifc = iface_next(NULL))) {
        tcp_sock_interface_remove(ifc->pub->handle);
    }
    timers_close();
    tcp_rings_trim();
    sock_close();
    channel_close();
    heap_trim();
}

/**
 * iface_command() - Carry out a command about an interface
 * @p: channel of who sent it
 * @cmd: command, whole
 */
static void iface_command(struct channel *p, const struct cmd_iface *cmd)
{
    uint32_t handle = cmd->cmd.handle, offset = 0;
    int err;

    switch (cmd->cmd.op) {
    case CMD_IFACE_ADD:
        err = iface_add(cmd, &handle, &offset);
        break;
    case CMD_IFACE_REMOVE:
        err = tcp_sock_interface_remove(handle);
        break;
    default:
        err = iface_wire(handle, cmd->cmd.value);
        break;
    }
    channel_answer(p, cmd->cmd.id, err, handle, offset);
}

/**
 * open_command() - Listen or connect
 * @p: channel of who sent it
 * @cmd: command
 */
static void open_command(struct channel *p, const struct cmd_socket *cmd)
{
    struct sock *s = NULL;
    int err = cmd->cmd.op == CMD_LISTEN ? tcp_sock_listen(cmd, &s) : tcp_sock_connect(cmd, &s);

    channel_answer(p, cmd->cmd.id, err, s ? s->pub.handle : 0, s ? offset_of(&s->pub) : 0);
}

/**
 * share_command() - Give an object a channel of its own
 * @from: channel of who has it
 * @cmd: CMD_SHARE_*
 */
static void share_command(struct channel *from, const struct cmd *cmd)
{
    struct channel *p = channel_open();
    int err = 0;

    if (!p) {
        channel_answer(from, cmd->id, ABI_ENOMEM, 0, 0);
        return;
    }
    if (cmd->op == CMD_SHARE_IFACE) {
        err = iface_share(cmd->handle, offset_of(p->pub));
        p->iface = cmd->handle;
    } else {
        struct sock *s = sock_get(cmd->handle);

        if (s && s->pub.kind == SOCK_STREAM) {
            sock_move(s, p);
        } else {
            err = ABI_EBADF;
        }
        p->sock = cmd->handle;
    }
    if (err) {
        channel_free(p);
        channel_answer(from, cmd->id, err, 0, 0);
        return;
    }
    from->sock = from->iface = 0;
    channel_answer(from, cmd->id, 0, p->pub->key, offset_of(p->pub));
}

/**
 * recall_command() - Ask for what was handed to other threads
 * @cmd: command
 */
static void recall_command(const struct cmd *cmd)
{
    struct channel *p, *next;

    for (p = channel_next(NULL); p; p = next) {
        next = channel_next(p);
        if ((!cmd->handle || p->iface == cmd->handle) && channel_recall(p)) {
            end_channel(p);
        }
    }
}

/**
 * channel_command() - Carry out a command about channels
 * @p: channel of who sent it
 * @cmd: command
 */
static void channel_command(struct channel *p, const struct cmd *cmd)
{
    switch (cmd->op) {
    case CMD_SHARE_SOCK:
    case CMD_SHARE_IFACE:
        share_command(p, cmd);
        return;
    case CMD_RECALL:
        recall_command(cmd);
        break;
    default:
        break;
    }
    channel_answer(p, cmd->id, 0, 0, 0);
}

/**
 * socket_command() - Carry out a command about a socket there is
 * @p: channel of who sent it
 * @cmd: command
 */
static void socket_command(struct channel *p, const struct cmd *cmd)
{
    struct sock *s = sock_get(cmd->handle);

    if (cmd->op < CMD_ACCEPTED || cmd->op > CMD_KEEPALIVE) {
        p->pub->commands.bad++;
        return;
    }
    if (!s || s->channel != p) {
        return;
    }
    if (cmd->op == CMD_RELEASE && p != channel_app()) {
        /* It may outlive the channel. */
        sock_move(s, channel_app());
    }
    switch (cmd->op) {
    case CMD_ACCEPTED:
        tcp_sock_accepted(s);
        break;
    case CMD_KICK:
        tcp_sock_kick(s);
        break;
    case CMD_SHUTDOWN:
        tcp_sock_shutdown(s);
        break;
    case CMD_DISCARD:
        tcp_sock_discard(s);
        break;
    case CMD_CLOSE:
        tcp_sock_close(s);
        break;
    case CMD_ABORT:
        tcp_sock_abort(s, ABI_ECONNABORTED);
        break;
    case CMD_RELEASE:
        tcp_sock_release(s);
        break;
    case CMD_NODELAY:
        tcp_sock_nodelay(s, cmd->value);
        break;
    default:
        tcp_sock_keepalive(s, cmd->value);
    }
}

/**
 * allowed() - Whether a thread may send a command
 * @p: its channel: the app may do anything, others only with their object
 * @cmd: command
 *
 * Return: 1 if so
 */
static int allowed(const struct channel *p, const struct cmd *cmd)
{
    if (p == channel_app()) {
        return 1;
    }
    if (cmd->op == CMD_IFACE_WIRE || cmd->op == CMD_SHARE_IFACE) {
        return cmd->handle == p->iface;
    }
    return (cmd->op >= CMD_ACCEPTED && cmd->op <= CMD_SHARE_SOCK && cmd->handle == p->sock) ||
           cmd->op == CMD_SYNC;
}

/**
 * run_command() - Carry out one command
 * @p: channel of who sent it
 * @record: its bytes, copied: JS may write the ring at any time
 */
static void run_command(struct channel *p, const struct span *record)
{
    union {
        struct cmd cmd;
        struct cmd_iface iface;
        struct cmd_socket socket;
    } c;
    uint32_t need = sizeof(struct cmd);

    __builtin_memset(&c, 0, sizeof(c));
    __builtin_memcpy(&c, record->data, record->length < sizeof(c) ? record->length : sizeof(c));
    if (c.cmd.op == CMD_IFACE_ADD) {
        need = sizeof(struct cmd_iface);
    } else if (c.cmd.op == CMD_LISTEN || c.cmd.op == CMD_CONNECT) {
        need = sizeof(struct cmd_socket);
    }
    if (record->length != need || !allowed(p, &c.cmd)) {
        p->pub->commands.bad++;
        channel_answer(p, c.cmd.id, ABI_EINVAL, 0, 0);
    } else if (c.cmd.op == CMD_LISTEN || c.cmd.op == CMD_CONNECT) {
        open_command(p, &c.socket);
    } else if (c.cmd.op >= CMD_IFACE_ADD && c.cmd.op <= CMD_IFACE_WIRE) {
        iface_command(p, &c.iface);
    } else if (c.cmd.op >= CMD_SHARE_SOCK && c.cmd.op <= CMD_SYNC) {
        channel_command(p, &c.cmd);
    } else {
        socket_command(p, &c.cmd);
    }
}

/**
 * run_commands() - Carry out what a thread has submitted
 * @p: its channel
 * @deaf: it reads no answers any more: they may be lost
 *
 * Return: 1 if commands are left for which there was no budget
 */
static int run_commands(struct channel *p, int deaf)
{
    uint32_t left = COMMANDS_A_TURN;
    struct span record;
    int more = 1;

    while (more && left-- && (deaf || channel_has_room(p))) {
        if (frame_peek(&p->commands, p->pub->commands.size[0], &record) != 0) {
            more = 0;
        } else {
            run_command(p, &record);
            frame_release(&p->commands);
        }
    }
    consumer_notify(&p->commands);
    return more && channel_has_room(p);
}

/**
 * run_channels() - Carry out what other threads than the app's have submitted
 */
static void run_channels(void)
{
    struct channel *p;
    int released;

    while ((p = channel_take_pending(&released))) {
        run_commands(p, released);
        if (released) {
            end_channel(p);
        }
    }
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
    sock_begin();
    more = run_commands(channel_app(), 0);
    run_channels();
    tcp_sock_run();
    if (iface_retry()) {
        tcp_sock_retry();
    }
    more |= iface_poll(FRAMES_A_TURN);
    timers_run(now, more);
    if (now - trimmed >= TRIM) {
        trimmed = now;
        tcp_rings_trim();
    }
    tcp_sock_run();
    iface_flush();
    publish();
    more |= channel_flush(sock_events_flush);
    if (!more) {
        struct channel *app = channel_app();

        more = !iface_arm() || (channel_has_room(app) && !consumer_arm(&app->commands));
    }
    if (!more && sock_later_urgent()) {
        more = TURN_SOON;
    }
    ctl->more = (uint32_t)more;
    ctl->next_timer = more ? 0 : timers_next(now);
    if (sock_later_any() && ctl->next_timer > LATER) {
        ctl->next_timer = LATER;
    }
    return more;
}
