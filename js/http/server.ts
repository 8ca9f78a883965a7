// SPDX-License-Identifier: MIT
// server - serve(): a listener, and the connections it accepted

import { NetError } from '../errors.ts';
import { abortConnection } from '../util/abort.ts';
import { Deferred, handled } from '../util/deferred.ts';
import { Deadline } from './deadline.ts';
import { wholeNumber } from './options.ts';
import { ServerConnection } from './server_connection.ts';
import type { ServerSettings } from './server_exchange.ts';
import { authorityOf } from './server_request.ts';
import type { StreamConnection, StreamListener, StreamTransport } from './transport.ts';
import type { HttpHandler, HttpReply, HttpServer, ServeOptions, TlsProvider } from './types.ts';

/** ms that close() waits for requests that are being answered. */
const CLOSE_TIMEOUT = 10_000;
/** Addresses that stand for all. */
const ANY = new Set(['', '::', '0.0.0.0']);

function defaultOnError(error: unknown): HttpReply {
  console.error(error);
  return { status: 500, body: 'Internal Server Error' };
}

/** The options of serve() with their defaults. */
function settingsOf(
  options: Partial<ServeOptions>,
  handler: HttpHandler,
  isClosing: () => boolean,
): ServerSettings {
  const number = (name: keyof ServeOptions, fallback: number, min = 0): number =>
    wholeNumber(name, options[name], fallback, min);
  return {
    handler,
    isClosing,
    scheme: options.tls === undefined ? 'http' : 'https',
    keepAlive: options.keepAlive ?? true,
    keepAliveTimeout: number('keepAliveTimeout', 5000),
    headersTimeout: number('headersTimeout', 60_000),
    requestTimeout: number('requestTimeout', 300_000),
    maxHeaderSize: number('maxHeaderSize', 16_384, 1),
    maxHeaders: number('maxHeaders', 2000, 1),
    maxRequestsPerSocket: number('maxRequestsPerSocket', 0),
    maxConnections: number('maxConnections', Number.POSITIVE_INFINITY, 1),
    date: options.date ?? false,
    onError: options.onError ?? defaultOnError,
  };
}

/** A server. */
class Server implements HttpServer {
  readonly #listener: StreamListener;
  readonly #settings: ServerSettings;
  readonly #tls: { provider: TlsProvider; options: unknown } | undefined;
  readonly #open = new Set<ServerConnection>();
  readonly #runs = new Set<Promise<void>>();
  readonly #iterator: AsyncIterator<StreamConnection>;
  readonly host: string;
  readonly port: number;
  readonly closed: Promise<void>;
  readonly #accepting = new Set<StreamConnection>();
  /** Settles when close() waits no longer: a handler may never end. */
  readonly #forced = new Deferred();
  #isClosing = false;
  #closing: Promise<void> | undefined;

