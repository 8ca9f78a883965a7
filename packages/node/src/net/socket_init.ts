// SPDX-License-Identifier: MIT
// socket_init - options of a socket, and the state that they give it

import { Duplex } from 'node:stream';
import { checkNumber, checkSignal } from '../checks.ts';
import { abortError, invalidArgValue } from '../errors.ts';
import { Holder, nextTick } from '../runtime.ts';
import type { OnRead } from './flow.ts';
import { IdleTimer } from './idle_timer.ts';
import { type SocketInit, STATE, type StatefulSocket } from './socket_types.ts';

type Callback = (error?: Error | null) => void;

/** Two hours: what Linux does when a program gives no delay. */
export const KEEPALIVE_DEFAULT = 7_200_000;

/** The onread option, if it is whole. */
function onReadOf(option: OnRead | null | undefined): OnRead | undefined {
  if (!option || typeof option !== 'object') return undefined;
  const { buffer, callback } = option;
  const isBuffer = buffer instanceof Uint8Array || typeof buffer === 'function';
  if (!isBuffer || typeof callback !== 'function') return undefined;
  const first = typeof buffer === 'function' ? buffer() : buffer;
  return { buffer, callback, first };
}

/** Refuses options that sockets do not have. */
export function checkInit(options: SocketInit): void {
  for (const name of ['objectMode', 'readableObjectMode', 'writableObjectMode'] as const) {
    if (options[name]) {
      throw invalidArgValue(`options.${name}`, String(options[name]), 'is not supported');
    }
  }
  const { keepAliveInitialDelay } = options;
  if (keepAliveInitialDelay !== undefined) {
    checkNumber(keepAliveInitialDelay, 'options.keepAliveInitialDelay');
  }
}

/** Destroys a socket when its signal is aborted. */
function followSignal(socket: StatefulSocket, signal: AbortSignal): void {
  checkSignal(signal, 'options.signal');
  const onAbort = (): void => void socket.destroy(abortError(signal));
  if (signal.aborted) {
    nextTick(onAbort);
    return;
  }
  signal.addEventListener('abort', onAbort, { once: true });
  socket.once('close', () => signal.removeEventListener('abort', onAbort));
}

/** Gives a new object the state of a socket. */
export function initSocket(socket: StatefulSocket, options: SocketInit): void {
  const keepAlive = options.keepAlive
    ? Math.max(0, Math.floor((options.keepAliveInitialDelay ?? 0) / 1000)) * 1000 ||
      KEEPALIVE_DEFAULT
    : undefined;
  Object.defineProperty(socket, STATE, {
    value: {
      flow: undefined,
      holder: new Holder(),
      timer: new IdleTimer(() => onTimeout(socket)),
      attempt: undefined,
      onread: onReadOf(options.onread),
      bytesRead: 0,
      bytesWritten: 0,
      peer: undefined,
      local: undefined,
      noDelay: options.noDelay ? true : undefined,
      keepAlive,
      isResetting: false,
      pending: undefined,
    },
  });
  socket.connecting = false;
  socket._host = null;
  socket.server = null;
  // Timers of a socket of TLS go along the sockets below it, until null.
  (socket as { _parent?: unknown })._parent = null;
  socket._server = null;
  socket.timeout = 0;
  socket.on('end', onEnd);
  if (options.signal) followSignal(socket, options.signal);
}

/** Nothing may be written after the peer's end, unless the socket is half open. */
function onEnd(this: StatefulSocket): void {
  if (!this.allowHalfOpen) this.write = writeAfterEnd as typeof this.write;
}

function writeAfterEnd(
  this: StatefulSocket,
  chunk: unknown,
  encoding?: unknown,
  done?: unknown,
): boolean {
  const callback = [encoding, done].find((one) => typeof one === 'function') as
    | Callback
    | undefined;
  if (!this.writableEnded) {
    return Duplex.prototype.write.call(this, chunk, encoding as BufferEncoding, done as Callback);
  }
  const error = new Error('This socket has been ended by the other party') as Error & {
    code: string;
  };
  error.code = 'EPIPE';
  if (callback) nextTick(callback, error);
  this.destroy(error);
  return false;
}

/** Nothing came or went for the time that setTimeout() said. */
export function onTimeout(socket: StatefulSocket): void {
  // A write that waits for room is an activity of the peer's.
  socket.emit('timeout');
}
