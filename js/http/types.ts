// SPDX-License-Identifier: MIT
// types - the public interfaces of HTTP

import type { HttpResponse } from './response.ts';
import type { StreamConnection } from './transport.ts';

/**
 * Secures a connection: what `https:` and `wss:` need, and what serves them. There is none in this package.
 *
 * @example
 * ```ts
 * import { createHttp, type TlsProvider } from 'ringstack/http';
 *
 * // Secures nothing: for a server behind a tunnel that does.
 * const tls: TlsProvider = { connect: async (connection) => connection };
 * const { fetch } = await createHttp(stack, { tls });
 * ```
 */
export interface TlsProvider {
  /**
   * Secures a connection that we opened.
   *
   * @param connection - Open, nothing sent.
   * @param options - The server's name and port, and the protocols to offer; `signal` gives up.
   * @returns The connection to speak over: it closes the other when it is closed.
   * @throws The error of the handshake; the connection is then reset.
   */
  connect(
    connection: StreamConnection,
    options: { host: string; port: number; alpn: readonly string[]; signal?: AbortSignal },
  ): Promise<StreamConnection>;
  /**
   * Secures a connection that was accepted.
   *
   * @param connection - Open, nothing sent.
   * @param options - `tls` of serve(): certificates and the like, as the provider wants them.
   * @returns The connection to speak over.
   * @throws The error of the handshake; the connection is then reset.
   */
  accept?(connection: StreamConnection, options: unknown): Promise<StreamConnection>;
}

/** Options of createHttp(). */
export interface HttpOptions {
  /**
   * Whether fetch() uses connections again: how long an idle one is kept, ms, and how many for a host.
   * A server that says for how long it keeps them (`Keep-Alive: timeout`) is left a second earlier.
   * @default { idleTimeout: 4000, maxIdle: 256 }
   */
  readonly keepAlive?:
    | boolean
    | {
        /** ms. */
        readonly idleTimeout?: number;
        /** Connections to one host and port. */
        readonly maxIdle?: number;
      };
  /** Connections to one host and port at the same time, from 1; further requests wait. @default no limit */
  readonly maxConnections?: number;
  /** Bytes of the head of a response. @default 16384 */
  readonly maxHeaderSize?: number;
  /** Fields of the head of a response. @default 2000 */
  readonly maxHeaders?: number;
  /** ms that a response's head may take; 0: no limit. @default 300000 */
  readonly headersTimeout?: number;
  /** ms between two chunks of a response's body; 0: no limit. @default 300000 */
  readonly bodyTimeout?: number;
  /** Secures `https:` and `wss:`. @default none: they are refused */
  readonly tls?: TlsProvider;
  /**
   * Asks for compressed responses and decompresses them (gzip, deflate).
   * @default true where there is DecompressionStream
   */
  readonly decompress?: boolean;
}

/** Options of fetch(), the standard's and ours: headers are sent as they are, in a page too. */
export interface HttpRequestInit extends Omit<RequestInit, 'body'> {
  /** As in the standard; or an async iterable of chunks. */
  readonly body?: BodyInit | AsyncIterable<Uint8Array | string> | null;
  /** The standard wants it with a body that is a stream; it is not asked for here. */
  readonly duplex?: 'half';
  /** Fields behind the body, asked for when all of it was sent. */
  readonly trailers?: () => HeadersInit | Promise<HeadersInit>;
}

/** Options of serve(). */
export interface ServeOptions {
  /** Address to listen on. @default all */
  readonly host?: string;
  /** 1 to 65535; 0: a random free one, see `server.port`. */
  readonly port: number;
  /** ms that an idle connection is kept; 0: for as long as the client likes. @default 5000 */
  readonly keepAliveTimeout?: number;
  /** Whether connections are used for more than one request. @default true */
  readonly keepAlive?: boolean;
  /** ms that the head of a request may take, from when the connection was accepted; 0: no limit. @default 60000 */
  readonly headersTimeout?: number;
  /** ms that a whole request may take, from its first byte; 0: no limit. @default 300000 */
  readonly requestTimeout?: number;
  /** Bytes of the head of a request; more is answered 431. @default 16384 */
  readonly maxHeaderSize?: number;
  /** Fields of the head of a request; more is answered 431. @default 2000 */
  readonly maxHeaders?: number;
  /** Requests on one connection; 0: no limit. @default 0 */
  readonly maxRequestsPerSocket?: number;
  /** Connections at the same time; further ones are reset at once. @default no limit */
  readonly maxConnections?: number;
  /** Whether answers tell the time, as `date`. @default false */
  readonly date?: boolean;
  /** Closes the server when aborted, as close() does. */
  readonly signal?: AbortSignal;
  /**
   * Answers a request whose handler failed, and hears of bodies that failed on their way.
   *
   * @param error - The exception.
   * @returns The answer.
   * @default writes the error to the console and answers 500
   */
  readonly onError?: (error: unknown) => Response | HttpReply | Promise<Response | HttpReply>;
  /** Serves HTTPS: given to accept() of the TLS provider. @default plain HTTP */
  readonly tls?: unknown;
}

/** serve() with all in one object. */
export interface ServeHandlerOptions extends Partial<ServeOptions> {
  /** Answers requests. */
  readonly handler: HttpHandler;
}

/**
 * An answer as plain data: for what a page's own Response refuses (Set-Cookie, any status), and the cheapest
 * one everywhere. A body whose length is known is sent with Content-Length.
 */
export interface HttpReply {
  /** 200 to 999. @default 200 */
  readonly status?: number;
  /** Reason phrase. @default that of the status */
  readonly statusText?: string;
  /** Fields; several of one name as pairs. */
  readonly headers?: HeadersInit;
  /** As for a Response; or an async iterable of chunks. */
  readonly body?: BodyInit | AsyncIterable<Uint8Array | string> | null;
  /** Fields behind the body, which is chunked then. Waited for when the body is over. */
  readonly trailers?: Promise<HeadersInit> | HeadersInit;
}

