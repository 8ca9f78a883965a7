/* SPDX-License-Identifier: MIT */
/* fuzz_rings.c - target: the words and the bytes of rings, as a thread that means harm writes them
 *
 * A record writes a word that is the other side's, or bytes into the storage. The rings are those of the hostile
 * interface and of its sockets; or, as the first record says, those of commands and events, too. Words that C alone writes
 * (storage, sizes, doorbells) stay as they are: a thread that writes these can write all of the arena.
 */
#include "hosts.h"

#define TURNS 40u

static struct ring *fuzz_rings[20];
static uint8_t ring_is_input[20]; /* C is its consumer */
static uint32_t ring_count;
static uint32_t channel_too;

uint32_t target_arena(void)
{
    return FUZZ_ARENA;
}

static void add_ring(struct ring *ring, int is_input)
{
    fuzz_rings[ring_count] = ring;
    ring_is_input[ring_count++] = (uint8_t)is_input;
}

void target_start(struct input *in)
{
    struct app *app = &fuzz_apps[5];
    uint32_t i;

    all_is_ours = 1;
    channel_too = pick(in, 2);
    start_hosts(IFACE_TUN);
    /* A connection that has sent and one that has received. */
    must(rig_accept(app) && rig_accept(app + 1));
    app->unchecked = app[1].unchecked = 1;
    say(app, 2000);
    rig_settle();
    add_ring(&tap->rx, 1);
    add_ring(&tap->tx, 0);
    for (i = 0; i < 7; i++) {
        add_ring(&fuzz_apps[i].pub->tx, 1);
        add_ring(&fuzz_apps[i].pub->rx, 0);
        fuzz_apps[i].listener = 1; /* the rig leaves its rings alone */
    }
    if (channel_too) {
        add_ring(&ctl->app.commands, 1);
        add_ring(&ctl->app.events, 0);
    }
}

/* value_in() - Near a position of the ring, or any */
static uint32_t value_in(struct input *in, const struct ring *ring)
{
    uint32_t choice = take8(in),
             near = choice & 1 ? atomic_load(&ring->tail) : atomic_load(&ring->head);

    switch (choice >> 1 & 3) {
    case 0:
        return take32(in);
    case 1:
        return near + ring->size[choice >> 7] - 8 + take8(in);
    case 2:
        return near + (uint32_t)(int16_t)take16(in);
    default:
        return near + (choice >> 3);
    }
}

/* word_in() - Write a word of the other side */
static void word_in(struct input *in, struct ring *ring, int is_input)
{
    uint32_t which = pick(in, 5), value = value_in(in, ring);

    if (is_input) {
        switch (which) {
        case 0:
        case 1:
            atomic_store(&ring->tail, value);
            break;
        case 2:
            atomic_store(&ring->room_threshold, value);
            break;
        case 3:
            atomic_store(&ring->gen, value);
            ring->switch_pos = value_in(in, ring);
            break;
        default:
            ring->want = value;
        }
        return;
    }
    switch (which) {
    case 0:
    case 1:
        atomic_store(&ring->head, value);
        break;
    case 2:
        atomic_store(&ring->data_threshold, value);
        break;
    case 3:
        atomic_store(&ring->cons_gen, value);
        break;
    default:
        atomic_store(&ring->gso_max_size, value);
    }
}

/* bytes_in() - Write the storage of a ring, near its tail or its head */
static void bytes_in(struct input *in, struct ring *ring)
{
    uint32_t slot = pick(in, 2), size = ring->size[slot], at_byte = value_in(in, ring),
             count = 1 + pick(in, 80);

    for (; size && count; count--) {
        *(uint8_t *)at(ring->buf[slot] + (at_byte++ & (size - 1))) = (uint8_t)take8(in);
    }
}

/* record_in() - A frame with a length of the record's choice at the tail, and the tail behind it */
static void record_in(struct input *in, struct ring *ring)
{
    uint32_t size = ring->size[0], tail = atomic_load(&ring->tail), i, choice = take8(in);
    uint32_t length = left(in) > 1 ? left(in) - 1 : 0, said = choice & 128 ? take32(in) : length;

    length = (length + 7) & ~7u;
    if (size < 4096 || tail & 7) {
        return;
    }
    for (i = 0; i < length; i++) {
        *(uint8_t *)at(ring->buf[0] + ((tail + 8 + i) & (size - 1))) = (uint8_t)take8(in);
    }
    memcpy(at(ring->buf[0] + (tail & (size - 1))), &said, 4);
    atomic_store(&ring->tail, tail + 8 + length);
}

static void turns(void)
{
    uint32_t i;

    if (!channel_too) {
        rig_settle();
        return;
    }
    for (i = 0; i < TURNS && rs_stack_turn(rig_now); i++) {
    }
}

void target_record(struct input *in)
{
    uint32_t kind = take8(in), n = pick(in, ring_count);
    struct app *app = &fuzz_apps[pick(in, 7)];

    switch (kind % 8) {
    case 0:
        rig_now += take8(in);
        break;
    case 1:
        if (!channel_too) {
            rig_cmd(kind & 128 ? CMD_SHUTDOWN : CMD_KICK, app->handle, 0);
        }
        break;
    case 2:
    case 3:
        record_in(in, fuzz_rings[n]);
        break;
    case 4:
        bytes_in(in, fuzz_rings[n]);
        break;
    default:
        word_in(in, fuzz_rings[n], ring_is_input[n]);
        if (kind & 128) {
            return; /* another word before the stack looks */
        }
    }
    turns();
}

void target_end(void)
{
    if (channel_too) {
        rs_stack_close();
        ck_assert_uint_eq(rs_arena_free_owner(rig_config.owner), 0);
        return;
    }
    end_hosts();
}
