// SPDX-License-Identifier: MIT
// runtime - what Node has and a page has not: ticks, immediates, and what keeps a process alive
//
// Theory of operation
//
// Node runs as long as it has a handle that is active: a server that listens, a socket that connects, reads
// or writes. An idle stack, and a socket that is paused or has had its last byte, do not keep it. Connections of a
// stack do by themselves, until they are closed, so they are told not to.

import { Hold } from '../../../js/util/process.ts';

type Task = (...args: never[]) => void;

const { process } = globalThis as {
  process?: { nextTick?: (task: Task, ...args: unknown[]) => void };
};

/** Runs a task after the code that runs now, before promises: process.nextTick(), or the next microtask. */
export const nextTick: <A extends unknown[]>(task: (...args: A) => void, ...args: A) => void =
  typeof process?.nextTick === 'function'
    ? (process.nextTick as never)
    : (task, ...args) => queueMicrotask(() => task(...args));

/** Tasks of a runtime without setImmediate(), and the channel that runs them. */
const tasks: (() => void)[] = [];
let channel: MessageChannel | undefined;

function post(task: () => void): void {
  if (!channel) {
    channel = new MessageChannel();
    channel.port1.onmessage = () => tasks.shift()?.();
  }
  tasks.push(task);
  channel.port2.postMessage(0);
}

/**
 * Runs a task when the event loop has run, as what the system reports does in Node: all ticks and promises of
 * the code before have run then, and those of the task run before the next one. Node's streams rely on that.
 */
export const immediate: (task: () => void) => void =
  typeof setImmediate === 'function' ? (task) => void setImmediate(task) : post;

/** Keeps the process alive for a socket while that is active, and not unref()ed. */
export class Holder {
  readonly #hold = new Hold();
  #isActive = false;
  #isRefed = true;

  /** Whether it counts when it is active. */
  get isRefed(): boolean {
    return this.#isRefed;
  }

  /** Says whether it does something that a program waits for. */
  set(isActive: boolean): void {
    this.#isActive = isActive;
    this.#hold.set(isActive && this.#isRefed);
  }

  /** Says whether it keeps the process alive while it is active. */
  ref(isRefed: boolean): void {
    this.#isRefed = isRefed;
    this.#hold.set(isRefed && this.#isActive);
  }
}

/** Whether an object has a prototype in its chain. */
export const inherits = (value: object, prototype: object): boolean =>
  Object.prototype.isPrototypeOf.call(prototype, value);
