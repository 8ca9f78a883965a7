// SPDX-License-Identifier: MIT
// page_server - the web server of the page, for programs of the guests (http://page/)
//
// It answers GET and HEAD with a greeting, or with as many bytes as the path names (/20MB), and POST with the
// length of its body. The page is told of each step of a request.

import type { HttpHandler, HttpInfo, HttpReply } from 'ringstack/http';
import type { GuestRequest } from './messages.ts';

/** Bytes of a POST that are taken, and characters of it that are shown. */
const POST_MAX = 1e6;
const SHOWN_MAX = 400;
const CHUNK = 64 * 1024;
/** Bytes of the longest download. */
const DOWNLOAD_MAX = 1e9;

const UNITS: Readonly<Record<string, number>> = { '': 1, k: 1e3, M: 1e6, G: 1e9 };

/** An answer: a text, or a number of arbitrary bytes. */
interface Answer {
  readonly status: number;
  readonly body: string | number;
}

/** Bytes that a path like /20MB asks for; undefined: none. */
export function downloadSize(path: string): number | undefined {
  const [, digits, unit = ''] = /^\/(\d{1,10})([kMG]?)B$/.exec(path) ?? [];
  if (digits === undefined) return undefined;
  const size = Number(digits) * (UNITS[unit] ?? 1);
  return size <= DOWNLOAD_MAX ? size : undefined;
}

function answerGet(path: string, client: string): Answer {
  const size = downloadSize(path);
  if (size !== undefined) return { status: 200, body: size };
  if (path !== '/') return { status: 404, body: `There is no ${path} here.\n` };
  const body = `Hello from the web page around you!
You are ${client}, and ringstack has answered from its worker.
More: wget -O /dev/null http://page/20MB
      wget -q -O - --post-data 'hi there' http://page/
`;
  return { status: 200, body };
}

/** The text of a body, and its length; undefined: it is too long. */
async function readPost(request: Request): Promise<{ text: string; length: number } | undefined> {
  const decoder = new TextDecoder();
  let [text, length] = ['', 0];
  for await (const piece of request.body ?? []) {
    length += piece.length;
    if (length > POST_MAX) return undefined;
    if (text.length < SHOWN_MAX) text += decoder.decode(piece, { stream: true });
  }
  return { text: text.slice(0, SHOWN_MAX), length };
}

/** Many bytes, of many values. */
async function* manyBytes(total: number, onSent: (sent: number) => void) {
  const chunk = Uint8Array.from({ length: CHUNK }, (_, i) => (i * 167 + (i >> 8)) & 255);
  for (let sent = 0; sent < total; ) {
    const piece = chunk.subarray(0, Math.min(CHUNK, total - sent));
    yield piece;
    sent += piece.length;
    onSent(sent);
  }
}

/** One request, as the page is told of it. */
class Exchange {
  readonly #onChange: (request: GuestRequest) => void;
  readonly #begin = performance.now();
  #request: GuestRequest;
  #told = 0;

  constructor(request: GuestRequest, onChange: (request: GuestRequest) => void) {
    this.#request = request;
    this.#onChange = onChange;
    this.tell({});
  }

  tell(change: Partial<GuestRequest>): void {
    const now = performance.now();
    this.#told = now;
    this.#request = { ...this.#request, ms: now - this.#begin, ...change };
    this.#onChange(this.#request);
  }

  /** Tells the progress now and then. */
  sent(bytes: number): void {
    if (bytes === this.#request.total || performance.now() - this.#told > 100) {
      this.tell({ sent: bytes });
    }
  }

  /** Makes the reply, and follows it to its end. */
  reply({ status, body }: Answer, isHead: boolean, completed: HttpInfo['completed']): HttpReply {
    const text = typeof body === 'string' ? new TextEncoder().encode(body) : undefined;
    const total = text?.length ?? (body as number);
    this.tell({ status, total });
    completed.then(
      () => this.tell({ sent: isHead ? 0 : total, isDone: true }),
      (error: Error) => this.tell({ error: error.message, isDone: true }),
    );
    const type = text ? 'text/plain; charset=utf-8' : 'application/octet-stream';
    const headers = { 'content-type': type, 'content-length': `${total}`, server: 'ringstack' };
    return { status, headers, body: text ?? manyBytes(total, (sent) => this.sent(sent)) };
  }
}

/**
 * Makes the handler of the server.
 *
 * @param nameOf - Name of a guest by its address.
 * @param onChange - Called with a request each time it has come further.
 */
export function pageHandler(
  nameOf: (address: string) => string,
  onChange: (request: GuestRequest) => void,
): HttpHandler {
  let last = 0;
  return async (request, { remoteAddress, remotePort, completed }) => {
    const { method, url, headers } = request;
    const path = new URL(url).pathname;
    const agent = headers.get('user-agent') ?? '';
    const none = { sent: 0, total: 0, ms: 0, isDone: false };
    const guest = nameOf(remoteAddress);
    const exchange = new Exchange({ id: ++last, guest, method, path, agent, ...none }, onChange);
    const answer = async (): Promise<Answer> => {
      if (method === 'GET' || method === 'HEAD') {
        return answerGet(path, `${remoteAddress}:${remotePort}`);
      }
      if (method !== 'POST') return { status: 405, body: `Cannot ${method} anything here\n` };
      const post = await readPost(request);
      if (!post) return { status: 413, body: `Cannot take more than ${POST_MAX} bytes\n` };
      exchange.tell({ body: post.text });
      return { status: 200, body: `Thank you for ${post.length} bytes.\n` };
    };
    return exchange.reply(await answer(), method === 'HEAD', completed);
  };
}
