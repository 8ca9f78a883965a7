// SPDX-License-Identifier: MIT
// transports - what carries datagrams, in the shape that a WireGuard interface takes
//
// Theory of operation
//
// A transport that reads from a ring waits for the tun before it takes the next datagram, and has the tun wait for
// the ring that it writes to: nothing is lost between two stacks. All others push what comes, and drop what
// does not fit: a queue in front of a slow socket would only grow.

import type { DatagramTransport, UdpSocket } from 'ringstack';
import { NetError } from '../../../js/errors.ts';
import { pauseIfOverdue } from '../../../js/sched/scheduler.ts';
import { Held } from './held.ts';
import type { WireGuardEndpoint, WireGuardSink, WireGuardTransport } from './types.ts';

/** A UDP socket of a stack. */
class StackUdpTransport implements WireGuardTransport {
  readonly #socket: UdpSocket;
  readonly #reader: ReturnType<UdpSocket['getRingReader']>;
  readonly #writer: ReturnType<UdpSocket['getRingWriter']>;
  readonly #held: Held<WireGuardEndpoint | undefined>;
  #to: WireGuardEndpoint | undefined;
  #isOver = false;

  constructor(socket: UdpSocket) {
    this.#socket = socket;
    this.#reader = socket.getRingReader();
    this.#writer = socket.getRingWriter();
    this.#held = new Held(
      (data, to) => this.#put(data, to),
      (length) => this.#writer.ready(length),
    );
  }

  get localPort(): number {
    return this.#socket.localPort;
  }

  start(sink: WireGuardSink): void {
    void this.#read(sink);
  }

  async #read(sink: WireGuardSink): Promise<void> {
    for (;;) {
      try {
        if (!(await this.#reader.ready()) || this.#isOver) break;
        await this.#take(sink);
      } catch (error) {
        // A connected socket says once what ICMP said of it, and goes on.
        const { code } = error as NetError;
        if (!['ECONNREFUSED', 'EHOSTUNREACH', 'EMSGSIZE'].includes(code)) break;
      }
    }
    if (!this.#isOver) sink.ended();
  }

  /** Everything that is there. */
  async #take(sink: WireGuardSink): Promise<void> {
    const reader = this.#reader;
    for (let count = 0; !this.#isOver; count++) {
      const wait = sink.room() ?? (count % 32 === 31 ? pauseIfOverdue() : undefined);
      if (wait) {
        await wait;
        if (this.#isOver) return;
      }
      const data = reader.peek();
      if (!data) return;
      sink.receive(data, reader.remoteAddress, reader.remotePort);
      if (!this.#isOver) reader.release();
    }
  }

  #put(data: Uint8Array, to: WireGuardEndpoint | undefined): boolean {
    if (to && to !== this.#to) {
      this.#writer.to({ ...to });
      this.#to = to;
    }
    const room = this.#writer.reserve(data.length);
    if (!room) return false;
    room.set(data);
    this.#writer.submit();
    return true;
  }

  send(data: Uint8Array, to: WireGuardEndpoint | undefined): boolean {
    return this.#held.push(data, to);
  }

  room(): Promise<void> | undefined {
    return this.#held.room();
  }

  stop(): void {
    this.#isOver = true;
    this.#reader.releaseLock();
    this.#writer.releaseLock();
  }
}

/** As much of a socket of node:dgram as is used. */
export interface DgramSocketLike {
  /** See node:dgram. */
  on(event: 'message', listener: (data: Uint8Array, from: DgramAddress) => void): unknown;
  /** See node:dgram. */
  on(event: 'close' | 'error', listener: (error?: Error) => void): unknown;
  /** See node:dgram. */
  off(event: string, listener: (...values: never[]) => void): unknown;
  /** See node:dgram. */
  send(
    data: Uint8Array,
    port: number,
    host: string,
    done: (error: Error | null, bytes: number) => void,
  ): void;
  /** See node:dgram. */
  address(): { readonly port: number };
}

/** Address of a datagram, as node:dgram has it. */
interface DgramAddress {
  readonly address: string;
  readonly port: number;
}

/** Datagrams that node:dgram has at the most; then the tun waits. */
const DGRAM_PENDING = 256;

/** A bound socket of node:dgram. */
class DgramTransport implements WireGuardTransport {
  readonly #socket: DgramSocketLike;
  #sink: WireGuardSink | undefined;
  #pending = 0;
  #room: { promise: Promise<void>; resolve: () => void } | undefined;
  readonly #onMessage = (data: Uint8Array, from: DgramAddress): void =>
    this.#sink?.receive(data, from.address, from.port);
  readonly #onEnd = (error?: Error): void => this.#sink?.ended(error);

  constructor(socket: DgramSocketLike) {
    this.#socket = socket;
  }

  get localPort(): number | undefined {
    try {
      return this.#socket.address().port;
    } catch {
      return undefined;
    }
  }

  start(sink: WireGuardSink): void {
    this.#sink = sink;
    this.#socket.on('message', this.#onMessage);
    this.#socket.on('close', this.#onEnd);
    this.#socket.on('error', this.#onEnd);
  }

  send(data: Uint8Array, to: WireGuardEndpoint | undefined): boolean {
    if (!to || this.#pending >= 2 * DGRAM_PENDING) return false;
    this.#pending++;
    try {
      // An error of one datagram, such as no route now, is as if it were lost on the way.
      this.#socket.send(data.slice(), to.port, to.host, () => {
        this.#pending--;
        if (this.#pending >= DGRAM_PENDING) return;
        this.#room?.resolve();
        this.#room = undefined;
      });
    } catch {
      this.#pending--;
      return false;
    }
    return true;
  }

  room(): Promise<void> | undefined {
    if (this.#pending < DGRAM_PENDING) return undefined;
    if (!this.#room) {
      let resolve = (): void => {};
      const promise = new Promise<void>((settle) => {
        resolve = settle;
      });
      this.#room = { promise, resolve };
    }
    return this.#room.promise;
  }

  stop(): void {
    this.#socket.off('message', this.#onMessage);
    this.#socket.off('close', this.#onEnd);
    this.#socket.off('error', this.#onEnd);
    this.#sink = undefined;
    this.#room?.resolve();
  }
}

/** As much of a WebSocket or an RTCDataChannel as is used. */
export interface MessageSocketLike {
  /** WebSocket: a number; RTCDataChannel: a word. */
  readonly readyState: number | string;
  /** Bytes that wait. */
  readonly bufferedAmount: number;
  /** Set to 'arraybuffer'. */
  binaryType: string;
  /** Sends a message. */
  send(data: Uint8Array<ArrayBuffer>): void;
  /** See EventTarget. */
  addEventListener(type: string, listener: (event: never) => void): void;
  /** See EventTarget. */
  removeEventListener(type: string, listener: (event: never) => void): void;
}

/** Bytes that wait in a socket at the most. */
const BUFFERED = 256 * 1024;

/** A WebSocket to a relay, or an RTCDataChannel: one datagram a message, no addresses. */
class MessageTransport implements WireGuardTransport {
  readonly isSession = true;
  readonly #socket: MessageSocketLike;
  readonly #most: number;
  #sink: WireGuardSink | undefined;
  readonly #onMessage = ({ data }: { data: unknown }): void => {
    if (data instanceof ArrayBuffer) this.#sink?.receive(new Uint8Array(data));
    else if (ArrayBuffer.isView(data)) {
      this.#sink?.receive(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    }
  };
  readonly #onClose = (): void => this.#sink?.ended();

  constructor(socket: MessageSocketLike, most: number) {
    this.#socket = socket;
    this.#most = most;
    socket.binaryType = 'arraybuffer';
  }

  start(sink: WireGuardSink): void {
    this.#sink = sink;
    this.#socket.addEventListener('message', this.#onMessage);
    this.#socket.addEventListener('close', this.#onClose);
  }

  send(data: Uint8Array<ArrayBuffer>): boolean {
    const { readyState, bufferedAmount } = this.#socket;
    const isOpen = readyState === 1 || readyState === 'open';
    if (!isOpen || bufferedAmount > this.#most) return false;
    try {
      // Not a view of the whole memory: some sockets keep it until it is sent.
      this.#socket.send(data.slice());
      return true;
    } catch {
      return false;
    }
  }

  room(): undefined {
    return undefined;
  }

  stop(): void {
    this.#socket.removeEventListener('message', this.#onMessage);
    this.#socket.removeEventListener('close', this.#onClose);
    this.#sink = undefined;
  }
}

/** A datagram of streams: by name of the sender's address, or the bytes alone. */
type StreamChunk =
  | Uint8Array
  | {
      readonly data: Uint8Array;
      readonly host?: string;
      readonly port?: number;
      readonly remoteAddress?: string;
      readonly remotePort?: number;
    };

/** A pair of streams of datagrams. */
export interface DatagramStreams {
  /** `{ data, host, port }`, `{ data, remoteAddress, remotePort }` (Direct Sockets), or bytes. */
  readonly readable: ReadableStream<unknown>;
  /** The same. */
  readonly writable: WritableStream<unknown>;
}

/** Chunks that wait in a writable stream at the most. */
const STREAM_PENDING = 64;

/** A pair of streams, whatever makes them. */
class StreamTransport implements WireGuardTransport {
  readonly isSession: boolean;
  readonly #reader: ReadableStreamDefaultReader<unknown>;
  readonly #writer: WritableStreamDefaultWriter<unknown>;
  #isDirect = false;
  #pending = 0;
  #isOver = false;

  constructor({ readable, writable }: DatagramStreams, isSession: boolean) {
    this.isSession = isSession;
    this.#reader = readable.getReader();
    this.#writer = writable.getWriter();
    this.#writer.closed.catch(() => {});
  }

  start(sink: WireGuardSink): void {
    void this.#read(sink).then(
      () => this.#isOver || sink.ended(),
      (error: unknown) => this.#isOver || sink.ended(error),
    );
  }

  async #read(sink: WireGuardSink): Promise<void> {
    for (;;) {
      const { done, value } = await this.#reader.read();
      if (done || this.#isOver) return;
      const chunk = value as StreamChunk;
      if (chunk instanceof Uint8Array) sink.receive(chunk);
      else {
        this.#isDirect ||= chunk.remoteAddress !== undefined;
        sink.receive(chunk.data, chunk.host ?? chunk.remoteAddress, chunk.port ?? chunk.remotePort);
      }
      await sink.room();
    }
  }

  send(data: Uint8Array, to: WireGuardEndpoint | undefined): boolean {
    if (this.#pending >= STREAM_PENDING) return false;
    const copy = data.slice();
    const chunk = !to
      ? copy
      : this.#isDirect
        ? { data: copy, remoteAddress: to.host, remotePort: to.port }
        : { data: copy, host: to.host, port: to.port };
    const over = (): void => void this.#pending--;
    this.#pending++;
    this.#writer.write(chunk).then(over, over);
    return true;
  }

  room(): Promise<void> | undefined {
    return this.#pending < STREAM_PENDING / 2 ? undefined : this.#writer.ready.catch(() => {});
  }

  stop(): void {
    this.#isOver = true;
    this.#reader.releaseLock();
    this.#writer.releaseLock();
  }
}

/** As much of a DatagramConn of Deno as is used. */
export interface DenoDatagramConnLike {
  /** Where it listens. */
  readonly addr: { readonly port?: number };
  /** See Deno.DatagramConn. */
  receive(): Promise<[Uint8Array, unknown]>;
  /** See Deno.DatagramConn. */
  send(data: Uint8Array, to: unknown): Promise<number>;
}

/** A DatagramConn of Deno. */
class DenoTransport implements WireGuardTransport {
  readonly #conn: DenoDatagramConnLike;
  #isOver = false;
  #pending = 0;

  constructor(conn: DenoDatagramConnLike) {
    this.#conn = conn;
  }

  get localPort(): number | undefined {
    return this.#conn.addr.port;
  }

  start(sink: WireGuardSink): void {
    void this.#read(sink).catch((error: unknown) => this.#isOver || sink.ended(error));
  }

  async #read(sink: WireGuardSink): Promise<void> {
    while (!this.#isOver) {
      const [data, from] = await this.#conn.receive();
      const { hostname, port } = from as { hostname: string; port: number };
      if (!this.#isOver) sink.receive(data, hostname, port);
    }
  }

  send(data: Uint8Array, to: WireGuardEndpoint | undefined): boolean {
    if (!to || this.#pending >= DGRAM_PENDING) return false;
    const over = (): void => void this.#pending--;
    this.#pending++;
    const address = { transport: 'udp', hostname: to.host, port: to.port };
    this.#conn.send(data.slice(), address).then(over, over);
    return true;
  }

  room(): undefined {
    return undefined;
  }

  stop(): void {
    this.#isOver = true;
  }
}

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
