/* SPDX-License-Identifier: MIT */
/* test_stack_memory.c - an arena that is used up: what waits, what is dropped and counted, what is shared */
#include "pair_rig.h"
#include "tap_rig.h"

#define HOARD 40000u

static void *hoarded[HOARD];
static uint32_t hoard_count, hoard_owner;

/**
 * take_all_pages() - Leave the arena nothing; the heap still has objects
 */
static void take_all_pages(void)
{
    if (!hoard_owner) {
        hoard_owner = rs_arena_new_owner();
    }
    while (arena_alloc(ARENA_PAGE, hoard_owner)) {
    }
}

/**
 * take_all_memory() - Leave the stack neither a page nor an object
 */
static void take_all_memory(void)
{
    static const uint32_t sizes[] = { 4032, 2048, 1536, 1024, 768, 576, 512, 384, 320,
                                      256,  192,  160,  128,  96,  64,  48,  32 };
    uint32_t i;
    void *mem;

    take_all_pages();
    for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        while ((mem = heap_malloc(sizes[i]))) {
            must(hoard_count < HOARD);
            hoarded[hoard_count++] = mem;
        }
    }
}

static void give_memory_back(void)
{
    while (hoard_count) {
        heap_free(hoarded[--hoard_count]);
    }
    rs_arena_free_owner(hoard_owner);
}

START_TEST(commands_without_memory_say_so_and_leave_nothing)
{
    struct cmd_iface iface = iface_command(IFACE_TUN, 1500, "10.0.0.1/24", NULL);
    uint32_t used;

    pair(65536);
    take_all_memory();
    used = heap_used();
    ck_assert_int_eq(rig_open(&client, socket_command(SOCK_TCP, "127.0.0.1", 80)), ABI_ENOMEM);
    ck_assert_int_eq(rig_open(&client, socket_command(SOCK_TCP_LISTENER, "127.0.0.1", 81)),
                     ABI_ENOMEM);
    ck_assert_int_eq(rig_call(&iface, sizeof(iface)), ABI_ENOMEM);
    ck_assert_uint_eq(heap_used(), used);
    ck_assert_uint_eq(ctl->stats.sockets, 3);
    give_memory_back();
    ck_assert_int_eq(rig_open(&client, socket_command(SOCK_TCP, "127.0.0.1", 80)), 0);
    rig_settle();
    ck_assert_uint_eq(client.bits, SOCK_OPEN);
}
END_TEST

START_TEST(first_segment_without_memory_comes_again)
{
    pair(65536);
    take_all_memory();
    say(&client, 3000);
    rig_pass(1000);
    ck_assert_uint_eq(server.read, 0);
    give_memory_back();
    ck_assert_int_eq(rig_until(all_read, 3000), 1);
    ck_assert_uint_eq(client.bits & SOCK_CLOSED, 0);
}
END_TEST

START_TEST(receive_ring_without_memory_drops_and_counts)
{
    pair(1u << 20);
    say(&client, 1);
    rig_until(all_read, 1000);
    take_all_pages();
    server.read_end = 1;
    say(&client, 30000);
    rig_pass(500);
    ck_assert_uint_gt(ctl->stats.no_memory_drops, 0);
    server.read_end = NO_LIMIT;
    server.can_read = 1;
    rs_arena_free_owner(hoard_owner);
    ck_assert_int_eq(rig_until(all_read, 10000), 1);
}
END_TEST

START_TEST(largest_ring_that_does_not_fit_gives_way_to_a_smaller_one)
{
    uint32_t hold;

    pair(4u << 20);
    say(&client, 10);
    ck_assert_int_eq(rig_until(all_read, 1000), 1);
    hold = arena_alloc(1u << 20, ARENA_OWNER_SHARED);
    take_all_pages();
    arena_free(hold);
    /* 1 MiB is left where the bound of the ring is 4 MiB. */
    say(&client, 500000);
    ck_assert_int_eq(rig_until(all_read, 5000), 1);
    rs_arena_free_owner(hoard_owner);
}
END_TEST

