// SPDX-License-Identifier: MIT
// fetch - the standard's fetch() over a pool of connections: requests, redirects, aborts
//
// A page's Request drops headers (Host, Cookie, Origin, …), so what is sent comes from the init, and a Request
// is only asked for what the init leaves out.

import { formatHead, isToken } from '../codec/http1.ts';
import { isTrailer } from '../codec/http1_chunked.ts';
import { NetError } from '../errors.ts';
import { bodyOf, type OutgoingBody } from './body_init.ts';
import { decompress } from './decompress.ts';
import { Exchange, type OutgoingRequest, type ResponseLimits } from './exchange.ts';
import type { Origin, Pool } from './pool.ts';
import { HttpResponse } from './response.ts';
import type { HttpRequestInit } from './types.ts';

/** Redirects that are followed, as in the standard. */
const MAX_REDIRECTS = 20;
/** Methods that are sent again when a kept connection turns out to be dead (RFC 9110, 9.2.2). */
const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE']);
/** Written in upper case whatever the case was given (fetch standard, 4.6). */
const NORMALIZED = new Set(['DELETE', 'GET', 'HEAD', 'OPTIONS', 'POST', 'PUT']);
const REDIRECTS = new Set([301, 302, 303, 307, 308]);
/** Fields that go with the body they describe. */
const OF_BODY = [
  'content-encoding',
  'content-language',
  'content-length',
  'content-location',
  'content-type',
];
/** Fields that are for one host only. */
const OF_ORIGIN = ['authorization', 'cookie', 'host', 'proxy-authorization'];
/** Fields that we write ourselves. */
const OURS = new Set(['content-length', 'host', 'transfer-encoding', 'keep-alive', 'connection']);

/** Connections, limits and defaults that fetch() uses. */
export interface FetchContext {
  readonly pool: Pool;
  readonly limits: ResponseLimits;
  readonly decompress: boolean;
  readonly hasTls: boolean;
}

/** A request on its way through redirects. */
interface Job {
  url: URL;
  method: string;
  readonly headers: Headers;
  body: OutgoingBody | undefined;
  readonly redirect: RequestRedirect;
  readonly signal: AbortSignal | undefined;
  readonly trailers: HttpRequestInit['trailers'];
}

/** The origin of a URL; https: and wss: are secure. */
export function originOf(url: URL, hasTls: boolean): Origin {
  const { protocol, hostname, port } = url;
  const isSecure = protocol === 'https:';
  if (protocol !== 'http:' && !(isSecure && hasTls)) {
    throw new TypeError(`unsupported protocol: ${protocol}`);
  }
  const host = hostname.replace(/^\[(.*)\]$/, '$1');
  const number = port === '' ? (isSecure ? 443 : 80) : Number(port);
  return { host, port: number, isSecure, key: `${protocol}//${host}:${number}` };
}

function urlOf(input: string | URL | Request): URL {
  const text = typeof input === 'string' || input instanceof URL ? String(input) : input.url;
  let url: URL;
  try {
    url = new URL(text);
  } catch (cause) {
    throw new TypeError(`Cannot fetch ${JSON.stringify(text)}: it is no absolute URL`, { cause });
  }
  if (url.username !== '' || url.password !== '') {
    throw new TypeError('Cannot fetch a URL with a user name or password in it');
  }
  return url;
}

function methodOf(given: string): string {
  const upper = given.toUpperCase();
  if (!isToken(given)) throw new TypeError(`Cannot fetch: ${JSON.stringify(given)} is no method`);
  if (upper === 'CONNECT' || upper === 'TRACK') {
    throw new TypeError(`Cannot fetch: ${upper} is not for fetch()`);
  }
  return NORMALIZED.has(upper) ? upper : given;
}

/** The request that the arguments of fetch() describe. */
function jobOf(input: string | URL | Request, init: HttpRequestInit): Job {
  const request = typeof input === 'string' || input instanceof URL ? undefined : input;
  const url = urlOf(input);
  const method = methodOf(init.method ?? request?.method ?? 'GET');
  const headers = new Headers(init.headers ?? request?.headers);
  const given = init.body === undefined ? request?.body : init.body;
  const body = bodyOf(given);
  if (body && (method === 'GET' || method === 'HEAD')) {
    throw new TypeError(`Cannot fetch: a ${method} request has no body`);
  }
  if (body?.type !== undefined && !headers.has('content-type')) {
    headers.set('content-type', body.type);
  }
  const redirect = init.redirect ?? request?.redirect ?? 'follow';
  const signal = init.signal === undefined ? request?.signal : (init.signal ?? undefined);
  return { url, method, headers, body, redirect, signal, trailers: init.trailers };
}

