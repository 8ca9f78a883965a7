/* SPDX-License-Identifier: MIT */
/* loop.c - one turn of the engine: commands, frames, timers, output, events
 *
 * Theory of operation
 *
 * Whoever owns the thread calls loop_turn() when the engine's bell rang, when the last turn left
 * work, or when ctl.next_timer has passed. A turn does a bounded amount of work: up to
 * COMMANDS_A_TURN commands and FRAMES_A_TURN frames of each interface, then reports whether there
 * is more. Two stacks on one thread thereby take turns while their data is still in the cache.
 *
 * Before it reports that nothing is left, it arms every ring it empties and looks once more, so
 * that the caller may sleep on the bell without losing a wake-up.
 *
 * Commands are taken only while the event ring has room for their answers: an answer is never
 * lost, and JS that does not read its events stops being served, not us from working.
 */
#include "loop.h"

#include "lwip/init.h"
#include "lwip/stats.h"

#include "heap.h"
#include "iface.h"
#include "lwip_port.h"
#include "ring.h"
#include "sock_tcp.h"
#include "timers.h"

#define COMMANDS_A_TURN 256u
#define FRAMES_A_TURN 64u
#define COMMAND_RING 65536u
#define EVENT_RING 65536u
/* When a socket that lacked memory is looked after again, ms. */
#define LATER 10u
/* How often quiet connections are looked for, ms; an idle stack turns for longer than they need. */
#define TRIM 1000.0
/* Room an answer needs. */
#define ANSWER (FRAME_HEADER + sizeof(struct event))

static struct stack_ctl *ctl;
static double trimmed;
static struct consumer commands;
static struct producer events;

/**
 * loop_setup() - Set up the control rings
 * @stack: zeroed control block with its owner filled in
 *
 * Return: 0 or ABI_ENOMEM
 */
int loop_setup(struct stack_ctl *stack)
{
    uint32_t in = arena_alloc(COMMAND_RING, stack->owner);
    uint32_t out = arena_alloc(EVENT_RING, stack->owner);

    if (!in || !out) {
        arena_free(in);
        arena_free(out);
        return ABI_ENOMEM;
    }
    ctl = stack;
    ring_init(&ctl->commands, in, COMMAND_RING, 0);
    ring_init(&ctl->events, out, EVENT_RING, 0);
    ctl->commands.data_bell = ctl->events.room_bell = place_of(&ctl->bell);
    ctl->commands.room_bell = ctl->events.data_bell = place_of(&ctl->app_bell);
    consumer_init(&commands, &ctl->commands);
    producer_init(&events, &ctl->events);
    ctl->next_timer = TIMER_NONE;
    return 0;
}

/**
 * close_sockets() - End and free all sockets of a kind
 * @kind: SOCK_*
 */
