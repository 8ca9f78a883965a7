// SPDX-License-Identifier: MIT
// bridge - bridgeServiceWorker(): a server of the stack at a path of the page
//
// Theory of operation
//
// The browser asks the page's service worker for everything below the scope: documents in frames, images,
// fetch(). The worker (js/http/worker/) passes it on to this page, by a port; this page asks the server over the
// stack. The worker remembers scopes, and forgets pages whenever the browser stops it; see session.ts.

import { NetError } from '../../errors.ts';
import { AbortGroup, untilAborted, withDeadline } from '../../util/abort.ts';
import { any, checkOptions, checkValue, flag } from '../../util/check.ts';
import { Deferred } from '../../util/deferred.ts';
import type { HttpApi } from '../types.ts';
import type { Server } from './answer.ts';
import { CookieJar } from './cookies.ts';
import { Frames } from './frames.ts';
import { holdLock, lockName } from './locks.ts';
import { type AskMessage, type ServeMessage, VERSION } from './messages.ts';
import { activeOf, registrationOf, requirePage } from './registration.ts';
import { Session } from './session.ts';

const ACTION = 'Cannot bridge to a service worker';
/** ms that a worker is given to start and to answer. */
const READY_TIMEOUT = 20_000;
/** ms that a worker is given to forget us. */
const CLOSE_TIMEOUT = 2000;

/** Options of bridgeServiceWorker(). */
export interface ServiceWorkerBridgeOptions {
  /**
   * Path of the page's origin at which the server is seen, such as `/vm/`. It ends with a slash, is below the
   * worker's own scope, and the page itself is not below it.
   */
  readonly scope: string | URL;
  /** Origin of the server as the stack reaches it, such as `http://10.0.0.2:8080`. */
  readonly target: string | URL;
  /**
   * The page's service worker, which imports `ringstack/service-worker`: the URL of its script, or a registration.
   * @default 'sw.js', relative to the page
   */
  readonly worker?: string | URL | ServiceWorkerRegistration;
  /**
   * Whether documents get a script in front of all others, which gives them WebSockets to the server, and its
   * cookies as `document.cookie`.
   * @default true
   */
  readonly inject?: boolean;
}

/**
 * A bridge that is open.
 *
 * @example
 * ```ts
 * import { bridgeServiceWorker, createHttp } from 'ringstack/http';
 *
 * const http = await createHttp(stack);
 * await using bridge = await bridgeServiceWorker(http, { scope: '/vm/', target: 'http://10.0.0.2' });
 * const response = await fetch(`${bridge.url}status.json`);
 * ```
 */
export interface ServiceWorkerBridge extends AsyncDisposable {
  /** Address of the server as the page sees it: for iframes, images and fetch(). */
  readonly url: string;
  /** The page's service worker. */
  readonly registration: ServiceWorkerRegistration;
  /**
   * Ends it: what is asked for from then on is answered by another page of the same scope, or by the network.
   *
   * @throws Never.
   */
  close(): Promise<void>;
}

/** Options, checked and resolved. */
interface Settings {
  readonly scope: URL;
  readonly target: string;
  readonly injects: boolean;
}

const refuse = (name: string, value: unknown, needed: string): never => {
  checkValue(ACTION, name, value, () => needed);
  throw new TypeError('not reached');
};

function urlOf(name: string, given: unknown, base: string | undefined): URL {
  try {
    return new URL(String(given), base);
  } catch {
    return refuse(name, given, 'a URL');
  }
}

function settingsOf({ scope, target, inject = true }: ServiceWorkerBridgeOptions): Settings {
  const at = urlOf('scope', scope, document.baseURI);
  if (at.origin !== location.origin) refuse('scope', scope, "of the page's own origin");
  if (!at.pathname.endsWith('/') || at.search !== '' || at.hash !== '') {
    refuse('scope', scope, 'a path that ends with a slash');
  }
  if (location.pathname.startsWith(at.pathname)) {
    refuse('scope', scope, 'a path that the page itself is not below');
  }
  const server = urlOf('target', target, undefined);
  const isOrigin = /^https?:$/.test(server.protocol) && server.href === `${server.origin}/`;
  if (!isOrigin) refuse('target', target, "an origin, such as 'http://10.0.0.2:8080'");
  return { scope: at, target: server.origin, injects: inject };
}

/** A bridge: its sessions with the lives of the worker. */
class Bridge implements ServiceWorkerBridge {
  readonly url: string;
  readonly registration: ServiceWorkerRegistration;
  readonly #serve: ServeMessage;
  readonly #server: Server;
  readonly #frames: Frames;
  readonly #controller = new AbortController();
  readonly #sessions = new Set<Session>();
  readonly #release: () => void;
  readonly #ready = new Deferred();
  #closing: Promise<void> | undefined;

