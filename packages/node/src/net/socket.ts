// SPDX-License-Identifier: MIT
// socket - net.Socket over a connection of a stack
//
// Theory of operation
//
// A socket is a Duplex of Node (or of readable-stream) with a Flow while it is connected. It is made by a
// function, not by a class, since programs call it without `new` and inherit from it with util.inherits().
// States: new; connecting (what is written waits); open; ended on one side or both; destroyed. A destroyed one
// may connect again. The connection is closed in order in the background (net/linger.ts), after `close`.
//
// There is no `_handle`: internals of Node that find one talk to C++.

import { Duplex } from 'node:stream';
import type { TcpConnection } from 'ringstack';
import { checkFunction, checkString, timerDelay } from '../checks.ts';
import { invalidArgValue, misuse, nodeError } from '../errors.ts';
import { immediate, inherits, nextTick } from '../runtime.ts';
import { checkDestination, normalizeArgs } from './arguments.ts';
import { lookupAndConnect } from './connect.ts';
import { isMapped, mapped, type NetContext, nodeAddress } from './context.ts';
import { Flow } from './flow.ts';
import { checkInit, initSocket, KEEPALIVE_DEFAULT, onTimeout } from './socket_init.ts';
import { CONTEXT, type SocketInit, STATE, type StatefulSocket } from './socket_types.ts';
import { accessors } from './socket_values.ts';

type Callback = (error?: Error | null) => void;

/** Connects the stream of a socket with a connection. */
function attach(socket: StatefulSocket, connection: TcpConnection, isMappedPeer: boolean): void {
  const state = socket[STATE];
  const show = isMappedPeer ? mapped : (address: string) => address;
  state.flow = new Flow(socket, connection, state.holder, state.onread);
  state.peer = nodeAddress(show(connection.remoteAddress), connection.remotePort);
  state.local = nodeAddress(show(connection.localAddress), connection.localPort);
}

