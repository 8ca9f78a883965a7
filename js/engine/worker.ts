// SPDX-License-Identifier: MIT
// worker - the app's side of an engine with a thread of its own; its other half: js/workers/engine.ts
//
// Theory of operation
//
// The thread gets a region of the arena for its instance and the offset of the configuration; it answers
// with the offset of the control block. After that, nothing is posted until it ends: commands, events and
// bytes go through the arena, wake() rings the engine's doorbell, and the engine rings the app's, for which
// js/sched/doorbell.ts waits.
//
// The thread may fail to load, never answer, or die. The start has a time limit; onFailure() is called once
// for a death; close() ends a thread that does not end by itself. The memory of a dead thread may be
// freed: no code runs in it any more.

import { CHANNEL_DOORBELL, STACK_APP, STACK_DOORBELL, STACK_STOP } from '../abi.ts';
import { NetError } from '../errors.ts';
import type { Arena } from '../memory/arena.ts';
import type { Region } from '../memory/instance.ts';
import type { Thread } from '../runtime/thread.ts';
import { channelName, notify, Sleeper } from '../sched/doorbell.ts';
import type { Engine, EngineReply, EngineStart } from './engine.ts';
import { recallFromDead } from './recall.ts';

/** ms that a thread may take to end after it was asked to. */
const PATIENCE = 2000;

/** The parts of a worker engine. */
export interface WorkerEngineOptions {
  readonly thread: Thread;
  readonly region: Region;
  readonly config: number;
  /** ms that the thread may take to answer. */
  readonly startTimeout: number;
}

function startMessage(arena: Arena, { region, config }: WorkerEngineOptions): EngineStart {
  const { module, memory, id } = arena;
  return { module, memory, region, config, channel: channelName(id) };
}

/** A thread that has answered. */
interface Started {
  /** Offset of the control block, 0: out of memory. */
  readonly ctl: number;
  /** Settles when the thread runs no more turns. */
  readonly ended: Promise<void>;
  /** Calls a function if it fails or ends by itself. */
  readonly whenFailed: (callback: (error: Error) => void) => void;
}

/** Sends the thread its message and waits for the answer. */
function startThread(arena: Arena, options: WorkerEngineOptions): Promise<Started> {
  const { thread, startTimeout } = options;
  const action = 'Cannot start the worker of a stack';
  return new Promise((resolve, reject) => {
    let onFailure = (cause: Error): void => {
      reject(new NetError('ECONNABORTED', action, { reason: cause.message, cause }));
    };
    const timer = setTimeout(() => {
      const reason = `no answer within ${startTimeout} ms`;
      reject(new NetError('ETIMEDOUT', action, { reason }));
    }, startTimeout);
    const ended = new Promise<void>((over) => {
      const fail = (error: Error): void => {
        clearTimeout(timer);
        over();
        onFailure(error);
      };
      const whenFailed = (callback: (error: Error) => void): void => {
        onFailure = callback;
      };
      thread.ended.then(fail);
      thread.onMessage((data) => {
        const reply = data as EngineReply;
        clearTimeout(timer);
        if ('error' in reply) fail(new Error(reply.error));
        else if ('ended' in reply) over();
        else resolve({ ctl: reply.ctl, ended, whenFailed });
      });
      try {
        // It is kept for the thread until that has loaded.
        thread.post(startMessage(arena, options));
      } catch (error) {
        // The memory could not be cloned.
        fail(error as Error);
      }
    });
  });
}

/** Runs one stack on a thread of its own. */
export class WorkerEngine implements Engine {
  readonly isRemote = true;
  readonly ctl: number;
  readonly #arena: Arena;
  readonly #thread: Thread;
  readonly #ended: Promise<void>;
  readonly #sleeper: Sleeper;
  #onTurn: (() => void) | undefined;
  #onFailure: ((error: Error) => void) | undefined;
  #failure: Error | undefined;
  #closed = false;

  private constructor(arena: Arena, thread: Thread, ctl: number, ended: Promise<void>) {
    this.ctl = ctl;
    this.#arena = arena;
    this.#thread = thread;
    this.#ended = ended;
    this.#sleeper = new Sleeper(arena, ctl + STACK_APP + CHANNEL_DOORBELL, () => {
      this.#onTurn?.();
      this.#sleeper.arm();
    });
  }

  /**
   * Starts the thread's work.
   *
   * @param arena - Arena of the stack.
   * @param options - The thread, its region, the configuration.
   * @returns The engine, running.
   * @throws {NetError} ETIMEDOUT if the thread does not answer, ENOMEM if the arena has no room,
   *   ECONNABORTED with a cause if it fails or ends.
   */
  static async start(arena: Arena, options: WorkerEngineOptions): Promise<WorkerEngine> {
    const { thread } = options;
    arena.markShared();
    try {
      const { ctl, ended, whenFailed } = await startThread(arena, options);
      if (ctl === 0) throw new NetError('ENOMEM', 'Cannot create a stack');
      const engine = new WorkerEngine(arena, thread, ctl, ended);
      whenFailed((error) => engine.#fail(error));
      return engine;
    } catch (error) {
      await thread.terminate();
      throw error;
    }
  }

  readonly wake = (): void => {
    if (!this.#closed) notify(this.#arena, this.ctl + STACK_DOORBELL);
  };

  /** The thread died. */
  #fail(error: Error): void {
    if (this.#closed || this.#failure) return;
    this.#failure = error;
    this.#onFailure?.(error);
  }

  onFailure(callback: (error: Error) => void): void {
    this.#onFailure = callback;
    if (this.#failure) callback(this.#failure);
  }

  onTurn(callback: () => void): void {
    this.#onTurn = callback;
    this.#sleeper.arm();
  }

  turnNow(): boolean {
    return false;
  }

  recall(): Promise<boolean> {
    return recallFromDead(this.#arena, this.ctl);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#sleeper.close();
    Atomics.store(this.#arena.i32, (this.ctl + STACK_STOP) >>> 2, 1);
    notify(this.#arena, this.ctl + STACK_DOORBELL);
    let timer: ReturnType<typeof setTimeout> | undefined;
    const patience = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, PATIENCE);
    });
    await Promise.race([this.#ended, patience]);
    clearTimeout(timer);
    await this.#thread.terminate();
  }
}
