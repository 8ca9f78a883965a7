// SPDX-License-Identifier: MIT
// inline - the engine that runs a stack on the thread that created it
//
// Theory of operation
//
// wake() schedules a turn (js/sched/scheduler.ts). A turn calls into the module once, dispatches the events,
// and looks at the doorbells of all stacks of this thread. The turn may have rung some, since the tx ring of
// one stack can be the rx ring of another; their stacks are scheduled too. One timer per stack covers
// ctl.next_timer; it is moved only when it would fire too late, so a busy stack does not set timers.
//
// As soon as other threads use the arena, an idle engine also waits for its doorbell (js/sched/doorbell.ts).

import { DOORBELL_SEQ, STACK_DOORBELL, TURN_IDLE, TURN_SOON } from '../abi.ts';
import type { Arena } from '../memory/arena.ts';
import type { Exports } from '../memory/instance.ts';
import { postIfAsked, Sleeper } from '../sched/doorbell.ts';
import { nextTimer } from '../sched/next_timer.ts';
import { nextMicrotask, schedule } from '../sched/scheduler.ts';
import { unref } from '../util/process.ts';
import type { Engine } from './engine.ts';

/** Microtasks after which a program that awaits writes of a web stream has written again. */
const WRITE_HOPS = 8;

const engines = new Set<InlineEngine>();

/** Schedules every stack of this thread whose doorbell was rung. */
function wakeNotified(): void {
  for (const engine of engines) engine.wakeIfNotified();
}

/** Runs one stack on this thread. */
export class InlineEngine implements Engine {
  readonly ctl: number;
  readonly isRemote = false;
  readonly #arena: Arena;
  readonly #exports: Exports;
  readonly #unshare: () => void;
  #sleeper: Sleeper | undefined;
  readonly #doorbell: number;
  #onTurn: (() => void) | undefined;
  #seen = 0;
  #scheduled = false;
  #closed = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #timerDue = Number.POSITIVE_INFINITY;

  /** ctl: offset of the struct stack_ctl that rs_stack_init() of these exports returned. */
  constructor(arena: Arena, exports: Exports, ctl: number) {
    this.ctl = ctl;
    this.#arena = arena;
    this.#exports = exports;
    this.#doorbell = (ctl + STACK_DOORBELL + DOORBELL_SEQ) >>> 2;
    engines.add(this);
    this.#unshare = arena.whenShared(() => {
      this.#sleeper = new Sleeper(arena, ctl + STACK_DOORBELL, this.wake);
      this.wake();
    });
  }

  onTurn(callback: () => void): void {
    this.#onTurn = callback;
  }

  /** It dies only with this thread. */
  onFailure(): void {}

  turnNow(): boolean {
    this.#turn(performance.now());
    return true;
  }

  readonly wake = (): void => {
    if (this.#scheduled || this.#closed) return;
    this.#scheduled = true;
    schedule(this.#run);
  };

  /** Asks for a turn if the doorbell was rung since the last one. */
  wakeIfNotified(): void {
    if (Atomics.load(this.#arena.i32, this.#doorbell) !== this.#seen) this.wake();
  }

  readonly #run = (now: number): void => {
    this.#scheduled = false;
    if (!this.#closed) this.#turn(now);
  };

  /** Runs one turn now. */
  #turn(now: number): void {
    this.#seen = Atomics.load(this.#arena.i32, this.#doorbell);
    this.#sleeper?.markSeen();
    const more = this.#exports.rs_stack_turn(now);
    if (more === TURN_IDLE) this.#setTimer(now);
    else if (more === TURN_SOON) this.#wakeSoon(WRITE_HOPS);
    else this.wake();
    postIfAsked(this.#arena, this.ctl);
    wakeNotified();
    this.#onTurn?.();
    // The app may need a turn for what it did in onTurn; then it has called wake().
    if (more === TURN_IDLE) this.#sleeper?.arm();
  }

  /** Asks for a turn after so many microtasks, unless one is scheduled before. */
  #wakeSoon(hops: number): void {
    if (this.#scheduled || this.#closed) return;
    if (hops === 0) this.wake();
    else nextMicrotask(() => this.#wakeSoon(hops - 1));
  }

  #setTimer(now: number): void {
    const wait = nextTimer(this.#arena.i32, this.ctl);
    const due = now + wait;
    if (due >= this.#timerDue) return;
    clearTimeout(this.#timer);
    this.#timerDue = due;
    this.#timer = unref(setTimeout(this.#onTimer, wait));
  }

  readonly #onTimer = (): void => {
    this.#timerDue = Number.POSITIVE_INFINITY;
    this.#timer = undefined;
    this.wake();
  };

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#unshare();
    this.#sleeper?.close();
    engines.delete(this);
    clearTimeout(this.#timer);
    this.#exports.rs_stack_close();
    wakeNotified();
  }
}
