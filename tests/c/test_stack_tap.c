/* SPDX-License-Identifier: MIT */
/* test_stack_tap.c - a tap and a tun against a peer played by the test: ARP, TCP, fragments, room */
#include "tap_rig.h"

static struct app client, server, listener;
static struct peer peer;

static void setup(void)
{
    rig_start(64u << 20, 1000);
    peer = (struct peer){ .port = 80, .seq = NEAR_WRAP, .window = 0xffff };
}

static void teardown(void)
{
    rs_stack_close();
    ck_assert_uint_eq(rs_arena_free_owner(rig_config.owner), 0);
}

static int is_closed(void)
{
    return app_closed(&client);
}

static void connect_to_peer(void)
{
    ck_assert_int_eq(rig_open(&client, socket_command(SOCK_TCP, "10.0.0.2", 80)), 0);
    client.tx_seed = peer.got_seed = 11;
    client.rx_seed = 12;
}

/* --- Address resolution without an answer --------------------------------------------------------- */

START_TEST(connects_on_a_cold_cache_lose_no_syn)
{
    static uint8_t frame[FRAME_MOST];
    static struct app many[50];
    uint32_t i, length, syns = 0;

    tap_start(IFACE_TAP, 1500, 1u << 18);
    for (i = 0; i < 50; i++) {
        ck_assert_int_eq(rig_open(&many[i], socket_command(SOCK_TCP, "10.0.0.2", 80)), 0);
    }
    rig_settle();
    for (i = 0; i < 100; i++) {
        while ((length = tap_take(frame))) {
            if (!answer_arp(frame, length)) {
                syns += frame[14 + 9] == 6 && frame[14 + 20 + 13] == TCP_SYN_FLAG;
            }
        }
        rig_settle();
    }
    ck_assert_uint_eq(syns, 50);
}
END_TEST

START_TEST(host_that_does_not_answer_arp_is_unreachable)
{
    double start = rig_now;

    tap_start(IFACE_TAP, 1500, 1u << 18);
    tap->listening = _i == 0;
    tap->dropped = 0;
    connect_to_peer();
    ck_assert_int_eq(rig_until(is_closed, 60000), 1);
    ck_assert_int_eq(client.error, ABI_EHOSTUNREACH);
    ck_assert_double_gt(rig_now - start, 5000);
    ck_assert_double_lt(rig_now - start, 30000);
    ck_assert_uint_eq(tap->dropped > 0, _i == 1);
}
END_TEST

START_TEST(host_that_does_not_answer_tcp_times_out)
{
    double start = rig_now;

    tap_start(_i ? IFACE_TUN : IFACE_TAP, 1500, 1u << 18);
    connect_to_peer();
    while (!app_closed(&client) && rig_now < start + 60000) {
        peer_listen(&peer);
        rig_pass(100);
    }
    ck_assert_int_eq(client.error, ABI_ETIMEDOUT);
    ck_assert_double_gt(rig_now - start, 5000);
    ck_assert_double_lt(rig_now - start, 30000);
    ck_assert_uint_gt(peer.segments, 5);
}
END_TEST

START_TEST(established_connection_times_out_when_the_peer_falls_silent)
{
    double start;

    tap_start(IFACE_TUN, 1500, 1u << 18);
    connect_to_peer();
    peer_accept(&peer);
    client.write_end = 5000;
    client.can_write = 1;
    start = rig_now;
    while (!app_closed(&client) && rig_now < start + 1200000) {
        rig_pass(500);
        tap_drop_all();
    }
    ck_assert_int_eq(client.error, ABI_ETIMEDOUT);
    ck_assert_double_gt(rig_now - start, 10000);
    ck_assert_uint_gt(ctl->stats.tcp_rexmit, 5);
}
END_TEST

