// SPDX-License-Identifier: MIT
// stack - the public types of a stack and of the arena it lives in

/// <reference lib="esnext.disposable" preserve="true" />

import type { BridgeInterface, BridgeInterfaceOptions } from './bridge.ts';
import type { SharedHandle } from './handle.ts';
import type {
  Hop,
  IcmpSocket,
  IcmpSocketOptions,
  PingSession,
  PingSessionOptions,
  StackPing,
  TracerouteOptions,
} from './icmp.ts';
import type { TcpInterceptOptions, TcpInterceptor } from './intercept.ts';
import type {
  LoopbackInterface,
  LoopbackInterfaceOptions,
  NetworkInterface,
  TapInterface,
  TapInterfaceOptions,
  TunInterface,
  TunInterfaceOptions,
} from './interface.ts';
import type { Resolver, StackHosts } from './names.ts';
import type { Neighbor, Routes } from './route.ts';
import type { StackStatistics } from './statistics.ts';
import type { TcpConnection, TcpConnectOptions, TcpListener, TcpListenOptions } from './tcp.ts';
import type { StreamTransport } from './transport.ts';
import type { StackUdp, UdpSocket, UdpSocketOptions } from './udp.ts';

/**
 * The arena a stack lives in: one shared memory.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { attach, createArena, createStack } from 'ringstack';
 *
 * const arena = await createArena();
 * // structuredClone() stands for worker.postMessage(handle).
 * await using theirs = await attach(structuredClone(await arena.share()));
 * const stack = await createStack({ arena: theirs });
 * assert.equal(theirs.freeBytes, arena.freeBytes);
 * await stack.close();
 * ```
 */
export interface StackArena extends AsyncDisposable {
  /** Bytes of the whole memory. */
  readonly size: number;
  /** Bytes not in use. */
  readonly freeBytes: number;
  /** Bytes JavaScript has copied into and out of it so far, twice where alignment takes a second copy. */
  readonly bytesCopied: number;
  /**
   * Shares it with another thread: attach(handle) there gives an arena over the same memory. Stacks that
   * two threads create in one arena can be wired without copies.
   *
   * @returns The handle.
   * @throws {NetError} ENOMEM if the arena has no room.
   */
  share(): Promise<SharedHandle<StackArena>>;
  /**
   * Frees what attach() took in it for this thread, when the stacks that this thread created in it are
   * closed. Does nothing for an arena that was not attached.
   *
   * @throws Never.
   */
  close(): Promise<void>;
}

/** A WebAssembly.Module, also where TypeScript's library does not declare it (Node's without the DOM). */
export type WasmModule = typeof globalThis extends {
  WebAssembly: { Module: { prototype: infer Module } };
}
  ? Module
  : object;

/**
 * Address of a name server.
 *
 * @example
 * ```ts
 * import { createStack, type NameServerAddress } from 'ringstack';
 *
 * const nameServer: NameServerAddress = { ip: '10.0.0.1' };
 * await (await createStack({ nameServer })).close();
 * ```
 */
export interface NameServerAddress {
  /** Its address. */
  readonly ip: string;
  /** Its port. @default 53 */
  readonly port?: number;
}

