// SPDX-License-Identifier: MIT
// run - runs a program and waits for its end

import { spawn } from 'node:child_process';

/** How a program ended. */
export interface Ended {
  /** Why it could not be started. */
  readonly error?: NodeJS.ErrnoException;
  /** Its exit status; null: it was killed. */
  readonly status: number | null;
  /** Its standard error. */
  readonly stderr: string;
}

/** Runs a program; settles when it has ended. */
export function run(program: string, args: readonly string[]): Promise<Ended> {
  return new Promise((resolve) => {
    const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.once('error', (error) => resolve({ error, status: null, stderr }));
    child.once('close', (status) => resolve({ status, stderr }));
  });
}
