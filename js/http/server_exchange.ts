// SPDX-License-Identifier: MIT
// server_exchange - one request on a connection of a server, from its head to the end of its answer
//
// Theory of operation
//
// The body of the request is read when the handler reads it, and 100 (Continue) is sent at its first read; the
// answer may be sent before that. When the answer is complete, what is left of the body is read and thrown away
// if that is little, else the connection is closed: nobody could find the next request behind it. While a
// handler works, one read of the connection waits, so that its request's signal is aborted when the client
// goes away.

import { HttpParseError, type RequestHead, toLatin1 } from '../codec/http1.ts';
import { NetError } from '../errors.ts';
import { abortConnection } from '../util/abort.ts';
import { Deferred } from '../util/deferred.ts';
import { BodyReader } from './body_reader.ts';
import { BodyError, type MessageWriter } from './body_writer.ts';
import type { ByteSource } from './byte_source.ts';
import type { Deadline } from './deadline.ts';
import { bareHead, type OutgoingReply, outgoingReply } from './reply.ts';
import { ServerRequest, urlOf } from './server_request.ts';
import type { StreamConnection } from './transport.ts';
import type { HttpHandler, HttpInfo, HttpReply, ServeOptions } from './types.ts';
import { abandonSocket, socketOf, takeUpgrade } from './upgrade.ts';

/** Bytes of a body that nobody wanted which are read so that the connection can be used again. */
const MAX_DRAIN = 256 * 1024;
/** ms that this may take. */
const DRAIN_TIMEOUT = 5000;
const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n';

/** Options of a server with their defaults. */
export interface ServerSettings
  extends Required<Omit<ServeOptions, 'host' | 'port' | 'signal' | 'tls'>> {
  readonly handler: HttpHandler;
  readonly scheme: 'http' | 'https';
  /** The server is being closed: no connection is used again. */
  readonly isClosing: () => boolean;
}

/** The parts of a connection that an exchange uses. */
export interface ExchangeParts {
  readonly connection: StreamConnection;
  readonly source: ByteSource;
  readonly writer: MessageWriter;
  readonly deadline: Deadline;
  /** It may be used again, as far as we are concerned. */
  readonly keepsAlive: boolean;
}

/** How an exchange ended: the connection is used again, closed, or was taken over. */
export type Outcome = 'next' | 'close' | 'taken';

/** One request and its answer. */
export class ServerExchange implements HttpInfo {
  readonly #parts: ExchangeParts;
  readonly #head: RequestHead;
  readonly #settings: ServerSettings;
  readonly #reader: BodyReader;
  /** When the request has to be complete. */
  readonly #due: number;
  #abort: AbortController | undefined;
  #isGone: { readonly reason: unknown } | undefined;
  #hasBegun = false;
  #isTaken = false;
  /** 100 (Continue) is waited for by the client. */
  #owesContinue: boolean;
  #pulling: Promise<void> | undefined;
  #bodyStream: ReadableStreamDefaultController<Uint8Array> | undefined;
  #bodyFailure: unknown;
  #trailers: Deferred<Headers> | undefined;
  #completed: Deferred | undefined;
  #isCompleted = false;
  #failure: unknown;

  constructor(head: RequestHead, parts: ExchangeParts, settings: ServerSettings) {
    this.#head = head;
    this.#parts = parts;
    this.#settings = settings;
    this.#reader = new BodyReader(parts.source, head, { limits: settings, untilClose: false });
    this.#owesContinue = head.expectsContinue && !this.#reader.isDone;
    const { requestTimeout } = settings;
    this.#due = requestTimeout > 0 ? performance.now() + requestTimeout : Number.POSITIVE_INFINITY;
  }

  get remoteAddress(): string {
    return this.#parts.connection.remoteAddress ?? '';
  }

  get remotePort(): number {
    return this.#parts.connection.remotePort ?? 0;
  }

  get localAddress(): string {
    return this.#parts.connection.localAddress ?? '';
  }

  get localPort(): number {
    return this.#parts.connection.localPort ?? 0;
  }

