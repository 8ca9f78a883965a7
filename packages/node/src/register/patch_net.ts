// SPDX-License-Identifier: MIT
// patch_net - puts the sockets and servers of a stack into Node's own net, http, https, tls and http2
//
// Theory of operation
//
// The modules are changed in place: `import`, `require()` and the internals of Node all see the same object, in
// every version of Node, without loader hooks. Sockets are made by what stands in `net` at that moment, and
// servers of HTTP and TLS inherit from its Server; so they get another parent. Whatever has a file descriptor, a
// handle or a path is still Node's own: stdio, child processes, pipes, Unix sockets.
//
// TLS needs C++ below a socket, or any Duplex, for which Node has an adapter. It takes the adapter because our
// sockets have no `_handle`; then it also takes them for unconnected, so it is told that they are connected.

import type * as Http from 'node:http';
import type * as Net from 'node:net';
import type * as Tls from 'node:tls';
import { type Lookup, NetContext, type StackSource } from '../net/context.ts';
import { autoSelect } from '../net/defaults.ts';
import { makeNet } from '../net/net.ts';
import { STATE, type StatefulSocket } from '../net/socket_types.ts';

/** The members of `net` that are replaced; the rest stays as it is. */
const REPLACED = [
  'Server',
  'Socket',
  'Stream',
  'connect',
  'createConnection',
  'createServer',
  'getDefaultAutoSelectFamily',
  'setDefaultAutoSelectFamily',
  'getDefaultAutoSelectFamilyAttemptTimeout',
  'setDefaultAutoSelectFamilyAttemptTimeout',
] as const;

type Method = (...args: unknown[]) => unknown;
type Patched = Record<string, unknown>;

/** A built-in module, as internals and programs share it. */
export function builtin<T>(name: string): T {
  return (process as unknown as { getBuiltinModule(name: string): T }).getBuiltinModule(name);
}

/** dns.lookup() of the moment of the call: a program may replace it. */
export function currentLookup(): Lookup {
  const dns = builtin<{ lookup: Lookup }>('node:dns');
  return (...args) => dns.lookup(...args);
}

const isOurs = (value: unknown): value is StatefulSocket =>
  typeof value === 'object' && value !== null && STATE in value;

/** Gives servers of Node our Server as their parent. */
function adoptServers(net: typeof Net, servers: readonly { prototype: object }[]): void {
  for (const server of servers) {
    Object.setPrototypeOf(server.prototype, net.Server.prototype);
    Object.setPrototypeOf(server, net.Server);
  }
}

/** Tells what waits for `connect` of a socket that is connected already. */
function tellConnected(socket: StatefulSocket, before: number): void {
  if (socket.connecting) return;
  for (const listener of socket.listeners('connect').slice(before)) {
    socket.removeListener('connect', listener as () => void);
    listener.call(socket);
  }
}

/** The socket below a socket of TLS. */
const parentOf = (socket: { _parent?: unknown }): StatefulSocket | undefined =>
  isOurs(socket._parent) ? socket._parent : undefined;

function patchTlsSocket(tls: typeof Tls): void {
  const { TLSSocket } = tls;
  const { prototype } = TLSSocket as unknown as { prototype: Record<string, Method> };
  for (const name of ['_getpeername', '_getsockname']) {
    const own = prototype[name] as Method;
    prototype[name] = function (this: { _parent?: unknown }) {
      const parent = parentOf(this) as unknown as Record<string, Method> | undefined;
      return parent ? parent[name]?.() : own.call(this);
    };
  }
  (tls as unknown as Patched)['TLSSocket'] = new Proxy(TLSSocket, {
    construct(target, [socket, ...rest], newTarget) {
      const before = isOurs(socket) ? socket.listenerCount('connect') : 0;
      const made = Reflect.construct(target, [socket, ...rest], newTarget);
      if (isOurs(socket)) tellConnected(socket, before);
      return made;
    },
  });
}

/** tls.connect(): opens our socket where the program gives none. */
function patchTlsConnect(net: typeof Net, tls: typeof Tls): void {
  const own = tls.connect as unknown as Method;
  const normalize = (net as unknown as { _normalizeArgs(args: unknown[]): [Patched, unknown] })
    ._normalizeArgs;
  (tls as unknown as Patched)['connect'] = (...args: unknown[]): unknown => {
    const [first, callback] = normalize(args);
    const later = args.slice(1, 3).find((arg) => typeof arg === 'object' && arg !== null);
    const options = { ...first, ...(later as object | undefined) } as Patched;
    if (options['path'] != null && !options['socket']) return own(...args);
    let socket = options['socket'];
    if (!socket) {
      const { signal: _signal, timeout: _timeout, onread: _onread, ...plain } = options;
      const host = (options['host'] ?? 'localhost') as string;
      socket = net.connect({ ...plain, host } as unknown as Net.TcpNetConnectOpts);
      options['socket'] = socket;
      // Names the server as tls.connect() would that opens the connection itself.
      if (options['servername'] === undefined && net.isIP(host) === 0) options['servername'] = host;
    }
    const before = isOurs(socket) ? socket.listenerCount('connect') : 0;
    const made = own(options, ...(typeof callback === 'function' ? [callback] : [])) as {
      setTimeout(ms: number): void;
    };
    if (options['timeout']) made.setTimeout(options['timeout'] as number);
    if (isOurs(socket)) tellConnected(socket, before);
    return made;
  };
}

/**
 * Puts sockets of a stack into net, http, https, tls and http2.
 *
 * @param stack - Of this process.
 * @returns The module that `net` was before, as a copy.
 */
export function patchNet(stack: StackSource): typeof Net {
  const net = builtin<typeof Net>('node:net');
  const native = { ...net };
  // Classes that inherit from Node's own Socket and Server must do so before these are replaced.
  builtin('node:tty');
  const http = builtin<typeof Http>('node:http');
  builtin('node:https');
  const tls = builtin<typeof Tls>('node:tls');
  const http2 = builtin<typeof import('node:http2')>('node:http2');
  const plain2 = http2.createServer().constructor as unknown as { prototype: object };
  autoSelect.isDefault = native.getDefaultAutoSelectFamily();
  autoSelect.timeout = native.getDefaultAutoSelectFamilyAttemptTimeout();
  const context = new NetContext(stack, currentLookup(), {
    Socket: native.Socket,
    Server: native.Server,
  });
  const ours = makeNet(context, native) as unknown as Patched;
  for (const name of REPLACED) (net as unknown as Patched)[name] = ours[name];
  adoptServers(net, [http.Server, tls.Server, plain2]);
  http.Agent.prototype.createConnection = net.createConnection as never;
  patchTlsSocket(tls);
  patchTlsConnect(net, tls);
  return native;
}