  constructor(
    http: Server['http'],
    { scope, target, injects }: Settings,
    registration: ServiceWorkerRegistration,
    lock: string,
    release: () => void,
  ) {
    this.url = scope.href;
    this.registration = registration;
    this.#release = release;
    this.#serve = {
      ringstack: 'serve',
      version: VERSION,
      scope: scope.pathname,
      target,
      lock,
      isIsolated: globalThis.crossOriginIsolated === true,
      injects,
    };
    this.#server = {
      http,
      target,
      scope: scope.pathname,
      cookies: new CookieJar(),
      onCookies: () => this.#frames.tellCookies(),
    };
    this.#frames = new Frames(this.#server, this.#controller.signal);
    navigator.serviceWorker.addEventListener('message', this.#heard);
    navigator.serviceWorker.startMessages();
  }

  /** A worker that has started asks for pages that serve. */
  readonly #heard = ({ data, source }: MessageEvent<AskMessage | null>): void => {
    if (data?.ringstack === 'ask' && source) this.#offer(source as ServiceWorker);
  };

  #offer(worker: ServiceWorker): void {
    if (this.#closing) return;
    const session = new Session(worker, this.#serve, this.#server, this.#frames);
    this.#sessions.add(session);
    session.onEnd = () => this.#sessions.delete(session);
    session.ready.promise.then((version) => {
      if (version === VERSION) return this.#ready.resolve();
      const reason = 'page and worker are of different versions of the package';
      this.#ready.reject(new NetError('EPROTO', ACTION, { reason }));
    });
  }

  /** Waits until the worker passes requests on to us. */
  start(): Promise<void> {
    const slow = (): NetError => {
      const reason = `the worker does not answer: does its script import 'ringstack/service-worker'?`;
      return new NetError('ETIMEDOUT', ACTION, { reason });
    };
    return withDeadline(READY_TIMEOUT, slow, new AbortGroup(), undefined, async (signal) => {
      this.#offer(await activeOf(this.registration, signal));
      await untilAborted(this.#ready.promise, signal);
    });
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    navigator.serviceWorker.removeEventListener('message', this.#heard);
    const left = [...this.#sessions].map((session) => session.leave(CLOSE_TIMEOUT));
    await Promise.all(left);
    this.#controller.abort(new Error('The bridge was closed'));
    this.#release();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/**
 * Shows a server of the stack, or of a guest behind it, at a path of the page: documents in an iframe, images,
 * scripts, fetch(), streams both ways, server-sent events, and the WebSockets of those documents. It takes a
 * service worker whose script imports `ringstack/service-worker`, and a secure context (https:, localhost); no
 * cross-origin isolation.
 *
 * Scripts of the server run in the page's own origin: see the guide.
 *
 * @param http - Of createHttp(), over the stack that reaches the server.
 * @param options - The path, the server, and the worker.
 * @returns The bridge, which serves from now on.
 * @throws {NetError} EINVAL if an option is out of range, ENOTSUP in a page that has no service workers,
 *   ENOENT if there is no such script, ECONNABORTED if it fails, ETIMEDOUT if it does not answer within 20 s,
 *   EPROTO if it is of another version of the package.
 * @example
 * ```ts
 * import { createStack } from 'ringstack';
 * import { bridgeServiceWorker, createHttp } from 'ringstack/http';
 *
 * const http = await createHttp(stack);
 * const bridge = await bridgeServiceWorker(http, { scope: '/vm/', target: 'http://10.0.0.2' });
 * document.querySelector('iframe')?.setAttribute('src', bridge.url);
 * ```
 */
export async function bridgeServiceWorker(
  http: Pick<HttpApi, 'fetch' | 'WebSocket'>,
  options: ServiceWorkerBridgeOptions,
): Promise<ServiceWorkerBridge> {
  const rules = { scope: any, target: any, worker: any, inject: flag };
  checkOptions<ServiceWorkerBridgeOptions>(ACTION, options, rules);
  requirePage();
  const settings = settingsOf(options);
  const registration = await registrationOf(options.worker ?? 'sw.js');
  if (!settings.scope.href.startsWith(registration.scope)) {
    refuse('scope', options.scope, `below that of the worker, ${registration.scope}`);
  }
  const lock = lockName();
  const release = await holdLock(lock);
  const bridge = new Bridge(http, settings, registration, lock, release);
  try {
    await bridge.start();
    return bridge;
  } catch (error) {
    await bridge.close();
    throw error;
  }
}