START_TEST(keepalive_finds_a_peer_that_is_gone)
{
    double start;

    tap_start(IFACE_TUN, 1500, 1u << 18);
    connect_to_peer();
    peer_accept(&peer);
    rig_option(OPTION_KEEPALIVE, client.handle, 60000);
    rig_pass(30000);
    tap_drop_all();
    start = rig_now;
    ck_assert_int_eq(rig_until(is_closed, 200000), 1);
    ck_assert_int_eq(client.error, ABI_ETIMEDOUT);
    ck_assert_double_gt(rig_now - start, 30000);
    ck_assert_double_lt(rig_now - start, 45000);
}
END_TEST

/* --- Before the connection is open ----------------------------------------------------------------- */

START_TEST(bytes_and_shutdown_before_the_connection_is_open_are_kept)
{
    tap_start(IFACE_TAP, 1500, 1u << 18);
    connect_to_peer();
    client.can_write = 1;
    client.write_end = 3000;
    client.shut_at_end = 1;
    app_write(&client);
    rig_settle();
    peer_accept(&peer);
    peer_send(&peer, TCP_ACK_FLAG, NULL, 0);
    peer_listen(&peer);
    peer_send(&peer, TCP_ACK_FLAG, NULL, 0);
    peer_listen(&peer);
    ck_assert_uint_eq(peer.got, 3000);
    ck_assert_uint_eq(peer.flags & TCP_FIN_FLAG, TCP_FIN_FLAG);
}
END_TEST

START_TEST(connection_given_up_before_it_opens_leaves_nothing)
{
    uint32_t used;

    tap_start(IFACE_TAP, 1500, 1u << 18);
    connect_to_peer();
    peer_listen(&peer);
    app_release(&client);
    rig_pass(30000);
    used = heap_used();
    connect_to_peer();
    if (_i & 1) {
        peer_listen(&peer);
    }
    if (_i & 2) {
        rig_cmd(CMD_ABORT, client.handle, 0);
        rig_settle();
        ck_assert_int_eq(client.error, ABI_ECONNABORTED);
    }
    app_release(&client);
    rig_settle();
    /* The answer comes too late. */
    peer_send(&peer, TCP_SYN_FLAG | TCP_ACK_FLAG, NULL, 0);
    rig_pass(30000);
    ck_assert_uint_eq(ctl->stats.sockets, 0);
    ck_assert_uint_eq(ctl->stats.ring_bytes, 0);
    /* The peer answers nothing any more, and is forgotten. */
    ck_assert_uint_le(heap_used(), used);
}
END_TEST

START_TEST(syns_beyond_the_backlog_are_not_answered)
{
    struct cmd_socket cmd = socket_command(SOCK_TCP_LISTENER, "0.0.0.0", 80);
    uint32_t i, used;

    tap_start(IFACE_TUN, 1500, 1u << 20);
    cmd.backlog = 5;
    ck_assert_int_eq(rig_open(&listener, cmd), 0);
    rig_settle();
    used = heap_used();
    for (i = 0; i < 5000; i++) {
        struct peer syn = {
            .port = (uint16_t)(1000 + i), .stack_port = 80, .seq = i, .window = 1000
        };

        peer_send(&syn, TCP_SYN_FLAG, NULL, 0);
        tap_drop_all();
    }
    ck_assert_uint_lt(heap_used(), used + 10000);
    /* The half-open ones are given up in time, and the next is welcome. */
    for (i = 0; i < 1000; i++) {
        rig_pass(100);
        tap_drop_all();
    }
    ck_assert_uint_eq(heap_used(), used);
    peer_connect(&peer, 999, 80);
    ck_assert_int_eq(rig_accept(&server), 1);
}
END_TEST