/** The text of trailers with their empty line. */
export async function trailersText(trailers: HeadersInit | Promise<HeadersInit>): Promise<string> {
  const fields = [...new Headers(await trailers)].filter(([name]) => isTrailer(name));
  return formatHead('', fields).slice(2);
}

/** The request as it is sent. */
function outgoing(job: Job, keepsAlive: boolean, decodes: boolean): OutgoingRequest {
  const { url, method, headers, body, trailers } = job;
  const length = body?.bytes?.length ?? body?.length;
  const isChunked = body !== undefined && (length === undefined || trailers !== undefined);
  const closes = !keepsAlive || /(?:^|,)\s*close\s*(?:,|$)/i.test(headers.get('connection') ?? '');
  const fields: [string, string][] = [['host', headers.get('host') ?? url.host]];
  for (const field of headers) if (!OURS.has(field[0])) fields.push(field);
  if (!headers.has('accept')) fields.push(['accept', '*/*']);
  if (!headers.has('user-agent')) fields.push(['user-agent', 'ringstack']);
  if (decodes && !headers.has('accept-encoding')) fields.push(['accept-encoding', 'gzip, deflate']);
  const connection = headers.get('connection') ?? (closes ? 'close' : 'keep-alive');
  fields.push(['connection', connection]);
  if (isChunked) fields.push(['transfer-encoding', 'chunked']);
  else if (body) fields.push(['content-length', String(length)]);
  else if (method === 'POST' || method === 'PUT' || method === 'PATCH') {
    fields.push(['content-length', '0']);
  }
  const stream = isChunked && body?.bytes ? streamOf(body.bytes) : body?.stream;
  return {
    method,
    head: formatHead(`${method} ${url.pathname}${url.search} HTTP/1.1`, fields),
    body: stream ? { stream, ...(body?.length !== undefined && { length: body.length }) } : body,
    isChunked,
    trailers: trailers && (async () => trailersText(await trailers())),
    awaitsContinue: body !== undefined && /^100-continue$/i.test(headers.get('expect') ?? ''),
    closes,
  };
}

/** Bytes as a stream: only a chunked body has trailers. */
function streamOf(bytes: Uint8Array): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      if (bytes.length > 0) controller.enqueue(bytes);
      controller.close();
    },
  });
}

/** Follows a redirect in the request, and returns its target; undefined if there is none to follow. */
function redirected(job: Job, status: number, location: string | null): URL | undefined {
  if (!REDIRECTS.has(status) || location === null || job.redirect === 'manual') return undefined;
  if (job.redirect === 'error') throw new TypeError(`Cannot fetch ${job.url}: it redirects`);
  let url: URL;
  try {
    url = new URL(location, job.url);
  } catch (cause) {
    throw new TypeError(`Cannot follow a redirect to ${JSON.stringify(location)}`, { cause });
  }
  if (url.hash === '') url.hash = job.url.hash;
  const becomesGet =
    status === 303
      ? job.method !== 'GET' && job.method !== 'HEAD'
      : status <= 302 && job.method === 'POST';
  if (becomesGet) {
    job.method = 'GET';
    job.body = undefined;
    for (const name of OF_BODY) job.headers.delete(name);
  } else if (job.body && !job.body.bytes) {
    throw new TypeError(`Cannot follow a redirect to ${url}: the body was a stream and is gone`);
  }
  if (url.origin !== job.url.origin) for (const name of OF_ORIGIN) job.headers.delete(name);
  return url;
}

/** Fetches one thing. */
class Fetch {
  readonly #context: FetchContext;
  readonly #job: Job;
  #redirects = 0;

  constructor(context: FetchContext, job: Job) {
    this.#context = context;
    this.#job = job;
  }

