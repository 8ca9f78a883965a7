// SPDX-License-Identifier: MIT
// router - router advertisements: tells IPv6 hosts their router, prefixes and name servers (RFC 4861, RFC 8106)
//
// Theory of operation
//
// Three advertisements at once, 16 s apart, then one at a random time between a third of `interval` and all of it. A
// host that asks is answered: alone if it has an address, else all are, at most every 3 s. At most 32 hosts a second
// are answered alone, so solicitations cannot be used to make us send without limit. Solicitations count only with a
// hop limit of 255, which no router has passed on. close() says that we are no router any more: hosts drop the route at
// once instead of after `lifetime`.

import { ipBytes } from '../codec/fields.ts';
import { parseIcmp } from '../codec/icmp.ts';
import { buildNdp, type NdpOptions, parseNdp } from '../codec/ndp.ts';
import { NetError } from '../errors.ts';
import { formatIp, parseCidr } from '../util/address.ts';
import { checkOptions, flag, oneOf, type Rules, show, text, whole } from '../util/check.ts';
import { Deferred } from '../util/deferred.ts';
import { ownerOf } from '../util/owner.ts';
import type {
  AdvertisedPrefix,
  RouterOptions,
  RouterSocket,
  RouterStack,
  RouterStatistics,
} from './router_types.ts';
import { type DhcpInterface, isInterface, networksOf } from './transport.ts';

const ADVERTISE = 'Cannot advertise a router';
const ALL_NODES = 'ff02::1';
const ALL_ROUTERS = 'ff02::2';
const UNSPECIFIED = '::';
const HOP_LIMIT = 255;
/** Advertisements at first, and the time between them. */
const INITIAL = 3;
const INITIAL_MS = 16_000;
/** Least time between two advertisements to all hosts. */
const MIN_MS = 3_000;
/** Longest time before a solicitation is answered. */
const DELAY_MS = 500;
/** Answers to single hosts in a second. */
const ALONE = 32;
const DAY = 86_400;

const isList = (value: unknown): string | undefined =>
  Array.isArray(value) ? undefined : 'a list';

const RULES: Rules<RouterOptions> = {
  prefix: (value) =>
    typeof value === 'string' || (typeof value === 'object' && value !== null)
      ? undefined
      : 'a prefix or a list of them',
  lifetime: whole(0, 9000, ' s'),
  mtu: whole(1280, 0xffff, ' bytes'),
  dnsServers: isList,
  searchDomains: isList,
  managed: flag,
  other: flag,
  preference: oneOf('low', 'medium', 'high'),
  hopLimit: whole(0, 255),
  interval: whole(4, 1800, ' s'),
  stack: (value) => (typeof value === 'object' && value !== null ? undefined : 'a stack'),
};

function prefixesOf(given: string | AdvertisedPrefix): NonNullable<NdpOptions['prefixes']>[number] {
  const all: AdvertisedPrefix = typeof given === 'string' ? { prefix: given } : given;
  const { autonomous, onLink, validLifetime = 30 * DAY, preferredLifetime = 7 * DAY } = all;
  checkOptions<AdvertisedPrefix>(ADVERTISE, all, {
    prefix: text,
    autonomous: flag,
    onLink: flag,
    validLifetime: whole(0, 0xffff_ffff, ' s'),
    preferredLifetime: whole(0, validLifetime, ' s'),
  });
  const { address, prefix: length } = parseCidr(all.prefix);
  if (address.family !== 6) {
    throw new NetError('EINVAL', `${ADVERTISE} with the prefix ${show(all.prefix)}`, {
      reason: 'must be an IPv6 network, such as fd00::/64',
    });
  }
  const bytes = address.bytes.map((byte, i) => {
    const bits = Math.min(8, Math.max(0, length - 8 * i));
    return byte & (0xff00 >> bits);
  });
  return {
    prefix: formatIp({ family: 6, bytes }),
    length,
    ...(onLink !== undefined && { isOnLink: onLink }),
    ...(autonomous !== undefined && { isAutonomous: autonomous }),
    validLifetime,
    preferredLifetime,
  };
}

