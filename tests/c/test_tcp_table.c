/* SPDX-License-Identifier: MIT */
/* test_tcp_table.c - the table of connections against a list, and the ports that connections take */
#include "stack_rig.h"

#include "lwip/priv/tcp_priv.h"

#include "lwext/tcp_table.h"
#include "lwip_port.h"

#define PCBS 3000u

static struct app client, server, listener;
static struct tcp_pcb *pcbs[PCBS];

static void setup(void)
{
    rig_start(64u << 20, 1000);
}

static void teardown(void)
{
    rs_stack_close();
    ck_assert_uint_eq(rs_arena_free_owner(rig_config.owner), 0);
    ck_assert_uint_eq(rig_arena()->free_bytes, rig_arena()->total_bytes);
}

/* --- The table ------------------------------------------------------------------------------------ */

/**
 * random_ip() - One of a few addresses, some of them equal except in the last bit or the zone
 * @rng: sequence
 * @ip6: of which family
 *
 * Return: address
 */
static ip_addr_t random_ip(uint64_t *rng, int ip6)
{
    ip_addr_t ip = { 0 };

    if (ip6) {
        IP_ADDR6(&ip, PP_HTONL(0xfe800000u), 0, 0, PP_HTONL(1 + rng_below(rng, 2)));
        ip6_addr_set_zone(ip_2_ip6(&ip), (u8_t)(1 + rng_below(rng, 2)));
    } else {
        IP_ADDR4(&ip, 10, 0, 0, (u8_t)(1 + rng_below(rng, 4)));
    }
    return ip;
}

/**
 * random_ends() - A pcb between ends of which there are few enough to meet again
 * @rng: sequence
 *
 * Return: pcb that is in no table
 */
static struct tcp_pcb random_ends(uint64_t *rng)
{
    int ip6 = rng_below(rng, 2) != 0;

    return (struct tcp_pcb){ .local_ip = random_ip(rng, ip6),
                             .remote_ip = random_ip(rng, ip6),
                             .local_port = (u16_t)(1 + rng_below(rng, 20)),
                             .remote_port = (u16_t)(1 + rng_below(rng, 20)) };
}

/**
 * listed() - Find a connection without the table
 * @ends: pcb with the ends
 *
 * Return: index into pcbs, PCBS: there is none
 */
static uint32_t listed(const struct tcp_pcb *ends)
{
    uint32_t i;

    for (i = 0; i < PCBS; i++) {
        if (pcbs[i] && pcbs[i]->local_port == ends->local_port &&
            pcbs[i]->remote_port == ends->remote_port &&
            ip_addr_eq(&pcbs[i]->local_ip, &ends->local_ip) &&
            ip_addr_eq(&pcbs[i]->remote_ip, &ends->remote_ip)) {
            break;
        }
    }
    return i;
}

/**
 * expect_found() - The table finds what the list does, either way it can be asked
 * @ends: pcb with the ends
 */
static void expect_found(const struct tcp_pcb *ends)
{
    uint32_t i = listed(ends);
    const struct tcp_pcb *pcb = i < PCBS ? pcbs[i] : NULL;

    must(lwext_table_find(&ends->local_ip, ends->local_port, &ends->remote_ip, ends->remote_port) ==
         pcb);
    must(port_tcp_find(&ends->local_ip, ends->local_port, &ends->remote_ip, ends->remote_port) ==
         pcb);
}

/**
 * open_pcb() - Put a new pcb into list and table, if there is none between its ends
 * @ends: pcb with the ends
 */
static void open_pcb(const struct tcp_pcb *ends)
{
    uint32_t i;

    if (listed(ends) < PCBS) {
        return;
    }
    for (i = 0; pcbs[i]; i++) {
        must(i + 1 < PCBS);
    }
    pcbs[i] = malloc(sizeof(*ends));
    must(pcbs[i]);
    *pcbs[i] = *ends;
    port_tcp_opened(pcbs[i]);
}

static void free_pcb(uint32_t i)
{
    if (i < PCBS && pcbs[i]) {
        port_tcp_freed(pcbs[i]);
        free(pcbs[i]);
        pcbs[i] = NULL;
    }
}

/**
 * churn() - Open and free many pcbs and look them up, then free all
 * @seed: of the sequence
 * @steps: how many
 */
static void churn(uint64_t seed, uint32_t steps)
{
    uint64_t rng = mix64(seed);
    uint32_t i, count;

    for (i = 0; i < steps; i++) {
        struct tcp_pcb ends = random_ends(&rng);

        /* More are opened than freed, then the other way round. */
        if (rng_below(&rng, 4) < (i < steps / 2 ? 3u : 1u)) {
            open_pcb(&ends);
        } else {
            free_pcb(listed(&ends));
        }
        expect_found(&ends);
        ends = random_ends(&rng);
        expect_found(&ends);
    }
    for (i = count = 0; i < PCBS; i++) {
        count += pcbs[i] != NULL;
        free_pcb(i);
    }
    ck_assert_uint_gt(count, 100);
}

START_TEST(table_finds_what_is_open_and_nothing_else)
{
    uint32_t heap = heap_used();

    churn(test_seed + (uint64_t)_i, 6000);
    ck_assert_uint_eq(heap_used(), heap);
}
END_TEST

START_TEST(table_without_memory_to_grow_finds_all_the_same)
{
    void *hoard[64 * 1024], *mem;
    uint32_t size, n = 0;

    for (size = 1u << 20; size >= 16; size /= 2) {
        while ((mem = heap_malloc(size)) && n < 64 * 1024) {
            hoard[n++] = mem;
        }
    }
    ck_assert_uint_lt(n, 64 * 1024);
    churn(test_seed, 3000);
    while (n) {
        heap_free(hoard[--n]);
    }
    churn(test_seed, 3000);
}
END_TEST