START_TEST(connections_not_accepted_count_for_the_backlog)
{
    struct cmd_socket cmd = socket_command(SOCK_TCP_LISTENER, "0.0.0.0", 80);
    uint32_t i, round;

    tap_start(IFACE_TUN, 1500, 1u << 20);
    cmd.backlog = _i ? 300 : 5;
    ck_assert_int_eq(rig_open(&listener, cmd), 0);
    rig_settle();
    for (round = 0; round < 3; round++) {
        for (i = 0; i < cmd.backlog; i++) {
            peer_connect(&peer, (uint16_t)(1000 + round * 1000 + i), 80);
        }
        ck_assert_uint_eq(rig_accept_count, cmd.backlog);
        peer = (struct peer){ .port = 999, .stack_port = 80, .window = 1000 };
        peer_send(&peer, TCP_SYN_FLAG, NULL, 0);
        ck_assert_uint_eq(peer_listen(&peer), 0);
        while (rig_accept(&server)) {
            /* Released without a word that it was accepted, or reset: it counts no longer. */
            rig_cmd(round ? CMD_ABORT : CMD_RELEASE, server.handle, 0);
            rig_settle();
            app_release(&server);
        }
        rig_pass(60000);
        tap_drop_all();
    }
}
END_TEST

/* --- Fragments ---------------------------------------------------------------------------------------- */

static uint8_t packet[65535];

/**
 * send_fragments() - Send a segment as IPv4 fragments
 * @length: bytes of data
 * @size: of each fragment, a multiple of 8
 * @order: 0: as they are, 1: backwards, 2: every other first, 3: the first is missing
 */
static void send_fragments(uint32_t length, uint32_t size, uint32_t order)
{
    static uint8_t frame[FRAME_MOST];
    static uint32_t id;
    uint32_t total, count, i;

    seeded_fill(client.rx_seed, peer.seq - NEAR_WRAP - 1, packet + 20, length);
    total = put_tcp(packet, &peer, TCP_ACK_FLAG, NULL, 0, length);
    count = (total + size - 1) / size;
    id++;
    for (i = 0; i < count; i++) {
        uint32_t which = order == 1 ? count - 1 - i : i, bytes;

        if (order == 2) {
            which = i < (count + 1) / 2 ? 2 * i : 2 * (i - (count + 1) / 2) + 1;
        } else if (order == 3 && i == 0) {
            continue;
        }
        bytes = total - which * size < size ? total - which * size : size;
        put_ip4(put_link(frame, 0x0800), 6, bytes, id,
                which * size / 8 | (which < count - 1 ? 0x2000 : 0));
        memcpy(frame + tap_link + 20, packet + which * size, bytes);
        tap_give(frame, tap_link + 20 + bytes);
    }
}

START_TEST(fragments_are_put_together)
{
    static const uint32_t lengths[] = { 1000, 1460, 9000, 30000, 60000 };
    uint32_t sent = 0, i;

    tap_start(IFACE_TAP, 1500, 1u << 18);
    connect_to_peer();
    peer_accept(&peer);
    for (i = 0; i < 20; i++) {
        uint32_t length = lengths[i % 5], size = (i & 1) ? 1480 : 1200;

        send_fragments(length, size, (uint32_t)_i);
        sent += length;
        peer.seq += length;
        peer_listen(&peer);
        ck_assert_uint_eq(client.read, sent);
    }
    ck_assert_uint_gt(tap->rx_copied, 100);
}
END_TEST

START_TEST(fragments_without_their_first_give_their_memory_back)
{
    uint32_t used, i;

    tap_start(IFACE_TAP, 1500, 1u << 18);
    connect_to_peer();
    peer_accept(&peer);
    rig_pass(30000);
    tap_drop_all();
    used = heap_used();
    for (i = 0; i < 100; i++) {
        send_fragments(20000, 1480, 3);
    }
    ck_assert_uint_gt(heap_used(), used);
    ck_assert_uint_lt(heap_used(), used + 64 * 2048 + 10000);
    rig_pass(30000);
    tap_drop_all();
    ck_assert_uint_eq(heap_used(), used);
    if (_i) {
        /* Fragments that wait when the stack closes are freed as well. */
        send_fragments(20000, 1480, 3);
    }
}
END_TEST

