// SPDX-License-Identifier: MIT
// need - skips a test that cannot be here, and has the report say why

import type { TestContext } from 'vitest';

declare module 'vitest' {
  interface TaskMeta {
    /** Why it was skipped. */
    why?: string;
    /** What it measured, roughly. */
    figure?: string;
  }
}

/**
 * Skips the running test if what it talks to cannot be had. With CI in the environment it fails then: a peer
 * that went missing there would not be noticed.
 */
export function needs(why: string | undefined, context: TestContext): void {
  if (why !== undefined && process.env['CI']) throw new Error(`The test ${why}`);
  skipIf(why, context);
}

/** Skips the running test if there is a reason to. */
export function skipIf(why: string | undefined, { task, skip }: TestContext): void {
  if (why === undefined) return;
  task.meta.why = why;
  skip(why);
}
