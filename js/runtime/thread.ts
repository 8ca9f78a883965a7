// SPDX-License-Identifier: MIT
// thread - starts a worker thread, whichever kind the runtime has: loaded when a stack has one

import { NetError } from '../errors.ts';
import { unref } from '../util/process.ts';
import { builtin } from './builtin.ts';

const ACTION = 'Cannot start the worker of a stack';

/**
 * A thread that was started, as js/engine/worker.ts sees it. It does not keep the process alive, if the runtime allows
 * that: what its stack has open does (js/util/process.ts).
 */
export interface Thread {
  post(message: unknown): void;
  /** Calls a function with each message, the first included. */
  onMessage(callback: (data: unknown) => void): void;
  /** Resolves when it fails or ends by itself. */
  readonly ended: Promise<Error>;
  terminate(): Promise<void>;
}

/** The `worker` option of createStack(). */
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
    onMessage: (callback) => {
      worker.on('message', callback);
      unref(worker); // after on(), which undoes it
    },
    ended: new Promise((resolve) => {
      worker.on('error', resolve);
      worker.on('messageerror', resolve);
      worker.on('exit', (code: number) => resolve(new Error(`it ended with code ${code}`)));
    }),
    terminate: async () => {
      await worker.terminate();
    },
  };
}

/** Listens before anything is awaited: Deno may fire an event in a microtask, and an error without a listener is fatal. */
function webThread(worker: Worker): Thread {
  const early: unknown[] = [];
  let take = (data: unknown): void => void early.push(data);
  worker.addEventListener('message', (event) => take(event.data));
  return {
    post: (message) => worker.postMessage(message),
    onMessage: (callback) => {
      take = callback;
      unref(worker);
      early.forEach(callback);
    },
    ended: new Promise((resolve) => {
      worker.addEventListener('error', (event) => {
        event.preventDefault?.();
        resolve(new Error(event.message || 'it could not be loaded'));
      });
      worker.addEventListener('messageerror', () => resolve(new Error('a message was lost')));
    }),
    terminate: async () => worker.terminate(),
  };
}

/** The package's file of a thread, as dist/index.js sees it. */
export interface WorkerFile {
  /** Makes a Worker of it where the runtime has that class. */
  open(): Worker;
  /** The URL of dist/index.js, which it is next to. */
  readonly base: string;
}

/** Deno and Bun have both kinds. In Deno only Node's has unref(). */
function open(source: URL | string | undefined, own: WorkerFile): unknown {
  const threads = builtin('node:worker_threads');
  if (typeof Worker === 'function' && (!threads || 'unref' in Worker.prototype)) {
    return source === undefined ? own.open() : new Worker(source, { type: 'module' });
  }
  if (!threads) throw new NetError('ENOTSUP', ACTION, { reason: 'this runtime has no workers' });
  // The same file; bundlers would take another `new URL('…', import.meta.url)` for a second copy.
  const file = source ?? new URL('./workers/engine.js', own.base);
  // Without the flags of this process: workers refuse some, others would load a program's hooks.
  return new threads.Worker(file instanceof URL ? file : new URL(file), { execArgv: [] });
}

/**
 * Starts the thread of a worker engine.
 *
 * @param own - The package's file.
 * @param source - URL of another, or a function that makes a Worker of it; the package's own by default.
 * @returns The thread, which may still fail to load.
 * @throws {NetError} ENOTSUP if the runtime has no workers, or this page may not share memory with one.
 * @throws {Error} If it is no URL: the error of the runtime.
 */
export async function openThread(own: WorkerFile, source?: WorkerSource): Promise<Thread> {
  if (globalThis.crossOriginIsolated === false) {
    const reason =
      'the page is not cross-origin isolated; it needs the response headers ' +
      "'Cross-Origin-Opener-Policy: same-origin' and 'Cross-Origin-Embedder-Policy: require-corp' " +
      "(or 'credentialless')";
    throw new NetError('ENOTSUP', ACTION, { reason });
  }
  const made = typeof source === 'function' ? source() : open(source, own);
  // An await only if it is needed: see webThread().
  const worker = typeof (made as PromiseLike<unknown>).then === 'function' ? await made : made;
  return typeof (worker as { on?: unknown }).on === 'function'
    ? nodeThread(worker as NodeWorker)
    : webThread(worker as Worker);
}
