// SPDX-License-Identifier: MIT
// worker - the app's side of an engine with a thread of its own; its other half: js/workers/engine.ts
//
// Theory of operation
//
// The thread gets a region of the arena for its instance and the offset of the configuration; it answers
// with the offset of the control block. After that, nothing is posted until it ends: commands, events and
// bytes go through the arena, and the engine rings the app's doorbell, for which js/sched/doorbell.ts waits.
//
// Waking a thread takes 50 us in Node and a millisecond in a page; a turn that answers a request takes 10 us. So
// the thread that is awake turns the stack. wake() rings the engine's doorbell if the engine is awake. While it sleeps, the
// app's thread runs the turn itself in a microtask, through an instance of its own over the engine's region, with a C
// stack of its own. js/sched/turn_lock.ts keeps the two apart; the app never waits for it. The engine is woken
//
// - when there is more to do at once, or the app's slice of time is used up (js/sched/scheduler.ts): bulk is its work,
// - when a timer is due before it would wake by itself (STACK_ALARM): timers are its work,
// - by everybody else: by other threads, and by turns of other stacks that it runs itself.
//
// A turn that the app runs may ring the doorbell of another sleeper. If that is another engine of this thread, its
// stack is turned here, too. For that C notes the doorbell (STACK_WAKER) in place of waking.
//
// The thread may fail to load, never answer, or die. The start has a time limit; onFailure() is called once
// for a death; close() ends a thread that does not end by itself. The memory of a dead thread may be
// freed: no code runs in it any more.

import {
  CHANNEL_DOORBELL,
  DOORBELL_AWAKE,
  DOORBELL_SEQ,
  DOORBELL_SLEEPING,
  STACK_ALARM,
  STACK_APP,
  STACK_CLOCK,
  STACK_DOORBELL,
  STACK_LOCK,
  STACK_STOP,
  STACK_WAKER,
  TURN_IDLE,
  TURN_MORE,
  TURN_SOON,
  WAKER_JS,
} from '../abi.ts';
import { NetError } from '../errors.ts';
import { type Arena, C_STACK } from '../memory/arena.ts';
import { type Exports, instantiate, type Region } from '../memory/instance.ts';
import type { Thread } from '../runtime/thread.ts';
import { channelName, notify, postIfAsked, Sleeper } from '../sched/doorbell.ts';
import { nextTimer } from '../sched/next_timer.ts';
import { isSliceUsed, nextMicrotask, schedule } from '../sched/scheduler.ts';
import { SharedClock } from '../sched/shared_clock.ts';
import { tryLock, unlock } from '../sched/turn_lock.ts';
import { settlesWithin } from '../util/patience.ts';
import type { Engine, EngineReply, EngineStart } from './engine.ts';
import { recallFromDead } from './recall.ts';

/** ms that a thread may take to end after it was asked to. */
const PATIENCE = 2000;
/** Microtasks after which a program that awaits writes of a web stream has written again. */
const WRITE_HOPS = 8;

/** The engines that this thread started, by the offsets of their doorbells, for each memory. */
const engines = new WeakMap<Arena, Map<number, WorkerEngine>>();

/** The parts of a worker engine. */
export interface WorkerEngineOptions {
  readonly thread: Thread;
  readonly region: Region;
  /** Owner of the stack's memory. */
  readonly owner: number;
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
  /** ms that its clock is ahead of ours, at least. */
  readonly ahead: number;
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
        else {
          const ahead = reply.now - performance.now();
          resolve({ ctl: reply.ctl, ahead, ended, whenFailed });
        }
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

/** The turns of a worker engine's stack that the app's thread runs. */
class OwnTurns {
  readonly #arena: Arena;
  readonly #exports: Exports;
  readonly #f64: Float64Array;
  readonly #ctl: number;
  readonly #clock: SharedClock;

  /** Takes a C stack from the arena; throws ENOMEM. */
  constructor(arena: Arena, { region, owner }: WorkerEngineOptions, { ctl, ahead }: Started) {
    const top = arena.alloc(C_STACK, owner) + C_STACK;
    this.#arena = arena;
    this.#exports = instantiate(arena.module, arena.memory, { ...region, top }, true);
    this.#f64 = new Float64Array(arena.memory.buffer);
    this.#ctl = ctl;
    this.#clock = new SharedClock(this.#f64, (ctl + STACK_CLOCK) >>> 3, ahead);
  }