/** Options of createStack(). */
export interface StackOptions {
  /** Hosts of this stack: names and their addresses, or the text of a hosts file. @default none */
  readonly hosts?: Readonly<Record<string, string | readonly string[]>> | string;
  /**
   * Name server that names are looked up at, if they are not in `hosts` and the program has set no `resolver`.
   * @default 127.0.0.1:53 of the stack itself, if a server is there
   */
  readonly nameServer?: NameServerAddress;
  /** Several name servers, in the order in which they are tried; in place of `nameServer`. */
  readonly nameServers?: readonly NameServerAddress[];
  /** Domains that look-ups of short names are tried in. @default none */
  readonly search?: readonly string[];
  /** Makes a router: each interface that is created forwards packets, as after setForwarding(true). @default false */
  readonly forwarding?: boolean;
  /** Creates a loopback interface with 127.0.0.1/8 and ::1/128. @default true */
  readonly initializeLoopback?: boolean;
  /**
   * The thread that runs the stack. `inline`: the thread that created it. `worker`: a thread of its own, for
   * which a page must be cross-origin isolated. `auto`: a worker on the main thread of an isolated page,
   * since that must not be kept busy and its timers are slow while the page is hidden; otherwise inline.
   * `stack.engine` has the choice. @default 'auto'
   */
  readonly engine?: 'auto' | 'inline' | 'worker';
  /**
   * For a thread of its own: the URL of its file (`ringstack/worker`), or a function that makes a Worker of
   * it. @default the file in the package
   */
  readonly worker?: URL | string | (() => unknown);
  /** ms that the worker may take to start, 1 to 2147483647. @default 10000 */
  readonly startTimeout?: number;
  /** The arena to live in. Stacks of one arena can be wired without copies. @default one for all, 256 MiB */
  readonly arena?: StackArena;
  /**
   * `strong`: an interface takes only packets for its own addresses, and only from hosts that are reached through it
   * (RFC 1122, RFC 3704). `weak`: all interfaces take packets for all addresses. @default 'strong'
   */
  readonly hostModel?: 'strong' | 'weak';
  /**
   * ms that close() waits for connections that are closing, 0 to 2147483647; then they are reset, so that their peers know.
   * 0: it resets all at once. @default 3000
   */
  readonly linger?: number;
  /** Sockets at the most, 1 to 65535. @default 65535 */
  readonly maxSockets?: number;
  /** Default of every connection's receiveBuffer, bytes, 64 KiB to 16 MiB. @default 512 KiB; engine 'worker': 2 MiB */
  readonly receiveBuffer?: number;
  /** Default of every connection's sendBuffer, bytes, 4 KiB to 16 MiB. @default 512 KiB; engine 'worker': 2 MiB */
  readonly sendBuffer?: number;
  /** The module: its URL (a relative one is the page's), bytes, or compiled. @default the package's own */
  readonly wasm?: URL | string | ArrayBuffer | ArrayBufferView | WasmModule;
}

/**
 * The interfaces of a stack, read-only; methods under the names of tcpip.js 0.4 that create and remove some.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { createStack } from 'ringstack';
 *
 * const stack = await createStack();
 * const tap = await stack.interfaces.createTap({ ip: '192.168.1.1/24' });
 * assert.deepEqual([...stack.interfaces].map(({ type }) => type), ['loopback', 'tap']);
 * await stack.interfaces.remove(tap);
 * assert.equal(stack.interfaces.size, 1);
 * await stack.close();
 * ```
 */
export interface StackInterfaces
  extends Iterable<LoopbackInterface | TunInterface | TapInterface | BridgeInterface> {
  /** How many there are. */
  readonly size: number;
  /**
   * As createLoopbackInterface() of the stack.
   *
   * @param options - Addresses and sizes.
   * @returns The interface, up.
   * @throws {NetError} EINVAL, EADDRINUSE (another interface has the address), ENOMEM, EMFILE (254 interfaces), ESHUTDOWN.
   */
  createLoopback(options?: LoopbackInterfaceOptions): Promise<LoopbackInterface>;
  /**
   * As createTunInterface() of the stack.
   *
   * @param options - Addresses and sizes.
   * @returns The interface, up.
   * @throws {NetError} EINVAL, EADDRINUSE (another interface has the address), ENOMEM, EMFILE (254 interfaces), ESHUTDOWN.
   */
  createTun(options?: TunInterfaceOptions): Promise<TunInterface>;
  /**
   * As createTapInterface() of the stack.
   *
   * @param options - Addresses and sizes.
   * @returns The interface, up.
   * @throws {NetError} EINVAL, EADDRINUSE (another interface has the address), ENOMEM, EMFILE (254 interfaces), ESHUTDOWN.
   */
  createTap(options?: TapInterfaceOptions): Promise<TapInterface>;
  /**
   * As createBridgeInterface() of the stack.
   *
   * @param options - Ports, addresses and limits.
   * @returns The interface, up.
   * @throws {NetError} As createBridgeInterface().
   */
  createBridge(options?: BridgeInterfaceOptions): Promise<BridgeInterface>;
  /**
   * As removeInterface() of the stack.
   *
   * @param iface - An interface of this stack.
   * @throws {NetError} ENODEV if it is not, ESHUTDOWN.
   */
  remove(iface: NetworkInterface): Promise<void>;
}