static void close_sockets(uint32_t kind)
{
    struct socket *s, *next;

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
 * loop_close() - Give back what loop_setup() and JS's leftovers took
 */
void loop_close(void)
{
    struct ringif *ifc;

    /* A listener that closes frees connections; they go first. */
    close_sockets(SOCK_STREAM);
    close_sockets(SOCK_LISTENER);
    tcp_sock_abort_orphans();
    while ((ifc = iface_next(NULL))) {
        tcp_sock_interface_remove(ifc->pub->handle);
    }
    timers_close();
    tcp_data_trim();
    sock_close();
    arena_free(ctl->commands.buf[0]);
    arena_free(ctl->events.buf[0]);
    heap_trim();
}

/**
 * answer() - Tell JS how a command ended; there is room (run_commands())
 * @id: of the command
 * @error: 0 or a negative code
 * @handle: of what was made
 * @place: its struct
 */
static void answer(uint32_t id, int error, uint32_t handle, uint32_t place)
{
    struct event event = {
        .kind = EVENT_RESULT, .id = id, .handle = handle, .place = place, .error = error
    };
    uint8_t *to;

    if (frame_reserve(&events, sizeof(event), &to) == 0) {
        __builtin_memcpy(to, &event, sizeof(event));
        frame_submit(&events, sizeof(event));
    }
}

/**
 * iface_command() - Carry out a command about an interface
 * @cmd: command, whole
 */
static void iface_command(const struct cmd_iface *cmd)
{
    uint32_t handle = cmd->cmd.handle, place = 0;
    int err;

    switch (cmd->cmd.op) {
    case CMD_IFACE_ADD:
        err = iface_add(cmd, &handle, &place);
        break;
    case CMD_IFACE_REMOVE:
        err = tcp_sock_interface_remove(handle);
        break;
    default:
        err = iface_wire(handle, cmd->cmd.value);
        break;
    }
    answer(cmd->cmd.id, err, handle, place);
}

/**
 * open_command() - Listen or connect
 * @cmd: command
 */
static void open_command(const struct cmd_socket *cmd)
{
    struct socket *s = NULL;
    int err = cmd->cmd.op == CMD_LISTEN ? tcp_sock_listen(cmd, &s) : tcp_sock_connect(cmd, &s);

    answer(cmd->cmd.id, err, s ? s->pub.handle : 0, s ? place_of(&s->pub) : 0);
}

/**
 * socket_command() - Carry out a command about a socket there is
 * @cmd: command
 */
static void socket_command(const struct cmd *cmd)
{
    struct socket *s = sock_get(cmd->handle);

    if (cmd->op < CMD_ACCEPTED || cmd->op > CMD_KEEPALIVE) {
        ctl->commands.bad++;
        return;
    }
    if (!s) {
        return;
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
 * run_command() - Carry out one command
 * @record: its bytes, copied: JS may write the ring at any time
 */
static void run_command(const struct span *record)
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
    if (record->length != need) {
        ctl->commands.bad++;
        answer(c.cmd.id, ABI_EINVAL, 0, 0);
    } else if (c.cmd.op == CMD_LISTEN || c.cmd.op == CMD_CONNECT) {
        open_command(&c.socket);
    } else if (c.cmd.op >= CMD_IFACE_ADD && c.cmd.op <= CMD_IFACE_WIRE) {
        iface_command(&c.iface);
    } else {
        socket_command(&c.cmd);
    }
}

/**
 * has_room() - Whether the event ring takes an answer, with room to spare for a wrap
 *
 * Return: 1 if so
 */
static int has_room(void)
{
    if (events.tail - events.head + 2 * ANSWER > EVENT_RING) {
        producer_refresh(&events);
    }
    return events.tail - events.head + 2 * ANSWER <= EVENT_RING;
}

/**
 * run_commands() - Carry out what JS has submitted
 *
 * Return: 1 if commands are left for which there was no budget or no room for answers
 */
static int run_commands(void)
{
    uint32_t left = COMMANDS_A_TURN;
    struct span record;

    while (left-- && has_room()) {
        if (frame_peek(&commands, COMMAND_RING, &record) != 0) {
            return 0;
        }
        run_command(&record);
        frame_release(&commands);
    }
    return has_room();
}

/**
 * publish() - Copy lwIP's counters to where JS sees them
 */
static void publish(void)
{
    struct stack_stats *to = &ctl->stats;

    to->tcp_rexmit = lwip_stats.mib2.tcpretranssegs;
    to->tcp_rx_segments = lwip_stats.tcp.recv;
    to->tcp_tx_segments = lwip_stats.tcp.xmit;
    to->checksum_errors = lwip_stats.tcp.chkerr + lwip_stats.ip.chkerr + lwip_stats.icmp.chkerr;
    to->input_drops = lwip_stats.ip.drop + lwip_stats.ip6.drop + lwip_stats.tcp.drop +
                      lwip_stats.icmp.drop + lwip_stats.icmp6.drop + lwip_stats.etharp.drop +
                      lwip_stats.link.drop;
    to->heap_bytes = heap_used();
}

/**
 * loop_turn() - Turn the engine once
 * @now: ms since some fixed moment, never going back
 *
 * Return: TURN_MORE: there is more to do at once; TURN_SOON: a last small segment waits, should the
 * app have no more for it in the next instant; TURN_IDLE: the caller may sleep for ctl.next_timer
 * ms or until the bell rings
 */
int loop_turn(double now)
{
    int more;

    port_set_time(now);
    timers_begin(now);
    ctl->stats.turns++;
    sock_begin();
    more = run_commands();
    tcp_sock_run();
    if (iface_retry()) {
        tcp_sock_retry();
    }
    more |= iface_poll(FRAMES_A_TURN);
    timers_run(now, more);
    if (now - trimmed >= TRIM) {
        trimmed = now;
        tcp_data_trim();
    }
    tcp_sock_run();
    iface_flush();
    publish();
    if (!sock_events_flush(&events) || !has_room()) {
        more |= !producer_arm(&events, events.head);
    }
    producer_notify(&events);
    consumer_notify(&commands);
    if (!more) {
        more = !iface_arm() || (has_room() && !consumer_arm(&commands));
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
