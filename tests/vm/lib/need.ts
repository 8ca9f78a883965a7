// SPDX-License-Identifier: MIT
// need - skips a test that cannot be here, and has the report say why

import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { TestContext } from 'vitest';
import { findProgram } from './process.ts';

declare module 'vitest' {
  interface TaskMeta {
    /** Why it was skipped. */
    why?: string;
    /** Its measurement, roughly. */
    figure?: string;
  }
}

/** Path at which tests/vm/guests.sh puts a file. */
export const guestFile = (name: string): string =>
  fileURLToPath(new URL(`../../../build/vm/${name}`, import.meta.url));

/** Reason to skip if a program is not installed; undefined: it is. */
export const lacksProgram = (program: string): string | undefined =>
  findProgram(program) ? undefined : `needs ${program}`;

/** Reason to skip if tests/vm/guests.sh has not made a folder; undefined: it has. */
export const lacksGuest = (folder: string, what: string): string | undefined =>
  existsSync(guestFile(folder)) ? undefined : `needs ${what} of tests/vm/guests.sh`;

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