/** The advertisement; with `isLast` the one that takes everything back. */
function advertisement(iface: DhcpInterface, options: RouterOptions, isLast: boolean): Uint8Array {
  const { prefix = networksOf(iface), mtu = iface.mtu, interval = 600, hopLimit = 64 } = options;
  const { managed, other, preference, dnsServers, searchDomains } = options;
  const lifetime = isLast ? 0 : (options.lifetime ?? 1800);
  const saysMtu = mtu !== undefined && (options.mtu !== undefined || (mtu !== 1500 && mtu >= 1280));
  // Three intervals: one advertisement, or two, may get lost (RFC 8106, section 5.1).
  const timed = <T>(values: readonly T[]) => ({ lifetime: isLast ? 0 : 3 * interval, values });
  return buildNdp(
    { source: UNSPECIFIED, destination: ALL_NODES },
    {
      kind: 'routerAdvertisement',
      hopLimit,
      lifetime,
      ...(managed !== undefined && { isManaged: managed }),
      ...(other !== undefined && { hasOtherConfig: other }),
      // A router that is none has no preference (RFC 4191, section 2.2).
      ...(preference !== undefined && lifetime > 0 && { preference }),
      options: {
        ...(iface.mac !== undefined && { sourceMac: iface.mac }),
        ...(saysMtu && { mtu }),
        prefixes: [prefix].flat().map((one) => prefixesOf(one as string | AdvertisedPrefix)),
        ...(dnsServers?.length && { dnsServers: timed(dnsServers) }),
        ...(searchDomains?.length && { searchDomains: timed(searchDomains) }),
      },
    },
  );
}

/**
 * Advertises a router. advertiseRouter() makes one.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { createStack } from 'ringstack';
 * import { advertiseRouter, type RouterAdvertiser } from 'ringstack/dhcp';
 *
 * const stack = await createStack();
 * const tap = await stack.createTapInterface({ ip: 'fd00::1/64' });
 * const router: RouterAdvertiser = await advertiseRouter(tap);
 * router.update({ dnsServers: ['fd00::1'] });
 * assert.equal(router.statistics.solicitations, 0);
 * await router.close();
 * await stack.close();
 * ```
 */
