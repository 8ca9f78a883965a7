// SPDX-License-Identifier: MIT
// leases - the addresses of a server: their clients, and the next free one
//
// Theory of operation
//
// An address of the range is free, offered (for a minute), leased, or declined (another host was found to have it).
// Clients are known by a key: their MAC, or their identifier. `leases` is a Map that programs may change, so it keeps
// its index by address itself. The next address comes from a cursor that goes round the range: an address that was
// given back is used again as late as possible, and finding one costs a step unless the range is nearly full.
// A full range is remembered until something is given back, at most for a second.
//
// Limits. Leases and offers together are at most `maxLeases`. When no address is free, the oldest offer that has not
// been taken up for 3 s goes to a client that asks now: a flood of made-up clients cannot hold the range for longer
// without going on. At most a quarter of the range is kept back as declined; then the oldest ones are used again.

import { ipBytes, ipText, u32 } from '../codec/fields.ts';

/** A lease. */
export interface DhcpLease {
  /** The address. */
  readonly ip: string;
  /** MAC of the client. */
  readonly mac: string;
  /** End, ms since 1970. */
  readonly expiresAt: number;
  /** Name that the client gave itself, made harmless. */
  readonly hostname?: string | undefined;
  /** Identifier of the client, hex digits. */
  readonly clientId?: string | undefined;
}

/** A number as an IPv4 address. */
export function numberToIp(value: number): string {
  return ipText(Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value));
}

/** An IPv4 address as a number. */
export const ipToNumber = (ip: string): number => u32(ipBytes(ip), 0);

/** Leases by client, with an index by address. */
export class Leases extends Map<string, DhcpLease> {
  readonly #byIp = new Map<string, string>();
  /** Something was removed: an address may be free. */
  onFree: (() => void) | undefined;

  /** The key of the client that has an address. */
  ownerOf(ip: string): string | undefined {
    return this.#byIp.get(ip);
  }

  override set(key: string, lease: DhcpLease): this {
    const old = this.get(key);
    if (old && old.ip !== lease.ip) this.#forget(key, old);
    this.#byIp.set(lease.ip, key);
    return super.set(key, lease);
  }

  override delete(key: string): boolean {
    const old = this.get(key);
    if (old) this.#forget(key, old);
    return super.delete(key);
  }

  override clear(): void {
    this.#byIp.clear();
    super.clear();
    this.onFree?.();
  }

  #forget(key: string, { ip }: DhcpLease): void {
    if (this.#byIp.get(ip) === key) this.#byIp.delete(ip);
    this.onFree?.();
  }
}

/** A client that asks. */
export interface Applicant {
  readonly key: string;
  readonly mac: string;
}

interface Offer {
  readonly key: string;
  readonly ip: string;
  readonly since: number;
}

const OFFER_MS = 60_000;
/** An offer that is so old may go to another client if no address is free. */
const STALE_MS = 3_000;
const DECLINE_MS = 600_000;
const FULL_MS = 1_000;

/** Options of a pool. */
export interface PoolOptions {
  readonly start: number;
  readonly end: number;
  readonly maxLeases: number;
  /** Fixed addresses by MAC. */
  readonly reservations: ReadonlyMap<string, string>;
  /** Addresses that are never given away: the server's and the router's. */
  readonly excluded: ReadonlySet<string>;
}

