/* SPDX-License-Identifier: MIT */
/* command.c - what threads ask of the stack: the table of commands
 *
 * Theory of operation
 *
 * A command is a record of a channel's command ring (core/abi.h). The table has its size, the threads
 * that may send it, and the function that carries it out. A record that does not fit its row is counted
 * in `bad` and answered with ABI_EINVAL. Rings are
 * input: a record is copied before it is looked at, since JS may write the ring at any time.
 *
 * Commands are taken only while the event ring has room for an answer. So an answer is never lost, and
 * JS that does not read its events is not served; the stack goes on.
 */
#include "command.h"

#include "change.h"
#include "channel.h"
#include "iface/address.h"
#include "iface/bridge.h"
#include "iface/iface.h"
#include "iface/route.h"
#include "iface/table.h"
#include "lwip_port.h"
#include "sock/protocol.h"
#include "sock/sock_event.h"

#define COMMANDS_A_TURN 256u

/* Which threads may send a command. The app may send any. */
enum sender {
    APP,         /* the app alone */
    SOCK_OWNER,  /* the thread that has the connection, too */
    IFACE_OWNER, /* the thread that has the interface, too */
    ANYONE,
};

/* A row of the table. Its function returns 0 or a negative code and writes handle and offset of the answer;
   ADDRESS_LATER: another function will write the answer. */
struct row {
    uint8_t size; /* 0: there is no such command */
    uint8_t sender;
};

/**
 * add_iface() - CMD_IFACE_ADD
 * @from: channel it came on
 * @cmd: command
 * @answer: set to the interface
 *
 * Return: 0 or a negative code
 */
static int add_iface(struct channel *from, const struct cmd *cmd, struct event *answer)
{
    (void)from;
    return iface_add((const struct cmd_iface *)cmd, &answer->handle, &answer->offset);
}

/**
 * iface_command() - CMD_IFACE_REMOVE, CMD_IFACE_WIRE
 * @from: channel it came on
 * @cmd: command
 * @answer: set to the interface
 *
 * Return: 0 or a negative code
 */
static int iface_command(struct channel *from, const struct cmd *cmd, struct event *answer)
{
    (void)from;
    answer->handle = cmd->handle;
    return cmd->op == CMD_IFACE_REMOVE ? change_remove(cmd->handle)
                                       : iface_wire(cmd->handle, cmd->value);
}

/**
 * change() - CMD_CHANGE
 * @from: channel it came on
 * @cmd: command
 * @answer: left alone
 *
 * Return: as change_interface()
 */
static int change(struct channel *from, const struct cmd *cmd, struct event *answer)
{
    (void)from;
    (void)answer;
    return change_interface((const struct cmd_change *)cmd);
}

/**
 * route() - CMD_ROUTE
 * @from: channel it came on
 * @cmd: command
 * @answer: set to the entries that were asked for
 *
 * Return: 0 or a negative code
 */
static int route(struct channel *from, const struct cmd *cmd, struct event *answer)
{
    const struct cmd_route *c = (const struct cmd_route *)cmd;
    struct ringif *ifc = iface_get(cmd->handle);

    (void)from;
    switch (cmd->value) {
    case ROUTE_ADD:
        return ifc ? route_add(ifc, c) : ABI_ENODEV;
    case ROUTE_REMOVE:
        route_unlink(NULL, c->number, NULL);
        return 0;
    default:
        return table_answer(c, answer);
    }
}

/**
 * bridge() - CMD_BRIDGE
 * @from: channel it came on
 * @cmd: command
 * @answer: set to the port
 *
 * Return: 0 or a negative code
 */
static int bridge(struct channel *from, const struct cmd *cmd, struct event *answer)
{
    (void)from;
    return bridge_command((const struct cmd_bridge *)cmd, &answer->offset);
}

/**
 * open_sock() - CMD_OPEN
 * @from: channel it came on
 * @cmd: command
 * @answer: set to the socket
 *
 * Return: 0 or a negative code
 */
static int open_sock(struct channel *from, const struct cmd *cmd, struct event *answer)
{
    struct sock *s = NULL;
    int err = sock_open((const struct cmd_socket *)cmd, &s);

    (void)from;
    if (err == 0) {
        answer->handle = s->pub.handle;
        answer->offset = offset_of(&s->pub);
    }
    return err;
}

