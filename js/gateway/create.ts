// SPDX-License-Identifier: MIT
// create - createGateway(): a way out and a way in for the guests behind an interface

import type { IcmpSocket, IcmpSocketOptions } from '../api/icmp.ts';
import type { TcpInterceptOptions, TcpInterceptor } from '../api/intercept.ts';
import type { NetworkInterface } from '../api/interface.ts';
import type { TcpListener } from '../api/tcp.ts';
import type { UdpSocket, UdpSocketOptions } from '../api/udp.ts';
import type { DnsMessage } from '../codec/dns_types.ts';
import { NetError } from '../errors.ts';
import { parseIp } from '../util/address.ts';
import { any, checkOptions, INT32_MAX, oneOf, type Rules, show, whole } from '../util/check.ts';
import { ownerOf } from '../util/owner.ts';
import { followPorts } from './auto.ts';
import type { AutoForward, AutoForwardOptions } from './auto_types.ts';
import { Book } from './book.ts';
import { Core } from './core.ts';
import { OwnDns } from './dns.ts';
import { type ForwardStack, forwardPort, type PortForward } from './forward.ts';
import type { Forward, ForwardOptions } from './forward_types.ts';
import { Echoes } from './icmp.ts';
import { NameTable } from './names.ts';
import { PolicyTable } from './policy.ts';
import { TcpFlows } from './tcp.ts';
import type {
  FlowEvent,
  FlowSnapshot,
  GatewayLimits,
  GatewayOptions,
  GatewayStatistics,
} from './types.ts';
import { UdpFlows } from './udp.ts';

const ACTION = 'Cannot create a gateway';

const LIMITS: Required<GatewayLimits> = {
  flows: 16_384,
  flowsPerSource: 4096,
  pending: 1024,
  mappings: 16_384,
  mappingsPerSource: 1024,
  connectTimeout: 30_000,
  tcpIdle: 7_440_000,
  udpIdle: 300_000,
};

const LIMIT_RULES: Rules<GatewayLimits> = {
  flows: whole(1, 65_535),
  flowsPerSource: whole(1, 65_535),
  pending: whole(1, 65_535),
  mappings: whole(1, 65_535),
  mappingsPerSource: whole(1, 65_535),
  connectTimeout: whole(1, INT32_MAX, ' ms'),
  tcpIdle: whole(60_000, INT32_MAX, ' ms'),
  udpIdle: whole(120_000, INT32_MAX, ' ms'),
};

const OPTIONS: Rules<GatewayOptions> = {
  tcp: any,
  udp: any,
  icmp: (value) =>
    value === 'reply' || value === 'drop' || typeof value === 'function'
      ? undefined
      : "'reply', 'drop' or a function",
  policy: any,
  onDeny: oneOf('refused', 'unreachable', 'prohibited', 'drop'),
  dns: any,
  localDomains: any,
  guestName: any,
  guestAddress: any,
  filtering: oneOf('address', 'any'),
  lan: any,
  limits: any,
};

/** The stack of an interface, as far as a gateway needs it. */
interface GatewayStack extends ForwardStack {
  interceptTcp(options: TcpInterceptOptions): Promise<TcpInterceptor>;
  openUdp(options: UdpSocketOptions): Promise<UdpSocket>;
  openIcmp(options: IcmpSocketOptions): Promise<IcmpSocket>;
  listenTcp(options: { port: number }): Promise<TcpListener>;
}

/**
 * A gateway of the guests behind one interface.
 *
 * @example
 * ```ts
 * import type { Gateway } from 'ringstack/gateway';
 *
 * const count = (gateway: Gateway): number => [...gateway.flows()].length;
 * void count;
 * ```
 */
