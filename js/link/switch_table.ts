// SPDX-License-Identifier: MIT
// switch_table - the forwarding table of a switch: which address is at which port
//
// Theory of operation
//
// An address is a number of 48 bits. Every port has the addresses that were learned at it in the order of their
// last refresh, the oldest first. When the table is full, a new address takes the place of the oldest one of the
// port with most addresses. So a port that sends from random addresses (macof) only replaces its own: a
// port with few addresses never loses one. Old addresses are removed when they are looked up, or when the
// table is full.

import { u16, u32 } from '../codec/fields.ts';

/** An address in the table. */
export interface TableEntry<Port> {
  readonly port: Port;
  readonly isStatic: boolean;
  /** Last frame, ms. */
  seen: number;
}

/** The MAC address at an offset of a frame, as a number. */
export const macAt = (frame: Uint8Array, at: number): number =>
  u16(frame, at) * 2 ** 32 + u32(frame, at + 2);

/** Result of learning an address. */
export type Learned = 'known' | 'new' | 'moved' | 'refused';

/** The forwarding table. Times are ms of any clock that does not go back. */
export class ForwardingTable<Port> {
  readonly #ageing: number;
  readonly #most: number;
  readonly #entries = new Map<number, TableEntry<Port>>();
  /** Learned addresses of each port, the oldest first. */
  readonly #learned = new Map<Port, Set<number>>();
  #count = 0;

  constructor(ageing: number, maxEntries: number) {
    this.#ageing = ageing;
    this.#most = maxEntries;
  }

  /** Addresses that were learned and are kept; static ones do not count. */
  get size(): number {
    return this.#count;
  }

  /** Adds an address that is never forgotten; false: another port has it. */
  fix(mac: number, port: Port, now: number): boolean {
    const entry = this.#entries.get(mac);
    if (entry?.isStatic) return entry.port === port;
    if (entry) this.#forget(mac, entry);
    this.#entries.set(mac, { port, isStatic: true, seen: now });
    return true;
  }

  /** Learns that an address is at a port; refused: it is fixed at another one. */
  learn(mac: number, port: Port, now: number): Learned {
    const entry = this.#entries.get(mac);
    if (entry?.port === port) {
      // Put behind the others, but not with every frame.
      if (!entry.isStatic && now - entry.seen > this.#ageing / 8) this.#moveBack(mac, port);
      entry.seen = now;
      return 'known';
    }
    if (entry?.isStatic) return 'refused';
    if (entry) this.#forget(mac, entry);
    else if (this.#count >= this.#most) this.#makeRoom(port, now);
    this.#entries.set(mac, { port, isStatic: false, seen: now });
    this.#moveBack(mac, port);
    this.#count++;
    return entry && now - entry.seen <= this.#ageing ? 'moved' : 'new';
  }

  #moveBack(mac: number, port: Port): void {
    const learned = this.#learned.get(port) ?? new Set();
    learned.delete(mac);
    this.#learned.set(port, learned.add(mac));
  }

  /** Forgets the oldest address of the port with most; of equals, that of the port that needs room. */
  #makeRoom(port: Port, now: number): void {
    let largest = this.#learned.get(port) ?? new Set<number>();
    for (const learned of this.#learned.values()) {
      this.#expire(learned, now);
      if (learned.size > largest.size) largest = learned;
    }
    if (this.#count < this.#most) return;
    const [oldest] = largest;
    const entry = oldest === undefined ? undefined : this.#entries.get(oldest);
    if (oldest !== undefined && entry) this.#forget(oldest, entry);
  }

  /** Forgets the addresses at the front that are too old; those behind are younger, to an eighth of the limit. */
  #expire(learned: Set<number>, now: number): void {
    for (const mac of learned) {
      const entry = this.#entries.get(mac);
      if (!entry || now - entry.seen <= this.#ageing) return;
      this.#forget(mac, entry);
    }
  }

  #forget(mac: number, { port, isStatic }: TableEntry<Port>): void {
    this.#entries.delete(mac);
    if (isStatic) return;
    this.#count--;
    const learned = this.#learned.get(port);
    learned?.delete(mac);
    if (learned?.size === 0) this.#learned.delete(port);
  }

  /** The port of an address; undefined: it is unknown, or was forgotten. */
  find(mac: number, now: number): Port | undefined {
    const entry = this.#entries.get(mac);
    if (!entry) return undefined;
    if (entry.isStatic || now - entry.seen <= this.#ageing) return entry.port;
    this.#forget(mac, entry);
    return undefined;
  }

  /** Forgets the addresses that were learned at a port; and those that are fixed at it. */
  clear(port: Port, withStatic: boolean): void {
    for (const [mac, entry] of this.#entries) {
      if (entry.port === port && (withStatic || !entry.isStatic)) this.#forget(mac, entry);
    }
  }

  /** All addresses that are not too old. */
  *list(now: number): Generator<[mac: number, entry: TableEntry<Port>]> {
    for (const [mac, entry] of this.#entries) {
      if (entry.isStatic || now - entry.seen <= this.#ageing) yield [mac, entry];
    }
  }
}
