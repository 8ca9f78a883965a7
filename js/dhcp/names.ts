// SPDX-License-Identifier: MIT
// names - the names of leases: what clients call themselves, made harmless, and put into the hosts of a stack
//
// A client chooses its name, and a name can do harm: it may hold characters that mean something elsewhere, stand in
// for another host, or be one that programs ask for by themselves (wpad). So a name is one label of letters, digits
// and hyphens, belongs to the client that had it first, and never replaces an entry of hosts that is not ours.

import type { DhcpLease } from './leases.ts';

/**
 * Hosts of a stack, as far as they are needed here.
 *
 * @example
 * ```ts
 * import type { LeaseHosts } from 'ringstack/dhcp';
 *
 * const hosts: LeaseHosts = stack.hosts;
 * void hosts;
 * ```
 */
export interface LeaseHosts {
  /**
   * Gives a name its addresses, in place of those it has.
   *
   * @param name - The name.
   * @param address - The address; a list if the client has IPv6 addresses, too.
   * @returns Anything.
   * @throws Never.
   */
  set(name: string, address: string | readonly string[]): unknown;
  /**
   * Removes a name.
   *
   * @param name - The name.
   * @returns Anything.
   * @throws Never.
   */
  delete(name: string): unknown;
  /**
   * The addresses of a name.
   *
   * @param name - The name.
   * @returns A list.
   * @throws Never.
   */
  lookup(name: string): readonly unknown[];
}

/** Names that programs look up without being asked to, and those of this host. */
const REFUSED = new Set(['localhost', 'wpad', 'isatap']);
const LABEL = 63;

/**
 * Makes a name harmless.
 *
 * @param text - The client's own name.
 * @returns One label of `a-z`, `0-9` and `-`; undefined if nothing useful is left.
 * @throws Never.
 */
export function cleanHostname(text: string | undefined): string | undefined {
  const [first = ''] = (text ?? '').split('.');
  const label = first
    .toLowerCase()
    .replace(/[^a-z0-9-]+/g, '-')
    .slice(0, LABEL)
    .replace(/^-+|-+$/g, '');
  // A number alone would be taken for an address.
  return label === '' || /^\d+$/.test(label) || REFUSED.has(label) ? undefined : label;
}

/** The names of all leases. */
export class LeaseNames {
  readonly #hosts: LeaseHosts | undefined;
  readonly #domain: string | undefined;
  /** Client of each name. */
  readonly #owners = new Map<string, string>();
  /** Name, address, and entries of hosts, of each client. */
  readonly #names = new Map<string, { hostname: string; ip: string; entries: string[] }>();

  constructor(hosts: LeaseHosts | undefined, domain: string | undefined) {
    this.#hosts = hosts;
    this.#domain = domain;
  }

  /** Gives the name of a lease its address, and others; its client loses another name. False: it has no name. */
  add(key: string, { hostname, ip }: DhcpLease, others: readonly string[] = []): boolean {
    const old = this.#names.get(key);
    if (old && old.hostname === hostname && old.ip === ip) return true;
    this.remove(key);
    if (hostname === undefined || this.#owners.has(hostname)) return false;
    const entries: string[] = [];
    const wanted = this.#domain ? [hostname, `${hostname}.${this.#domain}`] : [hostname];
    for (const name of wanted) {
      if (!this.#hosts || this.#hosts.lookup(name).length > 0) continue;
      this.#hosts.set(name, others.length > 0 ? [ip, ...others] : ip);
      entries.push(name);
    }
    this.#owners.set(hostname, key);
    this.#names.set(key, { hostname, ip, entries });
    return true;
  }

  /** Gives the name of a client other addresses beside that of its lease. */
  extend(key: string, others: readonly string[]): void {
    const own = this.#names.get(key);
    for (const name of own?.entries ?? []) this.#hosts?.set(name, [own?.ip as string, ...others]);
  }

  /** Removes the name of a client. */
  remove(key: string): void {
    const old = this.#names.get(key);
    if (!old) return;
    for (const name of old.entries) this.#hosts?.delete(name);
    this.#owners.delete(old.hostname);
    this.#names.delete(key);
  }

  /** Removes all names. */
  clear(): void {
    for (const key of [...this.#names.keys()]) this.remove(key);
  }
}