export interface Gateway extends AsyncDisposable {
  /** Its counters at this moment. */
  readonly statistics: Readonly<GatewayStatistics>;
  /** Flows that open, close or are refused, from the moment that a loop begins. */
  readonly events: AsyncIterable<FlowEvent>;
  /** Settles when it is closed, or its interface is gone. */
  readonly closed: Promise<void>;
  /**
   * Lists the flows there are.
   *
   * @returns TCP connections and UDP mappings, the oldest first.
   * @throws Never.
   */
  flows(): Iterable<FlowSnapshot>;
  /**
   * Forwards a port outside to a guest.
   *
   * @param options - The listener, and the guest.
   * @returns The forwarded port, open.
   * @throws NetError EINVAL, ENOTSUP, EADDRINUSE, or another error of the transport.
   */
  forward(options: ForwardOptions): Promise<Forward>;
  /**
   * Follows what a guest listens at: forwards a port when it opens, and no more when it closes. It is found by probes
   * that the guest's servers do not see.
   *
   * @param auto - 'auto'.
   * @param options - Ports, guest, and where to listen.
   * @returns The forwarded ports, none yet.
   * @throws NetError EINVAL, or ENOTSUP if the gateway was not given the `lan` of its guests.
   */
  forward(auto: 'auto', options?: AutoForwardOptions): Promise<AutoForward>;
  /**
   * Notes the names in a DNS response that a guest gets from another server than `dns`.
   *
   * @param guest - Address of the guest.
   * @param response - The response.
   * @throws Never.
   */
  observe(guest: string, response: Uint8Array | DnsMessage): void;
  /**
   * Ends all flows and forwarded ports; guests then have no gateway.
   *
   * @throws Never.
   */
  close(): Promise<void>;
}

/** The parts of a gateway that end with it. */
class Parts implements Gateway {
  readonly closed: Promise<void>;
  readonly #core: Core;
  readonly #stack: GatewayStack;
  readonly #interceptor: TcpInterceptor;
  readonly #sockets: readonly AsyncDisposable[];
  readonly #forwards = new Set<Forward | AutoForward>();
  readonly #runs: Promise<unknown>;
  #closing: Promise<void> | undefined;

