// SPDX-License-Identifier: MIT
// tcp_connection - TCP connections: sockets of C as public objects; twin: core/sock/tcp.c
//
// Theory of operation
//
// A Connection has a handle until three things are over: the socket (SOCK_CLOSED, or our FIN
// acknowledged after close()), its readable, and its writable. Then it sends CMD_RELEASE once and
// uses neither rings nor handle again; C frees them. After an error of the socket the readable first
// delivers what had arrived; writes fail at once.
//
// A program may ignore the promises of close(), closed and pipes: a reset of the peer must not end it.

import {
  ADDR_SIZE,
  ADDR_ZONE,
  CMD_ABORT,
  CMD_DISCARD,
  CMD_KICK,
  CMD_OPTION_OPTION,
  CMD_OPTION_SIZE,
  CMD_RELEASE,
  CMD_SET_OPTION,
  CMD_SHARE_SOCK,
  CMD_SHUTDOWN,
  OPTION_KEEPALIVE,
  OPTION_NODELAY,
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
import type { Channel } from '../control/channel.ts';
import { newCommand, readAddress } from '../control/commands.ts';
import type { ChannelHandle, Made, SocketEvents } from '../control/events.ts';
import { NetError, netErrorFromCode } from '../errors.ts';
import { ByteConsumer, ByteProducer } from '../ring.ts';
import {
  ByteReadable,
  ByteWritable,
  type Chunk,
  iterate,
  RingReader,
  RingWriter,
} from '../streams.ts';
import { formatEndpoint, formatIp } from '../util/address.ts';
import { handled, Outcome } from '../util/deferred.ts';
import { showAs } from '../util/inspect.ts';
import { keepAliveMs } from './tcp_options.ts';

/** Address and port of one end of a connection, formatted when they are first read. */
class SocketAddress {
  readonly #channel: Channel;
  readonly #bytes: Uint8Array;
  #found: { address: string; port: number } | undefined;

  /** bytes: a struct addr. */
  constructor(channel: Channel, bytes: Uint8Array) {
    this.#channel = channel;
    this.#bytes = bytes;
  }

  get #read(): { address: string; port: number } {
    if (!this.#found) {
      const { buffer, byteOffset } = this.#bytes;
      const view = new DataView(buffer, byteOffset);
      const { address, port } = readAddress(view, 0);
      const iface = view.getUint32(ADDR_ZONE, true);
      const zone = iface ? this.#channel.zoneOf(iface) : undefined;
      this.#found = { address: formatIp(zone ? { ...address, zone } : address), port };
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
  /** Its handle in C. */
  readonly handle: number;
  readonly #channel: Channel;
  readonly #offset: number;
  readonly #action: string;
  readonly #rx: ByteReadable;
  readonly #tx: ByteWritable;
  readonly #opened = new Outcome();
  readonly #closed = new Outcome();
  readonly #sent = new Outcome();
  #isOver = false;
  /** FIN follows the last byte of tx. */
  #isShut = false;
  #released = false;
  #closing: Promise<void> | undefined;
  #noDelay: boolean;
  #keepAlive: number;
  #local: SocketAddress | undefined;
  #remote: SocketAddress | undefined;

  /** action: first half of error messages before the connection is open. */
  constructor(channel: Channel, made: Made, action: string, noDelay: boolean, keepAlive: number) {
    const { arena } = channel;
    this.#channel = channel;
    this.handle = made.handle;
    this.#offset = made.offset;
    this.#action = action;
    this.#noDelay = noDelay;
    this.#keepAlive = keepAlive;
    const { pause } = channel;
    const kick = (): void => channel.send(CMD_KICK, this.handle);
    this.#rx = new ByteReadable(arena, new ByteConsumer(arena, made.offset + SOCK_RX), {
      pause,
      kick,
      finished: () => this.#releaseIfOver(),
      cancelled: (reason) => this.abort(reason),
    });
    this.#tx = new ByteWritable(arena, new ByteProducer(arena, made.offset + SOCK_TX), {
      pause,
      kick,
      closed: () => this.#shutdown(),
      aborted: (reason) => this.abort(reason),
    });
    channel.register(made.handle, this);
  }

  get readable(): ReadableStream<Chunk> {
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
    this.#setOption(OPTION_NODELAY, on ? 1 : 0);
  }

  get keepAlive(): number {
    return this.#keepAlive;
  }

  set keepAlive(value: number | boolean) {
    this.#keepAlive = keepAliveMs(value);
    this.#setOption(OPTION_KEEPALIVE, this.#keepAlive);
  }

  #setOption(option: number, value: number): void {
    if (this.#released) return;
    const command = newCommand(CMD_SET_OPTION, this.handle, CMD_OPTION_SIZE, value);
    command.setUint32(CMD_OPTION_OPTION, option, true);
    this.#channel.post(command);
  }

  onEvent(bits: number, error: number): void {
    if (this.#released) return;
    if (bits & SOCK_OPEN) this.#open();
    if (bits & SOCK_READABLE) this.#rx.retry();
    if (bits & SOCK_WRITABLE) this.#tx.retry();
    if (bits & SOCK_EOF) this.#rx.end();
    if (bits & SOCK_SENT) this.#sent.resolve();
    if (bits & SOCK_CLOSED) this.#over(error);
  }

  onEnding(error: NetError): boolean {
    const goesOn = !this.#isOver && (this.#isShut || this.#closing !== undefined);
    if (goesOn) {
      this.#rx.stop(error);
      this.#channel.send(CMD_DISCARD, this.handle);
    }
    return goesOn;
  }

  onShutdown(error: NetError): void {
    this.#fail(error, true);
    this.#released = true;
  }

  #open(): void {
    // Copied, since the socket may be freed before they are read.
    const at = this.#offset + SOCK_LOCAL;
    const bytes = this.#channel.arena.u8.slice(at, this.#offset + SOCK_REMOTE + ADDR_SIZE);
    this.#local = new SocketAddress(this.#channel, bytes);
    this.#remote = new SocketAddress(this.#channel, bytes.subarray(SOCK_REMOTE - SOCK_LOCAL));
    this.#opened.resolve();
  }

  /** The socket is closed. */
  #over(error: number): void {
    this.#isOver = true;
    if (error !== 0) {
      const action = this.#remote ? `Connection to ${this.#peer()} failed` : this.#action;
      this.#fail(netErrorFromCode(error, action), false);
    } else {
      // Errors are made only where they are needed: each takes a stack trace.
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
    const { address, port } = readAddress(this.#channel.arena.view, this.#offset + SOCK_REMOTE);
    return formatEndpoint(address, port);
  }

  /** Everything fails; now: what is in the receive ring is not delivered. */
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
    if (!this.#isOver) return;
    this.unref(); // nothing comes any more, although bytes may be left to read
    if (this.#rx.done) this.#release();
  }

  #release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#channel.send(CMD_RELEASE, this.handle);
    this.#channel.unregister(this.handle);
  }

  /** Sends FIN behind what is in the ring; settles when the peer has acknowledged it. */
  #shutdown(): Promise<void> {
    this.#isShut = true;
    if (!this.#released) this.#channel.send(CMD_SHUTDOWN, this.handle);
    return this.#sent.promise;
  }

  /** Ends the writable behind what was written, even if it is locked. */
  async #endWriting(): Promise<void> {
    if (!this.#tx.isLocked) {
      // If it is closing or has failed, #sent has the outcome too.
      await this.#tx.close().catch(() => {});
      return;
    }
    do {
      await this.#tx.idle;
      // Chunks queued in the stream are written in microtasks. After a macrotask only one that waits
      // for room is left.
      await new Promise((resolve) => setTimeout(resolve, 0));
    } while (this.#tx.idle && !this.#isOver);
    this.#tx.fail(new NetError('EPIPE', 'Cannot write to a closed connection'));
    void this.#shutdown();
  }

  closeWrite(): Promise<void> {
    return handled(this.#endWriting().then(() => this.#sent.promise));
  }

  close(): Promise<void> {
    this.#closing ??= handled(this.#close());
    return this.#closing;
  }

  async #close(): Promise<void> {
    if (!this.#released) {
      this.#rx.stop();
      this.#channel.send(CMD_DISCARD, this.handle);
      await this.#endWriting();
    }
    await this.#sent.promise;
    this.#isOver = true;
    this.#closed.resolve();
    this.#release();
  }

  abort(reason?: unknown): void {
    if (this.#released) return;
    if (!this.#isOver) this.#channel.send(CMD_ABORT, this.handle);
    this.#fail(reason ?? new NetError('ECONNABORTED', 'Connection aborted'), true);
    this.#release();
  }

  ref(): this {
    if (!this.#isOver) this.#channel.ref(this.handle, true);
    return this;
  }

  unref(): this {
    this.#channel.ref(this.handle, false);
    return this;
  }

  async share(): Promise<TcpHandle> {
    const action = `Cannot share the connection to ${this.#peer()}`;
    await this.#opened.promise;
    await this.#tx.idle;
    if (this.#released) throw new NetError('EBADF', action);
    if (this.readable.locked || this.writable.locked) {
      throw new NetError('EINVAL', action, { reason: 'one of its streams is locked' });
    }
    const handle = this.handle;
    const parts = await this.#channel.offer(CMD_SHARE_SOCK, handle, action, () => {
      const error = new NetError('EBADF', action, { reason: 'another thread has it' });
      this.#released = true;
      this.#isOver = true;
      this.#sent.reject(error);
      this.#closed.resolve();
      this.#tx.fail(error);
      this.#rx.stop(error);
      this.#channel.unregister(handle);
    });
    return {
      kind: 'connection',
      ...parts,
      made: { handle, offset: this.#offset },
      noDelay: this.#noDelay,
      keepAlive: this.#keepAlive,
    };
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<Chunk> {
    return iterate(this.#rx);
  }

  toJSON(): object {
    const { localAddress, localPort, remoteAddress, remotePort } = this;
    const isOpen = !this.#isOver && this.#closing === undefined;
    return { type: 'tcp', localAddress, localPort, remoteAddress, remotePort, isOpen };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
showAs(Connection, 'TcpConnection');

/** The handle of a connection, for structured cloning to another thread. */
export interface TcpHandle extends ChannelHandle {
  readonly kind: 'connection';
  readonly made: Made;
  readonly noDelay: boolean;
  readonly keepAlive: number;
}
