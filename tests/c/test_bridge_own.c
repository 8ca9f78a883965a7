/* SPDX-License-Identifier: MIT */
/* test_bridge_own.c - a bridge as an interface: its MTU and addresses, up, down and removal, the loop guard */
#include "bridge_rig.h"

static void setup(void)
{
    memset(ports, 0, sizeof(ports));
    bridge_start(4, 4096);
}

static void teardown(void)
{
    bridge_stop();
}

/* --- MTU ------------------------------------------------------------------------------------------------------ */

START_TEST(mtu_is_the_least_of_the_ports)
{
    struct cmd_change cmd = { .cmd.op = CMD_CHANGE, .amount = 1300 };

    ck_assert_uint_eq(bridge->mtu, 1500);
    add_tap(4, 9000, NULL);
    ck_assert_int_eq(join(&ports[4], 0), 0);
    ck_assert_uint_eq(bridge->mtu, 1500);
    cmd.cmd.value = CHANGE_MTU;
    cmd.cmd.handle = ports[2].pub->handle;
    ck_assert_int_eq(rig_call(&cmd, sizeof(cmd)), 0);
    ck_assert_uint_eq(bridge->mtu, 1300);
    ck_assert_uint_eq(bridge->frame_max, 1318);
    rig_cmd(CMD_IFACE_REMOVE, ports[2].pub->handle, 0);
    ports[2].pub = NULL;
    rig_settle();
    ck_assert_uint_eq(bridge->mtu, 1500);
    cmd.cmd.handle = bridge->handle;
    cmd.amount = 1280;
    ck_assert_int_eq(rig_call(&cmd, sizeof(cmd)), 0);
    ck_assert_uint_eq(bridge->mtu, 1280);
}
END_TEST

START_TEST(frame_too_long_for_a_port_is_dropped_there)
{
    uint32_t i;

    for (i = 4; i < 6; i++) {
        add_tap(i, 9000, NULL);
        ck_assert_int_eq(join(&ports[i], 0), 0);
    }
    put_to(4, everyone, host(4, 1), 9014);
    ck_assert_uint_eq(outs(), 0x20);
    ck_assert_uint_eq(dropped(0, PORT_TOO_LONG), 1);
    put_to(4, everyone, host(4, 1), 1518);
    ck_assert_uint_eq(outs(), 0x2f);
}
END_TEST

/* --- Addresses of its own ----------------------------------------------------------------------------------- */

START_TEST(bridge_answers_arp_and_tcp_and_udp_on_any_port)
{
    static struct app listener, client;
    static struct peer peer;
    uint8_t arp[42] = { [12] = 8, 6, 0, 1, 8, 0, 6, 4, 0, 1 };

    memcpy(arp, everyone, 6);
    memcpy(arp + 6, peer_mac, 6);
    memcpy(arp + 22, peer_mac, 6);
    memcpy(arp + 28, peer_ip4, 4);
    memcpy(arp + 38, our_ip4, 4);
    put((uint32_t)_i, arp, sizeof(arp));
    rig_settle();
    ck_assert_uint_eq(out((uint32_t)_i), 42);
    ck_assert_int_eq(memcmp(ports[_i].got + 6, our_mac, 6), 0);
    ck_assert_uint_eq(ports[_i].got[21], 2);
    peer_at((uint32_t)_i);
    ck_assert_int_eq(rig_open(&listener, socket_command(SOCK_TCP_LISTENER, "10.0.0.1", 80)), 0);
    peer_connect(&peer, 4000, 80);
    ck_assert_int_eq(rig_accept(&client), 1);
    client.tx_seed = peer.got_seed = 5;
    client.rx_seed = 6;
    say(&client, 100000);
    while (peer.got < 100000) {
        must(peer_listen(&peer) > 0);
        peer_send(&peer, TCP_ACK_FLAG, NULL, 0);
    }
    ck_assert_uint_eq(dropped((uint32_t)_i, PORT_FULL), 0);
    ck_assert_uint_gt(bridge->tx_packets, 60);
    ck_assert_uint_gt(bridge->rx_packets, 2);
}
END_TEST

