// SPDX-License-Identifier: MIT
// solicit - solicitRouter(): an interface makes its IPv6 addresses of what routers advertise (SLAAC, RFC 4862)
//
// Theory of operation
//
// | what comes | what is done |
// |---|---|
// | nothing yet | a solicitation, again after 4, 8, … 3600 s (RFC 7559); after 0.25 s while nothing reads the tap |
// | an advertisement | it is noted with the lifetimes of its parts (js/dhcp/heard.ts), and the interface brought in line (js/dhcp/applier.ts) |
// | a lifetime ends | the same |
//
// An advertisement counts if no router can have passed it on (hop limit 255), it comes from a link-local address, and
// all of it can be read. More than 20 a second are dropped.

import type {
  InterfaceSlaac,
  SlaacEvent,
  SlaacOptions,
  SlaacStatistics,
} from '../api/configuration.ts';
import { parseIcmp } from '../codec/icmp.ts';
import { buildNdp, parseNdp } from '../codec/ndp.ts';
import { NetError } from '../errors.ts';
import { checkOptions, flag, INT32_MAX, type Rules, whole } from '../util/check.ts';
import { Deferred } from '../util/deferred.ts';
import { Feed } from '../util/feed.ts';
import { linkLocalOf } from '../util/link_local.ts';
import { unref } from '../util/process.ts';
import { isLinkLocal } from '../util/subnet.ts';
import { TokenBucket } from '../util/token_bucket.ts';
import { Applier } from './applier.ts';
import { withFirstResult } from './first_result.ts';
import { Heard } from './heard.ts';
import { requestInBackground } from './information.ts';
import type { Information } from './information_types.ts';
import type { RouterMessage, RouterSocket } from './router_types.ts';
import type { SlaacInterface, SlaacStack } from './solicit_types.ts';
import { SECOND, spread } from './timing.ts';
import { stackOf } from './transport.ts';

const SOLICIT = 'Cannot get an address from a router';
const ALL_ROUTERS = 'ff02::2';
const HOP_LIMIT = 255;
/** First and longest time between solicitations, and the time while nothing reads them. */
const FIRST_MS = 4 * SECOND;
const LONGEST_MS = 3600 * SECOND;
const UNPLUGGED_MS = 250;
/** Advertisements a second. */
const RATE = 20;

const RULES: Rules<SlaacOptions & { stack?: SlaacStack }> = {
  secret: (value) =>
    value instanceof Uint8Array && value.length >= 16
      ? undefined
      : 'a Uint8Array of 16 bytes or more',
  detect: flag,
  timeout: whole(1, INT32_MAX, ' ms'),
  information: flag,
  signal: (value) => (value instanceof AbortSignal ? undefined : 'an AbortSignal'),
  stack: (value) => (typeof value === 'object' && value !== null ? undefined : 'a stack'),
};

/**
 * Keeps the IPv6 addresses of an interface in line with what routers advertise. solicitRouter() makes one.
 *
 * @example
 * ```ts
 * import { solicitRouter } from 'ringstack/dhcp';
 *
 * async function configure(): Promise<readonly string[]> {
 *   await using client = await solicitRouter(tap);
 *   return client.addresses;
 * }
 * void configure;
 * ```
 */
