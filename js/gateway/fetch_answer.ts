// SPDX-License-Identifier: MIT
// fetch_answer - a guest's request as a fetch, and its response as the answer

import { NetError } from '../errors.ts';
import type { HttpHandler, HttpReply } from '../http/types.ts';
import { AbortGroup, untilAborted } from '../util/abort.ts';
import { parseIp } from '../util/address.ts';
import { isHostName } from '../util/host.ts';
import { lowerAscii } from '../util/host_name.ts';
import type { OutboundOptions } from './types.ts';

/** Bodies of requests up to here are kept, so that they are sent with their length. */
const SMALL = 1024 * 1024;

/** Whether fetch() is that of a page: it drops fields of requests, hides fields of responses, and tells no reasons. */
export const isFetchOfPage = (): boolean =>
  !new Request('http://a/', { headers: { cookie: 'a=b' } }).headers.has('cookie');

/** Fields that are about one connection (RFC 9110, 7.6.1), or that fetch() sets. */
const OF_CONNECTION = [
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
];
const NOT_SENT = new Set([...OF_CONNECTION, 'content-length', 'expect', 'host']);
const NOT_PASSED = new Set([...OF_CONNECTION, 'content-encoding', 'content-length']);

/** Settings of fetchHttp(), with their defaults. */
export interface FetchSettings {
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>;
  readonly cors: string | ((url: string) => string) | undefined;
  readonly isPage: boolean;
  readonly isSecure: boolean;
  readonly ownOrigin: boolean;
  readonly redirects: 'pass' | 'follow';
  readonly streams: boolean;
  readonly maxUpload: number;
  readonly timeout: number;
}

/** An answer that is an error, with a plain page. */
class Refusal extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

const pageOf = (status: number, message: string): HttpReply => ({
  status,
  headers: { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' },
  body: `${status}: ${message}\n`,
});

/** The reasons in an error, as far as the runtime tells them. */
function reasonOf(error: unknown): string {
  const { message = String(error), cause } = error as { message?: string; cause?: unknown };
  const { message: inner, code } = (cause ?? {}) as { message?: string; code?: string };
  const why = inner || code;
  return why && !message.includes(why) ? `${message}: ${why}` : message;
}

/** A time that begins again with each step, and then aborts. */
class Patience {
  readonly controller = new AbortController();
  readonly #ms: number;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(ms: number) {
    this.#ms = ms;
  }

  renew(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.controller.abort(new Refusal(504, 'The server does not answer in time'));
    }, this.#ms);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}

/** All of a body, if that is not too much. */
async function whole(body: ReadableStream<Uint8Array>, most: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  const reader = body.getReader();
  let length = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    length += value.length;
    if (length > most) {
      reader.cancel().catch(() => {});
      throw new Refusal(413, `The body has more than ${most} bytes, and has to be kept whole`);
    }
    chunks.push(value);
  }
  const all = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}

/** Answers the requests of guests by fetches. */
export class FetchAnswers {
  readonly #settings: FetchSettings;

  constructor(settings: FetchSettings) {
    this.#settings = settings;
  }

  /** The handlers of one connection; group ends its fetches. */
  connection(to: OutboundOptions): {
    group: AbortGroup;
    handler: HttpHandler;
    onError: (error: unknown) => HttpReply;
  } {
    const group = new AbortGroup();
    const handler: HttpHandler = (request) => this.#answer(request, to, group);
    const onError = (error: unknown): HttpReply =>
      error instanceof Refusal
        ? pageOf(error.status, error.message)
        : pageOf(502, `Cannot fetch: ${reasonOf(error)}`);
    return { group, handler, onError };
  }

  async #answer(request: Request, to: OutboundOptions, group: AbortGroup): Promise<HttpReply> {
    const url = this.#urlOf(request, to);
    const patience = new Patience(this.#settings.timeout);
    const { controller } = patience;
    group.add(controller);
    let response: Response;
    try {
      const init = await this.#initOf(request, patience);
      patience.renew();
      const asked = this.#viaProxy(url.href);
      const fetched = this.#settings.fetch(asked, { ...init, signal: controller.signal });
      response = await untilAborted(fetched, controller.signal, (late) => late.body?.cancel());
      this.#checkRedirect(response, to);
    } catch (error) {
      group.delete(controller);
      throw this.#explained(error, url);
    } finally {
      patience.stop();
    }
    return this.#replyOf(request, response, () => group.delete(controller));
  }

