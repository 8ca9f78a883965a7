// SPDX-License-Identifier: MIT
// browser - the services of a type, as they come, change and go (RFC 6763)
//
// A service is there when its place (SRV), its text (TXT) and an address of its host are known; it is gone when its
// type's list (PTR) or its place is. Everything that is missing is held (js/mdns/querier.ts), so it is asked for. After
// each change the browser compares what the cache has with what it has told.

import type { DnsRecordOf } from '../codec/dns_types.ts';
import { formatIp, parseIp } from '../util/address.ts';
import { Deferred } from '../util/deferred.ts';
import { lowerAscii } from '../util/host_name.ts';
import { Queue } from '../util/queue.ts';
import { isLinkLocal } from '../util/subnet.ts';
import type { Entry } from './cache.ts';
import { ALL_TYPES, firstLabel, LOCAL, readTxt } from './names.ts';
import type { Querier } from './querier.ts';
import type { Service, ServiceEvent } from './types.ts';

/** Services of a type that are followed. */
const MOST = 1024;
/** Events that wait for the program; services that come then are told later. */
const EVENTS = 4096;

/** A service that is followed. */
interface Followed {
  /** Name in DNS. */
  readonly name: string;
  readonly holds: (() => void)[];
  target: string | undefined;
  targetHolds: (() => void)[];
  told: Service | undefined;
  shown: string;
}

/** Addresses of a host, IPv4 first; link-local ones with the zone of the link that they came by. */
function addressesOf(querier: Querier, host: string, now: number): string[] {
  const texts = (['A', 'AAAA'] as const).flatMap((type) =>
    querier.cache.get(host, type, now).map((entry) => addressOf(entry)),
  );
  return [...new Set(texts)];
}

/** The address of a record. */
export function addressOf({ record, link }: Entry): string {
  const ip = formatIp(parseIp((record as DnsRecordOf<'A'>).ip));
  return isLinkLocal(ip) ? `${ip}%${link.zone}` : ip;
}

/** Follows one type. */
export class Browser {
  readonly #querier: Querier;
  readonly #type: string;
  readonly #name: string;
  readonly #followed = new Map<string, Followed>();
  readonly #events = new Queue<ServiceEvent>();
  readonly #release: () => void;
  readonly #unwatch: () => void;
  #wake: Deferred | undefined;
  #isEnded = false;

  /** type: such as `_http._tcp`; name: what is asked for, with subtype and domain. */
  constructor(querier: Querier, type: string, name: string) {
    this.#querier = querier;
    this.#type = type;
    this.#name = name;
    this.#unwatch = querier.watch(() => this.#look());
    this.#release = querier.hold(name, 'PTR', true);
    this.#look();
  }

  /** The next event; undefined: it was ended. */
  async next(): Promise<ServiceEvent | undefined> {
    for (;;) {
      const event = this.#events.shift();
      if (event) {
        // There is room again for what was not told.
        if (this.#events.length === 0) this.#look();
        return event;
      }
      if (this.#isEnded) return undefined;
      this.#wake ??= new Deferred();
      await this.#wake.promise;
      this.#wake = undefined;
    }
  }

  /** Ends it. */
  end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#unwatch();
    this.#release();
    for (const one of this.#followed.values()) release(one);
    this.#followed.clear();
    this.#wake?.resolve();
  }

  #look(): void {
    if (this.#isEnded) return;
    const now = performance.now();
    const names = new Map<string, string>();
    for (const { record } of this.#querier.cache.get(this.#name, 'PTR', now)) {
      const { ptr } = record as DnsRecordOf<'PTR'>;
      if (names.size < MOST) names.set(lowerAscii(ptr), ptr);
    }
    for (const [key, one] of this.#followed) {
      if (names.has(key)) continue;
      if (one.told && !this.#tell('down', one.told)) continue;
      release(one);
      this.#followed.delete(key);
    }
    for (const [key, name] of names) {
      const one = this.#followed.get(key) ?? this.#follow(key, name);
      if (one) this.#compare(one, now);
    }
  }

  #follow(key: string, name: string): Followed | undefined {
    // Only names of this type: a list may lead anywhere.
    const isType = this.#name === ALL_TYPES;
    if (!isType && !key.endsWith(`.${this.#type}.${LOCAL}`)) return undefined;
    const holds = isType ? [] : ['SRV', 'TXT'].map((type) => this.#querier.hold(name, type));
    const one: Followed = {
      ...{ name, holds, target: undefined, targetHolds: [], told: undefined, shown: '' },
    };
    this.#followed.set(key, one);
    return one;
  }

  #compare(one: Followed, now: number): void {
    const service = this.#name === ALL_TYPES ? typeService(one.name) : this.#service(one, now);
    if (!service) {
      const isGone = this.#querier.cache.get(one.name, 'SRV', now).length === 0;
      if (one.told && isGone && this.#tell('down', one.told)) {
        one.told = undefined;
        one.shown = '';
      }
      return;
    }
    const shown = JSON.stringify(service);
    if (shown === one.shown) return;
    if (!this.#tell(one.told ? 'update' : 'up', service)) return;
    one.told = service;
    one.shown = shown;
  }

  /** A service as the cache has it; undefined: something is missing. */
  #service(one: Followed, now: number): Service | undefined {
    const { cache } = this.#querier;
    const place = newest(cache.get(one.name, 'SRV', now))?.record as DnsRecordOf<'SRV'> | undefined;
    if (!place) return undefined;
    const { target, port } = place;
    if (one.target !== target) {
      for (const end of one.targetHolds) end();
      one.target = target;
      one.targetHolds = ['A', 'AAAA'].map((type) => this.#querier.hold(target, type));
    }
    const text = newest(cache.get(one.name, 'TXT', now))?.record as DnsRecordOf<'TXT'> | undefined;
    const addresses = addressesOf(this.#querier, target, now);
    if (!text || (addresses.length === 0 && !one.told)) return undefined;
    const txt = readTxt(text.strings ?? []);
    return { name: firstLabel(one.name), type: this.#type, host: target, port, addresses, txt };
  }

  /** Tells an event; false: too many wait. */
  #tell(kind: ServiceEvent['kind'], service: Service): boolean {
    if (this.#events.length >= EVENTS) return false;
    this.#events.push({ kind, service });
    this.#wake?.resolve();
    return true;
  }
}

function release(one: Followed): void {
  for (const end of [...one.holds, ...one.targetHolds]) end();
}

const newest = (entries: readonly Entry[]): Entry | undefined =>
  entries.reduce<Entry | undefined>((a, b) => (a && a.since > b.since ? a : b), undefined);

/** A type in the list of types. */
function typeService(name: string): Service {
  const type = name.replace(/\.local$/i, '');
  return { name: type, type, host: '', port: 0, addresses: [], txt: {} };
}