/* --- Room in the rings ------------------------------------------------------------------------------- */

START_TEST(frames_too_short_or_too_long_are_counted)
{
    static uint8_t frame[4000];
    uint32_t length;

    tap_start(_i ? IFACE_TUN : IFACE_TAP, 1500, 1u << 16);
    for (length = 0; length < tap_link; length++) {
        tap_give(frame, length);
    }
    ck_assert_uint_eq(tap->rx_invalid, tap_link);
    length = 1500 + tap_link + (_i ? 0 : VLAN_TAG);
    tap_give(frame, length + 1);
    tap_give(frame, 4000);
    ck_assert_uint_eq(tap->rx.bad, 2);
    tap_give(frame, length);
    ck_assert_uint_eq(tap->rx.bad, 2);
}
END_TEST

/* Asks by ARP for our MAC in a frame with a tag of 802.1Q; returns the answers. */
static int ask_tagged(uint32_t tag)
{
    static const uint8_t question[28] = {
        0, 1, 8, 0, 6, 4, 0, 1, [14] = 10, 0, 0, 2, [24] = 10, 0, 0, 1
    };
    static uint8_t frame[FRAME_MOST];
    uint8_t *to = put_link(frame, 0x8100) + VLAN_TAG;
    int answers = 0;

    store16(to - 4, tag);
    store16(to - 2, 0x0806);
    memcpy(to, question, sizeof(question));
    memcpy(to + 8, peer_mac, 6);
    tap_drop_all();
    tap_give(frame, tap_link + VLAN_TAG + sizeof(question));
    rig_settle();
    while (tap_take(frame)) {
        answers += load16(frame + 12) == 0x0806 && load16(frame + 20) == 2;
    }
    return answers;
}

START_TEST(frames_with_a_priority_are_taken_and_those_of_vlans_counted)
{
    uint32_t drops;

    tap_start(IFACE_TAP, 1500, 1u << 16);
    ck_assert_int_eq(ask_tagged(0), 1);
    ck_assert_int_eq(ask_tagged(0xe000), 1);
    drops = ctl->stats.input_drops;
    ck_assert_int_eq(ask_tagged(0xe005), 0);
    ck_assert_uint_eq(ctl->stats.input_drops, drops + 1);
}
END_TEST

START_TEST(full_transmit_ring_goes_on_when_room_returns)
{
    static const struct {
        uint32_t mtu, ring;
    } sizes[] = {
        { 1500, 16384 }, { 2048, 16384 }, { 576, 16384 }, { 9000, 65536 }, { 65520, 1u << 19 }
    };
    static uint8_t frame[FRAME_MOST];
    uint32_t drained, length, rings, quiet = 0;

    tap_start(IFACE_TUN, sizes[_i].mtu, sizes[_i].ring);
    connect_to_peer();
    peer_accept(&peer);
    client.write_end = 3000000;
    rig_settle();
    /* The consumer takes frames one by one; the engine is turned only if its doorbell rings. */
    while (peer.got < client.write_end && quiet < 3) {
        drained = 0;
        rings = atomic_load(&ctl->doorbell.seq);
        while (atomic_load(&ctl->doorbell.seq) == rings && (length = tap_take(frame))) {
            take_segment(&peer, frame, length);
            drained++;
        }
        if (atomic_load(&ctl->doorbell.seq) != rings) {
            rig_settle();
        } else {
            /* Everything is taken and the engine was not notified: it may only wait for an ACK. */
            peer_send(&peer, TCP_ACK_FLAG, NULL, 0);
            rig_settle();
        }
        quiet = drained ? 0 : quiet + 1;
    }
    ck_assert_uint_eq(peer.got, client.write_end);
    ck_assert_uint_eq(ctl->stats.tcp_rexmit, 0);
}
END_TEST

