// SPDX-License-Identifier: MIT
// registration - a name of ours: claimed by probes, announced, defended, renamed, taken back (RFC 6762, sections 8 to 10)
//
// Theory of operation
//
// | state | what is done | next |
// |---|---|---|
// | probing | three questions for the name, 250 ms apart, with the records that we want it to have | no answer: announced |
// | | a host that has the name answers | a new name, probing |
// | | another host probes too, and its records are the larger ones | a pause of 1 s, probing |
// | announced | the records, now and after 1 s; later answers to questions | |
// | | a host sends other records for the name | probing: if it defends them, a new name |
// | | close() | the records with TTL 0: hosts forget them |
//
// A name that was announced and is given up is taken back with TTL 0 too. 15 conflicts in 10 s slow the loop down to one
// try in 5 s; after 30 without 60 s of peace it gives up. So answers that conflict with everything cost a bounded amount.

import type { DnsRecord } from '../codec/dns_types.ts';
import { NetError } from '../errors.ts';
import { Deferred } from '../util/deferred.ts';
import type { MdnsLink } from './link.ts';
import {
  compareSets,
  type HeardRecord,
  IN_TOP,
  identity,
  isSameName,
  type OwnRecord,
  response,
  sentRecord,
} from './records.ts';

const PROBES = 3;
const PROBE_MS = 250;
const ANNOUNCE_MS = 1000;
const PAUSE_MS = 1000;
/** So many conflicts in this time slow the loop down. */
const MANY = 15;
const MANY_MS = 10_000;
const SLOW_MS = 5000;
/** So many conflicts, without this time of peace, end it. */
const MOST = 30;
const PEACE_MS = 60_000;

/** Why a wait ended. */
type Signal = 'time' | 'conflict' | 'lost' | 'changed' | 'closed';

/** The records that a name has. */
export interface NamePlan {
  /** The name to claim. */
  name: string;
  /** Records on a link, the shared ones that lead to the name included. */
  records(link: MdnsLink): readonly OwnRecord[];
  /** Takes another name. */
  rename(): void;
}

/** The responder that a registration is one of. */
export interface RegistrationOwner {
  readonly links: Iterable<MdnsLink>;
  conflicted(): void;
  ended(registration: Registration): void;
}

/** A name of ours. */
export class Registration {
  readonly plan: NamePlan;
  /** Its records may be given as answers. */
  isAnnounced = false;
  readonly #owner: RegistrationOwner;
  readonly #ready = new Deferred();
  readonly #over = new Deferred();
  readonly #conflicts: number[] = [];
  #wake: Deferred<Signal> | undefined;
  #isProbing = false;
  #isClosed = false;
  /** The name that is probed for again was announced: it is taken back if it goes. */
  #wasAnnounced = false;
  #since = 0;

  constructor(owner: RegistrationOwner, plan: NamePlan) {
    this.#owner = owner;
    this.plan = plan;
  }

  /** Settles when it is announced for the first time; rejects if there is no name to have. */
  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  /** Settles when it is over. */
  get closed(): Promise<void> {
    return this.#over.promise;
  }

  /** It was not closed. */
  get isOpen(): boolean {
    return !this.#isClosed;
  }

  /** Claims the name. */
  start(): void {
    void this.#run();
  }

  /** Its records have changed. */
  changed(): void {
    this.#wake?.resolve('changed');
  }

