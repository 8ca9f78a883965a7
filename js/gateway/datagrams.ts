// SPDX-License-Identifier: MIT
// datagrams - a socket of UDP of a runtime as a gateway sees it, and what all sockets of runtimes have in common
//
// One socket of a gateway is two here, one for each family, which are opened when they are needed.

import type { Datagram, DatagramSocket } from '../api/transport.ts';
import { NetError } from '../errors.ts';
import { formatEndpoint, parseIp } from '../util/address.ts';
import { handled } from '../util/deferred.ts';

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

/** A socket of one family. */
export interface FamilySocket {
  readonly port: number;
  /** Sends a datagram; settles when there may be more. */
  send(data: Uint8Array, host: string, port: number): Promise<unknown>;
  /** Closes it. May throw if it is closed. */
  close(): void;
}

/** Opens the socket of a family; `received` takes what comes. */
export type OpenFamily = (
  family: 4 | 6,
  received: (datagram: Datagram) => void,
) => Promise<FamilySocket>;

/** The two sockets of datagrams, one for each family, that are opened when they are needed. */
class FamilyDatagrams implements DatagramSocket {
  readonly writable: WritableStream<Datagram>;
  readonly #make: OpenFamily;
  readonly #sockets = new Map<4 | 6, Promise<FamilySocket>>();
  readonly #readable: ReadableStream<Datagram>;
  #controller: ReadableStreamDefaultController<Datagram> | undefined;
  #isClosed = false;
  localPort: number | undefined;

  constructor(make: OpenFamily) {
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
  socket(family: 4 | 6): Promise<FamilySocket> {
    const known = this.#sockets.get(family);
    if (known) return known;
    const made = handled(this.#open(family));
    this.#sockets.set(family, made);
    return made;
  }

  async #open(family: 4 | 6): Promise<FamilySocket> {
    const socket = await this.#make(family, (datagram) => {
      // A reader that is slow loses the newest, as it would in the kernel.
      if ((this.#controller?.desiredSize ?? 0) > 0) this.#controller?.enqueue(datagram);
    });
    if (this.#isClosed) socket.close();
    this.localPort ??= socket.port;
    return socket;
  }

  async #send({ host, port, data }: Datagram): Promise<void> {
    if (this.#isClosed) throw new NetError('ESHUTDOWN', 'Cannot send', { reason: 'it is closed' });
    try {
      const socket = await this.socket(host.includes(':') ? 6 : 4);
      await socket.send(data, host, port);
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

/** Address and port of a socket of datagrams. */
export interface BoundOptions {
  readonly host?: string;
  readonly port?: number;
}

/** The action of opening one, for messages. */
export const openAction = ({ host = '::', port = 0 }: BoundOptions): string =>
  `Cannot open a socket of UDP on ${nameOf(host, port)}`;

/** Opens a socket of datagrams; `bind` opens one of a family at an address. */
export async function openFamilies(
  { host, port = 0 }: BoundOptions,
  localAddress: string | undefined,
  bind: (
    family: 4 | 6,
    address: string,
    port: number,
    received: (datagram: Datagram) => void,
  ) => Promise<FamilySocket>,
): Promise<DatagramSocket> {
  const bound = host ?? localAddress;
  const sockets = new FamilyDatagrams((family, received) => {
    const isFamily = bound?.includes(':') === (family === 6);
    const any = family === 4 ? '0.0.0.0' : '::';
    return bind(family, bound !== undefined && isFamily ? bound : any, port, received);
  });
  // One that is to receive at an address is there before anything is sent.
  if (host !== undefined || port !== 0) await sockets.socket(host?.includes(':') ? 6 : 4);
  return sockets;
}
