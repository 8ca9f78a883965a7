// SPDX-License-Identifier: MIT
// types - public types of ringstack/mdns

import type { Datagram, DatagramSocket } from '../api/transport.ts';

/** An interface that mDNS runs on. */
export interface MdnsInterface {
  /** Its addresses as CIDRs. */
  readonly addresses: readonly string[];
  /** Kind: a loopback interface is left out unless it is named. */
  readonly type?: string;
}

/** Options with which mDNS opens a socket. */
export interface MdnsSocketOptions {
  /** 5353. */
  readonly port: number;
  /** The interface. */
  readonly interface: never;
  /** Others of this stack may have the port too. */
  readonly reuseAddress: true;
  /** 255. */
  readonly ttl: number;
  /** 255. */
  readonly multicastTtl: number;
}

/** A socket that can be a member of groups. */
export type MdnsSocket = DatagramSocket & {
  /** Becomes a member of a group. */
  join(group: string, options: { interface: never }): Promise<void>;
};

/** A datagram, with its time to live. */
export type MdnsDatagram = Datagram & {
  /** Time to live, or hop limit. */
  ttl?: number;
};

/**
 * A stack, as far as mDNS needs it.
 *
 * @example
 * ```ts
 * import type { MdnsStack } from 'ringstack/mdns';
 *
 * const ours: MdnsStack = stack;
 * void ours;
 * ```
 */
export interface MdnsStack {
  /** Its interfaces. */
  readonly interfaces: Iterable<MdnsInterface>;
  /**
   * Opens a UDP socket on one interface.
   *
   * @param options - Port, interface, times to live.
   * @returns The socket.
   * @throws The stack's error.
   */
  openUdp(options: MdnsSocketOptions): Promise<MdnsSocket>;
}

/** Options of createMdns(). */
export interface MdnsOptions {
  /** Interfaces to run on. @default all of the stack that have addresses, except loopback */
  readonly interfaces?: readonly MdnsInterface[];
  /**
   * Our name without `.local`, one label: `name.local` then has our addresses. Another one is taken if a host of the
   * link has it. @default none: nothing is announced until publish(), which then takes `ringstack` and random digits
   */
  readonly hostname?: string;
  /** Records of others that are kept at the most, 64 to 1000000. @default 4096 */
  readonly cache?: number;
  /** Messages that are read in a second from each interface at the most, 10 to 100000. @default 1000 */
  readonly maxRate?: number;
}

/** Values of a service's TXT record: true is a key without a value. */
export type TxtValues = Readonly<Record<string, string | Uint8Array | true>>;

/** A service to publish. */
export interface PublishOptions {
  /** Name for people, 1 to 63 bytes of UTF-8. Another one is taken if a host of the link has it. */
  readonly name: string;
  /** Type, such as `_http._tcp`. */
  readonly type: string;
  /** Port, 0 to 65535. */
  readonly port: number;
  /** Its TXT record. @default none */
  readonly txt?: TxtValues;
  /** Subtypes, such as `_printer`. @default none */
  readonly subtypes?: readonly string[];
  /** Host that offers it, such as `db.local`. @default ours */
  readonly host?: string;
  /** Gives up when aborted; afterwards it takes the service back. */
  readonly signal?: AbortSignal;
}

/**
 * A service of ours.
 *
 * @example
 * ```ts
 * import { createMdns } from 'ringstack/mdns';
 *
 * async function offer(): Promise<string> {
 *   await using mdns = await createMdns(stack, { hostname: 'vm' });
 *   await using service = await mdns.publish({ name: 'Web', type: '_http._tcp', port: 80 });
 *   return service.name;
 * }
 * void offer;
 * ```
 */
export interface PublishedService extends AsyncDisposable {
  /** Its name, which is not the given one if a host of the link has that. */
  readonly name: string;
  /** Its type. */
  readonly type: string;
  /** Its port. */
  readonly port: number;
  /** Name of the host that offers it. */
  readonly host: string;
  /** Settles when it is closed, or given up: a host of the link claims every name it takes. */
  readonly closed: Promise<void>;
  /**
   * Replaces its TXT record.
   *
   * @param txt - The values.
   * @throws {NetError} EINVAL if they do not fit, ESHUTDOWN if it is closed.
   */
  update(txt: TxtValues): void;
  /**
   * Takes it back: hosts of the link forget it at once.
   *
   * @throws Never.
   */
  close(): Promise<void>;
}

