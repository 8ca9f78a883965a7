// SPDX-License-Identifier: MIT
// fetch_http - a way out for pages: HTTP of guests through fetch()
//
// Theory of operation
//
// A page has no sockets, but fetch(). A connection to port 80 ends at an HTTP server of ours, which serves the guest
// by a fetch for each request: keep-alive, pipelining, chunks and Expect are between the guest and that server
// (js/http/server_connection.ts, loaded on first use). The guest is connected before anything is fetched, since
// fetch() cannot connect alone; a failure is an answer, 502 or 504. Other ports are refused, or go through a proxy.

import { NetError } from '../errors.ts';
import { any, checkOptions, flag, INT32_MAX, oneOf, type Rules, whole } from '../util/check.ts';
import { FetchAnswers, isFetchOfPage } from './fetch_answer.ts';
import { pipePair } from './pipe.ts';
import type { OutboundOptions, OutboundTransport } from './types.ts';

/** Options of fetchHttp(). */
export interface FetchHttpOptions {
  /**
   * A proxy that lets pages of other origins read: the beginning of its URL, behind which the URL comes, escaped; or a
   * function that makes its URL.
   *
   * @default none: servers must allow the page to read (CORS)
   */
  readonly cors?: string | ((url: string) => string);
  /** Ports at which guests are taken to speak HTTP. @default [80] */
  readonly ports?: readonly number[];
  /** Way out for all other ports, such as httpProxy() for HTTPS. @default none: they are refused */
  readonly proxy?: OutboundTransport;
  /** Fetches https: where the guest asks for http:. @default true in a page that came by https:, where http: is blocked */
  readonly secure?: boolean;
  /** Lets guests fetch from the page's own origin. @default false */
  readonly ownOrigin?: boolean;
  /**
   * Redirects: `pass`: the guest gets them, which a page cannot do; `follow`: fetch() follows, and the policy is asked
   * about the host that it came to.
   *
   * @default 'follow' in a page, 'pass' elsewhere
   */
  readonly redirects?: 'pass' | 'follow';
  /**
   * Bodies of requests: `stream`: sent as they come, which a page can do only over HTTP/2, and not in every browser;
   * `buffer`: kept until they are complete. Those of known length up to 1 MiB are kept either way.
   *
   * @default 'buffer' in a page, 'stream' elsewhere
   */
  readonly upload?: 'stream' | 'buffer';
  /** Bytes of a body that is kept, up to 2 GiB; a larger one is answered 413. @default 16 MiB */
  readonly maxUpload?: number;
  /** Time until an answer begins, ms; begins again with each part of a request's body. Then 504. @default 30000 */
  readonly timeout?: number;
  /** Fetches. @default fetch() of the runtime */
  readonly fetch?: (url: string, init: RequestInit) => Promise<Response>;
}

const ACTION = 'Cannot use fetch() as a way out';

const OPTIONS: Rules<FetchHttpOptions> = {
  cors: (value) =>
    typeof value === 'string' || typeof value === 'function' ? undefined : 'a URL or a function',
  ports: (value) =>
    Array.isArray(value) &&
    value.every((port) => Number.isInteger(port) && port > 0 && port < 65_536)
      ? undefined
      : 'a list of whole numbers from 1 to 65535',
  proxy: any,
  secure: flag,
  ownOrigin: flag,
  redirects: oneOf('pass', 'follow'),
  upload: oneOf('stream', 'buffer'),
  maxUpload: whole(0, INT32_MAX, ' bytes'),
  timeout: whole(1, INT32_MAX, ' ms'),
  fetch: any,
};

/** Bounds of the server that guests speak to; the gateway ends what is idle. */
const SERVER = {
  scheme: 'http',
  isClosing: () => false,
  keepAlive: true,
  keepAliveTimeout: 60_000,
  headersTimeout: 60_000,
  requestTimeout: 0,
  maxHeaderSize: 32_768,
  maxHeaders: 500,
  maxRequestsPerSocket: 0,
  maxConnections: Number.POSITIVE_INFINITY,
  date: false,
} as const;

/**
 * A way out by fetch(): for pages, which have no sockets. HTTP of guests at port 80 alone; cookies and other
 * credentials of the page are never sent, and the page's own origin is not reached. It is given names where they are
 * known, and fetches from the one that the guest's request names in Host, if the guest looked it up.
 *
 * @param options - CORS proxy, proxy for other ports, bounds.
 * @returns The way out; it has no datagrams.
 * @throws NetError EINVAL for a bad option.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { createStack } from 'ringstack';
 * import { createHttp } from 'ringstack/http';
 * import { createGateway, fetchHttp } from 'ringstack/gateway';
 *
 * const inside = await createStack();
 * const lan = await inside.createTapInterface({ ip: '10.0.0.1/24' });
 * const guest = await createStack();
 * const card = await guest.createTapInterface({ ip: '10.0.0.2/24', gateway: '10.0.0.1' });
 * void lan.readable.pipeTo(card.writable).catch(() => {});
 * void card.readable.pipeTo(lan.writable).catch(() => {});
 *
 * // In place of the network of a page.
 * const fetch = async (url: string) => new Response(`this is ${url}`);
 * const gateway = await createGateway(lan, { tcp: fetchHttp({ fetch }) });
 * const http = await createHttp(guest);
 * const response = await http.fetch('http://9.9.9.9/page');
 * assert.equal(await response.text(), 'this is http://9.9.9.9/page');
 * await http.close();
 * await gateway.close();
 * for (const stack of [guest, inside]) await stack.close();
 * ```
 */
export function fetchHttp(options: FetchHttpOptions = {}): OutboundTransport {
  checkOptions(ACTION, options, OPTIONS);
  const { ports = [80], proxy } = options;
  const isPage = isFetchOfPage();
  const { location } = globalThis as { location?: { protocol?: string } };
  const answers = new FetchAnswers({
    fetch: options.fetch ?? ((url, init) => fetch(url, init)),
    cors: options.cors,
    isPage,
    isSecure: options.secure ?? (isPage && location?.protocol === 'https:'),
    ownOrigin: options.ownOrigin ?? false,
    redirects: options.redirects ?? (isPage ? 'follow' : 'pass'),
    streams: (options.upload ?? (isPage ? 'buffer' : 'stream')) === 'stream',
    maxUpload: options.maxUpload ?? 16 * 1024 * 1024,
    timeout: options.timeout ?? 30_000,
  });
  return {
    takesNames: true,
    async connect(to: OutboundOptions) {
      if (!ports.includes(to.port)) {
        if (proxy) return proxy.connect(to);
        const reason = 'fetch() reaches HTTP alone, and there is no proxy';
        throw new NetError('ECONNREFUSED', `Cannot connect to port ${to.port}`, { reason });
      }
      const { ServerConnection } = await import('../http/server_connection.ts');
      const { group, handler, onError } = answers.connection(to);
      const [near, far] = pipePair((reason) => group.abort(reason));
      void new ServerConnection(far, { ...SERVER, handler, onError }).run();
      return { ...near, remoteAddress: to.host, remotePort: to.port };
    },
  };
}
