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
// The app's thread may run a turn itself while this one sleeps (js/engine/worker.ts). So there is a lock around each
// turn, one clock, and an alarm: when this thread turns by itself.
//
// It is built into one self-contained file (tools/build.mjs), so that it can be served from anywhere.

import {
  DOORBELL_SEQ,
  DOORBELL_SLEEPING,
  STACK_ALARM,
  STACK_CLOCK,
  STACK_DOORBELL,
  STACK_LOCK,
  STACK_POSTS,
  STACK_STOP,
  TURN_IDLE,
} from '../abi.ts';
import type { EngineReply, EngineStart } from '../engine/engine.ts';
import { type Exports, instantiate } from '../memory/instance.ts';
import { builtin } from '../runtime/builtin.ts';
import { nextTimer } from '../sched/next_timer.ts';
import { SharedClock } from '../sched/shared_clock.ts';
import { lock, unlock } from '../sched/turn_lock.ts';

/** The part of a worker's global scope that is used, in Node and in browsers. */
interface Scope {
  postMessage(reply: EngineReply): void;
  onmessage: ((event: { data: EngineStart }) => void) | null;
  close?(): void;
}

/** Runs turns of the stack until it is told to end. */
function run(start: EngineStart, exports: Exports, ctl: number): void {
  const i32 = new Int32Array(start.memory.buffer);
  const seq = (ctl + STACK_DOORBELL + DOORBELL_SEQ) >>> 2;
  const sleeping = (ctl + STACK_DOORBELL + DOORBELL_SLEEPING) >>> 2;
  const stop = (ctl + STACK_STOP) >>> 2;
  const posts = (ctl + STACK_POSTS) >>> 2;
  const f64 = new Float64Array(start.memory.buffer);
  const turnLock = (ctl + STACK_LOCK) >>> 2;
  const clock = new SharedClock(f64, (ctl + STACK_CLOCK) >>> 3);
  const alarm = (ctl + STACK_ALARM) >>> 3;
  let broadcast: BroadcastChannel | undefined;
  for (;;) {
    const seen = Atomics.load(i32, seq);
    if (Atomics.load(i32, stop) !== 0) break;
    lock(i32, turnLock);
    const now = clock.read(performance.now());
    const more = exports.rs_stack_turn(now);
    const ms = nextTimer(i32, ctl);
    // While it is awake it needs nobody to tell it of a timer.
    f64[alarm] = more === TURN_IDLE ? now + ms : 0;
    unlock(i32, turnLock);
    if (Atomics.load(i32, posts) !== 0 && Atomics.exchange(i32, posts, 0) !== 0) {
      broadcast ??= new BroadcastChannel(start.channel);
      broadcast.postMessage(0);
    }
    if (more !== TURN_IDLE) continue;
    // The protocol of js/sched/doorbell.ts: store that we sleep (N), then compare the count, as wait() does.
    Atomics.store(i32, sleeping, 1);
    Atomics.wait(i32, seq, seen, ms);
    Atomics.store(i32, sleeping, 0);
  }
  lock(i32, turnLock);
  exports.rs_stack_close();
  unlock(i32, turnLock);
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
    self.postMessage({ ctl, now: performance.now() });
    if (ctl !== 0) run(start, exports, ctl);
    self.postMessage({ ended: true });
  } catch (error) {
    self.postMessage({ error: String(error) });
  }
  self.close?.();
};
