// SPDX-License-Identifier: MIT
// responder - answers questions about our names, and watches over them (RFC 6762, sections 5, 6 and 7)
//
// Theory of operation
//
// | question | answer |
// |---|---|
// | from port 5353 | to the group: at once if no other host can have the record, else after 20 to 120 ms, with those of others |
// | that wants one of its own ("QU") | to the host, if the group has had the record in the last quarter of its TTL |
// | from another port (no mDNS host) | to the host, like DNS: with its id and question, TTL 10 s at the most |
// | with the answer in it | none: the host knows it (with at least half of its TTL) |
// | truncated | after 400 to 500 ms: more known answers follow |
// | about a name of ours, for a type that it does not have | an NSEC record that says which types it has |
//
// A record goes to the group at most once a second, for a probe every 250 ms. An answer that another host gives while
// ours waits is not given again. Everything is bounded: what waits are records of ours, and 32 truncated questions.

import type { DnsQuestion, DnsRecord, DnsRecordOf } from '../codec/dns_types.ts';
import { lowerAscii } from '../util/host_name.ts';
import { type Incoming, MDNS_PORT, type MdnsLink } from './link.ts';
import {
  fits,
  type HeardRecord,
  HOST_TTL,
  identity,
  isInternet,
  isSameName,
  isUnicast,
  type OwnRecord,
  response,
  sentRecord,
} from './records.ts';
import { type NamePlan, Registration } from './registration.ts';
import type { MdnsStatistics } from './types.ts';

const AGAIN_MS = 1000;
const AGAIN_PROBE_MS = 250;
const LEGACY_TTL = 10;
/** Truncated questions that wait. */
const HELD = 32;
/** Questions of a message that are looked at. */
const QUESTIONS = 64;

const between = (least: number, most: number): number => least + Math.random() * (most - least);

/** A question that is answered later. */
interface Held {
  readonly known: DnsRecord[];
  readonly timer: ReturnType<typeof setTimeout>;
}

/** Answers that wait on a link. */
class Outbox {
  readonly #link: MdnsLink;
  readonly #waiting = new Map<string, OwnRecord>();
  /** When a record went to the group, ms. */
  readonly #sent = new Map<string, number>();
  readonly #more: (records: readonly OwnRecord[]) => readonly OwnRecord[];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #due = 0;

  constructor(link: MdnsLink, more: (records: readonly OwnRecord[]) => readonly OwnRecord[]) {
    this.#link = link;
    this.#more = more;
  }

