// SPDX-License-Identifier: MIT
// ping - ping sessions: echo requests and their replies over an ICMP socket of C
//
// Theory of operation
//
// A session has an ICMP socket with an identifier of its own, so C gives it the replies to its requests and the errors
// about them, and nothing else. One loop reads them and settles the ping that waits with that sequence number. A
// reply counts only if host and payload are those of the request.
//
// An error quotes the request: its IP header and the first eight bytes of the message, which hold the sequence
// number.

import { ICMP_MOST } from '../abi.ts';
import type { PingOptions, PingReply, PingSession, PingSessionOptions } from '../api/icmp.ts';
import type { Channel } from '../control/channel.ts';
import { atCaller, NetError, type NetErrorCode } from '../errors.ts';
import { formatIp, type IpAddress } from '../util/address.ts';
import { any, checkOptions, INT32_MAX, type Rule, type Rules, range, text } from '../util/check.ts';
import { Deferred } from '../util/deferred.ts';
import { showAs } from '../util/inspect.ts';
import { sameBytes } from '../util/same_bytes.ts';
import type { DatagramEnds } from './datagram_ends.ts';
import { familyRule, TTL, ttlRule } from './datagram_rules.ts';
import { IcmpError } from './icmp_error.ts';
import { openIcmpEnds } from './icmp_socket.ts';
import type { Names } from './names.ts';

/** Header of an echo: type, code, checksum, identifier, sequence number. */
export const ECHO_HEADER = 8;
/** Offsets in it. */
export const ECHO_IDENTIFIER = 4;
export const ECHO_SEQUENCE = 6;
const IPV6_HEADER = 40;
const TIMEOUT = 1000;
const INTERVAL = 1000;
const CLOSED = 'icmp ping session closed';
const DEFAULT_PAYLOAD = Uint8Array.from({ length: 56 }, (_, i) => i);

const ms = range(1, INT32_MAX, ' ms');
const bytesRule: Rule = (value) =>
  value instanceof Uint8Array && value.length <= ICMP_MOST - ECHO_HEADER
    ? undefined
    : `a Uint8Array of at most ${ICMP_MOST - ECHO_HEADER} bytes`;

const SESSION: Rules<PingSessionOptions> = {
  host: text,
  timeout: ms,
  ttl: ttlRule,
  localAddress: text,
  family: familyRule,
  interval: range(0, INT32_MAX, ' ms'),
};

const PING: Rules<PingOptions> = {
  timeout: ms,
  payload: bytesRule,
  ttl: ttlRule,
  signal: any,
};

/** Types of messages, by family. */
export const TYPES = {
  4: { request: 8, reply: 0, unreachable: 3, timeExceeded: 11 },
  6: { request: 128, reply: 129, unreachable: 1, timeExceeded: 3 },
} as const;

/**
 * Makes the identifier of a program's echoes.
 *
 * @returns 1 to 65,535: 0 is what C calls a socket without an identifier.
 * @throws Never.
 */
export function randomIdentifier(): number {
  return crypto.getRandomValues(new Uint16Array(1))[0] || 1;
}

/**
 * Builds an echo request; its checksum is made by C.
 *
 * @param family - Of the host.
 * @param identifier - Of the session.
 * @param sequence - Number of the request.
 * @param payload - Comes back in the reply.
 * @returns The message.
 * @throws Never.
 */
export function echoRequest(
  family: 4 | 6,
  identifier: number,
  sequence: number,
  payload: Uint8Array,
): Uint8Array {
  const message = new Uint8Array(ECHO_HEADER + payload.length);
  const view = new DataView(message.buffer);
  view.setUint8(0, TYPES[family].request);
  view.setUint16(ECHO_IDENTIFIER, identifier);
  view.setUint16(ECHO_SEQUENCE, sequence);
  message.set(payload, ECHO_HEADER);
  return message;
}

/**
 * Finds the transport header that an ICMP error quotes.
 *
 * @param family - Of the error.
 * @param message - The error.
 * @returns Protocol and the first eight bytes of the quoted payload; undefined: too little is quoted.
 * @throws Never.
 */
export function quoted(
  family: 4 | 6,
  message: Uint8Array,
): { protocol: number; header: DataView } | undefined {
  const ip = message.subarray(ECHO_HEADER);
  const length = family === 4 ? ((ip[0] ?? 0) & 15) * 4 : IPV6_HEADER;
  if (ip.length < length + 8 || length < 20) return undefined;
  const header = new DataView(ip.buffer, ip.byteOffset + length, 8);
  return { protocol: ip[family === 4 ? 9 : 6] ?? 0, header };
}

/** The code of a NetError for an ICMP error. */
function codeOf(family: 4 | 6, type: number, code: number): NetErrorCode {
  if (
    type === TYPES[family].unreachable &&
    (family === 4 ? code === 3 || code === 2 : code === 4)
  ) {
    return 'ECONNREFUSED';
  }
  const isTooBig = family === 4 ? type === 3 && code === 4 : type === 2;
  return isTooBig ? 'EMSGSIZE' : 'EHOSTUNREACH';
}

/** A ping that waits. */
interface Waiting {
  readonly payload: Uint8Array;
  readonly sent: number;
  readonly reply: Deferred<PingReply>;
}

/** Pings one host. */
class Session implements PingSession {
  readonly host: string;
  readonly identifier: number;
  readonly #ends: DatagramEnds;
  readonly #address: IpAddress;
  /** The host as the sender of a reply: without zone. */
  readonly #sender: string;
  readonly #zone: number;
  readonly #options: PingSessionOptions;
  readonly #waiting = new Map<number, Waiting>();
  #next = 0;
  #isClosed = false;

