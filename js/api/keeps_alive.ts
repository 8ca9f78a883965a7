// SPDX-License-Identifier: MIT
// keeps_alive - public type of what keeps a process alive while it is open

/**
 * An open listener, connection or socket keeps the process alive, as in Node, until it is closed or its stack is. In a page
 * it makes no difference.
 *
 * @example
 * ```ts
 * import { createStack } from 'ringstack';
 *
 * const stack = await createStack();
 * const listener = await stack.listenTcp({ port: 80 });
 * listener.unref(); // the program ends here, although the stack is open
 * ```
 */
export interface KeepsAlive {
  /**
   * Undoes unref().
   *
   * @returns The same object.
   * @throws Never.
   */
  ref(): this;
  /**
   * Lets the process end although this is open.
   *
   * @returns The same object.
   * @throws Never.
   */
  unref(): this;
}
