// SPDX-License-Identifier: MIT
// scheduler - who runs when: turns in microtasks, with the event loop let in at fixed times
//
// Theory of operation
//
// An inline engine runs its turns in microtasks: a write, the turn that sends it, the turn that
// receives it and the read that waits for it follow each other without the event loop between. A
// bulk transfer would thereby never let timers and I/O in. So time is cut into slices: the first
// turn of a slice schedules a macrotask, which ends the slice; when a slice has used SLICE ms, turns
// wait for that macrotask. The clock is read once for all tasks of a microtask, and they are told.

const SLICE = 2;
/** Of who goes on without a stack that has to turn in between. */
const SHORT_SLICE = 1;

/** now: ms of performance.now(). */
type Task = (now: number) => void;
type Macrotask = () => void;

const settled = Promise.resolve();

let macrotask: ((task: Macrotask) => void) | undefined;

/**
 * Runs a task after the event loop has gone round.
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
 * Runs a task in a microtask. What queueMicrotask() of Node adds to that, its asynchronous hooks,
 * costs more than a turn's bookkeeping.
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

/** Runs what is queued now; what that queues runs in a later microtask, after its readers. */
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
 * What to wait for if microtasks have run for a whole slice without the event loop. Who could go on for
 * ever, since a stack in another thread never lets it wait, asks this before it does.
 *
 * @returns A promise that settles after the event loop, or undefined: it is not its turn.
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
 * @param task - Runs once; whoever calls keeps it from being queued twice.
 * @throws Never.
 */
export function schedule(task: Task): void {
  queue.push(task);
  runSoon();
}
