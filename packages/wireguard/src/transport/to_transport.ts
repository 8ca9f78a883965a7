// SPDX-License-Identifier: MIT
// to_transport - makes a transport of whatever carries datagrams
//
// Theory of operation
//
// A transport that reads from a ring waits for the tun before it takes the next datagram, and has the tun wait for
// the ring that it writes to: nothing is lost between two stacks. All others push what comes, and drop what
// does not fit: a queue in front of a slow socket would only grow.

import type { DatagramTransport, UdpSocket } from 'ringstack';
import { NetError } from '../../../../js/errors.ts';
import type { WireGuardTransport } from '../types.ts';
import { type DenoDatagramConnLike, DenoTransport } from './deno.ts';
import { type DgramSocketLike, DgramTransport } from './dgram.ts';
import { type MessageSocketLike, MessageTransport } from './message.ts';
import { StackUdpTransport } from './stack_udp.ts';
import { type DatagramStreams, StreamTransport } from './streams.ts';

/** Bytes that wait in a WebSocket at the most. */
const BUFFERED = 256 * 1024;

/** Options of toTransport(). */
export interface ToTransportOptions {
  /** Port for a transport that still has to be opened, 0 to 65535. @default a random one */
  readonly port?: number;
  /** Bytes that may wait in a WebSocket or data channel before datagrams are dropped. @default 262144 */
  readonly buffered?: number;
  /** For a pair of streams: they carry bytes to and from one other end, without addresses. @default false */
  readonly isSession?: boolean;
}

const has = (value: object, ...names: string[]): boolean => names.every((name) => name in value);

/** Opens a transport of services, such as stack.udp, and closes it in the end. */
async function opened(from: DatagramTransport, port: number): Promise<WireGuardTransport> {
  const socket = await from.open({ port });
  const inner = (await toTransport(socket)) as WireGuardTransport;
  const stop = inner.stop.bind(inner);
  return Object.assign(inner, {
    stop: async (): Promise<void> => {
      await stop();
      await socket.close().catch(() => {});
    },
  });
}

/**
 * Makes a transport of whatever carries datagrams. createWireGuard() does so by itself.
 *
 * @param from - A UDP socket of a stack, of `node:dgram` (bound) or of Deno; a WebSocket or RTCDataChannel; `stack.udp`, which is
 *   opened, and closed in the end; a pair of streams; or a transport already.
 * @param options - Port and limit.
 * @returns The transport.
 * @throws {NetError} EINVAL if it is nothing of these; what opening it fails with.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { createSocket } from 'node:dgram';
 * import { toTransport } from 'ringstack-wireguard';
 *
 * const socket = createSocket('udp4');
 * await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
 * const transport = await toTransport(socket);
 * assert.equal(transport.localPort, socket.address().port);
 * socket.close();
 * ```
 */
export async function toTransport(
  from: object,
  options: ToTransportOptions = {},
): Promise<WireGuardTransport> {
  const { port = 0, buffered = BUFFERED } = options;
  if (typeof from === 'object' && from !== null) {
    if (has(from, 'getRingReader', 'getRingWriter', 'localPort')) {
      return new StackUdpTransport(from as UdpSocket);
    }
    if (has(from, 'start', 'stop', 'send', 'room')) return from as WireGuardTransport;
    if (has(from, 'open')) return opened(from as DatagramTransport, port);
    if (has(from, 'bufferedAmount', 'readyState')) {
      return new MessageTransport(from as MessageSocketLike, buffered);
    }
    if (has(from, 'on', 'off', 'address')) return new DgramTransport(from as DgramSocketLike);
    if (has(from, 'receive', 'send', 'addr')) {
      return new DenoTransport(from as DenoDatagramConnLike);
    }
    if (has(from, 'readable', 'writable'))
      return new StreamTransport(from as DatagramStreams, options.isSession ?? false);
  }
  throw new NetError('EINVAL', 'Cannot use this transport', {
    reason: 'must be a socket of datagrams, a WebSocket, a data channel, or a pair of streams',
  });
}