/** Methods and accessors of every socket. */
const methods = {
  connect(this: StatefulSocket, ...args: unknown[]): StatefulSocket {
    const [options, callback] = normalizeArgs(args);
    checkDestination(options);
    const native = this[CONTEXT].native;
    if (options['path'] != null) return connectPath(this, options, callback, native);
    const state = this[STATE];
    if (Object.hasOwn(this, 'write')) delete (this as Partial<StatefulSocket>).write;
    if (this.destroyed) {
      (this as unknown as { _undestroy(): void })._undestroy();
      state.flow = undefined;
      state.peer = undefined;
      state.local = undefined;
      state.isResetting = false;
      state.bytesRead = 0;
      state.bytesWritten = 0;
    }
    if (callback !== null) this.once('connect', callback);
    this._unrefTimer();
    this.connecting = true;
    setOptions(this, options);
    lookupAndConnect(this, options, (connection, { address }) => {
      attach(this, connection, isMapped(address));
      this.connecting = false;
      this.emit('connect');
      this.emit('ready');
      if (this.readable && !this.isPaused()) this.read(0);
      else if (!state.flow?.isReading) state.holder.set(false);
    });
    return this;
  },

  _read(this: StatefulSocket, size: number): void {
    const { flow } = this[STATE];
    if (!flow) this.once('connect', () => this._read(size));
    else flow.readStart();
  },

  _write(this: StatefulSocket, chunk: Uint8Array, _encoding: string, done: Callback): void {
    send(this, [chunk], done);
  },

  _writev(this: StatefulSocket, chunks: { chunk: Uint8Array }[], done: Callback): void {
    send(
      this,
      chunks.map(({ chunk }) => chunk),
      done,
    );
  },

  _final(this: StatefulSocket, done: Callback): void {
    if (this.connecting) {
      this.once('connect', () => this._final(done));
      return;
    }
    this[STATE].flow?.shutdown();
    nextTick(done);
  },

  _destroy(this: StatefulSocket, error: Error | null, done: Callback): void {
    this.connecting = false;
    const state = this[STATE];
    state.timer.set(0);
    state.attempt?.abort();
    state.attempt = undefined;
    state.holder.set(false);
    const { flow, isResetting } = state;
    state.flow = undefined;
    state.pending = undefined;
    if (flow) {
      state.bytesRead += flow.bytesRead;
      void flow.close(isResetting);
    }
    done(error);
    const closed = (): void => void this.emit('close', error !== null && error !== undefined);
    if (flow) immediate(closed);
    else nextTick(closed);
    const server = this._server;
    if (server) {
      server._connections--;
      server._emitCloseIfDrained();
    }
  },

  destroySoon(this: StatefulSocket): void {
    if (this.writable) this.end();
    if (this.writableFinished) this.destroy();
    else this.once('finish', this.destroy);
  },

  resetAndDestroy(this: StatefulSocket): StatefulSocket {
    const state = this[STATE];
    const reset = (): void => {
      state.isResetting = true;
      this.destroy();
    };
    if (this.connecting) this.once('connect', reset);
    else if (state.flow) reset();
    else this.destroy(misuse.closed());
    return this;
  },

  setTimeout(this: StatefulSocket, ms: number, callback?: () => void): StatefulSocket {
    if (this.destroyed) return this;
    this.timeout = ms;
    const delay = timerDelay(ms, 'msecs');
    if (callback !== undefined) checkFunction(callback, 'callback');
    this[STATE].timer.set(delay);
    if (callback !== undefined) {
      if (delay === 0) this.removeListener('timeout', callback);
      else this.once('timeout', callback);
    }
    return this;
  },

  _onTimeout(this: StatefulSocket): void {
    onTimeout(this);
  },

  _unrefTimer(this: StatefulSocket): void {
    this[STATE].timer.touch();
  },

  setNoDelay(this: StatefulSocket, enable?: boolean): StatefulSocket {
    const state = this[STATE];
    state.noDelay = enable === undefined ? true : Boolean(enable);
    if (state.flow) state.flow.connection.noDelay = state.noDelay;
    return this;
  },

  setKeepAlive(this: StatefulSocket, enable?: boolean, delay?: number): StatefulSocket {
    const state = this[STATE];
    const ms = Math.floor(Number(delay ?? 0) / 1000) * 1000;
    state.keepAlive = enable ? (ms > 0 ? ms : KEEPALIVE_DEFAULT) : 0;
    if (state.flow) state.flow.connection.keepAlive = state.keepAlive;
    return this;
  },

  ref(this: StatefulSocket): StatefulSocket {
    this[STATE].holder.ref(true);
    return this;
  },

  unref(this: StatefulSocket): StatefulSocket {
    this[STATE].holder.ref(false);
    return this;
  },

  address(this: StatefulSocket): object {
    return this[STATE].local ?? {};
  },

  /** The peer; sockets of TLS ask for it. */
  _getpeername(this: StatefulSocket): object {
    return this[STATE].peer ?? {};
  },

  /** Our side; sockets of TLS ask for it. */
  _getsockname(this: StatefulSocket): object {
    return this[STATE].local ?? {};
  },

  pause(this: StatefulSocket): StatefulSocket {
    const { flow, onread } = this[STATE];
    if (onread && flow?.isReading) flow.readStop();
    return Duplex.prototype.pause.call(this) as StatefulSocket;
  },

  resume(this: StatefulSocket): StatefulSocket {
    const { flow, onread } = this[STATE];
    if (onread && flow && !flow.isReading) flow.readStart();
    return Duplex.prototype.resume.call(this) as StatefulSocket;
  },

  end(this: StatefulSocket, ...args: unknown[]): StatefulSocket {
    return (Duplex.prototype.end as (...args: unknown[]) => unknown).apply(
      this,
      args,
    ) as StatefulSocket;
  },

  setTypeOfService(this: StatefulSocket): StatefulSocket {
    throw nodeError(
      Error,
      'ERR_METHOD_NOT_IMPLEMENTED',
      'The setTypeOfService() method is not implemented',
    );
  },
};

/** Sends, or waits for the connection. */
function send(socket: StatefulSocket, chunks: readonly Uint8Array[], done: Callback): void {
  const state = socket[STATE];
  if (socket.connecting) {
    state.pending = { chunks };
    const closed = (): void => done(misuse.closedBeforeConnecting());
    socket.once('connect', () => {
      socket.off('close', closed);
      state.pending = undefined;
      send(socket, chunks, done);
    });
    socket.once('close', closed);
    return;
  }
  const { flow } = state;
  if (!flow) {
    done(misuse.closed());
    return;
  }
  socket._unrefTimer();
  for (const chunk of chunks) state.bytesWritten += chunk.length;
  flow.write(chunks, done);
}