export class RouterClient implements InterfaceSlaac, AsyncDisposable {
  /** Counters. */
  readonly statistics: Readonly<SlaacStatistics>;
  /** Events, from the start of each loop on. */
  readonly events: AsyncIterable<SlaacEvent>;
  /** Settles when it is closed, or when its interface or stack is gone. */
  readonly closed: Promise<void>;
  readonly #counts: SlaacStatistics = {
    solicitations: 0,
    advertisements: 0,
    droppedMalformed: 0,
    droppedLimit: 0,
    conflicts: 0,
    failed: 0,
  };
  readonly #iface: SlaacInterface;
  readonly #stack: SlaacStack;
  readonly #options: SlaacOptions;
  readonly #socket: RouterSocket;
  readonly #heard = new Heard();
  readonly #applier: Applier;
  readonly #feed = new Feed<SlaacEvent>();
  readonly #rate = new TokenBucket(RATE, performance.now());
  readonly #first = new Deferred<void>();
  readonly #over = new Deferred();
  readonly #stop = new AbortController();
  #names = '';
  #information: Information | undefined;
  #isInforming = false;
  /** An advertisement came, and its router has not gone since. */
  #isAnswered = false;
  #wake = new Deferred();
  #ended: Promise<void> | undefined;

  /**
   * Made by solicitRouter().
   *
   * @param iface - The tap.
   * @param stack - Its stack.
   * @param options - As for solicitRouter().
   * @param socket - Bound to the interface.
   * @throws Never.
   */
  constructor(
    iface: SlaacInterface,
    stack: SlaacStack,
    options: SlaacOptions,
    socket: RouterSocket,
  ) {
    this.#iface = iface;
    this.#stack = stack;
    this.#options = options;
    this.#socket = socket;
    this.#applier = new Applier({
      ...{ iface, stack, options, heard: this.#heard, counts: this.#counts },
      tell: (event) => this.#tell(event),
      applied: () => this.#applyNames(),
    });
    this.statistics = this.#counts;
    this.events = this.#feed;
    this.closed = this.#over.promise;
    const end = (): void => void this.close();
    socket.closed.then(end, end);
    this.#listen().then(end, end);
    void this.#solicit();
  }

  /** Addresses that were made of prefixes, as CIDRs. */
  get addresses(): readonly string[] {
    return this.#applier.addresses;
  }

  /** The router in use. */
  get router(): string | undefined {
    return this.#applier.router;
  }

  /** Name servers that are valid now, of advertisements and of DHCPv6. */
  get dnsServers(): readonly string[] {
    return [...new Set([...this.#heard.dnsServers, ...(this.#information?.dnsServers ?? [])])];
  }

  /** Search list, the same way. */
  get searchDomains(): readonly string[] {
    const { searchDomains = [] } = this.#information ?? {};
    return [...new Set([...this.#heard.searchDomains, ...searchDomains])];
  }

  /** MTU that a router told. */
  get mtu(): number | undefined {
    return this.#applier.mtu;
  }

  /** Settles with the first address. */
  get ready(): Promise<void> {
    return this.#first.promise;
  }

  /**
   * Takes addresses, routes and MTU back, and stops.
   *
   * @throws Never.
   */
  close(): Promise<void> {
    this.#ended ??= this.#close();
    return this.#ended;
  }

  /**
   * Same as close().
   *
   * @throws Never.
   */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    this.#first.reject(new NetError('ESHUTDOWN', SOLICIT, { reason: 'the client was closed' }));
    this.#stop.abort();
    this.#wake.resolve();
    await this.#socket.close().catch(() => {});
    await this.#applier.close();
    this.#feed.end();
    this.#over.resolve();
  }

  #tell(event: SlaacEvent): void {
    const { kind, value } = event;
    this.#feed.push(event);
    if (kind === 'address') this.#first.resolve();
    if (kind !== 'router' || value !== undefined) return;
    this.#isAnswered = false;
    this.#wake.resolve();
  }

  #applyNames(): void {
    const names = [this.dnsServers.join(), this.searchDomains.join()].join(' ');
    if (names === this.#names) return;
    this.#names = names;
    this.#feed.push({ kind: 'names' });
  }

  /** Waits; an advertisement and close() end it early. */
  async #sleep(ms: number): Promise<void> {
    const timer = setTimeout(() => this.#wake.resolve(), ms);
    // A program that waits for its first address goes on; after that, it may end.
    if (this.#counts.advertisements > 0) unref(timer);
    await this.#wake.promise;
    clearTimeout(timer);
    this.#wake = new Deferred();
  }

  async #solicit(): Promise<void> {
    const sourceMac = this.#iface.mac;
    const data = buildNdp(
      { source: linkLocalOf(sourceMac), destination: ALL_ROUTERS },
      { kind: 'routerSolicitation', options: { sourceMac } },
    );
    for (let wait = FIRST_MS; !this.#ended; ) {
      if (this.#isAnswered) {
        // Routers advertise by themselves; once all of them are gone, they are asked for again.
        await this.#sleep(LONGEST_MS);
        wait = FIRST_MS;
        continue;
      }
      const before = this.#iface.statistics?.dropped;
      this.#counts.solicitations++;
      await this.#socket.send(data, ALL_ROUTERS).catch(() => {});
      await this.#sleep(UNPLUGGED_MS);
      if (this.#isAnswered || this.#iface.statistics?.dropped !== before) continue;
      await this.#sleep(spread(wait));
      wait = Math.min(2 * wait, LONGEST_MS);
    }
  }

  async #listen(): Promise<void> {
    for await (const message of this.#socket) {
      if (message.data[0] !== 134 || this.#ended) continue;
      if (!this.#rate.take(performance.now())) this.#counts.droppedLimit++;
      else this.#take(message);
    }
  }

  #take({ data, host, ttl }: RouterMessage): void {
    const message = parseIcmp(data);
    const said = message && parseNdp(message);
    const isFromLink = (ttl === undefined || ttl === HOP_LIMIT) && isLinkLocal(host);
    if (said?.kind !== 'routerAdvertisement' || !isFromLink) {
      this.#counts.droppedMalformed++;
      return;
    }
    this.#counts.advertisements++;
    const from = host.replace(/%.*/, '');
    this.#counts.droppedLimit += this.#heard.take(said, from, performance.now());
    const { hasOtherConfig, isManaged } = said;
    if ((hasOtherConfig || isManaged) && this.#options.information !== false) void this.#inform();
    if (!this.#isAnswered) this.#wake.resolve();
    this.#isAnswered = true;
    this.#applier.due();
  }

  /** Asks for settings by DHCPv6, and again when they are old. */
  async #inform(): Promise<void> {
    if (this.#isInforming) return;
    this.#isInforming = true;
    const { signal } = this.#stop;
    while (!this.#ended) {
      try {
        const stack = this.#stack as never;
        this.#information = await requestInBackground(this.#iface, { stack, signal });
      } catch {
        if (!this.#ended) this.#counts.failed++;
        break; // closed, or the port is taken
      }
      this.#applier.due();
      const stop = new Deferred();
      const ms = Math.min(this.#information.refreshTime * SECOND, INT32_MAX);
      const timer = setTimeout(() => stop.resolve(), ms);
      unref(timer);
      const end = (): void => stop.resolve();
      signal.addEventListener('abort', end, { once: true });
      await stop.promise;
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
    }
    this.#isInforming = false;
  }
}

/**
 * Gets IPv6 addresses for a tap from routers of its link, and keeps them: prefixes, default route, name servers, MTU.
 *
 * @param iface - The tap.
 * @param options - Secret, times, signal.
 * @returns The client, with its first address.
 * @throws NetError EINVAL if an option is out of range or it is no tap, ETIMEDOUT if no router gives an address in time,
 *   or the error of the stack; the signal's reason.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { createStack } from 'ringstack';
 * import { advertiseRouter, solicitRouter } from 'ringstack/dhcp';
 *
 * const lan = await createStack();
 * const port = await lan.createTapInterface({ ip: 'fd00::1/64' });
 * await advertiseRouter(port, { dnsServers: ['fd00::1'] });
 *
 * const stack = await createStack();
 * const tap = await stack.createTapInterface();
 * void port.readable.pipeTo(tap.writable);
 * void tap.readable.pipeTo(port.writable);
 * const client = await solicitRouter(tap, { detect: false });
 * assert.match(client.addresses[0] ?? '', /^fd00::.*\/64$/);
 * assert.deepEqual(client.dnsServers, ['fd00::1']);
 * assert.equal((await stack.routes.lookup('2001:db8::1'))?.via, client.router);
 * await stack.close();
 * await lan.close();
 * ```
 */
export async function solicitRouter(
  iface: SlaacInterface,
  options: SlaacOptions & {
    /** Stack of the interface. @default the one that made it */
    readonly stack?: SlaacStack;
  } = {},
): Promise<RouterClient> {
  checkOptions(SOLICIT, options, RULES);
  const { timeout = 30_000, signal } = options;
  const stack = stackOf(`${SOLICIT} for`, iface, options.stack);
  signal?.throwIfAborted();
  if (!iface.addresses.some((cidr) => cidr.includes(':'))) {
    // The first IPv6 address brings the link-local one of the MAC, which stays and is not listed.
    const cidr = `${linkLocalOf(iface.mac)}/64`;
    await iface.addAddress(cidr);
    await iface.removeAddress(cidr);
  }
  const through = { interface: iface as never };
  const socket = unref(await stack.openIcmp({ family: 6, ttl: HOP_LIMIT, ...through }));
  const client = new RouterClient(iface, stack, options, socket);
  const reason = 'no router gave one in time';
  return withFirstResult(client, client.ready, { timeout, signal, action: SOLICIT, reason });
}
