// SPDX-License-Identifier: MIT
// worker - starts a worker thread, whichever kind the runtime has

/** A thread that was started, as js/engine_worker.ts sees it. */
export interface Thread {
  post(message: unknown): void;
  /** Has a function called with each message. */
  onMessage(callback: (data: unknown) => void): void;
  /** Has a function called when it fails or ends by itself. */
  onEnd(callback: (error: Error) => void): void;
  terminate(): Promise<void>;
}

/** What createStack() takes as `worker`. */
export type WorkerSource = URL | string | (() => unknown);

/** The part of Node's Worker that is used. */
interface NodeWorker {
  postMessage(message: unknown): void;
  on(event: string, callback: (value: never) => void): void;
  terminate(): Promise<unknown>;
}

function nodeThread(worker: NodeWorker): Thread {
  return {
    post: (message) => worker.postMessage(message),
    onMessage: (callback) => worker.on('message', callback),
    onEnd: (callback) => {
      worker.on('error', (error: Error) => callback(error));
      worker.on('messageerror', (error: Error) => callback(error));
      worker.on('exit', (code: number) => callback(new Error(`it ended with code ${code}`)));
    },
    terminate: async () => {
      await worker.terminate();
    },
  };
}

function webThread(worker: Worker): Thread {
  return {
    post: (message) => worker.postMessage(message),
    onMessage: (callback) => {
      worker.addEventListener('message', (event) => callback(event.data));
    },
    onEnd: (callback) => {
      worker.addEventListener('error', (event) => {
        event.preventDefault?.();
        callback(new Error(event.message || 'it could not be loaded'));
      });
      worker.addEventListener('messageerror', () => callback(new Error('a message was lost')));
    },
    terminate: async () => worker.terminate(),
  };
}

async function open(source: URL | string | undefined): Promise<unknown> {
  if (typeof Worker === 'function') {
    return source === undefined
      ? new Worker(new URL('./../workers/engine.js', import.meta.url), { type: 'module' })
      : new Worker(source, { type: 'module' });
  }
  const threads = await import('node:worker_threads');
  const file = source ?? new URL('./../workers/engine.js', import.meta.url);
  // Not our own flags: some are refused there, others would load a program's hooks into it.
  return new threads.Worker(file instanceof URL ? file : new URL(file), { execArgv: [] });
}

/**
 * Starts the thread that turns a stack.
 *
 * @param source - Where its file is, or what makes a Worker of it; the package's own by default.
 * @returns The thread, which may still fail to load.
 * @throws {Error} What the runtime throws if it has no workers, or the URL is none.
 */
export async function openThread(source?: WorkerSource): Promise<Thread> {
  const worker = typeof source === 'function' ? await source() : await open(source);
  return typeof (worker as { on?: unknown }).on === 'function'
    ? nodeThread(worker as NodeWorker)
    : webThread(worker as Worker);
}
