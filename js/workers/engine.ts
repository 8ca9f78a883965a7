// SPDX-License-Identifier: MIT
// engine - entry of the thread that turns one stack; its other half: js/engine_worker.ts
//
// Theory of operation
//
// The first message says where everything is. The thread makes the instance, sets the stack up, answers
// with the place of the control block, and from then on only turns: it sleeps in Atomics.wait() on the
// stack's bell until that is rung or a timer is due, and never returns to its event loop. A word of the
// control block tells it to end.
//
// To be woken takes tens of microseconds, since a core that has nothing to do goes to sleep itself. After
// a turn that moved little, an answer is likely to come sooner than that: the thread looks at the bell
// for SPIN ms before it sleeps. After one that moved much, whoever takes it needs the core.
//
// It imports nothing, so that it stays one file whatever a bundler does to it; hence the offsets in the
// message.

import type { EngineReply, EngineStart } from '../engine.ts';

/** What of a worker's global scope is used, whether it is Node's or a browser's. */
interface Scope {
  postMessage(reply: EngineReply): void;
  onmessage: ((event: { data: EngineStart }) => void) | null;
  close?(): void;
}

interface Exports {
  __wasm_apply_data_relocs?(): void;
  __wasm_call_ctors?(): void;
  rs_stack_init(config: number, now: number): number;
  rs_stack_turn(now: number): number;
  rs_stack_close(): void;
}

function instantiate({ module, memory, region }: EngineStart): Exports {
  const i32 = (value: number, mutable = false): WebAssembly.Global =>
    new WebAssembly.Global({ value: 'i32', mutable }, value);
  const instance = new WebAssembly.Instance(module, {
    env: {
      memory,
      __indirect_function_table: new WebAssembly.Table({
        initial: region.tableSize,
        element: 'anyfunc',
      }),
      __stack_pointer: i32(region.top, true),
      __memory_base: i32(region.base),
      __table_base: i32(region.tableBase),
    },
  });
  const exports = instance.exports as unknown as Exports;
  exports.__wasm_apply_data_relocs?.();
  exports.__wasm_call_ctors?.();
  return exports;
}

/** ms */
const SPIN = 0.2;
/** Loads of the bell between two looks at the clock. */
const LOOKS = 64;
/** Bytes that are few: a request or an answer, on its way through the stack. */
const LITTLE = 16384;

/** Waits a moment for a word to change; returns whether it did. */
function spin(i32: Int32Array, word: number, seen: number): boolean {
  const end = performance.now() + SPIN;
  do {
    for (let look = 0; look < LOOKS; look++) {
      if (Atomics.load(i32, word) !== seen) return true;
    }
  } while (performance.now() < end);
  return false;
}

/** Turns the stack until it is told to end. */
function run(start: EngineStart, exports: Exports, ctl: number): void {
  const { offsets, channel } = start;
  const i32 = new Int32Array(start.memory.buffer);
  const seq = (ctl + offsets.bellSeq) >>> 2;
  const sleeping = (ctl + offsets.bellSleeping) >>> 2;
  const nextTimer = (ctl + offsets.nextTimer) >>> 2;
  const stop = (ctl + offsets.stop) >>> 2;
  const posts = (ctl + offsets.posts) >>> 2;
  const bytesCopied = (ctl + offsets.bytesCopied) >>> 2;
  let copied = 0;
  let broadcast: BroadcastChannel | undefined;
  for (;;) {
    const seen = Atomics.load(i32, seq);
    if (Atomics.load(i32, stop) !== 0) break;
    const more = exports.rs_stack_turn(performance.now());
    if (Atomics.load(i32, posts) !== 0 && Atomics.exchange(i32, posts, 0) !== 0) {
      broadcast ??= new BroadcastChannel(channel);
      broadcast.postMessage(0);
    }
    if (more !== offsets.turnIdle) continue;
    const moved = ((i32[bytesCopied] ?? 0) - copied) >>> 0;
    copied = i32[bytesCopied] ?? 0;
    if (moved > 0 && moved < LITTLE && spin(i32, seq, seen)) continue;
    // The protocol of js/bell.ts: say so first (N), then compare the count, which wait() does.
    Atomics.store(i32, sleeping, 1);
    const ms = (i32[nextTimer] ?? 0) >>> 0;
    Atomics.wait(i32, seq, seen, ms === offsets.timerNone ? Number.POSITIVE_INFINITY : ms);
    Atomics.store(i32, sleeping, 0);
  }
  exports.rs_stack_close();
  broadcast?.close();
}

async function scope(): Promise<Scope> {
  if (typeof (globalThis as { postMessage?: unknown }).postMessage === 'function') {
    return globalThis as unknown as Scope;
  }
  const { parentPort } = await import('node:worker_threads');
  if (!parentPort) throw new Error('Cannot turn a stack outside of a worker');
  const port = parentPort;
  const node: Scope = {
    postMessage: (reply) => port.postMessage(reply),
    onmessage: null,
    close: () => port.close(),
  };
  port.on('message', (data: EngineStart) => node.onmessage?.({ data }));
  return node;
}

const self = await scope();
self.onmessage = ({ data: start }) => {
  try {
    const exports = instantiate(start);
    const ctl = exports.rs_stack_init(start.config, performance.now()) >>> 0;
    self.postMessage({ ctl });
    if (ctl !== 0) run(start, exports, ctl);
    self.postMessage({ ended: true });
  } catch (error) {
    self.postMessage({ error: String(error) });
  }
  self.close?.();
};
self.postMessage({ ready: true });
