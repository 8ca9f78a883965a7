// SPDX-License-Identifier: MIT
// exchange - one request and its response on a connection of a client
//
// Theory of operation
//
// The request is sent while the response is read: a server may answer before it has the whole body. The
// connection goes back to the pool when both are complete and the server keeps it. If the response is complete
// first, the server does not want the rest of the body, and nobody can tell it from the next request: the
// connection is closed. Every way to fail ends in fail(), once.

import {
  type HeadLimits,
  HttpParseError,
  parseResponseHead,
  type ResponseHead,
} from '../codec/http1.ts';
import { NetError } from '../errors.ts';
import { Deferred } from '../util/deferred.ts';
import type { OutgoingBody } from './body_init.ts';
import { BodyReader } from './body_reader.ts';
import { BodyError, isOneWrite } from './body_writer.ts';
import type { ClientConnection, Pool } from './pool.ts';
import { isBodyless } from './status.ts';

/** A request as it is sent. */
export interface OutgoingRequest {
  readonly method: string;
  /** Head with its empty line. */
  readonly head: string;
  readonly body: OutgoingBody | undefined;
  /** Whether the body is chunked. */
  readonly isChunked: boolean;
  readonly trailers: (() => Promise<string>) | undefined;
  /** The body waits for 100 (Continue), or for a while. */
  readonly awaitsContinue: boolean;
  /** The connection is not used again. */
  readonly closes: boolean;
}

/** Limits of a response. */
export interface ResponseLimits extends HeadLimits {
  readonly headersTimeout: number;
  readonly bodyTimeout: number;
}

/** ms after which a body is sent though the server has not said 100: old ones never do. */
const CONTINUE_WAIT = 1000;
/** Informational responses before the final one. */
const MAX_INFORMATIONAL = 64;

/** A request on its way, and its response. */
export class Exchange {
  readonly #client: ClientConnection;
  readonly #pool: Pool;
  readonly #request: OutgoingRequest;
  readonly #limits: ResponseLimits;
  #isSent = false;
  /** The head of the final response has come. */
  #isAnswered = false;
  #isOver = false;
  #goOn: () => void = () => {};
  #failure: { readonly error: unknown } | undefined;
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  readonly #trailers = new Deferred<Headers>();
  /** Called once when the exchange is over, well or not. */
  onOver: () => void = () => {};
  /** Not a byte of a response has come. */
  isUnanswered = true;

  constructor(
    client: ClientConnection,
    pool: Pool,
    request: OutgoingRequest,
    limits: ResponseLimits,
  ) {
    this.#client = client;
    this.#pool = pool;
    this.#request = request;
    this.#limits = limits;
    client.onDeadline = () => this.#timedOut();
  }

  /** The fields behind the response's body. */
  get trailers(): Promise<Headers> {
    return this.#trailers.promise;
  }

