// SPDX-License-Identifier: MIT
// querier - questions that are asked again and again, and the answers that they get (RFC 6762, section 5)
//
// Theory of operation
//
// A hold is a name and a type that a lookup or a browser waits for. While it has no record it is asked for after 0, 1, 3,
// 7 … s; a continuous one (all services of a type) also when it has some, up to once an hour. A record that is held is
// asked for again at 80, 85, 90 and 95 % of its TTL. The first question wants answers for us alone, all others go with
// the answers that we know. One timer runs for all; what is due at the same time is one message.
//
// Watchers run after a change, at most every 10 ms: each looks at the cache and tells its program what is different.

import type { DnsQuestion, DnsRecord, DnsRecordOf } from '../codec/dns_types.ts';
import { INT32_MAX } from '../util/check.ts';
import { type Entry, MdnsCache, refreshAt } from './cache.ts';
import type { MdnsLink } from './link.ts';
import { type HeardRecord, IN_TOP, keyOf } from './records.ts';
import type { MdnsStatistics } from './types.ts';

const FIRST_MS = 1000;
const LONGEST_MS = 3_600_000;
const WATCH_MS = 10;
/** Questions of different programs at once are put together. */
const TOGETHER_MS = 20;

/** A name and a type that is waited for. */
interface Hold {
  readonly name: string;
  readonly type: string;
  isContinuous: boolean;
  users: number;
  interval: number;
  due: number;
  isFirst: boolean;
}

/** Asks questions on some links. */
export class Querier {
  readonly cache: MdnsCache;
  readonly #links: readonly MdnsLink[];
  readonly #counts: MdnsStatistics;
  readonly #holds = new Map<string, Hold>();
  readonly #watchers = new Set<() => void>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #due = Number.POSITIVE_INFINITY;
  #watching: ReturnType<typeof setTimeout> | undefined;

  constructor(links: readonly MdnsLink[], counts: MdnsStatistics, cache: number) {
    this.#links = links;
    this.#counts = counts;
    this.cache = new MdnsCache(cache);
  }

