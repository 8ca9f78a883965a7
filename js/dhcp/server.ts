// SPDX-License-Identifier: MIT
// server - a DHCP server: its socket, its limits, its store, and its end
//
// Theory of operation
//
// Each message is handled on its own. One that needs no probe, store or function is answered in the task in which it
// came. At most 256 wait for one of these, and `maxRate` messages a second are looked at; others are dropped and
// counted. Changes of leases are saved one after the other: while a save runs, further changes wait for the next one,
// which has them all. An acknowledgement waits for the save that has its lease. Leases that have ended are removed at
// the latest a second after the next message, and by a timer that does not keep a program alive.

import type { Datagram, DatagramSocket } from '../api/transport.ts';
import { DHCP_SERVER_PORT, type DhcpMessage, parseDhcpMessage } from '../codec/dhcp.ts';
import { NetError } from '../errors.ts';
import { formatMac, parseMac } from '../util/address.ts';
import { INT32_MAX } from '../util/check.ts';
import { Deferred } from '../util/deferred.ts';
import { Feed } from '../util/feed.ts';
import { unref } from '../util/process.ts';
import { TokenBucket } from '../util/token_bucket.ts';
import { echoStackOf, Ipv6Names } from './ipv6_names.ts';
import { type DhcpLease, ipToNumber, Pool } from './leases.ts';
import { type LeaseHosts, LeaseNames } from './names.ts';
import { replyOf } from './reply.ts';
import { Responder } from './responder.ts';
import type { DhcpEvent, DhcpServerOptions, DhcpServerStatistics } from './server_types.ts';
import { isOnNetwork, isSameNetwork, type Settings, settingsOf } from './settings.ts';
import { type DhcpTransport, interfacesOf, type Open, openerOf, pingOf } from './transport.ts';

const PENDING = 256;
const SWEEP_MS = 1_000;
const PROBE_MS = 500;
const ETHERNET = 1;
const NONE = '0.0.0.0';

/**
 * A DHCP server. createDhcp().serve() makes one and listens.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { createStack } from 'ringstack';
 * import { DhcpServer } from 'ringstack/dhcp';
 *
 * const stack = await createStack();
 * await stack.createTapInterface({ ip: '10.0.0.1/24' });
 * const server = new DhcpServer(stack, { leaseRange: { start: '10.0.0.100', end: '10.0.0.199' } });
 * await server.listen();
 * assert.equal(server.leases.size, 0);
 * await server.close();
 * await stack.close();
 * ```
 */