/** The addresses of a server. */
export class Pool {
  readonly leases = new Leases();
  readonly #options: PoolOptions;
  readonly #reserved: ReadonlySet<string>;
  /** By key, oldest first. */
  readonly #offers = new Map<string, Offer>();
  readonly #offered = new Map<string, string>();
  /** Address and end, oldest first. */
  readonly #declined = new Map<string, number>();
  /** The last address of clients without a lease, oldest first. */
  readonly #past = new Map<string, string>();
  #cursor: number;
  #fullUntil = 0;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.#reserved = new Set(options.reservations.values());
    this.#cursor = options.start;
    this.leases.onFree = () => {
      this.#fullUntil = 0;
    };
  }

  /** How many offers are held. */
  get offers(): number {
    return this.#offers.size;
  }

  /** The address that a client was offered. */
  offerOf(key: string): string | undefined {
    return this.#offers.get(key)?.ip;
  }

  /** The lease of a client, if it has not ended. */
  leaseOf(key: string, now: number): DhcpLease | undefined {
    const lease = this.leases.get(key);
    return lease && lease.expiresAt > now ? lease : undefined;
  }

  /** Removes what has ended, and returns the leases among it. */
  sweep(now: number): [key: string, lease: DhcpLease][] {
    const ended: [string, DhcpLease][] = [];
    for (const [key, lease] of this.leases) {
      if (lease.expiresAt <= now) ended.push([key, lease]);
    }
    for (const [key] of ended) this.end(key);
    for (const [key, { since }] of this.#offers) {
      if (since + OFFER_MS > now) break;
      this.cancel(key);
    }
    for (const [ip, until] of this.#declined) {
      if (until > now) break;
      this.#declined.delete(ip);
      this.#fullUntil = 0;
    }
    return ended;
  }

  /** Whether a client may have an address. */
  isFor({ key, mac }: Applicant, ip: string, now: number): boolean {
    const { reservations, excluded, start, end } = this.#options;
    const fixed = reservations.get(mac);
    if (fixed !== undefined) return fixed === ip;
    const value = ipToNumber(ip);
    if (value < start || value > end || excluded.has(ip) || this.#reserved.has(ip)) return false;
    return (this.#declined.get(ip) ?? 0) <= now && !this.isOthers(key, ip, now);
  }

  /** Whether another client has an address, or was offered it. */
  isOthers(key: string, ip: string, now: number): boolean {
    const owner = this.leases.ownerOf(ip);
    if (owner !== undefined && owner !== key && this.leaseOf(owner, now)) return true;
    const offered = this.#offered.get(ip);
    return offered !== undefined && offered !== key;
  }

  /**
   * Chooses the address of a client and holds it: that of its lease, of its offer, its last one, the one it asks for,
   * or the next one that is free. Undefined if there is none.
   */
  choose(applicant: Applicant, wanted: string | undefined, now: number): string | undefined {
    const { key, mac } = applicant;
    const candidates = [
      this.#options.reservations.get(mac),
      this.leaseOf(key, now)?.ip,
      this.offerOf(key),
      this.#past.get(key),
      wanted,
    ];
    const own = candidates.find((ip) => ip !== undefined && this.isFor(applicant, ip, now));
    const isKnown = this.#offers.has(key) || this.leases.has(key);
    if (!isKnown && this.leases.size + this.#offers.size >= this.#options.maxLeases) {
      if (!this.#reclaim(now)) return undefined;
    }
    const ip = own ?? this.#next(applicant, now);
    if (ip !== undefined) this.hold(key, ip, now);
    return ip;
  }

  /** Holds an address for a client that it was offered. */
  hold(key: string, ip: string, now: number): void {
    this.cancel(key);
    this.#offers.set(key, { key, ip, since: now });
    this.#offered.set(ip, key);
  }

  /** Takes an offer back. */
  cancel(key: string): void {
    const offer = this.#offers.get(key);
    if (!offer) return;
    this.#offers.delete(key);
    this.#offered.delete(offer.ip);
    this.#fullUntil = 0;
  }

  /** Whether a further client can have a lease. */
  hasRoom(key: string): boolean {
    return this.leases.has(key) || this.leases.size < this.#options.maxLeases;
  }

  /** Gives a client a lease. A lease of another client that has ended gives way. */
  grant(key: string, lease: DhcpLease): void {
    const owner = this.leases.ownerOf(lease.ip);
    if (owner !== undefined && owner !== key) this.leases.delete(owner);
    this.cancel(key);
    this.#past.delete(key);
    this.leases.set(key, lease);
  }

  /** Ends the lease of a client, which gets the same address again if it comes back in time. */
  end(key: string): DhcpLease | undefined {
    const lease = this.leases.get(key);
    if (!lease) return undefined;
    this.leases.delete(key);
    this.#past.delete(key);
    this.#past.set(key, lease.ip);
    if (this.#past.size > this.#options.maxLeases) this.#dropFirst(this.#past);
    return lease;
  }

  /** Keeps an address back that turned out to be in use. */
  decline(ip: string, now: number): void {
    const { start, end } = this.#options;
    this.#declined.delete(ip);
    this.#declined.set(ip, now + DECLINE_MS);
    const most = Math.max(1, Math.floor((end - start + 1) / 4));
    if (this.#declined.size > most) this.#dropFirst(this.#declined);
  }

  #dropFirst(map: Map<string, unknown>): void {
    for (const key of map.keys()) {
      map.delete(key);
      return;
    }
  }

  /** Takes the oldest offer back, if it is old enough. */
  #reclaim(now: number): boolean {
    for (const [key, { since }] of this.#offers) {
      if (since + STALE_MS > now) return false;
      this.cancel(key);
      return true;
    }
    return false;
  }

  #next(applicant: Applicant, now: number): string | undefined {
    if (this.#options.reservations.has(applicant.mac)) return undefined;
    if (this.#fullUntil > now) return this.#reclaimed(applicant, now);
    const { start, end } = this.#options;
    const count = end - start + 1;
    for (let i = 0; i < count; i++) {
      const value = this.#cursor;
      this.#cursor = value >= end ? start : value + 1;
      const ip = numberToIp(value);
      if (this.isFor(applicant, ip, now)) return ip;
    }
    this.#fullUntil = now + FULL_MS;
    return this.#reclaimed(applicant, now);
  }

  #reclaimed(applicant: Applicant, now: number): string | undefined {
    for (const { ip } of this.#offers.values()) {
      if (!this.#reclaim(now)) return undefined;
      return this.isFor(applicant, ip, now) ? ip : undefined;
    }
    return undefined;
  }
}
