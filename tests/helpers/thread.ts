// SPDX-License-Identifier: MIT
// thread - a worker thread for tests, of node:worker_threads or of the web, whichever the runtime has

import { onTestFinished } from 'vitest';
import { HAS_NODE_THREADS } from './runtime.ts';

/** The common part of both kinds of Worker. */
interface AnyWorker {
  postMessage(message: unknown): void;
  terminate(): unknown;
}

/** Node's method instead of addEventListener(). */
interface NodeWorker extends AnyWorker {
  on(event: 'message', callback: (data: unknown) => void): void;
}

/** A program as text, with postMessage() in Node too. */
const PRELUDE =
  "globalThis.postMessage ??= (data) => require('node:worker_threads').parentPort.postMessage(data);";

/** Node's class; asked for when it is needed, since pages have none. */
const nodeThreads = (): typeof import('node:worker_threads') =>
  process.getBuiltinModule('node:worker_threads');

/** Starts a worker from a file: a Worker as the runtime has it, for createStack(). */
export function workerAt(url: URL): AnyWorker {
  if (!HAS_NODE_THREADS) return new Worker(url, { type: 'module' });
  return new (nodeThreads().Worker)(url, { execArgv: [] });
}

/** Starts a worker that runs some text. */
export function workerOf(code: string): AnyWorker {
  if (HAS_NODE_THREADS) {
    return new (nodeThreads().Worker)(PRELUDE + code, { eval: true, execArgv: [] });
  }
  const url = URL.createObjectURL(new Blob([code], { type: 'text/javascript' }));
  // Deno has no others than modules.
  return new Worker(url, { type: 'module' });
}

/** A thread that is ended with the test. */
export class TestThread {
  readonly #worker: AnyWorker;

  /** @param onMessage - Called with all that it posts. */
  constructor(url: URL, onMessage: (data: unknown) => void) {
    this.#worker = workerAt(url);
    if (HAS_NODE_THREADS) (this.#worker as NodeWorker).on('message', onMessage);
    else (this.#worker as Worker).onmessage = ({ data }) => onMessage(data);
    onTestFinished(async () => void (await this.#worker.terminate()));
  }

  post(message: unknown): void {
    this.#worker.postMessage(message);
  }

  async terminate(): Promise<void> {
    await this.#worker.terminate();
  }
}
