// SPDX-License-Identifier: MIT
// qemu_dgram - one frame in each datagram, over UDP
//
// Theory of operation
//
// The form of QEMU's `-netdev dgram`, and, with a `prefix`, of User-mode Linux's `vec0:transport=…,udp=1`.
// Received datagrams cannot be paused: they wait in the endpoint's queue, or are dropped. Frames that go
// out are given to the system; while PENDING of them are not sent yet, the endpoint is full.

import { NetError } from '../../errors.ts';
import { builtin } from '../../runtime/builtin.ts';
import { checkOptions, type Rules, text, whole } from '../../util/check.ts';
import { Deferred } from '../../util/deferred.ts';
import { netErrorOf } from '../../util/system_error.ts';
import { copyInto } from '../frame_copy.ts';
import { rule } from '../options.ts';
import {
  type Session,
  SessionEndpoint,
  type SessionEvents,
  type SessionOptions,
  SINGLE_SESSION_RULES,
  whenOpened,
} from '../sessions.ts';

type UdpSocket = import('node:dgram').Socket;

/** Options of openQemuDatagram(). */
export interface DatagramOptions extends Omit<SessionOptions, 'reconnect'> {
  /** Our address. @default '127.0.0.1' */
  readonly localHost?: string;
  /** Our port, to which the peer sends. @default any free port */
  readonly localPort?: number;
  /** Address of the peer. @default '127.0.0.1' */
  readonly host?: string;
  /** Port of the peer. */
  readonly port: number;
  /** Bytes in front of every frame, in both directions. Those of received frames are not compared. @default none */
  readonly prefix?: Uint8Array;
}

const RULES: Rules<DatagramOptions> = {
  ...SINGLE_SESSION_RULES,
  localHost: text,
  localPort: whole(0, 65_535),
  host: text,
  port: whole(1, 65_535),
  prefix: rule((value) => value instanceof Uint8Array, 'a Uint8Array'),
};

/** Payload of the largest datagram. */
const LARGEST = 65_507;
/** Datagrams that the system has not sent yet, at the most. */
const PENDING = 256;

class DatagramSession implements Session {
  readonly #events: SessionEvents;
  readonly #socket: UdpSocket;
  readonly #prefix: Uint8Array;
  #pending = 0;
  #room = new Deferred();
  #isOver = false;

  constructor(events: SessionEvents, socket: UdpSocket, prefix: Uint8Array) {
    this.#events = events;
    this.#socket = socket;
    this.#prefix = prefix;
    socket.on('message', (datagram) => {
      if (datagram.length > prefix.length) events.push(datagram.subarray(prefix.length));
      else events.drop('rx');
    });
  }

  send(frame: Uint8Array): boolean {
    const start = this.#prefix.length;
    if (this.#isOver || start + frame.length > LARGEST) {
      this.#events.drop('tx');
      return true;
    }
    if (this.#pending >= PENDING) return false;
    const datagram = new Uint8Array(start + frame.length);
    datagram.set(this.#prefix);
    copyInto(datagram.subarray(start), frame);
    this.#pending++;
    this.#socket.send(datagram, (error) => this.#sent(error));
    return true;
  }

  #sent(error: Error | null): void {
    this.#pending--;
    // No socket listens there yet, or the system has no room: a network loses frames.
    if (error) this.#events.drop('tx');
    if (this.#pending === PENDING / 2) this.#tellRoom();
  }

  #tellRoom(): void {
    this.#room.resolve();
    this.#room = new Deferred();
  }

  ready(): Promise<void> {
    return this.#pending < PENDING || this.#isOver ? Promise.resolve() : this.#room.promise;
  }

  async close(): Promise<void> {
    this.#isOver = true;
    this.#tellRoom();
    await new Promise<void>((resolve) => this.#socket.close(() => resolve()));
  }
}

/**
 * An endpoint over UDP.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { openQemuDatagram } from 'ringstack/qemu';
 *
 * await using endpoint = await openQemuDatagram({ port: 9 });
 * assert.ok(endpoint.localPort > 0); // for -netdev dgram,…,remote.port=
 * ```
 */
export class DatagramEndpoint extends SessionEndpoint {
  readonly #socket: UdpSocket;

  /**
   * Binds.
   *
   * @param socket - Not bound yet.
   * @param options - Both addresses.
   * @throws {NetError} EINVAL for an option that is unknown or out of range.
   */
  constructor(socket: UdpSocket, options: DatagramOptions) {
    const { localHost = '127.0.0.1', localPort = 0, host = '127.0.0.1', port } = options;
    const { prefix = new Uint8Array() } = options;
    super((events) => {
      const session = new DatagramSession(events, socket, prefix);
      let isConnected = false;
      socket.on('error', (error) => {
        if (!isConnected) events.end(netErrorOf(error, `Cannot bind to ${localHost}:${localPort}`));
      });
      socket.bind(localPort, localHost, () => {
        socket.connect(port, host, () => {
          isConnected = true;
          events.opened();
        });
      });
      return session;
    }, options);
    this.#socket = socket;
  }

  /** Our port, to which the peer sends. */
  get localPort(): number {
    return this.#socket.address().port;
  }
}

/**
 * Exchanges frames as datagrams with `-netdev dgram,id=n0,local.type=inet,…,remote.type=inet,…`.
 *
 * @param options - Both addresses.
 * @returns The endpoint, bound.
 * @throws {NetError} EINVAL, ENOTSUP without sockets, EADDRINUSE, EADDRNOTAVAIL and others of the system; or
 *   the signal's reason.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { openQemuDatagram } from 'ringstack/qemu';
 *
 * // Ports below those that the system assigns by itself.
 * await using one = await openQemuDatagram({ localPort: 11_001, port: 11_002 });
 * await using other = await openQemuDatagram({ localPort: 11_002, port: 11_001 });
 * const reader = one.readable.getReader();
 * await other.writable.getWriter().write(Uint8Array.of(1, 2, 3));
 * assert.deepEqual((await reader.read()).value, Uint8Array.of(1, 2, 3));
 * ```
 */
export async function openQemuDatagram(options: DatagramOptions): Promise<DatagramEndpoint> {
  const action = 'Cannot open a datagram link';
  checkOptions(action, options, RULES, ['port']);
  const dgram = builtin('node:dgram');
  if (!dgram) throw new NetError('ENOTSUP', action, { reason: 'this runtime has no sockets' });
  options.signal?.throwIfAborted();
  const { localHost = '127.0.0.1' } = options;
  const socket = dgram.createSocket(localHost.includes(':') ? 'udp6' : 'udp4');
  return whenOpened(new DatagramEndpoint(socket, options), options.signal);
}