  /** The URL that a request is about; its host is one that the flow is allowed to. */
  #urlOf(request: Request, { host: first, port, names = [] }: OutboundOptions): URL {
    const { isSecure, ownOrigin } = this.#settings;
    const { hostname, pathname, search } = new URL(request.url);
    const said = lowerAscii(hostname).replace(/\.$/, '');
    const host = names.includes(said) ? said : first;
    if (!isHostName(host)) parseIp(host);
    const scheme = isSecure ? 'https' : 'http';
    const at = port === 80 ? '' : `:${port}`;
    const url = new URL(`${scheme}://${host.includes(':') ? `[${host}]` : host}${at}`);
    url.pathname = pathname;
    url.search = search;
    if (!ownOrigin) refuseOwn(url);
    return url;
  }

  #viaProxy(url: string): string {
    const { cors } = this.#settings;
    if (cors === undefined) return url;
    return typeof cors === 'string' ? cors + encodeURIComponent(url) : cors(url);
  }

  async #initOf(request: Request, patience: Patience): Promise<RequestInit> {
    const { method, headers } = request;
    if (/^(?:CONNECT|TRACE|TRACK)$/i.test(method)) {
      throw new Refusal(405, `fetch() has no ${method}`);
    }
    const { redirects, isPage } = this.#settings;
    const init: RequestInit & { duplex?: 'half' } = {
      method,
      headers: fieldsOf(headers, isPage),
      redirect: redirects === 'pass' ? 'manual' : 'follow',
      // Nothing of the page goes along: no cookies, no certificate, not its URL, nothing it has cached.
      credentials: 'omit',
      cache: 'no-store',
      referrerPolicy: 'no-referrer',
    };
    const body = await this.#bodyOf(request, patience);
    if (body instanceof Uint8Array) init.body = body as Uint8Array<ArrayBuffer>;
    else if (body) {
      init.body = body;
      init.duplex = 'half';
    }
    return init;
  }

  async #bodyOf(
    request: Request,
    patience: Patience,
  ): Promise<ReadableStream<Uint8Array> | Uint8Array | undefined> {
    const { method, headers, body } = request;
    const length = Number(headers.get('content-length') ?? Number.NaN);
    if (!body) return undefined;
    if (/^(?:GET|HEAD)$/i.test(method)) {
      throw new Refusal(501, `fetch() sends no body with ${method}`);
    }
    const { streams, maxUpload } = this.#settings;
    if (!streams || length <= SMALL) return whole(body, streams ? SMALL : maxUpload);
    return body.pipeThrough(
      new TransformStream<Uint8Array, Uint8Array>({
        transform(chunk, controller) {
          patience.renew();
          controller.enqueue(chunk);
        },
      }),
    );
  }

  /** A page follows redirects unseen: where it came to is checked now. */
  #checkRedirect(response: Response, { allows }: OutboundOptions): void {
    if (response.type === 'opaqueredirect') {
      const advice = "the option redirects must be 'follow'";
      throw new Refusal(502, `The server redirects, which a page cannot see: ${advice}`);
    }
    const { cors, ownOrigin } = this.#settings;
    if (!response.redirected || cors !== undefined) return;
    const url = new URL(response.url);
    const { hostname, port, protocol } = url;
    const at = Number(port || (protocol === 'https:' ? 443 : 80));
    try {
      if (!ownOrigin) refuseOwn(url);
      if (allows && !allows(hostname.replace(/^\[(.*)\]$/, '$1'), at)) {
        throw new Refusal(403, `The server redirects to ${url.origin}, which is not allowed`);
      }
    } catch (error) {
      response.body?.cancel().catch(() => {});
      throw error;
    }
  }

  #explained(error: unknown, url: URL): unknown {
    if (error instanceof Refusal || error instanceof NetError) return error;
    const hint = this.#settings.isPage
      ? ' (the server cannot be reached, or does not let other origins read: CORS)'
      : '';
    return new Refusal(502, `Cannot fetch ${url.href}: ${reasonOf(error)}${hint}`);
  }

  #replyOf(request: Request, response: Response, done: () => void): HttpReply {
    const { status, statusText, headers, body } = response;
    // A length that counts what fetch() has decompressed is wrong, and a page does not see whether it has.
    const isExact = !this.#settings.isPage && !headers.has('content-encoding');
    const fields: [string, string][] = [];
    for (const [name, value] of headers) if (!NOT_PASSED.has(name)) fields.push([name, value]);
    const length = headers.get('content-length');
    if (isExact && length !== null) fields.push(['content-length', length]);
    const reply = { status, statusText, headers: fields };
    if (!body || request.method === 'HEAD') {
      done();
      return reply;
    }
    return { ...reply, body: following(body, done) };
  }
}

/** Fields of a request as fetch() gets them. */
function fieldsOf(headers: Headers, isPage: boolean): Headers {
  const named = (headers.get('connection') ?? '').toLowerCase().split(/[\s,]+/);
  const fields = new Headers();
  for (const [name, value] of headers) {
    if (NOT_SENT.has(name) || named.includes(name)) continue;
    // A page has its own, and another one would make the browser ask the server first (CORS preflight).
    if (isPage && name === 'user-agent') continue;
    fields.append(name, value);
  }
  // A body that is compressed for us alone would lose its length.
  if (!isPage && !fields.has('accept-encoding')) fields.set('accept-encoding', 'identity');
  return fields;
}

/** The page's own origin is not the guest's. */
function refuseOwn(url: URL): void {
  const { location } = globalThis as { location?: { origin?: string; host?: string } };
  // Not by the scheme: the same server answers to both.
  if (location?.host && (url.origin === location.origin || url.host === location.host)) {
    throw new Refusal(403, `${url.origin} is the origin of the page, which guests do not reach`);
  }
}

/** A body, and a call when it is over, however it ends. */
function following(body: ReadableStream<Uint8Array>, done: () => void): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { done: isOver, value } = await reader.read();
          if (!isOver) {
            controller.enqueue(value);
            return;
          }
          controller.close();
        } catch (error) {
          controller.error(error);
        }
        done();
      },
      async cancel(reason) {
        done();
        await reader.cancel(reason);
      },
    },
    { highWaterMark: 0 },
  );
}
