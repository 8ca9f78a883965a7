// SPDX-License-Identifier: MIT
// datagram_ends - the app's ends of a datagram socket: records in two frame rings; twin: core/sock/dgram_data.c
//
// Theory of operation
//
// A record is struct abi_datagram (js/stack/datagram_record.ts) and the payload. Datagrams wait in the ring: a
// reader asks, and is answered at once or by the next SOCK_READABLE. A datagram to send goes into the ring or waits
// for room there, in order: the writer that is told of room stays the first until it has used it. C lays the
// storage of rx with the first datagram, so its end is made when the first event comes.
//
// An error about what was sent (SOCK_ERROR) ends nothing. It fails the reader that waits longest, or the next one.
//
// share() lets what waits for room go into tx first, and holds back what comes later: a kick that this thread sends
// once another one has the socket is not obeyed.

import {
  ADDR_FAMILY,
  CMD_ABORT,
  CMD_KICK,
  CMD_OPTION_OPTION,
  CMD_OPTION_SIZE,
  CMD_RELEASE,
  CMD_SET_OPTION,
  CMD_SHARE_SOCK,
  DATAGRAM_SIZE,
  RING_SIZE,
  SOCK_CLOSED,
  SOCK_ERROR,
  SOCK_LOCAL,
  SOCK_PATH_MTU,
  SOCK_READABLE,
  SOCK_REMOTE,
  SOCK_RX,
  SOCK_TX,
  SOCK_WRITABLE,
  UDP_MOST,
} from '../abi.ts';
import type { UdpStatistics } from '../api/udp.ts';
import type { Channel } from '../control/channel.ts';
import { newCommand, readAddress } from '../control/commands.ts';
import type { ChannelHandle, Made, SocketEvents } from '../control/events.ts';
import { NetError, netErrorFromCode } from '../errors.ts';
import { FrameConsumer, FrameProducer } from '../ring.ts';
import { type Chunk, copyChunk } from '../streams.ts';
import type { IpAddress } from '../util/address.ts';
import { Deferred, handled } from '../util/deferred.ts';
import { Queue } from '../util/queue.ts';
import { deliveryError } from './datagram_error.ts';
import { type Destination, type Heads, headsOf } from './datagram_record.ts';
import { readStatistics } from './datagram_statistics.ts';

/** The ends of a socket, for another thread. */
export interface EndsHandle extends ChannelHandle {
  readonly made: Made;
  /** Code of an error about what was sent that nobody has been told of. */
  readonly failure: NetError['code'] | undefined;
  /** Errors that it has heard of. */
  readonly errors: number;
}

/** The app's ends of one socket. */
export class DatagramEnds implements SocketEvents {
  readonly channel: Channel;
  readonly handle: number;
  readonly closed: Promise<void>;
  readonly #offset: number;
  readonly #tx: FrameProducer;
  #rx: FrameConsumer | undefined;
  readonly #ended = new Deferred();
  /** true: there is a datagram, false: none comes any more. */
  readonly #readers = new Queue<Deferred<boolean>>();
  readonly #writers = new Queue<{ length: number; ready: Deferred }>();
  /** An error about what was sent that nobody has been told of. */
  #failure: NetError | undefined;
  #errors: number;
  #isHeld = false;
  #gone: NetError | undefined;
  #last: UdpStatistics | undefined;
  readonly #heads: Heads;

