// SPDX-License-Identifier: MIT
// cache - answers for as long as their TTL lets them be kept, the least recently used ones dropped first
//
// It keeps answers with records, up to a day, and answers without (no such name, or none of the type), as
// long as the SOA beside them says, up to an hour (RFC 2308). Nothing else: no truncated answer, none of a
// server that failed. Large ones are not kept, so that a full cache has a bound in bytes too.

import { DNS_RCODES } from '../codec/dns_numbers.ts';
import type { DnsMessage, DnsRecord } from '../codec/dns_types.ts';

/** Seconds. */
const LONGEST = 86_400;
const LONGEST_NEGATIVE = 3600;
/** Bytes of an answer as it came. */
const LARGEST = 4096;

interface Entry {
  readonly message: DnsMessage;
  /** Seconds of the clock. */
  readonly stored: number;
  readonly expires: number;
}

/** How long a message without an answer may be kept, in seconds. */
function negativeTtl({ authorities }: DnsMessage): number {
  for (const record of authorities) {
    if (record.type === 'SOA') return Math.min(record.ttl, record.minimum, LONGEST_NEGATIVE);
  }
  return 0;
}

/**
 * How long a message may be kept.
 *
 * @param message - A response.
 * @returns Seconds; 0: not at all.
 * @throws Never.
 */
export function timeToLive(message: DnsMessage): number {
  const { rcode, answers, truncated } = message;
  const code = DNS_RCODES[rcode as keyof typeof DNS_RCODES];
  if (truncated || (code !== DNS_RCODES.NOERROR && code !== DNS_RCODES.NXDOMAIN)) return 0;
  const type = message.questions[0]?.type;
  const isAnswered = answers.some((record) => record.type === type) || type === 'ANY';
  const isPositive = code === DNS_RCODES.NOERROR && isAnswered;
  const most = isPositive ? LONGEST : negativeTtl(message);
  return answers.reduce((least, { ttl }) => Math.min(least, ttl), most);
}

const age = (records: readonly DnsRecord[], seconds: number): readonly DnsRecord[] =>
  records.map((record) => ({ ...record, ttl: Math.max(0, record.ttl - seconds) }));

/** Answers by key. */
export class DnsCache {
  readonly #entries = new Map<string, Entry>();
  readonly #most: number;
  readonly #now: () => number;

  /**
   * @param most - Answers at the most.
   * @param now - The clock, in ms.
   */
  constructor(most: number, now: () => number = () => performance.now()) {
    this.#most = most;
    this.#now = now;
  }

  /** How many answers there are. */
  get size(): number {
    return this.#entries.size;
  }

  /** An answer whose TTLs are what is left of them; undefined if there is none. */
  get(key: string): DnsMessage | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#entries.delete(key);
    const seconds = Math.floor(this.#now() / 1000);
    if (entry.expires <= seconds) return undefined;
    this.#entries.set(key, entry);
    const { message } = entry;
    const spent = seconds - entry.stored;
    if (spent === 0) return message;
    return {
      ...message,
      answers: age(message.answers, spent),
      authorities: age(message.authorities, spent),
      additionals: age(message.additionals, spent),
    };
  }

  /** Keeps an answer, if it may be kept. */
  set(key: string, message: DnsMessage, bytes: number): void {
    const ttl = timeToLive(message);
    if (ttl <= 0 || bytes > LARGEST || this.#most === 0) return;
    this.#entries.delete(key);
    if (this.#entries.size >= this.#most) {
      this.#entries.delete(this.#entries.keys().next().value as string);
    }
    const stored = Math.floor(this.#now() / 1000);
    this.#entries.set(key, { message, stored, expires: stored + ttl });
  }

  /** Forgets everything. */
  clear(): void {
    this.#entries.clear();
  }
}