  constructor(
    core: Core,
    stack: GatewayStack,
    interceptor: TcpInterceptor,
    udp: UdpSocket,
    icmp: Readonly<Record<4 | 6, IcmpSocket>>,
    dns: readonly [UdpSocket, TcpListener] | undefined,
  ) {
    this.#core = core;
    this.#stack = stack;
    this.#interceptor = interceptor;
    this.#sockets = [udp, icmp[4], icmp[6], ...(dns ?? [])];
    this.#runs = Promise.allSettled([
      new TcpFlows(core, interceptor).run(),
      new UdpFlows(core, udp, icmp).run(),
      new Echoes(core, icmp[4]).run(),
      new Echoes(core, icmp[6]).run(),
      dns && new OwnDns(core, ...dns).run(),
    ]);
    this.closed = this.#runs.then(() => this.close());
  }

  get statistics(): GatewayStatistics {
    const synDropped = this.#interceptor.statistics.dropped;
    return { ...this.#core.book.statistics, synDropped };
  }

  get events(): AsyncIterable<FlowEvent> {
    return this.#core.book.feed;
  }

  flows(): Iterable<FlowSnapshot> {
    return this.#core.book.snapshots();
  }

  forward(options: ForwardOptions): Promise<PortForward>;
  forward(auto: 'auto', options?: AutoForwardOptions): Promise<AutoForward>;
  async forward(
    given: ForwardOptions | 'auto',
    follow: AutoForwardOptions = {},
  ): Promise<PortForward | AutoForward> {
    if (this.#closing) throw new NetError('EBADF', 'Cannot forward', { reason: 'it is closed' });
    const resolve = (host: string): string => this.#guest(host);
    const context = { core: this.#core, stack: this.#stack, resolve };
    const { lan } = this.#core.options;
    const forward = (one: ForwardOptions): Promise<PortForward> => this.forward(one);
    const made =
      given === 'auto'
        ? followPorts({ ...context, lan, forward }, follow)
        : await forwardPort(context, given);
    this.#forwards.add(made);
    void made.closed.then(() => this.#forwards.delete(made));
    if (this.#closing) await made.close();
    return made;
  }

  /** The address of a guest. */
  #guest(host: string): string {
    try {
      parseIp(host);
      return host;
    } catch {
      const found = this.#core.options.guestAddress?.(host);
      if (found !== undefined) return found;
      throw new NetError('ENOTFOUND', `Cannot forward to ${show(host)}`, {
        reason: 'no guest has that name',
      });
    }
  }

  observe(guest: string, response: Uint8Array | DnsMessage): void {
    this.#core.names.observe(guest, response, performance.now());
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const reason = new NetError('ESHUTDOWN', 'Cannot use the flow', {
      reason: 'the gateway closed',
    });
    await Promise.all([...this.#forwards].map((one) => one.close()));
    this.#core.book.end(reason);
    await this.#interceptor.close();
    await Promise.all(this.#sockets.map((socket) => socket[Symbol.asyncDispose]()));
    await this.#runs;
  }

  toJSON(): object {
    return { type: 'gateway', isOpen: this.#closing === undefined, ...this.statistics };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/**
 * Gives the guests behind an interface a way out: connections, datagrams and pings to any address end here and go on
 * as the options say. Guests need a route to the interface's address: DHCP, router advertisements, or by hand.
 *
 * @param on - A tap or tun interface of a stack.
 * @param options - Ways out, policy, bounds. Without a way out nothing leaves.
 * @returns The gateway, which serves guests from now on.
 * @throws NetError EINVAL for a bad option or a malformed policy, ENODEV if it is no interface of a stack, EADDRINUSE if
 *   it has a gateway, or with `dns` port 53 is taken.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { createStack } from 'ringstack';
 * import { createGateway } from 'ringstack/gateway';
 *
 * const inside = await createStack();
 * const lan = await inside.createTapInterface({ ip: '10.0.0.1/24' });
 * const guest = await createStack();
 * const card = await guest.createTapInterface({ ip: '10.0.0.2/24', gateway: '10.0.0.1' });
 * void lan.readable.pipeTo(card.writable).catch(() => {});
 * void card.readable.pipeTo(lan.writable).catch(() => {});
 *
 * // The way out is another stack, where a server listens.
 * const outside = await createStack();
 * const server = await outside.listenTcp({ port: 80 });
 * const gateway = await createGateway(lan, {
 *   tcp: ({ destination }) => outside.connectTcp({ host: '127.0.0.1', port: destination.port }),
 * });
 * const connection = await guest.connectTcp({ host: '9.9.9.9', port: 80 });
 * assert.equal(connection.remoteAddress, '9.9.9.9');
 * assert.equal((await server.accept()).remoteAddress, '127.0.0.1');
 * await gateway.close();
 * for (const stack of [guest, inside, outside]) await stack.close();
 * ```
 */
export async function createGateway(
  on: NetworkInterface,
  options: GatewayOptions = {},
): Promise<Gateway> {
  checkOptions(ACTION, options, OPTIONS);
  const limits: Required<GatewayLimits> = { ...LIMITS, ...options.limits };
  checkOptions(ACTION, options.limits ?? {}, LIMIT_RULES);
  const policy = new PolicyTable(options.policy ?? {});
  const stack = ownerOf(on) as GatewayStack | undefined;
  if (!stack) {
    const reason = 'must be an interface of a stack';
    throw new NetError('ENODEV', `${ACTION} on ${show(on)}`, { reason });
  }
  const book = new Book({
    tcp: { most: limits.flows, perSource: limits.flowsPerSource, idle: limits.tcpIdle },
    udp: { most: limits.mappings, perSource: limits.mappingsPerSource, idle: limits.udpIdle },
  });
  const core = new Core(options, policy, new NameTable(), book, limits.connectTimeout);
  const opened: AsyncDisposable[] = [];
  const keep = <T extends AsyncDisposable>(one: T): T => {
    opened.push(one);
    return one;
  };
  const at = { interface: on, transparent: true };
  try {
    const interceptor = keep(await stack.interceptTcp({ interface: on, pending: limits.pending }));
    const udp = keep(await stack.openUdp({ ...at, receiveBuffer: 2 ** 20, sendBuffer: 2 ** 20 }));
    const four = keep(await stack.openIcmp({ ...at, family: 4 }));
    const six = keep(await stack.openIcmp({ ...at, family: 6 }));
    const dns =
      options.dns &&
      ([
        keep(await stack.openUdp({ port: 53, interface: on })),
        keep(await stack.listenTcp({ port: 53 })),
      ] as const);
    return new Parts(core, stack, interceptor, udp, { 4: four, 6: six }, dns);
  } catch (error) {
    for (const one of opened) await one[Symbol.asyncDispose]();
    throw error;
  }
}
