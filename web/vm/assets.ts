// SPDX-License-Identifier: MIT
// assets - loads the guest's files, and keeps them in the browser's Cache API
//
// A file's name changes with its content, so one that is kept is never asked for again, whatever the host
// says about caching; files that the page no longer names are deleted. Without the Cache API (in a page that is
// no secure context) or without room in it, files are loaded each time.

import type { GuestFile } from './messages.ts';

const CACHE = 'ringstack-vm';

/** Files of the page, loaded one by one. */
export class Assets {
  readonly #base: string;
  readonly #onProgress: (done: number, total: number) => void;
  readonly #cache: Promise<Cache | undefined>;
  #done = 0;
  #total = 0;
  /** Whether each of them was kept before. */
  isCached = true;

  /**
   * @param base - URL of the page.
   * @param onProgress - Called with the bytes loaded so far, and the bytes of all files.
   */
  constructor(base: string, onProgress: (done: number, total: number) => void) {
    this.#base = base;
    this.#onProgress = onProgress;
    this.#cache =
      typeof caches === 'undefined'
        ? Promise.resolve(undefined)
        : caches.open(CACHE).catch(() => undefined);
  }

  /**
   * Loads a file.
   *
   * @param file - Its path and size.
   * @returns Its content.
   * @throws If the host does not have it.
   */
  async load(file: GuestFile): Promise<ArrayBuffer> {
    const bytes = await this.#get(file);
    return bytes.byteLength === bytes.buffer.byteLength ? bytes.buffer : bytes.slice().buffer;
  }

  async #get({ path, size }: GuestFile): Promise<Uint8Array<ArrayBuffer>> {
    this.#total += size;
    const url = new URL(path, this.#base).href;
    const cache = await this.#cache;
    const kept = await cache?.match(url);
    if (kept) return this.#read(kept, path, size);
    this.isCached = false;
    if (!cache || !navigator.locks) return this.#read(await fetch(url), path, size);
    return new Promise((done, fail) => {
      const load = async (): Promise<void> => {
        const other = await cache.match(url);
        const bytes = await this.#read(other ?? (await fetch(url)), path, size);
        done(bytes);
        // A file that does not fit is loaded again next time.
        if (!other) await cache.put(url, new Response(bytes)).catch(() => {});
      };
      navigator.locks.request(`${CACHE} ${url}`, load).catch(fail);
    });
  }

  /** Deletes kept files that are not among some files. */
  async prune(files: readonly GuestFile[]): Promise<void> {
    const cache = await this.#cache;
    const wanted = new Set(files.map(({ path }) => new URL(path, this.#base).href));
    for (const { url } of (await cache?.keys()) ?? []) {
      if (!wanted.has(url)) await cache?.delete(url);
    }
  }

  async #read(response: Response, path: string, size: number): Promise<Uint8Array<ArrayBuffer>> {
    const { ok, body, status, statusText } = response;
    if (!ok || !body) throw new Error(`Cannot load ${path}: ${status} ${statusText}`);
    let bytes = new Uint8Array(size);
    let at = 0;
    for await (const piece of body) {
      if (at + piece.length > bytes.length) {
        const larger = new Uint8Array(Math.max(bytes.length * 2, at + piece.length));
        larger.set(bytes);
        bytes = larger;
      }
      bytes.set(piece, at);
      at += piece.length;
      this.#done += piece.length;
      this.#onProgress(this.#done, this.#total);
    }
    return bytes.subarray(0, at);
  }
}