/**
 * The TCP of a stack: a transport of streams for services.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { createStack } from 'ringstack';
 *
 * const stack = await createStack();
 * const listener = await stack.tcp.listen({ port: 80 });
 * const connection = await stack.tcp.connect({ host: '127.0.0.1', port: 80 });
 * assert.equal((await listener.accept()).remotePort, connection.localPort);
 * await stack.close();
 * ```
 */
export interface StackTcp extends StreamTransport {
  /**
   * As connectTcp() of the stack.
   *
   * @param options - Destination and settings.
   * @returns The connection, open.
   * @throws {NetError} As connectTcp().
   */
  connect(options: TcpConnectOptions): Promise<TcpConnection>;
  /**
   * As listenTcp() of the stack.
   *
   * @param options - Address, port and settings.
   * @returns The listener.
   * @throws {NetError} As listenTcp().
   */
  listen(options: TcpListenOptions): Promise<TcpListener>;
}

/**
 * A TCP/IP stack.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { createStack } from 'ringstack';
 *
 * const a = await createStack();
 * const b = await createStack();
 * const tapA = await a.createTapInterface({ ip: '192.168.1.1/24' });
 * const tapB = await b.createTapInterface({ ip: '192.168.1.2/24' });
 * void tapA.readable.pipeTo(tapB.writable);
 * void tapB.readable.pipeTo(tapA.writable);
 * const listener = await b.listenTcp({ port: 80 });
 * const connection = await a.connectTcp({ host: '192.168.1.2', port: 80 });
 * assert.equal((await listener.accept()).remotePort, connection.localPort);
 * await a.close();
 * await b.close();
 * ```
 */
