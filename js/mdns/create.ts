// SPDX-License-Identifier: MIT
// create - createMdns(): links, responder and querier as one object

import { NetError } from '../errors.ts';
import { checkOptions, type Rules, show, whole } from '../util/check.ts';
import { Deferred } from '../util/deferred.ts';
import { unref } from '../util/process.ts';
import { Browser } from './browser.ts';
import { type Incoming, MdnsLink } from './link.ts';
import { Lookups } from './lookup.ts';
import { ALL_TYPES, LOCAL, readHostname, readSubtype, readType } from './names.ts';
import { hostPlan, OwnService, PUBLISH } from './publish.ts';
import { Querier } from './querier.ts';
import { heardRecord } from './records.ts';
import type { Registration } from './registration.ts';
import { Responder } from './responder.ts';
import type {
  BrowseOptions,
  Mdns,
  MdnsAddress,
  MdnsInterface,
  MdnsLookupOptions,
  MdnsOptions,
  MdnsStack,
  MdnsStatistics,
  PublishedService,
  PublishOptions,
  ServiceEvent,
} from './types.ts';

const OPEN = 'Cannot open mDNS';
/** How often the addresses of interfaces are looked at, ms. */
const FOLLOW_MS = 1000;

const RULES: Rules<MdnsOptions> = {
  interfaces: (value) =>
    Array.isArray(value) && value.length > 0 ? undefined : 'a list of interfaces',
  hostname: (value) => (typeof value === 'string' ? undefined : 'a string'),
  cache: whole(64, 1_000_000, ' records'),
  maxRate: whole(10, 100_000, ' messages a second'),
};

const BROWSE_RULES: Rules<BrowseOptions> = {
  subtype: (value) => (typeof value === 'string' ? undefined : 'a string'),
  signal: (value) => (value instanceof AbortSignal ? undefined : 'an AbortSignal'),
};

const randomName = (): string => {
  const [number = 0] = crypto.getRandomValues(new Uint32Array(1));
  return `ringstack-${number.toString(36).slice(0, 5)}`;
};

/** Names and services of the link. */
class LinkMdns implements Mdns {
  readonly statistics: Readonly<MdnsStatistics>;
  readonly closed: Promise<void>;
  readonly #links: readonly MdnsLink[];
  readonly #querier: Querier;
  readonly #responder: Responder;
  readonly #lookups: Lookups;
  readonly #browsers = new Set<Browser>();
  readonly #over = new Deferred();
  readonly #timer: ReturnType<typeof setInterval>;
  #host: Registration | undefined;
  #ended: Promise<void> | undefined;