export class RouterAdvertiser implements AsyncDisposable {
  /** Counters. */
  readonly statistics: Readonly<RouterStatistics>;
  /** Settles when it is closed, or when its interface or stack is gone. */
  readonly closed: Promise<void>;
  readonly #counts: RouterStatistics = {
    sent: 0,
    solicitations: 0,
    droppedMalformed: 0,
    droppedLimit: 0,
    droppedSend: 0,
  };
  readonly #iface: DhcpInterface;
  readonly #socket: RouterSocket;
  readonly #over = new Deferred();
  #options: RouterOptions;
  #message: Uint8Array;
  #left = INITIAL;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #due = 0;
  #last = Number.NEGATIVE_INFINITY;
  #second = 0;
  #alone = 0;
  #ended: Promise<void> | undefined;

  /**
   * Made by advertiseRouter().
   *
   * @param iface - The interface.
   * @param options - As for advertiseRouter().
   * @param message - The advertisement.
   * @param socket - Bound to the interface.
   * @throws Never.
   */
  constructor(
    iface: DhcpInterface,
    options: RouterOptions,
    message: Uint8Array,
    socket: RouterSocket,
  ) {
    this.#iface = iface;
    this.#options = options;
    this.#message = message;
    this.#socket = socket;
    this.statistics = this.#counts;
    this.closed = this.#over.promise;
    const end = (): void => void this.close();
    socket.closed.then(end, end);
    this.#listen().catch(end);
    this.#advertise();
  }

  /**
   * Changes what is advertised, and tells all hosts at once.
   *
   * @param options - As for advertiseRouter(); options that are left out stay.
   * @throws NetError EINVAL if an option is out of range, ESHUTDOWN if it is closed.
   */
  update(options: Omit<RouterOptions, 'stack'>): void {
    if (this.#ended) throw new NetError('ESHUTDOWN', ADVERTISE, { reason: 'it was closed' });
    checkOptions(ADVERTISE, options, RULES);
    const all = { ...this.#options, ...options };
    this.#message = advertisement(this.#iface, all, false);
    this.#options = all;
    this.#left = INITIAL;
    this.#schedule(Math.max(0, this.#last + MIN_MS - performance.now()));
  }

  /**
   * Tells all hosts that this is no router any more, and stops.
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
    clearTimeout(this.#timer);
    await this.#send(advertisement(this.#iface, this.#options, true), ALL_NODES);
    await this.#socket.close().catch(() => {});
    this.#over.resolve();
  }

  async #send(message: Uint8Array, host: string): Promise<void> {
    try {
      await this.#socket.send(message, host);
      this.#counts.sent++;
    } catch {
      this.#counts.droppedSend++;
    }
  }

  /** Tells all hosts, and plans the next time. */
  #advertise(): void {
    this.#timer = undefined;
    this.#last = performance.now();
    void this.#send(this.#message, ALL_NODES);
    const longest = (this.#options.interval ?? 600) * 1000;
    const wait = longest * (1 / 3 + (2 / 3) * Math.random());
    this.#schedule(--this.#left > 0 ? Math.min(wait, INITIAL_MS) : wait);
  }

  /** Has all hosts told after some time, unless that happens earlier anyway. */
  #schedule(ms: number): void {
    const due = performance.now() + ms;
    if (this.#timer !== undefined && this.#due <= due) return;
    clearTimeout(this.#timer);
    this.#due = due;
    this.#timer = setTimeout(() => this.#advertise(), ms);
  }

  async #listen(): Promise<void> {
    for await (const { data, host, ttl } of this.#socket) {
      if (data[0] !== 133 || this.#ended) continue;
      if (!this.#isValid(data, host, ttl)) {
        this.#counts.droppedMalformed++;
        continue;
      }
      this.#counts.solicitations++;
      if (host === UNSPECIFIED) {
        const soonest = Math.max(0, this.#last + MIN_MS - performance.now());
        this.#schedule(Math.max(soonest, Math.random() * DELAY_MS));
      } else this.#answer(host);
    }
  }

  #isValid(data: Uint8Array, host: string, ttl: number | undefined): boolean {
    const message = parseIcmp(data);
    const solicitation = message && parseNdp(message);
    if (solicitation?.kind !== 'routerSolicitation') return false;
    if (ttl !== undefined && ttl !== HOP_LIMIT) return false;
    // A host without an address has no MAC to tell either (RFC 4861, section 6.1.1).
    if (host === UNSPECIFIED) return solicitation.options.sourceMac === undefined;
    return ipBytes(host.replace(/%.*/, ''))[0] !== 0xff;
  }

  #answer(host: string): void {
    const second = Math.floor(performance.now() / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#alone = 0;
    }
    if (this.#alone++ >= ALONE) this.#counts.droppedLimit++;
    else void this.#send(this.#message, host);
  }
}

/**
 * Advertises a router on an interface: hosts make addresses of its prefixes, and know router and name servers.
 *
 * @param iface - A tap with an IPv6 address.
 * @param options - Prefixes, lifetimes, name servers.
 * @returns The advertiser, which has sent the first advertisement.
 * @throws NetError EINVAL if an option is out of range, or if there is no prefix and the interface has none; the
 *   error of the stack if it cannot open a socket.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { createStack } from 'ringstack';
 * import { advertiseRouter } from 'ringstack/dhcp';
 *
 * const stack = await createStack();
 * const tap = await stack.createTapInterface({ ip: ['10.0.0.1/24', 'fd00::1/64'] });
 * const router = await advertiseRouter(tap, { dnsServers: ['fd00::1'], searchDomains: ['lan'] });
 * await router.close();
 * await assert.rejects(advertiseRouter(tap, { prefix: '10.0.0.0/24' }), { code: 'EINVAL' });
 * await stack.close();
 * ```
 */
export async function advertiseRouter(
  iface: DhcpInterface,
  options: RouterOptions = {},
): Promise<RouterAdvertiser> {
  checkOptions(ADVERTISE, options, RULES);
  const stack = options.stack ?? ownerOf(iface);
  if (!isInterface(iface) || !stack || !('openIcmp' in stack)) {
    throw new NetError('EINVAL', `${ADVERTISE} on ${show(iface)}`, {
      reason: 'must be an interface of a stack',
    });
  }
  if (options.prefix === undefined && networksOf(iface).length === 0) {
    const reason = 'the interface has no IPv6 network of 64 bits: set the option prefix';
    throw new NetError('EINVAL', ADVERTISE, { reason });
  }
  const message = advertisement(iface, options, false);
  const { openIcmp } = stack as RouterStack;
  const through = { interface: iface as never };
  const socket = await openIcmp.call(stack, { family: 6, ttl: HOP_LIMIT, ...through });
  try {
    await socket.join(ALL_ROUTERS, through);
  } catch (error) {
    await socket.close();
    throw error;
  }
  return new RouterAdvertiser(iface, options, message, socket);
}
