// SPDX-License-Identifier: MIT
// zone - names and records that a server answers for, and what follows from them
//
// A name exists if it has records or if a name below it has (RFC 8020). One that exists and lacks the type
// is answered with no data; only one that does not exist, and that no wildcard makes (RFC 4592), is answered
// that there is no such name. Both carry the SOA, so that they can be kept (RFC 2308). Addresses of the zone
// are also answered for in reverse, by the names that have them.

import { labelsOf } from '../codec/dns_bytes.ts';
import type { DnsType } from '../codec/dns_numbers.ts';
import { ipToPtrName } from '../codec/dns_ptr.ts';
import type { DnsData, DnsRecord, DnsRecordOf } from '../codec/dns_types.ts';
import { NetError } from '../errors.ts';
import { parseIp } from '../util/address.ts';
import { checkValue, INT32_MAX, whole } from '../util/check.ts';
import { lowerAscii, normalizeName } from '../util/host_name.ts';

/** A record without its name: that is the name which was asked for. */
export type DnsResponse = {
  [T in keyof DnsData]: DnsData[T] & {
    /** Its type. */
    readonly type: T;
    /** Seconds that it may be kept. @default 60 */
    readonly ttl?: number;
  };
}[keyof DnsData];

/** The records of a name: an address, another name (a CNAME), a record, or a list of addresses and records. */
export type ZoneValue = string | DnsResponse | readonly (string | DnsResponse)[];

/** Options of a zone. */
export interface ZoneOptions {
  /** TTL of records that have none of their own, in seconds, 0 to 2147483647. @default 60 */
  readonly ttl?: number;
  /** The name at and below which the zone answers. @default what all its names end in */
  readonly origin?: string;
  /** Fields of its SOA that are not to be the usual ones. */
  readonly soa?: Partial<DnsData['SOA']>;
  /** Answers for the addresses of its names too. @default true */
  readonly reverse?: boolean;
}

/** A zone's answer to a question. */
export interface ZoneAnswer {
  /** Whether the name exists. */
  readonly exists: boolean;
  /** Records that answer; a CNAME if the name is another name of another one. */
  readonly records: readonly DnsRecord[];
  /** Says how long a negative answer may be kept. */
  readonly soa: DnsRecordOf<'SOA'>;
}

const TTL = 60;

/** The name without its first label. */
const parentOf = (name: string): string => labelsOf(name).slice(1).join('.');
const isWithin = (name: string, origin: string): boolean =>
  origin === '' || name === origin || name.endsWith(`.${origin}`);

/** The longest end that names have in common, in whole labels. */
function commonOrigin(names: readonly string[]): string {
  const [first = [], ...rest] = names.map((name) => labelsOf(name).reverse());
  const differs = first.findIndex((label, i) => rest.some((labels) => labels[i] !== label));
  return (differs < 0 ? first : first.slice(0, differs)).reverse().join('.');
}

function isAddress(text: string): boolean {
  return /^[\d.]+$|:/.test(text);
}

/** A value as records without names. */
function responsesOf(value: ZoneValue): DnsResponse[] {
  const list = Array.isArray(value) ? value : [value as string | DnsResponse];
  return list.map((one: string | DnsResponse): DnsResponse => {
    if (typeof one !== 'string') return one;
    if (!isAddress(one)) return { type: 'CNAME', cname: normalizeName(one) };
    return { type: parseIp(one).family === 4 ? 'A' : 'AAAA', ip: one };
  });
}

/**
 * A zone. It is live: a server that was given it answers what it holds at the time.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { createZone } from 'ringstack/dns';
 *
 * const zone = createZone({ 'db.internal': '10.0.0.2', '*.dev.internal': '10.0.0.3' });
 * zone.set('www.internal', 'db.internal');
 * assert.equal(zone.origin, 'internal');
 * assert.equal(zone.find('x.dev.internal', 'A')?.records.length, 1);
 * assert.equal(zone.find('db.internal', 'AAAA')?.exists, true);
 * assert.equal(zone.find('no.internal', 'A')?.exists, false);
 * ```
 */
