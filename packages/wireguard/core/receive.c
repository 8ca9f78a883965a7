/* SPDX-License-Identifier: MIT */
/* receive.c - messages in: handshakes, cookies, data
 *
 * Everything in a message is input until its tag is true. Then its source becomes the endpoint of the peer
 * (roaming). The contents of a packet are still the peer's: its source address must be one of the peer's.
 */

#include <string.h>

#include "allowed.h"
#include "host.h"

static void authentic(struct peer *peer, uint32_t length, const struct endpoint *from, int is_data)
{
    peer->endpoint = *from;
    peer->has_endpoint = 1;
    peer->received_bytes += length;
    timers_received(peer, is_data);
}

static struct peer *find_peer(const uint8_t public_key[KEY_SIZE])
{
    for (uint32_t i = 0; i < device.peer_count; i++) {
        struct peer *peer = device.peers[i];

        if (peer && peer->is_usable && memcmp(peer->public_key, public_key, KEY_SIZE) == 0) {
            return peer;
        }
    }
    return NULL;
}

/* Reads an initiation into a copy of the state; the peer's own changes only if all of it is true. */
static struct peer *read_initiation(const uint8_t *message)
{
    static const char PROLOGUE[] = "WireGuard v1 zx2c4 Jason@zx2c4.com";
    uint8_t remote[KEY_SIZE], timestamp[TIMESTAMP_SIZE];
    struct noise noise;
    struct peer *peer = NULL;

    noise_begin(&noise, (const uint8_t *)PROLOGUE, sizeof(PROLOGUE) - 1, device.public_key);
    if (noise_read_static(&noise, remote, message + 8, device.private_key)) {
        peer = find_peer(remote);
    }
    if (!peer || !noise_read_first(&noise, message + 8, peer->shared, timestamp, TIMESTAMP_SIZE)) {
        drop(DROP_UNAUTHENTIC);
        peer = NULL;
    } else if (memcmp(timestamp, peer->handshake.timestamp, TIMESTAMP_SIZE) <= 0) {
        drop(DROP_REPLAY);
        peer = NULL;
    } else if (peer->handshake.received > 0 &&
               device.now - peer->handshake.received < INITIATION_INTERVAL) {
        drop(DROP_LOAD);
        peer = NULL;
    } else {
        handshake_forget(peer);
        peer->handshake.noise = noise;
        peer->handshake.state = GOT_INITIATION;
        peer->handshake.remote_index = load32(message + 4);
        peer->handshake.received = device.now;
        memcpy(peer->handshake.timestamp, timestamp, TIMESTAMP_SIZE);
    }
    wipe(&noise, sizeof(noise));
    return peer;
}

static void receive_initiation(const uint8_t *message, const struct endpoint *from)
{
    struct peer *peer = read_initiation(message);

    if (peer) {
        authentic(peer, INITIATION_SIZE, from, 0);
        send_response(peer);
    }
}

static void receive_response(const uint8_t *message, const struct endpoint *from)
{
    struct entry *entry = index_find(load32(message + 8));
    struct peer *peer = entry && !entry->session ? entry->peer : NULL;
    struct noise noise;

    if (!peer || peer->handshake.state != SENT_INITIATION) {
        drop(DROP_INDEX);
        return;
    }
    noise = peer->handshake.noise;
    if (!noise_read_second(&noise, message + 12, device.private_key, peer->preshared, NULL, 0)) {
        wipe(&noise, sizeof(noise));
        drop(DROP_UNAUTHENTIC);
        return;
    }
    peer->handshake.noise = noise;
    wipe(&noise, sizeof(noise));
    peer->handshake.remote_index = load32(message + 4);
    authentic(peer, RESPONSE_SIZE, from, 0);
    session_begin(peer, 1);
    timers_handshake_done(peer);
    send_keepalive(peer); /* so that the peer knows that we have the keys */
}

/* Length of the IP packet at the start of a message's contents, 0: there is none. */
static uint32_t ip_length(const uint8_t *packet, uint32_t length)
{
    uint32_t total = 0, least = 0;

    if (length >= 20 && packet[0] >> 4 == 4) {
        least = (packet[0] & 15u) * 4;
        total = packet[2] << 8 | packet[3];
        least = least < 20 ? LARGEST + 1 : least;
    } else if (length >= 40 && packet[0] >> 4 == 6) {
        least = 40;
        total = (uint32_t)(packet[4] << 8 | packet[5]) + 40;
    }
    return total >= least && total <= length ? total : 0;
}

/* A packet that came in a datagram with a mark of congestion has it now (RFC 6040, 4.2). As in Linux, one that knows
 * no ECN is not dropped then. */
