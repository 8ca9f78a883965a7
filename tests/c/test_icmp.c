/* SPDX-License-Identifier: MIT */
/* test_icmp.c - ICMP sockets, and errors: the right ones reach their socket, forged ones change nothing */
#include "dgram_rig.h"

/* An error of ICMP about a packet of ours, and what is wrong with it. */
struct error {
    int family;
    uint8_t type, code;
    uint8_t proto;           /* of the quoted packet */
    uint16_t from, to;       /* its ports */
    uint32_t sequence;       /* its next four bytes */
    const uint8_t *src;      /* NULL: ours */
    const uint8_t *dst;      /* NULL: the peer's */
    uint16_t offset;         /* it is a later fragment */
    uint16_t cut;            /* bytes that are quoted less */
    uint8_t fragment_header; /* IPv6: a first fragment */
    uint8_t version;         /* XORed to that of the quoted packet */
    uint8_t wrong_sum;
};

/**
 * give_error() - Give the stack an error
 * @e: it
 */
static void give_error(struct error e)
{
    uint8_t message[8 + 48 + 8] = { e.type, e.code }, *ip = message + 8, *body;
    uint32_t length;

    if (e.family == 4) {
        put_ip4(ip, e.proto, 8, 1, e.offset);
        memcpy(ip + 12, e.src ? e.src : our_ip4, 4);
        memcpy(ip + 16, e.dst ? e.dst : peer_ip4, 4);
        body = ip + 20;
    } else {
        put_ip6(ip, e.fragment_header ? 44 : e.proto, 8, 64);
        memcpy(ip + 8, e.src ? e.src : our_ip6, 16);
        memcpy(ip + 24, e.dst ? e.dst : peer_ip6, 16);
        body = ip + 40;
        if (e.fragment_header) {
            memset(body, 0, 8);
            body[0] = e.proto;
            store16(body + 2, e.offset | 1);
            body += 8;
        }
    }
    ip[0] ^= e.version;
    store16(body, e.from);
    store16(body + 2, e.to);
    store32(body + 4, e.sequence);
    length = (uint32_t)(body + 8 - message) - e.cut;
    give(e.family, e.family == 4 ? 1 : ICMP6, message, length,
         (struct twist){ .wrong_sum = e.wrong_sum });
    rig_settle();
}

static struct error unreachable(int v6, uint16_t from, uint16_t to)
{
    struct error e = { .family = 4, .type = 3, .code = 3, .proto = UDP, .from = from, .to = to };

    if (v6) {
        e.family = 6;
        e.type = 1;
        e.code = 4;
    }
    return e;
}

static void connected(struct app *app, int v6)
{
    ck_assert_int_eq(connect_to(app, NULL, 7, v6 ? "fd00::2" : "10.0.0.2", 9), 0);
}

START_TEST(errors_reach_a_connected_socket)
{
    static const int codes[][4] = {
        { 4, 3, 3, ABI_ECONNREFUSED }, { 4, 3, 2, ABI_ECONNREFUSED },
        { 4, 3, 1, ABI_EHOSTUNREACH }, { 4, 11, 0, ABI_EHOSTUNREACH },
        { 6, 1, 4, ABI_ECONNREFUSED }, { 6, 1, 0, ABI_EHOSTUNREACH },
        { 6, 3, 0, ABI_EHOSTUNREACH },
    };
    struct error e = unreachable(codes[_i][0] == 6, 7, 9);

    e.type = (uint8_t)codes[_i][1];
    e.code = (uint8_t)codes[_i][2];
    connected(&a, e.family == 6);
    give_error(e);
    must(a.bits & SOCK_ERROR);
    ck_assert_int_eq(a.pub->error, codes[_i][3]);
    ck_assert_uint_eq(a.pub->tx_dropped, 1);
    must(!app_closed(&a));
    /* It goes on, and how it ends is told, not that error. */
    dg_send(&a, NULL, 0, 30);
    take_udp(7, 9, 30);
    rig_cmd(CMD_ABORT, a.handle, 0);
    rig_settle();
    ck_assert_int_eq(a.error, ABI_ECONNABORTED);
}
END_TEST

START_TEST(of_a_first_fragment)
{
    struct error e = unreachable(1, 7, 9);

    connected(&a, 1);
    e.fragment_header = 1;
    give_error(e);
    ck_assert_uint_eq(a.pub->tx_dropped, 1);
}
END_TEST

