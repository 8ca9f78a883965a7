// SPDX-License-Identifier: MIT
// applier - brings an interface in line with what routers told: gateway, MTU, addresses, routes of prefixes
//
// due() may be called at any time. One function compares what the interface has with what it should have, one difference
// after another; while it waits (for 2 s, to ask whether an address is free), it is told of what has changed and goes
// round once more. It also wakes at the end of the next lifetime.

import type { SlaacEvent, SlaacOptions, SlaacStatistics } from '../api/configuration.ts';
import type { NetError } from '../errors.ts';
import { INT32_MAX } from '../util/check.ts';
import { unref } from '../util/process.ts';
import type { Heard, HeardPrefix } from './heard.ts';
import type { SlaacInterface, SlaacStack } from './solicit_types.ts';
import { stableAddress } from './stable_address.ts';

/** Addresses that are tried in a network. */
const TRIES = 3;
/** Addresses at the most: an interface has room for these. */
const ADDRESSES = 3;
const LEAST_MTU = 1280;

/** An address or a route of a prefix, as the interface has it. */
interface Held {
  readonly of: HeardPrefix;
  cidr?: string;
  /** Its address is no source any more. */
  isDeprecated: boolean;
  route?: { remove?(): unknown; close?(): unknown };
  /** Addresses of this network that were another host's. */
  conflicts: number;
  /** It is not tried any more. */
  isGivenUp: boolean;
}

const newlyHeld = (of: HeardPrefix): Held => ({
  of,
  isDeprecated: false,
  conflicts: 0,
  isGivenUp: false,
});

/** Whether hosts should not use its network for new connections any more (RFC 4862, 5.5.4). */
const isDeprecated = ({ of }: Held, now: number): boolean => of.preferredUntil <= now;

/** The client that it works for. */
export interface ApplierOwner {
  readonly iface: SlaacInterface;
  readonly stack: SlaacStack;
  readonly options: SlaacOptions;
  readonly heard: Heard;
  readonly counts: SlaacStatistics;
  /** Tells of a change. */
  tell(event: SlaacEvent): void;
  /** All differences are gone. */
  applied(): void;
}

/** Brings one interface in line. */
export class Applier {
  readonly #owner: ApplierOwner;
  readonly #iface: SlaacInterface;
  readonly #heard: Heard;
  readonly #counts: SlaacStatistics;
  readonly #secret: Uint8Array;
  readonly #held = new Map<string, Held>();
  readonly #mtuBefore: number | undefined;
  /** The router in use. */
  router: string | undefined;
  /** MTU that was set. */
  mtu: number | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #applying: Promise<void> | undefined;
  #isDue = false;
  #ended = false;

  constructor(owner: ApplierOwner) {
    this.#owner = owner;
    this.#iface = owner.iface;
    this.#heard = owner.heard;
    this.#counts = owner.counts;
    this.#mtuBefore = owner.iface.mtu;
    this.#secret = owner.options.secret ?? crypto.getRandomValues(new Uint8Array(16));
  }

