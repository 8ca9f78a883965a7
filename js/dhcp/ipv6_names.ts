// SPDX-License-Identifier: MIT
// ipv6_names - finds the IPv6 addresses of clients that have a name: hosts make them themselves and tell no server
//
// Theory of operation
//
// A round takes at most 32 clients, and a second later there may be another one. First hosts are asked whose MAC the
// stack does not know: at the address that the client's MAC makes in each of our networks of 64 bits (EUI-64), at
// addresses that hosts said were new (RFC 9131), and at the group of all hosts, whose answers name further ones. Then
// neighbors that have the client's MAC have to prove it.
//
// The proof: an echo request is answered (js/dhcp/echo.ts), and the stack's table of neighbors has the client's MAC for
// the address before and after, less than a second apart. A host can claim that its address is at the MAC of a client;
// the request then goes to that client, so the host can neither see nor guess what to answer. It cannot have the table
// changed to its own MAC and back in between either, as each takes a second (core/iface/neighbor.c). An address stays
// with the client that proved it first, and one that a MAC has made is for the client with that MAC alone.
//
// A client is looked for after 1 s, then 2 s, 4 s, … as long as nothing changes, at last every 256 s. An address that
// fails three times in a row is removed.

import { concat, ipBytes, ipText, macBytes } from '../codec/fields.ts';
import { parseCidr } from '../util/address.ts';
import { unref } from '../util/process.ts';
import { sameBytes } from '../util/same_bytes.ts';
import { Echo, type EchoRequest, type EchoStack } from './echo.ts';
import { type DhcpInterface, type DhcpTransport, networksOf } from './transport.ts';

const ALL_NODES = 'ff02::1';
const ROUND_MS = 1_000;
const ANSWER_MS = 600;
/** Longest time from one look at the table to the next: less than an address takes to change its MAC. */
const PROOF_MS = 900;
const LONGEST_MS = 256_000;
const CLIENTS = 32;
/** Addresses of one client. */
const ADDRESSES = 4;
/** Addresses that may be any client's: kept, and asked in a round. */
const HEARD = 256;
const HEARD_ASKED = 16;
const MISSES = 3;
/** Bytes of a network of 64 bits. */
const NETWORK = 8;

interface Client {
  readonly key: string;
  readonly mac: string;
  /** Its addresses, and how many times in a row each has failed. */
  readonly addresses: Map<string, number>;
  wait: number;
  due: number;
}

const networkOf = (address: string): Uint8Array => ipBytes(address).subarray(0, NETWORK);

/** The last 64 bits of an address that a MAC makes (RFC 4291, appendix A). */
function idOf(mac: string): Uint8Array {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = macBytes(mac);
  return Uint8Array.of(a ^ 2, b, c, 0xff, 0xfe, d, e, f);
}

/** Whether another MAC has made an address. */
function isOfOther(address: string, mac: string): boolean {
  const id = ipBytes(address).subarray(NETWORK);
  return id[3] === 0xff && id[4] === 0xfe && !sameBytes(id, idOf(mac));
}

/** Our addresses in the networks in which hosts have theirs. */
function ownAddresses(iface: DhcpInterface): string[] {
  return networksOf(iface).map((cidr) => ipText(parseCidr(cidr).address.bytes));
}

/** The clients of one server. */
export class Ipv6Names {
  /** Addresses of each client that has any. */
  readonly addresses = new Map<string, readonly string[]>();
  readonly #stack: EchoStack;
  readonly #iface: DhcpInterface;
  readonly #changed: (key: string, addresses: readonly string[]) => void;
  readonly #clients = new Map<string, Client>();
  /** The client of each address. */
  readonly #owners = new Map<string, string>();
  /** Addresses that were heard of, the newest last. */
  readonly #heard = new Set<string>();
  #echo: Promise<Echo> | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isOver = false;

  constructor(
    stack: EchoStack,
    iface: DhcpInterface,
    changed: (key: string, addresses: readonly string[]) => void,
  ) {
    this.#stack = stack;
    this.#iface = iface;
    this.#changed = changed;
  }