START_TEST(refused_frames_go_out_without_a_timer)
{
    static uint8_t frame[FRAME_MOST];
    static struct app many[8];
    static struct peer peers[8];
    uint64_t got = 0;
    uint32_t i, length, rings;

    /* Half of this ring is less than large frames may use. */
    tap_start(IFACE_TUN, 2048, 16384);
    for (i = 0; i < 8; i++) {
        peers[i] = (struct peer){ .port = (uint16_t)(100 + i), .window = 0xffff };
        ck_assert_int_eq(
            rig_open(&many[i], socket_command(SOCK_TCP, "10.0.0.2", (uint16_t)(100 + i))), 0);
        peer_accept(&peers[i]);
    }
    for (i = 0; i < 8; i++) {
        many[i].write_end = 2144; /* four segments of 536, the first window */
        many[i].can_write = 1;
    }
    rig_settle();
    ck_assert_uint_gt(tap->tx_blocked, 0);
    /* The consumer takes one frame at a time; the engine is turned only if its doorbell rings. */
    rings = atomic_load(&ctl->doorbell.seq);
    while ((length = tap_take(frame))) {
        for (i = 0; i < 8; i++) {
            take_segment(&peers[i], frame, length);
        }
        if (atomic_load(&ctl->doorbell.seq) != rings) {
            rig_settle();
            rings = atomic_load(&ctl->doorbell.seq);
        }
    }
    for (i = 0; i < 8; i++) {
        got += peers[i].got;
    }
    ck_assert_uint_eq(got, 8 * 2144);
}
END_TEST

/**
 * ping() - Ask for an echo
 * @length: bytes of the ICMP message
 */
static void ping(uint32_t length)
{
    static uint8_t frame[FRAME_MOST];
    uint8_t *ip = put_link(frame, 0x0800), *icmp = ip + 20;

    memset(icmp, 0, length);
    icmp[0] = 8;
    store16(icmp + 2, sum_fold(sum_add(0, icmp, length)));
    put_ip4(ip, 1, length, 1, 0);
    tap_give(frame, tap_link + 20 + length);
}

START_TEST(large_packets_leave_room_for_small_ones_wherever_the_ring_ends)
{
    uint32_t round, i;

    tap_start(IFACE_TUN, 9000, 65536);
    for (round = 0; round < 300; round++) {
        for (i = 0; i < 8; i++) {
            ping(8972);
        }
        ck_assert_uint_gt(tap->tx_blocked, round);
        for (i = 0; i < 140; i++) {
            ping(24);
        }
        ck_assert_uint_eq(tap->tx_lost, 0);
        tap_drop_all();
        for (i = 0; i < round % 7; i++) {
            ping(24 + round * 1000 % 8900);
            tap_drop_all();
        }
    }
}
END_TEST

