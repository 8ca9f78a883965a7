// SPDX-License-Identifier: MIT
// tcp_connection - connections and listeners: sockets of C as the public objects
//
// Theory of operation
//
// A Connection holds a handle until three things are over: the socket (SOCK_CLOSED, or our FIN
// acknowledged after close()), its readable, and its writable. Then it sends CMD_RELEASE once and
// touches neither rings nor handle again; C frees them. An error of the socket lets the readable
// deliver what had arrived before it fails; writes fail at once.

import {
  ADDR_SIZE,
  CMD_ABORT,
  CMD_DISCARD,
  CMD_KEEPALIVE,
  CMD_KICK,
  CMD_NODELAY,
  CMD_RELEASE,
  CMD_SHARE_SOCK,
  CMD_SHUTDOWN,
  SOCK_CLOSED,
  SOCK_EOF,
  SOCK_LOCAL,
  SOCK_OPEN,
  SOCK_READABLE,
  SOCK_REMOTE,
  SOCK_RX,
  SOCK_SENT,
  SOCK_TX,
  SOCK_WRITABLE,
} from '../abi.ts';
import type { TcpConnection } from '../api/tcp.ts';
import type { ByteRingReader, ByteRingWriter } from '../api/zero_copy.ts';
import { Port, type PortParts, sharePort } from '../control/channel.ts';
import type { Control, Made, SocketEvents } from '../control/commands.ts';
import { readAddress } from '../control/commands.ts';
import { NetError, netErrorFromCode } from '../errors.ts';
import type { SharedMemory } from '../memory/shared_memory.ts';
import { ByteConsumer, ByteProducer } from '../ring.ts';
import { RingReader, RingWriter } from '../streams/byte_access.ts';
import { ByteReadable } from '../streams/byte_readable.ts';
import { ByteWritable } from '../streams/byte_writable.ts';
import { iterate } from '../streams.ts';
import { formatEndpoint, formatIp } from '../util/address.ts';
import { Deferred } from '../util/deferred.ts';

/** Linux's default idle time before keep-alive probes, ms. */
const KEEPALIVE_IDLE = 7_200_000;

/**
 * The ms of a keepAlive option.
 *
 * @param value - ms, true for the usual two hours, false or 0 for none.
 * @returns ms, 0: none.
 * @throws {NetError} EINVAL.
 */
export function keepAliveMs(value: number | boolean | undefined): number {
  if (value === true) return KEEPALIVE_IDLE;
  const ms = value || 0;
  if (!(ms >= 0 && ms <= 0x7fffffff)) {
    throw new NetError('EINVAL', `Cannot use a keepAlive of ${ms} ms`);
  }
  return ms > 0 ? Math.max(1, Math.floor(ms)) : 0;
}

/** One end of a connection, formatted when somebody asks. */
class Endpoint {
  readonly #bytes: Uint8Array;
  #found: { address: string; port: number } | undefined;

  /** Copies a struct addr, since the socket may be freed before anybody asks. */
  constructor({ u8 }: SharedMemory, place: number) {
    this.#bytes = u8.slice(place, place + ADDR_SIZE);
  }

  get #read(): { address: string; port: number } {
    if (!this.#found) {
      const { address, port } = readAddress(new DataView(this.#bytes.buffer), 0);
      this.#found = { address: formatIp(address), port };
    }
    return this.#found;
  }

  get address(): string {
    return this.#read.address;
  }

  get port(): number {
    return this.#read.port;
  }
}

/** A TCP connection. */
export class Connection implements TcpConnection, SocketEvents {
  readonly #control: Control;
  readonly #handle: number;
  readonly #place: number;
  readonly #action: string;
  readonly #rx: ByteReadable;
  readonly #tx: ByteWritable;
  readonly #opened = new Deferred();
  readonly #closed = new Deferred();
  readonly #sent = new Deferred();
  #isOver = false;
  #released = false;
  #closing: Promise<void> | undefined;
  #noDelay: boolean;
  #keepAlive: number;
  #local: Endpoint | undefined;
  #remote: Endpoint | undefined;