  /** Waits for records of a name and a type. Returns what ends that. */
  hold(name: string, type: string, isContinuous = false): () => void {
    const key = keyOf(name, type);
    let hold = this.#holds.get(key);
    if (!hold) {
      const due = performance.now() + (isContinuous ? TOGETHER_MS * (1 + 5 * Math.random()) : 0);
      const fresh = { name, type, isContinuous, users: 0, interval: FIRST_MS, due, isFirst: true };
      hold = fresh;
      this.#holds.set(key, fresh);
    }
    hold.isContinuous ||= isContinuous;
    hold.users++;
    this.#schedule(hold.due);
    let isOver = false;
    const held = hold;
    return () => {
      if (isOver) return;
      isOver = true;
      if (--held.users === 0) this.#holds.delete(key);
      if (this.#holds.size > 0) return;
      clearTimeout(this.#timer);
      this.#due = Number.POSITIVE_INFINITY;
    };
  }

  /** Runs a function after changes. Returns what ends that. */
  watch(watcher: () => void): () => void {
    this.#watchers.add(watcher);
    return () => void this.#watchers.delete(watcher);
  }

  /** A response came. */
  heard(link: MdnsLink, records: readonly HeardRecord[]): void {
    const now = performance.now();
    const wanted = this.#details(records);
    let isChanged = false;
    for (const one of records) {
      const key = keyOf(one.record.name, one.record.type);
      if (!this.#holds.has(key) && !wanted.has(key) && !this.cache.has(key)) continue;
      if (this.cache.isFull) this.cache.sweep(now, (other) => this.#holds.has(other));
      if (this.cache.add(one, link, now)) isChanged = true;
      else this.#counts.droppedLimit++;
    }
    if (isChanged) this.#changed();
  }

  /** Records of a message that others of it lead to: from a service to its host, and to the addresses of that. */
  #details(records: readonly HeardRecord[]): Set<string> {
    const wanted = new Set<string>();
    const add = (name: string, types: readonly string[]): void => {
      for (const type of types) wanted.add(keyOf(name, type));
    };
    for (const { record } of records) {
      if (record.type !== 'PTR' || !this.#holds.has(keyOf(record.name, 'PTR'))) continue;
      add((record as DnsRecordOf<'PTR'>).ptr, ['SRV', 'TXT']);
    }
    for (const { record } of records) {
      const key = keyOf(record.name, record.type);
      if (record.type === 'SRV' && (wanted.has(key) || this.#holds.has(key))) {
        add((record as DnsRecordOf<'SRV'>).target, ['A', 'AAAA']);
      }
      if (record.type === 'NSEC' && this.#isOfHeld(key)) wanted.add(key);
    }
    return wanted;
  }

  #changed(): void {
    this.#watching ??= setTimeout(() => {
      this.#watching = undefined;
      for (const watcher of [...this.#watchers]) watcher();
      this.#tick();
    }, WATCH_MS);
  }

  #schedule(due: number): void {
    if (due >= this.#due) return;
    this.#due = due;
    clearTimeout(this.#timer);
    const ms = Math.min(Math.max(0, due - performance.now()), INT32_MAX);
    this.#timer = setTimeout(() => this.#tick(), ms);
  }

  #tick(): void {
    const now = performance.now();
    clearTimeout(this.#timer);
    this.#due = Number.POSITIVE_INFINITY;
    const hadAll = this.cache.size;
    this.cache.sweep(now);
    if (this.cache.size < hadAll) this.#changed();
    const due: Hold[] = [];
    for (const hold of this.#holds.values()) {
      const entries = this.cache.get(hold.name, hold.type, now);
      if (this.#isDue(hold, entries, now)) due.push(hold);
      this.#schedule(this.#nextOf(hold, entries));
    }
    if (this.#holds.size > 0 && this.cache.size > 0) this.#schedule(this.cache.next + 1);
    if (due.length > 0) this.#ask(due, now);
  }

  /** Whether an NSEC record is of a host whose address is waited for. */
  #isOfHeld(key: string): boolean {
    if (!key.startsWith('NSEC ')) return false;
    const name = key.slice(5);
    return this.#holds.has(`A ${name}`) || this.#holds.has(`AAAA ${name}`);
  }

  /** Whether a hold is to be asked for now; plans the next time. */
  #isDue(hold: Hold, entries: readonly Entry[], now: number): boolean {
    const old = entries.filter((entry) => refreshAt(entry) <= now);
    for (const entry of old) entry.refreshed++;
    if (hold.due > now) return old.length > 0;
    const isAsked = hold.isContinuous || entries.length === 0;
    hold.due = now + hold.interval;
    hold.interval = Math.min(2 * hold.interval, LONGEST_MS);
    return isAsked || old.length > 0;
  }

  #nextOf(hold: Hold, entries: readonly Entry[]): number {
    const fresh = Math.min(...entries.map(refreshAt));
    return hold.isContinuous || entries.length === 0 ? Math.min(hold.due, fresh) : fresh;
  }

  #ask(due: readonly Hold[], now: number): void {
    const questions = due.map(
      ({ name, type, isFirst }): DnsQuestion => ({
        name,
        type: type as DnsQuestion['type'],
        class: isFirst ? IN_TOP : 'IN',
      }),
    );
    for (const link of this.#links) {
      const known = (entry: Entry): boolean =>
        entry.link === link && entry.expires - now > (entry.expires - entry.since) / 2;
      const answers = due.flatMap(({ name, type, isContinuous }) =>
        isContinuous ? this.cache.get(name, type, now).filter(known) : [],
      );
      const left = ({ record, expires }: Entry): DnsRecord =>
        ({ ...record, ttl: Math.floor((expires - now) / 1000) }) as DnsRecord;
      link.send({ questions, answers: answers.map(left) });
    }
    for (const hold of due) hold.isFirst = false;
  }

  /** Stops. */
  close(): void {
    clearTimeout(this.#timer);
    clearTimeout(this.#watching);
    this.#holds.clear();
    this.#watchers.clear();
    this.cache.clear();
  }
}