START_TEST(forged_errors_change_nothing)
{
    static const uint8_t other4[4] = { 10, 0, 0, 3 }, other6[16] = { 0xfd, [15] = 3 };
    int v6 = _i;
    struct error e;
    uint32_t cut;

    connected(&a, v6);
    dg_udp(&b, NULL, 8);
    e = unreachable(v6, 8, 9);
    give_error(e); /* of one that is not connected */
    e = unreachable(v6, 7, 10);
    give_error(e);
    e = unreachable(v6, 6, 9);
    give_error(e);
    e = unreachable(v6, 7, 9);
    e.src = v6 ? other6 : other4;
    give_error(e);
    e = unreachable(v6, 7, 9);
    e.dst = v6 ? other6 : other4;
    give_error(e);
    e = unreachable(v6, 7, 9);
    e.offset = v6 ? 8 : 1;
    e.fragment_header = (uint8_t)v6;
    give_error(e);
    e = unreachable(v6, 7, 9);
    e.version = 0x20;
    give_error(e);
    e = unreachable(v6, 7, 9);
    e.wrong_sum = 1;
    give_error(e);
    e = unreachable(v6, 7, 9);
    e.type = v6 ? 4 : 12; /* parameter problem */
    give_error(e);
    e = unreachable(v6, 7, 9);
    e.proto = 99;
    give_error(e);
    for (cut = 1; cut <= (v6 ? 56 : 36); cut++) {
        e = unreachable(v6, 7, 9);
        e.cut = (uint16_t)cut;
        give_error(e);
    }
    ck_assert_uint_eq(a.pub->tx_dropped + b.pub->tx_dropped, 0);
    ck_assert_uint_eq(a.bits & SOCK_ERROR, 0);
    give_error(unreachable(v6, 7, 9));
    ck_assert_uint_eq(a.pub->tx_dropped, 1);
}
END_TEST

START_TEST(a_connection_that_is_being_opened)
{
    struct error e = unreachable(_i, 0, 80);
    struct app client;
    uint32_t sequence;

    ck_assert_int_eq(rig_open(&client, socket_command(SOCK_TCP, _i ? "fd00::2" : "10.0.0.2", 80)),
                     0);
    must(take_packet() && sent.proto == 6);
    e.proto = 6;
    e.from = (uint16_t)load16(sent.body);
    sequence = load32(sent.body + 4);
    e.sequence = sequence + 1;
    give_error(e);
    e.sequence = sequence - 1;
    give_error(e);
    e.sequence = sequence;
    e.type = _i ? 3 : 11; /* time exceeded may pass */
    give_error(e);
    e.type = _i ? 1 : 3;
    e.from++;
    give_error(e);
    e.from--;
    must(!app_closed(&client));
    give_error(e);
    must(app_closed(&client));
    ck_assert_int_eq(client.error, ABI_ECONNREFUSED);
    app_release(&client);
}
END_TEST

START_TEST(an_open_connection_goes_on)
{
    struct error e = unreachable(0, 80, 999);
    struct app listener, server;
    struct peer peer;

    ck_assert_int_eq(rig_open(&listener, socket_command(SOCK_TCP_LISTENER, "0.0.0.0", 80)), 0);
    peer_connect(&peer, 999, 80);
    ck_assert_int_eq(rig_accept(&server), 1);
    e.proto = 6;
    for (e.sequence = peer.ack - 2; e.sequence != peer.ack + 3; e.sequence++) {
        give_error(e);
    }
    must(!app_closed(&server));
    rig_cmd(CMD_ABORT, server.handle, 0);
    app_release(&server);
    app_release(&listener);
}
END_TEST

static void open_icmp(struct app *app, int v6, uint16_t identifier)
{
    ck_assert_int_eq(
        dg_open(app, dg_command(v6 ? SOCK_ICMP6 : SOCK_ICMP, NULL, identifier, NULL, 0)), 0);
}

/**
 * put_echo() - Send an echo request
 * @app: ICMP socket
 * @v6: of ICMPv6
 * @identifier: of the echo
 * @length: of the message
 */
static void put_echo(struct app *app, int v6, uint16_t identifier, uint32_t length)
{
    struct abi_datagram record = { .remote = address(v6 ? "fd00::2" : "10.0.0.2", 0) };

    seeded_fill(9, 0, dg_bytes, length);
    dg_bytes[0] = v6 ? 128 : 8;
    dg_bytes[1] = 0;
    store16(dg_bytes + 4, identifier);
    must(dg_put(app, &record, dg_bytes, length));
    rig_settle();
}

START_TEST(echoes_out_and_replies_in)
{
    uint8_t reply[8] = { _i ? 129 : 0 };

    open_icmp(&a, _i, 77);
    open_icmp(&b, _i, 0);
    open_icmp(&c, _i, 78);
    put_echo(&a, _i, 77, 64);
    must(take_packet()); /* its checksum is right */
    ck_assert_uint_eq(sent.proto, _i ? ICMP6 : 1);
    ck_assert_uint_eq(sent.body_length, 64);
    store16(reply + 4, 77);
    give(_i ? 6 : 4, _i ? ICMP6 : 1, reply, 8, (struct twist){ .ttl = 55 });
    ck_assert_int_eq(dg_take(&a), 8);
    ck_assert_uint_eq(dg_record.ttl, 55);
    while (dg_take(&b) >= 0 && dg_bytes[0] != reply[0]) {
    }
    ck_assert_uint_eq(dg_bytes[0], reply[0]);
    ck_assert_int_eq(dg_take(&c), -1);
    give(_i ? 6 : 4, _i ? ICMP6 : 1, reply, 8, (struct twist){ .wrong_sum = 1 });
    give(_i ? 6 : 4, _i ? ICMP6 : 1, reply, 5, (struct twist){ 0 });
    ck_assert_int_eq(dg_take(&a), -1);
    ck_assert_int_eq(dg_take(&b), -1);
}
END_TEST

