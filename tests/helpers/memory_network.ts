// SPDX-License-Identifier: MIT
// memory_network - hosts that exchange datagrams and streams in memory, as a transport of ten lines does
//
// A socket has what a service may ask of one and nothing more: it is iterated, written to, and closed.

import type {
  Datagram,
  DatagramSocket,
  DatagramTransport,
  StreamConnection,
  StreamListener,
  StreamTransport,
} from 'ringstack/dns';

/** Values that are iterated as they come. */
class Queue<T> {
  readonly #values: T[] = [];
  #wake: (() => void) | undefined;
  #isEnded = false;

  push(value: T): void {
    if (this.#isEnded) return;
    this.#values.push(value);
    this.#wake?.();
  }

  end(): void {
    this.#isEnded = true;
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void> {
    for (;;) {
      const value = this.#values.shift();
      if (value !== undefined) yield value;
      else if (this.#isEnded) return;
      else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }
}

/** One direction of a connection. */
class Pipe {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
  reset: () => void = () => {};

  constructor() {
    const start = (controller: TransformStreamDefaultController<Uint8Array>): void => {
      this.reset = () => controller.error(new Error('reset'));
    };
    const { readable, writable } = new TransformStream({ start }, { highWaterMark: 4 });
    this.readable = readable;
    this.writable = writable;
  }
}

/** Hosts on one network. */
export class MemoryNetwork {
  readonly #sockets = new Map<string, Queue<Datagram>>();
  readonly #listeners = new Map<string, Queue<StreamConnection>>();
  /** Sockets and connections that are open. */
  open = 0;
  /** Every port that was drawn for a socket. */
  readonly drawn: number[] = [];
  /** Datagrams and connections so far. */
  datagrams = 0;
  connections = 0;
  /** Sees what is sent; false loses it. */
  onDatagram: ((to: Datagram, from: { host: string; port: number }) => boolean) | undefined;

  /** The transports of one host. */
  host(address: string): { udp: DatagramTransport; tcp: StreamTransport } {
    return {
      udp: { open: async (options = {}) => this.#open(address, options.port) },
      tcp: {
        connect: async ({ host, port }) => this.#connect(address, host, port),
        listen: async ({ port }) => this.#listen(address, port),
      },
    };
  }

  /** Delivers a datagram, from any source address. */
  inject(to: { host: string; port: number }, datagram: Datagram): void {
    this.#sockets.get(`${to.host} ${to.port}`)?.push(datagram);
  }

  #open(host: string, given?: number): DatagramSocket {
    let port = given ?? 0;
    while (port === 0 || (given === undefined && this.#sockets.has(`${host} ${port}`))) {
      port = 49_152 + Math.floor(Math.random() * 16_384);
      this.drawn.push(port);
    }
    const key = `${host} ${port}`;
    if (this.#sockets.has(key)) throw new Error(`${key} is taken`);
    const queue = new Queue<Datagram>();
    this.#sockets.set(key, queue);
    this.open++;
    let isOpen = true;
    const writable = new WritableStream<Datagram>({
      write: (datagram) => {
        if (!isOpen) throw new Error('udp socket closed');
        this.datagrams++;
        if (this.onDatagram?.(datagram, { host, port }) === false) return;
        const { data } = datagram;
        this.inject(datagram, { host, port, data: data.slice() });
      },
    });
    const close = async (): Promise<void> => {
      if (!isOpen) return;
      isOpen = false;
      this.open--;
      this.#sockets.delete(key);
      queue.end();
    };
    return { writable, close, [Symbol.asyncIterator]: () => queue[Symbol.asyncIterator]() };
  }

  #listen(host: string, port: number): StreamListener {
    const key = `${host} ${port}`;
    if (this.#listeners.has(key)) throw new Error(`${key} is taken`);
    const queue = new Queue<StreamConnection>();
    this.#listeners.set(key, queue);
    const close = async (): Promise<void> => {
      this.#listeners.delete(key);
      queue.end();
    };
    return { port, close, [Symbol.asyncIterator]: () => queue[Symbol.asyncIterator]() };
  }

  #connect(from: string, host: string, port: number): StreamConnection {
    const listener = this.#listeners.get(`${host} ${port}`);
    if (!listener) throw new Error(`${host}:${port} refuses`);
    this.connections++;
    const there = new Pipe();
    const back = new Pipe();
    listener.push(this.#side(there, back, from));
    return this.#side(back, there, host);
  }

  #side(incoming: Pipe, outgoing: Pipe, remoteAddress: string): StreamConnection {
    const { readable } = incoming;
    const { writable } = outgoing;
    this.open++;
    let isOpen = true;
    const end = (): void => {
      if (isOpen) this.open--;
      isOpen = false;
    };
    return {
      readable,
      writable,
      remoteAddress,
      remotePort: 1,
      close: async () => {
        end();
        await writable.close().catch(() => {});
      },
      abort: () => {
        end();
        incoming.reset();
        outgoing.reset();
      },
      [Symbol.asyncIterator]: () => readable.values({ preventCancel: true }),
    };
  }
}
