// SPDX-License-Identifier: MIT
// scope - what is undone when a test or a file of tests ends, last first, also when it fails

import { onTestFinished } from 'vitest';

/** Things to undo. */
export class Scope {
  #undo: (() => unknown)[] = [];

  /** Has something undone at the end. */
  defer(undo: () => unknown): void {
    this.#undo.push(undo);
  }

  /** Undoes all, whatever fails, and reports the first failure. */
  async close(): Promise<void> {
    const errors: unknown[] = [];
    for (const undo of this.#undo.splice(0).reverse()) {
      try {
        await undo();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw errors[0];
  }
}

/** A scope that ends with the running test. */
export function testScope(): Scope {
  const scope = new Scope();
  onTestFinished(() => scope.close());
  return scope;
}
