/* SPDX-License-Identifier: MIT */
/* test_neighbors.c - ARP and neighbor discovery: hosts that answer, move or lie, and packets that wait */
#include "neighbor_rig.h"

/* --- Answers ------------------------------------------------------------------------------------------- */

START_TEST(packets_wait_for_an_answer_and_leave_in_order)
{
    uint32_t i;

    dg_udp(&a, NULL, 7);
    for (i = 0; i < 30; i++) {
        dg_send(&a, hosts[_i], 9, 10 + i);
    }
    ck_assert_int_eq(next_question(_i), 1);
    ck_assert_uint_eq(next_datagram(_i), 0);
    told(_i, peer_mac, 1);
    for (i = 0; i < 30; i++) {
        ck_assert_uint_eq(next_datagram(_i), (_i ? 62 : 42) + 10 + i);
        ck_assert_mem_eq(frame, peer_mac, 6);
    }
    ck_assert_uint_eq(next_datagram(_i), 0);
    ck_assert_uint_eq(ctl->stats.neighbor_drops, 0);
}
END_TEST

START_TEST(more_than_the_ring_holds_waits_and_none_is_lost)
{
    struct cmd_socket cmd = dg_command(SOCK_UDP, NULL, 7, NULL, 0);
    uint32_t i, length, count = 3000, number = 0;
    struct abi_datagram record = { .remote = address(hosts[_i], 9) };
    static uint8_t body[1000];

    cmd.tx_max = 1u << 20;
    ck_assert_int_eq(dg_open(&a, cmd), 0);
    /* A ring of 64 KiB, 1 MiB that waits for the answer, and what waits in the socket. */
    for (i = 0; i < count;) {
        store32(body, i);
        if (dg_put(&a, &record, body, sizeof(body))) {
            i++;
            continue;
        }
        rig_settle();
        if (number == 0) {
            /* Nothing more is taken: only an answer lets it go on. */
            ck_assert_uint_gt(i, 900);
            ck_assert_int_eq(next_question(_i), 1);
            ck_assert_uint_eq(next_datagram(_i), 0);
            told(_i, peer_mac, 1);
        }
        length = next_datagram(_i);
        if (length) {
            ck_assert_uint_eq(load32(frame + length - sizeof(body)), number++);
        }
    }
    while ((length = next_datagram(_i))) {
        ck_assert_uint_eq(load32(frame + length - sizeof(body)), number++);
    }
    ck_assert_uint_eq(number, count);
    ck_assert_uint_eq(a.pub->tx_dropped, 0);
    ck_assert_uint_eq(ctl->stats.neighbor_drops, 0);
}
END_TEST

START_TEST(datagrams_for_a_host_that_never_answers_are_dropped_and_counted)
{
    uint32_t i, questions = 0;

    dg_udp(&a, NULL, 7);
    dg_heap = heap_used();
    for (i = 0; i < 30; i++) {
        dg_send(&a, hosts[_i], 9, 1000);
    }
    for (i = 0; i < 100; i++) {
        questions += next_question(_i) == 1;
        rig_pass(100);
    }
    ck_assert_uint_eq(questions, 5);
    ck_assert_uint_eq(ctl->stats.neighbor_drops, 30);
    entry(ROUTE_NEIGHBORS, NULL, 0, 0);
    ck_assert_uint_eq(heap_used(), dg_heap);
    /* The next one asks again. */
    dg_send(&a, hosts[_i], 9, 1000);
    ck_assert_int_eq(next_question(_i), 1);
}
END_TEST

START_TEST(question_of_the_host_itself_brings_its_address)
{
    dg_udp(&a, NULL, 7);
    dg_send(&a, hosts[_i], 9, 10);
    ck_assert_int_eq(next_question(_i), 1);
    if (_i) {
        give_nd(NS, peer_mac, "fd00::1", 0, "fd00::2", "ff02::1:ff00:1");
    } else {
        give_arp(1, peer_mac, "10.0.0.2", "10.0.0.1");
    }
    ck_assert_uint_gt(next_datagram(_i), 0);
    ck_assert_mem_eq(frame, peer_mac, 6);
}
END_TEST

