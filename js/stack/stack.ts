// SPDX-License-Identifier: MIT
// stack - createStack(): arena, engine and channel as one public object

import { STACK_APP, STACK_CHANNELS, STACK_STATS } from '../abi.ts';
import type { BridgeInterface, BridgeInterfaceOptions } from '../api/bridge.ts';
import type {
  Hop,
  IcmpSocket,
  IcmpSocketOptions,
  PingSession,
  PingSessionOptions,
  StackPing,
  TracerouteOptions,
} from '../api/icmp.ts';
import type { TcpInterceptOptions, TcpInterceptor } from '../api/intercept.ts';
import type {
  LoopbackInterface,
  LoopbackInterfaceOptions,
  NetworkInterface,
  TapInterface,
  TapInterfaceOptions,
  TunInterface,
  TunInterfaceOptions,
} from '../api/interface.ts';
import type { Resolver, StackHosts } from '../api/names.ts';
import type { Neighbor, Routes } from '../api/route.ts';
import type { NetworkStack, StackInterfaces, StackOptions, StackTcp } from '../api/stack.ts';
import type { StackStatistics } from '../api/statistics.ts';
import type {
  TcpConnection,
  TcpConnectOptions,
  TcpListener,
  TcpListenOptions,
} from '../api/tcp.ts';
import type { StackUdp, UdpSocket, UdpSocketOptions } from '../api/udp.ts';
import { Channel } from '../control/channel.ts';
import type { Engine } from '../engine/engine.ts';
import { NetError } from '../errors.ts';
import type { Arena } from '../memory/arena.ts';
import { openArena } from '../memory/default_arena.ts';
import { show } from '../util/check.ts';
import { showAs } from '../util/inspect.ts';
import { setOwner } from '../util/owner.ts';
import { BaseInterface, type Plan } from './interface.ts';
import type { AnyInterfaceOptions } from './interface_options.ts';
import { createInterface } from './interface_options.ts';
import { InterfaceView } from './interface_view.ts';
import { Names } from './names.ts';
import { checkStackOptions, startEngine } from './start.ts';
import { readStatistics } from './statistics.ts';
import { connectTcp } from './tcp_connect.ts';
import { listenTcp } from './tcp_listener.ts';

/** Threads that wake each other need more bytes in flight than one thread that does all in turn. */
const REMOTE_BUFFER = 2 * 1024 * 1024;
const LOOPBACK = '127.0.0.1/8';
/** ms that connections may take to close when the stack does. */
const LINGER = 3000;
/** ms between two looks at them. */
const LONGEST_PAUSE = 32;

/** UDP, ICMP and routes are a file of their own. */
const loadDatagrams = () => import('./datagrams.ts');