  async run(): Promise<HttpResponse> {
    for (;;) {
      const response = await this.#once();
      if (response) return response;
      if (++this.#redirects > MAX_REDIRECTS) {
        throw new TypeError(`Cannot fetch: more than ${MAX_REDIRECTS} redirects`);
      }
    }
  }

  /** One request; undefined: it led to another URL. */
  async #once(): Promise<HttpResponse | undefined> {
    const { pool, limits, hasTls } = this.#context;
    const job = this.#job;
    const origin = originOf(job.url, hasTls);
    const request = outgoing(job, pool.keepsAlive, this.#context.decompress);
    for (let isFresh = false; ; isFresh = true) {
      const client = await pool.acquire(origin, job.signal, isFresh);
      const exchange = new Exchange(client, pool, request, limits);
      watchSignal(exchange, job.signal);
      try {
        return this.#response(exchange, await exchange.run());
      } catch (error) {
        const mayRepeat =
          client.isReused &&
          exchange.isUnanswered &&
          IDEMPOTENT.has(job.method) &&
          !request.body?.stream;
        if (isFresh || !mayRepeat || job.signal?.aborted) throw error;
      }
    }
  }

  #response(
    exchange: Exchange,
    head: Awaited<ReturnType<Exchange['run']>>,
  ): HttpResponse | undefined {
    const job = this.#job;
    const { status, reason, fields } = head;
    if (status === 101) {
      const error = new NetError('EPROTO', 'Cannot read a response', { reason: 'it is a 101' });
      exchange.fail(error);
      throw error;
    }
    const headers = new Headers(fields);
    let body: ReturnType<Exchange['body']>;
    try {
      const next = redirected(job, status, headers.get('location'));
      body = exchange.body(head);
      if (next) {
        // The body of a redirect is read if it is there already; else its connection is not worth waiting.
        if (body instanceof ReadableStream) body.cancel().catch(() => {});
        job.url = next;
        return undefined;
      }
      if (body && this.#context.decompress) body = this.#decompressed(body, headers);
    } catch (error) {
      exchange.fail(error);
      throw error;
    }
    const url = new URL(job.url);
    url.hash = '';
    return new HttpResponse(body, {
      status,
      statusText: reason,
      headers,
      url: url.href,
      redirected: this.#redirects > 0,
      trailers: exchange.trailers,
    });
  }

  #decompressed(
    body: ReadableStream<Uint8Array> | Uint8Array,
    headers: Headers,
  ): ReadableStream<Uint8Array> | Uint8Array {
    const encoding = headers.get('content-encoding');
    if (encoding === null) return body;
    const coded = body instanceof Uint8Array ? streamOf(body) : body;
    const content = decompress(coded, encoding);
    if (content === coded) return body;
    // They were of what came, and a proxy would say them of what it passes on.
    headers.delete('content-encoding');
    headers.delete('content-length');
    return content;
  }
}

/** Fails an exchange when a signal is aborted, until it is over. */
export function watchSignal(exchange: Exchange, signal: AbortSignal | undefined): void {
  if (!signal) return;
  const abort = (): void => exchange.fail(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  exchange.onOver = () => signal.removeEventListener('abort', abort);
  if (signal.aborted) abort();
}

/** The error of a failed fetch(): a TypeError, as everywhere, with its cause. */
function asFetchError(error: unknown): unknown {
  if (!(error instanceof NetError)) return error;
  return new TypeError(`fetch failed: ${error.message}`, { cause: error });
}

/**
 * Fetches.
 *
 * @param context - Pool and limits.
 * @param input - URL or request.
 * @param init - As the standard's.
 * @returns The response, when its head has come.
 * @throws {TypeError} If the request makes no sense, or (with `cause`) if it failed on its way.
 * @throws The reason of its signal.
 */
export async function fetchOver(
  context: FetchContext,
  input: string | URL | Request,
  init: HttpRequestInit = {},
): Promise<HttpResponse> {
  const job = jobOf(input, init);
  try {
    job.signal?.throwIfAborted();
    return await new Fetch(context, job).run();
  } catch (error) {
    if (job.body?.stream && !job.body.stream.locked) job.body.stream.cancel(error).catch(() => {});
    throw asFetchError(error);
  }
}
