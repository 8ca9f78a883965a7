/* SPDX-License-Identifier: MIT */
/* send.c - handshake messages and data out; packets that wait for a session
 *
 * A packet lies in out_area behind room for the header, and is sealed there. One that has no session yet is copied to a
 * list of its peer, which keeps the latest 128.
 */

#include <string.h>

#include "host.h"
#include "memory.h"

static void transmit(struct peer *peer, const uint8_t *message, uint32_t length, uint32_t ecn)
{
    if (peer->has_endpoint) {
        peer->sent_bytes += length;
        host_transmit(message, length, &peer->endpoint, ecn);
    }
}

/* ECN of the packet inside is that of the datagram (RFC 6040, 4.1, normal mode). */
static uint32_t ecn_of(const uint8_t *packet, uint32_t length)
{
    if (length == 0) {
        return ECN_NONE;
    }
    return (packet[0] >> 4 == 6 ? packet[1] >> 4 : packet[1]) & 3u;
}

static void new_ephemeral(struct noise *noise)
{
    host_random(noise->ephemeral, KEY_SIZE);
    x25519_clamp(noise->ephemeral);
}

/**
 * send_initiation() - Begin a handshake, unless one began less than 5 s ago
 * @peer: peer
 * @is_retry: the one before had no answer
 */
void send_initiation(struct peer *peer, int is_retry)
{
    static const char PROLOGUE[] = "WireGuard v1 zx2c4 Jason@zx2c4.com";
    struct handshake *handshake = &peer->handshake;
    uint8_t message[INITIATION_SIZE], timestamp[TIMESTAMP_SIZE];

    if (!is_retry) {
        peer->timers.attempts = 0;
    }
    if (!device.has_key || !peer->is_usable ||
        (handshake->sent > 0 && device.now - handshake->sent < REKEY_TIMEOUT)) {
        return;
    }
    handshake->sent = device.now;
    handshake_forget(peer);
    noise_begin(&handshake->noise, (const uint8_t *)PROLOGUE, sizeof(PROLOGUE) - 1,
                peer->public_key);
    new_ephemeral(&handshake->noise);
    host_timestamp(timestamp);
    if (!noise_write_first(&handshake->noise, message + 8, device.public_key, peer->public_key,
                           peer->shared, timestamp, TIMESTAMP_SIZE)) {
        handshake_forget(peer);
        return;
    }
    handshake->entry = (struct entry){ .peer = peer };
    index_add(&handshake->entry);
    handshake->state = SENT_INITIATION;
    store32(message, INITIATION);
    store32(message + 4, handshake->entry.index);
    cookie_sign(peer, message, sizeof(message));
    device.sent_initiations++;
    timers_sent(peer, 0);
    transmit(peer, message, sizeof(message), ECN_NONE);
    timers_initiated(peer);
}

/**
 * send_response() - Answer the initiation that was read; begins a session
 * @peer: peer
 */
void send_response(struct peer *peer)
{
    struct handshake *handshake = &peer->handshake;
    uint8_t message[RESPONSE_SIZE];

    new_ephemeral(&handshake->noise);
    if (!noise_write_second(&handshake->noise, message + 12, peer->public_key, peer->preshared,
                            NULL, 0)) {
        handshake_forget(peer);
        drop(DROP_UNAUTHENTIC);
        return;
    }
    handshake->entry = (struct entry){ .peer = peer };
    index_add(&handshake->entry);
    store32(message, RESPONSE);
    store32(message + 4, handshake->entry.index);
    store32(message + 8, handshake->remote_index);
    cookie_sign(peer, message, sizeof(message));
    session_begin(peer, 0);
    device.sent_responses++;
    timers_sent(peer, 0);
    transmit(peer, message, sizeof(message), ECN_NONE);
}

