// SPDX-License-Identifier: MIT
// types - public types of gateways: flows, ways out, options, events

import type {
  DatagramSocket,
  DatagramTransport,
  StreamConnection,
  StreamListener,
  StreamTransport,
} from '../api/transport.ts';
import type { Policy } from './policy_types.ts';

/** A value, or a promise of it. */
export type MaybePromise<T> = T | Promise<T>;

/** One end of a flow. */
export interface FlowEnd {
  /** Numeric address. */
  readonly address: string;
  /** Port. */
  readonly port: number;
  /** Name: of a guest, its lease's; of a destination, the name that the guest had looked up. */
  readonly name?: string | undefined;
}

/**
 * How a flow is refused: `refused` by a reset (UDP: port unreachable), `unreachable` and `prohibited` by an ICMP error,
 * `drop` by nothing.
 */
export type Rejection = 'refused' | 'unreachable' | 'prohibited' | 'drop';

/** A flow that is to be decided. */
export interface GatewayFlow {
  /** The guest. */
  readonly source: FlowEnd;
  /** The destination that it asked for. */
  readonly destination: FlowEnd;
  /** Aborted when the gateway closes, or the time to connect is over. */
  readonly signal: AbortSignal;
}

/**
 * A connection of a guest, whose SYN is held.
 *
 * @example
 * ```ts
 * import type { TcpFlow } from 'ringstack/gateway';
 *
 * const echo = async (flow: TcpFlow): Promise<undefined> => {
 *   const connection = await flow.accept();
 *   await connection.readable.pipeTo(connection.writable);
 *   return undefined;
 * };
 * void echo;
 * ```
 */
export interface TcpFlow extends GatewayFlow {
  /**
   * Answers the guest, for a function that serves the connection itself.
   *
   * @returns The guest's connection, open.
   * @throws NetError EBADF if it is decided, ETIMEDOUT if the guest does not answer.
   */
  accept(): Promise<StreamConnection>;
  /**
   * Refuses it.
   *
   * @param how - See Rejection. @default 'refused'
   * @throws Never.
   */
  reject(how?: Rejection): void;
}

/** A way out for connections: a transport, or a function that is asked for each. */
export type TcpWay =
  | OutboundTransport
  | ((flow: TcpFlow) => MaybePromise<StreamConnection | Rejection | undefined>);

/** A way out for datagrams: a transport, or a function that is asked once for each address and port of a guest. */
export type UdpWay =
  | DatagramTransport
  | ((flow: GatewayFlow) => MaybePromise<DatagramSocket | Rejection | undefined>);

/** Options with which a gateway connects. */
export interface OutboundOptions {
  /** Numeric address; the name, if the transport takes names and there is one. */
  readonly host: string;
  /** Port. */
  readonly port: number;
  /** Gives up when aborted. */
  readonly signal?: AbortSignal;
  /**
   * All names by which the guest knows the address, and that the policy allows, the newest first: for a transport that
   * takes names and learns by its protocol which one is meant.
   */
  readonly names?: readonly string[];
  /** Asks the policy about another host, such as that of a redirect; given to a transport that takes names. */
  readonly allows?: (host: string, port: number) => boolean;
}

/**
 * A stream transport for a gateway. Any StreamTransport is one.
 *
 * @example
 * ```ts
 * import type { OutboundTransport } from 'ringstack/gateway';
 *
 * const other: OutboundTransport = stack.tcp;
 * void other;
 * ```
 */
export interface OutboundTransport extends StreamTransport {
  /** It is given names where they are known, since it resolves them elsewhere. @default false */
  readonly takesNames?: boolean;
  /**
   * Connects.
   *
   * @param options - The destination.
   * @returns The connection, open.
   * @throws NetError ECONNREFUSED, EHOSTUNREACH, ETIMEDOUT and the like: the guest sees the same.
   */
  connect(options: OutboundOptions): Promise<StreamConnection>;
}