export interface NetworkStack extends AsyncDisposable {
  /** The thread that runs it: that which created it, or one of its own. */
  readonly engine: 'inline' | 'worker';
  /** Its interfaces. */
  readonly interfaces: StackInterfaces;
  /** Its TCP: connectTcp() and listenTcp() under the names of tcpip.js 0.4. */
  readonly tcp: StackTcp;
  /** Its UDP: openUdp() under the names of tcpip.js 0.4, and a transport of datagrams for services. */
  readonly udp: StackUdp;
  /** createPingSession() under the names of tcpip.js 0.4. */
  readonly ping: StackPing;
  /** Its routes. */
  readonly routes: Routes;
  /** The hosts on its links that it knows: `for await` gives those of the moment when the loop begins. */
  readonly neighbors: AsyncIterable<Neighbor>;
  /** Names that every `host` option knows. */
  readonly hosts: StackHosts;
  /** Finds the addresses of names that are not in `hosts`. @default undefined: `nameServer` of createStack() is asked */
  resolver: Resolver | undefined;
  /** Its counters at this moment. */
  readonly statistics: StackStatistics;
  /**
   * Creates a loopback interface, by default with 127.0.0.1/8.
   *
   * @param options - Addresses and sizes.
   * @returns The interface, up.
   * @throws {NetError} EINVAL, EADDRINUSE (another interface has the address), ENOMEM, EMFILE (254 interfaces), ESHUTDOWN.
   */
  createLoopbackInterface(options?: LoopbackInterfaceOptions): Promise<LoopbackInterface>;
  /**
   * Creates a tun interface.
   *
   * @param options - Addresses and sizes.
   * @returns The interface, up.
   * @throws {NetError} EINVAL, EADDRINUSE (another interface has the address), ENOMEM, EMFILE (254 interfaces), ESHUTDOWN.
   */
  createTunInterface(options?: TunInterfaceOptions): Promise<TunInterface>;
  /**
   * Creates a tap interface.
   *
   * @param options - Addresses and sizes.
   * @returns The interface, up.
   * @throws {NetError} EINVAL, EADDRINUSE (another interface has the address), ENOMEM, EMFILE (254 interfaces), ESHUTDOWN.
   */
  createTapInterface(options?: TapInterfaceOptions): Promise<TapInterface>;
  /**
   * Creates a bridge interface: a learning switch, with addresses of its own.
   *
   * @param options - Ports, addresses and limits.
   * @returns The interface, up, with its ports.
   * @throws {NetError} EINVAL, EADDRINUSE (a port has the MAC of the bridge), ENOMEM, EMFILE (254 interfaces), ENODEV,
   *   ESHUTDOWN.
   * @throws {TypeError} If a stream of an endpoint is locked.
   */
  createBridgeInterface(options?: BridgeInterfaceOptions): Promise<BridgeInterface>;
  /**
   * Removes an interface. Connections from its addresses, and listeners on them, fail with ENODEV.
   *
   * @param iface - An interface of this stack.
   * @throws {NetError} ENODEV if it is not, ESHUTDOWN.
   */
  removeInterface(iface: NetworkInterface): Promise<void>;
  /**
   * Connects; settles when the connection is open.
   *
   * @param options - Destination and settings.
   * @returns The connection.
   * @throws {NetError} EINVAL, ECONNREFUSED, ETIMEDOUT, EHOSTUNREACH, EADDRNOTAVAIL, EADDRINUSE,
   *   ENODEV, EMFILE, ENOMEM, ESHUTDOWN; or the signal's reason.
   */
  connectTcp(options: TcpConnectOptions): Promise<TcpConnection>;
  /**
   * Listens.
   *
   * @param options - Address, port and settings.
   * @returns The listener.
   * @throws {NetError} EINVAL, EADDRINUSE, EADDRNOTAVAIL, EMFILE, ENOMEM, ESHUTDOWN.
   */
  listenTcp(options: TcpListenOptions): Promise<TcpListener>;
  /**
   * Opens a UDP socket.
   *
   * @param options - Address, port and settings; all have defaults.
   * @returns The socket, which receives from now on.
   * @throws {NetError} EINVAL, EADDRINUSE, EADDRNOTAVAIL, EHOSTUNREACH (connected: no route), ENODEV, ENOTFOUND, EMFILE, ENOMEM,
   *   ESHUTDOWN; or the signal's reason.
   */
  openUdp(options?: UdpSocketOptions): Promise<UdpSocket>;
  /**
   * Opens a ping session with one host.
   *
   * @param options - Which host, and how.
   * @returns The session.
   * @throws {NetError} EINVAL, ENOTFOUND, EADDRNOTAVAIL, EMFILE, ENOMEM, ESHUTDOWN.
   */
  createPingSession(options: PingSessionOptions): Promise<PingSession>;
  /**
   * Traces the way to a host.
   *
   * @param options - Which host, and how.
   * @returns One hop after the other, for `for await`.
   * @throws {NetError} EINVAL, ENOTFOUND, EMFILE, ENOMEM, ESHUTDOWN; or the signal's reason.
   */
  traceroute(options: TracerouteOptions): AsyncIterableIterator<Hop>;
  /**
   * Opens a socket for raw messages of ICMP or ICMPv6.
   *
   * @param options - Which and how; all have defaults.
   * @returns The socket, which receives from now on.
   * @throws {NetError} EINVAL, EADDRNOTAVAIL, ENODEV, EMFILE, ENOMEM, ESHUTDOWN; or the signal's reason.
   */
  openIcmp(options?: IcmpSocketOptions): Promise<IcmpSocket>;
  /**
   * Intercepts the connections of guests behind an interface to addresses that are not the stack's: what a gateway
   * is made of (`ringstack/gateway`). Datagrams and messages: `transparent` of openUdp() and openIcmp().
   *
   * @param options - Which interface, and how.
   * @returns The interceptor, which gets connections from now on.
   * @throws {NetError} EINVAL, EADDRINUSE if the interface has one, ENODEV, EMFILE, ENOMEM, ESHUTDOWN; or the signal's
   *   reason.
   */
  interceptTcp(options: TcpInterceptOptions): Promise<TcpInterceptor>;
  /**
   * Ends all listeners and sockets, resets connections, removes all interfaces, frees all memory. Every promise that
   * waits for this stack rejects with ESHUTDOWN. A connection that is closing (close(), closeWrite(), an ended writable)
   * is not reset at once: its last bytes, and the peer's end, are waited for as long as `linger` of createStack() says;
   * what it receives is thrown away.
   *
   * @throws Never.
   */
  close(): Promise<void>;
}
