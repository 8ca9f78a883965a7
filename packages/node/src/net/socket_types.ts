// SPDX-License-Identifier: MIT
// socket_types - the private state of a socket

import type { Duplex } from 'node:stream';
import type { Holder } from '../runtime.ts';
import type { NetContext, NodeAddress } from './context.ts';
import type { Flow, OnRead } from './flow.ts';
import type { IdleTimer } from './idle_timer.ts';

/** Options of a socket that this package looks at. */
export interface SocketInit {
  fd?: number;
  handle?: unknown;
  allowHalfOpen?: boolean;
  readable?: boolean;
  writable?: boolean;
  signal?: AbortSignal;
  noDelay?: boolean;
  keepAlive?: boolean;
  keepAliveInitialDelay?: number;
  highWaterMark?: number;
  readableHighWaterMark?: number;
  writableHighWaterMark?: number;
  objectMode?: boolean;
  readableObjectMode?: boolean;
  writableObjectMode?: boolean;
  onread?: OnRead | null;
  [other: string]: unknown;
}

/** One try to connect. */
export interface Attempt {
  /** Gives it up. */
  abort(): void;
}

/** The state of a socket beside that of its stream. */
export interface SocketState {
  /** Its connection, from when it is open until the socket is destroyed. */
  flow: Flow | undefined;
  readonly holder: Holder;
  readonly timer: IdleTimer;
  attempt: Attempt | undefined;
  onread: OnRead | undefined;
  /** Bytes of finished connections. */
  bytesRead: number;
  bytesWritten: number;
  peer: NodeAddress | undefined;
  local: NodeAddress | undefined;
  noDelay: boolean | undefined;
  /** ms; 0: none; undefined: not said. */
  keepAlive: number | undefined;
  isResetting: boolean;
  pending: { chunks: readonly Uint8Array[] } | undefined;
}

/** A socket as the modules of net/ see it. */
export interface NetSocket extends Duplex {
  connecting: boolean;
  timeout: number | undefined;
  server: unknown;
  _server: { _connections: number; _emitCloseIfDrained(): void } | null;
  _host: string | null;
  autoSelectFamilyAttemptedAddresses?: string[];
  _unrefTimer(): void;
  connect(...args: unknown[]): this;
}

/** Key of the state. */
export const STATE: unique symbol = Symbol('ringstack.socket');
/** Key of the context. */
export const CONTEXT: unique symbol = Symbol('ringstack.net');

/** A socket with its state. */
export interface StatefulSocket extends NetSocket {
  [STATE]: SocketState;
  readonly [CONTEXT]: NetContext;
}