export class Zone {
  /** The name at and below which it answers. */
  readonly origin: string;
  readonly #ttl: number;
  readonly #reverse: boolean;
  readonly #names = new Map<string, readonly DnsResponse[]>();
  /** Names that exist because others are below them, and how many are. */
  readonly #above = new Map<string, number>();
  /** Names of the addresses, by the name that stands for the address. */
  readonly #pointers = new Map<string, Set<string>>();
  readonly #soa: DnsData['SOA'];
  #serial: number;

  /**
   * Use createZone(), which finds the origin.
   *
   * @param origin - The name at and below which it answers.
   * @param records - Names and what they have.
   * @param options - TTL and SOA.
   * @throws NetError EINVAL if a name, a value or an option is malformed.
   */
  constructor(
    origin: string,
    records: Readonly<Record<string, ZoneValue>> = {},
    options: ZoneOptions = {},
  ) {
    const { ttl = TTL, soa = {}, reverse = true } = options;
    this.origin = normalizeName(origin);
    checkValue('Cannot make a zone', 'ttl', ttl, whole(0, INT32_MAX, ' s'));
    this.#ttl = ttl;
    this.#reverse = reverse;
    this.#serial = 1;
    this.#soa = {
      mname: this.origin,
      rname: this.origin === '' ? 'hostmaster' : `hostmaster.${this.origin}`,
      serial: 1,
      refresh: 3600,
      retry: 600,
      expire: 86_400,
      minimum: TTL,
      ...soa,
    };
    for (const [name, value] of Object.entries(records)) this.set(name, value);
    this.#serial = this.#soa.serial;
  }

  /**
   * Gives a name its records, in place of those it has.
   *
   * @param name - At or below the origin; `*` as its first label makes it a wildcard.
   * @param value - Its records; an empty list makes the name exist without records.
   * @returns This.
   * @throws NetError EINVAL if the name is not of the zone, if a value is malformed, or if a CNAME has
   *   others beside it.
   */
  set(name: string, value: ZoneValue): this {
    const key = normalizeName(name);
    const refuse = (reason: string): NetError =>
      new NetError('EINVAL', `Cannot set '${key}' of a zone`, { reason });
    if (!isWithin(key, this.origin)) throw refuse(`it is not below '${this.origin}'`);
    const records = responsesOf(value);
    if (records.length > 1 && records.some(({ type }) => type === 'CNAME')) {
      throw refuse('a name with a CNAME has no other records');
    }
    this.#remove(key);
    this.#names.set(key, records);
    this.#climb(key, 1);
    this.#point(key, records);
    this.#serial = (this.#serial + 1) >>> 0 || 1;
    return this;
  }

  /**
   * Removes a name and its records.
   *
   * @param name - See set().
   * @returns Whether it was there.
   * @throws NetError EINVAL if it is no name.
   */
  delete(name: string): boolean {
    const isGone = this.#remove(normalizeName(name));
    if (isGone) this.#serial = (this.#serial + 1) >>> 0 || 1;
    return isGone;
  }

  /**
   * Goes through all names.
   *
   * @returns Pairs of a name and its records.
   * @throws Never.
   */
  entries(): IterableIterator<[string, readonly DnsResponse[]]> {
    return this.#names.entries();
  }

  /**
   * Answers a question.
   *
   * @param name - In any case.
   * @param type - Type; ANY: all.
   * @returns The answer; undefined if the name is not of this zone.
   * @throws Never.
   */
  find(name: string, type: DnsType): ZoneAnswer | undefined {
    const key = lowerAscii(name);
    const pointers = this.#pointers.get(key);
    if (pointers && !this.#names.has(key)) return this.#findPointer(key, name, type, pointers);
    if (!isWithin(key, this.origin)) return undefined;
    const records = this.#recordsOf(key);
    const soa = this.#soaOf(this.origin);
    if (records === undefined) return { exists: false, records: [], soa };
    const isApex = key === this.origin;
    if (
      isApex &&
      (type === 'SOA' || type === 'ANY') &&
      !records.some((one) => one.type === 'SOA')
    ) {
      const others = records.map((one) => this.#named(name, one));
      return { exists: true, records: type === 'ANY' ? [soa, ...others] : [soa], soa };
    }
    const fits = records.filter(
      (one) => type === 'ANY' || one.type === type || one.type === 'CNAME',
    );
    return { exists: true, records: fits.map((one) => this.#named(name, one)), soa };
  }

  /** Records of a name, those of a wildcard if it has none; undefined if there is no such name. */
  #recordsOf(key: string): readonly DnsResponse[] | undefined {
    const own = this.#names.get(key);
    if (own) return own;
    if (key === this.origin || this.#above.has(key)) return [];
    // The wildcard counts only below the closest name that exists.
    let encloser = parentOf(key);
    while (encloser !== this.origin && !this.#names.has(encloser) && !this.#above.has(encloser)) {
      encloser = parentOf(encloser);
    }
    return this.#names.get(encloser === '' ? '*' : `*.${encloser}`);
  }

  #findPointer(key: string, name: string, type: DnsType, names: ReadonlySet<string>): ZoneAnswer {
    const isAsked = type === 'PTR' || type === 'ANY';
    const records = [...names].map((ptr) => this.#named(name, { type: 'PTR', ptr }));
    return { exists: true, records: isAsked ? records : [], soa: this.#soaOf(key) };
  }

  #named(name: string, response: DnsResponse): DnsRecord {
    return { name, class: 'IN', ...response, ttl: response.ttl ?? this.#ttl } as DnsRecord;
  }

  #soaOf(name: string): DnsRecordOf<'SOA'> {
    const ttl = Math.min(this.#ttl, this.#soa.minimum);
    return { name, type: 'SOA', class: 'IN', ttl, ...this.#soa, serial: this.#serial };
  }

  #remove(key: string): boolean {
    const records = this.#names.get(key);
    if (records === undefined) return false;
    this.#names.delete(key);
    this.#climb(key, -1);
    for (const record of records) {
      if (record.type !== 'A' && record.type !== 'AAAA') continue;
      const pointer = ipToPtrName(record.ip);
      const names = this.#pointers.get(pointer);
      names?.delete(key);
      if (names?.size === 0) this.#pointers.delete(pointer);
    }
    return true;
  }

  /** Counts a name in those above it. */
  #climb(key: string, by: 1 | -1): void {
    for (let name = key; name !== this.origin; ) {
      name = parentOf(name);
      const count = (this.#above.get(name) ?? 0) + by;
      if (count === 0) this.#above.delete(name);
      else this.#above.set(name, count);
    }
  }

  #point(key: string, records: readonly DnsResponse[]): void {
    if (!this.#reverse || key === '*' || key.startsWith('*.')) return;
    for (const record of records) {
      if (record.type !== 'A' && record.type !== 'AAAA') continue;
      const pointer = ipToPtrName(record.ip);
      this.#pointers.set(pointer, (this.#pointers.get(pointer) ?? new Set()).add(key));
    }
  }
}

/**
 * Makes a zone. Its SOA, the records of its addresses in reverse, and what to say of names and types that
 * are not there follow from what it is given.
 *
 * @param records - Names and what they have. `*` as the first label stands for names that are not there.
 * @param options - TTL, origin and SOA.
 * @returns The zone, for serve().
 * @throws NetError EINVAL if a name or value is malformed, or if the names have no end in common and no
 *   origin is given: that zone would answer for everything.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { createZone } from 'ringstack/dns';
 *
 * const zone = createZone({
 *   'db.internal': ['10.0.0.2', 'fd00::2'],
 *   'www.internal': 'db.internal',
 *   '_pg._tcp.internal': { type: 'SRV', priority: 0, weight: 0, port: 5432, target: 'db.internal' },
 * });
 * assert.deepEqual(zone.find('2.0.0.10.in-addr.arpa', 'PTR')?.records.map(({ type }) => type), ['PTR']);
 * ```
 */
export function createZone(
  records: Readonly<Record<string, ZoneValue>>,
  options: ZoneOptions = {},
): Zone {
  const names = Object.keys(records).map(normalizeName);
  const origin = options.origin ?? commonOrigin(names.map((name) => name.replace(/^\*\./, '')));
  if (origin === '' && options.origin === undefined) {
    throw new NetError('EINVAL', 'Cannot make a zone of these names', {
      reason: 'they end in nothing that they have in common: give an origin',
    });
  }
  return new Zone(origin, records, options);
}