  /** A client has a name: looks for its addresses. */
  add(key: string, mac: string): void {
    if (this.#clients.get(key)?.mac === mac) return;
    this.remove(key);
    const due = performance.now() + ROUND_MS;
    this.#clients.set(key, { key, mac, addresses: new Map(), wait: ROUND_MS, due });
    // Now, so that an address is heard of that the client is about to make.
    if (ownAddresses(this.#iface).length > 0) void this.#opened();
    this.#plan();
  }

  /** A client has no name any more. */
  remove(key: string): void {
    for (const address of this.#clients.get(key)?.addresses.keys() ?? []) {
      this.#owners.delete(address);
    }
    this.#clients.delete(key);
    this.addresses.delete(key);
  }

  /** Ends it. */
  async close(): Promise<void> {
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#clients.clear();
    await this.#echo?.then((echo) => echo.close()).catch(() => {});
  }

  #plan(): void {
    if (this.#timer !== undefined || this.#isOver || this.#clients.size === 0) return;
    const timer = setTimeout(() => {
      const again = (): void => {
        this.#timer = undefined;
        this.#plan();
      };
      // Its failure is that of the stack or the interface, which is closed, or will be there again.
      this.#round().then(again, again);
    }, ROUND_MS);
    this.#timer = timer;
    unref(timer);
  }

  async #round(): Promise<void> {
    const own = ownAddresses(this.#iface);
    const due = own.length > 0 ? this.#takeDue() : [];
    if (due.length === 0) return;
    const echo = await this.#opened();
    await this.#meet(echo, own, due);
    await this.#prove(echo, own, due);
  }

  /** The clients of a round. Each goes to the end, so that all have their turn. */
  #takeDue(): Client[] {
    const now = performance.now();
    const due: Client[] = [];
    for (const client of this.#clients.values()) {
      if (client.due <= now && due.push(client) === CLIENTS) break;
    }
    for (const client of due) {
      this.#clients.delete(client.key);
      this.#clients.set(client.key, client);
    }
    return due;
  }

  #opened(): Promise<Echo> {
    if (this.#echo) return this.#echo;
    const ended = (): void => {
      this.#echo = undefined;
    };
    const heard = (address: string | Uint8Array): void => this.#hear(address);
    const opening = Echo.open(this.#stack, this.#iface, heard, ended);
    opening.catch(ended);
    this.#echo = opening;
    return opening;
  }

  #hear(given: string | Uint8Array): void {
    const address = typeof given === 'string' ? given : ipText(given);
    const network = networkOf(address);
    if (!ownAddresses(this.#iface).some((own) => sameBytes(networkOf(own), network))) return;
    this.#heard.delete(address);
    this.#heard.add(address);
    if (this.#heard.size > HEARD) this.#heard.delete([...this.#heard][0] as string);
  }

  /** The MAC of each neighbor. */
  async #neighbors(): Promise<ReadonlyMap<string, string>> {
    const table = new Map<string, string>();
    for await (const { address, mac, interface: iface } of this.#stack.neighbors) {
      if (mac !== undefined && iface === this.#iface && address.includes(':')) {
        table.set(address, mac);
      }
    }
    return table;
  }

  /** Asks hosts whose MAC is not known, so that it is. */
  async #meet(echo: Echo, own: readonly string[], due: readonly Client[]): Promise<void> {
    const lost = due.filter(({ addresses }) => addresses.size === 0);
    const guesses = lost.flatMap(({ mac }) =>
      own.map((local) => ipText(concat(networkOf(local), idOf(mac)))),
    );
    if (lost.length > 0) {
      const groups = own.map((local) => ({ host: ALL_NODES, local }));
      await this.#askStrangers(echo, own, [...this.#takeHeard(), ...guesses], groups);
    }
    await this.#askStrangers(echo, own, this.#takeHeard(), []);
  }

  #takeHeard(): string[] {
    const taken = [...this.#heard].slice(-HEARD_ASKED);
    for (const address of taken) this.#heard.delete(address);
    return taken;
  }

  async #askStrangers(
    echo: Echo,
    own: readonly string[],
    hosts: readonly string[],
    groups: readonly EchoRequest[],
  ): Promise<void> {
    const table = await this.#neighbors();
    const strangers = hosts.filter((host) => !table.has(host));
    await echo.ask([...groups, ...requestsTo(strangers, own)], ANSWER_MS);
  }

  /** Has addresses proved, and says what has changed. */
  async #prove(echo: Echo, own: readonly string[], due: readonly Client[]): Promise<void> {
    const since = performance.now();
    const before = await this.#neighbors();
    const byMac = new Map<string, string[]>();
    for (const [address, mac] of before) byMac.set(mac, [...(byMac.get(mac) ?? []), address]);
    const wanted = due.flatMap(({ mac, addresses }) => {
      const others = (byMac.get(mac) ?? []).filter((address) => !addresses.has(address));
      return [...addresses.keys(), ...others.slice(0, ADDRESSES)];
    });
    const answered = await echo.ask(requestsTo([...new Set(wanted)], own), ANSWER_MS);
    const after = await this.#neighbors();
    // Too late to say anything: all have another turn.
    if (performance.now() - since >= PROOF_MS) return;
    for (const client of due) {
      // It may have lost its name in the meantime.
      if (this.#clients.get(client.key) !== client) continue;
      const proved = (byMac.get(client.mac) ?? []).filter(
        (address) => answered.has(address) && after.get(address) === client.mac,
      );
      this.#settle(client, proved);
    }
  }

  #settle(client: Client, proved: readonly string[]): void {
    const { key, mac, addresses } = client;
    const before = [...addresses.keys()].join();
    let fails = 0;
    for (const [address, misses] of addresses) {
      if (proved.includes(address)) addresses.set(address, 0);
      else if (++fails && misses + 1 < MISSES) addresses.set(address, misses + 1);
      else {
        addresses.delete(address);
        this.#owners.delete(address);
      }
    }
    for (const address of proved) {
      const isOthers = (this.#owners.get(address) ?? key) !== key || isOfOther(address, mac);
      if (isOthers || addresses.has(address) || addresses.size === ADDRESSES) continue;
      addresses.set(address, 0);
      this.#owners.set(address, key);
    }
    const list = [...addresses.keys()];
    const isChanged = list.join() !== before;
    client.wait = isChanged || fails > 0 ? ROUND_MS : Math.min(client.wait * 2, LONGEST_MS);
    client.due = performance.now() + client.wait;
    if (!isChanged) return;
    if (list.length > 0) this.addresses.set(key, list);
    else this.addresses.delete(key);
    this.#changed(key, list);
  }
}

/** Requests to hosts, each from our address in its network. */
function requestsTo(hosts: readonly string[], own: readonly string[]): EchoRequest[] {
  return hosts.flatMap((host) => {
    const local = own.find((one) => sameBytes(networkOf(one), networkOf(host)));
    return local === undefined ? [] : { host, local };
  });
}

/**
 * The stack of a transport, if it can ask the hosts of its links.
 *
 * @param transport - See DhcpTransport.
 * @returns The stack; undefined for another transport.
 * @throws Never.
 */
export function echoStackOf(transport: DhcpTransport): EchoStack | undefined {
  const stack = transport as Partial<EchoStack>;
  return stack.neighbors && typeof stack.openIcmp === 'function' ? (stack as EchoStack) : undefined;
}
