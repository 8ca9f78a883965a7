// SPDX-License-Identifier: MIT
// icmp - the public interfaces of ICMP: pings, routes, raw messages

import type { NetworkInterface } from './interface.ts';
import type { KeepsAlive } from './keeps_alive.ts';

/** Options of createPingSession(). */
export interface PingSessionOptions {
  /** Address or name to ping. */
  readonly host: string;
  /** How long a ping waits for its reply, ms, 1 to 2147483647. @default 1000 */
  readonly timeout?: number;
  /** Time to live (IPv6: hop limit) of the requests, 1 to 255. @default 64 */
  readonly ttl?: number;
  /** Address to ping from, one of the stack's. @default chosen by the route */
  readonly localAddress?: string;
  /** Family to prefer where a name has both. */
  readonly family?: 4 | 6;
  /** Time between the pings of `for await`, ms. @default 1000 */
  readonly interval?: number;
}

/** Options of one ping. */
export interface PingOptions {
  /** As in PingSessionOptions. @default that of the session */
  readonly timeout?: number;
  /** Payload, 0 to 65507 bytes (IPv6: 65487). @default 56 bytes, 0 to 55 */
  readonly payload?: Uint8Array;
  /** Time to live of the request, 1 to 255. @default that of the session */
  readonly ttl?: number;
  /** Gives up when aborted, with its reason. */
  readonly signal?: AbortSignal;
}

/** The answer to a ping. */
export interface PingReply {
  /** Address that answered, numeric. */
  readonly host: string;
  /** Identifier of the session. */
  readonly identifier: number;
  /** Number of the request, from 0. */
  readonly sequenceNumber: number;
  /** Payload that came back, which is the one that was sent. */
  readonly payload: Uint8Array;
  /** Time from request to reply, ms, with its fraction. */
  readonly roundTripTime: number;
  /** Time to live the reply came with. */
  readonly ttl: number;
}

/**
 * Pings one host.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { createStack } from 'ringstack';
 *
 * const stack = await createStack();
 * const session = await stack.createPingSession({ host: '127.0.0.1' });
 * const reply = await session.ping();
 * assert.equal(reply.host, '127.0.0.1');
 * assert.equal(reply.payload.length, 56);
 * await stack.close();
 * ```
 */
