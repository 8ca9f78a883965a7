// SPDX-License-Identifier: MIT
// node_datagrams - sockets of UDP of this computer, and what all its sockets have in common
//
// One socket of a gateway is two here, one for each family, which are opened when they are needed.

import type { Datagram, DatagramSocket } from '../api/transport.ts';
import { NetError } from '../errors.ts';
import { builtin } from '../runtime/builtin.ts';
import { formatEndpoint, parseIp } from '../util/address.ts';
import { handled } from '../util/deferred.ts';
import { netErrorOf } from '../util/system_error.ts';

type NodeDgram = import('node:dgram').Socket;
type Rinfo = import('node:dgram').RemoteInfo;

/** Datagrams that wait to be read from one socket, and to be sent. */
const DATAGRAMS = 256;

/** The name of an end, for messages. */
export const nameOf = (host: string, port: number): string => {
  try {
    return formatEndpoint(parseIp(host), port);
  } catch {
    return `${host}:${port}`;
  }
};

/** Chunks of a stream; not every runtime iterates over streams. */
export async function* chunksOf<T>(readable: ReadableStream<T>): AsyncGenerator<T, void> {
  const reader = readable.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    reader.releaseLock();
  }
}

/** The error of a runtime without sockets. */
export function missing(action: string): NetError {
  return new NetError('ENOTSUP', action, { reason: 'this runtime has no sockets' });
}

/** The two sockets of datagrams, one for each family, that are opened when they are needed. */
class NodeDatagrams implements DatagramSocket {
  readonly writable: WritableStream<Datagram>;
  readonly #make: (family: 4 | 6) => Promise<NodeDgram>;
  readonly #sockets = new Map<4 | 6, Promise<NodeDgram>>();
  readonly #readable: ReadableStream<Datagram>;
  #controller: ReadableStreamDefaultController<Datagram> | undefined;
  #isClosed = false;
  localPort: number | undefined;

  constructor(make: (family: 4 | 6) => Promise<NodeDgram>) {
    this.#make = make;
    this.#readable = new ReadableStream<Datagram>(
      {
        start: (controller) => {
          this.#controller = controller;
        },
        cancel: () => this.close(),
      },
      { highWaterMark: DATAGRAMS },
    );
    this.writable = new WritableStream<Datagram>(
      {
        write: (datagram) => this.#send(datagram),
        close: () => this.close(),
        abort: () => this.close(),
      },
      { highWaterMark: DATAGRAMS },
    );
  }

  /** The socket of a family. */
  socket(family: 4 | 6): Promise<NodeDgram> {
    const known = this.#sockets.get(family);
    if (known) return known;
    const made = handled(this.#open(family));
    this.#sockets.set(family, made);
    return made;
  }

  async #open(family: 4 | 6): Promise<NodeDgram> {
    const socket = await this.#make(family);
    socket.on('message', (data: Uint8Array, { address: host, port }: Rinfo) => {
      // A reader that is slow loses the newest, as it would in the kernel.
      if ((this.#controller?.desiredSize ?? 0) > 0) this.#controller?.enqueue({ host, port, data });
    });
    // The failure of one datagram.
    socket.on('error', () => {});
    if (this.#isClosed) socket.close();
    this.localPort ??= socket.address().port;
    return socket;
  }

  async #send({ host, port, data }: Datagram): Promise<void> {
    if (this.#isClosed) throw new NetError('ESHUTDOWN', 'Cannot send', { reason: 'it is closed' });
    try {
      const socket = await this.socket(host.includes(':') ? 6 : 4);
      await new Promise<void>((resolve) => socket.send(data, port, host, () => resolve()));
    } catch {
      // A datagram may be lost; the family is not there, or the network is not.
    }
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#controller?.close();
    this.#controller = undefined;
    for (const made of this.#sockets.values()) {
      await made.then(
        (socket) => {
          try {
            socket.close();
          } catch {
            // It has closed itself.
          }
        },
        () => {},
      );
    }
  }

  [Symbol.asyncIterator](): AsyncIterator<Datagram> {
    return chunksOf(this.#readable);
  }
}

/** Opens a socket of datagrams. */
export async function openNode(
  { host, port = 0 }: { host?: string; port?: number },
  localAddress: string | undefined,
): Promise<DatagramSocket> {
  const dgram = builtin('node:dgram');
  const action = `Cannot open a socket of UDP on ${nameOf(host ?? '::', port)}`;
  if (!dgram) throw missing(action);
  const bound = host ?? localAddress;
  const sockets = new NodeDatagrams(async (family) => {
    const socket = dgram.createSocket(
      family === 4 ? { type: 'udp4' } : { type: 'udp6', ipv6Only: true },
    );
    const isFamily = bound?.includes(':') === (family === 6);
    await new Promise<void>((resolve, reject) => {
      socket.once('error', (error) => reject(netErrorOf(error, action)));
      socket.bind({ port, ...(bound !== undefined && isFamily && { address: bound }) }, resolve);
    });
    return socket;
  });
  // One that is to receive at an address is there before anything is sent.
  if (host !== undefined || port !== 0) await sockets.socket(host?.includes(':') ? 6 : 4);
  return sockets;
}