/**
 * Answers a request.
 *
 * @param request - The request, in a page with all of its headers too. Its signal is aborted when the client
 *   goes away.
 * @param info - Addresses, trailers, and what else can be done with the connection.
 * @returns The answer; nothing after info.upgrade().
 */
export type HttpHandler = (
  request: Request,
  info: HttpInfo,
) => Response | HttpReply | undefined | Promise<Response | HttpReply | undefined>;

/** As in @tcpip/http: a handler that looks at the request alone. */
export type HttpRequestHandler = (request: Request) => Response | Promise<Response>;

/**
 * Facts about a request, and actions, that a handler gets beside the request.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { createStack } from 'ringstack';
 * import { createHttp } from 'ringstack/http';
 *
 * const stack = await createStack();
 * const http = await createHttp(stack);
 * const server = await http.serve({ port: 0 }, (request, info) => ({ body: info.remoteAddress }));
 * const response = await http.fetch(server.url);
 * assert.equal(await response.text(), '127.0.0.1');
 * await stack.close();
 * ```
 */
export interface HttpInfo {
  /** The client's address; '' if the transport does not tell. */
  readonly remoteAddress: string;
  /** The client's port. */
  readonly remotePort: number;
  /** Our address. */
  readonly localAddress: string;
  /** Our port. */
  readonly localPort: number;
  /** The fields behind the request's body, when that has been read; empty if there are none. */
  readonly trailers: Promise<Headers>;
  /** Settles when the answer is sent; rejects if that failed. */
  readonly completed: Promise<void>;
  /**
   * Sends an interim response before the response, such as 103 with links to fetch early. HTTP/1.0 clients get none.
   *
   * @param reply - Status 102 to 199, and headers.
   * @returns When it is sent.
   * @throws {RangeError} If the status is another one.
   * @throws {NetError} EPIPE if the answer was begun.
   */
  inform(reply: HttpReply): Promise<void>;
  /**
   * Takes the connection over. The handler's result is then ignored.
   *
   * @param reply - The answer that is sent first. @default 101 with the protocol asked for; 200 to CONNECT
   * @returns The connection: what the client sent behind the request comes first.
   * @throws {NetError} EPIPE if the answer was begun.
   */
  upgrade(reply?: HttpReply): StreamConnection;
}

/**
 * A server.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { createStack } from 'ringstack';
 * import { createHttp } from 'ringstack/http';
 *
 * const stack = await createStack();
 * const http = await createHttp(stack);
 * const server = await http.serve({ port: 8080 }, () => new Response('hello'));
 * assert.equal(server.port, 8080);
 * assert.equal(await (await http.fetch('http://localhost:8080/')).text(), 'hello');
 * await server.close();
 * await stack.close();
 * ```
 */
export interface HttpServer extends AsyncDisposable {
  /** Address it listens on. */
  readonly host: string;
  /** Port it listens on. */
  readonly port: number;
  /** Its URL as seen from its own stack, such as `http://127.0.0.1:8080/`. */
  readonly url: string;
  /** Connections that are open, without those that were taken over. */
  readonly connections: number;
  /** Settles when it is closed; rejects if its listener failed. */
  readonly closed: Promise<void>;
  /**
   * Stops listening, closes idle connections, and waits for the requests that are being answered.
   *
   * @param options - `timeout`: ms after which the rest is reset. @default 10000
   * @throws Never.
   */
  close(options?: { timeout?: number }): Promise<void>;
}

/** fetch(): the standard's, whose responses have trailers too. */
export type HttpFetch = (
  input: string | URL | Request,
  init?: HttpRequestInit,
) => Promise<HttpResponse>;

/**
 * HTTP over a transport.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { createStack } from 'ringstack';
 * import { createHttp } from 'ringstack/http';
 *
 * const stack = await createStack();
 * const { serve, fetch } = await createHttp(stack);
 * await serve((request) => new Response(new URL(request.url).pathname));
 * const response = await fetch('http://localhost/path');
 * assert.equal(await response.text(), '/path');
 * await stack.close();
 * ```
 */
export interface HttpApi extends AsyncDisposable {
  /** Fetches: aborts, follows redirects, and gives the response while the body is still being sent. */
  readonly fetch: HttpFetch;
  /** The standard's WebSocket, over this transport. */
  readonly WebSocket: typeof globalThis.WebSocket;
  /**
   * Serves on port 80 of all addresses.
   *
   * @param handler - Answers requests.
   * @returns The server, listening.
   * @throws {NetError} EADDRINUSE, …
   */
  serve(handler: HttpHandler): Promise<HttpServer>;
  /**
   * Serves.
   *
   * @param options - Address, port and limits.
   * @param handler - Answers requests.
   * @returns The server, listening.
   * @throws {NetError} EADDRINUSE, EADDRNOTAVAIL, EINVAL, …
   */
  serve(options: ServeOptions, handler: HttpHandler): Promise<HttpServer>;
  /**
   * Serves; by default on port 80.
   *
   * @param options - Address, port, limits, and the handler.
   * @returns The server, listening.
   * @throws {TypeError} If there is no handler.
   * @throws {NetError} EADDRINUSE, EADDRNOTAVAIL, EINVAL, …
   */
  serve(options: ServeHandlerOptions): Promise<HttpServer>;
  /**
   * Closes the idle connections of fetch(), which rejects from then on. Responses that are being read go on.
   * Servers are closed by their own close().
   *
   * @throws Never.
   */
  close(): Promise<void>;
}