export interface PingSession extends AsyncDisposable {
  /** Address that is pinged, numeric. */
  readonly host: string;
  /** Identifier of all its requests, chosen at random. */
  readonly identifier: number;
  /**
   * Sends one echo request and waits for its reply.
   *
   * @param options - Timeout, payload, time to live, signal.
   * @returns The reply.
   * @throws {NetError} ETIMEDOUT if none comes; EHOSTUNREACH, ECONNREFUSED or EMSGSIZE if an ICMP error comes instead (`from`
   *   is its sender, `type` and `icmpCode` are its own); EINVAL for a bad option; ESHUTDOWN if the session is closed.
   */
  ping(options?: PingOptions): Promise<PingReply>;
  /**
   * Closes the session; pings that wait fail.
   *
   * @throws Never.
   */
  close(): Promise<void>;
  /**
   * Pings at the session's interval, each when the one before is over.
   *
   * @returns The iterator; leaving the loop closes nothing, and closing the session ends the loop.
   * @throws {NetError} As ping().
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<PingReply>;
}

/** Options of traceroute(). */
export interface TracerouteOptions {
  /** Address or name to trace the way to. */
  readonly host: string;
  /** Hops at the most, 1 to 255. @default 30 */
  readonly maxHops?: number;
  /** Probes of each hop, 1 to 10. @default 3 */
  readonly probes?: number;
  /** How long a probe waits, ms. @default 1000 */
  readonly timeout?: number;
  /** `icmp`: echo requests; `udp`: datagrams to ports from 33434 on. @default 'icmp' */
  readonly method?: 'icmp' | 'udp';
  /** Ends the loop when aborted, with its reason. */
  readonly signal?: AbortSignal;
}

/** The answer to one probe. */
export interface HopReply {
  /** Address that answered. */
  readonly host: string;
  /** ms, with its fraction. */
  readonly roundTripTime: number;
  /** `reply`: the host itself answered. */
  readonly kind: 'time-exceeded' | 'reply' | 'unreachable';
  /** Code of the ICMP error. */
  readonly code?: number;
}

/** One hop of a route. */
export interface Hop {
  /** Its distance, from 1. */
  readonly ttl: number;
  /** One for each probe that was answered. */
  readonly replies: HopReply[];
}

/** One message of ICMP or ICMPv6. */
export interface IcmpMessage {
  /** Received: the sender. To send: an address or a name. */
  host: string;
  /** The whole message; its checksum is made when it is sent and has been checked when it is received. */
  data: Uint8Array;
  /** Received: where it was sent to. To send: the source to use. */
  local?: string;
  /** Received: the interface it came by. To send: the interface it leaves by. */
  interface?: NetworkInterface;
  /** Received: its time to live or hop limit. To send: 1 to 255 instead of the socket's. */
  ttl?: number;
}

/** Options of openIcmp(). */
export interface IcmpSocketOptions {
  /** 4: ICMP, 6: ICMPv6. @default 4 */
  readonly family?: 4 | 6;
  /** Address to bind to, one of the stack's. @default all */
  readonly host?: string;
  /** Binds the socket to one interface. */
  readonly interface?: NetworkInterface;
  /**
   * Receives what guests behind `interface` send to addresses that are not the stack's, which is then not answered, and
   * may send from any. @default false
   */
  readonly transparent?: boolean;
  /** Time to live or hop limit of what is sent, 1 to 255; neighbor discovery wants 255. @default 64 */
  readonly ttl?: number;
  /** Closes the socket when aborted. */
  readonly signal?: AbortSignal;
}

/**
 * A socket for raw messages of ICMP or ICMPv6. It receives every message that comes to the stack; the stack goes on
 * answering echo requests and neighbor solicitations by itself.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { createStack } from 'ringstack';
 *
 * const stack = await createStack();
 * const socket = await stack.openIcmp();
 * await socket.send(new Uint8Array([8, 0, 0, 0, 0, 1, 0, 7]), '127.0.0.1'); // an echo request
 * for await (const { data } of socket) if (data[0] === 0) break; // its reply
 * assert.equal(socket.family, 4);
 * await stack.close();
 * ```
 */
export interface IcmpSocket extends AsyncDisposable, KeepsAlive {
  /** 4 or 6. */
  readonly family: 4 | 6;
  /** Messages as they come. */
  readonly readable: ReadableStream<IcmpMessage>;
  /** Takes messages. */
  readonly writable: WritableStream<IcmpMessage>;
  /** Time to live or hop limit of what is sent. */
  ttl: number;
  /** Settles when the socket is closed; rejects with the error that ended it. */
  readonly closed: Promise<void>;
  /**
   * Sends one message.
   *
   * @param data - The message, its checksum of any value.
   * @param host - Destination.
   * @returns Settles when it is in the send ring.
   * @throws {NetError} EMSGSIZE, EINVAL, ENOTFOUND, ESHUTDOWN.
   */
  send(data: Uint8Array, host: string): Promise<void>;
  /**
   * Waits for one message.
   *
   * @returns The message.
   * @throws {NetError} ESHUTDOWN if the socket is closed.
   */
  receive(): Promise<IcmpMessage>;
  /**
   * Becomes a member of a group.
   *
   * @param group - Multicast address.
   * @param options - The interface.
   * @throws {NetError} As join() of a UDP socket.
   */
  join(group: string, options?: { interface?: NetworkInterface }): Promise<void>;
  /**
   * Undoes join().
   *
   * @param group - As for join().
   * @param options - As for join().
   * @throws {NetError} EADDRNOTAVAIL if the socket is no such member.
   */
  leave(group: string, options?: { interface?: NetworkInterface }): Promise<void>;
  /**
   * Closes the socket; reads end with done.
   *
   * @throws Never.
   */
  close(): Promise<void>;
  /**
   * Iterates over what is received.
   *
   * @returns The iterator; leaving the loop unlocks the readable and closes nothing.
   * @throws {TypeError} If the readable is locked.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<IcmpMessage>;
}

/**
 * Pings of a stack, under the names of tcpip.js 0.4.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { createStack } from 'ringstack';
 *
 * const stack = await createStack();
 * const session = await stack.ping.createSession({ host: '127.0.0.1' });
 * assert.equal((await session.ping()).sequenceNumber, 0);
 * await stack.close();
 * ```
 */
export interface StackPing {
  /**
   * As createPingSession() of the stack.
   *
   * @param options - The host, and settings.
   * @returns The session.
   * @throws {NetError} As createPingSession().
   */
  createSession(options: PingSessionOptions): Promise<PingSession>;
}
