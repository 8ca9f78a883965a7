// SPDX-License-Identifier: MIT
// http_server - the web server of the page, for programs of the guest
//
// It answers GET and HEAD with a greeting, or with as many bytes as the path names (/20MB), and POST with the
// length of its body. Every connection is one request; the page is told of each step of it.

import type { NetworkStack, TcpConnection } from 'ringstack';
import {
  bodyLength,
  formatHead,
  HttpError,
  MessageReader,
  parseRequest,
  type RequestHead,
} from './http.ts';
import type { GuestRequest } from './messages.ts';

const REASONS: Readonly<Record<number, string>> = {
  200: 'OK',
  400: 'Bad Request',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  413: 'Content Too Large',
  431: 'Request Header Fields Too Large',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  505: 'HTTP Version Not Supported',
};

/** ms in which the head of a request must come. */
const PATIENCE = 30_000;
/** Bytes of a POST that are taken, and characters of it that are shown. */
const POST_MAX = 1e6;
const SHOWN_MAX = 400;
const CHUNK = 64 * 1024;
/** Bytes of the longest download. */
const DOWNLOAD_MAX = 1e9;

const UNITS: Readonly<Record<string, number>> = { '': 1, k: 1e3, M: 1e6, G: 1e9 };

/** The answer to a request. */
interface Answer {
  readonly status: number;
  /** Its body: a text, or a number of arbitrary bytes. */
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

/** Bytes of many values. */
function makeChunk(): Uint8Array {
  return Uint8Array.from({ length: CHUNK }, (_, i) => (i * 167 + (i >> 8)) & 255);
}

/** One request. */
class Exchange {
  readonly #connection: TcpConnection;
  readonly #onChange: (request: GuestRequest) => void;
  readonly #begin = performance.now();
  #request: GuestRequest;

  constructor(id: number, connection: TcpConnection, onChange: (request: GuestRequest) => void) {
    this.#connection = connection;
    this.#onChange = onChange;
    const nothing = { method: '', path: '', sent: 0, total: 0, ms: 0, agent: '' };
    this.#request = { id, ...nothing, isDone: false };
  }

  #tell(change: Partial<GuestRequest>): void {
    const ms = performance.now() - this.#begin;
    this.#request = { ...this.#request, ms, ...change };
    this.#onChange(this.#request);
  }

  /** Reads the request and answers it. */
  async run(): Promise<void> {
    const reader = new MessageReader(this.#connection);
    try {
      const isSlow = setTimeout(() => this.#connection.abort(), PATIENCE);
      const text = await reader.head().finally(() => clearTimeout(isSlow));
      // A client that only wanted to know whether there is a server.
      if (text === undefined) return await this.#connection.close();
      const head = parseRequest(text);
      const agent = head.headers.get('user-agent') ?? '';
      this.#tell({ method: head.method, path: head.target, agent });
      await this.#send(await this.#answer(head, reader), head.method === 'HEAD');
      this.#tell({ isDone: true });
    } catch (error) {
      await this.#fail(error);
    }
  }

  async #answer(head: RequestHead, reader: MessageReader): Promise<Answer> {
    const path = head.target.replace(/[?#].*/s, '');
    if (head.method === 'GET' || head.method === 'HEAD') {
      return answerGet(path, `${this.#connection.remoteAddress}:${this.#connection.remotePort}`);
    }
    if (head.method !== 'POST') throw new HttpError(405, `Cannot ${head.method} anything here`);
    const length = bodyLength(head.headers) ?? 0;
    const bytes = await reader.wholeBody(length, POST_MAX);
    this.#tell({ body: new TextDecoder().decode(bytes).slice(0, SHOWN_MAX) });
    return { status: 200, body: `Thank you for ${bytes.length} bytes.\n` };
  }

  async #send({ status, body }: Answer, isHeadOnly: boolean): Promise<void> {
    const text = typeof body === 'string' ? new TextEncoder().encode(body) : undefined;
    const total = text?.length ?? (body as number);
    this.#tell({ status, total });
    const writer = this.#connection.writable.getWriter();
    await writer.write(
      formatHead(`HTTP/1.1 ${status} ${REASONS[status] ?? ''}`, {
        'Content-Type': text ? 'text/plain; charset=utf-8' : 'application/octet-stream',
        'Content-Length': `${total}`,
        Connection: 'close',
        Server: 'ringstack',
      }),
    );
    if (!isHeadOnly) await this.#sendBody(writer, text ?? makeChunk(), total);
    // All of it is acknowledged when this settles.
    await writer.close();
    await this.#connection.close();
  }

  async #sendBody(
    writer: WritableStreamDefaultWriter<Uint8Array>,
    chunk: Uint8Array,
    total: number,
  ): Promise<void> {
    let told = 0;
    for (let sent = 0; sent < total; ) {
      const piece = chunk.subarray(0, Math.min(chunk.length, total - sent));
      await writer.write(piece);
      sent += piece.length;
      const now = performance.now();
      if (sent < total && now - told < 100) continue;
      told = now;
      this.#tell({ sent });
    }
  }

  /** Answers with the error, if there was no answer yet. */
  async #fail(error: unknown): Promise<void> {
    const message = error instanceof Error ? error.message : String(error);
    const status = error instanceof HttpError ? error.status : 500;
    const isAnswered = this.#request.status !== undefined;
    this.#tell({ error: message, ...(isAnswered ? {} : { status }), isDone: true });
    if (isAnswered || !(error instanceof HttpError)) return this.#connection.abort();
    try {
      await this.#send({ status, body: `${message}\n` }, false);
    } catch {
      this.#connection.abort();
    }
  }
}

/**
 * Serves the guest until the stack is closed.
 *
 * @param stack - The stack that listens, on port 80.
 * @param onChange - Called with a request each time it has come further.
 */
export async function serveGuest(
  stack: NetworkStack,
  onChange: (request: GuestRequest) => void,
): Promise<void> {
  const listener = await stack.listenTcp({ port: 80 });
  let last = 0;
  const accept = async (): Promise<void> => {
    for await (const connection of listener) {
      void new Exchange(++last, connection, onChange).run().catch(() => connection.abort());
    }
  };
  accept().catch(() => {});
}
