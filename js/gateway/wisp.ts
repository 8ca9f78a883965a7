// SPDX-License-Identifier: MIT
// wisp - many connections over one WebSocket: the Wisp protocol, versions 1.2 and 2
//
// Theory of operation
//
// A packet is a type, a stream number, and a payload (little-endian). The server's CONTINUE for stream 0 says how many
// packets each TCP stream may have on the way; one for a stream sets that anew. Nothing holds the server off
// (js/gateway/pushed.ts bounds it), and CLOSE ends both ways, so there is no half close.
//
// Version 2: the server sends INFO, and gets one. With the extension of confirmations it says by a CONTINUE when a
// stream is open: only then connect() settles. Without it, connect() settles at once, and a refusal is a reset later.
//
// The WebSocket is opened with the first stream, and again after it failed. Streams do not outlive it.

import type { Datagram, DatagramSocket, DatagramTransport } from '../api/transport.ts';
import { NetError, type NetErrorCode } from '../errors.ts';
import { any, checkOptions, type Rules } from '../util/check.ts';
import { Deferred, handled } from '../util/deferred.ts';
import { PushedConnection } from './pushed.ts';
import { OpenSocket, type WebSocketClass } from './socket.ts';
import type { OutboundOptions, OutboundTransport } from './types.ts';

const TYPE = { connect: 1, data: 2, continue: 3, close: 4, info: 5 } as const;
const STREAM = { tcp: 1, udp: 2 } as const;
const EXTENSION = { udp: 1, confirmation: 5 } as const;
const HEADER = 5;
/** ms that a server of version 2 has to send INFO behind its first CONTINUE. */
const INFO_WAIT = 100;
/** Streams of one socket of UDP: one for each destination. */
const STREAMS = 256;
const DATAGRAMS = 256;

/** Reasons to close, as errors; others are the end of the stream. */
const REASONS: Readonly<Record<number, NetErrorCode>> = {
  3: 'ECONNRESET',
  65: 'EINVAL',
  66: 'EHOSTUNREACH',
  67: 'ETIMEDOUT',
  68: 'ECONNREFUSED',
  71: 'ETIMEDOUT',
  72: 'EACCES',
  73: 'EACCES',
};

/** Options of wisp(). */
export interface WispOptions {
  /** Class of WebSockets. @default that of the runtime */
  readonly WebSocket?: WebSocketClass;
  /** Subprotocols to offer; some servers of version 2 want one. @default none */
  readonly protocols?: string[];
}

const OPTIONS: Rules<WispOptions> = { WebSocket: any, protocols: any };

/** A stream, as the session calls it. */
interface Stream {
  push(data: Uint8Array): void;
  end(error?: NetError): void;
}

interface TcpStream extends Stream {
  credit: number;
  waiting: Deferred | undefined;
  readonly opened: Deferred;
}

function packet(type: number, id: number, payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(HEADER + payload.length);
  bytes[0] = type;
  new DataView(bytes.buffer).setUint32(1, id, true);
  bytes.set(payload, HEADER);
  return bytes;
}

/** One WebSocket and its streams. */
class Session {
  readonly #streams = new Map<number, Stream | TcpStream>();
  readonly #ready = new Deferred();
  #socket: OpenSocket | undefined;
  #ids = 0;
  #credit = 0;
  #extensions: ReadonlySet<number> | undefined;
  #hasCredit = false;
  #failure: NetError | undefined;