/** Options of deno() and bun(). */
export interface NativeOptions {
  /** Small segments are sent at once. @default true */
  readonly noDelay?: boolean;
}

/**
 * The sockets of a runtime: connections, listeners and datagrams.
 *
 * @example
 * ```ts
 * import { deno, type NativeTransport, node } from 'ringstack/gateway';
 *
 * const sockets: NativeTransport = 'Deno' in globalThis ? deno() : node();
 * void sockets;
 * ```
 */
export interface NativeTransport extends OutboundTransport, DatagramTransport {
  /**
   * Listens.
   *
   * @param options - Address and port; 0: any.
   * @returns The listener.
   * @throws NetError EADDRINUSE, EADDRNOTAVAIL, EACCES, ENOTSUP.
   */
  listen(options: { host?: string; port: number }): Promise<StreamListener>;
}

/** An echo request of a guest. */
export interface EchoRequest {
  /** The guest. */
  readonly source: FlowEnd;
  /** The address that it pings. */
  readonly destination: FlowEnd;
  /** Payload of the request. */
  readonly payload: Uint8Array;
  /** Time to live that it came with. */
  readonly ttl: number;
}

/**
 * Answers DNS queries: a DnsServer of `ringstack/dns` is one.
 *
 * @example
 * ```ts
 * import type { DnsAnswerer } from 'ringstack/gateway';
 * import { DnsServer } from 'ringstack/dns';
 *
 * const server: DnsAnswerer = new DnsServer(null, { hosts: { 'db.internal': '10.0.0.2' } });
 * void server;
 * ```
 */
export interface DnsAnswerer {
  /**
   * Answers a query.
   *
   * @param query - The query as bytes.
   * @param from - The client and its transport.
   * @returns The response as bytes.
   * @throws NetError EPROTO if it is no query.
   */
  answer(
    query: Uint8Array,
    from: { remote: { host: string; port: number }; transport: 'udp' | 'tcp' },
  ): Promise<Uint8Array>;
}

/** Bounds of a gateway. */
export interface GatewayLimits {
  /** TCP connections, 1 to 65535. @default 16384 */
  readonly flows?: number;
  /** TCP connections of one guest. @default 4096 */
  readonly flowsPerSource?: number;
  /** SYNs that wait for a decision or a handshake, 1 to 65535. @default 1024 */
  readonly pending?: number;
  /** UDP mappings: one for each address and port of a guest. @default 16384 */
  readonly mappings?: number;
  /** UDP mappings of one guest. @default 1024 */
  readonly mappingsPerSource?: number;
  /** Time to connect, ms. @default 30000 */
  readonly connectTimeout?: number;
  /** Time after which a TCP connection without data ends, ms, at least 60000 (RFC 5382, REQ-5). @default 7440000 */
  readonly tcpIdle?: number;
  /** Time after which a UDP mapping without data ends, ms, at least 120000 (RFC 4787, REQ-5). @default 300000 */
  readonly udpIdle?: number;
}

/** The LAN of the guests, for probes: a switch, and an address on it that no one else has. */
export interface ProbeLan {
  /** IPv4 address of the prober. */
  readonly address: string;
  /** Plugs an endpoint in, as plug() of a switch does. */
  readonly plug: (endpoint: {
    readonly type: 'tap';
    readonly readable: ReadableStream<Uint8Array>;
    readonly writable: WritableStream<Uint8Array>;
  }) => {
    /** Unplugs it. */
    close(): Promise<unknown>;
  };
}