/* Seals the packet in out_area with the current session and sends it. */
static void seal(struct peer *peer, uint32_t length)
{
    struct session *session = peer->current;
    uint32_t most = peer->most > 0 && peer->most < device.mtu ? peer->most : device.mtu;
    uint32_t padded = (length + 15) & ~15u, ecn = ecn_of(out_area + HEADER_SIZE, length);

    most = length > most ? length : most;
    padded = padded < most ? padded : most;
    memset(out_area + HEADER_SIZE + length, 0, padded - length);
    store32(out_area, DATA);
    store32(out_area + 4, session->remote_index);
    store64(out_area + 8, session->sent);
    aead_seal(out_area + HEADER_SIZE, out_area + HEADER_SIZE, padded, NULL, 0, session->sent,
              session->send_key);
    session->sent++;
    timers_sent(peer, length > 0);
    transmit(peer, out_area, HEADER_SIZE + padded + TAG_SIZE, ecn);
}

/* A session that is old enough is replaced while it still works. */
static void keep_fresh(struct peer *peer)
{
    struct session *session = peer->current;

    if (session && (session->sent > REKEY_AFTER_MESSAGES ||
                    (session->is_initiator && device.now - session->created > REKEY_AFTER_TIME))) {
        send_initiation(peer, 0);
    }
}

static struct packet *new_packet(void)
{
    struct packet *packet = device.free_packets;

    if (packet) {
        device.free_packets = packet->next;
    } else if (device.packets < MAX_PACKETS) {
        packet = memory_take((uint32_t)sizeof(*packet) + device.mtu);
        device.packets += packet != NULL;
    }
    return packet;
}

static struct packet *unstage(struct peer *peer)
{
    struct packet *packet = peer->staged;

    if (packet) {
        peer->staged = packet->next;
        peer->staged_count--;
        packet->next = device.free_packets;
        device.free_packets = packet;
    }
    return packet;
}

/* Copies the packet in out_area to the list of its peer. */
static void stage(struct peer *peer, uint32_t length)
{
    struct packet *packet;

    if (peer->staged_count >= MAX_STAGED) {
        wipe(unstage(peer)->data, device.mtu);
        drop(DROP_NO_SESSION);
    }
    packet = length <= device.mtu ? new_packet() : NULL;
    if (!packet) {
        drop(DROP_NO_SESSION);
        return;
    }
    packet->next = NULL;
    packet->length = length;
    memcpy(packet->data, out_area + HEADER_SIZE, length);
    if (peer->staged) {
        peer->staged_last->next = packet;
    } else {
        peer->staged = packet;
    }
    peer->staged_last = packet;
    peer->staged_count++;
}

/**
 * drop_staged() - Drop the packets that wait
 * @peer: peer
 * @is_counted: they count as dropped
 */
void drop_staged(struct peer *peer, int is_counted)
{
    for (struct packet *packet = unstage(peer); packet; packet = unstage(peer)) {
        wipe(packet->data, device.mtu);
        if (is_counted && packet->length > 0) {
            drop(DROP_NO_SESSION);
        }
    }
}

/**
 * send_staged() - Send the packets that wait, or begin the handshake that they wait for
 * @peer: peer
 */
void send_staged(struct peer *peer)
{
    while (peer->staged && session_is_usable(peer->current)) {
        struct packet *packet = unstage(peer);

        memcpy(out_area + HEADER_SIZE, packet->data, packet->length);
        wipe(packet->data, packet->length);
        seal(peer, packet->length);
    }
    if (peer->staged) {
        send_initiation(peer, 0);
    } else {
        keep_fresh(peer);
    }
}

/**
 * send_packet() - Send the packet in out_area
 * @peer: receiver
 * @length: its bytes, 0: a keepalive
 */
void send_packet(struct peer *peer, uint32_t length)
{
    if (!peer->staged && session_is_usable(peer->current)) {
        seal(peer, length);
        keep_fresh(peer);
        return;
    }
    stage(peer, length);
    send_staged(peer);
}

/**
 * send_keepalive() - Send what waits, or an empty packet
 * @peer: receiver
 */
void send_keepalive(struct peer *peer)
{
    if (peer->staged) {
        send_staged(peer);
    } else {
        send_packet(peer, 0);
    }
}