START_TEST(bridge_that_sends_to_a_full_port_goes_on_when_it_has_room)
{
    static struct app client;
    static struct peer peer = { .port = 80, .seq = NEAR_WRAP, .window = 0xffff };

    peer_at(1);
    ck_assert_int_eq(rig_open(&client, socket_command(SOCK_TCP, "10.0.0.2", 80)), 0);
    client.tx_seed = peer.got_seed = 11;
    peer_accept(&peer);
    say(&client, 65000);
    rig_settle();
    while (peer.got < 65000) {
        peer_send(&peer, TCP_ACK_FLAG, NULL, 0);
        must(peer_listen(&peer) > 0);
    }
    ck_assert_uint_gt(ports[1].pub->tx_blocked, 0);
    ck_assert_uint_eq(dropped(1, PORT_FULL), 0);
}
END_TEST

START_TEST(frames_of_others_do_not_reach_the_stack)
{
    put_to(1, everyone, host(1, 1), 60);
    outs();
    ck_assert_uint_eq(bridge->rx_packets, 1);
    put_to(0, host(1, 1), host(0, 1), 60);
    put_to(0, host(6, 6), host(0, 1), 60);
    put_to(0, our_mac, host(0, 1), 60);
    ck_assert_uint_eq(bridge->rx_packets, 2);
}
END_TEST

START_TEST(tap_with_an_address_of_its_own_keeps_it)
{
    uint8_t arp[42] = { [12] = 8, 6, 0, 1, 8, 0, 6, 4, 0, 1 };

    add_tap(4, 1500, "10.9.0.1/24");
    outs();
    ck_assert_int_eq(join(&ports[4], 0), 0);
    memcpy(arp, everyone, 6);
    memcpy(arp + 6, host(4, 1), 6);
    memcpy(arp + 22, host(4, 1), 6);
    memcpy(arp + 28, ((uint8_t[4]){ 10, 9, 0, 2 }), 4);
    memcpy(arp + 38, ((uint8_t[4]){ 10, 9, 0, 1 }), 4);
    put(4, arp, sizeof(arp));
    rig_settle();
    ck_assert_uint_eq(out(4), 42);
    ck_assert_int_eq(memcmp(ports[4].got + 6, ((uint8_t[6]){ 2, 0, 0, 2, 4, 0 }), 6), 0);
    ck_assert_uint_eq(outs(), 0xf);
    /* It takes what is for its MAC, wherever that comes in. */
    put_to(0, (const uint8_t[6]){ 2, 0, 0, 2, 4, 0 }, host(0, 1), 60);
    ck_assert_uint_eq(outs(), 0);
    ck_assert_uint_eq(dropped(0, PORT_FILTERED), 0);
}
END_TEST

/* --- Up and down, removal -------------------------------------------------------------------------------- */

START_TEST(port_or_bridge_that_is_down_passes_nothing)
{
    struct cmd_change cmd = { .cmd.op = CMD_CHANGE };

    cmd.cmd.value = CHANGE_UP;
    cmd.cmd.handle = _i ? bridge->handle : ports[1].pub->handle;
    ck_assert_int_eq(rig_call(&cmd, sizeof(cmd)), 0);
    put_to(0, everyone, host(0, 1), 60);
    ck_assert_uint_eq(outs(), _i ? 0 : 0xc);
    put_to(1, everyone, host(1, 1), 60);
    ck_assert_uint_eq(outs(), 0);
    ck_assert_uint_ge(dropped(1, PORT_LOOPED), 1);
    cmd.amount = 1;
    ck_assert_int_eq(rig_call(&cmd, sizeof(cmd)), 0);
    outs();
    put_to(1, everyone, host(1, 1), 60);
    ck_assert_uint_eq(outs(), 0xd);
}
END_TEST

START_TEST(port_that_leaves_is_a_tap_again_and_may_come_back)
{
    put_to(1, everyone, host(1, 1), 60);
    outs();
    ck_assert_int_eq(bridge_call(bridge_cmd(BRIDGE_LEAVE, ports[1].pub->handle)), 0);
    ck_assert_uint_eq(stations(1, STATION_LEARNED) + stations(1, STATION_OWN), 0);
    put_to(0, host(1, 1), host(0, 1), 60);
    ck_assert_uint_eq(outs(), 0xc);
    put_to(1, everyone, host(1, 1), 60);
    ck_assert_uint_eq(outs(), 0);
    ck_assert_int_eq(bridge_call(bridge_cmd(BRIDGE_LEAVE, ports[1].pub->handle)), ABI_EINVAL);
    ck_assert_int_eq(join(&ports[1], 0), 0);
    put_to(1, everyone, host(1, 1), 60);
    ck_assert_uint_eq(outs(), 0xd);
}
END_TEST