  #timedOut(): void {
    const reason = 'the server sends nothing more';
    this.fail(new NetError('ETIMEDOUT', 'Cannot read a response', { reason }));
  }

  /** Ends it with an error; the connection is reset. */
  fail(error: unknown): void {
    if (this.#isOver) return;
    this.#failure = { error };
    this.#controller?.error(error);
    this.#trailers.reject(error);
    this.#abort(error);
    this.#end();
  }

  #abort(error: unknown): void {
    this.#client.writer.cancelBody(error);
    this.#pool.abort(this.#client, error);
  }

  #end(): void {
    this.#isOver = true;
    this.#isAnswered = true;
    this.#goOn();
    this.onOver();
  }

  /**
   * Sends the request and reads the head of its response.
   *
   * @returns The head of the final response, or of 101.
   * @throws The error of the exchange.
   */
  async run(): Promise<ResponseHead> {
    void this.#send();
    const { deadline } = this.#client;
    deadline.set(this.#limits.headersTimeout);
    try {
      const head = await this.#head();
      deadline.clear();
      this.#isAnswered = true;
      this.#goOn();
      return head;
    } catch (error) {
      this.fail(asNetError(error));
      throw this.#failure?.error;
    }
  }

  async #send(): Promise<void> {
    try {
      this.#isSent = await this.#sendAll();
    } catch (error) {
      // A failed connection fails the read of the response: one may have come before the failure.
      if (error instanceof BodyError) this.fail(error.cause);
    }
  }

  /** Returns whether all of it was sent, and not held back. */
  async #sendAll(): Promise<boolean> {
    const { writer } = this.#client;
    const { head, body, isChunked, trailers, awaitsContinue } = this.#request;
    let start = head;
    if (awaitsContinue && body) {
      await writer.sendBytes(head, undefined);
      if (!(await this.#continued())) return false;
      start = '';
    }
    if (body?.stream) {
      const length = isChunked ? undefined : body.length;
      await writer.sendStream(start, body.stream, { isChunked, length, trailers });
    } else {
      const sending = writer.sendBytes(start, body?.bytes);
      // It may settle after the response. The next request is queued behind it.
      this.#isSent = isOneWrite(body?.bytes);
      await sending;
    }
    return true;
  }

  /** Waits for 100 or for long enough; false: the final response came first, and wants no body. */
  #continued(): Promise<boolean> {
    if (this.#isAnswered) return Promise.resolve(false);
    return new Promise((resolve) => {
      const goOn = (): void => {
        clearTimeout(timer);
        resolve(!this.#isAnswered);
      };
      const timer = setTimeout(goOn, CONTINUE_WAIT);
      this.#goOn = goOn;
    });
  }

  async #head(): Promise<ResponseHead> {
    const { source } = this.#client;
    for (let count = 0; count < MAX_INFORMATIONAL; ) {
      const text = source.tryHead(this.#limits);
      if (text === undefined) {
        if (!(await source.more())) throw unanswered();
        this.isUnanswered = false;
        continue;
      }
      const head = parseResponseHead(text, this.#limits);
      if (head.status >= 200 || head.status === 101) return head;
      if (head.status === 100) this.#goOn();
      count++;
    }
    throw new HttpParseError(400, `more than ${MAX_INFORMATIONAL} informational responses`);
  }

  /**
   * The body of the response: bytes if all of it is there, a stream to be read, null if there is none.
   * The exchange goes on until it has been read or cancelled.
   */
  body(head: ResponseHead): ReadableStream<Uint8Array> | Uint8Array | null {
    this.#noteKeepAlive(head);
    if (isBodyless(this.#request.method, head.status)) {
      this.#finish(head, []);
      return null;
    }
    const reader = new BodyReader(this.#client.source, head, {
      limits: this.#limits,
      untilClose: true,
    });
    if (reader.isDone) {
      this.#finish(head, []);
      return new Uint8Array();
    }
    if (reader.isHere && head.keepsAlive && this.#pool.keepsAlive && this.#isSent) {
      const bytes = this.#client.source.take(reader.left);
      this.#finish(head, []);
      return bytes;
    }
    return this.#stream(head, reader);
  }

  #noteKeepAlive({ fields }: ResponseHead): void {
    const value = fields.find(([name]) => name === 'keep-alive')?.[1] ?? '';
    const [, seconds] = /(?:^|[ ,])timeout=(\d{1,6})/i.exec(value) ?? [];
    if (seconds !== undefined) this.#client.serverKeeps = Number(seconds) * 1000;
  }

  #stream(head: ResponseHead, reader: BodyReader): ReadableStream<Uint8Array> {
    const { deadline } = this.#client;
    return new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller;
        },
        pull: async (controller) => {
          deadline.set(this.#limits.bodyTimeout);
          try {
            const chunk = await reader.next();
            deadline.clear();
            if (chunk) controller.enqueue(chunk);
          } catch (error) {
            this.fail(asNetError(error));
            return;
          }
          if (!reader.isDone) return;
          this.#finish(head, reader.trailers);
          controller.close();
        },
        cancel: (reason) => {
          if (this.#isOver) return;
          this.#controller = undefined;
          this.fail(reason ?? new NetError('ECONNABORTED', 'The body was cancelled'));
        },
      },
      { highWaterMark: 0 },
    );
  }

  /** The response is complete. */
  #finish(head: ResponseHead, trailers: [string, string][]): void {
    if (this.#isOver) return;
    this.#trailers.resolve(new Headers(trailers));
    const isFramed = head.isChunked || head.contentLength !== undefined;
    const ends = isFramed || isBodyless(this.#request.method, head.status);
    const keeps = ends && head.keepsAlive && this.#pool.keepsAlive && !this.#request.closes;
    if (this.#isSent) this.#giveBack(keeps);
    // The response was faster than our last write settles; or than the body, which is given up then.
    else setTimeout(() => this.#giveBack(keeps), 0);
  }

  #giveBack(keeps: boolean): void {
    if (this.#isOver) return;
    if (!this.#isSent) this.#abort(new NetError('EPIPE', 'The server has answered'));
    else if (keeps) this.#pool.release(this.#client);
    else this.#pool.discard(this.#client);
    this.#end();
  }

  /** Leaves the connection to the caller: bytes that have come first. */
  handOver(): ClientConnection {
    this.#pool.handOver(this.#client);
    this.#client.writer.release();
    this.#trailers.resolve(new Headers());
    this.#end();
    return this.#client;
  }
}

/** The error of a server that closes the connection in place of an answer. */
function unanswered(): NetError {
  const reason = 'the server closed the connection';
  return new NetError('ECONNRESET', 'Cannot read a response', { reason });
}

/** A malformed message as the error that programs know. */
function asNetError(error: unknown): unknown {
  if (!(error instanceof HttpParseError)) return error;
  return new NetError('EPROTO', 'Cannot read a response', { reason: error.message, cause: error });
}
