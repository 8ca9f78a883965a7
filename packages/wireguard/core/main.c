/* SPDX-License-Identifier: MIT */
/* main.c - the calls of JavaScript (src/core.ts)
 *
 * Arguments that are bytes, and results that are several, lie in an area that both know: struct area.
 */

#include <math.h>
#include <string.h>

#include "allowed.h"
#include "host.h"
#include "memory.h"

#define UDP 17
#define EXPORT __attribute__((visibility("default"), used))

/* Layout of AREA in src/core.ts. */
struct area {
    uint32_t in;  /* address of a datagram that came */
    uint32_t out; /* address of a packet to send */
    uint32_t drops;
    uint32_t sent; /* address of the three counters of handshake messages */
    double due;
    uint8_t key[KEY_SIZE];
    uint8_t preshared[KEY_SIZE];
    struct endpoint endpoint; /* at 88 */
    uint32_t has_endpoint;    /* at 112 */
    uint32_t persistent;      /* s */
    uint64_t received_bytes;  /* at 120 */
    uint64_t sent_bytes;
    double latest_handshake;
    uint32_t staged;    /* at 144 */
    uint32_t is_usable; /* at 148 */
};

struct device device;
uint8_t *out_area, *plain_area;
static uint8_t *in_area;
static struct area area;
static struct peer *free_peers;

static void begin(double now)
{
    device.now = now > device.now ? now : device.now;
}

static void end(void)
{
    area.due = device.due;
}

/* The calls; src/core.ts has what they do and return. */
EXPORT struct area *wg_init(uint32_t heap, uint32_t heap_end, uint32_t mtu, double rate,
                            double now);
EXPORT void wg_key(double now);
EXPORT int wg_peer_add(double now);
EXPORT void wg_peer_set(uint32_t number, uint32_t has_preshared, double now);
EXPORT void wg_peer_get(uint32_t number);
EXPORT void wg_peer_remove(uint32_t number);
EXPORT int wg_allow(uint32_t number, uint32_t is_v6, uint32_t length);
EXPORT void wg_allow_none(void);
EXPORT void wg_send(uint32_t length, double now);
EXPORT void wg_receive(uint32_t length, uint32_t ecn, double now);
EXPORT void wg_tick(double now);
EXPORT void wg_public(void);

struct area *wg_init(uint32_t heap, uint32_t heap_end, uint32_t mtu, double rate, double now)
{
    memory_init(heap, heap_end);
    in_area = memory_take(LARGEST + 1);
    out_area = memory_take(HEADER_SIZE + LARGEST + 1 + 16 + TAG_SIZE);
    plain_area = memory_take(LARGEST + 1);
    if (!in_area || !out_area || !plain_area) {
        return NULL;
    }
    device.mtu = mtu;
    device.rate = device.tokens = rate;
    device.now = device.tokens_at = now;
    device.due = INFINITY;
    area.in = (uint32_t)(uintptr_t)in_area;
    area.out = (uint32_t)(uintptr_t)(out_area + HEADER_SIZE);
    area.drops = (uint32_t)(uintptr_t)device.drops;
    area.sent = (uint32_t)(uintptr_t)&device.sent_initiations;
    end();
    return &area;
}

static void learn_shared(struct peer *peer)
{
    peer->is_usable = x25519(peer->shared, device.private_key, peer->public_key) &&
                      memcmp(peer->public_key, device.public_key, KEY_SIZE) != 0;
}

/* Takes area.key as our private key; sessions of another end. */
void wg_key(double now)
{
    begin(now);
    memcpy(device.private_key, area.key, KEY_SIZE);
    x25519_clamp(device.private_key);
    x25519_public(device.public_key, device.private_key);
    cookie_keys(&device.own, device.public_key);
    device.has_key = 1;
    for (uint32_t i = 0; i < device.peer_count; i++) {
        if (device.peers[i]) {
            session_forget(device.peers[i]);
            device.peers[i]->handshake.sent = 0;
            learn_shared(device.peers[i]);
        }
    }
    memcpy(area.key, device.public_key, KEY_SIZE);
    end();
}

/* Adds a peer with the public key area.key. Returns its number, -1: there are too many, or no memory. */
int wg_peer_add(double now)
{
    struct peer *peer = free_peers;
    uint32_t number = 0;

    begin(now);
    while (number < device.peer_count && device.peers[number]) {
        number++;
    }
    if (peer) {
        free_peers = peer->next_free;
    } else if (number < MAX_PEERS) {
        peer = memory_take(sizeof(*peer));
    }
    if (!peer) {
        return -1;
    }
    peer->next_free = NULL;
    peer->number = number;
    memcpy(peer->public_key, area.key, KEY_SIZE);
    cookie_keys(&peer->cookie, peer->public_key);
    learn_shared(peer);
    device.peers[number] = peer;
    device.peer_count = number < device.peer_count ? device.peer_count : number + 1;
    return (int)number;
}

