// SPDX-License-Identifier: MIT
// worker - the service worker of a page that bridges: decides what is the server's, and has it answered
//
// Theory of operation
//
// A request is the server's if it is below a scope, or if a document asks that is below one: its absolute paths
// (/style.css) are meant for the server. A document that goes to a path of that kind is led back into the scope. All else
// is left to the network, and to other listeners of the script.
//
// Whether to answer has to be said at once, but a worker that was just started must first read its scopes, and
// look up the address of a client it does not know. Until then it answers everything, and fetches what is not
// its own.

import { handled } from '../../util/deferred.ts';
import type { ByWorker, ToWorker } from '../page/messages.ts';
import { RESERVED } from '../page/messages.ts';
import { refusal } from './answers.ts';
import { frameScript } from './frame.ts';
import { type Page, Pages } from './pages.ts';
import { pass } from './pass.ts';
import type { ClientMessage, FetchEvent, WorkerScope } from './scope.ts';
import { Store } from './store.ts';

/** Clients whose scope is kept in mind. */
const MAX_CLIENTS = 1000;

/** The way of a request: to a server below a scope; to its document's own path (a redirect); to the network. */
type Way =
  | { readonly scope: string; readonly path: string }
  | { readonly to: string }
  | 'network'
  | 'unknown';

/** The part of the worker that bridges. */
export class BridgeWorker {
  readonly #worker: WorkerScope;
  readonly #store: Store;
  readonly #pages: Pages;
  #scopes: readonly string[] | undefined;
  /** Scopes of clients; '': none. */
  readonly #clients = new Map<string, string>();

