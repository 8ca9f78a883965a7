// SPDX-License-Identifier: MIT
// worker_client - the page's side of one of its workers: calls it, hears what it tells
//
// A worker answers each call once ({ id, result } or { id, error }); whatever else it posts is told. The
// other side is workers/answer.ts.

/** Calls of a worker, by name. */
type CallTable<C> = { [K in keyof C]: (...args: never[]) => unknown };

/** A call on its way. */
export interface Call {
  readonly id: number;
  readonly method: string;
  readonly args: readonly unknown[];
}

/** The answer to one. */
export interface Answer {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: string;
}

/** What a worker may tell unasked. */
interface ToldAny {
  readonly told: string;
}

interface Waiting {
  resolve(result: never): void;
  reject(error: Error): void;
}

/** A worker whose calls are C and which tells T. */
export class WorkerClient<C extends CallTable<C>, T extends ToldAny> {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #last = 0;

  /**
   * @param worker - Just started.
   * @param onTold - Is given what the worker tells.
   * @param onFailure - Is told of an error that no call caused, such as a script that cannot be loaded.
   */
  constructor(worker: Worker, onTold: (told: T) => void, onFailure: (what: string) => void) {
    this.#worker = worker;
    worker.addEventListener('message', ({ data }: MessageEvent<T | Answer>) => {
      if ('told' in data) return onTold(data);
      const waiting = this.#waiting.get(data.id);
      this.#waiting.delete(data.id);
      if (data.error === undefined) waiting?.resolve(data.result as never);
      else waiting?.reject(new Error(data.error));
    });
    worker.addEventListener('error', (event) => {
      const error = new Error(event.message || 'Cannot load the worker');
      this.#rejectAll(error);
      onFailure(error.message);
    });
  }

  /** Calls it; settles with its answer. */
  call<K extends keyof C & string>(
    method: K,
    ...args: Parameters<C[K]>
  ): Promise<Awaited<ReturnType<C[K]>>> {
    const id = ++this.#last;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#worker.postMessage({ id, method, args } satisfies Call);
    });
  }

  /** Ends the worker where it is; calls that wait reject. */
  terminate(): void {
    this.#worker.terminate();
    this.#rejectAll(new Error('The worker was ended'));
  }

  #rejectAll(error: Error): void {
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}
