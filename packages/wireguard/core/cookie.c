/* SPDX-License-Identifier: MIT */
/* cookie.c - mac1 and mac2, cookies, and the sources that may handshake under load
 *
 * Theory of operation
 *
 * mac1 says that the sender knows our public key. Each handshake that passes takes a token; there are
 * `rate` tokens a second, and as many at the most. Without one we are under load, for a second at least: a handshake
 * then needs mac2, which only a cookie makes, and a cookie only reaches those at the address that
 * they send from. Of each address five handshakes are taken at once, and twenty a second; addresses of
 * IPv6 count by their /64. A transport without addresses, such as a WebSocket, counts as one.
 */

#include <string.h>

#include "host.h"

#define LOAD_TIME 1000.0
#define SOURCES 512
#define SOURCE_RATE 20.0
#define SOURCE_BURST 5.0

/* Tokens of one address. */
struct source {
    uint64_t name; /* keyed hash */
    double tokens;
    double at;
};

static struct source sources[SOURCES];

static void label(uint8_t out[HASH_SIZE], const char *text, const uint8_t key[KEY_SIZE])
{
    struct blake2s s;

    blake2s_init(&s, HASH_SIZE, NULL, 0);
    blake2s_update(&s, text, 8);
    blake2s_update(&s, key, KEY_SIZE);
    blake2s_final(&s, out);
}

/**
 * cookie_keys() - The keys of a side's handshake messages and cookies
 * @cookie: where they go
 * @public_key: of the side that receives the messages
 */
void cookie_keys(struct cookie *cookie, const uint8_t public_key[KEY_SIZE])
{
    label(cookie->mac1_key, "mac1----", public_key);
    label(cookie->reply_key, "cookie--", public_key);
}

/**
 * cookie_sign() - Add mac1, and mac2 if there is a cookie
 * @peer: receiver
 * @message: handshake message
 * @length: its bytes
 */
void cookie_sign(struct peer *peer, uint8_t *message, uint32_t length)
{
    struct cookie *cookie = &peer->cookie;
    uint8_t *mac1 = message + length - MACS_SIZE, *mac2 = mac1 + COOKIE_SIZE;

    blake2s_mac(mac1, COOKIE_SIZE, cookie->mac1_key, HASH_SIZE, message, length - MACS_SIZE);
    memcpy(cookie->mac1, mac1, COOKIE_SIZE);
    cookie->is_asked = 1;
    memset(mac2, 0, COOKIE_SIZE);
    if (cookie->got > 0 && device.now - cookie->got < COOKIE_LIFE - COOKIE_LATENCY) {
        blake2s_mac(mac2, COOKIE_SIZE, cookie->value, COOKIE_SIZE, message, length - COOKIE_SIZE);
    }
}

/* The cookie of an address, which changes every two minutes. */
static void cookie_of(uint8_t out[COOKIE_SIZE], const struct endpoint *from)
{
    if (device.secret_made == 0 || device.now - device.secret_made >= COOKIE_LIFE) {
        host_random(device.secret, sizeof(device.secret));
        device.secret_made = device.now;
    }
    blake2s_mac(out, COOKIE_SIZE, device.secret, HASH_SIZE, from, sizeof(*from));
}

/* Takes a token of an address; 0: there is none. */
static int source_take(const struct endpoint *from)
{
    struct endpoint who = *from;
    struct source *source;
    uint64_t name;

    who.port = 0;
    if (who.family == 6) {
        memset(who.address + 8, 0, 8);
    }
    blake2s_mac((uint8_t *)&name, sizeof(name), device.own.mac1_key, HASH_SIZE, &who, sizeof(who));
    source = &sources[name % SOURCES];
    if (source->name != name) { /* at most 512 addresses: another that was there may begin anew */
        source->name = name;
        source->tokens = SOURCE_BURST;
        source->at = device.now;
    }
    source->tokens += (device.now - source->at) * SOURCE_RATE / 1000;
    source->tokens = source->tokens < SOURCE_BURST ? source->tokens : SOURCE_BURST;
    source->at = device.now;
    if (source->tokens < 1) {
        return 0;
    }
    source->tokens -= 1;
    return 1;
}

/* Whether there are more handshakes than we want to compute. */
static int is_under_load(void)
{
    device.tokens += (device.now - device.tokens_at) * device.rate / 1000;
    device.tokens = device.tokens < device.rate ? device.tokens : device.rate;
    device.tokens_at = device.now;
    if (device.tokens < 1) {
        device.load_until = device.now + LOAD_TIME;
    }
    if (device.now < device.load_until) {
        return 1;
    }
    device.tokens -= 1;
    return 0;
}

/**
 * cookie_check() - Whether to compute a handshake
 * @message: handshake message
 * @length: its bytes
 * @from: its source
 *
 * Return: ACCEPTED, ASK_COOKIE: answer with a cookie, REFUSED: dropped and counted
 */
enum verdict cookie_check(const uint8_t *message, uint32_t length, const struct endpoint *from)
{
    const uint8_t *mac1 = message + length - MACS_SIZE, *mac2 = mac1 + COOKIE_SIZE;
    uint8_t mac[COOKIE_SIZE], cookie[COOKIE_SIZE];

    blake2s_mac(mac, COOKIE_SIZE, device.own.mac1_key, HASH_SIZE, message, length - MACS_SIZE);
    if (!same_bytes(mac, mac1, COOKIE_SIZE)) {
        drop(DROP_MAC);
        return REFUSED;
    }
    if (!is_under_load()) {
        return ACCEPTED;
    }
    cookie_of(cookie, from);
    blake2s_mac(mac, COOKIE_SIZE, cookie, COOKIE_SIZE, message, length - COOKIE_SIZE);
    if (!same_bytes(mac, mac2, COOKIE_SIZE)) {
        return ASK_COOKIE;
    }
    if (source_take(from)) {
        return ACCEPTED;
    }
    drop(DROP_LOAD);
    return REFUSED;
}

/**
 * cookie_reply() - Answer a handshake message with a cookie
 * @message: it
 * @length: its bytes
 * @to: its source
 */
void cookie_reply(const uint8_t *message, uint32_t length, const struct endpoint *to)
{
    uint8_t reply[COOKIE_REPLY_SIZE], cookie[COOKIE_SIZE];

    store32(reply, COOKIE);
    memcpy(reply + 4, message + 4, 4);
    host_random(reply + 8, XNONCE_SIZE);
    cookie_of(cookie, to);
    xaead_seal(reply + 32, cookie, COOKIE_SIZE, message + length - MACS_SIZE, COOKIE_SIZE,
               reply + 8, device.own.reply_key);
    device.sent_cookies++;
    host_transmit(reply, sizeof(reply), to, ECN_NONE);
}

/**
 * cookie_take() - Take the cookie that answers our latest handshake message
 * @peer: its sender
 * @message: cookie reply
 */
void cookie_take(struct peer *peer, const uint8_t *message)
{
    struct cookie *cookie = &peer->cookie;

    if (!cookie->is_asked ||
        !xaead_open(cookie->value, message + 32, COOKIE_SIZE + TAG_SIZE, cookie->mac1, COOKIE_SIZE,
                    message + 8, cookie->reply_key)) {
        drop(DROP_UNAUTHENTIC);
        return;
    }
    cookie->is_asked = 0;
    cookie->got = device.now;
}
