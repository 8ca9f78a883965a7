// SPDX-License-Identifier: MIT
// qemu_dgram - one frame a datagram, over UDP
//
// Theory of operation
//
// QEMU's `-netdev dgram`, and User-mode Linux's `vec0:transport=…,udp=1` with a `prefix`. What comes
// cannot be held off: it waits in the endpoint's queue, or is dropped. What goes out is handed to the system;
// while so many datagrams are not yet sent that it must be waited for, the endpoint is full.

import { NetError } from '../../errors.ts';
import { builtin } from '../../runtime/builtin.ts';
import { Deferred } from '../../util/deferred.ts';
import { copyInto } from '../frames.ts';
import {
  netErrorOf,
  type Session,
  SessionEndpoint,
  type SessionEvents,
  type SessionOptions,
  whenOpened,
} from '../sessions.ts';

type UdpSocket = import('node:dgram').Socket;

/** Options of openQemuDatagram(). */
export interface DatagramOptions extends Omit<SessionOptions, 'reconnect'> {
  /** Our address. @default '127.0.0.1' */
  readonly localHost?: string;
  /** Our port, which the other side sends to. @default any that is free */
  readonly localPort?: number;
  /** The other side's address. @default '127.0.0.1' */
  readonly host?: string;
  /** The other side's port. */
  readonly port: number;
  /** Stands in front of every frame, both ways; what comes is not compared with it. @default nothing */
  readonly prefix?: Uint8Array;
}

/** Payload of the largest datagram. */
const LARGEST = 65_507;
/** Datagrams on their way to the system. */
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
    // Nobody listens there yet, or the system has no room: that is a network.
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
   * @throws {NetError} EINVAL for an option that is out of range.
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

  /** Our port, which the other side sends to. */
  get localPort(): number {
    return this.#socket.address().port;
  }
}

/**
 * Exchanges frames as datagrams with `-netdev dgram,id=n0,local.type=inet,…,remote.type=inet,…`.
 *
 * @param options - Both addresses.
 * @returns The endpoint, bound.
 * @throws {NetError} ENOTSUP without sockets, EADDRINUSE, EADDRNOTAVAIL and others of the system; or the
 *   signal's reason.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { openQemuDatagram } from 'ringstack/qemu';
 *
 * // Ports below those that the system gives away by itself.
 * await using one = await openQemuDatagram({ localPort: 11_001, port: 11_002 });
 * await using other = await openQemuDatagram({ localPort: 11_002, port: 11_001 });
 * const reader = one.readable.getReader();
 * await other.writable.getWriter().write(Uint8Array.of(1, 2, 3));
 * assert.deepEqual((await reader.read()).value, Uint8Array.of(1, 2, 3));
 * ```
 */
export async function openQemuDatagram(options: DatagramOptions): Promise<DatagramEndpoint> {
  const dgram = builtin('node:dgram');
  if (!dgram) {
    const reason = 'this runtime has no sockets';
    throw new NetError('ENOTSUP', 'Cannot open a datagram link', { reason });
  }
  options.signal?.throwIfAborted();
  const { localHost = '127.0.0.1' } = options;
  const socket = dgram.createSocket(localHost.includes(':') ? 'udp6' : 'udp4');
  return whenOpened(new DatagramEndpoint(socket, options), options.signal);
}
