// SPDX-License-Identifier: MIT
// client - a DHCP client: gets an address for an interface, keeps it, and gives it back (RFC 2131, section 4.4)
//
// Theory of operation
//
// | state | what is sent | next |
// |---|---|---|
// | selecting | DISCOVER, again after 1, 2, 4, … 64 s | the first OFFER: requesting |
// | requesting | REQUEST to that server, four times | ACK: bound; NAK or silence: selecting |
// | bound | nothing until the renewal time | renewing |
// | renewing | REQUEST to the server, at half of the time that is left | ACK: bound; NAK: selecting; rebinding time: rebinding |
// | rebinding | REQUEST to all | ACK: bound; NAK, or the end of the lease: selecting |
//
// One loop goes through the states; what comes is given to the one exchange that waits. An answer counts if its number
// and MAC are ours, and its kind is what is waited for. The number is random and new for each exchange. Timers of a
// bound lease do not keep a program alive.

import type { Datagram, DatagramSocket } from '../api/transport.ts';
import {
  DHCP_SERVER_PORT,
  type DhcpMessage,
  type DhcpMessageType,
  parseDhcpMessage,
} from '../codec/dhcp.ts';
import { NetError } from '../errors.ts';
import { INT32_MAX } from '../util/check.ts';
import { Deferred } from '../util/deferred.ts';
import { Feed } from '../util/feed.ts';
import { unref } from '../util/process.ts';
import {
  type ClientMessage,
  type ClientMessageOptions,
  clientMessage,
  NONE,
} from './client_message.ts';
import {
  type ClientLease,
  type ClientStack,
  type ConfigurableInterface,
  type DhcpClientEvent,
  type DhcpClientOptions,
  leaseOf,
} from './client_types.ts';
import { Setter } from './setter.ts';
import {
  DECLINE_MS,
  LONGEST_WAIT,
  newXid,
  RENEW_MS,
  REQUESTS,
  SECOND,
  spread,
  whileUnplugged,
} from './timing.ts';

/** The failed action in messages. */
export const REQUEST = 'Cannot get a DHCP lease';
const BROADCAST = '255.255.255.255';

/** The end of a wait. */
type Wake = 'time' | 'renew' | 'closed';

interface Waiter {
  readonly xid: number;
  readonly kinds: readonly DhcpMessageType[];
  readonly done: Deferred<DhcpMessage | undefined>;
}

/**
 * An interface's lease. requestLease() makes one.
 *
 * @example
 * ```ts
 * import { requestLease } from 'ringstack/dhcp';
 *
 * async function configure(): Promise<string> {
 *   await using client = await requestLease(tap, { hostname: 'printer' });
 *   return client.lease.ip;
 * }
 * void configure;
 * ```
 */
export class DhcpClient implements AsyncDisposable {
  /** Events, from the start of each loop on. */
  readonly events: AsyncIterable<DhcpClientEvent>;
  /** Settles when it is closed. */
  readonly closed: Promise<void>;
  readonly #feed = new Feed<DhcpClientEvent>();
  readonly #over = new Deferred();
  readonly #first = new Deferred<ClientLease>();
  readonly #iface: ConfigurableInterface & { readonly mac: string };
  readonly #options: DhcpClientOptions;
  readonly #socket: DatagramSocket;
  readonly #writer: WritableStreamDefaultWriter<Datagram>;
  readonly #setter: Setter;
  #lease: ClientLease | undefined;
  #last: ClientLease | undefined;
  #waiter: Waiter | undefined;
  #wake: Deferred<Wake> | undefined;
  #renewal: Deferred<ClientLease> | undefined;
  #ended: Promise<void> | undefined;

