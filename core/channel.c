/* SPDX-License-Identifier: MIT */
/* channel.c - control planes: the ports through which threads and C exchange commands and events
 *
 * Theory of operation
 *
 * The app's port is part of the control block and is looked at in every turn. Other ports come to be
 * when an object is handed to another thread (CMD_SHARE_*), one for each object, each in one page of
 * the arena:
 *
 * | state    | who changes it, to what                | the thread may              | C may              |
 * |----------|----------------------------------------|-----------------------------|--------------------|
 * | OFFERED  | a thread to ATTACHED, C to RECALLED    | attach it, once             | free it (RECALLED) |
 * | ATTACHED | C to RECALLED, the thread to RELEASED  | use its object              | tell it events     |
 * | RECALLED | the thread to RELEASED                 | finish with its object      | wait               |
 * | RELEASED | C frees the port                       | nothing                     | free it            |
 *
 * An object whose thread lets go goes back to the app (an interface) or is reset, if it was not released
 * (a connection). A port that a thread has attached is never freed before that, nor is what the
 * thread's object uses, whatever happens to it; so nobody writes into memory that is not theirs.
 *
 * There may be thousands of ports, and a turn must not look at each. A thread that has put commands
 * into its port sets PORT_RUNG, and if it was not set, pushes the port on ctl.rung and rings the
 * engine's bell; C takes the whole list with one exchange and clears each PORT_RUNG before it looks for
 * commands. Whoever submits and finds it set came before that clearing, so C sees the command; all
 * four accesses are sequentially consistent. The bit stands beside the state so that a thread can let
 * go and say so in one step: after it, the port may be gone.
 */
#include "channel.h"

#include "mem/heap.h"
#include "util/random.h"

#define APP_RING 65536u
#define PORT_RING 1024u
#define INDEX_MOST 65535u
/* Room an answer needs. */
#define ANSWER (FRAME_HEADER + sizeof(struct event))

_Static_assert(sizeof(struct port) + 2 * PORT_RING <= ARENA_PAGE, "a port is one page");

static struct stack_ctl *ctl;
static struct plane app;
static struct plane **planes; /* by index - 1; grows by doubling */
static uint32_t planes_size, planes_used;
static struct plane *telling_first;
static uint32_t rung_next; /* index of the next of the ports that were taken off ctl.rung */

/**
 * connect_port() - Set up the rings and bells of a port
 * @p: its plane
 * @pub: zeroed port
 * @commands: storage of the command ring
 * @events: storage of the event ring
 * @size: of each, bytes
 */
static void connect_port(struct plane *p, struct port *pub, uint32_t commands, uint32_t events,
                         uint32_t size)
{
    p->pub = pub;
    pub->engine_bell = place_of(&ctl->bell);
    pub->rung_list = place_of(&ctl->rung);
    ring_init(&pub->commands, commands, size, 0);
    ring_init(&pub->events, events, size, 0);
    pub->commands.data_bell = pub->events.room_bell = pub->engine_bell;
    pub->commands.room_bell = pub->events.data_bell = place_of(&pub->bell);
    consumer_init(&p->commands, &pub->commands);
    producer_init(&p->events, &pub->events);
}

/**
 * plane_setup() - Set up the app's port
 * @stack: zeroed control block with its owner filled in
 *
 * Return: 0 or ABI_ENOMEM
 */
int plane_setup(struct stack_ctl *stack)
{
    uint32_t in = arena_alloc(APP_RING, stack->owner);
    uint32_t out = arena_alloc(APP_RING, stack->owner);

    if (!in || !out) {
        arena_free(in);
        arena_free(out);
        return ABI_ENOMEM;
    }
    ctl = stack;
    bell_setup(&ctl->posts);
    connect_port(&app, &ctl->app, in, out, APP_RING);
    return 0;
}

/**
 * plane_close() - Give everything back; no thread uses a port any more
 */
void plane_close(void)
{
    struct plane *p;

    while ((p = plane_next(NULL))) {
        plane_free(p);
    }
    heap_free(planes);
    planes = NULL;
    planes_size = 0;
    telling_first = NULL;
    arena_free(ctl->app.commands.buf[0]);
    arena_free(ctl->app.events.buf[0]);
}

/**
 * plane_app() - The plane of the app
 *
 * Return: plane, always the same
 */
struct plane *plane_app(void)
{
    return &app;
}

/**
 * take_index() - Find a free place in the table
 *
 * Return: index, 0: no memory, or as many planes as there can be
 */
static uint32_t take_index(void)
{
    uint32_t i, size = planes_size ? 2 * planes_size : 16;
    struct plane **larger;

    for (i = planes_used < planes_size ? 0 : planes_size; i < planes_size; i++) {
        if (!planes[i]) {
            return i + 1;
        }
    }
    if (planes_size >= INDEX_MOST) {
        return 0;
    }
    larger = heap_calloc(size, sizeof(struct plane *));
    if (!larger) {
        return 0;
    }
    if (planes) {
        __builtin_memcpy(larger, planes, planes_size * sizeof(struct plane *));
    }
    heap_free(planes);
    planes = larger;
    i = planes_size;
    planes_size = size;
    return i + 1;
}

/**
 * plane_open() - Make a port for a thread that will attach it
 *
 * Return: plane, or NULL: out of memory
 */
struct plane *plane_open(void)
{
    uint32_t index = take_index();
    uint32_t place = index ? arena_alloc(ARENA_PAGE, ctl->owner) : 0;
    struct plane *p = place ? heap_calloc(1, sizeof(*p)) : NULL;
    uint32_t storage = place + (uint32_t)sizeof(struct port);

