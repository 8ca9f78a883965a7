// SPDX-License-Identifier: MIT
// server_stream - DNS over TCP: connections, each with several queries (RFC 7766)
//
// A connection ends when its client has ended its side and has all its answers, or when for some time no
// whole message came or could be sent: bytes alone do not keep it, nor does a client that does not read.
// Of one connection so many queries are answered at a time; more wait in the transport.

import type { StreamConnection, StreamListener } from '../api/transport.ts';
import { DnsFrames, frameDns } from '../codec/dns_stream.ts';
import { abortConnection } from '../util/abort.ts';
import { handled } from '../util/deferred.ts';
import type { DnsClientAddress } from './answer.ts';
import { type DnsServerLimits, type DnsServerStatistics, Shares } from './server_options.ts';

type Respond = (query: Uint8Array, remote: DnsClientAddress) => Promise<Uint8Array | undefined>;

/** Queries of one connection that are answered at a time. */
const TOGETHER = 32;

/** Serves one connection. */
class Session {
  readonly #connection: StreamConnection;
  readonly #respond: Respond;
  readonly #counts: DnsServerStatistics;
  readonly #idle: number;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #pending = new Set<Promise<void>>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isOver = false;

  constructor(
    connection: StreamConnection,
    respond: Respond,
    counts: DnsServerStatistics,
    idle: number,
  ) {
    this.#connection = connection;
    this.#respond = respond;
    this.#counts = counts;
    this.#idle = idle;
    this.#writer = connection.writable.getWriter();
  }

  /** Settles when the connection is over; never rejects. */
  async run(): Promise<void> {
    this.#rest();
    try {
      await this.#read();
      await Promise.all(this.#pending);
      this.#writer.releaseLock();
      if (!this.#isOver) await this.#connection.close();
    } catch {
      this.stop();
    } finally {
      clearTimeout(this.#timer);
      this.#isOver = true;
    }
  }

  /** Ends the connection at once. */
  stop(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#writer.releaseLock();
    abortConnection(this.#connection);
  }

  /** Something whole came or went: the time begins anew. */
  #rest(): void {
    clearTimeout(this.#timer);
    if (!this.#isOver) this.#timer = setTimeout(() => this.stop(), this.#idle);
  }

  async #read(): Promise<void> {
    const { remoteAddress: host = '', remotePort: port = 0 } = this.#connection;
    const frames = new DnsFrames();
    for await (const chunk of this.#connection) {
      frames.push(chunk);
      for (let query = frames.next(); query; query = frames.next()) {
        if (this.#isOver) return;
        this.#rest();
        const answering: Promise<void> = this.#answer(query, { host, port }).finally(() =>
          this.#pending.delete(answering),
        );
        this.#pending.add(answering);
        if (this.#pending.size >= TOGETHER) await Promise.race(this.#pending);
      }
    }
  }

  async #answer(query: Uint8Array, remote: DnsClientAddress): Promise<void> {
    const response = await this.#respond(query, remote);
    if (this.#isOver) return;
    // A client that sent no query will not send one later.
    if (!response) return this.stop();
    try {
      await this.#writer.write(frameDns(response));
      this.#rest();
    } catch {
      this.#counts.droppedSend++;
      this.stop();
    }
  }
}

/** Accepts connections and serves them. */
export class StreamServer {
  readonly #listener: StreamListener;
  readonly #limits: Required<DnsServerLimits>;
  readonly #counts: DnsServerStatistics;
  readonly #respond: Respond;
  readonly #shares: Shares;
  readonly #sessions = new Set<Session>();
  #isClosed = false;

  constructor(
    listener: StreamListener,
    limits: Required<DnsServerLimits>,
    counts: DnsServerStatistics,
    respond: Respond,
  ) {
    this.#listener = listener;
    this.#limits = limits;
    this.#counts = counts;
    this.#respond = respond;
    this.#shares = new Shares(limits.connections, limits.connectionsPerClient);
    handled(this.#accept());
  }

  /** Stops listening and ends all connections. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const session of this.#sessions) session.stop();
    await this.#listener.close?.();
  }

  async #accept(): Promise<void> {
    for await (const connection of this.#listener) {
      // All connections of a transport without remote addresses count as one client.
      const client = connection.remoteAddress ?? '';
      if (this.#isClosed || !this.#shares.take(client)) {
        this.#counts.droppedLimit++;
        abortConnection(connection);
        continue;
      }
      this.#counts.connections++;
      const session = new Session(connection, this.#respond, this.#counts, this.#limits.idle);
      this.#sessions.add(session);
      void session.run().finally(() => {
        this.#sessions.delete(session);
        this.#shares.give(client);
      });
    }
  }
}