/* Sets what area says: endpoint if has_endpoint, persistent, and the preshared key if has_preshared. */
void wg_peer_set(uint32_t number, uint32_t has_preshared, double now)
{
    struct peer *peer = device.peers[number];
    double persistent = area.persistent * 1000.0;

    begin(now);
    if (has_preshared) {
        memcpy(peer->preshared, area.preshared, KEY_SIZE);
    }
    if (area.has_endpoint) {
        peer->endpoint = area.endpoint;
        peer->has_endpoint = 1;
    }
    peer->timers.persistent = 0;
    if (persistent > 0 && peer->persistent == 0) {
        peer->persistent = persistent;
        send_keepalive(peer);
    }
    peer->persistent = persistent;
    if (persistent > 0) {
        set_timer(&peer->timers.persistent, device.now + persistent);
    }
    end();
}

/* Writes the state of a peer to area. */
void wg_peer_get(uint32_t number)
{
    const struct peer *peer = device.peers[number];

    memcpy(area.key, peer->public_key, KEY_SIZE);
    memcpy(area.preshared, peer->preshared, KEY_SIZE);
    area.endpoint = peer->endpoint;
    area.has_endpoint = (uint32_t)peer->has_endpoint;
    area.persistent = (uint32_t)(peer->persistent / 1000);
    area.received_bytes = peer->received_bytes;
    area.sent_bytes = peer->sent_bytes;
    area.latest_handshake = peer->latest_handshake;
    area.staged = peer->staged_count;
    area.is_usable = (uint32_t)peer->is_usable;
}

/* Removes a peer and wipes it; the allowed IPs are set anew by the caller. */
void wg_peer_remove(uint32_t number)
{
    struct peer *peer = device.peers[number];

    drop_staged(peer, 0);
    session_forget(peer);
    wipe(peer, sizeof(*peer));
    device.peers[number] = NULL;
    peer->next_free = free_peers;
    free_peers = peer;
}

/* Gives the prefix in area.endpoint.address to a peer. Returns 0: no memory. */
int wg_allow(uint32_t number, uint32_t is_v6, uint32_t length)
{
    return allowed_add((int)is_v6, area.endpoint.address, length, device.peers[number]);
}

/* Takes all allowed IPs from all peers. */
void wg_allow_none(void)
{
    allowed_clear();
}

/* Whether a packet is a message to the peer itself: the socket of the transport is routed into the tunnel. */
static int is_loop(const struct peer *peer, const uint8_t *packet, uint32_t length)
{
    const int is_v6 = packet[0] >> 4 == 6;
    const uint32_t header = is_v6 ? 40 : (packet[0] & 15u) * 4, size = is_v6 ? 16 : 4;

    return packet[is_v6 ? 6 : 9] == UDP && length >= header + 8 &&
           peer->endpoint.family == (is_v6 ? 6 : 4) &&
           memcmp(packet + (is_v6 ? 24 : 16), peer->endpoint.address, size) == 0 &&
           (packet[header + 2] << 8 | packet[header + 3]) == peer->endpoint.port;
}

/* Sends a packet to a peer, or answers it. IPv6 has 1280 bytes on every link: the transport has to see to it. */
static void route(struct peer *peer, const uint8_t *packet, uint32_t length)
{
    const uint32_t least = packet[0] >> 4 == 6 ? LEAST_V6 : 1;
    uint32_t limit;

    if (!peer || !peer->has_endpoint || is_loop(peer, packet, length)) {
        drop(DROP_NO_PEER);
        refuse(packet, length, in_area, 0);
        return;
    }
    limit = host_limit(peer->endpoint.transport);
    peer->most = limit > HEADER_SIZE + TAG_SIZE ? limit - HEADER_SIZE - TAG_SIZE : 1;
    if (length > peer->most && length > least) {
        drop(DROP_TOO_LARGE);
        refuse(packet, length, in_area, peer->most > least ? peer->most : least);
        return;
    }
    send_packet(peer, length);
}

/* Sends the packet at area.out. */
void wg_send(uint32_t length, double now)
{
    const uint8_t *packet = out_area + HEADER_SIZE;
    const int is_v6 = length >= 40 && packet[0] >> 4 == 6;

    begin(now);
    if (device.now >= device.due) { /* what timers send passes out_area */
        memcpy(in_area, packet, length);
        timers_run();
        memcpy(out_area + HEADER_SIZE, in_area, length);
    }
    if (!is_v6 && (length < 20 || packet[0] >> 4 != 4)) {
        drop(DROP_MALFORMED);
    } else {
        route(allowed_find(is_v6, packet + (is_v6 ? 24 : 16)), packet, length);
    }
    end();
}

/* Takes the datagram at area.in, which came from area.endpoint. */
void wg_receive(uint32_t length, uint32_t ecn, double now)
{
    struct endpoint from = area.endpoint;

    begin(now);
    timers_run();
    receive_message(in_area, length, &from, ecn);
    end();
}

/* Does what is due. */
void wg_tick(double now)
{
    begin(now);
    timers_run();
    end();
}

/* Makes the public key of the private key area.key, in its place. */
void wg_public(void)
{
    x25519_public(area.key, area.key);
}