START_TEST(wire_takes_frames_of_another_ring_and_gives_them_back)
{
    static struct ring other __attribute__((aligned(64)));
    struct cmd cmd = { .op = CMD_IFACE_WIRE };
    struct producer own = { 0 };
    struct doorbell doorbell = { 0 };
    uint32_t storage = arena_alloc(65536, ARENA_OWNER_SHARED), i;
    struct ring *wire = at(storage);

    (void)doorbell;
    (void)other;
    tap_start(IFACE_TUN, 1500, 1u << 16);
    connect_to_peer();
    peer_accept(&peer);
    own = tap_rx;
    memset(wire, 0, sizeof(*wire));
    ring_init(wire, storage + 4096, 32768, NEAR_WRAP);
    atomic_store(&wire->data_doorbell, offset_of(&ctl->app.doorbell));
    cmd.handle = tap->handle;
    for (i = 0; i < 4; i++) {
        uint64_t expected;

        /* One frame before the wire is plugged, one over it, one just before it is pulled. */
        tap_rx = own;
        send_fragments(100, 1480, 0);
        peer.seq += 100;
        own = tap_rx;
        cmd.value = storage;
        ck_assert_int_eq(rig_call(&cmd, sizeof(cmd)), 0);
        ck_assert_uint_eq(atomic_load(&wire->data_doorbell), offset_of(&ctl->doorbell));
        producer_init(&tap_rx, wire);
        rig_settle();
        expected = client.read;
        {
            static uint8_t frame[FRAME_MOST];
            uint32_t total;
            uint8_t *to;

            seeded_fill(client.rx_seed, peer.seq - NEAR_WRAP - 1, frame + 40, 200);
            total = put_tcp(frame + 20, &peer, TCP_ACK_FLAG, NULL, 0, 200);
            put_ip4(frame, 6, total, 7, 0);
            ck_assert_int_eq(frame_reserve(&tap_rx, 20 + total, &to), 0);
            memcpy(to, frame, 20 + total);
            ck_assert_int_eq(frame_submit(&tap_rx, 20 + total), 0);
            peer.seq += 200;
        }
        if (i & 1) {
            ck_assert_int_eq(producer_notify(&tap_rx), 1);
            rig_settle();
            ck_assert_uint_eq(client.read, expected + 200);
        }
        cmd.value = 0;
        ck_assert_int_eq(rig_call(&cmd, sizeof(cmd)), 0);
        rig_settle();
        ck_assert_uint_eq(client.read, expected + 200);
        ck_assert_uint_eq(atomic_load(&wire->data_doorbell), offset_of(&ctl->app.doorbell));
    }
    arena_free(storage);
}
END_TEST

START_TEST(interface_that_is_no_ring_is_not_wired)
{
    static const uint32_t places[] = { 1,          4,           64,         4096,
                                       0x7fffffff, 0x80000000u, UINT32_MAX, 0xfffffff8u };
    struct cmd cmd = { .op = CMD_IFACE_WIRE };

    tap_start(IFACE_TUN, 1500, 1u << 16);
    cmd.handle = tap->handle;
    cmd.value = places[_i];
    ck_assert_int_eq(rig_call(&cmd, sizeof(cmd)), ABI_EINVAL);
    connect_to_peer();
    peer_accept(&peer);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("stack_tap");
    TCase *tc = tcase_create("tap");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, connects_on_a_cold_cache_lose_no_syn);
    tcase_add_loop_test(tc, host_that_does_not_answer_arp_is_unreachable, 0, 2);
    tcase_add_loop_test(tc, host_that_does_not_answer_tcp_times_out, 0, 2);
    tcase_add_test(tc, established_connection_times_out_when_the_peer_falls_silent);
    tcase_add_test(tc, keepalive_finds_a_peer_that_is_gone);
    tcase_add_test(tc, bytes_and_shutdown_before_the_connection_is_open_are_kept);
    tcase_add_loop_test(tc, connection_given_up_before_it_opens_leaves_nothing, 0, 4);
    tcase_add_test(tc, syns_beyond_the_backlog_are_not_answered);
    tcase_add_loop_test(tc, connections_not_accepted_count_for_the_backlog, 0, 2);
    tcase_add_loop_test(tc, fragments_are_put_together, 0, 3);
    tcase_add_loop_test(tc, fragments_without_their_first_give_their_memory_back, 0, 2);
    tcase_add_test(tc, frames_with_a_priority_are_taken_and_those_of_vlans_counted);
    tcase_add_loop_test(tc, frames_too_short_or_too_long_are_counted, 0, 2);
    tcase_add_loop_test(tc, full_transmit_ring_goes_on_when_room_returns, 0, 5);
    tcase_add_test(tc, refused_frames_go_out_without_a_timer);
    tcase_add_test(tc, large_packets_leave_room_for_small_ones_wherever_the_ring_ends);
    tcase_add_test(tc, wire_takes_frames_of_another_ring_and_gives_them_back);
    tcase_add_loop_test(tc, interface_that_is_no_ring_is_not_wired, 0, 8);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
