// SPDX-License-Identifier: MIT
// answer - a worker's side of its calls; the page's is worker_client.ts

import type { Answer, Call } from '../worker_client.ts';

/** Answers the page's calls by functions; each may return a promise. */
export function answerCalls<C>(
  calls: {
    [K in keyof C]: C[K] extends (...args: infer A) => unknown ? (...args: A) => unknown : never;
  },
): void {
  const table = calls as Record<string, (...args: readonly unknown[]) => unknown>;
  const post = (answer: Answer): void => globalThis.postMessage(answer);
  addEventListener('message', async ({ data: { id, method, args } }: MessageEvent<Call>) => {
    try {
      post({ id, result: await table[method]?.(...args) });
    } catch (error) {
      post({ id, error: error instanceof Error ? error.message : String(error) });
    }
  });
}
