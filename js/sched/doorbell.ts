// SPDX-License-Identifier: MIT
// doorbell - ringing the doorbells of other threads, and sleeping on one's own; twin: bell_ring() in core/ring.c
//
// Theory of operation
//
// A bell is two words of shared memory: how often it was rung, and how its sleeper wants to be woken.
// Who rings counts first (M) and then looks whether anybody sleeps (N); the sleeper says so first and
// then compares the count with the one it has seen, so no ring is lost. The letters are those of
// core/ring.h.
//
// An app cannot block: it waits with Atomics.waitAsync(). Where that does not exist, it waits for a
// message of a BroadcastChannel, of which there is one for each memory. The message says nothing:
// everyone who hears it looks at their own bell. Who rings posts it when the sleeper asks for it; C
// cannot post, so it leaves word in ctl.posts, and whoever runs the engine posts after the turn.

import { BELL_AWAKE, BELL_POST, BELL_SEQ, BELL_SLEEPING, BELL_WAIT } from '../abi.ts';
import type { SharedMemory } from '../memory/shared_memory.ts';
import { schedule } from './scheduler.ts';

/** The part of Atomics that TypeScript's library for our target does not have. */
interface WaitAsync {
  waitAsync?(
    words: Int32Array,
    index: number,
    value: number,
  ): { async: false } | { async: true; value: Promise<unknown> };
}

/**
 * The name of the channel on which sleepers of a memory are woken that cannot wait for its words.
 *
 * @param id - Of the memory.
 * @returns The name.
 * @throws Never.
 */
export function channelName(id: string): string {
  return `ringstack-${id}`;
}

/**
 * ms after which a new channel's sleepers look by themselves: a browser registers it in another process
 * and in its own time, and what is posted before that never comes.
 */
const LOOKS = [2, 10, 50, 250, 1000];

/** Channels of this thread's sleepers, by the id of the memory. */
const channels = new Map<string, { channel: BroadcastChannel; sleepers: Set<() => void> }>();

function listen(id: string, onMessage: () => void): void {
  let entry = channels.get(id);
  if (!entry) {
    const channel = new BroadcastChannel(channelName(id));
    const sleepers = new Set<() => void>();
    channel.onmessage = () => {
      for (const sleeper of [...sleepers]) sleeper();
    };
    // In Node it would keep the process alive.
    (channel as { unref?(): void }).unref?.();
    for (const delay of LOOKS) {
      const timer = setTimeout(() => {
        for (const sleeper of [...sleepers]) sleeper();
      }, delay);
      (timer as { unref?(): void }).unref?.();
    }
    entry = { channel, sleepers };
    channels.set(id, entry);
  }
  entry.sleepers.add(onMessage);
}

function unlisten(id: string, onMessage: () => void): void {
  const entry = channels.get(id);
  entry?.sleepers.delete(onMessage);
  if (entry?.sleepers.size === 0) {
    entry.channel.close();
    channels.delete(id);
  }
}

/**
 * Wakes the sleepers of all threads that wait for a message.
 *
 * @param id - Of their memory.
 * @throws Never.
 */
export function post(id: string): void {
  const entry = channels.get(id);
  if (entry) {
    entry.channel.postMessage(0);
    // A channel does not hear itself.
    for (const sleeper of [...entry.sleepers]) sleeper();
  } else {
    const channel = new BroadcastChannel(channelName(id));
    channel.postMessage(0);
    channel.close();
  }
}

/**
 * Rings a bell.
 *
 * @param memory - Where it is.
 * @param bell - Its offset.
 * @throws Never.
 */
export function ringBell(memory: SharedMemory, bell: number): void {
  const { i32 } = memory;
  Atomics.add(i32, (bell + BELL_SEQ) >>> 2, 1); // M, before N
  const sleeping = Atomics.load(i32, (bell + BELL_SLEEPING) >>> 2); // N, pairs the sleeper's
  if (sleeping === BELL_WAIT) Atomics.notify(i32, (bell + BELL_SEQ) >>> 2);
  else if (sleeping === BELL_POST) post(memory.id);
}

/** Sleeps on a bell of this thread without blocking it. */
export class Sleeper {
  readonly #memory: SharedMemory;
  readonly #seq: number;
  readonly #sleeping: number;
  readonly #onRing: () => void;
  readonly #mode: number;
  /** Node ends when only waitAsync() is left to wait for. */
  readonly #alive = setInterval(() => {}, 0x7fffffff);
  #seen: number;
  #armed = false;
  #closed = false;

  /** onRing runs once for each arm(), after the bell was rung; what it does not arm again sleeps no more. */
  constructor(memory: SharedMemory, bell: number, onRing: () => void) {
    this.#memory = memory;
    this.#seq = (bell + BELL_SEQ) >>> 2;
    this.#sleeping = (bell + BELL_SLEEPING) >>> 2;
    this.#onRing = onRing;
    this.#mode = (Atomics as WaitAsync).waitAsync ? BELL_WAIT : BELL_POST;
    // Whatever it was rung for before comes first.
    this.#seen = (Atomics.load(memory.i32, this.#seq) - 1) | 0;
    if (this.#mode === BELL_POST) listen(memory.id, this.#onMessage);
  }

  /** Notes all rings so far as heard: called before looking at what they were for. */
  hear(): void {
    this.#seen = Atomics.load(this.#memory.i32, this.#seq);
  }

  /** Has onRing called when the bell is rung, or soon if it was since hear(). */
  arm(): void {
    if (this.#armed || this.#closed) return;
    this.#armed = true;
    const { i32 } = this.#memory;
    Atomics.store(i32, this.#sleeping, this.#mode); // N, before the count is compared
    if (this.#mode === BELL_POST) {
      this.#onMessage();
      return;
    }
    const wait = (Atomics as Required<WaitAsync>).waitAsync(i32, this.#seq, this.#seen);
    if (wait.async) wait.value.then(this.#wake);
    else schedule(this.#wake);
  }

  readonly #onMessage = (): void => {
    if (this.#armed && Atomics.load(this.#memory.i32, this.#seq) !== this.#seen) {
      schedule(this.#wake);
    }
  };

  readonly #wake = (): void => {
    if (!this.#armed || this.#closed) return;
    this.#armed = false;
    Atomics.store(this.#memory.i32, this.#sleeping, BELL_AWAKE); // N: until it is armed again
    this.hear();
    this.#onRing();
  };

  /** Sleeps no more; nothing of the memory is touched afterwards. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#alive);
    Atomics.store(this.#memory.i32, this.#sleeping, BELL_AWAKE); // N: never again
    if (this.#mode === BELL_POST) unlisten(this.#memory.id, this.#onMessage);
    // The promise of a wait that is under way would be kept for ever.
    else Atomics.notify(this.#memory.i32, this.#seq);
  }
}
