/* SPDX-License-Identifier: MIT */
/* channel.c - channels: the command and event rings of each thread
 *
 * Theory of operation
 *
 * A channel is a command ring, an event ring and a doorbell. The app's channel is part of the control
 * block and is looked at in every turn. A command CMD_SHARE_* hands an object to another thread and
 * makes a channel for it, one per object, each in one page of the arena:
 *
 * | state    | changed by, to                         | the thread may          | C may              |
 * |----------|----------------------------------------|-------------------------|--------------------|
 * | OFFERED  | a thread to ATTACHED, C to RECALLED    | attach it, once         | free it (RECALLED) |
 * | ATTACHED | C to RECALLED, the thread to RELEASED  | use its object          | write events       |
 * | RECALLED | the thread to RELEASED                 | finish with its object  | wait               |
 * | RELEASED | C frees the channel                    | nothing                 | free it            |
 *
 * When a thread releases its channel, an interface goes back to the app; a connection that was not
 * released is reset. An attached channel is not freed before the thread releases it, and neither is
 * the memory of its object. So no thread writes into memory that was freed.
 *
 * There may be thousands of channels, and a turn must not look at each. After a thread has submitted
 * commands it sets CHANNEL_PENDING. If the bit was clear, it pushes the channel on ctl.pending and
 * notifies the engine. C takes the whole list with one exchange and clears each CHANNEL_PENDING before
 * it reads the commands. A thread that finds the bit set submitted before C clears it, so C sees the
 * command; all four accesses are sequentially consistent. The bit is in the state word so that a thread
 * can release the channel and set the bit in one step: after that the channel may be gone.
 */
#include "channel.h"

#include "doorbell.h"
#include "mem/heap.h"
#include "util/random.h"

#define APP_RING 65536u
#define CHANNEL_RING 1024u
#define INDEX_MOST 65535u
/* Room that one event takes. */
#define ANSWER (FRAME_HEADER + sizeof(struct event))

_Static_assert(sizeof(struct abi_channel) + 2 * CHANNEL_RING <= ARENA_PAGE,
               "a channel is one page");

static struct stack_ctl *ctl;
static struct channel app;
static struct channel **channels; /* by index - 1; grows by doubling */
static uint32_t channels_size, channels_used;
static struct list telling = LIST_INIT(telling); /* channels with events to write */
static uint32_t
    pending_next; /* index of the next of the channels that were taken off ctl.pending */

/**
 * set_up() - Set up the rings and doorbells of a channel
 * @c: its channel
 * @pub: zeroed channel
 * @commands: storage of the command ring
 * @events: storage of the event ring
 * @size: of each, bytes
 */
static void set_up(struct channel *c, struct abi_channel *pub, uint32_t commands, uint32_t events,
                   uint32_t size)
{
    c->pub = pub;
    pub->engine_doorbell = offset_of(&ctl->doorbell);
    pub->pending_list = offset_of(&ctl->pending);
    ring_init(&pub->commands, commands, size, 0);
    ring_init(&pub->events, events, size, 0);
    pub->commands.data_doorbell = pub->events.room_doorbell = pub->engine_doorbell;
    pub->commands.room_doorbell = pub->events.data_doorbell = offset_of(&pub->doorbell);
    consumer_init(&c->commands, &pub->commands);
    producer_init(&c->events, &pub->events);
    list_init(&c->sockets);
}

/**
 * channel_setup() - Set up the app's channel
 * @stack: zeroed control block with its owner filled in
 *
 * Return: 0 or ABI_ENOMEM
 */
int channel_setup(struct stack_ctl *stack)
{
    uint32_t in = arena_alloc(APP_RING, stack->owner);
    uint32_t out = arena_alloc(APP_RING, stack->owner);

    if (!in || !out) {
        arena_free(in);
        arena_free(out);
        return ABI_ENOMEM;
    }
    ctl = stack;
    doorbell_setup(ctl);
    set_up(&app, &ctl->app, in, out, APP_RING);
    return 0;
}

/**
 * channel_close() - Give everything back; no thread uses a channel any more
 */
void channel_close(void)
{
    struct channel *c;

    while ((c = channel_next(NULL))) {
        channel_free(c);
    }
    heap_free(channels);
    channels = NULL;
    channels_size = 0;
    list_remove(&app.telling);
    arena_free(ctl->app.commands.buf[0]);
    arena_free(ctl->app.events.buf[0]);
}

/**
 * channel_app() - The channel of the app
 *
 * Return: channel, always the same
 */
struct channel *channel_app(void)
{
    return &app;
}

/**
 * take_index() - find a free index in the table
 *
 * Return: index, 0: no memory, or as many channels as there can be
 */
static uint32_t take_index(void)
{
    uint32_t i, size = channels_size ? 2 * channels_size : 16;
    struct channel **larger;

    for (i = channels_used < channels_size ? 0 : channels_size; i < channels_size; i++) {
        if (!channels[i]) {
            return i + 1;
        }
    }
    if (channels_size >= INDEX_MOST) {
        return 0;
    }
    larger = heap_calloc(size, sizeof(struct channel *));
    if (!larger) {
        return 0;
    }
    if (channels) {
        __builtin_memcpy(larger, channels, channels_size * sizeof(struct channel *));
    }
    heap_free(channels);
    channels = larger;
    i = channels_size;
    channels_size = size;
    return i + 1;
}

/**
 * channel_open() - Make a channel for a thread that will attach it
 *
 * Return: channel, or NULL: out of memory
 */
struct channel *channel_open(void)
{
    uint32_t index = take_index();
    uint32_t offset = index ? arena_alloc(ARENA_PAGE, ctl->owner) : 0;
    struct channel *c = offset ? heap_calloc(1, sizeof(*c)) : NULL;
    uint32_t storage = offset + (uint32_t)sizeof(struct abi_channel);