/**
 * own_sock() - The socket of a command
 * @from: channel it came on
 * @cmd: command
 *
 * Return: socket, or NULL: there is none, or another thread has it
 */
static struct sock *own_sock(const struct channel *from, const struct cmd *cmd)
{
    struct sock *s = sock_get(cmd->handle);

    return s && s->channel == from ? s : NULL;
}

/**
 * sock_command() - A command about a socket there is
 * @from: channel it came on
 * @cmd: command
 * @answer: left alone
 *
 * Return: 0, ABI_EBADF: the thread has no socket of that handle
 */
static int sock_command(struct channel *from, const struct cmd *cmd, struct event *answer)
{
    struct sock *s = own_sock(from, cmd);
    void (*run)(struct sock *) = NULL;

    (void)answer;
    if (!s) {
        return ABI_EBADF;
    }
    switch (cmd->op) {
    case CMD_ACCEPTED:
        run = s->ops->accepted;
        break;
    case CMD_KICK:
        run = s->ops->kick;
        break;
    case CMD_SHUTDOWN:
        run = s->ops->shutdown;
        break;
    case CMD_DISCARD:
        run = s->ops->discard;
        break;
    case CMD_CLOSE:
        run = s->ops->close;
        break;
    case CMD_ABORT:
        s->ops->abort(s, ABI_ECONNABORTED);
        break;
    case CMD_RELEASE:
        if (from != channel_app()) {
            /* It may outlive the channel. */
            sock_event_move(s, channel_app());
        }
        run = s->ops->release;
        break;
    default:
        break;
    }
    if (run) {
        run(s);
    }
    return 0;
}

/**
 * set_option() - CMD_SET_OPTION
 * @from: channel it came on
 * @cmd: command
 * @answer: left alone
 *
 * Return: 0, ABI_EBADF, ABI_EINVAL: no option of that number, or another error of the protocol
 */
static int set_option(struct channel *from, const struct cmd *cmd, struct event *answer)
{
    struct sock *s = own_sock(from, cmd);

    (void)answer;
    if (!s) {
        return ABI_EBADF;
    }
    return s->ops->set_option(s, ((const struct cmd_option *)cmd)->option, cmd->value);
}

/**
 * member() - CMD_JOIN, CMD_LEAVE
 * @from: channel it came on
 * @cmd: command
 * @answer: left alone
 *
 * Return: 0, ABI_EBADF, ABI_EINVAL: it has no groups, or what the protocol says
 */
static int member(struct channel *from, const struct cmd *cmd, struct event *answer)
{
    struct sock *s = own_sock(from, cmd);

    (void)answer;
    if (!s) {
        return ABI_EBADF;
    }
    return s->ops->member ? s->ops->member(s, (const struct cmd_group *)cmd) : ABI_EINVAL;
}

/**
 * take_back() - Take the object of a channel back and free the channel
 * @c: channel, not the app's; its thread uses neither channel nor object any more, or there is none
 */
static void take_back(struct channel *c)
{
    struct sock *s = sock_get(c->sock);

    if (s) {
        /* Its thread has not released it, and no other thread will have it. */
        sock_event_move(s, channel_app());
        s->ops->abort(s, ABI_ECONNABORTED);
        s->ops->release(s);
    }
    iface_share(c->iface, 0);
    channel_free(c);
}

/**
 * share() - CMD_SHARE_SOCK, CMD_SHARE_IFACE: give an object a channel of its own
 * @from: channel it came on, of the thread that has the object
 * @cmd: command
 * @answer: set to key and offset of the channel
 *
 * Return: 0 or a negative code
 */
static int share(struct channel *from, const struct cmd *cmd, struct event *answer)
{
    struct channel *c = channel_open();
    int err = 0;

    if (!c) {
        return ABI_ENOMEM;
    }
    if (cmd->op == CMD_SHARE_IFACE) {
        err = iface_share(cmd->handle, offset_of(c->pub));
        c->iface = cmd->handle;
    } else {
        struct sock *s = own_sock(from, cmd);

        if (s && s->ops->can_share) {
            sock_event_move(s, c);
        } else {
            err = ABI_EBADF;
        }
        c->sock = cmd->handle;
    }
    if (err) {
        channel_free(c);
        return err;
    }
    from->sock = from->iface = 0;
    answer->handle = c->pub->key;
    answer->offset = offset_of(c->pub);
    return 0;
}

