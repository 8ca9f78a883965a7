// SPDX-License-Identifier: MIT
// cache - records of others that a lookup or a browser waits for, for as long as their TTL says (RFC 6762, section 10)
//
// Only records that are wanted come in, so that a host cannot fill it with others; those that nobody waits for any more
// stay until they end, or until there is no room. A record with the flush bit ends the
// older ones of its name and type of the same link in a second; so does TTL 0 for itself.

import type { DnsRecord } from '../codec/dns_types.ts';
import type { MdnsLink } from './link.ts';
import { type HeardRecord, identity, keyOf } from './records.ts';

const SECOND = 1000;
/** Records that come in this time are of one answer: less than the second after which a host announces again, ms. */
const TOGETHER_MS = 900;
/** Longest time that a record is kept, seconds. */
const LONGEST = 75 * 60 * 2;
/** Records of one name and type. */
const OF_ONE = 1024;
/** Parts of the TTL after which a record is asked for again. */
const REFRESH = [0.8, 0.85, 0.9, 0.95] as const;

/** A record that is kept. */
export interface Entry {
  readonly record: DnsRecord;
  readonly link: MdnsLink;
  readonly since: number;
  expires: number;
  /** How often it was asked for again. */
  refreshed: number;
}

/** When a record is to be asked for again, ms; Infinity: not any more. */
export function refreshAt({ since, expires, refreshed }: Entry): number {
  const part = REFRESH[refreshed];
  return part === undefined ? Number.POSITIVE_INFINITY : since + (expires - since) * part;
}

/** Records by name and type. */
export class MdnsCache {
  readonly #keys = new Map<string, Map<string, Entry>>();
  readonly #most: number;
  #size = 0;

  constructor(most: number) {
    this.#most = most;
  }

  /** How many there are. */
  get size(): number {
    return this.#size;
  }

  /** Records of a name and type that are valid. */
  get(name: string, type: string, now: number): Entry[] {
    const all = this.#keys.get(keyOf(name, type));
    return all ? [...all.values()].filter(({ expires }) => expires > now) : [];
  }

  /** Whether there are records of a name and type. */
  has(key: string): boolean {
    return this.#keys.has(key);
  }

  /** Keeps a record; false: there is no room. */
  add({ record, isFlush }: HeardRecord, link: MdnsLink, now: number): boolean {
    const key = keyOf(record.name, record.type);
    const all = this.#keys.get(key) ?? new Map<string, Entry>();
    if (isFlush) {
      for (const entry of all.values()) {
        // Records of one answer come in several messages, and by both versions of IP.
        if (entry.link === link && now - entry.since > TOGETHER_MS) {
          entry.expires = Math.min(entry.expires, now + SECOND);
        }
      }
    }
    const id = `${link.zone} ${identity(record)}`;
    const known = all.get(id);
    if (record.ttl === 0) {
      if (known) known.expires = Math.min(known.expires, now + SECOND);
      return true;
    }
    if (!known && (this.#size >= this.#most || all.size >= OF_ONE)) return false;
    const expires = now + Math.min(record.ttl, LONGEST) * SECOND;
    all.set(id, { record, link, since: now, expires, refreshed: 0 });
    this.#keys.set(key, all);
    if (!known) this.#size++;
    return true;
  }

  /** Whether it is full. */
  get isFull(): boolean {
    return this.#size >= this.#most;
  }

  /** Removes records that have ended, and those that are not wanted. */
  sweep(now: number, isWanted?: (key: string) => boolean): void {
    for (const [key, all] of this.#keys) {
      const keeps = isWanted?.(key) ?? true;
      for (const [id, { expires }] of all) {
        if (keeps && expires > now) continue;
        all.delete(id);
        this.#size--;
      }
      if (all.size === 0) this.#keys.delete(key);
    }
  }

  /** When the next of all records ends, ms. */
  get next(): number {
    let least = Number.POSITIVE_INFINITY;
    for (const all of this.#keys.values()) {
      for (const { expires } of all.values()) least = Math.min(least, expires);
    }
    return least;
  }

  /** Forgets all. */
  clear(): void {
    this.#keys.clear();
    this.#size = 0;
  }
}
