// SPDX-License-Identifier: MIT
// reply - what a handler returned as a head and a body to send

import { formatHead, isFieldValue, listOf } from '../codec/http1.ts';
import { bodyOf, type OutgoingBody } from './body_init.ts';
import type { OutgoingFrame } from './body_writer.ts';
import { trailersText } from './fetch.ts';
import { isBodyless, reasonOf } from './status.ts';
import type { HttpReply } from './types.ts';

/** Fields of an answer that say how it is framed, which we say. */
const OURS = new Set([
  'connection',
  'content-length',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
]);

/** An answer, whatever it was written as. */
interface Answer {
  readonly status: number;
  readonly statusText: string;
  readonly headers: Headers;
  readonly body: OutgoingBody | undefined;
  readonly trailers: HttpReply['trailers'];
}

/** The properties of a request on which the form of its answer depends. */
export interface ReplyContext {
  readonly method: string;
  /** Of the request: 0 or 1. */
  readonly minor: number;
  /** The connection can be used again. */
  readonly keepsAlive: boolean;
  /** Seconds that it is then kept. */
  readonly keepAliveSeconds: number;
  /** `date` is to be sent. */
  readonly date: boolean;
}

/** An answer ready to be sent. */
export interface OutgoingReply {
  readonly head: string;
  readonly body: OutgoingBody | undefined;
  readonly frame: OutgoingFrame;
  /** The connection is used again. */
  readonly keepsAlive: boolean;
}

const NO_FIELDS = new Headers();

function isResponse(answer: Response | HttpReply): answer is Response {
  return answer instanceof Response;
}

function answerOf(answer: Response | HttpReply): Answer {
  if (typeof answer !== 'object' || answer === null) {
    throw new TypeError(`Cannot answer with ${String(answer)}: a handler returns a response`);
  }
  const { status = 200, statusText = '', headers } = answer;
  if (!Number.isInteger(status) || status < 200 || status > 999) {
    throw new RangeError(`Cannot answer with status ${status}: it is one from 200 to 999`);
  }
  if (!isFieldValue(statusText)) throw new TypeError('Cannot answer: the status text is malformed');
  if (isResponse(answer)) {
    if (answer.bodyUsed)
      throw new TypeError('Cannot answer: the body of the response was read already');
    const body = answer.body ? { stream: answer.body } : undefined;
    return { status, statusText, headers: answer.headers, body, trailers: undefined };
  }
  const body = bodyOf(answer.body);
  let fields = headers === undefined ? NO_FIELDS : new Headers(headers);
  if (body?.type !== undefined && !fields.has('content-type')) {
    if (fields === NO_FIELDS) fields = new Headers();
    fields.set('content-type', body.type);
  }
  return { status, statusText, headers: fields, body, trailers: answer.trailers };
}

/** Content-Length as the handler said it. */
function saidLength(headers: Headers): number | undefined {
  const text = headers.get('content-length');
  if (text === null) return undefined;
  if (!/^\d{1,15}$/.test(text))
    throw new TypeError(`Cannot answer with a Content-Length of ${text}`);
  return Number(text);
}

/** How the body of an answer is framed; untilClose: by the end of the connection. */
function framingOf(
  { status, headers, body, trailers }: Answer,
  { method, minor }: ReplyContext,
): { length: number | undefined; isChunked: boolean; untilClose: boolean } {
  const said = saidLength(headers);
  const known = body?.bytes?.length ?? said ?? body?.length;
  if (isBodyless(method, status)) {
    return { length: status === 204 ? undefined : known, isChunked: false, untilClose: false };
  }
  if (!body || status === 205) return { length: 0, isChunked: false, untilClose: false };
  const isChunked = minor === 1 && (known === undefined || trailers !== undefined);
  return {
    length: isChunked ? undefined : known,
    isChunked,
    untilClose: !isChunked && known === undefined,
  };
}

let date = '';
let dateUntil = 0;

/** The time as HTTP writes it, made once a second. */
function now(): string {
  const ms = Date.now();
  if (ms >= dateUntil) {
    date = new Date(ms).toUTCString();
    dateUntil = ms - (ms % 1000) + 1000;
  }
  return date;
}

/**
 * Makes an answer ready to be sent.
 *
 * @param given - The handler's result.
 * @param context - The request.
 * @returns Head and body; the body is undefined where none is sent, and the stream of it then cancelled.
 * @throws {TypeError | RangeError} If it cannot be sent.
 */
export function outgoingReply(given: Response | HttpReply, context: ReplyContext): OutgoingReply {
  const answer = answerOf(given);
  const { status, headers, body, trailers } = answer;
  const { length, isChunked, untilClose } = framingOf(answer, context);
  const asked = headers.get('connection');
  const options = asked === null ? [] : listOf(asked);
  const keepsAlive = context.keepsAlive && !untilClose && !options.includes('close');
  const fields: [string, string][] = [];
  for (const field of headers) if (!OURS.has(field[0])) fields.push(field);
  if (context.date && !headers.has('date')) fields.push(['date', now()]);
  const more = options.filter((option) => option !== 'close' && option !== 'keep-alive');
  fields.push(['connection', [keepsAlive ? 'keep-alive' : 'close', ...more].join(', ')]);
  if (keepsAlive && context.keepAliveSeconds > 0) {
    fields.push(['keep-alive', `timeout=${context.keepAliveSeconds}`]);
  }
  if (isChunked) fields.push(['transfer-encoding', 'chunked']);
  else if (length !== undefined) fields.push(['content-length', String(length)]);
  const hasBody = body !== undefined && status !== 205 && !isBodyless(context.method, status);
  if (!hasBody) body?.stream?.cancel().catch(() => {});
  const after = trailers === undefined || !isChunked ? undefined : () => trailersText(trailers);
  return {
    head: formatHead(`HTTP/1.1 ${status} ${answer.statusText || reasonOf(status)}`, fields),
    body: hasBody ? chunkable(body, isChunked) : undefined,
    frame: { isChunked, length, trailers: after },
    keepsAlive,
  };
}

/** A body that is sent in chunks comes from a stream. */
function chunkable(body: OutgoingBody, isChunked: boolean): OutgoingBody {
  const { bytes } = body;
  if (!isChunked || !bytes) return body;
  return {
    stream: new Response(bytes as Uint8Array<ArrayBuffer>).body as ReadableStream<Uint8Array>,
  };
}

/**
 * The head of an interim answer, or of one that hands the connection over.
 *
 * @param reply - Status, status text and headers.
 * @param status - The status if the reply names none.
 * @returns The head with its empty line.
 * @throws {TypeError} If a field cannot be sent.
 */
export function bareHead(reply: HttpReply, status: number): string {
  const { statusText } = reply;
  const code = reply.status ?? status;
  if (!isFieldValue(statusText ?? ''))
    throw new TypeError('Cannot answer: the status text is malformed');
  return formatHead(`HTTP/1.1 ${code} ${statusText ?? reasonOf(code)}`, new Headers(reply.headers));
}
