// SPDX-License-Identifier: MIT
// pool - the connections of fetch(): opened, kept while idle, used again
//
// Theory of operation
//
// Connections are kept by origin. An idle one is watched: a server that closes it, or says something nobody
// asked for, makes it unusable, and it is gone before a request could be lost in it. It is given up earlier
// than servers do, so that the two seldom cross. With maxConnections, requests wait in a queue for a
// connection to be given back or closed.

import { NetError } from '../errors.ts';
import { abortConnection, untilAborted } from '../util/abort.ts';
import { ref, unref } from '../util/process.ts';
import { MessageWriter } from './body_writer.ts';
import { ByteSource } from './byte_source.ts';
import { Deadline } from './deadline.ts';
import { closeConnection, type StreamConnection, type StreamTransport } from './transport.ts';
import type { TlsProvider } from './types.ts';

/** Server to which requests go. */
export interface Origin {
  readonly host: string;
  readonly port: number;
  readonly isSecure: boolean;
  /** Same for the same connections. */
  readonly key: string;
}

/** How connections are kept. */
export interface PoolOptions {
  readonly idleTimeout: number;
  /** Idle connections for an origin; 0: none is kept. */
  readonly maxIdle: number;
  readonly maxConnections: number;
  readonly tls: TlsProvider | undefined;
}

/** A connection of a client. */
export class ClientConnection {
  readonly connection: StreamConnection;
  readonly origin: Origin;
  readonly source: ByteSource;
  readonly writer: MessageWriter;
  readonly deadline: Deadline;
  /** Called when the deadline expires. */
  onDeadline: () => void = () => {};
  /** It has served a request before. */
  isReused = false;
  /** ms that the server keeps it, as it said. */
  serverKeeps = Number.POSITIVE_INFINITY;

  constructor(connection: StreamConnection, origin: Origin) {
    this.connection = connection;
    this.origin = origin;
    this.source = new ByteSource(connection.readable);
    this.writer = new MessageWriter(connection.writable);
    this.deadline = new Deadline(() => this.onDeadline());
  }
}

/** The connections to one origin. */
interface Group {
  readonly idle: ClientConnection[];
  /** Open, or being opened. */
  open: number;
  readonly waiting: (() => void)[];
}

/** Keeps connections. */
export class Pool {
  readonly #transport: StreamTransport;
  readonly #options: PoolOptions;
  readonly #groups = new Map<string, Group>();
  #isClosed = false;

  constructor(transport: StreamTransport, options: PoolOptions) {
    this.#transport = transport;
    this.#options = options;
  }

  /** Whether connections are used again at all. */
  get keepsAlive(): boolean {
    return this.#options.maxIdle > 0 && !this.#isClosed;
  }

