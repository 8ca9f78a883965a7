// SPDX-License-Identifier: MIT
// datagram_access - zero-copy access to the rings of a UDP socket (js/api/udp.ts)

import type { NetworkInterface } from '../api/interface.ts';
import type {
  DatagramHeader,
  DatagramRingReader,
  DatagramRingWriter,
  UdpDatagram,
} from '../api/udp.ts';
import type { NetError } from '../errors.ts';
import { type FastWritable, released } from '../streams.ts';
import { checkCount } from '../util/check.ts';
import { Deferred } from '../util/deferred.ts';
import type { DatagramEnds } from './datagram_ends.ts';
import type { DatagramReadable } from './datagram_readable.ts';
import type { Destination } from './datagram_record.ts';
import type { Names } from './names.ts';

/** Reads datagrams where they lie. */
export class DatagramReader implements DatagramRingReader {
  readonly #ends: DatagramEnds;
  readonly #source: DatagramReadable;
  readonly #names: Names;
  readonly #lock: ReadableStreamDefaultReader<UdpDatagram>;
  readonly #waiting = new Set<Deferred<boolean>>();
  #isReleased = false;
  #length = -1;

  /** Locks the stream; throws a TypeError if it is locked. */
  constructor(ends: DatagramEnds, source: DatagramReadable, names: Names) {
    this.#lock = source.stream.lock();
    this.#lock.closed.catch(() => {});
    this.#source = source;
    source.isHeld = true;
    this.#ends = ends;
    this.#names = names;
  }

  async ready(): Promise<boolean> {
    if (this.#isReleased) throw released('read');
    const given = new Deferred<boolean>();
    this.#waiting.add(given);
    try {
      return await Promise.race([this.#wait(), given.promise]);
    } finally {
      this.#waiting.delete(given);
    }
  }

  /** Passes on what comes when the lock is released, to the one that waits next. */
  async #wait(): Promise<boolean> {
    try {
      return await this.#ends.wait();
    } catch (error) {
      if (this.#isReleased) this.#ends.fail(error as NetError);
      throw error;
    } finally {
      if (this.#isReleased) this.#ends.next();
    }
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
    return this.#names.withZone(host, zone);
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
    this.#source.isHeld = false;
    this.#lock.releaseLock();
    for (const waiting of this.#waiting) waiting.reject(released('read'));
  }
}

/** Writes datagrams where they are sent from. */
export class DatagramWriter implements DatagramRingWriter {
  readonly #ends: DatagramEnds;
  readonly #lock: WritableStreamDefaultWriter<UdpDatagram>;
  readonly #destinationOf: (to: DatagramHeader) => Destination;
  #where: Destination = {};
  #isReleased = false;
  #reserved = -1;

  /** Locks the stream; throws a TypeError if it is locked. */
  constructor(
    ends: DatagramEnds,
    stream: FastWritable<UdpDatagram>,
    destinationOf: (to: DatagramHeader) => Destination,
  ) {
    this.#lock = stream.lock();
    this.#lock.closed.catch(() => {});
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
    this.#lock.releaseLock();
  }
}