    if (!c) {
        arena_free(offset);
        return NULL;
    }
    __builtin_memset(at(offset), 0, sizeof(struct abi_channel));
    set_up(c, at(offset), storage, storage + CHANNEL_RING, CHANNEL_RING);
    c->pub->index = index;
    c->pub->key = random_u32();
    c->pub->next_channel = ctl->first_channel;
    ctl->first_channel = offset;
    ctl->channels++;
    atomic_store_explicit(&c->pub->state, CHANNEL_OFFERED,
                          memory_order_release); /* after all that */
    channels[index - 1] = c;
    channels_used++;
    return c;
}

/**
 * channel_free() - Free a channel that no thread uses (any more)
 * @c: its channel, not the app's; no socket and no interface is on it
 */
void channel_free(struct channel *c)
{
    uint32_t *link = &ctl->first_channel;
    struct abi_channel *channel;

    list_remove(&c->telling);
    while ((channel = at(*link)) != c->pub) {
        link = &channel->next_channel;
    }
    *link = c->pub->next_channel;
    /* A thread that still has the handle finds another key. */
    c->pub->key = 0;
    channels[c->pub->index - 1] = NULL;
    channels_used--;
    ctl->channels--;
    arena_free(offset_of(c->pub));
    heap_free(c);
    /* The app may wait for this. */
    doorbell_ring(offset_of(&ctl->app.doorbell));
}

/**
 * channel_next() - Go through all channels but the app's
 * @after: the last one, NULL to begin
 *
 * Return: channel, or NULL: that was the last
 */
struct channel *channel_next(const struct channel *after)
{
    uint32_t i = after ? after->pub->index : 0;

    for (; i < channels_size; i++) {
        if (channels[i]) {
            return channels[i];
        }
    }
    return NULL;
}

/**
 * channel_take_pending() - The next channel whose thread has sent commands
 * @released: set to 1 if the thread has released it after its last command, else to 0
 *
 * Return: channel, or NULL: none. The list is input: an index of nothing, or of a channel that
 * was not pushed, ends it
 */
struct channel *channel_take_pending(int *released)
{
    uint32_t index = pending_next, state;
    struct channel *c;

    if (!index) {
        index = atomic_load_explicit(&ctl->pending, memory_order_relaxed); /* exchanged below */
        if (!index) {
            return NULL;
        }
        index = atomic_exchange(&ctl->pending, 0);
    }
    pending_next = 0;
    if (index == 0 || index > channels_size || !channels[index - 1]) {
        return NULL;
    }
    c = channels[index - 1];
    pending_next = atomic_load_explicit(&c->pub->next, memory_order_relaxed); /* before the push */
    state = atomic_fetch_and(&c->pub->state, ~CHANNEL_PENDING); /* before the commands */
    if (!(state & CHANNEL_PENDING)) {
        /* It was not pushed: a list that goes in a circle would never end. */
        pending_next = 0;
        return NULL;
    }
    *released = (state & ~CHANNEL_PENDING) == CHANNEL_RELEASED;
    return c;
}

/**
 * channel_has_room() - Whether the event ring takes an answer, with room to spare for a wrap
 * @c: channel
 *
 * Return: 1 if so
 */
int channel_has_room(struct channel *c)
{
    uint32_t most = c->pub->events.size[0] - 2 * (uint32_t)ANSWER;

    if (c->events.tail - c->events.head > most) {
        producer_refresh(&c->events);
    }
    return c->events.tail - c->events.head <= most;
}

/**
 * channel_write() - Write one event
 * @c: channel
 * @event: the event
 *
 * Return: 0, ABI_EAGAIN: no room now
 */
int channel_write(struct channel *c, const struct event *event)
{
    uint8_t *to;
    int err = frame_reserve(&c->events, sizeof(*event), &to);

    if (err == 0) {
        __builtin_memcpy(to, event, sizeof(*event));
        frame_submit(&c->events, sizeof(*event));
    }
    return err;
}

/**
 * channel_tell() - Note that a channel has events, written or to be written
 * @c: channel
 */
void channel_tell(struct channel *c)
{
    list_add(&telling, &c->telling);
}

/**
 * channel_flush() - Write and notify all events there are
 * @write_events: writes the events of the sockets of a channel; returns 1 if all were written
 *
 * Return: 1 if room for the rest has come by now: another turn is due
 */
int channel_flush(int (*write_events)(struct channel *c))
{
    struct list *member, *next;
    int more = 0;

    for (member = telling.next; member != &telling; member = next) {
        struct channel *c = LIST_ENTRY(member, struct channel, telling);
        int all = write_events(c);

        next = member->next;
        if (!all || !channel_has_room(c)) {
            more |= !producer_arm(&c->events, c->events.head);
        }
        producer_notify(&c->events);
        if (all) {
            list_remove(member);
        }
    }
    return more;
}

/**
 * channel_recall() - Ask for a channel back
 * @c: channel, not the app's
 *
 * Return: 1 if no thread has attached it: it may be freed now; 0: its thread is asked to release it
 */
int channel_recall(struct channel *c)
{
    uint32_t state = CHANNEL_OFFERED;

    if (atomic_compare_exchange_strong(&c->pub->state, &state, CHANNEL_RECALLED)) {
        return 1;
    }
    while ((state & ~CHANNEL_PENDING) == CHANNEL_ATTACHED) {
        if (atomic_compare_exchange_strong(&c->pub->state, &state,
                                           CHANNEL_RECALLED | (state & CHANNEL_PENDING))) {
            doorbell_ring(offset_of(&c->pub->doorbell));
            break;
        }
    }
    return 0;
}
