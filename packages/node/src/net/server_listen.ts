// SPDX-License-Identifier: MIT
// server_listen - how a server listens: on a stack, or as one of Node's; and what becomes of connections

import type { Server as NativeServer } from 'node:net';
import type { TcpConnection, TcpListener } from 'ringstack';
import { checkSignal } from '../checks.ts';
import { codeOf, invalidArgValue, systemErrorOf } from '../errors.ts';
import { immediate, nextTick } from '../runtime.ts';
import { mapped, nodeAddress, reachable } from './context.ts';
import { isIP } from './ip.ts';
import { Handle, type NetServer, SOCKET } from './server_types.ts';
import { adopt } from './socket.ts';
import { CONTEXT, type NetSocket, type SocketInit } from './socket_types.ts';

/** Tries to find a port that the stack has free. */
const PORT_TRIES = 20;

/** A new handle of a server, which has none. */
export function newHandle(server: NetServer, native?: NativeServer): Handle {
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
    // The stack was closed: so is the server.
    if ((error as { code?: unknown }).code === 'ESHUTDOWN') {
      server.close();
      return;
    }
    server.emit('error', systemErrorOf(error, { syscall: 'accept' }));
  };
  listener.accept().then(taken, ended);
}

/** Listens at an address; `::` is every address of both families. */
export function listenAt(
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
        handle.listener = listener.unref();
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
export function lookupAndListen(
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
export function listenNative(server: NetServer, options: Record<string, unknown>): void {
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
export function shown(options: object): string {
  const parts = Object.entries(options).map(([name, value]) => {
    const text = typeof value === 'string' ? `'${value}'` : String(value);
    return `${name}: ${typeof value === 'object' && value !== null ? '[Object]' : text}`;
  });
  return parts.length === 0 ? '{}' : `{ ${parts.join(', ')} }`;
}

/** Closes a server when a signal is aborted. */
export function followSignal(server: NetServer, signal: unknown): void {
  checkSignal(signal, 'options.signal');
  const onAbort = (): void => void server.close();
  if (signal.aborted) {
    nextTick(onAbort);
    return;
  }
  signal.addEventListener('abort', onAbort, { once: true });
  server.once('close', () => signal.removeEventListener('abort', onAbort));
}
