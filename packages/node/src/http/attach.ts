// SPDX-License-Identifier: MIT
// attach - servers of Node's http, https, tls and http2 that listen on a stack
//
// Theory of operation
//
// A server of HTTP takes any socket that is emitted as `connection`: Node documents that. So another server, of
// ours, listens and hands over what it accepts. The server of HTTP gets a `_handle` with what Node calls of one:
// close(), ref(), unref(), getsockname(). So its listening, address() and close() are those of Node, and it
// closes when its last connection has closed.

import type * as Net from 'node:net';

type Method = (...args: unknown[]) => unknown;

/** The methods that Node calls of the handle of a server that listens. */
interface FakeHandle {
  close(): void;
  ref(): void;
  unref(): void;
  getsockname(out: object): number;
}

/** A server of Node, with the fields that its methods use. */
interface NodeServer extends Net.Server {
  _handle: FakeHandle | null;
  _connections: number;
  _emitCloseIfDrained(): void;
}

function fakeHandle(inner: Net.Server): FakeHandle {
  return {
    close: () => void inner.close(),
    ref: () => void inner.ref(),
    unref: () => void inner.unref(),
    getsockname: (out) => {
      Object.assign(out, inner.address());
      return 0;
    },
  };
}

/** Hands what a server accepts over to one of Node. */
function handOver(inner: Net.Server, server: NodeServer): void {
  inner.on('connection', (socket) => {
    server._connections++;
    socket.once('close', () => {
      server._connections--;
      server._emitCloseIfDrained();
    });
    server.emit('connection', socket);
  });
}

/**
 * Lets a server of Node listen on a stack: its listen() then does.
 *
 * @param server - Of http, https, tls or http2.
 * @param net - Of the stack.
 * @returns The server.
 */
export function listenOnStack<T extends Net.Server>(server: T, net: typeof Net): T {
  const own = server as unknown as NodeServer;
  (own as unknown as { listen: Method }).listen = (...args) => {
    const callback = args[args.length - 1];
    const rest = typeof callback === 'function' ? args.slice(0, -1) : args;
    const inner = net.createServer({ allowHalfOpen: true });
    if (own._handle) {
      throw Object.assign(
        new Error('Listen method has been called more than once without closing.'),
        { code: 'ERR_SERVER_ALREADY_LISTEN' },
      );
    }
    if (typeof callback === 'function') own.once('listening', callback as () => void);
    handOver(inner, own);
    inner.on('listening', () => {
      if (own._handle) own.emit('listening');
    });
    inner.on('error', (error) => {
      own._handle = null;
      own.emit('error', error);
    });
    (inner.listen as Method)(...rest);
    own._handle = fakeHandle(inner);
    return own;
  };
  return server;
}

/** The address and the port on which a server listens. */
export interface AttachOptions {
  /** 0 to 65535; 0: a free one. */
  readonly port: number;
  /** Address, or a name of one. @default all, of both families */
  readonly host?: string;
}

/**
 * Lets a server of Node listen on a stack.
 *
 * @param server - Of http, https, tls or http2, that does not listen.
 * @param net - Of createNodeNet().
 * @param options - Where.
 * @returns The server, when it listens.
 * @throws Node's error of listen().
 */
export async function attachServer<T extends Net.Server>(
  server: T,
  net: typeof Net,
  options: AttachOptions,
): Promise<T> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    listenOnStack(server, net).listen({ ...options }, () => {
      server.removeListener('error', reject);
      resolve();
    });
  });
  return server;
}