  get trailers(): Promise<Headers> {
    if (!this.#trailers) {
      this.#trailers = new Deferred();
      if (this.#bodyFailure !== undefined) this.#trailers.reject(this.#bodyFailure);
      else if (this.#reader.isDone) this.#trailers.resolve(new Headers(this.#reader.trailers));
    }
    return this.#trailers.promise;
  }

  get completed(): Promise<void> {
    if (!this.#completed) {
      this.#completed = new Deferred();
      if (this.#failure !== undefined) this.#completed.reject(this.#failure);
      else if (this.#isCompleted) this.#completed.resolve();
    }
    return this.#completed.promise;
  }

  async inform(reply: HttpReply): Promise<void> {
    const { status = 0 } = reply;
    if (!Number.isInteger(status) || status < 102 || status > 199) {
      throw new RangeError(`Cannot inform with status ${status}: it is one from 102 to 199`);
    }
    this.#mustNotHaveBegun('inform');
    if (this.#head.minor === 1) await this.#parts.writer.write(toLatin1(bareHead(reply, status)));
  }

  upgrade(reply: HttpReply = {}): StreamConnection {
    this.#mustNotHaveBegun('upgrade');
    const { method, upgrade } = this.#head;
    const status = reply.status ?? (method === 'CONNECT' ? 200 : 101);
    const headers = new Headers(reply.headers);
    if (status === 101) {
      headers.set('connection', 'Upgrade');
      if (!headers.has('upgrade') && upgrade !== undefined) headers.set('upgrade', upgrade);
    }
    const head = bareHead({ ...reply, headers }, status);
    this.#hasBegun = true;
    this.#isTaken = true;
    return takeUpgrade(this.#parts, head);
  }

  #mustNotHaveBegun(action: string): void {
    if (!this.#hasBegun) return;
    const reason = 'the request was answered already';
    throw new NetError('EPIPE', `Cannot ${action}`, { reason });
  }

  /**
   * Has the request answered.
   *
   * @returns How the connection goes on.
   * @throws {HttpParseError} If there is no URL in it: it was not answered.
   * @throws The error of the connection, or of the body of the answer.
   */
  async run(): Promise<Outcome> {
    const request = this.#request();
    try {
      const answer = await this.#answer(request);
      if (this.#isTaken || !answer) return this.#left();
      const socket = socketOf(answer);
      if (socket) return this.#accept(socket);
      abandonSocket(request);
      const keepsAlive = await this.#send(answer);
      this.#complete();
      return keepsAlive && (await this.#drained()) ? 'next' : 'close';
    } catch (error) {
      this.#fail(error);
      throw error;
    } finally {
      this.#endBody();
    }
  }

  #accept(socket: NonNullable<ReturnType<typeof socketOf>>): Outcome {
    const connection = this.upgrade({ headers: socket.headers });
    socket.open(connection);
    return this.#left();
  }

  /** The connection was taken over. */
  #left(): Outcome {
    this.#complete();
    return 'taken';
  }

  #request(): ServerRequest {
    const { connection } = this.#parts;
    const url = urlOf(this.#head, connection, this.#settings.scheme);
    const body = this.#reader.isDone ? undefined : this.#stream();
    try {
      return new ServerRequest(this.#head, { url, body, signal: () => this.#signal() });
    } catch {
      throw new HttpParseError(400, 'the request has no valid URL');
    }
  }

  #signal(): AbortSignal {
    this.#abort ??= new AbortController();
    if (this.#isGone) this.#abort.abort(this.#isGone.reason);
    return this.#abort.signal;
  }

  /** The client is not there any more: aborts the signal of its request. */
  gone(reason: unknown): void {
    this.#isGone ??= { reason };
    this.#abort?.abort(this.#isGone.reason);
  }

  #stream(): ReadableStream<Uint8Array> {
    return new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#bodyStream = controller;
        },
        pull: (controller) => {
          this.#pulling = this.#pull(controller);
          return this.#pulling;
        },
        cancel: () => {
          this.#bodyStream = undefined;
        },
      },
      { highWaterMark: 0 },
    );
  }

  async #pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    const { deadline, writer } = this.#parts;
    try {
      if (this.#owesContinue && !this.#hasBegun) {
        this.#owesContinue = false;
        await writer.write(toLatin1(CONTINUE));
      }
      if (this.#due !== Number.POSITIVE_INFINITY) {
        deadline.set(Math.max(1, this.#due - performance.now()));
      }
      const chunk = await this.#reader.next();
      deadline.clear();
      // It may have been cancelled, or answered, during the read.
      if (chunk && this.#bodyStream) controller.enqueue(chunk);
    } catch (error) {
      this.#failBody(error);
      controller.error(error);
      return;
    }
    if (!this.#reader.isDone) return;
    this.#trailers?.resolve(new Headers(this.#reader.trailers));
    if (this.#bodyStream) controller.close();
    this.#bodyStream = undefined;
  }

  #failBody(error: unknown): void {
    this.#bodyStream = undefined;
    this.#bodyFailure = error;
    this.#trailers?.reject(error);
    if (!(error instanceof HttpParseError)) this.gone(error);
  }

  /** The handler's answer, or the answer in its place if it failed. */
  async #answer(request: ServerRequest): Promise<Response | HttpReply | undefined> {
    try {
      const given = this.#settings.handler(request, this);
      if (!(given && 'then' in given)) return this.#checked(given);
      this.#watch();
      return this.#checked(await given);
    } catch (error) {
      if (this.#isTaken) throw error;
      return this.#excuse(error);
    }
  }

  #checked(answer: Response | HttpReply | undefined): Response | HttpReply | undefined {
    if (answer || this.#isTaken) return answer;
    throw new TypeError('The handler returned nothing');
  }

  /** Sees whether the client goes away while the handler works. */
  #watch(): void {
    const watched = this.#parts.source.watch() as Promise<{ done: boolean }> | undefined;
    const reason = 'the client closed the connection';
    watched?.then(
      ({ done }) => {
        if (done) this.gone(new NetError('ECONNRESET', 'The request was given up', { reason }));
      },
      (error) => this.gone(error),
    );
  }

  /** The answer if the handler failed. */
  async #excuse(error: unknown): Promise<Response | HttpReply> {
    const failure = this.#bodyFailure;
    // It was the body's fault, which the handler could not read.
    if (failure instanceof HttpParseError) return refusal(failure.status);
    if (failure instanceof NetError && failure.code === 'ETIMEDOUT') return refusal(408);
    try {
      return await this.#settings.onError(error);
    } catch {
      return refusal(500);
    }
  }

  /** Sends an answer; returns whether the connection can be used again. */
  async #send(answer: Response | HttpReply): Promise<boolean> {
    const { writer } = this.#parts;
    let reply: OutgoingReply;
    try {
      reply = this.#prepared(answer);
    } catch (error) {
      reply = this.#prepared(await this.#excuse(error));
    }
    this.#hasBegun = true;
    const { head, body, frame, keepsAlive } = reply;
    if (!body?.stream) {
      await writer.sendBytes(head, body?.bytes);
      return keepsAlive;
    }
    try {
      await writer.sendStream(head, body.stream, frame);
    } catch (error) {
      if (error instanceof BodyError) await this.#report(error.cause);
      throw error instanceof BodyError ? error.cause : error;
    }
    return keepsAlive;
  }

  /** The answer was begun when its body failed: nobody but onError() can be told. */
  async #report(error: unknown): Promise<void> {
    try {
      await this.#settings.onError(error);
    } catch {
      // Its own failure has nowhere to go.
    }
  }

  #prepared(answer: Response | HttpReply): OutgoingReply {
    const { keepAliveTimeout, date, isClosing } = this.#settings;
    const { method, minor, keepsAlive } = this.#head;
    // A body that was held back, and is not wanted, may come all the same or not: nobody can tell.
    const isSure = !this.#owesContinue && this.#bodyFailure === undefined;
    return outgoingReply(answer, {
      method,
      minor,
      keepsAlive: keepsAlive && this.#parts.keepsAlive && isSure && !isClosing(),
      keepAliveSeconds: Math.floor(keepAliveTimeout / 1000),
      date,
    });
  }

  /** Reads what is left of the request's body, if that is little. */
  async #drained(): Promise<boolean> {
    if (this.#reader.isDone) return true;
    this.#endBody();
    await this.#pulling;
    const { deadline } = this.#parts;
    deadline.set(DRAIN_TIMEOUT);
    try {
      for (let bytes = 0; bytes <= MAX_DRAIN && this.#reader.left <= MAX_DRAIN; ) {
        const chunk = await this.#reader.next();
        if (!chunk) return true;
        bytes += chunk.length;
      }
    } catch {
      // The connection is closed all the same.
    } finally {
      deadline.clear();
    }
    return this.#reader.isDone;
  }

  /** Fails the reads of a body that is not at its end. */
  #endBody(): void {
    const reason = 'the request was answered';
    this.#bodyStream?.error(new NetError('ECONNABORTED', 'Cannot read a body', { reason }));
    this.#bodyStream = undefined;
  }

  #complete(): void {
    this.#isCompleted = true;
    this.#completed?.resolve();
  }

  #fail(error: unknown): void {
    this.#failure = error;
    this.gone(error);
    this.#completed?.reject(error);
    abortConnection(this.#parts.connection, error);
  }
}

/** A plain answer that the connection does not outlive. */
export function refusal(status: number): HttpReply {
  return { status, headers: { connection: 'close' } };
}
