// SPDX-License-Identifier: MIT
// worker_client - the page's side of one of its workers: calls, answers, notices
//
// A worker answers each call once ({ id, result } or { id, error }); every other message is a notice. The other
// side is workers/answer.ts.

/** Calls of a worker, by name. */
type CallTable<C> = { [K in keyof C]: (...args: never[]) => unknown };

/** A call without an answer yet. */
export interface Call {
  readonly id: number;
  readonly method: string;
  readonly args: readonly unknown[];
}

/** The answer to a call. */
export interface Answer {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: string;
}

/** A notice of a worker. */
interface ToldAny {
  readonly told: string;
}

interface Waiting {
  resolve(result: never): void;
  reject(error: Error): void;
}

/** A worker with calls C and notices T. */
export class WorkerClient<C extends CallTable<C>, T extends ToldAny> {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #last = 0;

  /**
   * @param worker - The worker, just started.
   * @param onTold - Called with each notice.
   * @param onFailure - Called with an error that no call caused, for example a script that cannot be loaded.
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

  /** Calls it, and gives it the ports among the arguments; settles with its answer. */
  call<K extends keyof C & string>(
    method: K,
    ...args: Parameters<C[K]>
  ): Promise<Awaited<ReturnType<C[K]>>> {
    const id = ++this.#last;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      const ports = args.filter((arg: unknown) => arg instanceof MessagePort);
      this.#worker.postMessage({ id, method, args } satisfies Call, ports);
    });
  }

  /** Terminates the worker; calls without an answer reject. */
  terminate(): void {
    this.#worker.terminate();
    this.#rejectAll(new Error('The worker was ended'));
  }

  #rejectAll(error: Error): void {
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}
