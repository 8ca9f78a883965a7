// SPDX-License-Identifier: MIT
// inside - runs one file of tests in the runtime it finds itself in, and reports by lines of the console
//
// Each line is MARK and the JSON of an Event (tests/everywhere/events.ts). A page keeps them besides in
// `globalThis.lines`, for a browser whose console cannot be listened to.

import { startTests, type Task, type Test, type VitestRunner } from '@vitest/runner';
import { type Event, MARK, type TestOutcome } from './events.ts';

const { process: node } = globalThis as { process?: NodeJS.Process };
const lines: string[] = [];
Object.assign(globalThis, { lines });

function report(event: Event): void {
  const line = MARK + JSON.stringify(event);
  lines.push(line);
  console.log(line);
}

const fullName = (task: Task): string =>
  task.suite && task.suite !== task.file ? `${fullName(task.suite)} > ${task.name}` : task.name;

const errorsOf = ({ result }: Task): string =>
  (result?.errors ?? [])
    .map(({ stack, message }) => (stack?.includes(message) ? stack : `${message}\n${stack ?? ''}`))
    .join('\n');

function outcomeOf(test: Test): TestOutcome {
  const state = test.result?.state;
  if (state === 'pass') return { state };
  if (state === 'fail') return { state, error: errorsOf(test) };
  const { note } = (test.result ?? {}) as { note?: string };
  return { state: 'skip', reason: note ?? 'says no reason' };
}

/** State of the tests of a file while they run. */
interface Progress {
  /** Those that are to run: when a set-up fails, the runner says of them that they are skipped. */
  readonly wanted: Set<Test>;
  /** Those that have run, which the runner's hooks have reported. */
  readonly told: Set<Test>;
}

function addWanted(task: Task, wanted: Set<Test>): void {
  if (task.mode === 'skip' || task.mode === 'todo') return;
  if (task.type === 'test') wanted.add(task);
  else for (const child of task.tasks) addWanted(child, wanted);
}

/** Reports tests that ran no hook of the runner's, and what failed outside of any test. */
function reportRest(task: Task, { wanted, told }: Progress): void {
  if (task.type === 'test') {
    if (told.has(task)) return;
    // One that skips itself says why, and no hook follows.
    const skips = (task.result as { note?: string } | undefined)?.note !== undefined;
    const unreached = { state: 'fail', error: 'It was not run' } as const;
    const isMissed = wanted.has(task) && !skips;
    report({ end: fullName(task), ...(isMissed ? unreached : outcomeOf(task)) });
    return;
  }
  for (const child of task.tasks) reportRest(child, { wanted, told });
  // A suite fails with its tests; only errors of its own count once more.
  const errors = errorsOf(task);
  if (errors) report({ end: fullName(task), state: 'fail', error: errors });
}

/**
 * Node 24.21's pipeTo() forwards a chunk it had read after the pipe has ended and its writer is gone, and trips
 * over an assertion of its own, in a promise nobody holds. Seen when a stack's thread dies below a pipe.
 */
const isNodesOwn = (reason: unknown): boolean =>
  (reason as { code?: unknown })?.code === 'ERR_INTERNAL_ASSERTION' &&
  `${(reason as Error).stack}`.includes('at forwardChunk');

function listen(): void {
  const unhandled = (reason: unknown): void => {
    if (isNodesOwn(reason)) return;
    const error = reason instanceof Error ? `${reason}\n${reason.stack ?? ''}` : String(reason);
    report({ end: 'outside of any test', state: 'fail', error: `Unhandled: ${error}` });
  };
  if (typeof document === 'object') {
    addEventListener('unhandledrejection', ({ reason }) => unhandled(reason));
    addEventListener('error', ({ error, message }) => unhandled(error ?? message));
  } else {
    node?.on('unhandledRejection', unhandled);
    node?.on('uncaughtException', unhandled);
  }
}

/**
 * Runs the tests of a file.
 *
 * @param file - Its path, for its name.
 * @param load - Imports it.
 */
export async function runFile(file: string, load: () => Promise<unknown>): Promise<void> {
  listen();
  const progress: Progress = { wanted: new Set(), told: new Set() };
  const runner: VitestRunner = {
    config: {
      root: '/',
      setupFiles: [],
      name: undefined,
      passWithNoTests: false,
      testNamePattern: undefined,
      allowOnly: false,
      sequence: { seed: 1, hooks: 'stack', setupFiles: 'list' },
      chaiConfig: undefined,
      maxConcurrency: 1,
      // Several runtimes at once share the machine.
      testTimeout: 40_000,
      hookTimeout: 20_000,
      retry: 0,
      includeTaskLocation: false,
      tags: [],
      tagsFilter: undefined,
      strictTags: false,
    },
    importFile: load,
    onCollected: (collected) => {
      for (const one of collected) addWanted(one, progress.wanted);
    },
    onBeforeRunTask: (test) => report({ start: fullName(test) }),
    onAfterRunTask: (test) => {
      progress.told.add(test);
      report({ end: fullName(test), ...outcomeOf(test) });
    },
  };
  // A test may wait for what keeps no process alive.
  const alive = setInterval(() => {}, 0x7fffffff);
  const files = await startTests([file], runner);
  clearInterval(alive);
  for (const one of files) reportRest(one, progress);
  report({ done: true });
}
