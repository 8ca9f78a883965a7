/* SPDX-License-Identifier: MIT */
/* test_stack_gso.c - segmentation offload: segments above the MSS, only to a consumer that accepts them
 *
 * The peer, played by the test, is the consumer of the interface's tx ring: while it announces a
 * gso_max_size it is another stack on a wire, else JavaScript. Its MSS is 536. Every byte that arrives
 * is compared with its seed.
 */
#include "tap_rig.h"

#define MSS 536u
#define GSO_MAX 0xffffu

static struct app client, server, listener;
static struct peer peer;
static uint32_t largest; /* frame that came since the test last looked */
static uint32_t lose;    /* frames of data to lose */

static void setup(void)
{
    rig_start(64u << 20, 1000);
    peer = (struct peer){ .port = 80, .seq = NEAR_WRAP, .window = 0xffff };
    largest = lose = 0;
}

static void teardown(void)
{
    rs_stack_close();
    ck_assert_uint_eq(rs_arena_free_owner(rig_config.owner), 0);
}

static void set_gso_max_size(uint32_t most)
{
    atomic_store(&tap->tx.gso_max_size, most);
}

/**
 * receive() - Have the peer take and acknowledge until it has so many bytes of the stream
 * @bytes: position in the stream
 */
static void receive(uint64_t bytes)
{
    static uint8_t frame[FRAME_MOST];
    uint32_t length, rounds = 0;

    client.write_end = bytes > client.write_end ? bytes : client.write_end;
    while (peer.got < bytes) {
        uint64_t before = peer.got;

        must(rounds++ < 10000);
        rig_settle();
        while ((length = tap_take(frame))) {
            if (answer_arp(frame, length)) {
                continue;
            }
            largest = length > largest ? length : largest;
            if (lose && length > tap_link + 40) {
                lose--;
            } else {
                must(take_segment(&peer, frame, length));
            }
        }
        if (peer.got != before) {
            peer_send(&peer, TCP_ACK_FLAG, NULL, 0);
        } else {
            rig_pass(20);
        }
    }
}

/**
 * open_to_peer() - A connection of the stack to the peer
 * @kind: IFACE_*
 * @ring_size: of the interface
 * @flags: of the interface
 */
static void open_to_peer(uint32_t kind, uint32_t ring_size, uint32_t flags)
{
    struct cmd_iface cmd = iface_command(kind, 1500, "10.0.0.1/24", NULL);

    cmd.ring_size = ring_size;
    cmd.flags = flags;
    tap = rig_iface(cmd);
    tap_link = kind == IFACE_TAP ? ETHERNET_HEADER : 0;
    tap->listening = 1;
    producer_init(&tap_rx, &tap->rx);
    consumer_init(&tap_tx, &tap->tx);
    ck_assert_int_eq(rig_open(&client, socket_command(SOCK_TCP, "10.0.0.2", 80)), 0);
    client.tx_seed = peer.got_seed = 11;
    client.rx_seed = 12;
    peer_accept(&peer);
}

START_TEST(frames_are_large_while_somebody_takes_them)
{
    uint64_t at = 0;
    uint32_t i;

    open_to_peer(_i ? IFACE_TUN : IFACE_TAP, 1u << 18, 0);
    for (i = 0; i < 3; i++) {
        /* Except for the first time, half of this is queued in large segments. */
        set_gso_max_size(0);
        largest = 0;
        receive(at += 100000);
        ck_assert_uint_eq(largest, tap_link + 40 + MSS);
        set_gso_max_size(GSO_MAX);
        client.write_end = at + 150000;
        receive(at += 100000);
        ck_assert_uint_gt(largest, 10 * MSS);
        ck_assert_uint_eq((largest - tap_link - 40) % MSS, 0);
        /* Frames that are in the ring go to the consumer that accepted them. */
        tap_drop_all();
    }
    ck_assert_uint_eq(tap->tx_lost, 0);
}
END_TEST

START_TEST(large_frame_that_is_lost_is_sent_again)
{
    open_to_peer(_i & 1 ? IFACE_TUN : IFACE_TAP, 1u << 18, 0);
    set_gso_max_size(GSO_MAX);
    receive(200000);
    ck_assert_uint_gt(largest, 10 * MSS);
    client.write_end = 600000;
    lose = _i & 2 ? 1 : 4;
    receive(300000);
    ck_assert_uint_eq(lose, 0);
    /* All frames on the way are lost, and the next consumer accepts none above the MTU. */
    rig_settle();
    tap_drop_all();
    set_gso_max_size(0);
    largest = 0;
    receive(600000);
    ck_assert_uint_eq(largest, tap_link + 40 + MSS);
    ck_assert_uint_gt(ctl->stats.tcp_rexmit, 0);
}
END_TEST

