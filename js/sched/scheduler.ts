// SPDX-License-Identifier: MIT
// scheduler - runs turns in microtasks, and lets the event loop run at fixed times
//
// Theory of operation
//
// An inline engine runs its turns in microtasks: a write, the turn that sends it, the turn that
// receives it and the read that waits for it follow each other without the event loop between. So a
// bulk transfer would starve timers and I/O. Time is therefore cut into slices: the first turn of a
// slice schedules a macrotask, which ends the slice; after SLICE ms of a slice, turns wait for that
// macrotask. The clock is read once for all tasks of a microtask; each gets the time.

/** ms */
const SLICE = 2;
/** ms of a slice in a loop that needs no turn of a stack of this thread. */
const SHORT_SLICE = 1;

/** now: ms of performance.now(). */
type Task = (now: number) => void;
type Macrotask = () => void;

const settled = Promise.resolve();

let macrotask: ((task: Macrotask) => void) | undefined;

/**
 * Runs a task in a macrotask: timers and I/O run before.
 *
 * @param task - Runs once.
 * @throws Never.
 */
export function afterEventLoop(task: Macrotask): void {
  macrotask ??= makeMacrotask();
  macrotask(task);
}

function makeMacrotask(): (task: Macrotask) => void {
  // In Node an open MessageChannel would keep the process alive; setImmediate does while it waits.
  const immediate = (globalThis as { setImmediate?: (task: Macrotask) => unknown }).setImmediate;
  if (immediate) return (task) => void immediate(task);
  const channel = new MessageChannel();
  const tasks: Macrotask[] = [];
  channel.port1.onmessage = () => tasks.shift()?.();
  return (task) => {
    tasks.push(task);
    channel.port2.postMessage(0);
  };
}

/**
 * Runs a task in a microtask. queueMicrotask() of Node adds its asynchronous hooks, which cost more than
 * the bookkeeping of a turn.
 *
 * @param task - Runs once; what it throws is an unhandled rejection.
 * @throws Never.
 */
export function nextMicrotask(task: () => void): void {
  void settled.then(task);
}

const queue: Task[] = [];
let microtaskPending = false;
let sliceOpen = false;
let sliceUsed = false;
let sliceStart = 0;

function endSlice(): void {
  sliceOpen = false;
  sliceUsed = false;
  if (queue.length > 0) runSoon();
}

function runSoon(): void {
  if (microtaskPending || sliceUsed) return;
  if (!sliceOpen) {
    sliceOpen = true;
    sliceStart = performance.now();
    afterEventLoop(endSlice);
  }
  microtaskPending = true;
  nextMicrotask(run);
}

/** Runs the tasks that are queued now; those they queue run in a later microtask, after readers. */
function run(): void {
  const now = performance.now();
  sliceUsed = now - sliceStart > SLICE;
  try {
    for (let left = sliceUsed ? 0 : queue.length; left > 0; left--) queue.shift()?.(now);
  } finally {
    microtaskPending = false;
    if (queue.length > 0) runSoon();
  }
}

/**
 * Says whether turns wait for the event loop.
 *
 * @returns Whether the slice is used up.
 * @throws Never.
 */
export function isSliceUsed(): boolean {
  return sliceOpen && performance.now() - sliceStart > SLICE;
}

/**
 * Call before continuing a loop that may never block, since the stack is in another thread.
 *
 * @returns A promise if the event loop is overdue; it settles after the event loop has run.
 * @throws Never.
 */
export function pauseIfOverdue(): Promise<void> | undefined {
  const now = performance.now();
  if (sliceOpen) {
    return now - sliceStart > SHORT_SLICE ? new Promise(afterEventLoop) : undefined;
  }
  sliceOpen = true;
  sliceStart = now;
  afterEventLoop(endSlice);
  return undefined;
}

/**
 * Runs a task soon: in a microtask, or after the event loop when the slice is used up.
 *
 * @param task - Runs once; the caller must not queue it twice.
 * @throws Never.
 */
export function schedule(task: Task): void {
  queue.push(task);
  runSoon();
}
