// SPDX-License-Identifier: MIT
// runtime - what tests need to know of the runtime they run in, and what not all runtimes have alike
//
// The tests of tests/stack and tests/link run in Node under vitest and, by tests/everywhere, in other runtimes and in pages.
// A missing feature skips a test with a reason that the table of `make test-everywhere` shows.

import { beforeEach, describe, test } from 'vitest';

const { process: node, location: page } = globalThis as {
  process?: NodeJS.Process;
  location?: Location;
};

/** Settings of a page: tests/everywhere puts them into its address. */
const asked = new URLSearchParams(page?.search ?? '');

/** Engine of the stacks: the tests of tests/stack run once for each. */
export const ENGINE = (node?.env['RINGSTACK_ENGINE'] ?? asked.get('engine') ?? 'inline') as
  | 'inline'
  | 'worker';

/** Address of a relay (tests/helpers/relay.ts) that is open already; undefined: a test opens its own. */
export const RELAY = node?.env['RINGSTACK_RELAY'] ?? asked.get('relay') ?? undefined;

/** Whether this is a page of a browser. */
export const IS_PAGE = typeof document === 'object';

/** Whether threads are those of node:worker_threads: Deno and Bun, which have both, are taken as the web. */
export const HAS_NODE_THREADS = typeof Worker === 'undefined';

/** Whether memory can be shared with another thread: in a page, only if it is isolated. */
export const CAN_SHARE = !IS_PAGE || (crossOriginIsolated && canClone());

/** Whether a shared memory can be posted: WebKitGTK refuses it even in an isolated page. */
function canClone(): boolean {
  try {
    structuredClone(new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true }));
    return true;
  } catch {
    return false;
  }
}

/** Why a test of other threads is skipped. */
export const NO_SHARING = CAN_SHARE
  ? undefined
  : crossOriginIsolated
    ? 'the browser refuses to post a shared memory, isolated or not'
    : 'the page is not isolated: no memory is shared';

/** Why a test of BYOB readers is skipped: WebKit has no byte streams, and the readable is a plain one. */
export const NO_BYOB =
  typeof ReadableByteStreamController === 'function'
    ? undefined
    : 'the runtime has no byte streams';

/** Why a test that loops over a readable is skipped; a connection can be looped over anywhere. */
export const NO_LOOPS =
  Symbol.asyncIterator in ReadableStream.prototype
    ? undefined
    : "the runtime's streams have no async iterator";

let channel: MessageChannel | undefined;
const waiting: (() => void)[] = [];

/** Resolves when the event loop has gone round. */
export function nextRound(): Promise<void> {
  if (typeof setImmediate === 'function') return new Promise((resolve) => setImmediate(resolve));
  if (!channel) {
    channel = new MessageChannel();
    channel.port1.onmessage = () => waiting.shift()?.();
  }
  channel.port2.postMessage(0);
  return new Promise((resolve) => waiting.push(resolve));
}

/** Whether a pipeTo() that waits for a chunk ends when its signal is aborted. */
async function canAbortPipes(): Promise<boolean> {
  const abort = new AbortController();
  let isOver = false;
  const end = (): void => {
    isOver = true;
  };
  new ReadableStream().pipeTo(new WritableStream(), { signal: abort.signal }).then(end, end);
  await nextRound();
  abort.abort();
  for (let n = 0; n < 20 && !isOver; n++) await nextRound();
  return isOver;
}

/** Why a test that aborts a pipeTo() of the runtime's own is skipped. */
export const NO_PIPE_ABORT = (await canAbortPipes())
  ? undefined
  : "the runtime's pipeTo() sees that it is aborted when the next chunk comes";

/** Why a test that says what time it is is skipped. */
export const NO_TIME =
  ENGINE === 'inline' ? undefined : "sets performance.now, which the engine's thread does not see";

/** Why a test that starts a program is skipped. */
export const NO_PROCESSES = IS_PAGE ? 'a page starts no processes' : undefined;

