// SPDX-License-Identifier: MIT
// remote - a stack on a thread of its own: a file of its own, loaded when a stack is created so
//
// A page whose stacks run on its own thread does not download it.

export { WorkerEngine } from '../engine/worker.ts';
export { openThread } from '../runtime/thread.ts';
