// SPDX-License-Identifier: MIT
// serve_types - the public interfaces of Deno's serve()

/// <reference lib="esnext.disposable" preserve="true" />

import type { NetAddr } from './types.ts';

/** Facts about a request that a handler gets. */
export interface ServeHandlerInfo {
  /** The client's address. */
  remoteAddr: NetAddr;
  /** Settles when the response is sent; rejects if that failed. */
  completed: Promise<void>;
}

/** Answers a request. */
export type ServeHandler = (
  request: Request,
  info: ServeHandlerInfo,
) => Response | Promise<Response>;

/** Options of serve(). */
export interface ServeOptions {
  /** 0 to 65535. @default 8000 */
  port?: number;
  /** An address of the stack, or a name in `stack.hosts`. @default '0.0.0.0' */
  hostname?: string;
  /** Always TCP: there are no unix sockets. */
  transport?: 'tcp';
  /** Connections half-open or waiting to be accepted, 1 to 65535. @default 511 */
  tcpBacklog?: number;
  /** Without effect. */
  reusePort?: boolean;
  /** Closes the server and its connections when aborted. */
  signal?: AbortSignal;
  /** Answers a request whose handler failed. @default writes the error to the console and answers 500 */
  onError?: (error: unknown) => Response | Promise<Response>;
  /** Called before serve() returns. @default nothing: nothing is written to the console */
  onListen?: (localAddr: NetAddr) => void;
  /** Certificate of the server, PEM, given to the TLS provider; `key` is then needed too. */
  cert?: string;
  /** Its key, PEM. */
  key?: string;
}

/**
 * A server.
 *
 * @example
 * ```ts
 * import type { DenoHttpServer } from 'ringstack/deno';
 *
 * async function stop(server: DenoHttpServer): Promise<void> {
 *   await server.shutdown();
 *   await server.finished;
 * }
 * ```
 */
export interface DenoHttpServer extends AsyncDisposable {
  /** Settles when it is closed; rejects if it cannot listen. */
  readonly finished: Promise<void>;
  /** Address that it listens at. */
  readonly addr: NetAddr;
  /**
   * Closes it, when all requests are answered.
   *
   * @throws Never.
   */
  shutdown(): Promise<void>;
  /**
   * Undoes unref().
   *
   * @throws Never.
   */
  ref(): void;
  /**
   * Lets the process end although it listens.
   *
   * @throws Never.
   */
  unref(): void;
}
