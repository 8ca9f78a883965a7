// SPDX-License-Identifier: MIT
// pass - passes a request on to the page that serves it, and gives its response

import type { BridgedReply, BridgedRequest } from '../page/messages.ts';
import { receiveStream, sendStream } from '../page/port_stream.ts';
import { refusal } from './answers.ts';
import { injection } from './inject.ts';
import type { Page } from './pages.ts';
import type { FetchEvent } from './scope.ts';

/** Bytes of a body that are sent with their length: small servers understand nothing else. */
const MAX_WHOLE = 1_048_576;
/** ms after which a body that is still coming is sent as it comes. */
const WHOLE_TIMEOUT = 100;
/** Statuses without a body. */
const NULL_BODY = new Set([204, 205, 304]);

function concat(chunks: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

/** Bytes of a stream if they come soon and are not many; else the stream, with what was read of it. */
async function wholeOf(
  stream: ReadableStream<Uint8Array>,
): Promise<Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array>> {
  const reader = stream.getReader();
  const chunks: Uint8Array[] = [];
  const late = new Promise<'late'>((resolve) => setTimeout(resolve, WHOLE_TIMEOUT, 'late'));
  let next = reader.read();
  for (let length = 0; length < MAX_WHOLE; next = reader.read()) {
    const result = await Promise.race([next, late]);
    if (result === 'late') break;
    if (result.done) return concat(chunks);
    chunks.push(result.value);
    length += result.value.length;
  }
  return new ReadableStream(
    {
      async pull(controller) {
        const chunk = chunks.shift();
        if (chunk) return controller.enqueue(chunk);
        const { done, value } = await next;
        if (done) return controller.close();
        controller.enqueue(value);
        next = reader.read();
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  );
}

/** The body of a request for the page. */
async function bodyOf(request: Request, signal: AbortSignal): Promise<BridgedRequest['body']> {
  if (request.method === 'GET' || request.method === 'HEAD') return null;
  // Firefox has no streams of requests.
  const body = request.body
    ? await wholeOf(request.body)
    : new Uint8Array(await request.arrayBuffer());
  if (body instanceof ReadableStream) return sendStream(body, signal);
  return body.length > 0 ? body : null;
}

/** Sends a request to a page; gives its reply. */
function ask(page: Page, request: BridgedRequest, signal: AbortSignal): Promise<BridgedReply> {
  const { port1, port2 } = new MessageChannel();
  return new Promise((resolve, reject) => {
    const give = (error: unknown): void => {
      page.signal.removeEventListener('abort', ended);
      signal.removeEventListener('abort', aborted);
      reject(error);
    };
    const ended = (): void => give(page.signal.reason);
    const aborted = (): void => {
      port1.postMessage('abort');
      give(signal.reason);
    };
    port1.onmessage = ({ data }: MessageEvent<BridgedReply>) => {
      resolve(data);
      port1.close();
      give(undefined);
    };
    page.signal.addEventListener('abort', ended);
    signal.addEventListener('abort', aborted);
    const { body } = request;
    page.post({ type: 'request', request }, body instanceof MessagePort ? [port2, body] : [port2]);
    if (page.signal.aborted) ended();
    if (signal.aborted) aborted();
  });
}

/** Whether a response is one to put the script into. */
const isPlainHtml = (status: number, headers: Headers): boolean =>
  status !== 206 &&
  /^text\/html\b/i.test(headers.get('content-type') ?? '') &&
  !headers.has('content-encoding');

/**
 * Passes a request on.
 *
 * @param event - The request.
 * @param page - Serves it.
 * @param path - Path and query at the server.
 * @param referrer - The server's URL of the document that asks; '': not told.
 * @param tag - Put in front of documents; '': nothing.
 * @returns The response, or 502 with the reason.
 * @throws If the page has ended, or the request was aborted.
 */
export async function pass(
  event: FetchEvent,
  page: Page,
  path: string,
  referrer: string,
  tag: string,
): Promise<Response> {
  const { request } = event;
  const { method, mode, signal } = request;
  const isDocument = mode === 'navigate';
  const headers = [...request.headers];
  const body = await bodyOf(request, page.signal);
  const reply = await ask(page, { method, path, headers, referrer, body }, signal);
  if ('error' in reply)
    return refusal(502, 'The server cannot be reached', reply.error, isDocument);
  const { status, statusText } = reply;
  const fields = new Headers(reply.headers as [string, string][]);
  if (status < 200 || status > 599) {
    return refusal(
      502,
      'The server answers nothing of use',
      `Its status is ${status}.`,
      isDocument,
    );
  }
  if (page.settings.isIsolated && !fields.has('cross-origin-embedder-policy')) {
    // A document in a frame of an isolated page has to be isolated too.
    fields.set('cross-origin-embedder-policy', 'require-corp');
  }
  const stream = reply.body && receiveStream(reply.body, page.signal);
  const hasBody = stream && !NULL_BODY.has(status);
  const injects = hasBody && isDocument && tag !== '' && isPlainHtml(status, fields);
  if (injects) fields.delete('content-length');
  const init = { status, statusText, headers: fields };
  return new Response(
    hasBody ? (injects ? stream.pipeThrough(injection(tag)) : stream) : null,
    init,
  );
}
