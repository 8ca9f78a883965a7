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
import type { Server as NativeServer } from 'node:net';
import type { TcpConnection, TcpListener } from 'ringstack';
import { checkPort, checkSignal } from '../checks.ts';
import { codeOf, invalidArgType, invalidArgValue, misuse, systemErrorOf } from '../errors.ts';
import { Holder, immediate, nextTick } from '../runtime.ts';
import { normalizeArgs } from './arguments.ts';
import { mapped, type NetContext, type NodeAddress, nodeAddress, reachable } from './context.ts';
import { isIP } from './ip.ts';
import { adopt, type SocketFunction } from './socket.ts';
import { CONTEXT, type NetSocket, type SocketInit } from './socket_types.ts';

/** Tries to find a port that the stack has free. */
const PORT_TRIES = 20;

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

/** What a server listens with. Servers of Node call close(), ref() and unref() of a `_handle` themselves. */
class Handle {
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
const SOCKET: unique symbol = Symbol('ringstack.Socket');

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

/** A new handle of a server, which has none. */
function newHandle(server: NetServer, native?: NativeServer): Handle {
  const handle = new Handle(server[CONTEXT], native);
  handle.holder.ref(!server._unref);
  handle.holder.set(native === undefined);
  server._handle = handle;
  return handle;
}

function onConnection(server: NetServer, connection: TcpConnection): void {
  const isAnyFamily = server._handle?.address?.address === '::';
  const show = isAnyFamily ? mapped : (address: string) => address;
  const { blockList, maxConnections } = server;
  const { remoteAddress, remotePort, localAddress, localPort } = connection;
  const family = remoteAddress.includes(':') ? 'ipv6' : 'ipv4';
  const isBlocked = blockList?.check(remoteAddress, family);
  if (isBlocked || (maxConnections != null && server._connections >= maxConnections)) {
    const [remote, local] = [
      nodeAddress(show(remoteAddress), remotePort),
      nodeAddress(show(localAddress), localPort),
    ];
    void connection.close().catch(() => {});
    server.emit('drop', {
      localAddress: local.address,
      localPort,
      localFamily: local.family,
      remoteAddress: remote.address,
      remotePort,
      remoteFamily: remote.family,
    });
    return;
  }
  const init: SocketInit = {
    allowHalfOpen: server.allowHalfOpen,
    noDelay: server.noDelay,
    keepAlive: server.keepAlive,
    keepAliveInitialDelay: server.keepAliveInitialDelay,
    ...(server.highWaterMark !== undefined && { highWaterMark: server.highWaterMark }),
  };
  const socket = new server[SOCKET](init);
  server._connections++;
  socket.server = server;
  socket._server = server;
  adopt(socket, connection, isAnyFamily, server.pauseOnConnect);
  server.emit('connection', socket);
  // A socket of TLS around this one waits for `connect`, since there is no `_handle`.
  for (const listener of socket.listeners('connect')) {
    socket.removeListener('connect', listener as () => void);
    if (server.listenerCount('secureConnection') > 0) listener.call(socket);
  }
}

/** Takes connections until the listener is closed. */
function acceptFrom(server: NetServer, handle: Handle, listener: TcpListener): void {
  const taken = (connection: TcpConnection): void => {
    immediate(() => {
      if (handle.isClosed) connection.abort();
      else onConnection(server, connection);
    });
    listener.accept().then(taken, ended);
  };
  const ended = (error: unknown): void => {
    if (handle.isClosed || codeOf(error) === 'ECONNABORTED') return;
    server.emit('error', systemErrorOf(error, { syscall: 'accept' }));
  };
  listener.accept().then(taken, ended);
}

/** Listens at an address; `::` is every address of both families. */
function listenAt(
  server: NetServer,
  handle: Handle,
  at: { host: string; port: number; backlog: number | undefined },
): void {
  const context = server[CONTEXT];
  const { host, backlog } = at;
  let tries = at.port === 0 ? PORT_TRIES : 2;
  const attempt = (port: number): void => {
    handle.address = nodeAddress(host, port);
    context.take(port);
    context.withStack(
      async (stack) => {
        if (handle.isClosed) {
          context.free(port, Promise.resolve());
          return;
        }
        const listener = await stack.listenTcp({
          port,
          ...(host !== '::' && { host }),
          ...(backlog !== undefined && backlog > 0 && { backlog: Math.min(backlog, 65535) }),
        });
        if (handle.isClosed) {
          context.free(port, listener.close());
          return;
        }
        handle.listener = listener;
        acceptFrom(server, handle, listener);
        nextTick(() => {
          if (server._handle === handle) server.emit('listening');
        });
      },
      (error) => {
        const before = context.closing.get(port);
        context.free(port, Promise.resolve());
        tries--;
        const isTaken = codeOf(error) === 'EADDRINUSE' && tries > 0 && !handle.isClosed;
        if (isTaken && handle.isChangeable) attempt(context.choosePort());
        else if (isTaken && before) void before.then(() => attempt(port));
        else fail(error, port);
      },
    );
  };
  const fail = (error: unknown, port: number): void => {
    handle.isClosed = true;
    handle.holder.set(false);
    if (server._handle === handle) server._handle = null;
    const what = systemErrorOf(error, { syscall: 'listen', address: host, port, isLong: true });
    nextTick(() => void server.emit('error', what));
  };
  handle.isChangeable = at.port === 0;
  attempt(at.port === 0 ? context.choosePort() : at.port);
}

/** Listens at a name: at its first address. */
function lookupAndListen(
  server: NetServer,
  handle: Handle,
  at: { host: string; port: number; backlog: number | undefined },
): void {
  if (isIP(at.host) !== 0) {
    listenAt(server, handle, { ...at, host: at.host });
    return;
  }
  const lookup = server[CONTEXT].lookup as (
    host: string,
    options: object,
    done: (error: Error | null, found: string | { address: string }[]) => void,
  ) => void;
  lookup(at.host, { all: true }, (error, found) => {
    if (handle.isClosed) return;
    if (!error) {
      const all = typeof found === 'string' ? [found] : found.map(({ address }) => address);
      // A link-local address needs an interface, which the name does not say.
      const address = all.find((one) => !/^fe80:/i.test(one)) ?? all[0] ?? '';
      listenAt(server, handle, { ...at, host: reachable(address) });
      return;
    }
    handle.isClosed = true;
    handle.holder.set(false);
    server._handle = null;
    server.emit('error', error);
  });
}

/** A pipe or a file descriptor: a server of Node's, whose events are this one's. */
function listenNative(server: NetServer, options: Record<string, unknown>): void {
  const { native } = server[CONTEXT];
  if (!native) throw invalidArgValue('options', 'a path or a descriptor', 'is not supported');
  const { allowHalfOpen, pauseOnConnect } = server;
  const inner = new native.Server({ allowHalfOpen, pauseOnConnect });
  const handle = newHandle(server, inner);
  inner.on('listening', () => void server.emit('listening'));
  inner.on('connection', (socket: NetSocket) => {
    server._connections++;
    socket.server = server;
    socket.once('close', () => {
      server._connections--;
      server._emitCloseIfDrained();
    });
    server.emit('connection', socket);
  });
  inner.on('error', (error) => {
    if (server._handle === handle) server._handle = null;
    server.emit('error', error);
  });
  inner.listen(options);
  if (server._unref) inner.unref();
}

/** The refused options of listen(), as its message shows them. */
function shown(options: object): string {
  const parts = Object.entries(options).map(([name, value]) => {
    const text = typeof value === 'string' ? `'${value}'` : String(value);
    return `${name}: ${typeof value === 'object' && value !== null ? '[Object]' : text}`;
  });
  return parts.length === 0 ? '{}' : `{ ${parts.join(', ')} }`;
}

/** Closes a server when a signal is aborted. */
function followSignal(server: NetServer, signal: unknown): void {
  checkSignal(signal, 'options.signal');
  const onAbort = (): void => void server.close();
  if (signal.aborted) {
    nextTick(onAbort);
    return;
  }
  signal.addEventListener('abort', onAbort, { once: true });
  server.once('close', () => signal.removeEventListener('abort', onAbort));
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
 * @param Socket - What its connections become.
 * @returns A function to call with or without `new`.
 */
export function makeServer(context: NetContext, Socket: SocketFunction): ServerFunction {
  const { native } = context;
  const Server = function (this: unknown, init?: unknown, connected?: unknown): unknown {
    if (!(this instanceof Object && Server.prototype.isPrototypeOf(this))) {
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
      if (this.prototype.isPrototypeOf(value)) return true;
      return this === (Server as unknown) && native !== undefined && value instanceof native.Server;
    },
  });
  return Server;
}