  constructor(links: readonly MdnsLink[], counts: MdnsStatistics, cache: number) {
    this.#links = links;
    this.statistics = counts;
    this.closed = this.#over.promise;
    this.#querier = new Querier(links, counts, cache);
    this.#responder = new Responder(links, counts);
    this.#lookups = new Lookups(this.#querier);
    const listening = links.map((link) => link.listen((incoming) => this.#receive(incoming)));
    const end = (): void => void this.close();
    // Its last interface is gone.
    void Promise.allSettled(listening).then(end);
    this.#timer = setInterval(() => void this.#follow(), FOLLOW_MS);
    unref(this.#timer);
  }

  get hostname(): string | undefined {
    return this.#host?.plan.name;
  }

  /** Claims the name of our host. */
  async claim(hostname: string): Promise<void> {
    this.#host ??= this.#responder.register(hostPlan(hostname, () => this.#responder.changed()));
    const host = this.#host;
    void host.closed.then(() => {
      if (this.#host === host) this.#host = undefined;
    });
    await host.ready;
  }

  #receive({ link, message, host, port }: Incoming): void {
    if (!message.isResponse) {
      this.#responder.asked({ link, message, host, port });
      return;
    }
    const records = [...message.answers, ...message.additionals].flatMap(
      (record) => heardRecord(record) ?? [],
    );
    this.#responder.heard(link, records);
    this.#querier.heard(link, records);
  }

  async #follow(): Promise<void> {
    const changes = await Promise.all(this.#links.map((link) => link.follow()));
    if (changes.includes(true) && !this.#ended) this.#responder.changed();
  }

  #check(action: string): void {
    if (this.#ended) throw new NetError('ESHUTDOWN', action, { reason: 'it was closed' });
  }

  async lookupAll(name: string, options?: MdnsLookupOptions): Promise<MdnsAddress[]> {
    this.#check(`Cannot look up ${name}`);
    return this.#lookups.all(name, options);
  }

  async lookup(name: string, options?: MdnsLookupOptions): Promise<string> {
    const [first] = await this.lookupAll(name, options);
    return (first as MdnsAddress).address;
  }

  async publish(options: PublishOptions): Promise<PublishedService> {
    this.#check(PUBLISH);
    const service = new OwnService(options, () => this.hostname ?? `localhost.${LOCAL}`);
    const { signal, host } = options;
    signal?.throwIfAborted();
    if (host === undefined) await this.claim(randomName());
    this.#check(PUBLISH);
    signal?.throwIfAborted();
    const registration = this.#responder.register(service.plan);
    service.started(registration);
    const abort = (): void => registration.close();
    signal?.addEventListener('abort', abort, { once: true });
    void registration.closed.then(() => signal?.removeEventListener('abort', abort));
    try {
      await registration.ready;
    } catch (error) {
      signal?.throwIfAborted();
      throw error;
    }
    return service;
  }

  browse(given: string, options: BrowseOptions = {}): AsyncIterableIterator<ServiceEvent> {
    this.#check('Cannot browse');
    checkOptions('Cannot browse', options, BROWSE_RULES);
    const { subtype, signal } = options;
    const isTypes = `${given}.${LOCAL}` === ALL_TYPES;
    const type = isTypes ? given : readType(given);
    const prefix = subtype === undefined ? '' : `${readSubtype(subtype)}._sub.`;
    const browser = new Browser(this.#querier, type, `${prefix}${type}.${LOCAL}`);
    this.#browsers.add(browser);
    const end = (): void => {
      browser.end();
      this.#browsers.delete(browser);
      signal?.removeEventListener('abort', end);
    };
    signal?.addEventListener('abort', end, { once: true });
    if (signal?.aborted) end();
    const done = { done: true, value: undefined } as const;
    const iterator: AsyncIterableIterator<ServiceEvent> = {
      next: async () => {
        const value = await browser.next();
        return value ? { done: false, value } : done;
      },
      return: async () => {
        end();
        return done;
      },
      [Symbol.asyncIterator]: () => iterator,
    };
    return iterator;
  }

  close(): Promise<void> {
    this.#ended ??= this.#close();
    return this.#ended;
  }

  async #close(): Promise<void> {
    clearInterval(this.#timer);
    this.#lookups.close(new NetError('ESHUTDOWN', 'Cannot look up', { reason: 'it was closed' }));
    for (const browser of this.#browsers) browser.end();
    this.#browsers.clear();
    this.#querier.close();
    this.#responder.close();
    await Promise.all(this.#links.map((link) => link.close()));
    this.#over.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** Whether an interface takes part if the program names none. */
const isWanted = ({ type, addresses }: MdnsInterface): boolean =>
  type !== 'loopback' && addresses.length > 0;

/**
 * Brings mDNS and DNS-SD to the links of a stack: names of .local, services.
 *
 * @param stack - A stack.
 * @param options - Interfaces, our name, limits.
 * @returns Names and services, with our name announced if one was given.
 * @throws NetError EINVAL if an option is out of range, ENODEV if there is no interface with an address, EADDRINUSE if
 *   port 5353 is taken, or every name is claimed by another host; or the error of the stack.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { createStack } from 'ringstack';
 * import { createMdns } from 'ringstack/mdns';
 *
 * const [one, other] = [await createStack(), await createStack()];
 * const tap = await one.createTapInterface({ ip: '10.0.0.1/24' });
 * await other.createTapInterface({ ip: '10.0.0.2/24', link: tap });
 * const mdns = await createMdns(one, { hostname: 'vm' });
 * const browser = await createMdns(other);
 *
 * const service = await mdns.publish({ name: 'Web', type: '_http._tcp', port: 80 });
 * for await (const { kind, service } of browser.browse('_http._tcp')) {
 *   assert.deepEqual([kind, service.name, service.host], ['up', 'Web', 'vm.local']);
 *   break;
 * }
 * assert.equal(await browser.lookup('vm.local'), '10.0.0.1');
 * await service.close();
 * await Promise.all([mdns.close(), browser.close()]);
 * await Promise.all([one.close(), other.close()]);
 * ```
 */
export async function createMdns(stack: MdnsStack, options: MdnsOptions = {}): Promise<Mdns> {
  checkOptions(OPEN, options, RULES);
  const { hostname, cache = 4096, maxRate = 1000 } = options;
  if (hostname !== undefined) readHostname(hostname);
  if (typeof stack?.openUdp !== 'function' || !stack.interfaces) {
    throw new NetError('EINVAL', `${OPEN} on ${show(stack)}`, { reason: 'must be a stack' });
  }
  const interfaces = options.interfaces ?? [...stack.interfaces].filter(isWanted);
  if (interfaces.length === 0) {
    const reason = 'no interface of the stack has an address';
    throw new NetError('ENODEV', OPEN, { reason });
  }
  const counts: MdnsStatistics = {
    received: 0,
    sent: 0,
    droppedMalformed: 0,
    droppedForeign: 0,
    droppedLimit: 0,
    droppedSend: 0,
    conflicts: 0,
  };
  const links: MdnsLink[] = [];
  try {
    for (const iface of interfaces) links.push(await MdnsLink.open(stack, iface, counts, maxRate));
  } catch (error) {
    await Promise.all(links.map((link) => link.close()));
    throw error;
  }
  const mdns = new LinkMdns(links, counts, cache);
  try {
    if (hostname !== undefined) await mdns.claim(hostname);
    return mdns;
  } catch (error) {
    await mdns.close();
    throw error;
  }
}