  #group(key: string): Group {
    let group = this.#groups.get(key);
    if (!group) {
      group = { idle: [], open: 0, waiting: [] };
      this.#groups.set(key, group);
    }
    return group;
  }

  /**
   * A connection for one request.
   *
   * @param origin - The server.
   * @param signal - Gives up.
   * @param isFresh - Only a new one will do.
   * @returns The connection, to be given back by release() or discard().
   * @throws The error of connecting, or the signal's reason.
   */
  async acquire(
    origin: Origin,
    signal: AbortSignal | undefined,
    isFresh = false,
  ): Promise<ClientConnection> {
    for (;;) {
      if (this.#isClosed) {
        throw new NetError('ESHUTDOWN', 'Cannot fetch', { reason: 'the HTTP client was closed' });
      }
      const group = this.#group(origin.key);
      const idle = isFresh ? undefined : group.idle.pop();
      if (idle) {
        idle.deadline.clear();
        idle.isReused = true;
        ref(idle.connection);
        return idle;
      }
      if (group.open < this.#options.maxConnections) return this.#open(origin, group, signal);
      if (isFresh) this.#drop(group.idle.shift());
      else await waitIn(group, signal);
    }
  }

  async #open(
    origin: Origin,
    group: Group,
    signal: AbortSignal | undefined,
  ): Promise<ClientConnection> {
    group.open++;
    try {
      const { host, port } = origin;
      const connecting = this.#transport.connect({ host, port, ...(signal && { signal }) });
      const connection = await orAborted(connecting, signal);
      return new ClientConnection(await this.#secured(connection, origin, signal), origin);
    } catch (error) {
      this.#left(origin.key);
      throw error;
    }
  }

  async #secured(
    connection: StreamConnection,
    { host, port, isSecure }: Origin,
    signal: AbortSignal | undefined,
  ): Promise<StreamConnection> {
    const { tls } = this.#options;
    if (!isSecure || !tls) return connection;
    const options = { host, port, alpn: ['http/1.1'], ...(signal && { signal }) };
    try {
      return await orAborted(tls.connect(connection, options), signal);
    } catch (error) {
      abortConnection(connection, error);
      throw error;
    }
  }

  /** One of the open ones is no more. */
  #left(key: string): void {
    const group = this.#group(key);
    group.open--;
    group.waiting.shift()?.();
    if (group.open === 0 && group.waiting.length === 0) this.#groups.delete(key);
  }

  /** Takes a connection back that is ready for the next request. */
  release(client: ClientConnection): void {
    const { idleTimeout, maxIdle } = this.#options;
    const group = this.#group(client.origin.key);
    const keep = Math.min(idleTimeout, client.serverKeeps - 1000);
    const watched = this.#isClosed || group.idle.length >= maxIdle || keep <= 0;
    const ended = watched ? undefined : client.source.watch();
    if (!ended) {
      this.discard(client);
      return;
    }
    const drop = (): void => this.#drop(client);
    ended.then(drop, drop);
    client.onDeadline = drop;
    client.deadline.set(keep);
    unref(client.connection); // as Node's agents do
    group.idle.push(client);
    group.waiting.shift()?.();
  }

  /** Closes an idle connection; one that is in use is left alone. */
  #drop(client: ClientConnection | undefined): void {
    if (!client) return;
    const { idle } = this.#group(client.origin.key);
    const at = idle.indexOf(client);
    if (at < 0) return;
    idle.splice(at, 1);
    this.discard(client);
  }

  /** Closes a connection whose messages are complete. */
  discard(client: ClientConnection): void {
    client.deadline.stop();
    client.writer.release();
    void closeConnection(client.connection);
    this.#left(client.origin.key);
  }

  /** Resets a connection in the middle of a message. */
  abort(client: ClientConnection, reason: unknown): void {
    client.deadline.stop();
    client.source.fail(reason);
    abortConnection(client.connection, reason);
    this.#left(client.origin.key);
  }

  /** Gives a connection away: it is no longer the pool's. */
  handOver(client: ClientConnection): void {
    client.deadline.stop();
    this.#left(client.origin.key);
  }

  /** Closes the idle ones; the others close when they come back. */
  close(): void {
    this.#isClosed = true;
    for (const { idle, waiting } of [...this.#groups.values()]) {
      for (const client of [...idle]) this.#drop(client);
      for (const wake of waiting.splice(0)) wake();
    }
  }
}

/** Settles when a connection of the group was given back or closed. */
function waitIn({ waiting }: Group, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const wake = (): void => {
      signal?.removeEventListener('abort', abort);
      resolve();
    };
    const abort = (): void => {
      waiting.splice(waiting.indexOf(wake), 1);
      reject(signal?.reason);
    };
    waiting.push(wake);
    signal?.addEventListener('abort', abort, { once: true });
  });
}

/** A connection, unless the signal is aborted first: what then comes of it is reset. */
function orAborted(
  opening: Promise<StreamConnection>,
  signal: AbortSignal | undefined,
): Promise<StreamConnection> {
  if (!signal) return opening;
  return untilAborted(opening, signal, (late) => abortConnection(late, signal.reason));
}
