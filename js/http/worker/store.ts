// SPDX-License-Identifier: MIT
// store - what the worker has to know again when the browser has stopped it and starts it anew
//
// Two things: scopes, so that a request below one is not sent to the network; and for each framed document the page
// that serves it, so that of two tabs each frame keeps its own server. Both are names of entries in a cache.

import type { WorkerScope } from './scope.ts';

const CACHE = 'ringstack bridges';

/** The store. */
export class Store {
  readonly #worker: WorkerScope;

  constructor(worker: WorkerScope) {
    this.#worker = worker;
  }

  /** The URL that stands for an entry; it is never fetched. */
  #key(kind: string, value: string): string {
    return `${this.#worker.location.origin}/~ringstack/${kind}?${encodeURIComponent(value)}`;
  }

  async #put(key: string, text: string): Promise<void> {
    await (await caches.open(CACHE)).put(key, new Response(text));
  }

  async #values(kind: string): Promise<string[]> {
    const start = this.#key(kind, '');
    const requests = await (await caches.open(CACHE)).keys();
    return requests
      .filter(({ url }) => url.startsWith(start))
      .map(({ url }) => decodeURIComponent(url.slice(start.length)));
  }

  /** All scopes. */
  scopes(): Promise<string[]> {
    return this.#values('scope');
  }

  /** Remembers a scope. */
  addScope(scope: string): Promise<void> {
    return this.#put(this.#key('scope', scope), '');
  }

  /** Forgets a scope. */
  async removeScope(scope: string): Promise<void> {
    await (await caches.open(CACHE)).delete(this.#key('scope', scope));
  }

  /** The page that serves a document. */
  async ownerOf(document: string): Promise<string | undefined> {
    const entry = await (await caches.open(CACHE)).match(this.#key('owner', document));
    return entry?.text();
  }

  /** Remembers the page that serves a document. */
  setOwner(document: string, page: string): Promise<void> {
    return this.#put(this.#key('owner', document), page);
  }

  /** Forgets which documents a page serves. */
  async removeOwner(page: string): Promise<void> {
    const cache = await caches.open(CACHE);
    for (const document of await this.#values('owner')) {
      if ((await this.ownerOf(document)) === page) await cache.delete(this.#key('owner', document));
    }
  }

  /** Forgets documents that are gone. */
  async prune(): Promise<void> {
    const cache = await caches.open(CACHE);
    for (const document of await this.#values('owner')) {
      if (!(await this.#worker.clients.get(document))) {
        await cache.delete(this.#key('owner', document));
      }
    }
  }
}