START_TEST(connections_that_are_many_share_the_memory)
{
    static struct app many[60];
    struct cmd_socket listen = socket_command(SOCK_TCP_LISTENER, "127.0.0.1", 80);
    struct cmd_socket connect = socket_command(SOCK_TCP, "127.0.0.1", 80);
    uint32_t i;

    /* Twice the arena, if each took all it may have. */
    listen.rx_max = connect.tx_max = 1u << 20;
    ck_assert_int_eq(rig_open(&listener, listen), 0);
    for (i = 0; i < 60; i += 2) {
        ck_assert_int_eq(rig_open(&many[i], connect), 0);
        rig_settle();
        ck_assert_int_eq(rig_accept(&many[i + 1]), 1);
        many[i + 1].read_end = 0;
    }
    for (i = 0; i < 60; i += 2) {
        say(&many[i], 100000);
    }
    rig_pass(1000);
    ck_assert_uint_eq(ctl->stats.no_memory_drops, 0);
    for (i = 1; i < 60; i += 2) {
        many[i].read_end = NO_LIMIT;
        many[i].can_read = 1;
    }
    rig_pass(1000);
    for (i = 1; i < 60; i += 2) {
        ck_assert_uint_eq(many[i].read, 100000);
    }
    ck_assert_uint_eq(ctl->stats.tcp_rexmit, 0);
}
END_TEST

START_TEST(connections_that_are_idle_take_no_share)
{
    static struct app many[200];
    struct ring *ring;
    uint32_t i;

    pair(1u << 20);
    for (i = 0; i < 200; i += 2) {
        ck_assert_int_eq(rig_open(&many[i], socket_command(SOCK_TCP, "127.0.0.1", 80)), 0);
        rig_settle();
        ck_assert_int_eq(rig_accept(&many[i + 1]), 1);
    }
    rig_pass(20000);
    server.read_end = 0;
    say(&client, 100000);
    rig_pass(100);
    ring = &server.pub->rx;
    ck_assert_uint_eq(ring->size[ring->offered & 1], 1u << 20);
    ck_assert_uint_eq(ctl->stats.no_memory_drops, 0);
}
END_TEST

START_TEST(stream_survives_any_number_of_shortages)
{
    uint64_t rng = mix64(test_seed + (uint64_t)_i);
    uint32_t i;

    pair(_i & 1 ? 1u << 20 : 20000);
    for (i = 0; i < 60; i++) {
        say(&client, rng_size(&rng, 300000));
        say(&server, rng_size(&rng, 300000));
        rig_pass(rng_below(&rng, 3));
        take_all_memory();
        rig_pass(rng_below(&rng, 2) ? rng_below(&rng, 100) : rng_below(&rng, 3000));
        ck_assert_uint_eq((client.bits | server.bits) & SOCK_CLOSED, 0);
        if (rng_below(&rng, 3) == 0) {
            /* The app goes on while there is no memory. */
            say(&client, rng_size(&rng, 100000));
            say(&server, rng_size(&rng, 10));
            rig_pass(rng_below(&rng, 200));
        }
        give_memory_back();
    }
    ck_assert_int_eq(rig_until(all_read, 200000), 1);
    client.shut_at_end = server.shut_at_end = 1;
    rig_pass(2000);
    ck_assert(app_closed(&client) && app_closed(&server));
    ck_assert_int_eq(client.error, 0);
    ck_assert_int_eq(server.error, 0);
}
END_TEST