  constructor(worker: WorkerScope) {
    this.#worker = worker;
    this.#store = new Store(worker);
    this.#pages = new Pages(worker, this.#store);
    this.#pages.onChange = () => void handled(this.#load());
    handled(this.#load());
    handled(this.#store.prune());
  }

  async #load(): Promise<void> {
    const scopes = await this.#store.scopes();
    this.#scopes = scopes.sort((a, b) => b.length - a.length);
  }

  /** The scope of an address in our origin; undefined: none. */
  #scopeOf(address: string): string | undefined {
    if (address === '' || !URL.canParse(address)) return undefined;
    const { origin, pathname } = new URL(address);
    if (origin !== this.#worker.location.origin) return undefined;
    return this.#scopes?.find((scope) => pathname.startsWith(scope));
  }

  /** The way of a request, as far as it can be said at once. */
  #wayOf({ request, clientId }: FetchEvent): Way {
    if (!this.#scopes) return 'unknown';
    if (this.#scopes.length === 0) return 'network';
    const url = new URL(request.url);
    const path = url.pathname + url.search;
    const isOurs = url.origin === this.#worker.location.origin;
    if (!isOurs && !this.#pages.hasTarget(url.origin)) return 'network';
    const below = isOurs ? this.#scopeOf(request.url) : undefined;
    if (below !== undefined) return { scope: below, path: path.slice(below.length - 1) };
    if (request.mode === 'navigate') {
      const from = this.#scopeOf(request.referrer);
      return from === undefined ? 'network' : { to: `${from}${path.slice(1)}` };
    }
    const scope = clientId === '' ? '' : this.#clients.get(clientId);
    if (scope === undefined) return 'unknown';
    if (scope === '') return 'network';
    // A thread whose own address is below the scope is known from that.
    if (/^(?:shared)?worker$/.test(request.destination)) return { to: `${scope}${path.slice(1)}` };
    return { scope, path };
  }

  /** Reads what #wayOf() does not know. */
  async #learn({ clientId }: FetchEvent): Promise<void> {
    if (!this.#scopes) await this.#load();
    if (clientId === '' || this.#clients.has(clientId)) return;
    const client = await this.#worker.clients.get(clientId);
    if (this.#clients.size >= MAX_CLIENTS) this.#clients.clear();
    this.#clients.set(clientId, this.#scopeOf(client?.url ?? '') ?? '');
  }

  /** A client asks for something. */
  fetched(event: FetchEvent): void {
    const { cache, mode } = event.request;
    // Of developer tools; fetch() refuses it.
    if (cache === 'only-if-cached' && mode !== 'same-origin') return;
    const way = this.#wayOf(event);
    if (way !== 'network') event.respondWith(this.#respond(event, way));
  }

  async #respond(event: FetchEvent, known: Way): Promise<Response> {
    let way = known;
    if (way === 'unknown') {
      await this.#learn(event);
      way = this.#wayOf(event);
    }
    if (typeof way === 'string') return fetch(event.request);
    if ('to' in way) {
      const headers = { location: way.to };
      return new Response(null, { status: 307, headers });
    }
    return this.#serve(event, way.scope, way.path);
  }

  async #serve(event: FetchEvent, scope: string, path: string): Promise<Response> {
    const { request, clientId, resultingClientId } = event;
    const { referrer, mode } = request;
    const { origin } = this.#worker.location;
    const isDocument = mode === 'navigate';
    if (isDocument && URL.canParse(referrer) && new URL(referrer).origin !== origin) {
      const text = 'Another site leads here. Open it from this one, or by its address.';
      return refusal(403, 'Not from another site', text, true);
    }
    const page = await this.#pages.find(scope, { client: clientId, referrer });
    if (!page) {
      const text = 'The page that serves this is not open. Open it, and try again.';
      return refusal(503, 'Nobody serves this', text, isDocument);
    }
    if (resultingClientId !== '') this.#pages.own(resultingClientId, page);
    const from = this.#scopeOf(referrer) === scope ? this.#atServer(page, referrer) : '';
    try {
      if (path === `/${RESERVED}frame.js`) return await script(page, from);
      const tag = page.settings.injects
        ? `<script src="${scope}${RESERVED}frame.js"></script>`
        : '';
      return await pass(event, page, path, from, tag);
    } catch (error) {
      if (!page.signal.aborted) throw error;
      const text = 'The page that serves this was closed. Open it, and try again.';
      return refusal(503, 'Nobody serves this', text, isDocument);
    }
  }

  /** The server's URL of an address below its scope. */
  #atServer({ settings }: Page, address: string): string {
    const { pathname, search } = new URL(address);
    return `${settings.target}${pathname.slice(settings.scope.length - 1)}${search}`;
  }

  /** A client says something. */
  heard(event: ClientMessage): void {
    const message = event.data as ToWorker | null;
    const { source } = event;
    const [port] = event.ports;
    if (!port || !source || typeof message !== 'object') return;
    if (message?.ringstack === 'serve') event.waitUntil(this.#pages.add(source, message, port));
    if (message?.ringstack === 'frame')
      event.waitUntil(this.#frame(source.id, message.scope, port));
  }

  /** A framed document gives its port to the page that serves it. */
  async #frame(client: string, scope: string, port: MessagePort): Promise<void> {
    const page = await this.#pages.find(scope, { client, referrer: '' });
    const message: ByWorker = { type: 'frame' };
    page?.post(message, [port]);
  }

  /** Asks all pages whether they serve: another worker did before. */
  async activated(): Promise<void> {
    await this.#pages.ask();
  }
}

/** The script for a framed document. */
async function script(page: Page, from: string): Promise<Response> {
  const { port1, port2 } = new MessageChannel();
  const path = URL.canParse(from) ? new URL(from).pathname : '/';
  const cookies = new Promise<string>((resolve, reject) => {
    port1.onmessage = ({ data }: MessageEvent<string>) => resolve(data);
    page.signal.addEventListener('abort', () => reject(page.signal.reason), { once: true });
  });
  page.post({ type: 'cookies', path }, [port2]);
  const { scope, target, lock } = page.settings;
  const text = frameScript({ scope, target, lock, cookies: await cookies });
  port1.close();
  const headers = { 'content-type': 'text/javascript; charset=utf-8', 'cache-control': 'no-store' };
  return new Response(text, { headers });
}