/** Options of createGateway(). */
export interface GatewayOptions {
  /** Way out for connections. @default none: all are refused */
  readonly tcp?: TcpWay;
  /** Way out for datagrams. @default none */
  readonly udp?: UdpWay;
  /**
   * Echo requests: `reply` answers for every address that the policy allows, `drop` for none; a function decides, and
   * its `true` is a reply. @default 'reply' with a way out, 'drop' without
   */
  readonly icmp?: 'reply' | 'drop' | ((echo: EchoRequest) => MaybePromise<boolean>);
  /** Destinations that guests may use. @default public addresses */
  readonly policy?: Policy;
  /** The answer to a guest that the policy refuses. @default 'prohibited' */
  readonly onDeny?: Rejection;
  /** Answers queries at port 53: to the gateway's addresses, and to any other name server. @default they are flows as others are */
  readonly dns?: DnsAnswerer;
  /** Names at and below these are answered by `dns` whatever the policy says, since they lead nowhere else. @default none */
  readonly localDomains?: readonly string[];
  /** Name of a guest, for policy and events. */
  readonly guestName?: (address: string) => string | undefined;
  /** Address of the guest of a name, for forwarded ports; '' is the only guest. */
  readonly guestAddress?: (name: string) => string | undefined;
  /** Datagrams from outside: `address`: from addresses that the guest has sent to, `any`: from all. @default 'address' */
  readonly filtering?: 'address' | 'any';
  /** The LAN of the guests, for forward('auto'). createNetwork() gives its own. @default none */
  readonly lan?: ProbeLan;
  /** Bounds. */
  readonly limits?: GatewayLimits;
}

/** A flow at one moment. */
export interface FlowSnapshot {
  /** Number, from 1. */
  readonly id: number;
  /** Protocol. */
  readonly protocol: 'tcp' | 'udp';
  /** `out`: a guest began it; `in`: it came by a forwarded port. */
  readonly direction: 'out' | 'in';
  /** The guest; of `in`, the client outside. */
  readonly source: FlowEnd;
  /** The destination; of a UDP mapping, the last one. */
  readonly destination: FlowEnd;
  /** State. */
  readonly state: 'connecting' | 'open';
  /** Bytes from the source. */
  readonly bytesOut: number;
  /** Bytes to the source. */
  readonly bytesIn: number;
  /** ms since it began. */
  readonly age: number;
  /** ms since its last data. */
  readonly idle: number;
}

/** Something that happened at a gateway. */
export interface FlowEvent {
  /**
   * `deny`: the policy refused it; `limit`: a bound did; `fail`: the way out refused it, or it could not be reached;
   * `reject`: a function did.
   */
  readonly kind: 'open' | 'close' | 'deny' | 'limit' | 'fail' | 'reject';
  /** Protocol. */
  readonly protocol: 'tcp' | 'udp' | 'icmp' | 'dns';
  /** Its source. */
  readonly source: FlowEnd;
  /** Its destination. */
  readonly destination: FlowEnd;
  /** Rule of the policy that decided: `floor: private`, `deny: *.example`, `default`. */
  readonly rule?: string;
  /** The error. */
  readonly error?: unknown;
  /** Of `close`: bytes from the source, and to it. */
  readonly bytesOut?: number;
  /** See bytesOut. */
  readonly bytesIn?: number;
}

/** Counters of a gateway. */
export interface GatewayStatistics {
  /** TCP connections that are open or connect. */
  tcpFlows: number;
  /** UDP mappings. */
  udpMappings: number;
  /** TCP connections that were opened. */
  tcpOpened: number;
  /** UDP mappings that were opened. */
  udpOpened: number;
  /** Flows and datagrams that the policy refused. */
  denied: number;
  /** Flows that a bound refused, and datagrams beyond a queue. */
  limited: number;
  /** Flows whose destination refused, could not be reached, or did not answer. */
  failed: number;
  /** Echo requests that were answered. */
  echoes: number;
  /** DNS queries to other name servers that were answered here. */
  queries: number;
  /** Datagrams from outside that no guest had asked for. */
  filtered: number;
  /** SYNs dropped because too many waited. */
  synDropped: number;
  /** Bytes from guests. */
  bytesOut: number;
  /** Bytes to guests. */
  bytesIn: number;
}
