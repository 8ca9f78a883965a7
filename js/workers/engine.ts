// SPDX-License-Identifier: MIT
// engine - the thread of a worker engine: runs one stack; its other half: js/engine/worker.ts
//
// Theory of operation
//
// The first message has the offsets of everything. The thread makes the instance, sets the stack up, and
// answers with the offset of the control block. From then on it only runs turns: it sleeps in Atomics.wait()
// on the stack's doorbell until that is rung or a timer is due, and never returns to its event loop. A word
// of the control block tells it to end.
//
// Waking a thread takes tens of microseconds, since an idle core goes to sleep itself. After a turn that
// moved little, an answer is likely to arrive sooner than that, so the thread looks at the doorbell for
// SPIN ms before it sleeps. After a turn that moved much, the receiver may need the core.
//
// It is built into one self-contained file (tools/build.mjs), so that it can be served from anywhere.

import {
  DOORBELL_SEQ,
  DOORBELL_SLEEPING,
  STACK_DOORBELL,
  STACK_NEXT_TIMER,
  STACK_POSTS,
  STACK_STATS,
  STACK_STOP,
  STATS_BYTES_COPIED,
  TIMER_NONE,
  TURN_IDLE,
} from '../abi.ts';
import type { EngineReply, EngineStart } from '../engine/engine.ts';
import { type Exports, instantiate } from '../memory/instance.ts';
import { builtin } from '../runtime/builtin.ts';

/** The part of a worker's global scope that is used, in Node and in browsers. */
interface Scope {
  postMessage(reply: EngineReply): void;
  onmessage: ((event: { data: EngineStart }) => void) | null;
  close?(): void;
}

/** ms */
const SPIN = 0.2;
/** Loads of the doorbell between two looks at the clock. */
const LOOKS = 64;
/** Bytes of a request or an answer, at the most. */
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

/** Runs turns of the stack until it is told to end. */
function run(start: EngineStart, exports: Exports, ctl: number): void {
  const i32 = new Int32Array(start.memory.buffer);
  const seq = (ctl + STACK_DOORBELL + DOORBELL_SEQ) >>> 2;
  const sleeping = (ctl + STACK_DOORBELL + DOORBELL_SLEEPING) >>> 2;
  const nextTimer = (ctl + STACK_NEXT_TIMER) >>> 2;
  const stop = (ctl + STACK_STOP) >>> 2;
  const posts = (ctl + STACK_POSTS) >>> 2;
  const bytesCopied = (ctl + STACK_STATS + STATS_BYTES_COPIED) >>> 2;
  let copied = 0;
  let broadcast: BroadcastChannel | undefined;
  for (;;) {
    const seen = Atomics.load(i32, seq);
    if (Atomics.load(i32, stop) !== 0) break;
    const more = exports.rs_stack_turn(performance.now());
    if (Atomics.load(i32, posts) !== 0 && Atomics.exchange(i32, posts, 0) !== 0) {
      broadcast ??= new BroadcastChannel(start.channel);
      broadcast.postMessage(0);
    }
    if (more !== TURN_IDLE) continue;
    const moved = ((i32[bytesCopied] ?? 0) - copied) >>> 0;
    copied = i32[bytesCopied] ?? 0;
    if (moved > 0 && moved < LITTLE && spin(i32, seq, seen)) continue;
    // The protocol of js/sched/doorbell.ts: store that we sleep (N), then compare the count, as wait() does.
    Atomics.store(i32, sleeping, 1);
    const ms = (i32[nextTimer] ?? 0) >>> 0;
    Atomics.wait(i32, seq, seen, ms === TIMER_NONE ? Number.POSITIVE_INFINITY : ms);
    Atomics.store(i32, sleeping, 0);
  }
  exports.rs_stack_close();
  broadcast?.close();
}

function scope(): Scope {
  if (typeof (globalThis as { postMessage?: unknown }).postMessage === 'function') {
    return globalThis as unknown as Scope;
  }
  const port = builtin('node:worker_threads')?.parentPort;
  if (!port) throw new Error('Cannot run a stack outside of a worker: this thread has no parent');
  const node: Scope = {
    postMessage: (reply) => port.postMessage(reply),
    onmessage: null,
    close: () => port.close(),
  };
  port.on('message', (data: EngineStart) => node.onmessage?.({ data }));
  return node;
}

const self = scope();
self.onmessage = ({ data: start }) => {
  try {
    const exports = instantiate(start.module, start.memory, start.region);
    const ctl = exports.rs_stack_init(start.config, performance.now()) >>> 0;
    self.postMessage({ ctl });
    if (ctl !== 0) run(start, exports, ctl);
    self.postMessage({ ended: true });
  } catch (error) {
    self.postMessage({ error: String(error) });
  }
  self.close?.();
};
