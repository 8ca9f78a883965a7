// SPDX-License-Identifier: MIT
// pages - the pages that serve, and which of them answers a request
//
// Theory of operation
//
// A page is known from its message `serve` on, until it closes the bridge or ends, which its lock tells. A worker
// that has just started knows none: it asks all pages of the origin, and waits for the one it needs.
//
// Several tabs may serve the same scope, each with a server of its own. A request of the page itself, or of a
// document that it serves, is for it. Nothing tells in which tab a document is loaded: then the page counts whose
// address the document was reached from, and after that the tab in front.

import { handled } from '../../util/deferred.ts';
import { holdLock, lockName, onReleased } from '../page/locks.ts';
import {
  type AskMessage,
  type ByPage,
  type ByWorker,
  type ServeMessage,
  VERSION,
} from '../page/messages.ts';
import type { Client, WorkerScope } from './scope.ts';
import type { Store } from './store.ts';

/** ms that a page is given to start and to serve, if there is one that might. */
const SERVE_TIMEOUT = 10_000;

/** A page that serves a scope. */
export class Page {
  readonly #controller = new AbortController();
  readonly #port: MessagePort;
  /** Of its client. */
  readonly id: string;
  readonly settings: ServeMessage;

  constructor(id: string, settings: ServeMessage, port: MessagePort) {
    this.id = id;
    this.settings = settings;
    this.#port = port;
  }

  /** Aborted when it has ended. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Posts something to it. */
  post(message: ByWorker, transfer: Transferable[] = []): void {
    this.#port.postMessage(message, transfer);
  }

  /** Calls a function when it wants to be forgotten. */
  set onLeave(leave: () => Promise<void>) {
    this.#port.onmessage = ({ data }: MessageEvent<ByPage>) => {
      if (data.type === 'close') void leave();
    };
  }

  /** It has ended. */
  end(): void {
    this.#controller.abort(new Error('The page that serves this was closed'));
  }
}

/** All that is known of the source of a request. */
export interface Asker {
  /** Its client; '': not known. */
  readonly client: string;
  /** Address that it comes from; '': not known. */
  readonly referrer: string;
}

/** The pages that serve. */
export class Pages {
  readonly #worker: WorkerScope;
  readonly #store: Store;
  /** The newest last. */
  #pages: Page[] = [];
  readonly #waiting = new Set<() => void>();
  /** Name of our lock, once it is held. */
  #lock: Promise<string> | undefined;
  readonly #owners = new Map<string, string>();

  constructor(worker: WorkerScope, store: Store) {
    this.#worker = worker;
    this.#store = store;
  }

  /** Origins of the servers. */
  hasTarget(origin: string): boolean {
    return this.#pages.some(({ settings }) => settings.target === origin);
  }

  async #held(): Promise<string> {
    const name = lockName();
    await holdLock(name);
    return name;
  }

  /** Takes a page's offer. */
  async add(client: Client, settings: ServeMessage, port: MessagePort): Promise<void> {
    this.#lock ??= this.#held();
    const lock = await this.#lock;
    const page = new Page(client.id, settings, port);
    if (settings.version !== VERSION) return page.post({ type: 'ready', version: VERSION, lock });
    const { scope } = settings;
    await this.#store.addScope(scope);
    await this.#worker.clients.claim();
    onReleased(settings.lock, page.signal, () => {
      this.#remove(page);
      page.end();
    });
    await this.#store.setOwner(page.id, page.id);
    page.onLeave = async () => {
      this.#remove(page);
      for (const [document, id] of this.#owners) if (id === page.id) this.#owners.delete(document);
      await this.#store.removeOwner(page.id);
      if (!this.#serving(scope)[0]) await this.#store.removeScope(scope);
      this.onChange();
      page.post({ type: 'closed' });
      page.end();
    };
    this.#pages = this.#pages.filter((one) => one.id !== page.id || one.settings.scope !== scope);
    this.#pages.push(page);
    this.onChange();
    page.post({ type: 'ready', version: VERSION, lock });
    for (const wake of this.#waiting) wake();
  }

  /** Called when scopes have come or gone. */
  onChange: () => void = () => {};

  #remove(page: Page): void {
    this.#pages = this.#pages.filter((one) => one !== page);
  }

  #serving(scope: string): Page[] {
    return this.#pages.filter(({ settings }) => settings.scope === scope);
  }

  /** Remembers which page serves a document. */
  own(document: string, page: Page): void {
    this.#owners.set(document, page.id);
    handled(this.#store.setOwner(document, page.id));
  }

  /**
   * The page that answers a request.
   *
   * @param scope - Of the request.
   * @param asker - The source of the request.
   * @returns The page; undefined if there is none.
   */
  async find(scope: string, asker: Asker): Promise<Page | undefined> {
    const own = await this.#ownerOf(asker.client);
    const isOwn = (page: Page): boolean => page.id === own;
    if (own !== undefined) {
      const page = this.#serving(scope).find(isOwn) ?? (await this.#wait(scope, own));
      if (page) return page;
    }
    const serving = this.#serving(scope);
    if (serving.length <= 1) return serving[0] ?? this.#wait(scope, undefined);
    return this.#likely(serving, asker);
  }

  /** The page that serves a client: itself, if it is one that serves. */
  async #ownerOf(client: string): Promise<string | undefined> {
    if (client === '' || this.#pages.some(({ id }) => id === client)) return client || undefined;
    const owner = this.#owners.get(client) ?? (await this.#store.ownerOf(client));
    if (owner !== undefined) this.#owners.set(client, owner);
    return owner;
  }

  /** Asks all pages, and waits for one of them, or for any. */
  async #wait(scope: string, id: string | undefined): Promise<Page | undefined> {
    const clients = await this.#windows();
    const couldServe = clients.some((client) =>
      id === undefined ? !new URL(client.url).pathname.startsWith(scope) : client.id === id,
    );
    if (!couldServe) return undefined;
    for (const client of clients) client.postMessage({ ringstack: 'ask' } satisfies AskMessage);
    return new Promise((resolve) => {
      const done = (page: Page | undefined): void => {
        clearTimeout(timer);
        this.#waiting.delete(look);
        resolve(page);
      };
      const look = (): void => {
        const page = this.#serving(scope).find((one) => id === undefined || one.id === id);
        if (page) done(page);
      };
      const timer = setTimeout(() => done(undefined), SERVE_TIMEOUT);
      this.#waiting.add(look);
      look();
    });
  }

  #windows(): Promise<readonly Client[]> {
    return this.#worker.clients.matchAll({ includeUncontrolled: true, type: 'window' });
  }

  /** One of several. */
  async #likely(serving: readonly Page[], { referrer }: Asker): Promise<Page | undefined> {
    const clients = await this.#windows();
    const found = new Set<Page>();
    for (const { id, url } of clients) {
      if (url.replace(/#.*/s, '') !== referrer) continue;
      const owner = await this.#ownerOf(id);
      for (const page of serving) if (page.id === owner) found.add(page);
    }
    const [first, ...others] = found;
    if (first && others.length === 0) return first;
    const rank = ({ id }: Page): number => {
      const client = clients.find((one) => one.id === id);
      return client?.focused ? 2 : client?.visibilityState === 'visible' ? 1 : 0;
    };
    const choice = first ? [...found] : serving;
    return choice.reduce((best, page) => (rank(page) >= rank(best) ? page : best));
  }

  /** Asks all pages whether they serve. */
  async ask(): Promise<void> {
    const message: AskMessage = { ringstack: 'ask' };
    for (const client of await this.#windows()) client.postMessage(message);
  }
}
