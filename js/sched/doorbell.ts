// SPDX-License-Identifier: MIT
// doorbell - notifies other threads, and sleeps until this one is notified; twin: core/doorbell.h
//
// Theory of operation
//
// A doorbell is two words of shared memory: how often it was rung, and how its sleeper wants to be woken.
// notify() counts first (M) and then looks whether there is a sleeper (N); the sleeper stores that it
// sleeps first and then compares the count with the one it has seen. So no notification is lost. The
// letters are those of core/doorbell.h.
//
// An app cannot block: it waits with Atomics.waitAsync(). If that does not exist, it waits for a
// message of a BroadcastChannel, of which there is one for each memory. The message has no content: every
// sleeper that receives it looks at its own doorbell. notify() posts it when the sleeper asks for that. C
// cannot post: it sets ctl.posts, and the thread of the engine posts after the turn.

import {
  DOORBELL_AWAKE,
  DOORBELL_POST,
  DOORBELL_SEQ,
  DOORBELL_SLEEPING,
  DOORBELL_WAIT,
  STACK_POSTS,
} from '../abi.ts';
import type { SharedMemory } from '../memory/shared_memory.ts';
import { unref } from '../util/process.ts';
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
 * The name of the BroadcastChannel for sleepers that cannot wait for words of a memory.
 *
 * @param id - Of the memory.
 * @returns The name.
 * @throws Never.
 */
export function channelName(id: string): string {
  return `ringstack-${id}`;
}

/**
 * ms after which the sleepers of a new channel look by themselves: a browser registers it in another
 * process, in its own time, and a message posted before that never arrives.
 */
const LOOKS = [2, 10, 50, 250, 1000];

/** BroadcastChannels of this thread's sleepers, by the id of the memory. */
const channels = new Map<string, { channel: BroadcastChannel; sleepers: Set<() => void> }>();

function listen(id: string, onMessage: () => void): void {
  let entry = channels.get(id);
  if (!entry) {
    const channel = unref(new BroadcastChannel(channelName(id)));
    const sleepers = new Set<() => void>();
    const look = (): void => {
      for (const sleeper of [...sleepers]) sleeper();
    };
    channel.onmessage = look;
    for (const delay of LOOKS) unref(setTimeout(look, delay));
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
function post(id: string): void {
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
 * Posts after a turn, if C has rung a sleeper that waits for a message.
 *
 * @param memory - The memory of the stack.
 * @param ctl - Offset of its struct stack_ctl.
 * @throws Never.
 */
export function postIfAsked({ i32, id }: SharedMemory, ctl: number): void {
  const posts = (ctl + STACK_POSTS) >>> 2;
  if (Atomics.load(i32, posts) !== 0 && Atomics.exchange(i32, posts, 0) !== 0) post(id);
}

/**
 * Rings a doorbell.
 *
 * @param memory - The memory it is in.
 * @param doorbell - Its offset.
 * @throws Never.
 */
export function notify(memory: SharedMemory, doorbell: number): void {
  const { i32 } = memory;
  Atomics.add(i32, (doorbell + DOORBELL_SEQ) >>> 2, 1); // M, before N
  const sleeping = Atomics.load(i32, (doorbell + DOORBELL_SLEEPING) >>> 2); // N, pairs the sleeper's
  if (sleeping === DOORBELL_WAIT) Atomics.notify(i32, (doorbell + DOORBELL_SEQ) >>> 2);
  else if (sleeping === DOORBELL_POST) post(memory.id);
}

/** Waits for a doorbell of this thread without blocking it. */
export class Sleeper {
  readonly #memory: SharedMemory;
  readonly #seq: number;
  readonly #sleeping: number;
  readonly #onRing: () => void;
  readonly #mode: number;
  #seen: number;
  #armed = false;
  #closed = false;

  /** onRing runs once for each arm(), after the doorbell was rung; it must arm() again to be called again. */
  constructor(memory: SharedMemory, doorbell: number, onRing: () => void) {
    this.#memory = memory;
    this.#seq = (doorbell + DOORBELL_SEQ) >>> 2;
    this.#sleeping = (doorbell + DOORBELL_SLEEPING) >>> 2;
    this.#onRing = onRing;
    this.#mode = (Atomics as WaitAsync).waitAsync ? DOORBELL_WAIT : DOORBELL_POST;
    // A notification from before counts.
    this.#seen = (Atomics.load(memory.i32, this.#seq) - 1) | 0;
    if (this.#mode === DOORBELL_POST) listen(memory.id, this.#onMessage);
  }

  /** Counts all notifications so far as seen; called before looking at what they were for. */
  markSeen(): void {
    this.#seen = Atomics.load(this.#memory.i32, this.#seq);
  }

  /** Calls onRing when the doorbell is rung, or soon if it was since markSeen(). */
  arm(): void {
    if (this.#armed || this.#closed) return;
    this.#armed = true;
    const { i32 } = this.#memory;
    Atomics.store(i32, this.#sleeping, this.#mode); // N, before the count is compared
    if (this.#mode === DOORBELL_POST) {
      this.#onMessage();
      return;
    }
    const wait = (Atomics as Required<WaitAsync>).waitAsync(i32, this.#seq, this.#seen);
    if (wait.async) wait.value.then(this.#wake);
    else schedule(this.#wake);
  }

  /** Is not woken until resume(): this thread is about to look by itself. */
  pause(): void {
    Atomics.store(this.#memory.i32, this.#sleeping, DOORBELL_AWAKE); // N: until it resumes
  }

  /** Ends a pause, with what was seen by markSeen(); as arm(). */
  resume(): void {
    if (!this.#armed || this.#closed) {
      this.arm();
      return;
    }
    const { i32 } = this.#memory;
    Atomics.store(i32, this.#sleeping, this.#mode); // N, before the count is compared
    if (Atomics.load(i32, this.#seq) === this.#seen) return;
    if (this.#mode === DOORBELL_POST) this.#onMessage();
    // Ends our own wait, which began with an older count.
    else Atomics.notify(i32, this.#seq);
  }

  readonly #onMessage = (): void => {
    if (this.#armed && Atomics.load(this.#memory.i32, this.#seq) !== this.#seen) {
      schedule(this.#wake);
    }
  };

  readonly #wake = (): void => {
    if (!this.#armed || this.#closed) return;
    this.#armed = false;
    Atomics.store(this.#memory.i32, this.#sleeping, DOORBELL_AWAKE); // N: until it is armed again
    this.markSeen();
    this.#onRing();
  };

  /** Ends all waiting; the memory is not touched afterwards. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    Atomics.store(this.#memory.i32, this.#sleeping, DOORBELL_AWAKE); // N: never again
    if (this.#mode === DOORBELL_POST) unlisten(this.#memory.id, this.#onMessage);
    // Ends the wait that is in progress, or its promise would never be freed.
    else Atomics.notify(this.#memory.i32, this.#seq);
  }
}
