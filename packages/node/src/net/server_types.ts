// SPDX-License-Identifier: MIT
// server_types - a server as the files of net/ see it, and what it listens with

import type { EventEmitter } from 'node:events';
import type { Server as NativeServer } from 'node:net';
import type { TcpListener } from 'ringstack';
import { Holder } from '../runtime.ts';
import type { NetContext, NodeAddress } from './context.ts';
import type { SocketFunction } from './socket.ts';
import type { CONTEXT } from './socket_types.ts';

/** Options of createServer() that this package looks at. */
export interface ServerInit {
  allowHalfOpen?: boolean;
  pauseOnConnect?: boolean;
  noDelay?: boolean;
  keepAlive?: boolean;
  keepAliveInitialDelay?: number;
  highWaterMark?: number;
  blockList?: { check(address: string, family?: 'ipv4' | 'ipv6'): boolean };
  [other: string]: unknown;
}

/** The listener of a server, of a stack or of Node. Node itself calls close(), ref() and unref() of a `_handle`. */
export class Handle {
  listener: TcpListener | undefined;
  readonly native: NativeServer | undefined;
  address: NodeAddress | undefined;
  /** The port was chosen here, and the program has not seen it. */
  isChangeable = false;
  readonly holder = new Holder();
  isClosed = false;
  readonly #context: NetContext;

  constructor(context: NetContext, native?: NativeServer) {
    this.#context = context;
    this.native = native;
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.holder.set(false);
    this.native?.close();
    const { listener, address } = this;
    if (listener && address) this.#context.free(address.port, listener.close());
  }

  ref(): void {
    this.native?.ref();
    this.holder.ref(true);
  }

  unref(): void {
    this.native?.unref();
    this.holder.ref(false);
  }
}

/** A server as this file sees it. */
export interface NetServer extends EventEmitter {
  allowHalfOpen: boolean;
  pauseOnConnect: boolean;
  noDelay: boolean;
  keepAlive: boolean;
  keepAliveInitialDelay: number;
  highWaterMark: number | undefined;
  maxConnections: number | undefined;
  blockList: ServerInit['blockList'];
  _handle: Handle | null;
  _connections: number;
  _unref: boolean;
  _connectionKey: string;
  readonly [CONTEXT]: NetContext;
  readonly [SOCKET]: SocketFunction;
  listen(...args: unknown[]): this;
  close(callback?: (error?: Error) => void): this;
  ref(): this;
  unref(): this;
  _emitCloseIfDrained(): void;
  dropMaxConnection?: boolean;
}

/** Key of the function that makes its sockets. */
export const SOCKET: unique symbol = Symbol('ringstack.Socket');