START_TEST(bridge_that_is_removed_gives_everything_back)
{
    uint32_t heap, free_bytes, i;

    rig_cmd(CMD_IFACE_REMOVE, bridge->handle, 0);
    rig_settle();
    put_to(0, everyone, host(0, 1), 60);
    ck_assert_uint_eq(outs(), 0);
    heap = heap_used();
    free_bytes = rig_arena()->free_bytes;
    for (i = 0; i < 20; i++) {
        struct cmd_iface cmd = iface_command(IFACE_BRIDGE, 1500, "10.0.0.1/24", NULL);
        struct cmd_bridge self;

        cmd.ring_size = 1u << 15;
        bridge = rig_iface(cmd);
        self = bridge_cmd(BRIDGE_JOIN, bridge->handle);
        ck_assert_int_eq(bridge_call(self), 0);
        bridge_self = at(rig_answer.offset);
        ck_assert_int_eq(join(&ports[i % 4], 0), 0);
        ck_assert_int_eq(join(&ports[(i + 1) % 4], 0), 0);
        put_to(i % 4, everyone, host(0, i), 60);
        ck_assert_uint_eq(outs(), 1u << (i + 1) % 4);
        rig_cmd(CMD_IFACE_REMOVE, bridge->handle, 0);
        rig_settle();
    }
    ck_assert_uint_eq(heap_used(), heap);
    ck_assert_uint_eq(rig_arena()->free_bytes, free_bytes);
}
END_TEST

START_TEST(commands_that_make_no_sense_are_refused)
{
    struct cmd_bridge cmd = bridge_cmd(BRIDGE_JOIN, ports[0].pub->handle);
    struct abi_iface *tun = rig_iface(iface_command(IFACE_TUN, 1500, NULL, NULL));
    struct cmd wire = { .op = CMD_IFACE_WIRE, .value = offset_of(&tun->tx) };

    ck_assert_int_eq(bridge_call(cmd), ABI_EINVAL); /* a port already */
    cmd.cmd.handle = tun->handle;
    ck_assert_int_eq(bridge_call(cmd), ABI_EINVAL);
    add_tap(4, 1500, NULL);
    cmd.cmd.handle = ports[4].pub->handle;
    cmd.storm = 0;
    ck_assert_int_eq(bridge_call(cmd), ABI_EINVAL);
    cmd.storm = PORT_STORM_MOST + 1;
    ck_assert_int_eq(bridge_call(cmd), ABI_EINVAL);
    cmd.storm = 1;
    cmd.bridge = tun->handle;
    ck_assert_int_eq(bridge_call(cmd), ABI_EINVAL);
    cmd.bridge = 12345;
    ck_assert_int_eq(bridge_call(cmd), ABI_ENODEV);
    cmd.bridge = bridge->handle;
    cmd.cmd.handle = 12345;
    ck_assert_int_eq(bridge_call(cmd), ABI_ENODEV);
    cmd.cmd.handle = ports[0].pub->handle;
    cmd.cmd.value = BRIDGE_FLUSH + 1;
    ck_assert_int_eq(bridge_call(cmd), ABI_EINVAL);
    wire.handle = bridge->handle;
    ck_assert_int_eq(rig_call(&wire, sizeof(wire)), ABI_EINVAL);
    wire.op = CMD_SHARE_IFACE;
    ck_assert_int_eq(rig_call(&wire, sizeof(wire)), ABI_EINVAL);
    ck_assert_uint_eq(ctl->app.commands.bad, 0);
}
END_TEST

START_TEST(bridge_needs_a_table_of_a_size_there_can_be)
{
    static const uint32_t sizes[] = { 0, 4, 12, 24, 1u << 21, UINT32_MAX };
    struct cmd_iface cmd = iface_command(IFACE_BRIDGE, 1500, NULL, NULL);
    uint32_t blocks[8], block, count = 0;
    struct cmd_bridge self;

    cmd.ring_size = 1u << 15;
    bridge = rig_iface(cmd);
    self = bridge_cmd(BRIDGE_JOIN, bridge->handle);
    self.most = sizes[_i];
    ck_assert_int_eq(bridge_call(self), ABI_EINVAL);
    self.most = 1u << 20; /* 12 MiB: the arena has no such block any more */
    while ((block = arena_alloc(1u << 23, rig_config.owner))) {
        blocks[count++] = block;
    }
    ck_assert_int_eq(bridge_call(self), ABI_ENOMEM);
    while (count) {
        arena_free(blocks[--count]);
    }
    self.most = 8;
    self.mtu = 500;
    ck_assert_int_eq(bridge_call(self), ABI_EINVAL);
    self.mtu = 1500;
    ck_assert_int_eq(bridge_call(self), 0);
}
END_TEST