/**
 * recall() - CMD_RECALL: ask for what was handed to other threads
 * @from: channel it came on
 * @cmd: command
 * @answer: left alone
 *
 * Return: 0
 */
static int recall(struct channel *from, const struct cmd *cmd, struct event *answer)
{
    struct channel *c, *next;

    (void)from;
    (void)answer;
    for (c = channel_next(NULL); c; c = next) {
        next = channel_next(c);
        if ((!cmd->handle || c->iface == cmd->handle) && channel_recall(c)) {
            take_back(c);
        }
    }
    return 0;
}

/**
 * synchronize() - CMD_SYNC: nothing but the answer
 * @from: channel it came on
 * @cmd: command
 * @answer: left alone
 *
 * Return: 0
 */
static int synchronize(struct channel *from, const struct cmd *cmd, struct event *answer)
{
    (void)from;
    (void)cmd;
    (void)answer;
    return 0;
}

/**
 * finish() - CMD_FINISH: connections that are closing, released ones included
 * @from: channel it came on
 * @cmd: command
 * @answer: gets the number
 *
 * Return: 0
 */
static int finish(struct channel *from, const struct cmd *cmd, struct event *answer)
{
    (void)from;
    answer->handle = protocol_finish((int)cmd->value);
    return 0;
}

/* ROW(command, its record, threads that may send it, what carries it out) */
#define COMMANDS(ROW)                                                                              \
    ROW(CMD_IFACE_ADD, cmd_iface, APP, add_iface)                                                  \
    ROW(CMD_IFACE_REMOVE, cmd, APP, iface_command)                                                 \
    ROW(CMD_IFACE_WIRE, cmd, IFACE_OWNER, iface_command)                                           \
    ROW(CMD_OPEN, cmd_socket, APP, open_sock)                                                      \
    ROW(CMD_ACCEPTED, cmd, SOCK_OWNER, sock_command)                                               \
    ROW(CMD_KICK, cmd, SOCK_OWNER, sock_command)                                                   \
    ROW(CMD_SHUTDOWN, cmd, SOCK_OWNER, sock_command)                                               \
    ROW(CMD_DISCARD, cmd, SOCK_OWNER, sock_command)                                                \
    ROW(CMD_CLOSE, cmd, SOCK_OWNER, sock_command)                                                  \
    ROW(CMD_ABORT, cmd, SOCK_OWNER, sock_command)                                                  \
    ROW(CMD_RELEASE, cmd, SOCK_OWNER, sock_command)                                                \
    ROW(CMD_SET_OPTION, cmd_option, SOCK_OWNER, set_option)                                        \
    ROW(CMD_JOIN, cmd_group, SOCK_OWNER, member)                                                   \
    ROW(CMD_LEAVE, cmd_group, SOCK_OWNER, member)                                                  \
    ROW(CMD_SHARE_SOCK, cmd, SOCK_OWNER, share)                                                    \
    ROW(CMD_SHARE_IFACE, cmd, IFACE_OWNER, share)                                                  \
    ROW(CMD_RECALL, cmd, APP, recall)                                                              \
    ROW(CMD_SYNC, cmd, ANYONE, synchronize)                                                        \
    ROW(CMD_CHANGE, cmd_change, APP, change)                                                       \
    ROW(CMD_ROUTE, cmd_route, APP, route)                                                          \
    ROW(CMD_BRIDGE, cmd_bridge, APP, bridge)                                                       \
    ROW(CMD_FINISH, cmd, APP, finish)

static const struct row commands[] = {
#define AS_ROW(op, record, threads, run) [op] = { sizeof(struct record), threads },
    COMMANDS(AS_ROW)
};

/**
 * carry_out() - Call the function of a command
 * @from: channel it came on
 * @cmd: command
 * @answer: see the functions
 *
 * A switch: in a table each pointer to a function would be an instruction of the module's start.
 *
 * Return: 0 or a negative code
 */