    if (!p) {
        arena_free(place);
        return NULL;
    }
    __builtin_memset(at(place), 0, sizeof(struct port));
    connect_port(p, at(place), storage, storage + PORT_RING, PORT_RING);
    p->pub->index = index;
    p->pub->key = random_u32();
    p->pub->next_port = ctl->first_port;
    ctl->first_port = place;
    ctl->ports++;
    atomic_store_explicit(&p->pub->state, PORT_OFFERED, memory_order_release); /* after all that */
    planes[index - 1] = p;
    planes_used++;
    return p;
}

/**
 * plane_free() - Free a port that no thread uses (any more)
 * @p: its plane, not the app's; no socket and no interface is on it
 */
void plane_free(struct plane *p)
{
    struct plane **telling = &telling_first;
    uint32_t *link = &ctl->first_port;
    struct port *port;

    while (*telling && *telling != p) {
        telling = &(*telling)->next_telling;
    }
    if (*telling) {
        *telling = p->next_telling;
    }
    while ((port = at(*link)) != p->pub) {
        link = &port->next_port;
    }
    *link = p->pub->next_port;
    /* A thread that has kept the handle finds another key, should it still look. */
    p->pub->key = 0;
    planes[p->pub->index - 1] = NULL;
    planes_used--;
    ctl->ports--;
    arena_free(place_of(p->pub));
    heap_free(p);
    /* The app may wait for that. */
    bell_ring(place_of(&ctl->app.bell));
}

/**
 * plane_next() - Go through all planes but the app's
 * @after: the last one, NULL to begin
 *
 * Return: plane, or NULL: that was the last
 */
struct plane *plane_next(const struct plane *after)
{
    uint32_t i = after ? after->pub->index : 0;

    for (; i < planes_size; i++) {
        if (planes[i]) {
            return planes[i];
        }
    }
    return NULL;
}

/**
 * plane_take_rung() - The next plane whose thread has sent commands
 * @released: set to 1 if it has let go after its last command, else to 0
 *
 * Return: plane, or NULL: none. What is on the list is input: an index of nothing, or of a port that
 * was not pushed, ends it
 */
struct plane *plane_take_rung(int *released)
{
    uint32_t index = rung_next, state;
    struct plane *p;

    if (!index) {
        index = atomic_load_explicit(&ctl->rung, memory_order_relaxed); /* exchanged below */
        if (!index) {
            return NULL;
        }
        index = atomic_exchange(&ctl->rung, 0);
    }
    rung_next = 0;
    if (index == 0 || index > planes_size || !planes[index - 1]) {
        return NULL;
    }
    p = planes[index - 1];
    rung_next = atomic_load_explicit(&p->pub->next, memory_order_relaxed); /* before the push */
    state = atomic_fetch_and(&p->pub->state, ~PORT_RUNG);                  /* before the commands */
    if (!(state & PORT_RUNG)) {
        /* Nobody pushed it: a list that goes round would never end. */
        rung_next = 0;
        return NULL;
    }
    *released = (state & ~PORT_RUNG) == PORT_RELEASED;
    return p;
}

/**
 * plane_has_room() - Whether the event ring takes an answer, with room to spare for a wrap
 * @p: plane
 *
 * Return: 1 if so
 */
int plane_has_room(struct plane *p)
{
    uint32_t most = p->pub->events.size[0] - 2 * (uint32_t)ANSWER;

    if (p->events.tail - p->events.head > most) {
        producer_refresh(&p->events);
    }
    return p->events.tail - p->events.head <= most;
}

/**
 * plane_tell() - Note that there is something to tell
 * @p: plane
 */
void plane_tell(struct plane *p)
{
    if (!p->telling) {
        p->telling = 1;
        p->next_telling = telling_first;
        telling_first = p;
    }
}

/**
 * plane_answer() - Tell a thread how a command ended; there is room (plane_has_room())
 * @p: its plane
 * @id: of the command
 * @error: 0 or a negative code
 * @handle: of what was made
 * @place: its struct
 */
void plane_answer(struct plane *p, uint32_t id, int error, uint32_t handle, uint32_t place)
{
    struct event event = {
        .kind = EVENT_RESULT, .id = id, .handle = handle, .place = place, .error = error
    };
    uint8_t *to;

    if (frame_reserve(&p->events, sizeof(event), &to) == 0) {
        __builtin_memcpy(to, &event, sizeof(event));
        frame_submit(&p->events, sizeof(event));
    }
    plane_tell(p);
}

/**
 * plane_flush() - Tell all threads what there is to tell
 * @tell: writes the events of the sockets of a plane; returns 1 if all were written
 *
 * Return: 1 if room for the rest has come meanwhile: another turn is due
 */
int plane_flush(int (*tell)(struct plane *p))
{
    struct plane **link = &telling_first, *p;
    int more = 0;

    while ((p = *link)) {
        int told = tell(p);

        if (!told || !plane_has_room(p)) {
            more |= !producer_arm(&p->events, p->events.head);
        }
        producer_notify(&p->events);
        if (told) {
            *link = p->next_telling;
            p->telling = 0;
        } else {
            link = &p->next_telling;
        }
    }
    return more;
}

/**
 * plane_recall() - Ask for a port back
 * @p: plane, not the app's
 *
 * Return: 1 if no thread has attached it: it may be freed now; 0: its thread was told
 */
int plane_recall(struct plane *p)
{
    uint32_t state = PORT_OFFERED;

    if (atomic_compare_exchange_strong(&p->pub->state, &state, PORT_RECALLED)) {
        return 1;
    }
    while ((state & ~PORT_RUNG) == PORT_ATTACHED) {
        if (atomic_compare_exchange_strong(&p->pub->state, &state,
                                           PORT_RECALLED | (state & PORT_RUNG))) {
            bell_ring(place_of(&p->pub->bell));
            break;
        }
    }
    return 0;
}
