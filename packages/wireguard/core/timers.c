/* SPDX-License-Identifier: MIT */
/* timers.c - what is due at a time
 *
 * Theory of operation
 *
 * A timer is a time. device.due is not later than the earliest, so that a packet asks one comparison. A
 * timer that was put off leaves it too early; timers_run() then finds nothing to do. The runtime may call
 * late, as hidden pages do: each call does what is due by then, once.
 */

#include "host.h"

#include <math.h>

static double jitter(void)
{
    uint16_t random;

    host_random((uint8_t *)&random, sizeof(random));
    return random * (JITTER / 65536);
}

/**
 * timers_sent() - A message that its receiver can authenticate went out
 * @peer: receiver
 * @is_data: with data, not a keepalive or handshake
 */
void timers_sent(struct peer *peer, int is_data)
{
    peer->timers.keepalive = 0;
    if (is_data && peer->timers.rekey == 0) {
        set_timer(&peer->timers.rekey, device.now + KEEPALIVE_TIMEOUT + REKEY_TIMEOUT + jitter());
    }
    if (peer->persistent > 0) {
        set_timer(&peer->timers.persistent, device.now + peer->persistent);
    }
}

/**
 * timers_received() - An authentic message came
 * @peer: sender
 * @is_data: with data
 */
void timers_received(struct peer *peer, int is_data)
{
    peer->timers.rekey = 0;
    if (is_data) {
        if (peer->timers.keepalive == 0) {
            set_timer(&peer->timers.keepalive, device.now + KEEPALIVE_TIMEOUT);
        } else {
            peer->timers.is_another = 1;
        }
    }
    if (peer->persistent > 0) {
        set_timer(&peer->timers.persistent, device.now + peer->persistent);
    }
}

/**
 * timers_initiated() - An initiation went out
 * @peer: receiver
 */
void timers_initiated(struct peer *peer)
{
    set_timer(&peer->timers.retransmit, device.now + REKEY_TIMEOUT + jitter());
}

/**
 * timers_handshake_done() - Both sides have the keys of a session
 * @peer: peer
 */
void timers_handshake_done(struct peer *peer)
{
    peer->timers.retransmit = 0;
    peer->timers.attempts = 0;
    peer->latest_handshake = device.now;
}

static void retransmit(struct peer *peer)
{
    peer->timers.retransmit = 0;
    if (peer->timers.attempts >= REKEY_ATTEMPTS) {
        peer->timers.keepalive = 0;
        drop_staged(peer, 1);
        if (peer->timers.forget == 0) {
            set_timer(&peer->timers.forget, device.now + 3 * REJECT_AFTER_TIME);
        }
        return;
    }
    peer->timers.attempts++;
    send_initiation(peer, 1);
}

static int is_due(double *timer)
{
    if (*timer == 0 || *timer > device.now) {
        return 0;
    }
    *timer = 0;
    return 1;
}

static void run(struct peer *peer)
{
    struct timers *timers = &peer->timers;

    if (is_due(&timers->forget)) {
        session_forget(peer);
    }
    if (timers->retransmit > 0 && timers->retransmit <= device.now) {
        retransmit(peer);
    }
    if (is_due(&timers->rekey)) {
        send_initiation(peer, 0);
    }
    if (is_due(&timers->keepalive)) {
        send_keepalive(peer);
        if (timers->is_another) {
            timers->is_another = 0;
            set_timer(&timers->keepalive, device.now + KEEPALIVE_TIMEOUT);
        }
    }
    if (is_due(&timers->persistent) && peer->persistent > 0) {
        send_keepalive(peer);
        set_timer(&timers->persistent, device.now + peer->persistent);
    }
}

static void earliest(double timer)
{
    if (timer > 0 && timer < device.due) {
        device.due = timer;
    }
}

/**
 * timers_run() - Do what is due now
 */
void timers_run(void)
{
    if (device.now < device.due) {
        return;
    }
    for (uint32_t i = 0; i < device.peer_count; i++) {
        if (device.peers[i]) {
            run(device.peers[i]);
        }
    }
    device.due = INFINITY;
    for (uint32_t i = 0; i < device.peer_count; i++) {
        struct peer *peer = device.peers[i];

        if (peer) {
            earliest(peer->timers.retransmit);
            earliest(peer->timers.keepalive);
            earliest(peer->timers.rekey);
            earliest(peer->timers.forget);
            earliest(peer->timers.persistent);
        }
    }
}