export class DhcpServer implements AsyncDisposable {
  /** Leases by MAC (with the option `clientId`: by identifier). Entries may be set and deleted. */
  readonly leases: Map<string, DhcpLease>;
  /** The IPv6 addresses that clients with a name were found to have, by the key of their lease. */
  readonly ipv6Addresses: ReadonlyMap<string, readonly string[]>;
  /** Events, from the start of each loop on; a loop that is slow loses the oldest events beyond 1024. */
  readonly events: AsyncIterable<DhcpEvent>;
  /** Counters. */
  readonly statistics: Readonly<DhcpServerStatistics>;
  /** Settles when the server is closed. */
  readonly closed: Promise<void>;
  readonly #counts: DhcpServerStatistics = {
    received: 0,
    sent: 0,
    droppedMalformed: 0,
    droppedOther: 0,
    droppedLimit: 0,
    droppedSend: 0,
    exhausted: 0,
    failed: 0,
  };
  readonly #options: DhcpServerOptions;
  readonly #settings: Settings;
  readonly #open: Open;
  readonly #pool: Pool;
  readonly #names: LeaseNames;
  readonly #ipv6: Ipv6Names | undefined;
  readonly #responder: Responder;
  readonly #feed = new Feed<DhcpEvent>();
  readonly #over = new Deferred();
  readonly #rate: TokenBucket;
  #socket: DatagramSocket | undefined;
  #isListening = false;
  #pending = 0;
  #nextSweep = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #saving: Promise<void> | undefined;
  #nextSave: Promise<void> | undefined;
  #ended: Promise<void> | undefined;

  /**
   * Opens nothing yet: listen() does.
   *
   * @param transport - A stack, its `udp`, or any datagram transport.
   * @param options - The range, and settings.
   * @throws NetError EINVAL if an option is out of range, or has no default here.
   */
  constructor(transport: DhcpTransport, options: DhcpServerOptions) {
    this.#open = openerOf(transport);
    this.#settings = settingsOf(options, interfacesOf(transport));
    this.#options = options;
    this.#rate = new TokenBucket(options.maxRate ?? 2000, Date.now());
    this.#pool = new Pool(this.#settings.pool);
    const { hosts = (transport as { hosts?: LeaseHosts }).hosts } = options;
    this.#names = new LeaseNames(hosts || undefined, options.domainName);
    this.#ipv6 = hosts ? this.#ipv6Of(transport) : undefined;
    this.leases = this.#pool.leases;
    this.ipv6Addresses = this.#ipv6?.addresses ?? new Map();
    this.events = this.#feed;
    this.statistics = this.#counts;
    this.closed = this.#over.promise;
    this.#responder = new Responder({
      settings: this.#settings,
      options,
      pool: this.#pool,
      counts: this.#counts,
      probe: this.#probeOf(transport),
      tell: (event) => this.#feed.push(event),
      granted: (key, lease) => this.#granted(key, lease),
      ended: (key) => this.#leaseEnded(key),
    });
  }

  /**
   * Loads the leases of the store and listens. serve() has done it.
   *
   * @throws NetError EBADF if it listens already or is closed, or the error of the store or the transport.
   */
  async listen(): Promise<void> {
    if (this.#isListening || this.#ended) {
      throw new NetError('EBADF', 'Cannot listen for DHCP', { reason: 'it did already' });
    }
    this.#isListening = true;
    const now = Date.now();
    for (const lease of (await this.#options.store?.load()) ?? []) {
      const key = this.#options.clientId ? (lease.clientId ?? lease.mac) : lease.mac;
      if (lease.expiresAt <= now) continue;
      this.leases.set(key, lease);
      this.#name(key, lease);
    }
    const socket = await this.#open(DHCP_SERVER_PORT, this.#options.interface);
    if (this.#ended) {
      await socket.close();
      return;
    }
    this.#socket = socket;
    const end = (): void => void this.close();
    this.#serve(socket).then(end, end);
    this.#plan();
  }

  /**
   * Ends the lease of a client at once. The client does not hear of it: it finds out when it renews.
   *
   * @param mac - Its MAC (with the option `clientId`: its identifier).
   * @throws NetError EINVAL if it is no MAC.
   */
  async release(mac: string): Promise<void> {
    const key = this.leases.has(mac) ? mac : formatMac(parseMac(mac));
    const lease = this.#pool.end(key);
    if (!lease) return;
    this.#feed.push({ kind: 'release', mac: lease.mac, ip: lease.ip, lease });
    this.#leaseEnded(key);
    await this.#saving;
  }

  /**
   * Stops: saves what has changed, removes the names of leases from hosts, and ends the events. Leases stay readable.
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
    await Promise.allSettled([this.#socket?.close()]);
    while (this.#saving) await this.#saving;
    await this.#ipv6?.close();
    this.#names.clear();
    this.#feed.end();
    this.#over.resolve();
  }

  /** Finds the IPv6 addresses of clients on our link. */
  #ipv6Of(transport: DhcpTransport): Ipv6Names | undefined {
    const { iface, isHere } = this.#settings;
    const stack = echoStackOf(transport);
    if (!stack || !iface || !isHere || this.#options.ipv6Names === false) return undefined;
    return new Ipv6Names(stack, iface, (key, list) => this.#names.extend(key, list));
  }

  /** Gives the name of a lease its addresses. */
  #name(key: string, lease: DhcpLease): void {
    const has = this.#names.add(key, lease, this.ipv6Addresses.get(key));
    if (has) this.#ipv6?.add(key, lease.mac);
    else this.#ipv6?.remove(key);
  }

  #unname(key: string): void {
    this.#names.remove(key);
    this.#ipv6?.remove(key);
  }

  #probeOf(transport: DhcpTransport): ((ip: string) => Promise<boolean>) | undefined {
    const { probe = false } = this.#options;
    if (probe === false) return undefined;
    const isInUse = typeof probe === 'function' ? probe : pingOf(transport, PROBE_MS);
    if (!isInUse) {
      throw new NetError('EINVAL', 'Cannot serve DHCP with probe true', {
        reason: 'the transport cannot ping: must be false or a function',
      });
    }
    return async (ip) => {
      try {
        return await isInUse(ip);
      } catch (error) {
        this.#failed('', error);
        return false;
      }
    };
  }

  async #serve(socket: DatagramSocket): Promise<void> {
    const writer = socket.writable.getWriter();
    for await (const datagram of socket) {
      const message = this.#accept(datagram);
      if (!message) continue;
      this.#pending++;
      void this.#handle(writer, message, datagram.interface).finally(() => this.#pending--);
    }
  }

  /** The message of a datagram, if it is one for us. */
  #accept({ data, interface: iface }: Datagram): DhcpMessage | undefined {
    const counts = this.#counts;
    counts.received++;
    const now = Date.now();
    if (this.#pending >= PENDING || !this.#rate.take(now)) {
      counts.droppedLimit++;
      return undefined;
    }
    let message: DhcpMessage;
    try {
      message = parseDhcpMessage(data);
    } catch {
      counts.droppedMalformed++;
      return undefined;
    }
    const { op, htype, hlen, mac, giaddr, ciaddr } = message;
    const first = Number.parseInt(mac.slice(0, 2), 16);
    const isUnicast = (first & 1) === 0 && mac !== '00:00:00:00:00:00';
    if (op !== 1 || htype !== ETHERNET || hlen !== 6 || !isUnicast) {
      counts.droppedMalformed++;
      return undefined;
    }
    const { network, mask, isHere } = this.#settings;
    // A client behind a relay renews and releases without it.
    const from = giaddr === NONE ? ciaddr : giaddr;
    const isOurs =
      giaddr === NONE && isHere
        ? isOnNetwork(iface, this.#settings)
        : isSameNetwork(ipToNumber(from), network, mask);
    if (!isOurs) {
      counts.droppedOther++;
      return undefined;
    }
    if (now >= this.#nextSweep) this.#sweep(now);
    return message;
  }

  async #handle(
    writer: WritableStreamDefaultWriter<Datagram>,
    message: DhcpMessage,
    iface: unknown,
  ): Promise<void> {
    let reply: Datagram;
    try {
      const answer = await this.#responder.answer(message, iface);
      if (!answer || this.#ended) return;
      reply = replyOf(message, answer, this.#settings, this.#options, iface);
    } catch (error) {
      this.#failed(message.mac, error);
      return;
    }
    try {
      await writer.write(reply);
      this.#counts.sent++;
    } catch {
      this.#counts.droppedSend++;
    }
  }

  #failed(mac: string, error: unknown): void {
    this.#counts.failed++;
    this.#feed.push({ kind: 'error', mac, error });
  }

  #granted(key: string, lease: DhcpLease): Promise<void> | undefined {
    this.#name(key, lease);
    this.#plan();
    return this.#save();
  }

  #leaseEnded(key: string): void {
    this.#unname(key);
    void this.#save();
  }

  #sweep(now: number): void {
    this.#nextSweep = now + SWEEP_MS;
    const ended = this.#pool.sweep(now);
    for (const [key, lease] of ended) {
      this.#unname(key);
      this.#feed.push({ kind: 'expire', mac: lease.mac, ip: lease.ip, lease });
    }
    if (ended.length > 0) void this.#save();
  }

  /** Has leases removed when they end, without keeping the program alive. */
  #plan(): void {
    if (this.#timer !== undefined || this.#ended || this.leases.size === 0) return;
    let first = Number.POSITIVE_INFINITY;
    for (const { expiresAt } of this.leases.values()) first = Math.min(first, expiresAt);
    const wait = Math.min(Math.max(first - Date.now(), SWEEP_MS), INT32_MAX);
    const timer = setTimeout(() => {
      this.#timer = undefined;
      this.#sweep(Date.now());
      this.#plan();
    }, wait);
    this.#timer = timer;
    unref(timer);
  }

  /** Saves all leases; settles when those of now are saved. */
  #save(): Promise<void> | undefined {
    const { store } = this.#options;
    if (!store) return undefined;
    if (!this.#saving) {
      this.#saving = this.#store(store);
      return this.#saving;
    }
    this.#nextSave ??= this.#saving.then(() => {
      this.#nextSave = undefined;
      this.#saving = this.#store(store);
      return this.#saving;
    });
    return this.#nextSave;
  }

  async #store(store: NonNullable<DhcpServerOptions['store']>): Promise<void> {
    try {
      await store.save([...this.leases.values()]);
    } catch (error) {
      this.#failed('', error);
    }
    if (!this.#nextSave) this.#saving = undefined;
  }
}