/** A service of some host. */
export interface Service {
  /** Name for people. */
  readonly name: string;
  /** Type, such as `_http._tcp`. */
  readonly type: string;
  /** Name of its host. */
  readonly host: string;
  /** Its port. */
  readonly port: number;
  /** Addresses of the host; link-local ones of IPv6 have a zone. */
  readonly addresses: readonly string[];
  /** Its TXT record; of values that are no UTF-8 the bytes. */
  readonly txt: TxtValues;
}

/** A change in what the hosts of the link offer. */
export interface ServiceEvent {
  /** `up`: it is there; `update`: something of it is different; `down`: it is gone. */
  readonly kind: 'up' | 'update' | 'down';
  /** The service, as it is now; `down`: as it was. */
  readonly service: Service;
}

/** Options of lookups. */
export interface MdnsLookupOptions {
  /** Only addresses of this IP version. @default both */
  readonly family?: 4 | 6;
  /** How long an answer may take, ms, 1 to 2147483647. @default 3000 */
  readonly timeout?: number;
  /** Gives up when aborted. */
  readonly signal?: AbortSignal;
}

/** An address of a host of the link. */
export interface MdnsAddress {
  /** Numeric; a link-local one of IPv6 has a zone. */
  readonly address: string;
  /** 4 or 6. */
  readonly family: 4 | 6;
}

/** Options of browse(). */
export interface BrowseOptions {
  /** Only services of this subtype, such as `_printer`. */
  readonly subtype?: string;
  /** Ends the loop when aborted. */
  readonly signal?: AbortSignal;
}

/** Counters of mDNS. */
export interface MdnsStatistics {
  /** Messages read. */
  received: number;
  /** Messages sent; one for each IP version of an interface. */
  sent: number;
  /** Messages that are malformed. */
  droppedMalformed: number;
  /** Messages from beyond the link, or answers from a wrong port. */
  droppedForeign: number;
  /** Messages beyond the rate, answers beyond 100 a second, records beyond the cache. */
  droppedLimit: number;
  /** Messages that the stack did not take. */
  droppedSend: number;
  /** Names of ours that another host had. */
  conflicts: number;
}

/**
 * Names and services of the link. createMdns() makes one.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { createStack } from 'ringstack';
 * import { createMdns } from 'ringstack/mdns';
 *
 * const stack = await createStack();
 * await stack.createTapInterface({ ip: '10.0.0.1/24' });
 * const mdns = await createMdns(stack);
 * await assert.rejects(mdns.lookup('nobody.local', { timeout: 20 }), { code: 'ENOTFOUND' });
 * await mdns.close();
 * await stack.close();
 * ```
 */
export interface Mdns extends AsyncDisposable {
  /** Our name, such as `vm.local`; undefined: we have none yet. */
  readonly hostname: string | undefined;
  /** Counters. */
  readonly statistics: Readonly<MdnsStatistics>;
  /** Settles when it is closed. */
  readonly closed: Promise<void>;
  /**
   * Looks up an address of a host of the link: IPv4 if it has one, unless the family says otherwise.
   *
   * @param name - Such as `db.local`.
   * @param options - Family, timeout, signal.
   * @returns The address; a link-local one of IPv6 has a zone.
   * @throws {NetError} ENOTFOUND if no host answers in time, ENODATA if the host says that it has none of the family,
   *   EINVAL if the name does not end in `.local`, ESHUTDOWN; the signal's reason.
   */
  lookup(name: string, options?: MdnsLookupOptions): Promise<string>;
  /**
   * Looks up all addresses of a host of the link, as `stack.resolver` does: those that have come 100 ms after the first.
   *
   * @param name - Such as `db.local`.
   * @param options - Family, timeout, signal.
   * @returns At least one; those of IPv4 first.
   * @throws {NetError} As lookup().
   */
  lookupAll(name: string, options?: MdnsLookupOptions): Promise<MdnsAddress[]>;
  /**
   * Publishes a service.
   *
   * @param options - Name, type, port and more.
   * @returns The service, announced, with the name that it has got.
   * @throws {NetError} EINVAL if an option is out of range, EADDRINUSE if every name is claimed by another host,
   *   ESHUTDOWN; the signal's reason.
   */
  publish(options: PublishOptions): Promise<PublishedService>;
  /**
   * Follows the services of a type that are on the link.
   *
   * @param type - Such as `_http._tcp`; `_services._dns-sd._udp` gives types, as names without host.
   * @param options - Subtype, signal.
   * @returns One event after the other, for `for await`; leaving the loop ends the search.
   * @throws {NetError} EINVAL if it is no type, ESHUTDOWN.
   */
  browse(type: string, options?: BrowseOptions): AsyncIterableIterator<ServiceEvent>;
  /**
   * Takes our names and services back, and closes.
   *
   * @throws Never.
   */
  close(): Promise<void>;
}