START_TEST(pcb_that_was_never_open_is_freed)
{
    struct tcp_pcb *pcb = tcp_new(), *found;

    ck_assert_ptr_nonnull(pcb);
    found = lwext_table_find(&pcb->local_ip, 0, &pcb->remote_ip, 0);
    ck_assert_ptr_null(found);
    tcp_abort(pcb);
}
END_TEST

START_TEST(what_stands_in_the_way_of_a_port)
{
    static const struct {
        const char *ip;
        int listener, reuse, time_wait, uses;
    } cases[] = {
        { "10.0.0.1", 0, 0, 0, 1 }, { "10.0.0.1", 1, 0, 0, 1 }, { "0.0.0.0", 1, 0, 0, 1 },
        { "10.0.0.2", 0, 0, 0, 0 }, { "10.0.0.2", 1, 0, 0, 0 }, { "::", 1, 0, 0, 0 },
        { "10.0.0.1", 1, 1, 0, 0 }, { "10.0.0.1", 0, 1, 0, 1 }, { "10.0.0.1", 1, 0, 1, 0 },
        { "10.0.0.1", 0, 0, 1, 1 }, { "0.0.0.0", 1, 1, 1, 0 },
    };
    struct tcp_pcb pcb = { .local_port = 7, .remote_port = 8, .state = ESTABLISHED };
    ip_addr_t ip;

    IP_ADDR4(&pcb.local_ip, 10, 0, 0, 1);
    IP_ADDR4(&pcb.remote_ip, 10, 0, 0, 9);
    if (cases[_i].reuse) {
        ip_set_option(&pcb, SOF_REUSEADDR);
    }
    if (cases[_i].time_wait) {
        pcb.state = TIME_WAIT;
    }
    port_tcp_opened(&pcb);
    ck_assert_int_eq(ipaddr_aton(cases[_i].ip, &ip), 1);
    ck_assert_int_eq(lwext_table_uses(&ip, 7, cases[_i].listener), cases[_i].uses);
    ck_assert_int_eq(lwext_table_uses(&ip, 8, cases[_i].listener), 0);
    port_tcp_freed(&pcb);
    ck_assert_int_eq(lwext_table_uses(&ip, 7, cases[_i].listener), 0);
}
END_TEST

/* --- Ports ---------------------------------------------------------------------------------------- */

/**
 * connect_from() - A connection from a port of our choice
 * @a: to fill in
 * @port: local port
 *
 * Return: error of the answer
 */
static int connect_from(struct app *a, uint16_t port)
{
    struct cmd_socket cmd = socket_command(SOCK_TCP, "127.0.0.1", 80);

    cmd.local = address("127.0.0.1", port);
    return rig_open(a, cmd);
}

START_TEST(port_of_a_connection_is_in_use_until_time_wait_ends)
{
    static struct app again;

    rig_loopback();
    ck_assert_int_eq(rig_open(&listener, socket_command(SOCK_TCP_LISTENER, "127.0.0.1", 80)), 0);
    ck_assert_int_eq(connect_from(&client, 80), ABI_EADDRINUSE);
    ck_assert_int_eq(connect_from(&client, 5000), 0);
    rig_settle();
    ck_assert_int_eq(rig_accept(&server), 1);
    rig_pass(10000);
    ck_assert_int_eq(connect_from(&again, 5000), ABI_EADDRINUSE);
    ck_assert_int_eq(rig_open(&again, socket_command(SOCK_TCP_LISTENER, "127.0.0.1", 5000)),
                     ABI_EADDRINUSE);
    client.shut_at_end = 1;
    rig_pass(1000);
    server.shut_at_end = 1;
    rig_pass(1000);
    ck_assert_int_eq(app_closed(&client), 1);
    ck_assert_int_eq(connect_from(&again, 5000), ABI_EADDRINUSE);
    rig_pass(20000);
    ck_assert_int_eq(connect_from(&again, 5000), 0);
}
END_TEST

START_TEST(ports_chosen_for_connections_differ)
{
    static struct app many[100];
    static uint8_t seen[0x10000];
    uint32_t i;

    rig_loopback();
    ck_assert_int_eq(rig_open(&listener, socket_command(SOCK_TCP_LISTENER, "127.0.0.1", 80)), 0);
    for (i = 0; i < 100; i++) {
        uint16_t port;

        must(rig_open(&many[i], socket_command(SOCK_TCP, "127.0.0.1", 80)) == 0);
        rig_settle();
        port = many[i].pub->local.port;
        must(many[i].bits == SOCK_OPEN && port >= 32768 && port < 61000 && !seen[port]);
        seen[port] = 1;
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tcp_table");
    TCase *tc = tcase_create("table"), *ports = tcase_create("ports");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_checked_fixture(ports, setup, teardown);
    tcase_set_timeout(tc, 120);
    tcase_add_loop_test(tc, table_finds_what_is_open_and_nothing_else, 0, 4);
    tcase_add_test(tc, table_without_memory_to_grow_finds_all_the_same);
    tcase_add_test(tc, pcb_that_was_never_open_is_freed);
    tcase_add_loop_test(tc, what_stands_in_the_way_of_a_port, 0, 11);
    tcase_add_test(ports, port_of_a_connection_is_in_use_until_time_wait_ends);
    tcase_add_test(ports, ports_chosen_for_connections_differ);
    suite_add_tcase(suite, tc);
    suite_add_tcase(suite, ports);
    return run_suite(suite);
}