  /**
   * Made by requestLease().
   *
   * @param iface - The tap.
   * @param stack - Its stack.
   * @param options - As for requestLease().
   * @param socket - Bound to port 68 of the tap.
   * @throws Never.
   */
  constructor(
    iface: ConfigurableInterface & { readonly mac: string },
    stack: ClientStack,
    options: DhcpClientOptions,
    socket: DatagramSocket,
  ) {
    this.#iface = iface;
    this.#setter = new Setter(iface, stack);
    this.#options = options;
    this.#socket = unref(socket); // a lease alone keeps no process alive
    this.#writer = socket.writable.getWriter();
    this.events = this.#feed;
    this.closed = this.#over.promise;
    const end = (): void => void this.close();
    this.#listen().then(end, end);
    this.#run().then(end, (error) => {
      this.#first.reject(error);
      end();
    });
  }

  /** The lease; the last one if it is lost, or was released. */
  get lease(): ClientLease {
    return this.#last as ClientLease;
  }

  /** Whether the lease counts now. */
  get isBound(): boolean {
    return this.#lease !== undefined;
  }

  /** The first lease. */
  get bound(): Promise<ClientLease> {
    return this.#first.promise;
  }

  /**
   * Renews the lease now.
   *
   * @returns The lease, longer.
   * @throws NetError ESHUTDOWN if the client is closed or has no lease, ETIMEDOUT if no server answers, ECONNREFUSED if
   *   it refuses.
   */
  renew(): Promise<ClientLease> {
    if (this.#ended || !this.#lease) {
      const reason = 'there is no lease';
      return Promise.reject(new NetError('ESHUTDOWN', 'Cannot renew a DHCP lease', { reason }));
    }
    this.#renewal ??= new Deferred();
    this.#wake?.resolve('renew');
    return this.#renewal.promise;
  }

  /**
   * Gives the address back, takes it from the interface, and closes.
   *
   * @throws Never.
   */
  async release(): Promise<void> {
    const lease = this.#lease;
    if (lease && !this.#ended) {
      const to = { type: 'RELEASE', host: lease.server, ciaddr: lease.ip } as const;
      await this.#send(to, { serverIdentifier: lease.server }, newXid());
      this.#feed.push({ kind: 'released', lease });
    }
    await this.close();
  }

  /**
   * Stops, and takes the address from the interface, without a word to the server.
   *
   * @throws Never.
   */
  close(): Promise<void> {
    this.#ended ??= this.#close();
    return this.#ended;
  }

  /**
   * Same as release().
   *
   * @throws Never.
   */
  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }

  async #close(): Promise<void> {
    const error = new NetError('ESHUTDOWN', REQUEST, { reason: 'the client was closed' });
    this.#first.reject(error);
    this.#renewal?.reject(error);
    this.#wake?.resolve('closed');
    this.#waiter?.done.resolve(undefined);
    await this.#configure(undefined).catch(() => {});
    await this.#writer.close().catch(() => {});
    await this.#socket.close().catch(() => {});
    this.#feed.end();
    this.#over.resolve();
  }

  async #listen(): Promise<void> {
    for await (const { data } of this.#socket) {
      const waiter = this.#waiter;
      if (!waiter) continue;
      let message: DhcpMessage;
      try {
        message = parseDhcpMessage(data);
      } catch {
        continue; // garbage, or another protocol
      }
      const { op, xid, mac, type } = message;
      if (op !== 2 || xid !== waiter.xid || mac !== this.#iface.mac.toLowerCase() || !type)
        continue;
      if (waiter.kinds.includes(type)) waiter.done.resolve(message);
    }
  }

  async #run(): Promise<void> {
    while (!this.#ended) {
      const lease = await this.#acquire();
      if (!lease) return;
      await this.#configure(lease);
      this.#feed.push({ kind: 'bound', lease });
      this.#first.resolve(lease);
      await this.#keep();
      const lost = this.#lease;
      if (this.#ended || !lost) return;
      await this.#configure(undefined);
      this.#feed.push({ kind: 'lost', lease: lost });
    }
  }

  /** Waits; renew() and close() end it early. */
  async #sleep(ms: number, keepsAlive = true): Promise<Wake> {
    if (this.#ended) return 'closed';
    const wake = new Deferred<Wake>();
    this.#wake = wake;
    const timer = setTimeout(() => wake.resolve('time'), Math.min(ms, INT32_MAX));
    if (!keepsAlive) unref(timer);
    const why = await wake.promise;
    clearTimeout(timer);
    return why;
  }

  async #send(head: ClientMessage, more: ClientMessageOptions, xid: number): Promise<void> {
    const { host = BROADCAST } = head;
    const data = clientMessage(this.#iface.mac, head, more, xid, this.#options);
    const datagram: Datagram = { host, port: DHCP_SERVER_PORT, data, interface: this.#iface };
    await this.#writer.write(datagram).catch(() => {});
  }

  /** Sends and waits for an answer, for some time. */
  async #ask(
    head: ClientMessage,
    more: ClientMessageOptions,
    kinds: readonly DhcpMessageType[],
    ms: number,
    xid: number,
  ): Promise<DhcpMessage | undefined> {
    if (this.#ended) return undefined;
    const done = new Deferred<DhcpMessage | undefined>();
    this.#waiter = { xid, kinds, done };
    await this.#send(head, more, xid);
    const timer = setTimeout(() => done.resolve(undefined), ms);
    const answer = await done.promise;
    clearTimeout(timer);
    this.#waiter = undefined;
    return this.#ended ? undefined : answer;
  }

  /** A new lease; undefined if the client was closed. */
  async #acquire(): Promise<ClientLease | undefined> {
    let wanted = this.#last?.ip ?? this.#options.requestedIP;
    for (let wait = SECOND; !this.#ended; wait = Math.min(2 * wait, LONGEST_WAIT)) {
      const xid = newXid();
      const more = wanted === undefined ? {} : { requestedIP: wanted };
      const giveUp = (): void => this.#waiter?.done.resolve(undefined);
      const unplugged = whileUnplugged(this.#iface, giveUp);
      const offer = await this.#ask({ type: 'DISCOVER' }, more, ['OFFER'], spread(wait), xid);
      // A tap that is plugged in later must not wait for as long as it was not.
      if (unplugged()) wait = SECOND / 2;
      if (!offer?.serverIdentifier || offer.yiaddr === NONE) continue;
      const ack = await this.#take(offer, xid);
      const lease = ack?.type === 'ACK' ? leaseOf(ack, Date.now()) : undefined;
      if (!lease) {
        wanted = undefined;
        // A server that refuses what it offered must not be asked without a pause.
        await this.#sleep(spread(wait));
        continue;
      }
      if (!(await this.#isInUse(lease.ip))) return lease;
      const said = { requestedIP: lease.ip, serverIdentifier: lease.server };
      await this.#send({ type: 'DECLINE' }, said, newXid());
      this.#feed.push({ kind: 'declined', lease });
      wanted = undefined;
      await this.#sleep(DECLINE_MS);
    }
    return undefined;
  }

  async #isInUse(ip: string): Promise<boolean> {
    const { isInUse } = this.#options;
    return isInUse !== undefined && (await isInUse(ip));
  }

  async #take(
    { yiaddr, serverIdentifier }: DhcpMessage,
    xid: number,
  ): Promise<DhcpMessage | undefined> {
    const more = { requestedIP: yiaddr, serverIdentifier: serverIdentifier as string };
    for (let i = 0; i < REQUESTS && !this.#ended; i++) {
      const wait = spread(SECOND << i);
      const answer = await this.#ask({ type: 'REQUEST' }, more, ['ACK', 'NAK'], wait, xid);
      if (answer) return answer;
    }
    return undefined;
  }

  /** Renews the lease again and again, until it ends. */
  async #keep(): Promise<void> {
    for (let lease = this.#lease; lease && !this.#ended; lease = this.#lease) {
      const start = lease.expiresAt - lease.duration * SECOND;
      const now = Date.now();
      const t1 = start + lease.renewalTime * SECOND;
      const t2 = start + lease.rebindingTime * SECOND;
      const isAsked = this.#renewal !== undefined;
      if (now >= lease.expiresAt) return;
      if (!isAsked && (now < t1 || !Number.isFinite(lease.duration))) {
        await this.#sleep(Number.isFinite(t1) ? t1 - now : INT32_MAX, false);
        continue;
      }
      const isRebinding = now >= t2;
      const answer = await this.#renewOnce(lease, isRebinding);
      if (this.#ended || answer === 'refused') return;
      if (answer === 'renewed') continue;
      const until = isRebinding ? lease.expiresAt : t2;
      const wait = Math.min(
        Math.max((until - Date.now()) / 2, RENEW_MS),
        lease.expiresAt - Date.now(),
      );
      if (now >= t1) await this.#sleep(Math.max(wait, SECOND), false);
    }
  }

  async #renewOnce(
    lease: ClientLease,
    isRebinding: boolean,
  ): Promise<'renewed' | 'refused' | 'silence'> {
    const to = { type: 'REQUEST', ciaddr: lease.ip } as const;
    const head = isRebinding ? to : { ...to, host: lease.server };
    const renewal = this.#renewal;
    const answer = await this.#ask(head, {}, ['ACK', 'NAK'], spread(4 * SECOND), newXid());
    const next = answer?.type === 'ACK' ? leaseOf(answer, Date.now()) : undefined;
    this.#renewal = undefined;
    const fail = (code: 'ECONNREFUSED' | 'ETIMEDOUT', reason?: string): void => {
      renewal?.reject(
        new NetError(code, 'Cannot renew a DHCP lease', reason === undefined ? {} : { reason }),
      );
    };
    if (answer?.type === 'NAK' || (next && next.ip !== lease.ip)) {
      fail('ECONNREFUSED', 'the server refuses it');
      return 'refused';
    }
    if (!next) {
      fail('ETIMEDOUT');
      return 'silence';
    }
    await this.#configure(next);
    this.#feed.push({ kind: isRebinding ? 'rebound' : 'renewed', lease: next });
    renewal?.resolve(next);
    return 'renewed';
  }

  /** Gives the interface what a lease says, or takes it back. */
  async #configure(lease: ClientLease | undefined): Promise<void> {
    const old = this.#lease;
    this.#lease = lease;
    if (lease) this.#last = lease;
    if (this.#options.configure !== false) await this.#setter.set(old, lease);
  }
}