  constructor(channel: Channel, made: Made, errors = 0) {
    this.channel = channel;
    this.#errors = errors;
    this.handle = made.handle;
    this.#offset = made.offset;
    this.#heads = headsOf(channel.arena);
    this.#tx = new FrameProducer(channel.arena, made.offset + SOCK_TX);
    this.closed = handled(this.#ended.promise);
    channel.register(made.handle, this);
  }

  /** The largest payload that fits into tx and into a datagram. */
  get largest(): number {
    return Math.min(this.#tx.largest - DATAGRAM_SIZE, UDP_MOST);
  }

  /** Why it is closed, or undefined. */
  get gone(): NetError | undefined {
    return this.#gone;
  }

  /** An address of the socket as C has it; `isBound`: it is one. */
  address(which: 'local' | 'remote'): { address: IpAddress; port: number; isBound: boolean } {
    const { view } = this.channel.arena;
    const at = this.#offset + (which === 'local' ? SOCK_LOCAL : SOCK_REMOTE);
    return { ...readAddress(view, at), isBound: view.getUint8(at + ADDR_FAMILY) !== 0 };
  }

  /** MTU of the path of the last large datagram; undefined: there was none, or the socket is closed. */
  get pathMtu(): number | undefined {
    if (this.#gone) return undefined;
    return this.channel.arena.view.getUint32(this.#offset + SOCK_PATH_MTU, true) || undefined;
  }

  get statistics(): UdpStatistics {
    return this.#last ?? this.#readStatistics();
  }

  #readStatistics(): UdpStatistics {
    return readStatistics(this.channel.arena, this.#offset, this.#errors);
  }

  // --- Reading ---

  /** The end of rx, once C has laid its storage. */
  #consumer(): FrameConsumer | undefined {
    if (this.#rx || this.#gone) return this.#rx;
    const ring = this.#offset + SOCK_RX;
    const { i32 } = this.channel.arena;
    const size = Atomics.load(i32, (ring + RING_SIZE) >>> 2);
    if (size > 0) this.#rx = new FrameConsumer(this.channel.arena, ring, size);
    return this.#rx;
  }

  /**
   * Finds the oldest datagram; asks to be notified when there is none.
   *
   * @returns Length of its payload, -1: none there now.
   */
  peek(): number {
    const rx = this.#consumer();
    if (!rx) return -1;
    for (;;) {
      const length = rx.peek();
      if (length >= DATAGRAM_SIZE) return length - DATAGRAM_SIZE;
      if (length >= 0) rx.release();
      else if (rx.arm()) return -1;
    }
  }

  /** Offset of the payload that peek() has found. */
  get payload(): number {
    return (this.#rx?.offset ?? 0) + DATAGRAM_SIZE;
  }

  /** A copy of the payload that peek() has found. */
  copy(length: number): Chunk {
    return copyChunk(this.channel.arena, this.payload, length);
  }

  /** The head of the datagram that peek() has found, valid until another socket is read. */
  get record(): Heads['reader'] {
    const { reader } = this.#heads;
    reader.at = this.#rx?.offset ?? 0;
    return reader;
  }

  /** Gives the datagram that peek() has found back. */
  release(): void {
    this.#rx?.release();
  }

  /**
   * Waits for a datagram.
   *
   * @returns true: peek() finds one, false: the socket is closed.
   * @throws {NetError} An error about what was sent, once.
   */
  wait(): Promise<boolean> {
    if (this.#failure) {
      const error = this.#failure;
      this.#failure = undefined;
      return Promise.reject(error);
    }
    if (this.#gone) return Promise.resolve(false);
    if (this.#readers.length === 0 && this.peek() >= 0) return Promise.resolve(true);
    const reader = new Deferred<boolean>();
    this.#readers.push(reader);
    return reader.promise;
  }

  /** Another wait() may go on: the one before has taken its datagram, or leaves it. */
  next(): void {
    if (this.#readers.length > 0 && this.peek() >= 0) this.#readers.shift()?.resolve(true);
  }

  // --- Writing ---

  /** Readers wait: later ones wait behind them. */
  get hasReaders(): boolean {
    return this.#readers.length > 0;
  }

  /**
   * Finds room for a datagram.
   *
   * @returns Offset of its payload, 0: no room now.
   * @throws {NetError} EMSGSIZE if it can never fit, or why the socket is closed.
   */
  reserve(length: number): number {
    this.check(length);
    const room = this.#tx.reserve(DATAGRAM_SIZE + length);
    return room === 1 ? this.#tx.offset + DATAGRAM_SIZE : 0;
  }

  /** Refuses a payload that can never fit, and one of a closed socket. */
  check(length: number): void {
    if (this.#gone) throw this.#gone;
    const { largest } = this;
    if (length <= largest) return;
    throw new NetError('EMSGSIZE', `Cannot send a datagram of ${length} bytes`, {
      reason: `the send buffer takes at most ${largest}`,
    });
  }

  /** Hands the reserved datagram to the stack. */
  submit(length: number, where: Destination): void {
    this.#heads.writer.write(this.channel.arena.i32, this.#tx.offset, where);
    this.#tx.submit(DATAGRAM_SIZE + length);
    if (this.#tx.mustNotify()) this.channel.send(CMD_KICK, this.handle);
  }

  /** Gives up what was reserved. */
  cancel(): void {
    this.#tx.cancel();
  }

  /** Waits for room; those that wait go on in order, and each calls admitted() when it has used its room. */
  room(length: number): Promise<void> {
    const ready = new Deferred();
    this.#writers.push({ length, ready });
    this.#admit();
    return ready.promise;
  }

  /** Writers wait, or one has reserved room: later ones wait behind them. */
  get isFull(): boolean {
    return this.#writers.length > 0 || this.#isHeld;
  }

  /** Keeps the others off while a record is reserved and not submitted yet. */
  hold(isHeld: boolean): void {
    this.#isHeld = isHeld;
    if (!isHeld) this.#admit();
  }

  /** Lets the first writer go on if there is room for its datagram. */
  #admit(): void {
    const { first } = this.#writers;
    if (!first || this.#isHeld) return;
    while (this.#tx.reserve(DATAGRAM_SIZE + first.length) !== 1) {
      if (this.#tx.arm(1)) return;
    }
    this.#tx.cancel();
    first.ready.resolve();
  }

  /** The first writer has used the room that it was told of. */
  admitted(): void {
    this.#writers.shift();
    this.#admit();
  }

  /**
   * Sends a datagram, when there is room.
   *
   * @throws {NetError} EMSGSIZE, or why the socket is closed.
   */
  async send(bytes: Uint8Array, where: Destination): Promise<void> {
    if (this.trySend(bytes, where)) return;
    await this.room(bytes.length);
    if (this.#gone) throw this.#gone;
    this.#put(this.reserve(bytes.length), bytes, where);
    this.admitted();
  }

  /**
   * Sends a datagram now.
   *
   * @returns false: no room now, or others wait.
   * @throws {NetError} EMSGSIZE, or why the socket is closed.
   */
  trySend(bytes: Uint8Array, where: Destination): boolean {
    this.check(bytes.length);
    const offset = this.isFull ? 0 : this.reserve(bytes.length);
    if (offset === 0) return false;
    this.#put(offset, bytes, where);
    return true;
  }

  #put(offset: number, bytes: Uint8Array, where: Destination): void {
    this.channel.arena.copyIn(offset, bytes, 0, bytes.length);
    this.submit(bytes.length, where);
  }

  /** Has a wait() that waits look again at what its caller waits for. */
  interrupt(): void {
    this.#readers.shift()?.resolve(!this.#gone);
  }

  // --- Options and events ---

  /** Sets an option of the socket in C. */
  set(option: number, value: number): void {
    const command = newCommand(CMD_SET_OPTION, this.handle, CMD_OPTION_SIZE, value);
    command.setUint32(CMD_OPTION_OPTION, option, true);
    void this.channel.call(command, 'Cannot set an option', () => {}).catch(() => {});
  }

  onEvent(bits: number, error: number): void {
    if (bits & SOCK_ERROR) {
      this.#errors++;
      this.fail(deliveryError(error, this.pathMtu));
    }
    if (bits & SOCK_READABLE) this.next();
    if (bits & SOCK_WRITABLE) this.#admit();
    if (bits & SOCK_CLOSED && !this.#gone) {
      this.#end(netErrorFromCode(error, 'Cannot use the socket'), true);
      this.#forget();
    }
  }

  onShutdown(error: NetError): void {
    this.#end(new NetError(error.code, 'Cannot use the socket', { cause: error }), false);
  }

  /** Fails the wait() that waits longest, or the next one. */
  fail(error: NetError): void {
    const reader = this.#readers.shift();
    if (reader) reader.reject(error);
    else this.#failure = error;
  }

  /** Ends everything that waits; failed: it was not the program that closed the socket. */
  #end(error: NetError, failed: boolean): void {
    if (this.#gone) return;
    this.#last = this.#readStatistics();
    this.#gone = error;
    this.#rx = undefined;
    for (let r = this.#readers.shift(); r; r = this.#readers.shift()) r.resolve(false);
    for (let w = this.#writers.shift(); w; w = this.#writers.shift()) w.ready.reject(error);
    if (failed) this.#ended.reject(error);
    else this.#ended.resolve();
  }

  /** Closes the socket: what is in tx is still sent, readers end. */
  close(text: string): void {
    if (this.#gone) return;
    this.#end(new NetError('ESHUTDOWN', 'Cannot use the socket', { reason: text }), false);
    this.#forget();
  }

  #forget(): void {
    this.channel.send(CMD_RELEASE, this.handle);
    this.channel.unregister(this.handle);
  }

  /**
   * Hands the socket to another thread.
   *
   * @param action - First half of error messages.
   * @returns The contents of a handle.
   * @throws {NetError} Why it is closed, ENOMEM, ESHUTDOWN.
   */
  async share(action: string): Promise<EndsHandle> {
    if (this.#gone) throw this.#gone;
    if (this.#writers.length > 0) {
      await this.room(0);
      this.#writers.shift();
    }
    this.#isHeld = true;
    try {
      const parts = await this.channel.offer(CMD_SHARE_SOCK, this.handle, action, () => {
        this.#end(new NetError('EBADF', action, { reason: 'another thread has it' }), false);
        this.channel.unregister(this.handle);
      });
      const made = { handle: this.handle, offset: this.#offset };
      return { ...parts, made, failure: this.#failure?.code, errors: this.#errors };
    } catch (error) {
      this.hold(false);
      throw error;
    }
  }

  /** Closes the socket and drops what is in tx. */
  abort(text: string): void {
    if (!this.#gone) this.channel.send(CMD_ABORT, this.handle);
    this.close(text);
  }
}