  /** Opens it; settles when the server has said what it takes. */
  async open(url: string, options: WispOptions, signal?: AbortSignal): Promise<void> {
    handled(this.#ready.promise);
    const early: Uint8Array[] = [];
    const events = {
      // Messages that come before the call below is over wait for it.
      message: (data: Uint8Array) => (this.#socket ? this.#take(data) : early.push(data)),
      ended: (error: NetError) => this.#end(error),
    };
    const { WebSocket, protocols } = options;
    this.#socket = await OpenSocket.open(url, WebSocket, protocols, events, signal);
    for (const data of early) this.#take(data);
    await this.#ready.promise;
  }

  get isOver(): boolean {
    return this.#failure !== undefined;
  }

  /** Datagrams are taken: version 1 does not say. */
  get hasUdp(): boolean {
    return this.#extensions?.has(EXTENSION.udp) ?? true;
  }

  #end(error: NetError): void {
    this.#failure = error;
    this.#ready.reject(error);
    for (const stream of [...this.#streams.values()]) stream.end(error);
    this.#streams.clear();
  }

  #take(data: Uint8Array): void {
    if (data.length < HEADER) return;
    const view = new DataView(data.buffer, data.byteOffset, data.length);
    const id = view.getUint32(1, true);
    const payload = data.subarray(HEADER);
    const stream = this.#streams.get(id);
    switch (data[0]) {
      case TYPE.data:
        stream?.push(payload.slice());
        return;
      case TYPE.continue:
        if (payload.length >= 4) this.#continue(id, view.getUint32(HEADER, true));
        return;
      case TYPE.close:
        this.#closed(id, payload[0] ?? 1);
        return;
      case TYPE.info:
        if (id === 0) this.#info(payload);
        return;
      default:
    }
  }

  #continue(id: number, credit: number): void {
    if (id !== 0) {
      const stream = this.#streams.get(id);
      if (!stream || !('credit' in stream)) return;
      stream.credit = credit;
      stream.opened.resolve();
      stream.waiting?.resolve();
      stream.waiting = undefined;
      return;
    }
    this.#credit = credit;
    this.#hasCredit = true;
    if (this.#extensions) this.#ready.resolve();
    else setTimeout(() => this.#ready.resolve(), INFO_WAIT);
  }

  #info(payload: Uint8Array): void {
    const view = new DataView(payload.buffer, payload.byteOffset, payload.length);
    const found = new Set<number>();
    for (let at = 2; at + 5 <= payload.length; ) {
      found.add(payload[at] as number);
      at += 5 + view.getUint32(at + 1, true);
    }
    this.#extensions = found;
    const ours = [EXTENSION.udp, EXTENSION.confirmation].filter((one) => found.has(one));
    this.#send(TYPE.info, 0, Uint8Array.of(2, 0, ...ours.flatMap((one) => [one, 0, 0, 0, 0])));
    if (this.#hasCredit) this.#ready.resolve();
  }

  #closed(id: number, reason: number): void {
    const code = REASONS[reason];
    const error = code && new NetError(code, 'Cannot use the connection');
    if (id === 0) {
      this.#end(error ?? new NetError('EPROTO', 'Cannot use the wisp server'));
      this.#socket?.close();
      return;
    }
    const stream = this.#streams.get(id);
    this.#streams.delete(id);
    if (!stream) return;
    if ('opened' in stream) {
      stream.opened.reject(error ?? new NetError('ECONNREFUSED', 'Cannot connect'));
      stream.waiting?.resolve();
    }
    stream.end(error);
  }

  #send(type: number, id: number, payload: Uint8Array): void {
    if (!this.#failure) this.#socket?.send(packet(type, id, payload));
  }

  /** Asks for a stream; returns its number. */
  #connect(kind: number, host: string, port: number, stream: Stream): number {
    if (this.#failure) throw this.#failure;
    this.#ids++;
    this.#streams.set(this.#ids, stream);
    const name = new TextEncoder().encode(host);
    this.#send(TYPE.connect, this.#ids, Uint8Array.of(kind, port, port >> 8, ...name));
    return this.#ids;
  }

  #close(id: number): void {
    if (this.#streams.delete(id)) this.#send(TYPE.close, id, Uint8Array.of(2));
  }

  /** Opens a stream of TCP. */
  async tcp(host: string, port: number, signal?: AbortSignal): Promise<PushedConnection> {
    let id = 0;
    const stream: TcpStream = {
      credit: this.#credit,
      waiting: undefined,
      opened: new Deferred(),
      push: (data) => connection.push(data),
      end: (error) => connection.end(error),
    };
    handled(stream.opened.promise);
    const close = (): void => this.#close(id);
    const connection = new PushedConnection(host, port, {
      write: (chunk) => this.#write(id, stream, chunk),
      finish: close,
      abort: close,
    });
    id = this.#connect(STREAM.tcp, host, port, stream);
    if (!this.#extensions?.has(EXTENSION.confirmation)) return connection;
    const abort = (): void => {
      stream.opened.reject(signal?.reason);
      connection.abort();
    };
    signal?.addEventListener('abort', abort, { once: true });
    try {
      await stream.opened.promise;
    } finally {
      signal?.removeEventListener('abort', abort);
    }
    return connection;
  }

  async #write(id: number, stream: TcpStream, chunk: Uint8Array): Promise<void> {
    while (stream.credit === 0 && this.#streams.has(id)) {
      stream.waiting ??= new Deferred();
      await stream.waiting.promise;
    }
    stream.credit--;
    this.#send(TYPE.data, id, chunk);
    await this.#socket?.room();
  }

  /** Opens a stream of UDP: all its datagrams go to one destination. */
  udp(
    host: string,
    port: number,
    stream: Stream,
  ): { send: (data: Uint8Array) => void; close: () => void } {
    const id = this.#connect(STREAM.udp, host, port, stream);
    return {
      send: (data) => this.#send(TYPE.data, id, data),
      close: () => this.#close(id),
    };
  }
}

/** Datagrams over streams, one for each destination. */
class WispDatagrams implements DatagramSocket {
  readonly writable: WritableStream<Datagram>;
  readonly #readable: ReadableStream<Datagram>;
  readonly #streams = new Map<string, ReturnType<Session['udp']>>();
  #controller: ReadableStreamDefaultController<Datagram> | undefined;

  constructor(session: Session) {
    this.#readable = new ReadableStream<Datagram>(
      {
        start: (controller) => {
          this.#controller = controller;
        },
      },
      { highWaterMark: DATAGRAMS },
    );
    this.writable = new WritableStream<Datagram>(
      { write: (datagram) => this.#send(session, datagram) },
      { highWaterMark: DATAGRAMS },
    );
  }

  #send(session: Session, { host, port, data }: Datagram): void {
    const key = `${host} ${port}`;
    let stream = this.#streams.get(key);
    if (!stream) {
      stream = session.udp(host, port, {
        push: (bytes) => {
          const controller = this.#controller;
          if ((controller?.desiredSize ?? 0) > 0) controller?.enqueue({ host, port, data: bytes });
        },
        end: () => void this.#streams.delete(key),
      });
      this.#streams.set(key, stream);
      const [oldest] = this.#streams;
      if (this.#streams.size > STREAMS && oldest) {
        this.#streams.delete(oldest[0]);
        oldest[1].close();
      }
    }
    stream.send(data);
  }

  async close(): Promise<void> {
    for (const stream of this.#streams.values()) stream.close();
    this.#streams.clear();
    this.#controller?.close();
    this.#controller = undefined;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Datagram, void> {
    const reader = this.#readable.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  }
}

/**
 * A way out by a Wisp server. It is given names where they are known.
 *
 * @param url - URL of the server, `ws:` or `wss:`; it ends in a slash.
 * @param options - Class and subprotocols.
 * @returns The way out, for connections and datagrams; it has no half close.
 * @throws NetError EINVAL for an unknown option.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { wisp } from 'ringstack/gateway';
 *
 * const way = wisp('wss://wisp.example/');
 * assert.equal(way.takesNames, true);
 * ```
 */
export function wisp(
  url: string,
  options: WispOptions = {},
): OutboundTransport & DatagramTransport {
  checkOptions('Cannot use a wisp server', options, OPTIONS);
  let current: { session: Session; ready: Promise<void> } | undefined;
  const session = async (signal?: AbortSignal): Promise<Session> => {
    if (!current || current.session.isOver) {
      const made = new Session();
      const ready = made.open(url, options, signal);
      current = { session: made, ready };
      ready.catch(() => {
        if (current?.session === made) current = undefined;
      });
    }
    const { session: found, ready } = current;
    await ready;
    return found;
  };
  return {
    takesNames: true,
    connect: async ({ host, port, signal }: OutboundOptions) =>
      (await session(signal)).tcp(host, port, signal),
    async open() {
      const found = await session();
      if (found.hasUdp) return new WispDatagrams(found);
      const reason = 'the server has no UDP';
      throw new NetError('ENOTSUP', 'Cannot open a socket of UDP', { reason });
    },
  };
}
