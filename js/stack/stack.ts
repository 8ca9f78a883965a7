// SPDX-License-Identifier: MIT
// stack - createStack(): arena, engine and control plane as one public object

import {
  ABI_MAGIC,
  ABI_VERSION,
  CONFIG_MAX_SOCKETS,
  CONFIG_OWNER,
  CONFIG_SEED,
  CONFIG_SIZE,
  STACK_APP,
  STACK_CTL_SIZE,
  STACK_MAGIC,
  STACK_PORTS,
  STACK_SIZE,
  STACK_STATS,
  STACK_VERSION,
  STATS_BYTES_COPIED,
  STATS_CHECKSUM_ERRORS,
  STATS_HEAP_BYTES,
  STATS_INPUT_DROPS,
  STATS_NO_MEMORY_DROPS,
  STATS_RING_BYTES,
  STATS_SOCKETS,
  STATS_TCP_REXMIT,
  STATS_TCP_RX_SEGMENTS,
  STATS_TCP_TX_SEGMENTS,
  STATS_TURNS,
} from '../abi.ts';
import type {
  LoopbackInterface,
  LoopbackInterfaceOptions,
  NetworkInterface,
  TapInterface,
  TapInterfaceOptions,
  TunInterface,
  TunInterfaceOptions,
} from '../api/interface.ts';
import type { NetworkStack, StackOptions, StackStatistics } from '../api/stack.ts';
import type {
  TcpConnection,
  TcpConnectOptions,
  TcpListener,
  TcpListenOptions,
} from '../api/tcp.ts';
import { recallFromDead } from '../control/channel.ts';
import { Control } from '../control/commands.ts';
import type { Engine } from '../engine/engine.ts';
import { InlineEngine } from '../engine/inline.ts';
import { WorkerEngine } from '../engine/worker.ts';
import { NetError } from '../errors.ts';
import type { Arena } from '../memory/arena.ts';
import { openArena } from '../memory/default_arena.ts';
import { isPageThread, openThread, whyNoThread } from '../runtime/thread.ts';
import { Interface } from './interface.ts';
import type { AnyInterfaceOptions } from './interface_options.ts';
import { createInterface } from './interface_options.ts';
import { checkBuffers, connectTcp, listenTcp } from './tcp_connect.ts';

const MAX_SOCKETS = 65535;
/** Threads that wake each other want more on the way than one that does all in turn. */
const REMOTE_BUFFER = 2 * 1024 * 1024;
/** ms */
const START_TIMEOUT = 10_000;
const LOOPBACK = '127.0.0.1/8';

/** Writes a struct stack_config; returns its offset. */
function writeConfig(arena: Arena, owner: number, maxSockets: number): number {
  const config = arena.alloc(CONFIG_SIZE, owner);
  // Not into the arena directly: crypto refuses views on shared memory.
  const seed = crypto.getRandomValues(new Uint8Array(32));
  arena.view.setUint32(config + CONFIG_OWNER, owner, true);
  arena.view.setUint32(config + CONFIG_MAX_SOCKETS, maxSockets, true);
  arena.u8.set(seed, config + CONFIG_SEED);
  return config;
}

/** Has another thread turn a new stack. */
async function startWorker(
  arena: Arena,
  owner: number,
  config: number,
  options: StackOptions,
): Promise<Engine> {
  const region = arena.newRegion(owner);
  const thread = await openThread(options.worker);
  const startTimeout = options.startTimeout ?? START_TIMEOUT;
  return WorkerEngine.start(arena, { thread, region, config, startTimeout });
}

/** Turns a new stack in this thread. */
function startInline(arena: Arena, owner: number, config: number): Engine {
  const exports = arena.instantiate(owner);
  const ctl = exports.rs_stack_init(config, performance.now()) >>> 0;
  if (ctl === 0) throw new NetError('ENOMEM', 'Cannot create a stack');
  return new InlineEngine(arena, exports, ctl);
}