START_TEST(errors_about_an_echo)
{
    struct error e = unreachable(_i, 0x0800, 0);

    open_icmp(&a, _i, 77);
    open_icmp(&b, _i, 78);
    e.type = _i ? 3 : 11;
    e.code = 0;
    e.proto = _i ? ICMP6 : 1;
    e.sequence = 77u << 16 | 1;
    give_error(e);
    ck_assert_int_gt(dg_take(&a), 8);
    ck_assert_uint_eq(dg_bytes[0], e.type);
    ck_assert_int_eq(dg_take(&b), -1);
    e.sequence = 1; /* no identifier */
    give_error(e);
    ck_assert_int_eq(dg_take(&a), -1);
    /* Without a way the ping is told at once. */
    {
        struct abi_datagram record = { .remote = address(_i ? "2001:db8::1" : "192.0.2.1", 0) };

        must(dg_put(&a, &record, dg_bytes, 8));
    }
    rig_settle();
    must(a.bits & SOCK_ERROR);
    ck_assert_int_eq(a.pub->error, ABI_EHOSTUNREACH);
}
END_TEST

START_TEST(messages_of_every_length)
{
    struct abi_datagram record = { .remote = address(_i ? "fd00::2" : "10.0.0.2", 0) };
    uint32_t length;

    open_icmp(&a, _i, 0);
    memset(dg_bytes, 7, 100);
    for (length = 0; length < 40; length++) {
        must(dg_put(&a, &record, dg_bytes, length));
        ck_assert_int_eq(take_packet(), length >= 4);
    }
    record.remote = address(_i ? "10.0.0.2" : "fd00::2", 0);
    must(dg_put(&a, &record, dg_bytes, 8));
    ck_assert_int_eq(take_packet(), 0);
    ck_assert_uint_eq(a.pub->tx_dropped, 5);
}
END_TEST

START_TEST(groups_are_heard_without_joining)
{
    static const uint8_t all[16] = { 0xff, 2, [15] = 1 };
    uint8_t advertisement[16] = { 134, 0, 0, 0, 64 };
    int heard = 0;

    open_icmp(&a, 1, 0);
    give(6, ICMP6, advertisement, 16, (struct twist){ .ttl = 255, .to = all, .from = peer_local });
    while (dg_take(&a) >= 0) {
        if (dg_bytes[0] == 134) {
            heard++;
            ck_assert_uint_eq(dg_record.ttl, 255);
            ck_assert_uint_eq(dg_record.remote.zone, tap->handle);
        }
    }
    ck_assert_int_eq(heard, 1);
}
END_TEST

START_TEST(connected_icmp)
{
    static const uint8_t other[4] = { 10, 0, 0, 3 };
    uint8_t message[8] = { 13 };

    ck_assert_int_eq(dg_open(&a, dg_command(SOCK_ICMP, NULL, 0, "10.0.0.2", 0)), 0);
    give(4, 1, message, 8, (struct twist){ .from = other });
    ck_assert_int_eq(dg_take(&a), -1);
    give(4, 1, message, 8, (struct twist){ 0 });
    ck_assert_int_eq(dg_take(&a), 8);
}
END_TEST

START_TEST(packet_too_big_bombs)
{
    static const uint32_t mtus[] = { 0, 1, 55, 56, 57, 1279 };
    uint32_t i;

    dg_udp(&a, NULL, 7);
    dg_send(&a, "fd00::2", 9, 1);
    take_udp(7, 9, 1);
    for (i = 0; i < 6; i++) {
        uint8_t message[8 + 48] = { 2 };

        store32(message + 4, mtus[i]);
        put_ip6(message + 8, UDP, 8, 64);
        memcpy(message + 16, our_ip6, 16);
        memcpy(message + 32, peer_ip6, 16);
        give(6, ICMP6, message, sizeof(message), (struct twist){ 0 });
        dg_send(&a, "fd00::2", 9, 1452);
        take_udp(7, 9, 1452);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("icmp");
    TCase **both = link_cases(suite), *on_tun = both[1];
    uint32_t i;

    for (i = 0; i < 2; i++) {
        tcase_add_loop_test(both[i], errors_reach_a_connected_socket, 0, 7);
        tcase_add_test(both[i], of_a_first_fragment);
        tcase_add_loop_test(both[i], forged_errors_change_nothing, 0, 2);
        tcase_add_loop_test(both[i], a_connection_that_is_being_opened, 0, 2);
        tcase_add_loop_test(both[i], echoes_out_and_replies_in, 0, 2);
        tcase_add_loop_test(both[i], errors_about_an_echo, 0, 2);
        tcase_add_loop_test(both[i], messages_of_every_length, 0, 2);
        tcase_add_test(both[i], groups_are_heard_without_joining);
        tcase_add_test(both[i], connected_icmp);
        tcase_add_test(both[i], packet_too_big_bombs);
    }
    tcase_add_test(on_tun, an_open_connection_goes_on);
    return run_suite(suite);
}