  /**
   * Runs a turn, unless the engine is in one.
   *
   * @param ownNow - This thread's clock, ms.
   * @returns Undefined if the engine is; else what rs_stack_turn() says, the doorbell whose sleeper is to be woken,
   *   or WAKER_JS, and whether the engine would wake too late for the next timer.
   * @throws {WebAssembly.RuntimeError} If the stack is broken; the lock is kept.
   */
  run(ownNow: number): { more: number; rung: number; isLate: boolean } | undefined {
    const { i32 } = this.#arena;
    const ctl = this.#ctl;
    const turnLock = (ctl + STACK_LOCK) >>> 2;
    if (!tryLock(i32, turnLock)) return undefined;
    const waker = (ctl + STACK_WAKER) >>> 2;
    const now = this.#clock.read(ownNow);
    i32[waker] = WAKER_JS;
    const more = this.#exports.rs_stack_turn(now);
    const rung = (i32[waker] ?? 0) >>> 0;
    i32[waker] = 0;
    const alarm = this.#f64[(ctl + STACK_ALARM) >>> 3] ?? 0;
    const isLate = more === TURN_IDLE && now + nextTimer(i32, ctl) < alarm;
    unlock(i32, turnLock);
    return { more, rung, isLate };
  }
}

/** Runs one stack on a thread of its own. */
export class WorkerEngine implements Engine {
  readonly isRemote = true;
  readonly ctl: number;
  readonly #arena: Arena;
  readonly #thread: Thread;
  readonly #ended: Promise<void>;
  readonly #sleeper: Sleeper;
  readonly #turns: OwnTurns;
  /** Index of the word that says whether the engine sleeps. */
  readonly #sleeping: number;
  #scheduled = false;
  #onTurn: (() => void) | undefined;
  #onFailure: ((error: Error) => void) | undefined;
  #failure: Error | undefined;
  #closed = false;

  private constructor(arena: Arena, options: WorkerEngineOptions, started: Started) {
    const { ctl } = started;
    this.ctl = ctl;
    this.#arena = arena;
    this.#thread = options.thread;
    this.#ended = started.ended;
    this.#turns = new OwnTurns(arena, options, started);
    this.#sleeping = (ctl + STACK_DOORBELL + DOORBELL_SLEEPING) >>> 2;
    const siblings = engines.get(arena) ?? new Map<number, WorkerEngine>();
    engines.set(arena, siblings.set(ctl + STACK_DOORBELL, this));
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
      const started = await startThread(arena, options);
      if (started.ctl === 0) throw new NetError('ENOMEM', 'Cannot create a stack');
      const engine = new WorkerEngine(arena, options, started);
      started.whenFailed((error) => engine.#fail(error));
      return engine;
    } catch (error) {
      await thread.terminate();
      throw error;
    }
  }

  readonly wake = (): void => {
    if (this.#scheduled || this.#closed) return;
    const isAsleep = Atomics.load(this.#arena.i32, this.#sleeping) !== DOORBELL_AWAKE; // N, pairs the sleeper's
    if (isAsleep) {
      this.#scheduled = true;
      schedule(this.#run);
    }
    // The event loop may have more to do than turns: the thread that comes first turns.
    if (!isAsleep || isSliceUsed()) this.#ring();
  };

  /** Leaves the work to the thread. */
  #ring(): void {
    notify(this.#arena, this.ctl + STACK_DOORBELL);
  }

  /** Turns the stack on this thread, unless the other one is at it. */
  readonly #run = (now: number): void => {
    this.#scheduled = false;
    if (this.#closed || this.#failure) return;
    this.#sleeper.pause();
    let turn: ReturnType<OwnTurns['run']>;
    try {
      turn = this.#turns.run(now);
    } catch (error) {
      this.#fail(error as Error);
      return;
    }
    if (!turn || turn.isLate || turn.more === TURN_MORE) this.#ring();
    if (turn) this.#wakeOthers(turn.rung);
    if (turn?.more === TURN_SOON) this.#wakeSoon(WRITE_HOPS);
    this.#sleeper.markSeen();
    this.#onTurn?.();
    this.#sleeper.resume();
  };

  /** Wakes the sleeper of a doorbell that a turn has rung, and sleepers that wait for a message. */
  #wakeOthers(rung: number): void {
    const { i32 } = this.#arena;
    if (rung !== WAKER_JS) {
      const sibling = engines.get(this.#arena)?.get(rung);
      if (sibling) sibling.wake();
      else Atomics.notify(i32, (rung + DOORBELL_SEQ) >>> 2);
    }
    postIfAsked(this.#arena, this.ctl);
  }

  /** Asks for a turn after so many microtasks, unless one is scheduled before. */
  #wakeSoon(hops: number): void {
    if (this.#scheduled || this.#closed) return;
    if (hops === 0) this.wake();
    else nextMicrotask(() => this.#wakeSoon(hops - 1));
  }

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
    engines.get(this.#arena)?.delete(this.ctl + STACK_DOORBELL);
    Atomics.store(this.#arena.i32, (this.ctl + STACK_STOP) >>> 2, 1);
    this.#ring();
    await settlesWithin(this.#ended, PATIENCE);
    await this.#thread.terminate();
  }
}