/** Options of connect() that are those of a socket. */
function setOptions(socket: StatefulSocket, options: Record<string, unknown>): void {
  const { noDelay, keepAlive, keepAliveInitialDelay } = options;
  const set = socket as unknown as {
    setNoDelay(on: boolean): void;
    setKeepAlive(on: boolean, delay?: number): void;
  };
  if (noDelay) set.setNoDelay(true);
  if (keepAlive) set.setKeepAlive(true, keepAliveInitialDelay as number | undefined);
}

/** A path is a socket of the system: this one becomes one of Node's. */
function connectPath(
  socket: StatefulSocket,
  options: Record<string, unknown>,
  callback: ((...args: unknown[]) => void) | null,
  native: { readonly Socket: typeof import('node:net').Socket } | undefined,
): StatefulSocket {
  checkString(options['path'], 'options.path');
  if (!native) throw invalidArgValue('options.path', `'${options['path']}'`, 'is not supported');
  Object.setPrototypeOf(socket, native.Socket.prototype);
  const { allowHalfOpen } = socket;
  Reflect.apply(native.Socket, socket, [{ allowHalfOpen }]);
  return callback ? socket.connect(options, callback) : socket.connect(options);
}

/** The function that makes sockets. */
export interface SocketFunction {
  new (options?: SocketInit | number): StatefulSocket;
  (options?: SocketInit | number): StatefulSocket;
  prototype: StatefulSocket;
}

/** Gives a socket a connection that a server has accepted. */
export function adopt(
  socket: StatefulSocket,
  connection: TcpConnection,
  isMappedPeer: boolean,
  isPaused: boolean,
): void {
  attach(socket, connection, isMappedPeer);
  const { noDelay, keepAlive } = socket[STATE];
  if (noDelay) connection.noDelay = true;
  if (keepAlive) connection.keepAlive = keepAlive;
  if (isPaused) Duplex.prototype.pause.call(socket);
  else socket.read(0);
}

/**
 * Makes the Socket of one `net`.
 *
 * @param context - Its stack and names.
 * @returns A function to call with or without `new`.
 */
export function makeSocket(context: NetContext): SocketFunction {
  const { native } = context;
  const Socket = function (this: unknown, init?: SocketInit | number): unknown {
    const options: SocketInit = typeof init === 'number' ? { fd: init } : { ...init };
    const isOurs = this instanceof Object && inherits(this, Socket.prototype);
    // Files, pipes and the sockets that internals of Node make of them.
    if (native && this instanceof native.Socket && !isOurs) {
      return Reflect.apply(native.Socket, this, [init]);
    }
    if (native && (options.fd !== undefined || options.handle)) {
      return new native.Socket(init as ConstructorParameters<typeof native.Socket>[0]);
    }
    if (!isOurs) return new Socket(options);
    checkInit(options);
    const { signal: _signal, fd: _fd, handle: _handle, ...rest } = options;
    Reflect.apply(Duplex, this, [
      {
        ...rest,
        allowHalfOpen: Boolean(options.allowHalfOpen),
        emitClose: false,
        autoDestroy: true,
        decodeStrings: true,
      },
    ]);
    initSocket(this as StatefulSocket, options);
    return undefined;
  } as unknown as SocketFunction;
  const prototype = Object.create(Duplex.prototype) as object;
  for (const [name, value] of Object.entries(methods)) {
    Object.defineProperty(prototype, name, { value, writable: true, configurable: true });
  }
  Object.defineProperty(prototype, '_handle', { value: null, writable: true, configurable: true });
  for (const [name, get] of Object.entries(accessors)) {
    Object.defineProperty(prototype, name, { get, configurable: true });
  }
  Object.defineProperty(prototype, 'constructor', {
    value: Socket,
    writable: true,
    configurable: true,
  });
  Object.defineProperty(prototype, CONTEXT, { value: context });
  Socket.prototype = prototype as StatefulSocket;
  Object.setPrototypeOf(Socket, Duplex);
  Object.defineProperty(Socket, 'name', { value: 'Socket' });
  Object.defineProperty(Socket, Symbol.hasInstance, {
    value(this: { prototype: object }, value: unknown): boolean {
      if (typeof value !== 'object' || value === null) return false;
      if (inherits(value, this.prototype)) return true;
      return this === (Socket as unknown) && native !== undefined && value instanceof native.Socket;
    },
  });
  return Socket;
}
