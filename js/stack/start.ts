// SPDX-License-Identifier: MIT
// start - checks the options of a stack and starts its engine

import {
  ABI_MAGIC,
  ABI_VERSION,
  CONFIG_MAX_SOCKETS,
  CONFIG_OWNER,
  CONFIG_SEED,
  CONFIG_SIZE,
  CONFIG_WEAK_HOST,
  STACK_CTL_SIZE,
  STACK_MAGIC,
  STACK_SIZE,
  STACK_VERSION,
} from '../abi.ts';
import type { StackOptions } from '../api/stack.ts';
import type { Engine } from '../engine/engine.ts';
import { InlineEngine } from '../engine/inline.ts';
import { NetError } from '../errors.ts';
import type { Arena } from '../memory/arena.ts';
import type { WorkerFile } from '../runtime/thread.ts';
import {
  any,
  checkOptions,
  flag,
  INT32_MAX,
  oneOf,
  type Rules,
  range,
  whole,
} from '../util/check.ts';
import { bufferRule } from './tcp_options.ts';

const MAX_SOCKETS = 65535;
/** ms */
const START_TIMEOUT = 10_000;

const RULES: Rules<StackOptions> = {
  forwarding: flag,
  hosts: any,
  initializeLoopback: flag,
  engine: oneOf('auto', 'inline', 'worker'),
  hostModel: oneOf('strong', 'weak'),
  linger: range(0, INT32_MAX, ' ms'),
  nameServer: any,
  nameServers: any,
  search: any,
  worker: any,
  startTimeout: range(1, INT32_MAX, ' ms'),
  arena: any,
  maxSockets: whole(1, MAX_SOCKETS),
  receiveBuffer: bufferRule,
  sendBuffer: bufferRule,
  wasm: any,
};

/**
 * Refuses bad options of createStack().
 *
 * @param options - Options of the program.
 * @throws {NetError} EINVAL.
 */
export function checkStackOptions(options: StackOptions): void {
  checkOptions('Cannot create a stack', options, RULES);
}

/** Writes a struct stack_config; returns its offset. */
function writeConfig(arena: Arena, owner: number, options: StackOptions): number {
  const config = arena.alloc(CONFIG_SIZE, owner);
  // Not into the arena directly: crypto refuses views on shared memory.
  const seed = crypto.getRandomValues(new Uint8Array(32));
  arena.view.setUint32(config + CONFIG_OWNER, owner, true);
  arena.view.setUint32(config + CONFIG_MAX_SOCKETS, options.maxSockets ?? MAX_SOCKETS, true);
  arena.view.setUint32(config + CONFIG_WEAK_HOST, options.hostModel === 'weak' ? 1 : 0, true);
  arena.u8.set(seed, config + CONFIG_SEED);
  return config;
}

/** As seen from dist/index.js, and written so that bundlers take the file along. */
const WORKER_FILE: WorkerFile = {
  open: () => new Worker(new URL('./workers/engine.js', import.meta.url), { type: 'module' }),
  base: import.meta.url,
};

/** Runs a new stack on a thread of its own, whose half here is a file that is loaded for it. */
async function startWorker(
  arena: Arena,
  owner: number,
  config: number,
  options: StackOptions,
): Promise<Engine> {
  const { openThread, WorkerEngine } = await import('./remote.ts');
  const region = arena.newRegion(owner);
  const thread = await openThread(WORKER_FILE, options.worker);
  const startTimeout = options.startTimeout ?? START_TIMEOUT;
  return WorkerEngine.start(arena, { thread, region, owner, config, startTimeout });
}

/**
 * Whether this is the main thread of a page that may share memory with a worker. It must not be kept busy, and its
 * timers are slow while the page is hidden.
 */
function isIsolatedPage(): boolean {
  return globalThis.crossOriginIsolated === true && typeof document === 'object';
}

/** Runs a new stack on this thread. */
function startInline(arena: Arena, owner: number, config: number): Engine {
  const exports = arena.instantiate(owner);
  const ctl = exports.rs_stack_init(config, performance.now()) >>> 0;
  if (ctl === 0) throw new NetError('ENOMEM', 'Cannot create a stack');
  return new InlineEngine(arena, exports, ctl);
}

/**
 * Starts the engine of a new stack, on this thread or on another.
 *
 * @param arena - Arena of the stack.
 * @param owner - Owner of its memory in the arena.
 * @param options - Checked.
 * @returns The engine, running.
 * @throws {NetError} ENOMEM, EPROTO, ENOTSUP, ETIMEDOUT, ECONNABORTED, as createStack().
 */
export async function startEngine(
  arena: Arena,
  owner: number,
  options: StackOptions,
): Promise<Engine> {
  const config = writeConfig(arena, owner, options);
  const isAuto = (options.engine ?? 'auto') === 'auto';
  let engine: Engine | undefined;
  if (options.engine === 'worker' || (isAuto && isIsolatedPage())) {
    const starting = startWorker(arena, owner, config, options);
    // A page still works if its bundler or security policy does not allow for the worker's file.
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
