// SPDX-License-Identifier: MIT
// heard - routers, prefixes, name servers that advertisements told, each for its lifetime (RFC 4861, 4862, 8106)
//
// Everything is bounded: a guest that advertises without end fills a list and then counts as a drop. An address is not
// taken back earlier than in two hours (RFC 4862, 5.5.3): one forged advertisement does not disconnect a host.

import { ipBytes } from '../codec/fields.ts';
import {
  NDP_INFINITE,
  type NdpPrefix,
  type NdpTimed,
  type RouterAdvertisement,
} from '../codec/ndp.ts';
import { isLinkLocal } from '../util/subnet.ts';

/** Routers, prefixes, name servers, domains of each list. */
const MOST = 8;
const SECOND = 1000;
const TWO_HOURS = 7_200 * SECOND;

const RANKS = { low: 0, medium: 1, high: 2 } as const;

/** A prefix that was told. */
export interface HeardPrefix {
  /** The network. */
  readonly prefix: string;
  readonly length: number;
  isOnLink: boolean;
  /** Addresses are made of it. */
  isAutonomous: boolean;
  /** Ends, ms. */
  validUntil: number;
  preferredUntil: number;
}

interface HeardRouter {
  rank: number;
  until: number;
}

const endOf = (now: number, seconds: number): number =>
  seconds === NDP_INFINITE ? Number.POSITIVE_INFINITY : now + seconds * SECOND;

/** Whether hosts can have addresses of a network: it is no link-local one and no group. */
function isUsable(prefix: string): boolean {
  const bytes = ipBytes(prefix);
  const [first = 0, second = 0] = bytes;
  return first !== 0xff && !isLinkLocal(bytes) && first + second > 0;
}

/** All that routers have told. */
export class Heard {
  readonly prefixes = new Map<string, HeardPrefix>();
  readonly #routers = new Map<string, HeardRouter>();
  readonly #servers = new Map<string, number>();
  readonly #domains = new Map<string, number>();
  /** MTU of the link, as the last router said that said one. */
  mtu: number | undefined;

  /** The router to use: the most preferred one, of these the one that is known for longest. */
  get router(): string | undefined {
    let best: string | undefined;
    let rank = -1;
    for (const [host, one] of this.#routers) {
      if (one.rank <= rank) continue;
      best = host;
      rank = one.rank;
    }
    return best;
  }

  /** Name servers. */
  get dnsServers(): string[] {
    return [...this.#servers.keys()];
  }

  /** Search list. */
  get searchDomains(): string[] {
    return [...this.#domains.keys()];
  }

  /**
   * Notes an advertisement.
   *
   * @param said - The advertisement.
   * @param host - The router's link-local address.
   * @param now - Time, ms.
   * @returns How many values were left out because a list is full.
   * @throws Never.
   */
  take(said: RouterAdvertisement, host: string, now: number): number {
    let full = 0;
    const put = <T>(map: Map<string, T>, key: string, value: T): void => {
      if (map.has(key) || map.size < MOST) map.set(key, value);
      else full++;
    };
    if (said.lifetime === 0) this.#routers.delete(host);
    else {
      const router = { rank: RANKS[said.preference], until: endOf(now, said.lifetime) };
      put(this.#routers, host, router);
    }
    const { prefixes = [], dnsServers, searchDomains, mtu } = said.options;
    if (mtu !== undefined) this.mtu = mtu;
    for (const one of prefixes) if (!this.#takePrefix(one, now)) full++;
    const list = (map: Map<string, number>, timed: NdpTimed<unknown> | undefined): void => {
      for (const value of timed?.values ?? []) {
        if (timed?.lifetime === 0) map.delete(String(value));
        else put(map, String(value), endOf(now, timed?.lifetime ?? 0));
      }
    };
    list(this.#servers, dnsServers);
    list(this.#domains, searchDomains);
    return full;
  }

  /** Notes a prefix; false: there are too many. */
  #takePrefix(told: NdpPrefix, now: number): boolean {
    const { prefix, length, validLifetime = 0, preferredLifetime = 0 } = told;
    if (preferredLifetime > validLifetime || length > 128 || !isUsable(prefix)) return true;
    const key = `${prefix}/${length}`;
    const known = this.prefixes.get(key);
    const isOnLink = told.isOnLink === true;
    const isAutonomous = told.isAutonomous === true && length === 64;
    const validUntil = endOf(now, validLifetime);
    const preferredUntil = endOf(now, preferredLifetime);
    if (known) {
      known.isOnLink ||= isOnLink;
      known.isAutonomous ||= isAutonomous;
      known.preferredUntil = preferredUntil;
      const isShort =
        known.isAutonomous && validUntil < Math.min(known.validUntil, now + TWO_HOURS);
      known.validUntil = isShort ? Math.min(known.validUntil, now + TWO_HOURS) : validUntil;
      return true;
    }
    if (validLifetime === 0 || !(isOnLink || isAutonomous)) return true;
    if (this.prefixes.size >= MOST) return false;
    const entry = { prefix, length, isOnLink, isAutonomous, validUntil, preferredUntil };
    this.prefixes.set(key, entry);
    return true;
  }

  /** Forgets what has ended, except prefixes. */
  expire(now: number): void {
    for (const [host, { until }] of this.#routers) if (until <= now) this.#routers.delete(host);
    for (const map of [this.#servers, this.#domains]) {
      for (const [value, until] of map) if (until <= now) map.delete(value);
    }
  }

  /**
   * When the next of all things ends.
   *
   * @param now - Time, ms.
   * @returns Time, ms; an address that is not preferred any more is no end to come.
   * @throws Never.
   */
  next(now: number): number {
    const ends = [...this.prefixes.values()].flatMap(({ validUntil, preferredUntil }) =>
      preferredUntil > now ? [preferredUntil, validUntil] : validUntil,
    );
    return Math.min(
      ...[...this.#routers.values()].map(({ until }) => until),
      ...ends,
      ...this.#servers.values(),
      ...this.#domains.values(),
    );
  }
}
