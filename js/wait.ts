// SPDX-License-Identifier: MIT
// wait - who runs when: turns in microtasks, with the event loop let in at fixed times
//
// Theory of operation
//
// An inline engine runs its turns in microtasks: a write, the turn that sends it, the turn that
// receives it and the read that waits for it follow each other without the event loop between. A
// bulk transfer would thereby never let timers and I/O in. So time is cut into slices: the first
// turn of a slice schedules a macrotask, which ends the slice; when a slice has used SLICE ms, turns
// wait for that macrotask.

const SLICE = 2;

type Task = () => void;

let macrotask: ((task: Task) => void) | undefined;

/**
 * Runs a task after the event loop has gone round.
 *
 * @param task - Runs once.
 * @throws Never.
 */
export function afterEventLoop(task: Task): void {
  macrotask ??= makeMacrotask();
  macrotask(task);
}

function makeMacrotask(): (task: Task) => void {
  // In Node an open MessageChannel would keep the process alive; setImmediate does while it waits.
  const immediate = (globalThis as { setImmediate?: (task: Task) => unknown }).setImmediate;
  if (immediate) return (task) => void immediate(task);
  const channel = new MessageChannel();
  const tasks: Task[] = [];
  channel.port1.onmessage = () => tasks.shift()?.();
  return (task) => {
    tasks.push(task);
    channel.port2.postMessage(0);
  };
}

const queue: Task[] = [];
let microtaskPending = false;
let sliceOpen = false;
let sliceStart = 0;

function endSlice(): void {
  sliceOpen = false;
  if (queue.length > 0) runSoon();
}

function runSoon(): void {
  if (microtaskPending) return;
  if (!sliceOpen) {
    sliceOpen = true;
    sliceStart = performance.now();
    afterEventLoop(endSlice);
  } else if (performance.now() - sliceStart > SLICE) {
    return;
  }
  microtaskPending = true;
  queueMicrotask(run);
}

/** Runs what is queued now; what that queues runs in a later microtask, after its readers. */
function run(): void {
  try {
    for (let left = queue.length; left > 0; left--) queue.shift()?.();
  } finally {
    microtaskPending = false;
    if (queue.length > 0) runSoon();
  }
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
