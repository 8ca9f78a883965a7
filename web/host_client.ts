// SPDX-License-Identifier: MIT
// host_client - the page's side of one of its workers: calls it, hears what it tells

import type { Call, Calls, Posted, Told } from './messages.ts';

interface Waiting {
  resolve(result: never): void;
  reject(error: Error): void;
}

/** A worker of workers/host.ts. */
export class HostClient {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #last = 0;

  constructor(name: string, onTold: (told: Told) => void) {
    this.#worker = new Worker(new URL('./host.js', import.meta.url), { type: 'module', name });
    this.#worker.addEventListener('message', ({ data }: MessageEvent<Posted>) => {
      if ('told' in data) return onTold(data);
      const waiting = this.#waiting.get(data.id);
      this.#waiting.delete(data.id);
      if (data.error === undefined) waiting?.resolve(data.result as never);
      else waiting?.reject(new Error(data.error));
    });
    this.#worker.addEventListener('error', (event) => {
      const error = new Error(event.message || 'Cannot load the worker');
      for (const { reject } of this.#waiting.values()) reject(error);
      this.#waiting.clear();
      onTold({ told: 'failed', what: `${name}: ${error.message}` });
    });
  }

  /** Calls it; settles with its answer. */
  call<K extends keyof Calls>(
    method: K,
    ...args: Parameters<Calls[K]>
  ): Promise<ReturnType<Calls[K]>> {
    const id = ++this.#last;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#worker.postMessage({ id, method, args } satisfies Call);
    });
  }
}