START_TEST(bytes_and_end_given_while_there_is_no_memory_go_out_later)
{
    pair(65536);
    say(&client, 100);
    ck_assert_int_eq(rig_until(all_read, 1000), 1);
    rig_pass(30000);
    take_all_memory();
    /* Nothing is in flight, so no acknowledgement will ever call again. */
    say(&client, _i ? 0 : 1000);
    client.shut_at_end = 1;
    rig_pass(50);
    ck_assert_uint_eq(server.bits & SOCK_EOF, 0);
    give_memory_back();
    rig_pass(1000);
    ck_assert_uint_eq(server.read, client.write_end);
    ck_assert_uint_eq(server.bits & SOCK_EOF, SOCK_EOF);
}
END_TEST

START_TEST(connection_that_arrives_without_memory_fails_or_comes_late)
{
    int left = _i;

    ck_assert_int_eq(rig_open(&listener, socket_command(SOCK_TCP_LISTENER, "127.0.0.1", 80)), 0);
    take_all_memory();
    /* So many objects are left: one step of the handshake after the other lacks its own. */
    while (left-- && hoard_count) {
        heap_free(hoarded[--hoard_count]);
    }
    if (rig_open(&client, socket_command(SOCK_TCP, "127.0.0.1", 80)) == 0) {
        rig_pass(100);
        give_memory_back();
        rig_pass(20000);
        ck_assert_uint_ne(client.bits & (SOCK_OPEN | SOCK_CLOSED), 0);
        app_release(&client);
    }
    give_memory_back();
    while (rig_accept(&server)) {
        app_release(&server);
    }
    rig_pass(60000);
    ck_assert_uint_eq(ctl->stats.sockets, 1);
    ck_assert_uint_eq(ctl->stats.ring_bytes, 0);
}
END_TEST

START_TEST(payload_that_ends_a_handshake_without_memory_comes_again)
{
    static const uint8_t zeros[1000];
    struct peer peer = { .port = 5000, .stack_port = 80, .seq = NEAR_WRAP, .window = 0xffff };

    tap_start(IFACE_TAP, 1500, 1u << 18);
    ck_assert_int_eq(rig_open(&listener, socket_command(SOCK_TCP_LISTENER, "10.0.0.1", 80)), 0);
    peer_send(&peer, TCP_SYN_FLAG, NULL, 0);
    ck_assert_uint_eq(peer_listen(&peer), 1);
    take_all_pages();
    peer_send(&peer, TCP_ACK_FLAG, zeros, sizeof(zeros));
    ck_assert_uint_eq(peer_listen(&peer), 0);
    ck_assert_uint_eq(ctl->stats.no_memory_drops, 1);
    ck_assert_int_eq(rig_accept(&server), 0);
    give_memory_back();
    peer.seq -= sizeof(zeros);
    peer_send(&peer, TCP_ACK_FLAG, zeros, sizeof(zeros));
    rig_settle();
    ck_assert_int_eq(rig_accept(&server), 1);
    server.unchecked = 1;
    rig_settle();
    ck_assert_uint_eq(server.read, sizeof(zeros));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("stack_memory");
    TCase *memory = tcase_create("memory");

    tcase_add_checked_fixture(memory, setup, teardown);
    tcase_set_timeout(memory, 120);
    tcase_add_test(memory, commands_without_memory_say_so_and_leave_nothing);
    tcase_add_test(memory, first_segment_without_memory_comes_again);
    tcase_add_test(memory, receive_ring_without_memory_drops_and_counts);
    tcase_add_test(memory, largest_ring_that_does_not_fit_gives_way_to_a_smaller_one);
    tcase_add_test(memory, connections_that_are_many_share_the_memory);
    tcase_add_test(memory, connections_that_are_idle_take_no_share);
    tcase_add_loop_test(memory, stream_survives_any_number_of_shortages, 0, 8);
    tcase_add_loop_test(memory, bytes_and_end_given_while_there_is_no_memory_go_out_later, 0, 2);
    tcase_add_loop_test(memory, connection_that_arrives_without_memory_fails_or_comes_late, 0, 60);
    tcase_add_test(memory, payload_that_ends_a_handshake_without_memory_comes_again);
    suite_add_tcase(suite, memory);
    return run_suite(suite);
}
