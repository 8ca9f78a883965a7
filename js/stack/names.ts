// SPDX-License-Identifier: MIT
// names - what a stack calls its hosts and interfaces: the `host` and `interface` options of every call
//
// A host is an address, `localhost`, an entry of the stack's hosts, or else what its resolver says (that of the
// program, or js/stack/embedded_resolver.ts). A zone and
// an interface are the number of C's handle of the interface.

import type { NetworkInterface } from '../api/interface.ts';
import type { Resolver } from '../api/names.ts';
import { NetError } from '../errors.ts';
import { type IpAddress, parseIp } from '../util/address.ts';
import { show } from '../util/check.ts';
import { isHostName, parseHost } from '../util/host.ts';
import { Hosts, type HostsInit } from '../util/hosts.ts';
import { BaseInterface } from './interface.ts';

/** Names and interfaces of one stack. */
export class Names {
  readonly hosts: Hosts;
  /** Asked for names that are not in hosts. */
  resolver: Resolver | undefined;
  readonly interfaces: ReadonlySet<BaseInterface>;
  /** Gives the resolver that is asked if there is no other; undefined: none. */
  readonly #load: () => Promise<Resolver | undefined>;
  /** The host that was read last: programs connect to the same one again, and reading takes longer than all checks. */
  #last: { readonly host: string; readonly address: IpAddress } | undefined;

  constructor(
    interfaces: ReadonlySet<BaseInterface>,
    hosts: HostsInit | undefined,
    load: () => Promise<Resolver | undefined>,
  ) {
    this.interfaces = interfaces;
    this.hosts = new Hosts(hosts);
    this.#load = load;
  }

  /** The interface of a handle of C. */
  interfaceOf(handle: number): NetworkInterface | undefined {
    for (const iface of this.interfaces) if (iface.handle === handle) return iface;
    return undefined;
  }

  /** The zone of a handle of C: the position of its interface among all, from 1. */
  zoneOf(handle: number): string {
    return String([...this.interfaces].findIndex((iface) => iface.handle === handle) + 1);
  }

  /** The handle of the interface that a zone names. */
  handleOf(zone: string): number {
    const iface = [...this.interfaces][Number(zone) - 1];
    if (iface) return iface.handle;
    throw new NetError('EINVAL', `Cannot use the zone ${show(zone)}`, {
      reason: `must be the number of an interface, from 1 to ${this.interfaces.size}`,
    });
  }

  /** The handle of the interface that an address names by its zone; 0: it has none. */
  zoneHandle(address: IpAddress | undefined): number {
    return address?.zone === undefined ? 0 : this.handleOf(address.zone);
  }

  /** The handle of an interface that a program gave. */
  handle(iface: NetworkInterface): number {
    if (iface instanceof BaseInterface && this.interfaces.has(iface)) return iface.handle;
    throw new NetError('ENODEV', `Cannot use ${show(iface)}`, {
      reason: 'must be an interface of this stack',
    });
  }

  /** Whether an address is one of the stack's. */
  isOwn(address: IpAddress): boolean {
    return [...this.interfaces].some((iface) => iface.has(address));
  }

  /** A host that is an address or localhost; undefined: it is a name. */
  numeric(host: string, action: string): IpAddress | undefined {
    const last = this.#last;
    if (last && last.host === host) return last.address;
    if (isHostName(host)) return undefined;
    const address = parseHost(host, action);
    this.#last = { host, address };
    return address;
  }

  /** A host that must be an address. */
  address(host: string, action: string): IpAddress {
    return parseHost(host, action);
  }

  /**
   * The addresses of a host, of which at least one.
   *
   * @throws {NetError} EINVAL if it is malformed, ENOTFOUND if nobody knows the name, or what the resolver says.
   */
  async resolveAll(host: string, family?: 4 | 6, signal?: AbortSignal): Promise<IpAddress[]> {
    const address = this.numeric(host, 'Cannot resolve');
    if (address) return [address];
    const fits = (found: { family: number }): boolean => !family || found.family === family;
    let found = this.hosts.lookup(host).filter(fits);
    if (found.length === 0) {
      const resolver = this.resolver ?? (await this.#load());
      const options = { ...(family && { family }), ...(signal && { signal }) };
      found = [...((await resolver?.lookupAll(host, options)) ?? [])].filter(fits);
    }
    if (found.length === 0) throw new NetError('ENOTFOUND', `Cannot resolve ${show(host)}`);
    return found.map((one) => parseIp(one.address));
  }

  /** The first address of a host. */
  async resolve(host: string, family?: 4 | 6, signal?: AbortSignal): Promise<IpAddress> {
    return (await this.resolveAll(host, family, signal))[0] as IpAddress;
  }
}
