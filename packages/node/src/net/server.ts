// SPDX-License-Identifier: MIT
// server - net.Server over a listener of a stack
//
// Theory of operation
//
// listen() takes a port at once (net/context.ts), so address() answers at once; the stack listens soon after,
// and `listening` says so. `_handle` is an object from listen() to close(): so long the server counts as
// listening, and keeps the process alive unless it was unref()ed. A server of a pipe or a file descriptor is
// one of Node's, in here.

import { EventEmitter } from 'node:events';
import { checkPort } from '../checks.ts';
import { invalidArgType, invalidArgValue, misuse } from '../errors.ts';
import { inherits, nextTick } from '../runtime.ts';
import { normalizeArgs } from './arguments.ts';
import type { NetContext, NodeAddress } from './context.ts';
import { isIP } from './ip.ts';
import { followSignal, listenNative, lookupAndListen, newHandle, shown } from './server_listen.ts';
import { type NetServer, type ServerInit, SOCKET } from './server_types.ts';
import type { SocketFunction } from './socket.ts';
import { CONTEXT, type NetSocket } from './socket_types.ts';

function initServer(server: NetServer, options: ServerInit): void {
  server._connections = 0;
  server._handle = null;
  server._unref = false;
  server.allowHalfOpen = options.allowHalfOpen || false;
  server.pauseOnConnect = Boolean(options.pauseOnConnect);
  server.noDelay = Boolean(options.noDelay);
  server.keepAlive = Boolean(options.keepAlive);
  server.keepAliveInitialDelay = Math.max(0, options.keepAliveInitialDelay ?? 0);
  server.highWaterMark = options.highWaterMark;
  server.blockList = options.blockList;
}
const methods = {
  listen(this: NetServer, ...args: unknown[]): NetServer {
    const [given, callback] = normalizeArgs(args);
    const options = { ...given };
    if (this._handle) throw misuse.alreadyListening();
    if (callback !== null) this.once('listening', callback);
    if (options['fd'] !== undefined && typeof options['fd'] === 'number' && options['fd'] >= 0) {
      listenNative(this, options);
      return this;
    }
    const [first] = args;
    const hasNoPort = 'port' in options && options['port'] == null;
    if (args.length === 0 || typeof first === 'function' || hasNoPort) options['port'] = 0;
    if (options['signal'] !== undefined) followSignal(this, options['signal']);
    const { port, host, path } = options;
    if (typeof port === 'number' || typeof port === 'string') {
      const number = checkPort(port, 'options.port');
      const backlog = Number(
        options['backlog'] ?? args.find((arg, at) => at > 0 && typeof arg === 'number'),
      );
      const shownHost = (host || '::') as string;
      this._connectionKey = `${isIP(shownHost) || 6}:${shownHost}:${number}`;
      const at = {
        host: (host || '::') as string,
        port: number,
        backlog: Number.isInteger(backlog) ? backlog : undefined,
      };
      lookupAndListen(this, newHandle(this), at);
      return this;
    }
    if (typeof path === 'string' && Number.isNaN(Number(path) >= 0 ? 0 : Number.NaN)) {
      listenNative(this, options);
      return this;
    }
    if (!('port' in options || 'path' in options)) {
      throw invalidArgValue('options', shown(options), 'must have the property "port" or "path"');
    }
    throw invalidArgValue('options', shown(options));
  },

  address(this: NetServer): NodeAddress | string | null {
    const handle = this._handle;
    if (!handle) return null;
    if (handle.native) return handle.native.address() as string | null;
    handle.isChangeable = false;
    return handle.address ? { ...handle.address } : null;
  },

  getConnections(
    this: NetServer,
    callback: (error: Error | null, count: number) => void,
  ): NetServer {
    nextTick(callback, null, this._connections);
    return this;
  },

  close(this: NetServer, callback?: (error?: Error) => void): NetServer {
    if (typeof callback === 'function') {
      if (this._handle) this.once('close', callback);
      else this.once('close', () => callback(misuse.notRunning()));
    }
    this._handle?.close();
    this._handle = null;
    this._emitCloseIfDrained();
    return this;
  },

  _emitCloseIfDrained(this: NetServer): void {
    if (this._handle || this._connections > 0) return;
    nextTick(() => void this.emit('close'));
  },

  ref(this: NetServer): NetServer {
    this._unref = false;
    this._handle?.ref();
    return this;
  },

  unref(this: NetServer): NetServer {
    this._unref = true;
    this._handle?.unref();
    return this;
  },

  async [Symbol.asyncDispose ?? Symbol.for('nodejs.asyncDispose')](this: NetServer): Promise<void> {
    if (!this._handle) return;
    await new Promise<void>((resolve, reject) => {
      this.close((error) => (error ? reject(error) : resolve()));
    });
  },

  [Symbol.for('nodejs.rejection')](
    this: NetServer,
    error: Error,
    event: string,
    socket: NetSocket,
  ): void {
    if (event === 'connection') socket.destroy(error);
    else this.emit('error', error);
  },
};

/** The function that makes servers. */
export interface ServerFunction {
  new (options?: unknown, listener?: unknown): NetServer;
  (options?: unknown, listener?: unknown): NetServer;
  prototype: NetServer;
}

/**
 * Makes the Server of one `net`.
 *
 * @param context - Its stack and names.
 * @param Socket - The class of its connections.
 * @returns A function to call with or without `new`.
 */
export function makeServer(context: NetContext, Socket: SocketFunction): ServerFunction {
  const { native } = context;
  const Server = function (this: unknown, init?: unknown, connected?: unknown): unknown {
    if (!(this instanceof Object && inherits(this, Server.prototype))) {
      return new Server(init, connected);
    }
    const server = this as NetServer;
    Reflect.apply(EventEmitter, server, [typeof init === 'object' && init ? init : undefined]);
    let options: ServerInit = {};
    let listener = connected;
    if (typeof init === 'function') listener = init;
    else if (init == null || typeof init === 'object') options = { ...(init as ServerInit) };
    else throw invalidArgType('options', ['Object'], init);
    if (typeof listener === 'function') server.on('connection', listener as () => void);
    initServer(server, options);
    return undefined;
  } as unknown as ServerFunction;
  const prototype = Object.create(EventEmitter.prototype) as object;
  for (const name of Reflect.ownKeys(methods)) {
    const value = (methods as Record<PropertyKey, unknown>)[name];
    Object.defineProperty(prototype, name, { value, writable: true, configurable: true });
  }
  Object.defineProperties(prototype, {
    constructor: { value: Server, writable: true, configurable: true },
    listening: {
      get(this: NetServer) {
        return Boolean(this._handle);
      },
      configurable: true,
    },
    [CONTEXT]: { value: context },
    [SOCKET]: { value: Socket },
  });
  Server.prototype = prototype as NetServer;
  Object.setPrototypeOf(Server, EventEmitter);
  Object.defineProperty(Server, 'name', { value: 'Server' });
  Object.defineProperty(Server, Symbol.hasInstance, {
    value(this: { prototype: object }, value: unknown): boolean {
      if (typeof value !== 'object' || value === null) return false;
      if (inherits(value, this.prototype)) return true;
      return this === (Server as unknown) && native !== undefined && value instanceof native.Server;
    },
  });
  return Server;
}
