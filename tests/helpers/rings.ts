// SPDX-License-Identifier: MIT
// rings - a ring laid out as core/ring.c does it, with guarded storage; its words; doorbells

import {
  DOORBELL_SEQ,
  DOORBELL_SLEEPING,
  RING_BAD,
  RING_BUF,
  RING_CONS_GEN,
  RING_DATA_DOORBELL,
  RING_DATA_THRESHOLD,
  RING_GEN,
  RING_HEAD,
  RING_LAYOUT_SIZE,
  RING_OFFERED,
  RING_ROOM_DOORBELL,
  RING_ROOM_THRESHOLD,
  RING_SIZE,
  RING_SWITCH_POS,
  RING_TAIL,
  RING_WANT,
} from '../../js/abi.ts';
import type { Arena } from '../../js/memory/arena.ts';

/** Positions start here, so that every test passes the wrap at 2^32 early. */
export const NEAR_WRAP = 0xffffff00;

/** Bytes of guard before and after each storage. */
const GUARD = 64;
const GUARD_BYTE = 0xa5;

/** Every word of a header, by name. */
const FIELDS = {
  tail: RING_TAIL,
  room_mark: RING_ROOM_THRESHOLD,
  gen: RING_GEN,
  switch_pos: RING_SWITCH_POS,
  want: RING_WANT,
  head: RING_HEAD,
  data_mark: RING_DATA_THRESHOLD,
  cons_gen: RING_CONS_GEN,
  bad: RING_BAD,
  buf0: RING_BUF,
  buf1: RING_BUF + 4,
  size0: RING_SIZE,
  size1: RING_SIZE + 4,
  offered: RING_OFFERED,
  data_bell: RING_DATA_DOORBELL,
  room_bell: RING_ROOM_DOORBELL,
} as const;

export type Field = keyof typeof FIELDS;

/** Reads a word of the header at `ring`, unsigned. */
export function ringWord(i32: Int32Array, ring: number, field: Field): number {
  return Atomics.load(i32, (ring + FIELDS[field]) >>> 2) >>> 0;
}

/** Writes a word of the header at `ring`. */
export function setRingWord(i32: Int32Array, ring: number, field: Field, value: number): void {
  Atomics.store(i32, (ring + FIELDS[field]) >>> 2, value | 0);
}

/** All words of a header, for the message of a test that failed. */
export function dumpRing(i32: Int32Array, ring: number): string {
  const names = Object.keys(FIELDS) as Field[];
  return names.map((name) => `${name} ${ringWord(i32, ring, name).toString(16)}`).join(', ');
}

/** As ring_offer(): gives the ring at `ring`, which must be settled, another buffer. */
export function offerStorage(i32: Int32Array, ring: number, buf: number, size: number): void {
  const next = ringWord(i32, ring, 'offered') + 1;
  setRingWord(i32, ring, next & 1 ? 'buf1' : 'buf0', buf);
  setRingWord(i32, ring, next & 1 ? 'size1' : 'size0', size);
  setRingWord(i32, ring, 'offered', next);
}

/** As ring_settled(): whether both sides have left the old buffer. */
export function isSettled(i32: Int32Array, ring: number): boolean {
  return ringWord(i32, ring, 'cons_gen') === ringWord(i32, ring, 'offered');
}

/** A ring in an arena, and all the storage it ever had. */
export class TestRing {
  readonly arena: Arena;
  /** Offset of the header. */
  readonly place: number;
  readonly #stores: { buf: number; size: number }[] = [];

  /** As ring_init(); size: of the first storage, 0: none yet. */
  constructor(arena: Arena, size: number, start: number = NEAR_WRAP) {
    this.arena = arena;
    this.place = arena.alloc(RING_LAYOUT_SIZE, 0);
    arena.u8.fill(0, this.place, this.place + RING_LAYOUT_SIZE);
    this.set('buf0', size > 0 ? this.newStorage(size) : 0);
    this.set('size0', size);
    this.set('switch_pos', start);
    this.set('tail', start);
    this.set('head', start);
    this.set('data_mark', start);
    this.set('room_mark', start - 1);
  }

  /** Takes storage with guards around it. @returns Its offset. */
  newStorage(size: number): number {
    const buf = this.arena.alloc(size + 2 * GUARD, 0) + GUARD;
    this.arena.u8.fill(GUARD_BYTE, buf - GUARD, buf + size + GUARD);
    this.#stores.push({ buf, size });
    return buf;
  }

  /** Offers new storage. */
  offer(size: number): void {
    offerStorage(this.arena.i32, this.place, size > 0 ? this.newStorage(size) : 0, size);
  }

  get settled(): boolean {
    return isSettled(this.arena.i32, this.place);
  }

  /** A word of the header, unsigned. */
  get(field: Field): number {
    return ringWord(this.arena.i32, this.place, field);
  }

  set(field: Field, value: number): void {
    setRingWord(this.arena.i32, this.place, field, value);
  }

  /** Bytes between the two positions of the header. */
  get held(): number {
    return (this.get('tail') - this.get('head')) >>> 0;
  }

  /** The bytes that an access function found; throws if they are not inside of one storage. */
  bytes(offset: number, length: number): Uint8Array {
    const within = (buf: number, size: number): boolean =>
      offset >= buf && offset + length <= buf + size;
    if (length < 0 || !this.#stores.some(({ buf, size }) => within(buf, size))) {
      throw new Error(`${length} bytes at ${offset} are not in the storage: ${this}`);
    }
    return this.arena.u8.subarray(offset, offset + length);
  }

  /** Whether nobody wrote beside any storage. */
  get guardsIntact(): boolean {
    const isGuard = (from: number): boolean =>
      this.arena.u8.subarray(from, from + GUARD).every((byte) => byte === GUARD_BYTE);
    return this.#stores.every(({ buf, size }) => isGuard(buf - GUARD) && isGuard(buf + size));
  }

  /** Gives all memory back. */
  free(): void {
    for (const { buf } of this.#stores) this.arena.free(buf - GUARD);
    this.arena.free(this.place);
  }

  toString(): string {
    return dumpRing(this.arena.i32, this.place);
  }
}

/** As doorbell_ring(): counts and wakes the sleeper. */
export function ringBell(i32: Int32Array, bell: number): void {
  const seq = (bell + DOORBELL_SEQ) >>> 2;
  Atomics.add(i32, seq, 1);
  if (Atomics.load(i32, (bell + DOORBELL_SLEEPING) >>> 2) !== 0) Atomics.notify(i32, seq);
}

/**
 * Sleeps on a doorbell until it is notified, by the protocol at the top of core/ring.h.
 *
 * @param mayWait - Sets a wake threshold, looks again; false: there is no need to sleep.
 * @returns 'awake' without having slept, 'rung', or 'timed-out'.
 */
export function sleepOn(
  i32: Int32Array,
  bell: number,
  mayWait: () => boolean,
  timeout: number,
): 'awake' | 'rung' | 'timed-out' {
  const seq = (bell + DOORBELL_SEQ) >>> 2;
  const before = Atomics.load(i32, seq);
  if (!mayWait()) return 'awake';
  Atomics.store(i32, (bell + DOORBELL_SLEEPING) >>> 2, 1);
  const outcome = Atomics.wait(i32, seq, before, timeout);
  Atomics.store(i32, (bell + DOORBELL_SLEEPING) >>> 2, 0);
  if (outcome === 'timed-out') return outcome;
  return outcome === 'ok' ? 'rung' : 'awake';
}