  /** Addresses that it has added, as CIDRs. */
  get addresses(): string[] {
    return [...this.#held.values()].flatMap(({ cidr }) => cidr ?? []);
  }

  /** Takes everything back. */
  async close(): Promise<void> {
    this.#ended = true;
    clearTimeout(this.#timer);
    await this.#applying;
    for (const held of this.#held.values()) await this.#drop(held).catch(() => {});
    this.#held.clear();
    try {
      if (this.router !== undefined) await this.#iface.setGateway(null, 6);
      if (this.mtu !== undefined) await this.#iface.setMtu?.(this.#mtuBefore as number);
    } catch {
      // The interface is gone.
    }
  }

  /** Has the interface brought in line, soon. */
  due(): void {
    this.#isDue = true;
    this.#applying ??= this.#apply().finally(() => {
      this.#applying = undefined;
    });
  }

  async #apply(): Promise<void> {
    // Not before #applying is set.
    await undefined;
    while (this.#isDue && !this.#ended) {
      this.#isDue = false;
      const now = performance.now();
      this.#heard.expire(now);
      await this.#try(() => this.#applyRouter());
      await this.#try(() => this.#applyMtu());
      await this.#applyPrefixes(now);
      this.#owner.applied();
    }
    if (this.#ended) return;
    clearTimeout(this.#timer);
    const now = performance.now();
    const ms = Math.min(Math.max(this.#heard.next(now) - now, 0) + 1, INT32_MAX);
    this.#timer = setTimeout(() => this.due(), ms);
    unref(this.#timer);
  }

  /** Does something that the interface may refuse; that is counted. */
  async #try(change: () => Promise<void>): Promise<void> {
    try {
      await change();
    } catch {
      this.#counts.failed++;
    }
  }

  async #applyRouter(): Promise<void> {
    const { router } = this.#heard;
    if (router === this.router) return;
    if (router === undefined) await this.#iface.setGateway(null, 6);
    else await this.#iface.setGateway(router);
    this.router = router;
    this.#owner.tell({ kind: 'router', value: router });
  }

  async #applyMtu(): Promise<void> {
    const { mtu } = this.#heard;
    const most = this.#mtuBefore ?? 0;
    if (mtu === undefined || mtu === this.mtu || mtu < LEAST_MTU || mtu > most) return;
    await this.#iface.setMtu?.(mtu);
    this.mtu = mtu;
    this.#owner.tell({ kind: 'mtu', value: mtu });
  }

  async #applyPrefixes(now: number): Promise<void> {
    for (const [key, held] of this.#held) {
      if (held.of.validUntil > now) continue;
      this.#held.delete(key);
      const { cidr } = held;
      await this.#try(() => this.#drop(held));
      if (cidr !== undefined) this.#owner.tell({ kind: 'expired', value: cidr });
    }
    for (const [key, prefix] of this.#heard.prefixes) {
      if (prefix.validUntil <= now) {
        this.#heard.prefixes.delete(key);
        continue;
      }
      const held = this.#held.get(key) ?? newlyHeld(prefix);
      this.#held.set(key, held);
      if (this.#ended || held.isGivenUp) continue;
      if (held.cidr !== undefined) await this.#try(() => this.#prefer(held, now));
      else if (prefix.isAutonomous) await this.#claim(held, now);
      else if (!held.route) await this.#try(() => this.#addRoute(held, key));
    }
  }

  async #addRoute(held: Held, destination: string): Promise<void> {
    const route = { destination, interface: this.#iface as never };
    const made = await this.#owner.stack.routes?.add(route);
    if (made) held.route = made as NonNullable<Held['route']>;
  }

  /** Takes an address, or the route of a prefix, from the interface. */
  async #drop(held: Held): Promise<void> {
    const { cidr, route } = held;
    delete held.cidr;
    delete held.route;
    await (route?.remove ?? route?.close)?.call(route);
    if (cidr !== undefined) await this.#iface.removeAddress(cidr);
  }

  /** Has the interface choose an address as a source while it is preferred (RFC 4862, 5.5.4). */
  async #prefer(held: Held, now: number): Promise<void> {
    const deprecated = isDeprecated(held, now);
    if (deprecated === held.isDeprecated) return;
    await this.#iface.addAddress(held.cidr as string, { deprecated });
    held.isDeprecated = deprecated;
  }

  /** Makes room for an address: the one whose network hosts should not use any more goes. */
  async #makeRoom(now: number): Promise<void> {
    const all = [...this.#held.values()].filter(({ cidr }) => cidr !== undefined);
    const old = all.find((held) => isDeprecated(held, now));
    if (all.length < ADDRESSES || !old) return;
    old.isGivenUp = true;
    await this.#drop(old);
  }

  /** Makes an address of a prefix and adds it. */
  async #claim(held: Held, now: number): Promise<void> {
    const { prefix, isOnLink } = held.of;
    const { detect = true } = this.#owner.options;
    await this.#try(() => this.#makeRoom(now));
    while (!this.#ended && held.conflicts < TRIES) {
      const address = stableAddress(prefix, this.#iface.mac, this.#secret, held.conflicts);
      const cidr = `${address}/${isOnLink ? 64 : 128}`;
      try {
        const deprecated = isDeprecated(held, now);
        await this.#iface.addAddress(cidr, { detect, deprecated });
        held.cidr = cidr;
        held.isDeprecated = deprecated;
        this.#owner.tell({ kind: 'address', value: cidr });
        return;
      } catch (error) {
        const { code } = error as Partial<NetError>;
        if (code === 'EADDRINUSE') {
          held.conflicts++;
          this.#counts.conflicts++;
          this.#owner.tell({ kind: 'conflict', value: address });
          continue;
        }
        if (code === 'ENOBUFS') this.#counts.droppedLimit++;
        else this.#counts.failed++;
        // Unplugged just now: the next advertisement tries again.
        held.isGivenUp = code !== 'ENODEV';
        return;
      }
    }
    held.isGivenUp = held.conflicts >= TRIES;
  }
}