static int carry_out(struct channel *from, const struct cmd *cmd, struct event *answer)
{
    switch (cmd->op) {
#define AS_CASE(op, record, threads, run)                                                          \
    case op:                                                                                       \
        return run(from, cmd, answer);
        /* Rows may share a function. NOLINTNEXTLINE(bugprone-branch-clone) */
        COMMANDS(AS_CASE)
    default:
        return ABI_EINVAL;
    }
}

/* A record of any kind. */
union record {
    struct cmd cmd;
    struct cmd_iface iface;
    struct cmd_socket socket;
    struct cmd_option option;
    struct cmd_group group;
    struct cmd_change change;
    struct cmd_route route;
    struct cmd_bridge bridge;
};

/**
 * may_send() - Whether a thread may send a command
 * @c: its channel
 * @cmd: command
 * @sender: which threads may send it
 *
 * Return: 1 if so
 */
static int may_send(const struct channel *c, const struct cmd *cmd, uint32_t sender)
{
    return c == channel_app() || sender == ANYONE ||
           (sender == SOCK_OWNER && cmd->handle == c->sock) ||
           (sender == IFACE_OWNER && cmd->handle == c->iface);
}

/**
 * run_command() - Carry out one command and answer it
 * @from: channel it came on
 * @record: its bytes
 */
static void run_command(struct channel *from, const struct span *record)
{
    struct event answer = { .kind = EVENT_RESULT, .error = ABI_EINVAL };
    const struct row *row = commands;
    union record c;
    int is_answered = 1;

    c.cmd = (struct cmd){ 0 };
    if (record->length >= sizeof(c.cmd)) {
        c.cmd = *(const struct cmd *)(const void *)record->data;
    } else {
        /* Too short to be carried out; its id may be there to answer to */
        __builtin_memcpy(&c.cmd, record->data, record->length);
    }
    if (c.cmd.op < sizeof(commands) / sizeof(commands[0])) {
        row = &commands[c.cmd.op];
    }
    if (row->size && record->length == row->size && may_send(from, &c.cmd, row->sender)) {
        if (row->size > sizeof(c.cmd)) {
            __builtin_memcpy((uint8_t *)&c + sizeof(c.cmd), record->data + sizeof(c.cmd),
                             row->size - sizeof(c.cmd));
        }
        answer.error = carry_out(from, &c.cmd, &answer);
        is_answered = c.cmd.id != 0 && answer.error != ADDRESS_LATER;
    } else {
        from->pub->commands.bad++;
    }
    answer.id = c.cmd.id;
    if (is_answered && channel_write(from, &answer) == 0) {
        channel_tell(from);
    }
}

/**
 * run_channel() - Carry out what a thread has submitted
 * @c: its channel
 * @released: it reads no answers any more: they may be lost
 *
 * Return: 1 if commands are left for which there was no budget
 */
static int run_channel(struct channel *c, int released)
{
    uint32_t left = COMMANDS_A_TURN;
    struct span record;
    int more = 1;

    while (more && left-- && (released || channel_has_room(c))) {
        if (frame_peek(&c->commands, c->pub->commands.size[0], &record) != 0) {
            more = 0;
        } else {
            run_command(c, &record);
            frame_release(&c->commands);
        }
    }
    consumer_notify(&c->commands);
    return more && channel_has_room(c);
}

/**
 * command_run() - Carry out what all threads have submitted
 *
 * Return: 1 if commands of the app are left for another turn
 */
int command_run(void)
{
    int more = run_channel(channel_app(), 0), released;
    struct channel *c;

    while ((c = channel_take_pending(&released))) {
        run_channel(c, released);
        if (released) {
            take_back(c);
        }
    }
    return more;
}

/**
 * command_arm() - Ask to be notified of the app's commands
 *
 * Return: 1 if there is none that could be carried out: the engine may sleep
 */
int command_arm(void)
{
    struct channel *app = channel_app();

    return !channel_has_room(app) || consumer_arm(&app->commands);
}

/**
 * command_end() - The stack closes: take back what other threads have, and remove all interfaces
 */
void command_end(void)
{
    struct ringif *ifc;
    struct channel *c;

    while ((c = channel_next(NULL))) {
        take_back(c);
    }
    protocol_end();
    while ((ifc = iface_next(NULL))) {
        change_remove(ifc->pub->handle);
    }
}
