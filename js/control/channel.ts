// SPDX-License-Identifier: MIT
// channel - how an object comes to another thread, and that thread's end of its port; twin: core/channel.c
//
// Theory of operation
//
// share() of an object has C give it a port of its own, and describes it in a handle that structured
// cloning carries. Whoever attaches it takes the port (once: a compare-and-exchange of its state) and
// has a control plane over it. Commands are put on the engine's list of ports that have some, and its
// bell is rung.
//
// C may ask for the port back, since the object's interface or stack goes: then whatever was built on it
// is ended, and leave() says that nothing here touches it any more. Until then C frees nothing of it.

import {
  ABI_VERSION,
  PORT_ATTACHED,
  PORT_BELL,
  PORT_ENGINE_BELL,
  PORT_INDEX,
  PORT_KEY,
  PORT_NEXT,
  PORT_NEXT_PORT,
  PORT_OFFERED,
  PORT_RECALLED,
  PORT_RELEASED,
  PORT_RUNG,
  PORT_RUNG_LIST,
  PORT_STATE,
  STACK_FIRST_PORT,
} from '../abi.ts';
import { NetError } from '../errors.ts';
import { SharedMemory } from '../memory/shared_memory.ts';
import { ringBell, Sleeper } from '../sched/doorbell.ts';
import { Control } from './commands.ts';

/** How often, and how many ms apart, threads are looked at when the engine cannot tell. */
const DEAD_TRIES = 50;
const DEAD_PAUSE = 20;

/** What a handle says of a port. */
export interface PortParts {
  readonly version: number;
  readonly memory: WebAssembly.Memory;
  /** Of the memory. */
  readonly id: string;
  /** Offset of the struct port. */
  readonly port: number;
  readonly key: number;
}

/**
 * Has C give an object a port of its own.
 *
 * @param control - Of who has the object now.
 * @param op - CMD_SHARE_SOCK or CMD_SHARE_IFACE.
 * @param handle - Of the object.
 * @param action - What errors say could not be done.
 * @param shared - Runs as soon as it is done: from then on the object is not touched here.
 * @returns The port.
 * @throws {NetError} ENOMEM, EBADF, EINVAL, ESHUTDOWN.
 */
export function sharePort(
  control: Control,
  op: number,
  handle: number,
  action: string,
  shared: () => void,
): Promise<PortParts> {
  const { memory, id } = control.arena;
  control.arena.markShared();
  return control.call(control.command(op, undefined, handle), action, (made) => {
    shared();
    return { version: ABI_VERSION, memory, id, port: made.place, key: made.handle };
  });
}

/** A thread's end of a port. */
export class Port {
  readonly control: Control;
  readonly #memory: SharedMemory;
  readonly #port: number;
  readonly #sleeper: Sleeper;
  readonly #engineBell: number;
  readonly #rungList: number;
  readonly #index: number;
  readonly #state: number;
  #onRecall: ((error: NetError) => void) | undefined;

  /**
   * Takes the port.
   *
   * @param parts - From the handle.
   * @throws {NetError} EBADF if it was taken already, or what it was for is gone; EPROTO if it comes
   *   from another version.
   */
  constructor(parts: PortParts) {
    if (parts.version !== ABI_VERSION) {
      throw new NetError('EPROTO', 'Cannot attach', { reason: 'other version of the ABI' });
    }
    this.#memory = SharedMemory.of(parts.memory, parts.id);
    this.#port = parts.port;
    const { i32, view } = this.#memory;
    const word = (field: number): number => view.getUint32(parts.port + field, true);
    this.#state = (parts.port + PORT_STATE) >>> 2;
    if (
      word(PORT_KEY) !== parts.key >>> 0 ||
      Atomics.compareExchange(i32, this.#state, PORT_OFFERED, PORT_ATTACHED) !== PORT_OFFERED
    ) {
      throw new NetError('EBADF', 'Cannot attach', {
        reason: 'it was attached already, or is gone',
      });
    }
    this.#engineBell = word(PORT_ENGINE_BELL);
    this.#rungList = word(PORT_RUNG_LIST) >>> 2;
    this.#index = word(PORT_INDEX);
    this.control = new Control(this.#memory, parts.port, this.#wake, true);
    this.#sleeper = new Sleeper(this.#memory, parts.port + PORT_BELL, this.#onRing);
    this.#sleeper.arm();
  }

  /** Has a function called when C wants the object back; what uses it then ends, and leave() follows. */
  onRecall(callback: (error: NetError) => void): void {
    this.#onRecall = callback;
  }

  /** Says that the port has commands, unless the engine has not yet seen that it had some before. */
  readonly #wake = (): void => {
    if (Atomics.or(this.#memory.i32, this.#state, PORT_RUNG) & PORT_RUNG) return;
    this.#push();
  };

  #push(): void {
    const { i32 } = this.#memory;
    const next = (this.#port + PORT_NEXT) >>> 2;
    let first: number;
    do {
      first = Atomics.load(i32, this.#rungList);
      Atomics.store(i32, next, first);
    } while (Atomics.compareExchange(i32, this.#rungList, first, this.#index) !== first);
    ringBell(this.#memory, this.#engineBell);
  }

  readonly #onRing = (): void => {
    const state = Atomics.load(this.#memory.i32, this.#state) & ~PORT_RUNG;
    this.control.drain();
    if (state === PORT_RECALLED) {
      const error = new NetError('ESHUTDOWN', 'Cannot use what was shared', {
        reason: 'its stack or interface is gone',
      });
      const onRecall = this.#onRecall;
      this.#onRecall = undefined;
      onRecall?.(error);
    }
    this.#sleeper.arm();
  };

  /** Lets go: nothing here touches the port or its object after this. */
  leave(): void {
    const { i32 } = this.#memory;
    this.#sleeper.close();
    // In one step: as soon as C sees it, the port may be gone.
    if (!(Atomics.exchange(i32, this.#state, PORT_RELEASED | PORT_RUNG) & PORT_RUNG)) this.#push();
  }
}

/**
 * Does the recalling of a stack whose engine has died, so that C does not: tells the threads, and looks
 * now and then whether they have let go, since they wake nobody.
 *
 * @param memory - Where the stack is.
 * @param ctl - Offset of its struct stack_ctl.
 * @returns Whether all let go within a second.
 * @throws Never.
 */
export async function recallFromDead(memory: SharedMemory, ctl: number): Promise<boolean> {
  const { i32, view } = memory;
  const isHeld = (port: number): boolean => {
    const at = (port + PORT_STATE) >>> 2;
    const state = Atomics.load(i32, at);
    if (state === PORT_OFFERED) {
      return Atomics.compareExchange(i32, at, PORT_OFFERED, PORT_RECALLED) !== PORT_OFFERED;
    }
    if ((state & ~PORT_RUNG) === PORT_ATTACHED) {
      if (Atomics.compareExchange(i32, at, state, PORT_RECALLED | (state & PORT_RUNG)) === state) {
        ringBell(memory, port + PORT_BELL);
      }
      return true;
    }
    return (state & ~PORT_RUNG) === PORT_RECALLED;
  };
  const next = (from: number): number => view.getUint32(from, true);
  let held: number[] = [];
  for (let port = next(ctl + STACK_FIRST_PORT); port; port = next(port + PORT_NEXT_PORT)) {
    if (isHeld(port)) held.push(port);
  }
  for (let tries = 0; held.length > 0 && tries < DEAD_TRIES; tries++) {
    await new Promise((resolve) => setTimeout(resolve, DEAD_PAUSE));
    held = held.filter(isHeld);
  }
  return held.length === 0;
}
