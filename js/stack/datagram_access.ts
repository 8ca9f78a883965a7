// SPDX-License-Identifier: MIT
// datagram_access - zero-copy access to the rings of a UDP socket (js/api/udp.ts)

import type { NetworkInterface } from '../api/interface.ts';
import type { DatagramHeader, DatagramRingReader, DatagramRingWriter } from '../api/udp.ts';
import { released } from '../streams.ts';
import { checkCount } from '../util/check.ts';
import { Deferred } from '../util/deferred.ts';
import type { DatagramEnds } from './datagram_ends.ts';
import type { Destination } from './datagram_record.ts';
import type { Lock } from './lazy_stream.ts';
import type { Names } from './names.ts';
import { withZone } from './udp_handle.ts';

/** Reads datagrams where they lie. */
export class DatagramReader implements DatagramRingReader {
  readonly #ends: DatagramEnds;
  readonly #names: Names;
  readonly #lock: Lock;
  readonly #waiting = new Set<Deferred<boolean>>();
  #isReleased = false;
  #length = -1;

  /** Locks the stream; throws a TypeError if it is locked. */
  constructor(ends: DatagramEnds, lock: Lock, names: Names) {
    lock.lock();
    this.#lock = lock;
    this.#ends = ends;
    this.#names = names;
  }

  ready(): Promise<boolean> {
    if (this.#isReleased) return Promise.reject(released('read'));
    const waiting = new Deferred<boolean>();
    this.#waiting.add(waiting);
    this.#ends.wait().then(
      (isThere) => {
        this.#over(waiting);
        waiting.resolve(isThere);
      },
      (error) => {
        if (this.#isReleased) this.#ends.fail(error);
        this.#over(waiting);
        waiting.reject(error);
      },
    );
    return waiting.promise;
  }

  /** A datagram that comes when the lock is released is for the one that waits next. */
  #over(waiting: Deferred<boolean>): void {
    this.#waiting.delete(waiting);
    if (this.#isReleased) this.#ends.next();
  }

  peek(): Uint8Array | undefined {
    if (this.#isReleased) throw released('read');
    const { channel } = this.#ends;
    this.#length = this.#ends.gone ? -1 : this.#ends.peek();
    if (this.#length < 0) return undefined;
    const { payload } = this.#ends;
    return channel.arena.u8.subarray(payload, payload + this.#length);
  }

  get remoteAddress(): string {
    if (this.#length < 0) return '';
    const { host, zone } = this.#ends.record.sender;
    return withZone(this.#names, host, zone);
  }

  get remotePort(): number {
    return this.#length < 0 ? 0 : this.#ends.record.sender.port;
  }

  get localAddress(): string {
    return this.#length < 0 ? '' : this.#ends.record.receiver.address;
  }

  get interface(): NetworkInterface | undefined {
    return this.#length < 0 ? undefined : this.#names.interfaceOf(this.#ends.record.iface);
  }

  get ttl(): number {
    return this.#length < 0 ? 0 : this.#ends.record.ttl;
  }

  release(): void {
    if (this.#isReleased) throw released('read');
    if (this.#length >= 0 && !this.#ends.gone) this.#ends.release();
    this.#length = -1;
    this.#ends.next();
  }

  releaseLock(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.#lock.unlock();
    for (const waiting of this.#waiting) waiting.reject(released('read'));
  }
}

/** Writes datagrams where they are sent from. */
export class DatagramWriter implements DatagramRingWriter {
  readonly #ends: DatagramEnds;
  readonly #lock: Lock;
  readonly #destinationOf: (to: DatagramHeader) => Destination;
  #where: Destination = {};
  #isReleased = false;
  #reserved = -1;

  /** Locks the stream; throws a TypeError if it is locked. */
  constructor(ends: DatagramEnds, lock: Lock, destinationOf: (to: DatagramHeader) => Destination) {
    lock.lock();
    this.#lock = lock;
    this.#ends = ends;
    this.#destinationOf = destinationOf;
  }

  async ready(length: number): Promise<void> {
    if (this.reserve(length)) return this.cancel();
    await this.#ends.room(length);
    this.#ends.admitted();
    if (this.#isReleased) throw released('write');
  }

  to(to: DatagramHeader): void {
    this.#where = this.#destinationOf(to);
  }

  reserve(length: number): Uint8Array | undefined {
    if (this.#isReleased) throw released('write');
    checkCount('reserve', length, 0, Number.MAX_SAFE_INTEGER);
    this.cancel();
    this.#ends.check(length);
    const offset = this.#ends.isFull ? 0 : this.#ends.reserve(length);
    if (offset === 0) return undefined;
    this.#reserved = length;
    this.#ends.hold(true);
    return this.#ends.channel.arena.u8.subarray(offset, offset + length);
  }

  submit(length: number = this.#reserved): void {
    if (this.#isReleased) throw released('write');
    if (this.#ends.gone) throw this.#ends.gone;
    checkCount('submit', length, 0, this.#reserved);
    this.#reserved = -1;
    this.#ends.submit(length, this.#where);
    this.#ends.hold(false);
  }

  cancel(): void {
    if (this.#reserved < 0) return;
    this.#reserved = -1;
    if (this.#ends.gone) return;
    this.#ends.cancel();
    this.#ends.hold(false);
  }

  releaseLock(): void {
    if (this.#isReleased) return;
    this.cancel();
    this.#isReleased = true;
    this.#lock.unlock();
  }
}