static void take_ecn(uint8_t *packet, uint32_t outer)
{
    const int is_v6 = packet[0] >> 4 == 6, shift = is_v6 ? 4 : 0;
    const uint32_t inner = packet[1] >> shift & 3u;
    uint32_t sum;

    if (inner == ECN_NONE || (outer != ECN_CE && (outer != ECN_ECT1 || inner != ECN_ECT0))) {
        return;
    }
    packet[1] = (uint8_t)((packet[1] & ~(3u << shift)) | outer << shift);
    if (!is_v6) { /* RFC 1624: the old value and the complement of the new one */
        sum = (uint32_t)(packet[10] << 8 | packet[11]) + inner + 0xffff - outer;
        sum = (sum & 0xffff) + (sum >> 16);
        packet[10] = (uint8_t)(sum >> 8);
        packet[11] = (uint8_t)sum;
    }
}

static void deliver(struct peer *peer, uint8_t *packet, uint32_t length, uint32_t ecn)
{
    const int is_v6 = packet[0] >> 4 == 6;
    uint32_t total = ip_length(packet, length);

    if (total == 0) {
        drop(DROP_MALFORMED);
    } else if (allowed_find(is_v6, packet + (is_v6 ? 8 : 12)) != peer) {
        drop(DROP_NOT_ALLOWED);
    } else {
        take_ecn(packet, ecn);
        host_deliver(packet, total);
    }
}

/* A session that we began is replaced before it expires even if we only receive. */
static void keep_fresh(struct peer *peer)
{
    const double last = REJECT_AFTER_TIME - KEEPALIVE_TIMEOUT - REKEY_TIMEOUT;
    struct session *session = peer->current;

    if (session && session->is_initiator && !peer->timers.is_last_minute &&
        device.now - session->created > last) {
        peer->timers.is_last_minute = 1;
        send_initiation(peer, 0);
    }
}

static void receive_data(const uint8_t *message, uint32_t length, const struct endpoint *from,
                         uint32_t ecn)
{
    struct entry *entry = index_find(load32(message + 4));
    struct session *session = entry ? entry->session : NULL;
    uint64_t counter = load64(message + 8);
    uint8_t *packet = plain_area;
    struct peer *peer;

    if (!session) {
        drop(DROP_INDEX);
        return;
    }
    peer = entry->peer;
    if (device.now - session->created >= REJECT_AFTER_TIME || counter >= REJECT_AFTER_MESSAGES) {
        drop(DROP_EXPIRED);
        return;
    }
    if (!aead_open(packet, message + HEADER_SIZE, length - HEADER_SIZE, NULL, 0, counter,
                   session->receive_key)) {
        drop(DROP_UNAUTHENTIC);
        return;
    }
    if (!replay_accept(&session->replay, counter)) {
        drop(DROP_REPLAY);
        return;
    }
    authentic(peer, length, from, length > HEADER_SIZE + TAG_SIZE);
    if (session == peer->next) {
        session_promote(peer);
        timers_handshake_done(peer);
        send_staged(peer);
    }
    keep_fresh(peer);
    if (length > HEADER_SIZE + TAG_SIZE) {
        deliver(peer, packet, length - HEADER_SIZE - TAG_SIZE, ecn);
    }
}

/**
 * receive_message() - Take a message; decrypts it into plain_area
 * @message: its bytes
 * @length: how many
 * @from: its source
 * @ecn: of its IP header, 0 where the transport does not tell
 */
void receive_message(const uint8_t *message, uint32_t length, const struct endpoint *from,
                     uint32_t ecn)
{
    uint32_t type = length >= 4 ? load32(message) : 0;
    struct entry *entry;

    if (type == DATA && length >= HEADER_SIZE + TAG_SIZE) {
        receive_data(message, length, from, ecn);
    } else if ((type == INITIATION && length == INITIATION_SIZE) ||
               (type == RESPONSE && length == RESPONSE_SIZE)) {
        enum verdict verdict = device.has_key ? cookie_check(message, length, from) : REFUSED;

        if (verdict == ASK_COOKIE) {
            cookie_reply(message, length, from);
        } else if (verdict == ACCEPTED && type == INITIATION) {
            receive_initiation(message, from);
        } else if (verdict == ACCEPTED) {
            receive_response(message, from);
        }
    } else if (type == COOKIE && length == COOKIE_REPLY_SIZE) {
        entry = index_find(load32(message + 4));
        if (entry) {
            cookie_take(entry->peer, message);
        } else {
            drop(DROP_INDEX);
        }
    } else {
        drop(DROP_MALFORMED);
    }
}
