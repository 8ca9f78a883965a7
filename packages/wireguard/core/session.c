/* SPDX-License-Identifier: MIT */
/* session.c - keys in use: begin, promote, expire */

#include <string.h>

#include "device.h"

static void end(struct session **place)
{
    struct session *session = *place;

    *place = NULL;
    if (session) {
        index_remove(&session->entry);
        wipe(session, sizeof(*session));
    }
}

static struct session *free_place(struct peer *peer)
{
    struct session *session = peer->sessions;

    while (session->created > 0) {
        session++;
    }
    return session;
}

/**
 * session_is_usable() - Whether a session may still be used
 * @session: session, or NULL
 *
 * Return: 1 if its keys are neither too old nor used too often
 */
int session_is_usable(const struct session *session)
{
    return session && device.now - session->created < REJECT_AFTER_TIME &&
           session->sent < REJECT_AFTER_MESSAGES;
}

/**
 * handshake_forget() - Wipe the handshake in progress; timestamps stay
 * @peer: peer
 */
void handshake_forget(struct peer *peer)
{
    index_remove(&peer->handshake.entry);
    wipe(&peer->handshake.noise, sizeof(peer->handshake.noise));
    peer->handshake.state = IDLE;
}

/**
 * session_begin() - Make a session of the handshake, which is wiped
 * @peer: peer
 * @is_initiator: it was ours
 *
 * A session that we answered waits as `next` until its peer uses it: only then is it known that the
 * answer arrived.
 */
void session_begin(struct peer *peer, int is_initiator)
{
    uint32_t index = peer->handshake.entry.index;
    struct session *session;

    if (!is_initiator) {
        end(&peer->next);
        end(&peer->previous);
    } else if (peer->next) {
        end(&peer->current);
        end(&peer->previous);
        peer->previous = peer->next;
        peer->next = NULL;
    } else {
        end(&peer->previous);
        peer->previous = peer->current;
    }
    session = free_place(peer);
    if (is_initiator) {
        noise_split(&peer->handshake.noise, session->send_key, session->receive_key);
        peer->current = session;
    } else {
        noise_split(&peer->handshake.noise, session->receive_key, session->send_key);
        peer->next = session;
    }
    session->created = device.now;
    session->is_initiator = is_initiator;
    session->remote_index = peer->handshake.remote_index;
    handshake_forget(peer);
    session->entry = (struct entry){ .peer = peer, .session = session, .index = index };
    index_add(&session->entry);
    set_timer(&peer->timers.forget, device.now + 3 * REJECT_AFTER_TIME);
    peer->timers.is_last_minute = 0;
}

/**
 * session_promote() - The peer has used `next`
 * @peer: peer
 */
void session_promote(struct peer *peer)
{
    end(&peer->previous);
    peer->previous = peer->current;
    peer->current = peer->next;
    peer->next = NULL;
}

/**
 * session_forget() - Wipe all keys that change
 * @peer: peer
 */
void session_forget(struct peer *peer)
{
    end(&peer->current);
    end(&peer->previous);
    end(&peer->next);
    handshake_forget(peer);
}
