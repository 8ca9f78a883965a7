// SPDX-License-Identifier: MIT
// lookup - addresses of hosts of the link: one question, until there is an answer or the time is up

import type { DnsRecordOf } from '../codec/dns_types.ts';
import { NetError } from '../errors.ts';
import { checkOptions, INT32_MAX, type Rules, whole } from '../util/check.ts';
import { Deferred } from '../util/deferred.ts';
import { addressOf } from './browser.ts';
import { readLocal } from './names.ts';
import type { Querier } from './querier.ts';
import type { MdnsAddress, MdnsLookupOptions } from './types.ts';

/** How long the other family may take, ms. */
const OTHER_MS = 100;

const RULES: Rules<MdnsLookupOptions> = {
  family: (value) => (value === 4 || value === 6 ? undefined : '4 or 6'),
  timeout: whole(1, INT32_MAX, ' ms'),
  signal: (value) => (value instanceof AbortSignal ? undefined : 'an AbortSignal'),
};

const TYPES = { 4: 'A', 6: 'AAAA' } as const;

/** Lookups that run. */
export class Lookups {
  readonly #querier: Querier;
  readonly #running = new Set<Deferred<MdnsAddress[]>>();

  constructor(querier: Querier) {
    this.#querier = querier;
  }

  /** Looks all addresses of a name up. */
  async all(given: string, options: MdnsLookupOptions = {}): Promise<MdnsAddress[]> {
    const action = `Cannot look up ${given}`;
    checkOptions(action, options, RULES);
    const { family, timeout = 3000, signal } = options;
    signal?.throwIfAborted();
    const name = readLocal(given);
    const families = family === undefined ? ([4, 6] as const) : ([family] as const);
    const done = new Deferred<MdnsAddress[]>();
    this.#running.add(done);
    const timers = new Set<ReturnType<typeof setTimeout>>();
    const find = (): MdnsAddress[] => families.flatMap((one) => this.#find(name, one));
    let isWaiting = false;
    const look = (): void => {
      const found = find();
      if (families.every((one) => this.#isSettled(name, one, found))) {
        if (found.length > 0) done.resolve(found);
        else done.reject(new NetError('ENODATA', action, { reason: 'the host has none of these' }));
      } else if (found.length > 0 && !isWaiting) {
        isWaiting = true;
        timers.add(setTimeout(() => done.resolve(find()), OTHER_MS));
      }
    };
    const ends = families.map((one) => this.#querier.hold(name, TYPES[one]));
    ends.push(this.#querier.watch(look));
    timers.add(
      setTimeout(() => {
        const reason = 'no host of the link answers';
        done.reject(new NetError('ENOTFOUND', action, { reason }));
      }, timeout),
    );
    const abort = (): void => done.reject(signal?.reason);
    signal?.addEventListener('abort', abort, { once: true });
    look();
    try {
      return await done.promise;
    } finally {
      this.#running.delete(done);
      signal?.removeEventListener('abort', abort);
      for (const timer of timers) clearTimeout(timer);
      for (const end of ends) end();
    }
  }

  #find(name: string, family: 4 | 6): MdnsAddress[] {
    const entries = this.#querier.cache.get(name, TYPES[family], performance.now());
    return [...new Set(entries.map(addressOf))].map((address) => ({ address, family }));
  }

  /** Whether nothing more of a family is to be waited for. */
  #isSettled(name: string, family: 4 | 6, found: readonly MdnsAddress[]): boolean {
    if (found.some((one) => one.family === family)) return true;
    const denials = this.#querier.cache.get(name, 'NSEC', performance.now());
    return denials.some(
      ({ record }) => !(record as DnsRecordOf<'NSEC'>).types.includes(TYPES[family]),
    );
  }

  /** Ends all. */
  close(error: NetError): void {
    for (const done of this.#running) done.reject(error);
  }
}