/* --- Loop guard ------------------------------------------------------------------------------------------- */

START_TEST(probe_goes_to_javascript_and_not_to_ports)
{
    static const uint8_t group[6] = { 0x03, 0x72, 0x69, 0x6e, 0x67, 0x73 };
    struct abi_port_frame head;
    struct span record;

    put_to(2, group, host(2, 1), 60);
    ck_assert_uint_eq(outs(), 0);
    ck_assert_int_eq(frame_peek(&bridge_tx, 2000, &record), 0);
    ck_assert_uint_eq(record.length, 60 + sizeof(head));
    memcpy(&head, record.data, sizeof(head));
    ck_assert_uint_eq(head.port, ports[2].pub->handle);
    ck_assert_int_eq(memcmp(record.data + sizeof(head), group, 6), 0);
    frame_release(&bridge_tx);
    ck_assert_ptr_null(station(host(2, 1)));
    /* Nobody reads the ring: it fills, and nothing else happens. */
    for (int i = 0; i < 6000; i++) {
        put_to(2, group, host(2, 1), 60);
    }
    ck_assert_uint_eq(dropped(2, PORT_STORM), 6001 - STORM);
}
END_TEST

START_TEST(many_flooded_frames_are_told)
{
    struct span record;
    uint32_t i, told = 0;

    for (i = 0; i < 256; i++) {
        put_to(1, everyone, host(1, 1), 60);
        outs();
    }
    while (frame_peek(&bridge_tx, 2000, &record) == 0) {
        must(record.length == sizeof(struct abi_port_frame));
        frame_release(&bridge_tx);
        told++;
    }
    ck_assert_uint_eq(told, 4);
}
END_TEST

static void from_javascript(uint32_t port, uint32_t all, uint32_t length)
{
    struct abi_port_frame head = { port, all };
    uint8_t *to;

    must(frame_reserve(&bridge_rx, sizeof(head) + length, &to) == 0);
    memset(to, 2, sizeof(head) + length);
    memcpy(to, &head, sizeof(head));
    must(frame_submit(&bridge_rx, sizeof(head) + length) == 0);
    producer_notify(&bridge_rx);
}

START_TEST(frames_of_javascript_go_out_of_one_port_or_of_all_others)
{
    from_javascript(ports[1].pub->handle, 0, 60);
    ck_assert_uint_eq(outs(), 2);
    from_javascript(ports[1].pub->handle, 1, 60);
    ck_assert_uint_eq(outs(), 0xd);
    from_javascript(bridge->handle + 0x10000, 0, 60);
    from_javascript(12345, 1, 60);
    from_javascript(UINT32_MAX, 1, 60);
    from_javascript(ports[1].pub->handle, 0, 0);
    ck_assert_uint_eq(outs(), 0);
}
END_TEST

START_TEST(blocked_port_passes_nothing_either_way_and_still_hears_probes)
{
    static const uint8_t group[6] = { 0x03, 0x72, 0x69, 0x6e, 0x67, 0x73 };
    struct span record;

    ports[1].port->blocked = 1;
    put_to(0, everyone, host(0, 1), 60);
    ck_assert_uint_eq(outs(), 0xc);
    put_to(1, everyone, host(1, 1), 60);
    ck_assert_uint_eq(outs(), 0);
    ck_assert_uint_eq(dropped(1, PORT_LOOPED), 2);
    put_to(1, group, host(1, 1), 60);
    ck_assert_int_eq(frame_peek(&bridge_tx, 2000, &record), 0);
    ports[1].port->blocked = 0;
    put_to(1, everyone, host(1, 1), 60);
    ck_assert_uint_eq(outs(), 0xd);
}
END_TEST

START_TEST(loop_is_held_by_the_limit_until_the_guard_blocks_it)
{
    uint32_t i, length;

    /* Ports 2 and 3 are joined outside: what goes out of one comes in at the other. */
    put_to(0, everyone, host(0, 1), 60);
    for (i = 0; i < 20000; i++) {
        if ((length = out(2))) {
            put(3, ports[2].got, length);
        }
        if ((length = out(3))) {
            put(2, ports[3].got, length);
        }
        while (out(0) || out(1)) {
        }
    }
    ck_assert_uint_gt(dropped(2, PORT_STORM) + dropped(3, PORT_STORM), 0);
    ck_assert_uint_le(ports[0].pub->tx_packets, 2 * STORM + 2);
}
END_TEST

/* --- A wire that would carry large segments -------------------------------------------------------------- */

