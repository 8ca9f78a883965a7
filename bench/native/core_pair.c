/* SPDX-License-Identifier: MIT */
/* core_pair.c - the core built natively: one TCP stream between two stacks on a wire, on one thread
 *
 * usage: core_pair CLIENT.so SERVER.so MTU CHECKSUM(0|1) WARM_MS TIMED_MS
 *
 * Prints {"bytes":…,"ms":…,"packets":…} of the timed part. Every byte is checked while it warms up, the
 * first 64 of what is read at once when it is timed, as bench/lib/content.mjs does.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#include "abi.h"
#include "core_end.h"

#define ARENA_SIZE (256u << 20)
#define DISTANCE (64u << 20) /* between the arena and the libraries above it */
#define SERVER_HOST 2

static double now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec * 1000 + (double)ts.tv_nsec / 1e6;
}

static void die(const char *why)
{
    fprintf(stderr, "core_pair: %s\n", why);
    exit(1);
}

static const struct end_api *load(const char *path)
{
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    const struct end_api *end = library ? dlsym(library, "core_end_api") : NULL;

    if (!end) {
        die(dlerror());
    }
    return end;
}

/**
 * map_arena() - Map memory below both libraries, whose statics must have offsets of 32 bits in it
 * @a: one
 * @b: other
 *
 * Return: its start
 */
static char *map_arena(const struct end_api *a, const struct end_api *b)
{
    uintptr_t low = (uintptr_t)a->statics, high = (uintptr_t)b->statics;
    char *base;

    if (low > high) {
        low = (uintptr_t)b->statics;
        high = (uintptr_t)a->statics;
    }
    base = (char *)((low - ARENA_SIZE - DISTANCE) & ~(uintptr_t)0xffff);
    base = mmap(base, ARENA_SIZE, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED || (uintptr_t)base >= low || high - (uintptr_t)base > 0xfff00000u) {
        die("the arena cannot be mapped below the libraries");
    }
    return base;
}

/**
 * make_pool() - Seeded bytes, and a block of them once more at the end
 *
 * Return: the pool
 */
static uint8_t *make_pool(void)
{
    uint32_t size = BLOCK * POOL_BLOCKS, x = 0x5eed, i;
    uint32_t *words = malloc(size + BLOCK);

    if (!words) {
        die("no memory");
    }
    for (i = 0; i < (size + BLOCK) / 4; i++) {
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        words[i] = i < size / 4 ? x : words[i - size / 4];
    }
    return (uint8_t *)words;
}

/**
 * run() - Stream for a while
 * @client: the sender
 * @server: the receiver
 * @ms: how long
 * @whole: check every byte
 *
 * Return: ms it took
 */
static double run(const struct end_api *client, const struct end_api *server, double ms, int whole)
{
    double start = now_ms(), now = start;

    for (; now - start < ms; now = now_ms()) {
        client->send();
        client->turn(now);
        server->turn(now);
        if (!server->receive(whole)) {
            die("what arrived is not what was sent");
        }
    }
    return now - start;
}

int main(int argc, char **argv)
{
    struct end_setup setup = { .size = ARENA_SIZE, .is_first = 1, .host = 1 };
    const struct end_api *client, *server;
    uint64_t bytes, packets;
    uint32_t turns;
    double ms;

    if (argc != 7) {
        die("wants CLIENT.so SERVER.so MTU CHECKSUM WARM_MS TIMED_MS");
    }
    client = load(argv[1]);
    server = load(argv[2]);
    if (client == server) {
        die("the two libraries are one");
    }
    setup.base = map_arena(client, server);
    setup.pool = make_pool();
    setup.mtu = (uint32_t)strtoul(argv[3], NULL, 10);
    setup.flags = argv[4][0] == '0' ? IFACE_NO_CHECKSUM : 0;
    if (client->start(&setup) != 0) {
        die("no client");
    }
    setup.is_first = 0;
    setup.host = SERVER_HOST;
    if (server->start(&setup) != 0 || client->wire(server->frames()) != 0 ||
        server->wire(client->frames()) != 0 || server->listen() != 0 ||
        client->connect(SERVER_HOST) != 0) {
        die("no connection");
    }
    for (turns = 0; !client->is_open() || !server->is_open(); turns++) {
        if (turns > 100000) {
            die("the connection does not open");
        }
        client->turn(now_ms());
        server->turn(now_ms());
    }
    run(client, server, strtod(argv[5], NULL), 1);
    bytes = server->received();
    packets = client->packets() + server->packets();
    ms = run(client, server, strtod(argv[6], NULL), 0);
    bytes = server->received() - bytes;
    packets = client->packets() + server->packets() - packets;
    printf("{\"bytes\":%llu,\"ms\":%f,\"packets\":%llu}\n", (unsigned long long)bytes, ms,
           (unsigned long long)packets);
    return 0;
}
