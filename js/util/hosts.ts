// SPDX-License-Identifier: MIT
// hosts - names with fixed addresses, as in /etc/hosts

import { NetError } from '../errors.ts';
import { formatIp, parseIp } from './address.ts';
import { normalizeName } from './host_name.ts';

/** Names and their addresses: of each, one or several, in the order in which they are tried. */
export type HostsRecord = Readonly<Record<string, string | readonly string[]>>;

/** Sources of a Hosts: a record, the text of a hosts file, or another Hosts. */
export type HostsInit = HostsRecord | string | Hosts;

/** An address of a name. */
export interface HostAddress {
  /** Numeric address. */
  readonly address: string;
  /** IP version. */
  readonly family: 4 | 6;
}

/** Whether it is a Hosts, of whichever file of the package. */
export function isHosts(init: HostsInit): init is Hosts {
  return typeof init === 'object' && typeof (init as Partial<Hosts>).entries === 'function';
}

/** Reads an address and writes it in its one form. */
function addressOf(text: string): HostAddress {
  const ip = parseIp(text, { zone: true });
  return { address: formatIp(ip), family: ip.family };
}

/** Reads one line: its address and names; undefined if there is nothing on it. */
function readLine(line: string): { address: HostAddress; names: string[] } | undefined {
  const [address, ...names] = line.replace(/#.*/, '').trim().split(/\s+/);
  if (!address) return undefined;
  if (names.length === 0) {
    throw new NetError('EINVAL', `Cannot read '${address}'`, { reason: 'it has no name' });
  }
  return { address: addressOf(address), names: names.map(normalizeName) };
}

/**
 * Names with fixed addresses. It is live: every user of the object sees each change.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { Hosts } from 'ringstack/dns';
 *
 * const hosts = new Hosts({ 'db.internal': ['10.0.0.2', 'fd00::2'] });
 * hosts.set('www.internal', '10.0.0.3');
 * assert.deepEqual(hosts.lookup('DB.internal.')[0], { address: '10.0.0.2', family: 4 });
 * assert.deepEqual(hosts.reverse('fd00:0::2'), ['db.internal']);
 * ```
 */
export class Hosts {
  readonly #names = new Map<string, readonly HostAddress[]>();
  /** Names of each address. */
  readonly #addresses = new Map<string, Set<string>>();

  /**
   * Takes over what it is given.
   *
   * @param init - A record, the text of a hosts file, or another Hosts, which is copied.
   * @throws NetError EINVAL if a name or an address is malformed.
   */
  constructor(init: HostsInit = {}) {
    const record = typeof init === 'string' ? parseHosts(init) : init;
    const entries = isHosts(record) ? record.entries() : Object.entries(record);
    for (const [name, addresses] of entries) this.set(name, addresses);
  }

  /** How many names there are. */
  get size(): number {
    return this.#names.size;
  }

  /**
   * Gives a name its addresses, in place of those it has.
   *
   * @param name - Compared without regard to case or a dot at the end.
   * @param addresses - One or several; none removes the name.
   * @returns This.
   * @throws NetError EINVAL if the name or an address is malformed; nothing is changed then.
   */
  set(name: string, addresses: string | readonly string[]): this {
    const key = normalizeName(name);
    const list = (typeof addresses === 'string' ? [addresses] : [...addresses]).map(addressOf);
    const unlike = list.filter(
      (one, i) => list.findIndex(({ address }) => address === one.address) === i,
    );
    this.#remove(key);
    if (unlike.length === 0) return this;
    this.#names.set(key, unlike);
    for (const { address } of unlike) {
      const names = this.#addresses.get(address) ?? new Set();
      this.#addresses.set(address, names.add(key));
    }
    return this;
  }

  /**
   * Removes a name.
   *
   * @param name - See set().
   * @returns Whether it was there.
   * @throws NetError EINVAL if the name is malformed.
   */
  delete(name: string): boolean {
    return this.#remove(normalizeName(name));
  }

  /**
   * Goes through all names.
   *
   * @returns Pairs of a name and its addresses, in the order in which the names were set.
   * @throws Never.
   */
  *entries(): IterableIterator<[string, string[]]> {
    for (const [name, list] of this.#names) yield [name, list.map(({ address }) => address)];
  }

  /**
   * Looks a name up.
   *
   * @param name - See set().
   * @returns Its addresses in the order given; none if the name is not there.
   * @throws NetError EINVAL if the name is malformed.
   */
  lookup(name: string): readonly HostAddress[] {
    return this.#names.get(normalizeName(name)) ?? [];
  }

  /**
   * Looks an address up.
   *
   * @param address - IPv4 or IPv6, in any spelling.
   * @returns Its names, the first one set first; none if the address is not there.
   * @throws NetError EINVAL if the address is malformed.
   */
  reverse(address: string): string[] {
    return [...(this.#addresses.get(addressOf(address).address) ?? [])];
  }

  #remove(key: string): boolean {
    for (const { address } of this.#names.get(key) ?? []) {
      const names = this.#addresses.get(address);
      names?.delete(key);
      if (names?.size === 0) this.#addresses.delete(address);
    }
    return this.#names.delete(key);
  }
}

/**
 * Reads the text of a hosts file: lines of an address and its names; `#` begins a comment.
 *
 * @param text - The file.
 * @returns Names and their addresses, in the order of the file.
 * @throws NetError EINVAL, with the number of the line, if one is malformed.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { parseHosts } from 'ringstack/dns';
 *
 * const hosts = parseHosts('10.0.0.2 db.internal db # the database\nfd00::2 db.internal\n');
 * assert.deepEqual(hosts, { 'db.internal': ['10.0.0.2', 'fd00::2'], db: ['10.0.0.2'] });
 * ```
 */
export function parseHosts(text: string): Record<string, string[]> {
  const found = new Map<string, string[]>();
  for (const [i, line] of text.split(/\r?\n/).entries()) {
    try {
      const { address, names = [] } = readLine(line) ?? {};
      for (const name of names) {
        found.set(name, [...(found.get(name) ?? []), (address as HostAddress).address]);
      }
    } catch (cause) {
      const reason = (cause as Error).message;
      throw new NetError('EINVAL', `Cannot read line ${i + 1} of the hosts`, { reason, cause });
    }
  }
  return Object.fromEntries(found);
}

/**
 * Writes names and addresses as a hosts file: a line for each address, with its names behind it.
 *
 * @param hosts - A record, the text of a hosts file, or a Hosts.
 * @returns The text, which parseHosts() reads.
 * @throws NetError EINVAL if a name or an address is malformed.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { formatHosts } from 'ringstack/dns';
 *
 * assert.equal(formatHosts({ 'db.internal': '10.0.0.2', db: '10.0.0.2' }), '10.0.0.2 db.internal db\n');
 * ```
 */
export function formatHosts(hosts: HostsInit): string {
  const all = isHosts(hosts) ? hosts : new Hosts(hosts);
  const addresses = new Set([...all.entries()].flatMap(([, list]) => list));
  return [...addresses].map((one) => `${one} ${all.reverse(one).join(' ')}\n`).join('');
}