START_TEST(wire_to_a_port_carries_no_frame_above_the_mtu)
{
    uint32_t storage = arena_alloc(1u << 16, rig_config.owner);
    struct ring *wire = at(arena_alloc(4096, rig_config.owner));
    struct cmd cmd = { .op = CMD_IFACE_WIRE };

    memset(wire, 0, sizeof(*wire));
    ring_init(wire, storage, 1u << 16, 0);
    cmd.handle = ports[0].pub->handle;
    cmd.value = offset_of(wire);
    ck_assert_int_eq(rig_call(&cmd, sizeof(cmd)), 0);
    ck_assert_uint_eq(atomic_load(&wire->gso_max_size), 0);
    ck_assert_int_eq(bridge_call(bridge_cmd(BRIDGE_LEAVE, ports[0].pub->handle)), 0);
    ck_assert_uint_eq(atomic_load(&wire->gso_max_size), 65535);
    ck_assert_int_eq(join(&ports[0], 0), 0);
    ck_assert_uint_eq(atomic_load(&wire->gso_max_size), 0);
    cmd.value = 0;
    ck_assert_int_eq(rig_call(&cmd, sizeof(cmd)), 0);
    arena_free(storage);
    arena_free(offset_of(wire));
}
END_TEST

/* --- Frames of any bytes ------------------------------------------------------------------------------------ */

START_TEST(frames_of_random_bytes_harm_nothing)
{
    static uint8_t frame[1600];
    uint32_t i, j, length;

    for (i = 1; i < 4; i++) {
        add_tap(i + 3, 1500, i == 2 ? "10.7.0.1/24" : NULL);
        ck_assert_int_eq(join(&ports[i + 3], i == 3 ? PORT_IS_ISOLATED : PORT_IS_GUARDED), 0);
    }
    for (i = 0; i < 40000; i++) {
        uint64_t random = mix64(test_seed * 31 + i);

        length = (uint32_t)(random >> 8) % 120;
        seeded_fill(random, 0, frame, length);
        if (random & 1) {
            memcpy(frame, (random & 2) ? everyone : our_mac, 6);
        }
        frame[6] &= random & 4 ? 0xfe : 0xff;
        if (random & 8) {
            store16(frame + 12, random & 16 ? 0x86dd : 0x0800);
            frame[14] = random & 16 ? 0x60 : 0x45;
            frame[20] = (uint8_t[]){ 0, 43, 44, 60, 58, 17, 6, 59 }[random >> 32 & 7];
        }
        put((uint32_t)(random >> 40) % 7, frame, length);
        for (j = 0; j < 7; j++) {
            while (out(j)) {
            }
        }
        rig_now += 0.5;
    }
    put_to(1, everyone, host(1, 1), 60);
    ck_assert_uint_ne(outs(), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("bridge_own");
    TCase *tc = tcase_create("bridge_own");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, mtu_is_the_least_of_the_ports);
    tcase_add_test(tc, frame_too_long_for_a_port_is_dropped_there);
    tcase_add_loop_test(tc, bridge_answers_arp_and_tcp_and_udp_on_any_port, 0, 4);
    tcase_add_test(tc, bridge_that_sends_to_a_full_port_goes_on_when_it_has_room);
    tcase_add_test(tc, frames_of_others_do_not_reach_the_stack);
    tcase_add_test(tc, tap_with_an_address_of_its_own_keeps_it);
    tcase_add_loop_test(tc, port_or_bridge_that_is_down_passes_nothing, 0, 2);
    tcase_add_test(tc, port_that_leaves_is_a_tap_again_and_may_come_back);
    tcase_add_test(tc, bridge_that_is_removed_gives_everything_back);
    tcase_add_test(tc, commands_that_make_no_sense_are_refused);
    tcase_add_loop_test(tc, bridge_needs_a_table_of_a_size_there_can_be, 0, 6);
    tcase_add_test(tc, probe_goes_to_javascript_and_not_to_ports);
    tcase_add_test(tc, many_flooded_frames_are_told);
    tcase_add_test(tc, frames_of_javascript_go_out_of_one_port_or_of_all_others);
    tcase_add_test(tc, blocked_port_passes_nothing_either_way_and_still_hears_probes);
    tcase_add_test(tc, loop_is_held_by_the_limit_until_the_guard_blocks_it);
    tcase_add_test(tc, wire_to_a_port_carries_no_frame_above_the_mtu);
    tcase_add_test(tc, frames_of_random_bytes_harm_nothing);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