/** Why a test of asyncDispose is skipped. */
export const NO_DISPOSE =
  'asyncDispose' in Symbol ? undefined : 'the runtime has no Symbol.asyncDispose';

/** Why a test that counts timers is skipped: a driver that asks a page how it goes sets some in it. */
export const NO_QUIET = asked.has('polled') ? 'the driver sets timers in the page' : undefined;

/** `test`, or one that says why it does nothing. */
export function testUnless(reason: string | undefined): typeof test {
  if (reason === undefined) return test;
  const skipped = (name: string): void => test(name, ({ skip }) => skip(reason));
  const each = (cases: readonly unknown[]) => (name: string) =>
    test.for(cases)(name, (_, { skip }) => skip(reason));
  return Object.assign(skipped, { each }) as unknown as typeof test;
}

/** Says of all tests of the suite that is being described why they do nothing, if there is a reason. */
export function skipAll(reason: string | undefined): void {
  if (reason !== undefined) beforeEach(({ skip }) => skip(reason));
}

/** `describe`, or one whose tests say why they do nothing. */
export const describeUnless =
  (reason: string | undefined) =>
  (name: string, define: () => void): void =>
    void describe(name, () => {
      skipAll(reason);
      define();
    });

/** Tests that say what time it is: only stacks of this thread ask it. */
export const testOfTime = testUnless(NO_TIME);
export const describeTime = describeUnless(NO_TIME);

/** SharedArrayBuffer: a page that is not isolated has no such name, but shared memories all the same. */
export const SharedBuffer = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true }).buffer
  .constructor as SharedArrayBufferConstructor;

/** Whether two chunks hold the same bytes. */
export function sameBytes(one: Uint8Array | undefined, other: Uint8Array): boolean {
  if (one?.length !== other.length) return false;
  // As words where both allow it: a test compares gigabytes.
  const words = ((one.byteOffset | other.byteOffset) & 3) === 0 ? one.length >>> 2 : 0;
  const [a, b] = [one, other].map(
    ({ buffer, byteOffset }) => new Int32Array(buffer, words > 0 ? byteOffset : 0, words),
  ) as [Int32Array, Int32Array];
  for (let i = 0; i < words; i++) if (a[i] !== b[i]) return false;
  for (let i = words * 4; i < one.length; i++) if (one[i] !== other[i]) return false;
  return true;
}

/** Bytes that live objects take, garbage collected; undefined where it cannot be known. */
export function heapUsed(): number | undefined {
  const { Bun } = globalThis as { Bun?: { gc(wait: boolean): void } };
  if (Bun) Bun.gc(true);
  else if (globalThis.gc) globalThis.gc();
  else return undefined;
  return node?.memoryUsage().heapUsed;
}

/** ms of processor time that this process has used; undefined where it cannot be known. */
export function processorTime(): number | undefined {
  if (!node?.cpuUsage) return undefined;
  const { user, system } = node.cpuUsage();
  return (user + system) / 1000;
}

/** Runs a module, given as text, in a process of this runtime. @returns What it prints. */
export async function runProgram(text: string): Promise<string> {
  const { execFile } = await import('node:child_process');
  const { promisify } = await import('node:util');
  const { Deno, Bun } = globalThis as { Deno?: unknown; Bun?: unknown };
  const args = Deno ? ['eval', text] : Bun ? ['--eval', text] : ['--input-type=module', '-e', text];
  const run = promisify(execFile);
  return (await run(process.execPath, args, { timeout: 15_000 })).stdout;
}

/** Bytes of a file of the repository. */
export async function readUrl(url: URL): Promise<ArrayBuffer> {
  if (url.protocol !== 'file:') return (await fetch(url)).arrayBuffer();
  const { readFile } = await import('node:fs/promises');
  return new Uint8Array(await readFile(url)).buffer;
}