  constructor(
    listener: StreamListener,
    options: ServeOptions,
    handler: HttpHandler,
    provider: TlsProvider | undefined,
  ) {
    this.#listener = listener;
    this.#settings = settingsOf(options, handler, () => this.#isClosing);
    this.#tls = provider && { provider, options: options.tls };
    this.host = listener.host ?? options.host ?? '';
    this.port = listener.port ?? options.port;
    this.#iterator = listener[Symbol.asyncIterator]();
    this.closed = handled(this.#accept());
    const { signal } = options;
    const abort = (): void => void this.close();
    signal?.addEventListener('abort', abort, { once: true });
    const forget = (): void => signal?.removeEventListener('abort', abort);
    this.closed.then(forget, forget);
  }

  get url(): string {
    const host = ANY.has(this.host) ? '127.0.0.1' : this.host;
    return new URL(`${this.#settings.scheme}://${authorityOf(host, this.port)}/`).href;
  }

  get connections(): number {
    return this.#open.size;
  }

  async #accept(): Promise<void> {
    try {
      for (;;) {
        const { done, value } = await this.#iterator.next();
        if (done) break;
        this.#serve(value);
      }
    } catch (error) {
      if (!this.#isClosing) throw error;
    } finally {
      this.#isClosing = true;
      for (const connection of this.#open) connection.closeIfIdle();
    }
    await this.#ended();
  }

  #serve(connection: StreamConnection): void {
    if (this.#isClosing || this.#runs.size >= this.#settings.maxConnections) {
      abortConnection(connection, new NetError('EMFILE', 'Cannot serve a connection'));
      return;
    }
    const run = this.#run(connection).finally(() => this.#runs.delete(run));
    this.#runs.add(run);
  }

  async #run(connection: StreamConnection): Promise<void> {
    const secured = this.#tls ? await this.#secured(connection, this.#tls) : connection;
    if (!secured) return;
    const served = new ServerConnection(secured, this.#settings);
    this.#open.add(served);
    await served.run();
    this.#open.delete(served);
  }

  /** A connection behind its handshake; undefined if that failed, or took as long as a head may. */
  async #secured(
    connection: StreamConnection,
    { provider, options }: { provider: TlsProvider; options: unknown },
  ): Promise<StreamConnection | undefined> {
    const abort = (): void =>
      abortConnection(connection, new Error('The handshake takes too long'));
    const deadline = new Deadline(abort);
    deadline.set(this.#settings.headersTimeout);
    this.#accepting.add(connection);
    try {
      return await provider.accept?.(connection, options);
    } catch (error) {
      abortConnection(connection, error);
      return undefined;
    } finally {
      this.#accepting.delete(connection);
      deadline.stop();
    }
  }

  /** Settles when no connection is left, or close() waits no longer. */
  #ended(): Promise<void> {
    const all = async (): Promise<void> => {
      while (this.#runs.size > 0) await Promise.all(this.#runs);
    };
    return Promise.race([all(), this.#forced.promise]);
  }

  close(options: { timeout?: number } = {}): Promise<void> {
    this.#closing ??= this.#close(options.timeout ?? CLOSE_TIMEOUT);
    return this.#closing;
  }

  async #close(timeout: number): Promise<void> {
    this.#isClosing = true;
    await this.#stopListening();
    for (const connection of this.#open) connection.closeIfIdle();
    const reason = new NetError('ECONNABORTED', 'The server is closed');
    const force = (): void => {
      for (const connection of this.#open) connection.abort(reason);
      for (const connection of this.#accepting) abortConnection(connection, reason);
      this.#forced.resolve();
    };
    const timer = setTimeout(force, Math.min(timeout, 0x7fffffff));
    await this.#ended();
    clearTimeout(timer);
    await this.closed.catch(() => {});
  }

  async #stopListening(): Promise<void> {
    try {
      if (this.#listener.close) await this.#listener.close();
      else await this.#iterator.return?.();
    } catch {
      // It failed: `closed` tells.
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/**
 * Serves over a transport.
 *
 * @param transport - Has listen().
 * @param options - Address, port and limits.
 * @param handler - Answers requests.
 * @param provider - Secures connections, if `tls` is among the options.
 * @returns The server, listening.
 * @throws {TypeError} If the transport cannot listen, or `tls` is asked for and there is no provider for it.
 * @throws {NetError} EINVAL, EADDRINUSE, …
 */
export async function serveOver(
  transport: StreamTransport,
  options: ServeOptions,
  handler: HttpHandler,
  provider: TlsProvider | undefined,
): Promise<HttpServer> {
  if (!transport.listen) throw new TypeError('Cannot serve: the transport has no listen()');
  const tls = options.tls === undefined ? undefined : provider;
  if (options.tls !== undefined && !tls?.accept)
    throw new TypeError('unsupported protocol: https:');
  settingsOf(options, handler, () => false);
  options.signal?.throwIfAborted();
  const { host, port } = options;
  const listener = await transport.listen({ port, ...(host !== undefined && { host }) });
  return new Server(listener, options, handler, tls);
}
