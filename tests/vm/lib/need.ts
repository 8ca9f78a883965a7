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

/** Skips the running test if there is a reason to. */
export function skipIf(why: string | undefined, { task, skip }: TestContext): void {
  if (why === undefined) return;
  task.meta.why = why;
  skip(why);
}