/** A stack with its engine. */
class Stack implements NetworkStack {
  readonly #arena: Arena;
  readonly #owner: number;
  readonly #engine: Engine;
  readonly #channel: Channel;
  readonly #options: StackOptions;
  readonly #release: () => void;
  readonly #interfaces = new Set<BaseInterface>();
  readonly interfaces: StackInterfaces = new InterfaceView(this, this.#interfaces);
  readonly tcp: StackTcp = {
    connect: (options) => this.connectTcp(options),
    listen: (options) => this.listenTcp(options),
  };
  readonly udp: StackUdp = { open: (options) => this.openUdp(options) };
  readonly ping: StackPing = { createSession: (options) => this.createPingSession(options) };
  readonly routes: Routes = {
    add: async (options) =>
      (await loadDatagrams()).addRoute(this.#channel, this.#arena, options, this.#names),
    list: async () => (await loadDatagrams()).listRoutes(this.#channel, this.#arena, this.#names),
    lookup: async (address) =>
      (await loadDatagrams()).lookupRoute(this.#channel, this.#arena, address, this.#names),
  };
  readonly #names: Names;
  /** The loopback interface of a program that wants none. */
  #hidden: BaseInterface | undefined;
  #closing: Promise<void> | undefined;
  #last: StackStatistics | undefined;

  private constructor(
    arena: Arena,
    owner: number,
    engine: Engine,
    options: StackOptions,
    release: () => void,
  ) {
    this.#arena = arena;
    this.#owner = owner;
    this.#engine = engine;
    this.#options = options;
    this.#release = release;
    const embedded = async () => (await loadDatagrams()).embeddedResolver(this, options);
    this.#names = new Names(this.#interfaces, options.hosts, embedded);
    this.#channel = new Channel(arena, engine.ctl + STACK_APP, engine.wake, engine.isRemote);
    this.#channel.zoneOf = (iface) => this.#names.zoneOf(iface);
    engine.onTurn(() => this.#channel.drain());
    engine.onFailure((cause) => {
      const reason = `its worker failed: ${cause.message}`;
      this.#channel.shutdown(new NetError('ESHUTDOWN', 'Cannot use the stack', { reason, cause }));
      void this.close();
    });
  }

  /** Sets a stack up; release runs when it is gone. */
  static async open(arena: Arena, options: StackOptions, release: () => void): Promise<Stack> {
    const owner = arena.newOwner();
    try {
      const engine = await startEngine(arena, owner, options);
      const buffer = engine.isRemote ? REMOTE_BUFFER : undefined;
      const defaults = { receiveBuffer: buffer, sendBuffer: buffer, ...options } as StackOptions;
      return new Stack(arena, owner, engine, defaults, release);
    } catch (error) {
      arena.freeOwner(owner);
      throw error;
    }
  }

  /**
   * Creates the loopback interface. Our own addresses are reached through it, so there is always one: a program that
   * wants none does not see it, and it has no address.
   */
  async start(): Promise<void> {
    if (this.#options.initializeLoopback !== false) {
      await this.createLoopbackInterface({ ip: [LOOPBACK, '::1/128'] });
    } else {
      this.#hidden = await this.#create('loopback', { mtu: 1500, ringSize: 1 });
      this.#interfaces.delete(this.#hidden);
    }
  }

  get engine(): 'inline' | 'worker' {
    return this.#engine.isRemote ? 'worker' : 'inline';
  }

  get statistics(): StackStatistics {
    return this.#last ?? this.#readStatistics();
  }

  #readStatistics(): StackStatistics {
    return readStatistics(this.#arena.view, this.#engine.ctl + STACK_STATS);
  }

  async #create(
    type: Plan['type'],
    options: AnyInterfaceOptions,
    ip?: string,
  ): Promise<BaseInterface> {
    let made: BaseInterface | undefined;
    const added = (iface: BaseInterface): void => {
      made = iface;
      setOwner(iface, this);
      this.#interfaces.add(iface);
    };
    try {
      const create = type === 'bridge' ? (await loadDatagrams()).createBridge : createInterface;
      const isOwn = this.#names.isOwn.bind(this.#names);
      const iface = await create(this.#channel, type, options, added, loadDatagrams, isOwn, ip);
      if (this.#options.forwarding && type !== 'loopback') await iface.setForwarding(true);
      return iface;
    } catch (error) {
      if (made) await this.removeInterface(made).catch(() => {});
      throw error;
    }
  }

  async createLoopbackInterface(
    options: LoopbackInterfaceOptions = {},
  ): Promise<LoopbackInterface> {
    const iface = await this.#create('loopback', options, LOOPBACK);
    await this.#hidden?.remove();
    this.#hidden = undefined;
    return iface as LoopbackInterface;
  }

  async createTunInterface(options: TunInterfaceOptions = {}): Promise<TunInterface> {
    return (await this.#create('tun', options)) as unknown as TunInterface;
  }

  async createTapInterface(options: TapInterfaceOptions = {}): Promise<TapInterface> {
    if (Object.hasOwn(Object(options), 'link') || /dhcp|slaac/.test(`${options?.ip}`)) {
      return (await loadDatagrams()).createConfigured(this, options);
    }
    return (await this.#create('tap', options)) as unknown as TapInterface;
  }

  async createBridgeInterface(options: BridgeInterfaceOptions = {}): Promise<BridgeInterface> {
    return (await this.#create('bridge', options)) as unknown as BridgeInterface;
  }

  async removeInterface(iface: NetworkInterface): Promise<void> {
    if (!(iface instanceof BaseInterface) || !this.#interfaces.delete(iface)) {
      throw new NetError('ENODEV', `Cannot remove ${show(iface)}`, {
        reason: 'must be an interface of this stack',
      });
    }
    await iface.remove();
  }

  get neighbors(): AsyncIterable<Neighbor> {
    const list = async () =>
      (await loadDatagrams()).listNeighbors(this.#channel, this.#arena, this.#names);
    return {
      async *[Symbol.asyncIterator]() {
        yield* await list();
      },
    };
  }

  get hosts(): StackHosts {
    return this.#names.hosts;
  }

  get resolver(): Resolver | undefined {
    return this.#names.resolver;
  }

  set resolver(resolver: Resolver | undefined) {
    this.#names.resolver = resolver;
  }

  connectTcp(options: TcpConnectOptions): Promise<TcpConnection> {
    return connectTcp(this.#channel, options, this.#options, this.#names, loadDatagrams);
  }

  listenTcp(options: TcpListenOptions): Promise<TcpListener> {
    return listenTcp(this.#channel, options, this.#options, this.#names);
  }

  async openUdp(options: UdpSocketOptions = {}): Promise<UdpSocket> {
    return (await loadDatagrams()).openUdp(this.#channel, options, this.#names);
  }

  async createPingSession(options: PingSessionOptions): Promise<PingSession> {
    return (await loadDatagrams()).createPingSession(this.#channel, options, this.#names);
  }

  async *traceroute(options: TracerouteOptions): AsyncIterableIterator<Hop> {
    const { traceroute } = await loadDatagrams();
    yield* traceroute(this.#channel, options, this.#names);
  }

  async openIcmp(options: IcmpSocketOptions = {}): Promise<IcmpSocket> {
    const { openIcmp } = await loadDatagrams();
    return openIcmp(this.#channel, options, this.#names);
  }

  async interceptTcp(options: TcpInterceptOptions): Promise<TcpInterceptor> {
    const { interceptTcp } = await loadDatagrams();
    return interceptTcp(this.#channel, options, this.#options, this.#names);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const error = new NetError('ESHUTDOWN', 'Cannot use the stack');
    // Process what has arrived: an acknowledgement may be all that a close() waits for.
    await this.#sync();
    this.#channel.beginEnd(error);
    await this.#linger();
    // Resets go out while the wires are still plugged.
    this.#channel.abortSockets(error);
    await this.#sync();
    const isFree = await this.#recall();
    await this.#finish(1); // those too that the program has forgotten
    let detached: BaseInterface[];
    do {
      // An interface whose creation was under way may be added while these are detached.
      detached = [...this.#interfaces];
      await Promise.all(detached.map((iface) => iface.detach(error)));
    } while (detached.length < this.#interfaces.size);
    this.#last = this.#readStatistics();
    for (const iface of this.#interfaces) iface.freeze();
    this.#interfaces.clear();
    this.#channel.shutdown(error);
    await this.#engine.close();
    // Leak the memory if a thread did not release its object: it may still write to it.
    if (isFree && !this.#channel.isLost) this.#arena.freeOwner(this.#owner);
    this.#release();
  }

  /** How many sockets and closing connections are left; 0 if the stack has failed. */
  #finish(isReset?: number): Promise<number> {
    return this.#channel.finish(isReset).catch(() => 0);
  }

  /** Waits for connections that are closing, as long as the program allows. */
  async #linger(): Promise<void> {
    let left = this.#options.linger ?? LINGER;
    for (let pause = 1; left > 0; pause = Math.min(2 * pause, LONGEST_PAUSE)) {
      if ((await this.#finish()) === 0) return;
      left -= pause;
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }

  /** Runs turns until the engine has nothing to do now; at once, if it is this thread. */
  #sync(): Promise<void> | undefined {
    return this.#engine.turnNow() ? undefined : this.#channel.sync().catch(() => {});
  }

  /** Recalls what other threads have; false: one of them does not release it. */
  async #recall(): Promise<boolean> {
    const attached = (this.#engine.ctl + STACK_CHANNELS) >>> 2;
    const { i32 } = this.#arena;
    if (this.#channel.closed) return this.#engine.recall?.() ?? false;
    const isDone = (): boolean => Atomics.load(i32, attached) === 0;
    return this.#channel.recall(0, isDone).catch(() => false);
  }

  toJSON(): object {
    return {
      type: 'stack',
      engine: this.engine,
      isClosed: this.#closing !== undefined,
      interfaces: [...this.interfaces],
    };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
showAs(Stack, 'NetworkStack');

/**
 * Creates a TCP/IP stack.
 *
 * @param options - See StackOptions; all have defaults.
 * @returns The stack, running.
 * @throws {NetError} EINVAL for a bad option, ENOMEM if the arena has no room, EPROTO if the module is of
 *   another version; with `engine: 'worker'`: ENOTSUP where no thread can share memory (the message
 *   names the headers that a page lacks), ETIMEDOUT if it does not start in time, ECONNABORTED (with a
 *   cause) if it fails to.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { createStack } from 'ringstack';
 *
 * const stack = await createStack();
 * const listener = await stack.listenTcp({ port: 7 });
 * const connection = await stack.connectTcp({ host: '127.0.0.1', port: 7 });
 * const peer = await listener.accept();
 * const echo = peer.readable.pipeTo(peer.writable);
 *
 * const writer = connection.writable.getWriter();
 * await writer.write(new TextEncoder().encode('hello'));
 * const { value } = await connection.readable.getReader().read();
 * assert.equal(new TextDecoder().decode(value), 'hello');
 * await writer.close();
 * await echo;
 * await stack.close();
 * ```
 */
export async function createStack(options: StackOptions = {}): Promise<NetworkStack> {
  checkStackOptions(options);
  const { arena, release } = await openArena(options);
  let stack: Stack;
  try {
    stack = await Stack.open(arena, options, release);
  } catch (error) {
    release();
    throw error;
  }
  try {
    await stack.start();
  } catch (error) {
    await stack.close();
    throw error;
  }
  return stack;
}
