// SPDX-License-Identifier: MIT
// process - what keeps the process of a program alive, and timers that do not
//
// Theory of operation
//
// Node, Deno and Bun end a process that has nothing left to wait for. Listeners, connections and sockets are objects of
// JavaScript over shared memory, of which a runtime knows nothing. So one timer that never fires stands for all of
// them: it counts while there is a Hold that is set. Timers and threads of a stack do not count. A page has no process:
// there the timer does nothing.

/** The part of a timer of Node, Deno or Bun that is used. */
interface Refable {
  ref?(): void;
  unref?(): void;
}

let holds = 0;
let alive: Refable | undefined;

function count(by: number): void {
  holds += by;
  alive ??= setInterval(() => {}, 0x7fffffff) as Refable;
  if (holds === 0) alive.unref?.();
  else if (holds === by) alive.ref?.();
}

/** A reason to keep the process alive. */
export class Hold {
  #isSet = false;

  /** Says whether the process is kept alive for this reason. */
  set(isSet: boolean): void {
    if (isSet === this.#isSet) return;
    this.#isSet = isSet;
    count(isSet ? 1 : -1);
  }
}

/**
 * Lets the process end although something is there.
 *
 * @param it - A timer, a BroadcastChannel, a thread, or a connection, listener or socket of a stack.
 * @returns The same.
 * @throws Never.
 */
export function unref<T>(it: T): T {
  (it as Refable).unref?.();
  return it;
}

/**
 * Undoes unref().
 *
 * @param it - A timer, a thread, or a connection of a stack.
 * @throws Never.
 */
export function ref(it: unknown): void {
  (it as Refable).ref?.();
}