  /** How long ago a record went to the group, ms. */
  age(record: DnsRecord): number {
    return performance.now() - (this.#sent.get(identity(record)) ?? Number.NEGATIVE_INFINITY);
  }

  /** Sends answers to the group, soon. */
  put(answers: readonly OwnRecord[], ms: number, again: number): void {
    const fresh = answers.filter(({ record }) => this.age(record) >= again);
    if (fresh.length === 0) return;
    for (const own of fresh) this.#waiting.set(identity(own.record), own);
    const due = performance.now() + ms;
    if (this.#timer !== undefined && this.#due <= due) return;
    clearTimeout(this.#timer);
    this.#due = due;
    this.#timer = setTimeout(() => this.#flush(), ms);
  }

  /** Another host gave an answer. */
  suppress({ record }: HeardRecord): void {
    if (this.#waiting.size === 0) return;
    const key = identity(record);
    const own = this.#waiting.get(key);
    if (own && record.ttl >= own.record.ttl / 2) this.#waiting.delete(key);
  }

  #flush(): void {
    this.#timer = undefined;
    const answers = [...this.#waiting.values()];
    this.#waiting.clear();
    if (answers.length === 0) return;
    const now = performance.now();
    // Names that were given up leave nothing behind.
    if (this.#sent.size > 4096) this.#sent.clear();
    for (const { record } of answers) this.#sent.set(identity(record), now);
    const additionals = this.#more(answers).map((own) => sentRecord(own));
    this.#link.send(
      response(
        answers.map((own) => sentRecord(own)),
        additionals,
      ),
    );
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#waiting.clear();
  }
}

/** Our names, on some links. */
export class Responder {
  readonly links: readonly MdnsLink[];
  readonly #counts: MdnsStatistics;
  readonly #registrations = new Set<Registration>();
  readonly #outboxes = new Map<MdnsLink, Outbox>();
  readonly #held = new Map<string, Held>();

  constructor(links: readonly MdnsLink[], counts: MdnsStatistics) {
    this.links = links;
    this.#counts = counts;
    for (const link of links) {
      this.#outboxes.set(link, new Outbox(link, (records) => this.#more(link, records)));
    }
  }

  /** Claims a name. */
  register(plan: NamePlan): Registration {
    const registration = new Registration(
      {
        links: this.links,
        conflicted: () => void this.#counts.conflicts++,
        ended: (one) => void this.#registrations.delete(one),
      },
      plan,
    );
    this.#registrations.add(registration);
    registration.start();
    return registration;
  }

  /** The addresses of the interfaces have changed. */
  changed(): void {
    for (const registration of this.#registrations) registration.changed();
  }

  /** Takes all names back. */
  close(): void {
    for (const registration of [...this.#registrations]) registration.close();
    for (const outbox of this.#outboxes.values()) outbox.close();
    for (const { timer } of this.#held.values()) clearTimeout(timer);
    this.#held.clear();
  }

  /** A response came. */
  heard(link: MdnsLink, records: readonly HeardRecord[]): void {
    for (const registration of this.#registrations) registration.heard(records);
    for (const record of records) this.#outboxes.get(link)?.suppress(record);
  }

  /** A query came. */
  asked(incoming: Incoming): void {
    const { link, message, host, port } = incoming;
    const { questions, answers, authorities, truncated } = message;
    const key = `${link.zone} ${host} ${port}`;
    const held = this.#held.get(key);
    if (held && questions.length === 0) held.known.push(...answers.slice(0, 256));
    if (authorities.length > 0) {
      for (const registration of this.#registrations) registration.probed(link, authorities);
    }
    if (questions.length === 0 || this.#registrations.size === 0) return;
    if (!truncated || held || this.#held.size >= HELD) {
      this.#answer(incoming, [...answers]);
      return;
    }
    const known = [...answers];
    const timer = setTimeout(
      () => {
        this.#held.delete(key);
        this.#answer(incoming, known);
      },
      between(400, 500),
    );
    this.#held.set(key, { known, timer });
  }

  /** All records of ours on a link. */
  #records(link: MdnsLink): OwnRecord[] {
    return [...this.#registrations].flatMap((one) =>
      one.isAnnounced ? one.plan.records(link) : [],
    );
  }

  #answer(incoming: Incoming, known: readonly DnsRecord[]): void {
    const { link, message, host, port } = incoming;
    const all = this.#records(link);
    const wanted = message.questions.slice(0, QUESTIONS).filter(isInternet);
    if (port !== MDNS_PORT) {
      const answers = unique(wanted.flatMap((question) => this.#find(all, question)));
      if (answers.length > 0) this.#answerAlone(incoming, answers);
      return;
    }
    const isProbe = message.authorities.length > 0;
    const halves = new Map(known.map((record) => [identity(record), record.ttl]));
    const isKnown = ({ record }: OwnRecord): boolean =>
      (halves.get(identity(record)) ?? -1) >= record.ttl / 2;
    const outbox = this.#outboxes.get(link) as Outbox;
    const [alone, group]: [OwnRecord[], OwnRecord[]] = [[], []];
    for (const question of wanted) {
      for (const own of this.#find(all, question)) {
        if (isKnown(own)) continue;
        const isRecent = outbox.age(own.record) < own.record.ttl * 250;
        const toHost = isUnicast(question) && isRecent && !link.isOwn(host);
        (toHost ? alone : group).push(own);
      }
    }
    if (alone.length > 0) {
      const answers = unique(alone).map((own) => sentRecord(own));
      const more = this.#more(link, alone).map((own) => sentRecord(own));
      link.send(response(answers, more), { host, port });
    }
    const isShared = group.some(({ isUnique }) => !isUnique);
    const ms = isProbe || !isShared ? 0 : between(20, 120);
    outbox.put(unique(group), ms, isProbe ? AGAIN_PROBE_MS : AGAIN_MS);
  }

  /** Answers a program that is no mDNS host, as a DNS server does. */
  #answerAlone({ link, message, host, port }: Incoming, found: readonly OwnRecord[]): void {
    const plain = ({ record }: OwnRecord): DnsRecord =>
      ({ ...record, ttl: Math.min(record.ttl, LEGACY_TTL) }) as DnsRecord;
    const questions = message.questions.map(({ name, type }): DnsQuestion => ({ name, type }));
    const { id } = message;
    const additionals = this.#more(link, found).map(plain);
    link.send({ ...response(found.map(plain), additionals), id, questions }, { host, port });
  }

  /** Records that answer a question, or the one that says that there is none. */
  #find(all: readonly OwnRecord[], question: DnsQuestion): OwnRecord[] {
    const found = all.filter(({ record }) => fits(question, record));
    if (found.length > 0) return found;
    const own = all.filter((one) => one.isUnique && isSameName(one.record.name, question.name));
    return own.length > 0 ? [denial(question.name, own)] : [];
  }

  /** Records that a host asks for next: those of services, and addresses of hosts. */
  #more(link: MdnsLink, answers: readonly OwnRecord[]): OwnRecord[] {
    const all = this.#records(link);
    const seen = new Set(answers.map(({ record }) => identity(record)));
    const more: OwnRecord[] = [];
    const add = (name: string, types: readonly string[]): void => {
      for (const own of all) {
        const key = identity(own.record);
        if (seen.has(key) || !types.includes(own.record.type)) continue;
        if (!isSameName(own.record.name, name)) continue;
        seen.add(key);
        more.push(own);
      }
    };
    for (const { record } of answers) {
      if (record.type === 'PTR') add((record as DnsRecordOf<'PTR'>).ptr, ['SRV', 'TXT']);
    }
    for (const { record } of [...answers, ...more]) {
      if (record.type === 'SRV') add((record as DnsRecordOf<'SRV'>).target, ['A', 'AAAA']);
      if (record.type === 'A' || record.type === 'AAAA') add(record.name, ['A', 'AAAA']);
    }
    return more;
  }
}

/** Each record once. */
function unique(records: readonly OwnRecord[]): OwnRecord[] {
  return [...new Map(records.map((own) => [identity(own.record), own])).values()];
}

/** The record that says which types a name has (RFC 6762, section 6.1). */
function denial(name: string, own: readonly OwnRecord[]): OwnRecord {
  const types = [...new Set(own.map(({ record }) => record.type))];
  const next = lowerAscii(own[0]?.record.name ?? name);
  const record = { name: next, class: 'IN', ttl: HOST_TTL, type: 'NSEC', next, types } as const;
  return { record, isUnique: true };
}
