// SPDX-License-Identifier: MIT
// server_connection - the requests of one connection of a server, one after the other
//
// Theory of operation
//
// Requests are read and answered in order: the head of the next is looked at when the answer before it is
// complete, so pipelined requests wait in the connection's buffer and close its window in the end. The
// connection is `idle` between requests, `reading` a head, `busy` with an exchange, and then `ending` or
// handed over. Input that is not HTTP is answered with a status (400, 408, 431, 505) and the connection closed.

import { HttpParseError, parseRequestHead, type RequestHead } from '../codec/http1.ts';
import { NetError } from '../errors.ts';
import { abortConnection } from '../util/abort.ts';
import { MessageWriter } from './body_writer.ts';
import { ByteSource } from './byte_source.ts';
import { Deadline } from './deadline.ts';
import { outgoingReply } from './reply.ts';
import { type Outcome, refusal, ServerExchange, type ServerSettings } from './server_exchange.ts';
import { closeConnection, type StreamConnection } from './transport.ts';

/** ms that a client whose time is up is given to take the answer that says so. */
const LAST_WORDS = 2000;

/** A connection of a server. */
export class ServerConnection {
  readonly #connection: StreamConnection;
  readonly #settings: ServerSettings;
  readonly #source: ByteSource;
  readonly #writer: MessageWriter;
  readonly #deadline: Deadline;
  #state: 'idle' | 'reading' | 'busy' | 'ending' = 'reading';
  #count = 0;
  #exchanging: ServerExchange | undefined;

  constructor(connection: StreamConnection, settings: ServerSettings) {
    this.#connection = connection;
    this.#settings = settings;
    this.#source = new ByteSource(connection.readable);
    this.#writer = new MessageWriter(connection.writable);
    this.#deadline = new Deadline(() => this.#expired());
  }

  /**
   * Serves until the connection is closed or handed over.
   *
   * @throws Never.
   */
  async run(): Promise<void> {
    let outcome: Outcome = 'next';
    try {
      while (outcome === 'next') outcome = await this.#next();
    } catch {
      // The connection failed, so nothing can be told the client.
      abortConnection(this.#connection, undefined);
      outcome = 'close';
    }
    if (outcome === 'taken') return;
    await this.#end();
    this.#deadline.stop();
  }

  /** Closes it if it is idle; else its answer is the last. */
  closeIfIdle(): void {
    if (this.#state === 'idle') void this.#end();
  }

  /** Resets it. */
  abort(reason: unknown): void {
    this.#exchanging?.gone(reason);
    this.#source.fail(reason);
    abortConnection(this.#connection, reason);
  }

  #end(): Promise<void> {
    this.#state = 'ending';
    this.#source.stop();
    this.#writer.release();
    return closeConnection(this.#connection);
  }

  #expired(): void {
    if (this.#state === 'idle') {
      void this.#end();
    } else if (this.#state === 'reading') {
      this.#state = 'ending';
      this.#source.stop();
      // A client that sent nothing for so long may take nothing either.
      this.#deadline.set(LAST_WORDS);
      this.#refuse(408).then(
        () => this.#end(),
        () => {},
      );
    } else {
      const reason = 'the client sends nothing more';
      const error = new NetError('ETIMEDOUT', 'Cannot read a request', { reason });
      this.#source.fail(error);
      if (this.#state === 'ending') this.abort(error);
    }
  }

  async #next(): Promise<Outcome> {
    let head: RequestHead | undefined;
    try {
      head = await this.#head();
      if (!head) return 'close';
      this.#state = 'busy';
      this.#count++;
      return await this.#exchange(head);
    } catch (error) {
      if (!(error instanceof HttpParseError)) throw error;
      await this.#refuse(error.status);
      return 'close';
    }
  }

  #exchange(head: RequestHead): Promise<Outcome> {
    const { maxRequestsPerSocket, keepAlive } = this.#settings;
    const isLast = maxRequestsPerSocket > 0 && this.#count >= maxRequestsPerSocket;
    const parts = {
      connection: this.#connection,
      source: this.#source,
      writer: this.#writer,
      deadline: this.#deadline,
      keepsAlive: keepAlive && !isLast,
    };
    this.#exchanging = new ServerExchange(head, parts, this.#settings);
    return this.#exchanging.run();
  }

  /** The next head; undefined: the client sends no more, or its time is up. */
  async #head(): Promise<RequestHead | undefined> {
    const { headersTimeout, keepAliveTimeout, isClosing } = this.#settings;
    this.#state = this.#count > 0 && this.#source.length === 0 ? 'idle' : 'reading';
    if (this.#state === 'idle' && isClosing()) return undefined;
    this.#deadline.set(this.#state === 'idle' ? keepAliveTimeout : headersTimeout);
    for (;;) {
      const text = this.#source.tryHead(this.#settings);
      if (text !== undefined) {
        this.#deadline.clear();
        return parseRequestHead(text, this.#settings);
      }
      if (!(await this.#source.more())) {
        // A request that is cut off is answered: its sender may have closed only its own side.
        if (this.#source.length > 0) throw new HttpParseError(400, 'the head is cut off');
        return undefined;
      }
      if (this.#state === 'idle') {
        this.#state = 'reading';
        this.#deadline.set(headersTimeout);
      }
    }
  }

  /** Answers what is no request. */
  #refuse(status: number): Promise<void> {
    const { date } = this.#settings;
    const context = { method: 'GET', minor: 1, keepsAlive: false, keepAliveSeconds: 0, date };
    return this.#writer.sendBytes(outgoingReply(refusal(status), context).head, undefined);
  }
}