  /** Takes it back. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (this.isAnnounced) this.#send((own) => sentRecord(own, 0));
    this.isAnnounced = false;
    this.#ready.reject(new NetError('ESHUTDOWN', 'Cannot publish', { reason: 'it was closed' }));
    this.#wake?.resolve('closed');
    this.#over.resolve();
    this.#owner.ended(this);
  }

  /** Another host probes with these records. */
  probed(link: MdnsLink, theirs: readonly DnsRecord[]): void {
    if (!this.#isProbing) return;
    const same = theirs.filter(({ name }) => isSameName(name, this.plan.name));
    if (same.length === 0) return;
    if (compareSets(this.#unique(link), same) < 0) this.#wake?.resolve('lost');
  }

  /** Another host sent these records. */
  heard(records: readonly HeardRecord[]): void {
    if (!this.#isProbing && !this.isAnnounced) return;
    const { name } = this.plan;
    const others = records.filter(({ record }) => record.ttl > 0 && isSameName(record.name, name));
    if (others.length === 0) return;
    const own = [...this.#owner.links].flatMap((link) => this.#unique(link));
    const known = new Set(own.map(identity));
    const types = new Set(own.map(({ type }) => type));
    // Once it is ours, only records of the types that we have are a conflict. Our own ones, of any link, are none.
    const isConflict = ({ record }: HeardRecord): boolean =>
      !known.has(identity(record)) &&
      record.type !== 'NSEC' &&
      (this.#isProbing || types.has(record.type));
    if (others.some(isConflict)) this.#wake?.resolve('conflict');
  }

  #unique(link: MdnsLink): DnsRecord[] {
    const { name } = this.plan;
    return this.plan
      .records(link)
      .filter((own) => own.isUnique && isSameName(own.record.name, name))
      .map(({ record }) => record);
  }

  async #wait(ms?: number): Promise<Signal> {
    if (this.#isClosed) return 'closed';
    const wake = new Deferred<Signal>();
    this.#wake = wake;
    const timer = ms === undefined ? undefined : setTimeout(() => wake.resolve('time'), ms);
    const signal = await wake.promise;
    clearTimeout(timer);
    return this.#isClosed ? 'closed' : signal;
  }

  #send(as: (own: OwnRecord) => DnsRecord): void {
    for (const link of this.#owner.links) {
      const records = this.plan.records(link);
      if (records.length > 0) link.send(response(records.map(as)));
    }
  }

  async #run(): Promise<void> {
    while (!this.#isClosed) {
      this.#isProbing = true;
      const found = await this.#probe();
      this.#isProbing = false;
      if (found === 'lost') await this.#wait(PAUSE_MS);
      else if (found === 'conflict') await this.#rename();
      else if (found === 'time') await this.#hold();
    }
  }

  async #probe(): Promise<Signal> {
    let signal = await this.#wait(Math.random() * PROBE_MS);
    for (let i = 0; i < PROBES && (signal === 'time' || signal === 'changed'); i++) {
      for (const link of this.#owner.links) {
        const authorities = this.#unique(link);
        if (authorities.length === 0) continue;
        const { name } = this.plan;
        link.send({ questions: [{ name, type: 'ANY', class: IN_TOP }], authorities });
      }
      signal = await this.#wait(PROBE_MS);
    }
    return signal === 'changed' ? 'time' : signal;
  }

  /** Has the name, until something happens. */
  async #hold(): Promise<void> {
    this.isAnnounced = true;
    this.#since = performance.now();
    let signal: Signal = 'changed';
    while (signal === 'changed') {
      this.#send((own) => sentRecord(own));
      this.#ready.resolve();
      signal = await this.#wait(ANNOUNCE_MS);
      if (signal === 'time') {
        this.#send((own) => sentRecord(own));
        signal = await this.#wait();
      }
    }
    // In a conflict it is probed for once more; until then no answers are given.
    this.isAnnounced = false;
    this.#wasAnnounced = signal === 'conflict';
  }

  async #rename(): Promise<void> {
    const now = performance.now();
    this.#owner.conflicted();
    if (this.#since > 0 && now - this.#since > PEACE_MS) this.#conflicts.length = 0;
    this.#conflicts.push(now);
    if (this.#wasAnnounced) this.#send((own) => sentRecord({ ...own, isUnique: false }, 0));
    this.#wasAnnounced = false;
    if (this.#conflicts.length > MOST) {
      const reason = 'another host claims every name';
      this.#ready.reject(
        new NetError('EADDRINUSE', `Cannot publish ${this.plan.name}`, { reason }),
      );
      this.close();
      return;
    }
    this.plan.rename();
    const recent = this.#conflicts.filter((when) => now - when < MANY_MS).length;
    if (recent >= MANY) await this.#wait(SLOW_MS);
  }
}
