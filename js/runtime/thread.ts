// SPDX-License-Identifier: MIT
// thread - starts a worker thread, whichever kind the runtime has

import { NetError } from '../errors.ts';
import { builtin } from './builtin.ts';

const ACTION = 'Cannot start the worker of a stack';

/** A thread that was started, as js/engine/worker.ts sees it. */
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
    onMessage: (callback) => worker.on('message', callback),
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

function open(source: URL | string | undefined): unknown {
  if (typeof Worker === 'function') {
    // As seen from dist/index.js, and written so that bundlers take the file along.
    return source === undefined
      ? new Worker(new URL('./workers/engine.js', import.meta.url), { type: 'module' })
      : new Worker(source, { type: 'module' });
  }
  const threads = builtin('node:worker_threads');
  if (!threads) throw new NetError('ENOTSUP', ACTION, { reason: 'this runtime has no workers' });
  // The same file; bundlers would take another `new URL('…', import.meta.url)` for a second copy.
  const here = import.meta.url;
  const file = source ?? new URL('./workers/engine.js', here);
  // Without the flags of this process: workers refuse some, others would load a program's hooks.
  return new threads.Worker(file instanceof URL ? file : new URL(file), { execArgv: [] });
}

/**
 * Tells why a worker cannot run a stack of this page.
 *
 * @returns The reason; undefined if there is none.
 * @throws Never.
 */
export function whyNoThread(): string | undefined {
  if (globalThis.crossOriginIsolated !== false) return undefined;
  return (
    'the page is not cross-origin isolated; it needs the response headers ' +
    "'Cross-Origin-Opener-Policy: same-origin' and 'Cross-Origin-Embedder-Policy: require-corp' " +
    "(or 'credentialless')"
  );
}

/**
 * Tells whether this is the main thread of a page: it must not be kept busy, and its timers are slow
 * while the page is hidden.
 *
 * @returns Whether it does.
 * @throws Never.
 */
export function isPageThread(): boolean {
  return globalThis.crossOriginIsolated !== undefined && typeof document === 'object';
}

/**
 * Starts the thread of a worker engine.
 *
 * @param source - URL of its file, or a function that makes a Worker of it; the package's own by default.
 * @returns The thread, which may still fail to load.
 * @throws {NetError} ENOTSUP if the runtime has no workers, or this page may not share memory with one.
 * @throws {Error} If it is no URL: the error of the runtime.
 */
export async function openThread(source?: WorkerSource): Promise<Thread> {
  const reason = whyNoThread();
  if (reason) throw new NetError('ENOTSUP', ACTION, { reason });
  const made = typeof source === 'function' ? source() : open(source);
  // An await only if it is needed: see webThread().
  const worker = typeof (made as PromiseLike<unknown>).then === 'function' ? await made : made;
  return typeof (worker as { on?: unknown }).on === 'function'
    ? nodeThread(worker as NodeWorker)
    : webThread(worker as Worker);
}