START_TEST(host_that_asks_is_known_without_a_question)
{
    uint32_t length;

    if (_i) {
        give_nd(NS, peer_mac, "fd00::1", 0, "fd00::2", "ff02::1:ff00:1");
    } else {
        give_arp(1, peer_mac, "10.0.0.2", "10.0.0.1");
    }
    rig_settle();
    length = tap_take(frame);
    ck_assert_uint_eq(length, _i ? 86 : 42);
    ck_assert_mem_eq(frame, peer_mac, 6);
    /* An advertisement is already a packet to it. */
    ck_assert_uint_eq(state(), _i ? NEIGHBOR_DELAY : NEIGHBOR_STALE);
    dg_udp(&a, NULL, 7);
    dg_send(&a, hosts[_i], 9, 10);
    ck_assert_uint_gt(next_datagram(_i), 0);
    ck_assert_uint_eq(state(), NEIGHBOR_DELAY);
}
END_TEST

/* --- Hosts that move ---------------------------------------------------------------------------------- */

START_TEST(neighbor_in_use_is_asked_alone_and_stays)
{
    uint32_t i, to_all = 0, to_it = 0;

    meet(_i);
    for (i = 0; i < 1200; i++) { /* two minutes */
        int question;

        rig_pass(100);
        dg_send(&a, hosts[_i], 9, 10);
        while ((question = next_question(_i))) {
            to_all += question == 1;
            to_it += question == 2;
            told(_i, peer_mac, 1);
        }
    }
    ck_assert_uint_eq(to_all, 0);
    ck_assert_uint_eq(to_it, 3);
    ck_assert_uint_eq(ctl->stats.neighbor_drops, 0);
}
END_TEST

START_TEST(host_that_moved_in_silence_is_found_within_45_seconds)
{
    double start;

    meet(_i);
    start = rig_now;
    while (rig_now - start < 60000) {
        int question;

        dg_send(&a, hosts[_i], 9, 10);
        while ((question = next_question(_i))) {
            if (question == 1) {
                told(_i, other_mac, 1);
            }
        }
        dg_send(&a, hosts[_i], 9, 10);
        if (next_datagram(_i) && memcmp(frame, other_mac, 6) == 0) {
            break;
        }
        rig_pass(500);
    }
    ck_assert_double_gt(rig_now - start, 30000);
    ck_assert_double_lt(rig_now - start, 45000);
}
END_TEST

START_TEST(host_that_moved_and_says_so_is_found_within_3_seconds)
{
    double start;

    meet(_i);
    start = rig_now;
    told(_i, other_mac, 0);
    do {
        if (next_question(_i) == 1) {
            told(_i, other_mac, 1);
        }
        dg_send(&a, hosts[_i], 9, 10);
        ck_assert_uint_gt(next_datagram(_i), 0);
        if (memcmp(frame, other_mac, 6) == 0) {
            break;
        }
        rig_pass(100);
    } while (rig_now - start < 10000);
    ck_assert_double_lt(rig_now - start, 3000);
}
END_TEST

START_TEST(neighbor_that_answers_is_not_taken_over)
{
    uint32_t i, lies = 0;
    int v6 = _i & 1;

    meet(v6);
    for (i = 0; i < 600; i++) {
        int question;

        told(v6, other_mac, _i >> 1);
        lies++;
        while ((question = next_question(v6))) {
            ck_assert_int_eq(question, 2);
            ck_assert_mem_eq(frame, peer_mac, 6);
            told(v6, other_mac, 1); /* before the honest one */
            told(v6, peer_mac, 1);
        }
        dg_send(&a, hosts[v6], 9, 10);
        ck_assert_uint_gt(next_datagram(v6), 0);
        ck_assert_mem_eq(frame, peer_mac, 6);
        rig_pass(100);
    }
    ck_assert_uint_eq(lies, 600);
}
END_TEST

START_TEST(what_is_said_on_one_link_is_not_believed_on_another)
{
    struct cmd_iface cmd = iface_command(IFACE_TAP, 1500, "10.9.0.1/24", "fd09::1/64");
    struct abi_iface *second, *first = tap;
    struct producer rx;
    struct consumer tx;

    meet(_i);
    rx = tap_rx;
    tx = tap_tx;
    cmd.ring_size = 1u << 16;
    cmd.mac[5] = 9;
    second = rig_iface(cmd);
    second->listening = 1;
    producer_init(&tap_rx, &second->rx);
    consumer_init(&tap_tx, &second->tx);
    told(_i, other_mac, 0);
    told(_i, other_mac, 1);
    if (_i) {
        give_nd(NS, other_mac, "fd09::1", 0, "fd00::2", "ff02::1:ff00:1");
    } else {
        give_arp(1, other_mac, "10.0.0.2", "10.9.0.1");
    }
    tap = first;
    tap_rx = rx;
    tap_tx = tx;
    tap_drop_all();
    dg_send(&a, hosts[_i], 9, 10);
    ck_assert_uint_gt(next_datagram(_i), 0);
    ck_assert_mem_eq(frame, peer_mac, 6);
}
END_TEST

