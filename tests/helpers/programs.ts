// SPDX-License-Identifier: MIT
// programs - programs of the system that some tests need, and the skip where they are missing

import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';
import { onTestFinished, test } from 'vitest';

const run = promisify(execFile);

/** Whether a program is installed. */
const has = (program: string): boolean =>
  spawnSync('sh', ['-c', `command -v ${program}`], { stdio: 'ignore' }).status === 0;

/** A test that needs a program: skipped, and counted as skipped, if `tools/setup.sh vm` has not run. */
export function testWith(program: string): typeof test {
  return has(program) ? test : (test.skip as typeof test);
}

/** Runs a program to its end; returns what it printed. */
export async function output(program: string, args: readonly string[]): Promise<string> {
  return (await run(program, args, { maxBuffer: 2 ** 26 })).stdout;
}

/** Starts a program that is ended with the running test. Its messages are shown if the test fails. */
export function start(program: string, args: readonly string[]): ChildProcess {
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let messages = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    messages += text;
  });
  onTestFinished(({ task }) => {
    child.kill('SIGKILL');
    if (task.result?.state === 'fail') console.log(`${program} said:\n${messages}`);
  });
  return child;
}
