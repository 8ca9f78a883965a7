// SPDX-License-Identifier: MIT
// stack - createStack(): arena, instance, engine and control plane as one public object

import {
  ABI_MAGIC,
  ABI_VERSION,
  CONFIG_MAX_SOCKETS,
  CONFIG_OWNER,
  CONFIG_SEED,
  CONFIG_SIZE,
  STACK_CTL_SIZE,
  STACK_MAGIC,
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
} from './abi.ts';
import { InlineEngine } from './engine_inline.ts';
import { NetError } from './errors.ts';
import type { AnyInterfaceOptions } from './interfaces.ts';
import { createInterface, Interface } from './interfaces.ts';
import type { Exports } from './memory.ts';
import { Arena } from './memory.ts';
import { loadModule } from './runtime/load.ts';
import { Control } from './sock.ts';
import { checkBuffers, connectTcp, listenTcp } from './tcp_open.ts';
import type {
  LoopbackInterface,
  LoopbackInterfaceOptions,
  NetworkInterface,
  NetworkStack,
  StackArena,
  StackOptions,
  StackStatistics,
  TapInterface,
  TapInterfaceOptions,
  TunInterface,
  TunInterfaceOptions,
} from './types.ts';
import type {
  TcpConnection,
  TcpConnectOptions,
  TcpListener,
  TcpListenOptions,
} from './types_tcp.ts';

const MAX_SOCKETS = 65535;
const LOOPBACK = '127.0.0.1/8';

/** The arena that stacks share by default, while any of them lives. */
let shared: { arena: Promise<Arena>; users: number } | undefined;

function takeShared(): { arena: Promise<Arena>; release: () => void } {
  shared ??= { arena: loadModule().then((module) => new Arena(module)), users: 0 };
  const entry = shared;
  entry.users++;
  return {
    arena: entry.arena,
    release: () => {
      entry.users--;
      if (entry.users === 0 && shared === entry) shared = undefined;
    },
  };
}

/**
 * Creates an arena, for stacks that shall not live in the one that all share by default, or need more
 * or less memory than its 256 MiB.
 *
 * @param options - `size`: bytes, 1 MiB to 4 GiB - 64 KiB, taken from the system as they are used;
 *   `wasm`: the module, as in createStack().
 * @returns The arena; it is freed with the last stack in it and the last reference to it.
 * @throws {NetError} EINVAL for a bad size, ENOMEM if the runtime refuses so much.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { createArena, createStack } from 'ringstack';
 *
 * const arena = await createArena({ size: 8 * 1024 * 1024 });
 * const stack = await createStack({ arena });
 * assert.ok(arena.freeBytes < arena.size);
 * await stack.close();
 * ```
 */
export async function createArena(
  options: { readonly size?: number; readonly wasm?: StackOptions['wasm'] } = {},
): Promise<StackArena> {
  return new Arena(await loadModule(options.wasm), options.size);
}

/** The arena of a stack, and what to do when the stack is gone. */
async function openArena(options: StackOptions): Promise<{ arena: Arena; release: () => void }> {
  if (options.arena !== undefined) {
    if (!(options.arena instanceof Arena)) {
      throw new NetError('EINVAL', 'Cannot use the arena', { reason: 'not from createArena()' });
    }
    return { arena: options.arena, release: () => {} };
  }
  if (options.wasm !== undefined) {
    return { arena: new Arena(await loadModule(options.wasm)), release: () => {} };
  }
  const { arena, release } = takeShared();
  try {
    return { arena: await arena, release };
  } catch (error) {
    release();
    throw error;
  }
}

/** Sets an instance up as a stack; returns the offset of its control block. */
function initialize(arena: Arena, exports: Exports, owner: number, maxSockets: number): number {
  const config = arena.alloc(CONFIG_SIZE, owner);
  // Not into the arena directly: crypto refuses views on shared memory.
  const seed = crypto.getRandomValues(new Uint8Array(32));
  arena.view.setUint32(config + CONFIG_OWNER, owner, true);
  arena.view.setUint32(config + CONFIG_MAX_SOCKETS, maxSockets, true);
  arena.u8.set(seed, config + CONFIG_SEED);
  const ctl = exports.rs_stack_init(config, performance.now()) >>> 0;
  arena.u8.fill(0, config, config + CONFIG_SIZE);
  arena.free(config);
  if (ctl === 0) throw new NetError('ENOMEM', 'Cannot create a stack');
  const word = (field: number): number => arena.view.getUint32(ctl + field, true);
  if (
    word(STACK_MAGIC) !== ABI_MAGIC ||
    word(STACK_VERSION) !== ABI_VERSION ||
    word(STACK_SIZE) !== STACK_CTL_SIZE
  ) {
    throw new NetError('EPROTO', 'Cannot create a stack', { reason: 'other version of the ABI' });
  }
  return ctl;
}

/** A stack with its inline engine. */
class Stack implements NetworkStack {
  readonly #arena: Arena;
  readonly #owner: number;
  readonly #ctl: number;
  readonly #engine: InlineEngine;
  readonly #control: Control;
  readonly #options: StackOptions;
  readonly #release: () => void;
  readonly #interfaces = new Set<Interface>();
  #closing: Promise<void> | undefined;
  #last: StackStatistics | undefined;

  constructor(arena: Arena, options: StackOptions, release: () => void) {
    this.#arena = arena;
    this.#options = options;
    this.#release = release;
    this.#owner = arena.newOwner();
    try {
      const exports = arena.instantiate(this.#owner);
      const maxSockets = options.maxSockets ?? MAX_SOCKETS;
      this.#ctl = initialize(arena, exports, this.#owner, maxSockets);
      this.#engine = new InlineEngine(arena, exports, this.#ctl);
    } catch (error) {
      arena.freeOwner(this.#owner);
      throw error;
    }
    this.#control = new Control(arena, this.#ctl, this.#engine.wake);
    this.#engine.onTurn(() => this.#control.drain());
  }

  get interfaces(): Iterable<LoopbackInterface | TunInterface | TapInterface> {
    return this.#interfaces as Set<unknown> as Set<LoopbackInterface | TunInterface | TapInterface>;
  }

  get statistics(): StackStatistics {
    return this.#last ?? this.#readStatistics();
  }

  #readStatistics(): StackStatistics {
    const count = (field: number): number =>
      this.#arena.view.getUint32(this.#ctl + STACK_STATS + field, true);
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
        this.#arena.view.getBigUint64(this.#ctl + STACK_STATS + STATS_BYTES_COPIED, true),
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
    this.#engine.turn();
    // Resets go out while the wires are still plugged.
    this.#control.abortSockets(error);
    this.#engine.turn();
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
    this.#engine.close();
    this.#arena.freeOwner(this.#owner);
    this.#release();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function checkOptions(options: StackOptions): void {
  const { maxSockets = MAX_SOCKETS, engine = 'inline' } = options;
  if (!(Number.isInteger(maxSockets) && maxSockets >= 1 && maxSockets <= MAX_SOCKETS)) {
    throw new NetError('EINVAL', `Cannot create a stack with ${maxSockets} sockets`);
  }
  if (engine !== 'inline') {
    throw new NetError('ENOTSUP', `Cannot create a stack with the engine '${engine}'`);
  }
  checkBuffers(options);
}

/**
 * Creates a TCP/IP stack.
 *
 * @param options - See StackOptions; all have defaults.
 * @returns The stack, running.
 * @throws {NetError} EINVAL for a bad option, ENOMEM if the arena has no room, ENOTSUP for an engine
 *   that is not there, EPROTO if the module is of another version.
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
    stack = new Stack(arena, options, release);
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