/* --- Our own addresses ------------------------------------------------------------------------------- */

START_TEST(host_that_claims_our_address_is_told_once_in_10_seconds)
{
    uint32_t i, said = 0;

    rig_pass(20000);
    for (i = 0; i < 300; i++) {
        give_arp(1 + i % 2, other_mac, "10.0.0.1", "10.0.0.1");
        while (next_question(0)) {
            said += is_ip(frame + 28, "10.0.0.1") && is_ip(frame + 38, "10.0.0.1");
        }
        rig_pass(100);
    }
    ck_assert_uint_eq(said, 3);
    entry(ROUTE_NEIGHBORS, NULL, 0, 0);
}
END_TEST

START_TEST(advertisement_takes_no_address_away)
{
    give_nd(NA, other_mac, "fd00::1", 0x20, "fd00::1", "ff02::1");
    give_nd(NS, other_mac, "fd00::1", 0, "fd00::2", "ff02::1:ff00:1");
    rig_settle();
    ck_assert_uint_gt(tap_take(frame), 0);
    ck_assert_uint_eq(frame[54], NA);
    ck_assert(is_ip(frame + 62, "fd00::1"));
    ck_assert_uint_eq(frame[58], 0x60);
    ck_assert_mem_eq(frame + 80, our_mac, 6);
    give_nd(NS, NULL, "fd00::1", 0, "::", "ff02::1:ff00:1"); /* another host wants it */
    rig_settle();
    ck_assert_uint_gt(tap_take(frame), 0);
    ck_assert_uint_eq(frame[58], 0x20);
    ck_assert(is_ip(frame + 38, "ff02::1"));
}
END_TEST

START_TEST(addresses_are_announced_when_somebody_listens)
{
    uint32_t length, arp = 0, nd = 0;

    tap->listening = 0;
    rig_settle();
    tap_drop_all();
    tap->listening = 1;
    rig_settle();
    while ((length = tap_take(frame))) {
        arp += length == 42 && is_ip(frame + 28, "10.0.0.1") && is_ip(frame + 38, "10.0.0.1");
        nd += frame[54] == NA && is_ip(frame + 62, "fd00::1");
    }
    ck_assert_uint_eq(arp, 1);
    ck_assert_uint_eq(nd, 1);
    rig_settle();
    ck_assert_uint_eq(tap_take(frame), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("neighbors");
    TCase *tc = link_cases(suite)[0];

    tcase_add_loop_test(tc, packets_wait_for_an_answer_and_leave_in_order, 0, 2);
    tcase_add_loop_test(tc, more_than_the_ring_holds_waits_and_none_is_lost, 0, 2);
    tcase_add_loop_test(tc, datagrams_for_a_host_that_never_answers_are_dropped_and_counted, 0, 2);
    tcase_add_loop_test(tc, question_of_the_host_itself_brings_its_address, 0, 2);
    tcase_add_loop_test(tc, host_that_asks_is_known_without_a_question, 0, 2);
    tcase_add_loop_test(tc, neighbor_in_use_is_asked_alone_and_stays, 0, 2);
    tcase_add_loop_test(tc, host_that_moved_in_silence_is_found_within_45_seconds, 0, 2);
    tcase_add_loop_test(tc, host_that_moved_and_says_so_is_found_within_3_seconds, 0, 2);
    tcase_add_loop_test(tc, neighbor_that_answers_is_not_taken_over, 0, 4);
    tcase_add_loop_test(tc, what_is_said_on_one_link_is_not_believed_on_another, 0, 2);
    tcase_add_test(tc, host_that_claims_our_address_is_told_once_in_10_seconds);
    tcase_add_test(tc, advertisement_takes_no_address_away);
    tcase_add_test(tc, addresses_are_announced_when_somebody_listens);
    return run_suite(suite);
}