  /** action: what errors say could not be done before the connection is open. */
  constructor(control: Control, made: Made, action: string, noDelay: boolean, keepAlive: number) {
    const { arena } = control;
    this.#control = control;
    this.#handle = made.handle;
    this.#place = made.place;
    this.#action = action;
    this.#noDelay = noDelay;
    this.#keepAlive = keepAlive;
    const { pause } = control;
    const kick = (): void => control.send(CMD_KICK, this.#handle);
    this.#rx = new ByteReadable(arena, new ByteConsumer(arena, made.place + SOCK_RX), {
      pause,
      kick,
      finished: () => this.#releaseIfOver(),
      cancelled: (reason) => this.abort(reason),
    });
    this.#tx = new ByteWritable(arena, new ByteProducer(arena, made.place + SOCK_TX), {
      pause,
      kick,
      closed: () => this.#shutdown(),
      aborted: (reason) => this.abort(reason),
    });
    control.register(made.handle, this);
  }

  get readable(): ReadableStream<Uint8Array> {
    return this.#rx.stream;
  }

  get writable(): WritableStream<Uint8Array> {
    return this.#tx.stream;
  }

  getRingReader(): ByteRingReader {
    return new RingReader(this.#rx);
  }

  getRingWriter(): ByteRingWriter {
    return new RingWriter(this.#tx);
  }

  get opened(): Promise<void> {
    return this.#opened.promise;
  }

  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  get localAddress(): string {
    return this.#local?.address ?? '';
  }

  get localPort(): number {
    return this.#local?.port ?? 0;
  }

  get remoteAddress(): string {
    return this.#remote?.address ?? '';
  }

  get remotePort(): number {
    return this.#remote?.port ?? 0;
  }

  get noDelay(): boolean {
    return this.#noDelay;
  }

  set noDelay(on: boolean) {
    this.#noDelay = on;
    if (!this.#released) this.#control.send(CMD_NODELAY, this.#handle, on ? 1 : 0);
  }

  get keepAlive(): number {
    return this.#keepAlive;
  }

  set keepAlive(value: number | boolean) {
    this.#keepAlive = keepAliveMs(value);
    if (!this.#released) this.#control.send(CMD_KEEPALIVE, this.#handle, this.#keepAlive);
  }

  onEvent(bits: number, error: number): void {
    if (this.#released) return;
    if (bits & SOCK_OPEN) this.#open();
    if (bits & SOCK_READABLE) this.#rx.poke();
    if (bits & SOCK_WRITABLE) this.#tx.poke();
    if (bits & SOCK_EOF) this.#rx.end();
    if (bits & SOCK_SENT) this.#sent.resolve();
    if (bits & SOCK_CLOSED) this.#over(error);
  }

  onShutdown(error: NetError): void {
    this.#fail(error, true);
    this.#released = true;
  }

  #open(): void {
    const { arena } = this.#control;
    this.#local = new Endpoint(arena, this.#place + SOCK_LOCAL);
    this.#remote = new Endpoint(arena, this.#place + SOCK_REMOTE);
    this.#opened.resolve();
  }

  /** The socket is closed. */
  #over(error: number): void {
    this.#isOver = true;
    if (error !== 0) {
      const action = this.#remote ? `Connection to ${this.#peer()} failed` : this.#action;
      this.#fail(netErrorFromCode(error, action), false);
    } else {
      // Errors are made only where there is somebody to tell: each takes a stack trace.
      if (!this.#remote) this.#opened.reject(new NetError('ECONNABORTED', this.#action));
      this.#sent.resolve();
      this.#closed.resolve();
      this.#rx.end();
      if (!this.#tx.done) {
        this.#tx.fail(new NetError('EPIPE', `Cannot write to ${this.#peer()}`));
      }
    }
    this.#releaseIfOver();
  }

  #peer(): string {
    const { address, port } = readAddress(this.#control.arena.view, this.#place + SOCK_REMOTE);
    return formatEndpoint(address, port);
  }

  /** Everything fails; now: what is in the receive ring is given up. */
  #fail(error: unknown, now: boolean): void {
    this.#isOver = true;
    this.#opened.reject(error);
    this.#sent.reject(error);
    this.#closed.reject(error);
    this.#tx.fail(error);
    if (now) this.#rx.stop(error);
    else this.#rx.fail(error);
  }

  #releaseIfOver(): void {
    if (this.#isOver && this.#rx.done) this.#release();
  }

  #release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#control.send(CMD_RELEASE, this.#handle);
    this.#control.unregister(this.#handle);
  }

  /** Sends FIN behind what is in the ring; settles when the peer has acknowledged it. */
  #shutdown(): Promise<void> {
    if (!this.#released) this.#control.send(CMD_SHUTDOWN, this.#handle);
    return this.#sent.promise;
  }

  /** Ends the writable: after what was written to it, whoever has it locked. */
  async #endWriting(): Promise<void> {
    if (!this.#tx.isLocked) {
      // A stream that is closing or has failed has its own outcome, which #sent tells too.
      await this.#tx.close().catch(() => {});
      return;
    }
    do {
      await this.#tx.idle;
      // Chunks queued in the stream are written in microtasks: after a macrotask none is left but
      // one that waits for room.
      await new Promise((resolve) => setTimeout(resolve, 0));
    } while (this.#tx.idle && !this.#isOver);
    this.#tx.fail(new NetError('EPIPE', 'Cannot write to a closed connection'));
    void this.#shutdown();
  }

  closeWrite(): Promise<void> {
    return this.#endWriting().then(() => this.#sent.promise);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    if (!this.#released) {
      this.#rx.stop();
      this.#control.send(CMD_DISCARD, this.#handle);
      await this.#endWriting();
    }
    await this.#sent.promise;
    this.#isOver = true;
    this.#closed.resolve();
    this.#release();
  }

  abort(reason?: unknown): void {
    if (this.#released) return;
    if (!this.#isOver) this.#control.send(CMD_ABORT, this.#handle);
    this.#fail(reason ?? new NetError('ECONNABORTED', 'Connection aborted'), true);
    this.#release();
  }

  async share(): Promise<ConnectionHandle> {
    const action = `Cannot share the connection to ${this.#peer()}`;
    await this.#opened.promise;
    await this.#tx.idle;
    if (this.#released) throw new NetError('EBADF', action);
    if (this.readable.locked || this.writable.locked) {
      throw new NetError('EINVAL', action, { reason: 'one of its streams is locked' });
    }
    const handle = this.#handle;
    const parts = await sharePort(this.#control, CMD_SHARE_SOCK, handle, action, () => {
      const error = new NetError('EBADF', action, { reason: 'another thread has it' });
      this.#released = true;
      this.#isOver = true;
      this.#sent.reject(error);
      this.#closed.resolve();
      this.#tx.fail(error);
      this.#rx.stop(error);
      this.#control.unregister(handle);
    });
    return {
      kind: 'connection',
      ...parts,
      made: { handle, place: this.#place },
      noDelay: this.#noDelay,
      keepAlive: this.#keepAlive,
    };
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<Uint8Array> {
    return iterate(this.#rx);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** What structured cloning carries of a connection to another thread. */
export interface ConnectionHandle extends PortParts {
  readonly kind: 'connection';
  readonly made: Made;
  readonly noDelay: boolean;
  readonly keepAlive: number;
}

/**
 * Opens a connection that another thread has shared.
 *
 * @param handle - From share().
 * @returns The connection, open, or failed as it may have meanwhile.
 * @throws {NetError} EBADF, EPROTO.
 */
export async function attachConnection(handle: ConnectionHandle): Promise<Connection> {
  const port = new Port(handle);
  const { control } = port;
  const { made, noDelay, keepAlive } = handle;
  const connection = new Connection(control, made, 'Cannot attach', noDelay, keepAlive);
  control.whenDone(() => port.leave());
  port.onRecall((error) => control.shutdown(error));
  await connection.opened;
  return connection;
}
