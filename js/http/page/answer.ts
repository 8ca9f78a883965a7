// SPDX-License-Identifier: MIT
// answer - asks the server what the service worker was asked, and answers by the port of the request

import type { HttpApi } from '../types.ts';
import type { CookieJar } from './cookies.ts';
import type { BridgedReply, BridgedRequest } from './messages.ts';
import { receiveStream, sendStream } from './port_stream.ts';

/** The server that all requests of a bridge go to. */
export interface Server {
  readonly http: Pick<HttpApi, 'fetch' | 'WebSocket'>;
  /** Its origin. */
  readonly target: string;
  /** Path in our origin at which it is. */
  readonly scope: string;
  readonly cookies: CookieJar;
  /** A response has set cookies. */
  onCookies(): void;
}

/** Fields that a service worker cannot pass on, or that are of one connection only. */
const DROPPED = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'set-cookie',
  'set-cookie2',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** The fields that a browser would send to the server, had it asked itself. */
function headersOf({ target, cookies }: Server, request: BridgedRequest): Headers {
  const headers = new Headers(request.headers as [string, string][]);
  const { method, path, referrer } = request;
  const cookie = cookies.get(path);
  if (cookie !== '') headers.set('cookie', cookie);
  if (referrer !== '') headers.set('referer', referrer);
  if (method !== 'GET' && method !== 'HEAD') headers.set('origin', target);
  if (!headers.has('accept-language')) {
    headers.set('accept-language', navigator.languages.join(', ') || 'en');
  }
  if (!headers.has('user-agent')) headers.set('user-agent', navigator.userAgent);
  // A range is one of bytes as they are.
  if (headers.has('range')) headers.set('accept-encoding', 'identity');
  return headers;
}

/** The place that a redirect leads to, as seen from our origin: inside the scope if it is at the server. */
function movedTo({ target, scope }: Server, path: string, location: string): string {
  let url: URL;
  try {
    url = new URL(location, target + path);
  } catch {
    return location;
  }
  if (url.origin !== target) return url.href;
  return `${scope}${url.href.slice(target.length + 1)}`;
}

/** The fields of a response for the worker. */
function fieldsOf(server: Server, path: string, headers: Headers): [string, string][] {
  const fields = [...headers].filter(([name]) => !DROPPED.has(name));
  return fields.map(([name, value]) => [
    name,
    name === 'location' ? movedTo(server, path, value) : value,
  ]);
}

/** Why there is no response. */
function reasonOf(error: unknown): string {
  const { message, cause } = error as { message?: string; cause?: unknown };
  const { code, message: reason } = (cause ?? {}) as { code?: string; message?: string };
  return code === undefined ? (message ?? String(error)) : `${reason} (${code})`;
}

/**
 * Answers a request.
 *
 * @param server - The server.
 * @param request - The request.
 * @param port - Gets the reply; a message from there gives up.
 * @param signal - Gives up: the worker has ended.
 * @returns When the whole response is on its way to the worker, or has failed.
 * @throws Never.
 */
export async function answer(
  server: Server,
  request: BridgedRequest,
  port: MessagePort,
  signal: AbortSignal,
): Promise<void> {
  const controller = new AbortController();
  const stop = (): void =>
    controller.abort(new DOMException('The request was aborted', 'AbortError'));
  signal.addEventListener('abort', stop);
  port.onmessage = stop;
  if (signal.aborted) stop();
  const { method, path, body } = request;
  const reply = (message: BridgedReply): void =>
    port.postMessage(message, 'body' in message && message.body ? [message.body] : []);
  try {
    const response = await server.http.fetch(server.target + path, {
      method,
      headers: headersOf(server, request),
      redirect: 'manual',
      signal: controller.signal,
      ...(body && {
        body:
          body instanceof MessagePort ? receiveStream(body, controller.signal) : (body as BodyInit),
      }),
    });
    const { status, statusText, headers } = response;
    for (const cookie of headers.getSetCookie()) server.cookies.set(cookie, path);
    if (headers.has('set-cookie')) server.onCookies();
    await new Promise<void>((resolve) => {
      reply({
        status,
        statusText,
        headers: fieldsOf(server, path, headers),
        body: response.body && sendStream(response.body, controller.signal, resolve),
      });
      if (!response.body) resolve();
    });
  } catch (error) {
    reply({ error: reasonOf(error) });
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