  constructor(
    ends: DatagramEnds,
    address: IpAddress,
    zone: number,
    identifier: number,
    options: PingSessionOptions,
  ) {
    this.#ends = ends;
    ends.channel.ref(ends.handle, false); // a ping that waits keeps the process alive by its timer
    this.#address = address;
    this.#zone = zone;
    this.#options = options;
    this.host = formatIp(address);
    this.#sender = formatIp({ family: address.family, bytes: address.bytes });
    this.identifier = identifier;
    void this.#read();
  }

  get #family(): 4 | 6 {
    return this.#address.family;
  }

  /** Settles pings until the socket is closed. */
  async #read(): Promise<void> {
    const wait = (): Promise<boolean> =>
      this.#ends.wait().catch((error) => {
        // Nothing of what was sent has left: there is no way to the host.
        for (const { reply } of this.#waiting.values()) reply.reject(error);
        return true;
      });
    while (await wait()) {
      const length = this.#ends.peek();
      if (length < 0) continue;
      const from = this.#ends.record.sender.host;
      const { ttl } = this.#ends.record;
      const message = this.#ends.copy(length);
      this.#ends.release();
      this.#take(from, ttl, message);
    }
    for (const { reply } of this.#waiting.values()) reply.reject(this.#ends.gone);
    this.#waiting.clear();
  }

  #take(from: string, ttl: number, message: Uint8Array): void {
    const [type = 0, code = 0] = message;
    const now = performance.now();
    if (type === TYPES[this.#family].reply) {
      const sequenceNumber = new DataView(message.buffer, message.byteOffset).getUint16(
        ECHO_SEQUENCE,
      );
      const waiting = this.#waiting.get(sequenceNumber);
      const payload = message.slice(ECHO_HEADER);
      if (!waiting || from !== this.#sender || !sameBytes(payload, waiting.payload)) return;
      const { host, identifier } = this;
      const roundTripTime = now - waiting.sent;
      waiting.reply.resolve({ host, identifier, sequenceNumber, payload, roundTripTime, ttl });
      return;
    }
    const sequence = quoted(this.#family, message)?.header.getUint16(ECHO_SEQUENCE) ?? -1;
    const action = `Cannot ping ${this.host}`;
    this.#waiting
      .get(sequence)
      ?.reply.reject(new IcmpError(codeOf(this.#family, type, code), action, from, type, code));
  }

  async ping(options: PingOptions = {}): Promise<PingReply> {
    const action = `Cannot ping ${this.host}`;
    checkOptions(action, options, PING);
    const { payload = DEFAULT_PAYLOAD, ttl, signal } = options;
    const timeout = options.timeout ?? this.#options.timeout ?? TIMEOUT;
    signal?.throwIfAborted();
    if (this.#ends.gone) throw atCaller(this.#ends.gone);
    const sequence = this.#next;
    this.#next = (this.#next + 1) & 0xffff;
    const reply = new Deferred<PingReply>();
    const timer = setTimeout(() => {
      const reason = `icmp ping timed out: ${this.host}`;
      reply.reject(new NetError('ETIMEDOUT', action, { reason }));
    }, timeout);
    const onAbort = (): void => reply.reject(signal?.reason);
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      const request = echoRequest(this.#family, this.identifier, sequence, payload);
      const where = { to: this.#address, zone: this.#zone, ...(ttl !== undefined && { ttl }) };
      this.#waiting.set(sequence, { payload, sent: performance.now(), reply });
      this.#ends.send(request, where).catch((error) => reply.reject(error));
      return await reply.promise;
    } catch (error) {
      throw atCaller(error);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      this.#waiting.delete(sequence);
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#ends.close(CLOSED);
  }

  async *[Symbol.asyncIterator](): AsyncIterableIterator<PingReply> {
    const { interval = INTERVAL } = this.#options;
    while (!this.#ends.gone) {
      let reply: PingReply;
      try {
        reply = await this.ping();
      } catch (error) {
        if (this.#isClosed) return;
        throw error;
      }
      yield reply;
      await this.#pause(interval);
    }
  }

  /** Waits so many ms, or until the session is closed. */
  async #pause(time: number): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const over = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, time);
    });
    await Promise.race([over, this.#ends.closed.catch(() => {})]);
    clearTimeout(timer);
  }

  toJSON(): object {
    const { host, identifier } = this;
    return { type: 'ping', host, identifier, isOpen: !this.#ends.gone };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
showAs(Session, 'PingSession');

/**
 * Opens a ping session.
 *
 * @param channel - Of the stack.
 * @param options - The host, and settings.
 * @param names - Names and interfaces of the stack.
 * @returns The session.
 * @throws {NetError} EINVAL, ENOTFOUND, EADDRNOTAVAIL, EMFILE, ENOMEM, ESHUTDOWN.
 */
export async function createPingSession(
  channel: Channel,
  options: PingSessionOptions,
  names: Names,
): Promise<PingSession> {
  checkOptions('Cannot open a ping session', options, SESSION, ['host']);
  const { host, family, localAddress, ttl = TTL } = options;
  const address = await names.resolve(host, family);
  const zone = names.zoneHandle(address);
  const local =
    localAddress === undefined ? undefined : names.address(localAddress, 'Cannot ping from');
  const identifier = randomIdentifier();
  const plan = { family: address.family, identifier, ttl, local };
  const ends = await openIcmpEnds(channel, plan, `Cannot ping ${formatIp(address)}`);
  return new Session(ends, address, zone, identifier, options);
}