/** Starts the engine of a new stack, in this thread or in another. */
async function startEngine(arena: Arena, owner: number, options: StackOptions): Promise<Engine> {
  const config = writeConfig(arena, owner, options.maxSockets ?? MAX_SOCKETS);
  const isAuto = (options.engine ?? 'auto') === 'auto';
  let engine: Engine | undefined;
  if (options.engine === 'worker' || (isAuto && isPageThread() && !whyNoThread())) {
    const starting = startWorker(arena, owner, config, options);
    // A page whose bundler or security policy has no place for the worker's file still works.
    engine = await (isAuto ? starting.catch(() => undefined) : starting);
  }
  engine ??= startInline(arena, owner, config);
  arena.u8.fill(0, config, config + CONFIG_SIZE);
  arena.free(config);
  const word = (field: number): number => arena.view.getUint32(engine.ctl + field, true);
  if (
    word(STACK_MAGIC) !== ABI_MAGIC ||
    word(STACK_VERSION) !== ABI_VERSION ||
    word(STACK_SIZE) !== STACK_CTL_SIZE
  ) {
    await engine.close();
    throw new NetError('EPROTO', 'Cannot create a stack', { reason: 'other version of the ABI' });
  }
  return engine;
}

/** A stack with its engine. */
class Stack implements NetworkStack {
  readonly #arena: Arena;
  readonly #owner: number;
  readonly #engine: Engine;
  readonly #control: Control;
  readonly #options: StackOptions;
  readonly #release: () => void;
  readonly #interfaces = new Set<Interface>();
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
    this.#control = new Control(arena, engine.ctl + STACK_APP, engine.wake, engine.isRemote);
    engine.onTurn(() => this.#control.drain());
    engine.onFailure((cause) => {
      const reason = `its worker failed: ${cause.message}`;
      this.#control.shutdown(new NetError('ESHUTDOWN', 'Cannot use the stack', { reason, cause }));
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

  get engine(): 'inline' | 'worker' {
    return this.#engine.isRemote ? 'worker' : 'inline';
  }

  get interfaces(): Iterable<LoopbackInterface | TunInterface | TapInterface> {
    return this.#interfaces as Set<unknown> as Set<LoopbackInterface | TunInterface | TapInterface>;
  }

  get statistics(): StackStatistics {
    return this.#last ?? this.#readStatistics();
  }

  #readStatistics(): StackStatistics {
    const count = (field: number): number =>
      this.#arena.view.getUint32(this.#engine.ctl + STACK_STATS + field, true);
    return {
      tcpRetransmits: count(STATS_TCP_REXMIT),
      tcpRxSegments: count(STATS_TCP_RX_SEGMENTS),
      tcpTxSegments: count(STATS_TCP_TX_SEGMENTS),
      checksumErrors: count(STATS_CHECKSUM_ERRORS),
      inputDrops: count(STATS_INPUT_DROPS),
      noMemoryDrops: count(STATS_NO_MEMORY_DROPS),
      sockets: count(STATS_SOCKETS),
      heapBytes: count(STATS_HEAP_BYTES),
      ringBytes: count(STATS_RING_BYTES),
      turns: count(STATS_TURNS),
      bytesCopied: Number(
        this.#arena.view.getBigUint64(this.#engine.ctl + STACK_STATS + STATS_BYTES_COPIED, true),
      ),
    };
  }

  #create(type: 'loopback' | 'tun' | 'tap', options: AnyInterfaceOptions): Promise<Interface> {
    return createInterface(this.#control, type, options, (made) => this.#interfaces.add(made));
  }

  async createLoopbackInterface(
    options: LoopbackInterfaceOptions = {},
  ): Promise<LoopbackInterface> {
    const made = await this.#create('loopback', { ...options, ip: options.ip ?? LOOPBACK });
    return made as LoopbackInterface;
  }

  async createTunInterface(options: TunInterfaceOptions = {}): Promise<TunInterface> {
    return (await this.#create('tun', options)) as unknown as TunInterface;
  }

  async createTapInterface(options: TapInterfaceOptions = {}): Promise<TapInterface> {
    return (await this.#create('tap', options)) as unknown as TapInterface;
  }

  async removeInterface(iface: NetworkInterface): Promise<void> {
    if (!(iface instanceof Interface) || !this.#interfaces.delete(iface)) {
      throw new NetError('ENODEV', 'Cannot remove the interface', {
        reason: 'it does not belong to this stack',
      });
    }
    await iface.remove();
  }

  connectTcp(options: TcpConnectOptions): Promise<TcpConnection> {
    return connectTcp(this.#control, options, this.#options, (zone) => this.#zone(zone));
  }

  listenTcp(options: TcpListenOptions): Promise<TcpListener> {
    return listenTcp(this.#control, options, this.#options);
  }

  /** The handle of the interface that a zone names: its position among all, from 1. */
  #zone(zone: string): number {
    const iface = [...this.#interfaces][Number(zone) - 1];
    if (!iface) throw new NetError('EINVAL', `Cannot find an interface for the zone ${zone}`);
    return iface.handle;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const error = new NetError('ESHUTDOWN', 'Cannot use the stack');
    // What has arrived counts: an acknowledgement may be all that a close() waits for.
    await this.#sync();
    // Resets go out while the wires are still plugged.
    this.#control.abortSockets(error);
    await this.#sync();
    const isFree = await this.#recall();
    let detached: Interface[];
    do {
      // Meanwhile one whose creation was under way may join them.
      detached = [...this.#interfaces];
      await Promise.all(detached.map((iface) => iface.detach(error)));
    } while (detached.length < this.#interfaces.size);
    this.#last = this.#readStatistics();
    for (const iface of this.#interfaces) iface.freeze();
    this.#interfaces.clear();
    this.#control.shutdown(error);
    await this.#engine.close();
    // Rather lost than written by a thread that does not answer.
    if (isFree) this.#arena.freeOwner(this.#owner);
    this.#release();
  }

  /** Has the engine do what it can do now; at once, if it runs in this thread. */
  #sync(): Promise<void> | undefined {
    return this.#engine.turnNow() ? undefined : this.#control.sync().catch(() => {});
  }

  /** Takes back what other threads have; false: one of them does not let go. */
  async #recall(): Promise<boolean> {
    const ports = (this.#engine.ctl + STACK_PORTS) >>> 2;
    const { i32 } = this.#arena;
    if (this.#control.closed) return recallFromDead(this.#arena, this.#engine.ctl);
    const isDone = (): boolean => Atomics.load(i32, ports) === 0;
    return this.#control.recall(0, isDone).catch(() => false);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function checkOptions(options: StackOptions): void {
  const { maxSockets = MAX_SOCKETS, engine = 'auto', startTimeout = START_TIMEOUT } = options;
  if (!(Number.isInteger(maxSockets) && maxSockets >= 1 && maxSockets <= MAX_SOCKETS)) {
    throw new NetError('EINVAL', `Cannot create a stack with ${maxSockets} sockets`);
  }
  if (!(startTimeout >= 1 && startTimeout <= 0x7fffffff)) {
    throw new NetError('EINVAL', `Cannot use a startTimeout of ${startTimeout} ms`);
  }
  if (engine !== 'auto' && engine !== 'inline' && engine !== 'worker') {
    throw new NetError('EINVAL', `Cannot create a stack with the engine '${engine}'`);
  }
  checkBuffers(options);
}

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
  checkOptions(options);
  const { arena, release } = await openArena(options);
  let stack: Stack;
  try {
    stack = await Stack.open(arena, options, release);
  } catch (error) {
    release();
    throw error;
  }
  if (options.initializeLoopback !== false) {
    try {
      await stack.createLoopbackInterface({ ip: [LOOPBACK, '::1/128'] });
    } catch (error) {
      await stack.close();
      throw error;
    }
  }
  return stack;
}