START_TEST(large_frames_can_be_switched_off)
{
    open_to_peer(_i ? IFACE_TUN : IFACE_TAP, 1u << 18, IFACE_NO_GSO);
    set_gso_max_size(GSO_MAX);
    receive(300000);
    ck_assert_uint_eq(largest, tap_link + 40 + MSS);
}
END_TEST

START_TEST(large_frames_leave_room_in_a_small_ring)
{
    open_to_peer(_i ? IFACE_TUN : IFACE_TAP, 16384, 0);
    set_gso_max_size(GSO_MAX);
    receive(300000);
    ck_assert_uint_gt(largest, 1514);
    ck_assert_uint_le(largest, 4096);
}
END_TEST

START_TEST(wire_says_what_it_takes_until_it_is_pulled)
{
    struct cmd cmd = { .op = CMD_IFACE_WIRE };
    uint32_t storage = arena_alloc(1u << 18, ARENA_OWNER_SHARED), total;
    struct ring *wire = at(storage);
    static uint8_t packet[40 + 60 * MSS];
    uint8_t *to;

    open_to_peer(IFACE_TUN, 1u << 18, _i ? IFACE_NO_GSO : 0);
    memset(wire, 0, sizeof(*wire));
    ring_init(wire, storage + 4096, 1u << 17, NEAR_WRAP);
    cmd.handle = tap->handle;
    cmd.value = storage;
    ck_assert_int_eq(rig_call(&cmd, sizeof(cmd)), 0);
    ck_assert_uint_eq(atomic_load(&wire->gso_max_size), _i ? 0 : GSO_MAX);
    producer_init(&tap_rx, wire);
    tap_drop_all();
    seeded_fill(client.rx_seed, 0, packet + 40, 60 * MSS);
    total = put_tcp(packet + 20, &peer, TCP_ACK_FLAG, NULL, 0, 60 * MSS);
    put_ip4(packet, 6, total, 7, 0);
    ck_assert_int_eq(frame_reserve(&tap_rx, 20 + total, &to), 0);
    memcpy(to, packet, 20 + total);
    ck_assert_int_eq(frame_submit(&tap_rx, 20 + total), 0);
    producer_notify(&tap_rx);
    rig_settle();
    /* It counts for many segments: acknowledged without a delay. */
    ck_assert_uint_eq(client.read, _i ? 0 : 60 * MSS);
    ck_assert_uint_ge(peer_listen(&peer), !_i);
    ck_assert_uint_eq(wire->bad, _i);
    cmd.value = 0;
    ck_assert_int_eq(rig_call(&cmd, sizeof(cmd)), 0);
    ck_assert_uint_eq(atomic_load(&wire->gso_max_size), 0);
    arena_free(storage);
}
END_TEST

static int has_arrived(void)
{
    return server.read == client.write_end && client.read == server.write_end;
}

START_TEST(loopback_of_a_small_mtu)
{
    struct cmd_iface cmd = iface_command(IFACE_LOOPBACK, 1500, "127.0.0.1/8", "::1/128");
    const char *where = _i & 1 ? "::1" : "127.0.0.1";
    struct cmd_socket listen = socket_command(SOCK_TCP_LISTENER, where, 80);
    struct abi_iface *loopback;

    cmd.flags = _i & 2 ? IFACE_NO_GSO : 0;
    loopback = rig_iface(cmd);
    listen.rx_max = _i & 4 ? 5000 : listen.rx_max;
    rig_pair(&server, &client, &listener, listen, socket_command(SOCK_TCP, where, 80));
    client.write_end = 3000000;
    server.write_end = 1000001;
    ck_assert_int_eq(rig_until(has_arrived, 60000), 1);
    if (_i < 2) {
        ck_assert_uint_gt(loopback->tx_bytes / loopback->tx_packets, 6000);
    } else if (_i & 2) {
        ck_assert_uint_le(loopback->tx_bytes / loopback->tx_packets, 1500);
    }
    ck_assert_uint_eq(ctl->stats.tcp_rexmit, 0);
    ck_assert_uint_eq(loopback->tx_lost + loopback->tx.bad, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("stack_gso");
    TCase *tc = tcase_create("large");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 120);
    tcase_add_loop_test(tc, frames_are_large_while_somebody_takes_them, 0, 2);
    tcase_add_loop_test(tc, large_frame_that_is_lost_is_sent_again, 0, 4);
    tcase_add_loop_test(tc, large_frames_can_be_switched_off, 0, 2);
    tcase_add_loop_test(tc, large_frames_leave_room_in_a_small_ring, 0, 2);
    tcase_add_loop_test(tc, wire_says_what_it_takes_until_it_is_pulled, 0, 2);
    tcase_add_loop_test(tc, loopback_of_a_small_mtu, 0, 8);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
