// SPDX-License-Identifier: MIT
// direct - Direct Sockets (WICG) as a transport: the way out of an Isolated Web App
//
// A browser says that a socket failed, not why, so that a guest is refused whatever the reason was. Classes that give a cause
// with a code, such as those of ringstack/direct-sockets, are believed.

import type { DatagramSocket, StreamListener } from '../api/transport.ts';
import { NetError, type NetErrorCode } from '../errors.ts';
import { untilAborted } from '../util/abort.ts';
import { any, checkOptions, flag, type Rules } from '../util/check.ts';
import { handled } from '../util/deferred.ts';
import { netErrorOf } from '../util/system_error.ts';
import { type BoundOptions, nameOf, openAction, openFamilies } from './datagrams.ts';
import { type NativeCalls, NativeConnection, type NativeEnds, NativeListener } from './native.ts';
import type { NativeTransport, OutboundOptions } from './types.ts';

interface OpenInfo extends NativeEnds {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
}

interface Socket<Info> {
  readonly opened: Promise<Info>;
  readonly closed: Promise<unknown>;
}

interface Message {
  readonly data: Uint8Array;
  readonly remoteAddress?: string;
  readonly remotePort?: number;
}

/**
 * The classes of Direct Sockets, as far as they are needed: those of the runtime, or of `ringstack/direct-sockets`.
 *
 * @example
 * ```ts
 * import { createDirectSockets } from 'ringstack/direct-sockets';
 * import type { DirectSocketClasses } from 'ringstack/gateway';
 *
 * const classes: DirectSocketClasses = createDirectSockets(stack);
 * void classes;
 * ```
 */
export interface DirectSocketClasses {
  /** Connects: `new TCPSocket(remoteAddress, remotePort, options)`. */
  readonly TCPSocket?: object;
  /** Listens: `new TCPServerSocket(localAddress, options)`. */
  readonly TCPServerSocket?: object;
  /** Binds: `new UDPSocket(options)`. */
  readonly UDPSocket?: object;
}

/** Options of directSockets(). */
export interface DirectSocketsOptions {
  /** The classes. @default those of the runtime */
  readonly classes?: DirectSocketClasses;
  /** Small segments are sent at once. @default true */
  readonly noDelay?: boolean;
}

const OPTIONS: Rules<DirectSocketsOptions> = { classes: any, noDelay: flag };

/** The class of a name, for `new`. */
function classOf<Name extends keyof DirectSocketClasses>(
  classes: DirectSocketClasses,
  name: Name,
  action: string,
): new (
  ...args: unknown[]
) => object {
  const found = classes[name];
  if (found) return found as never;
  const reason = `this runtime has no ${name}: browsers give it to Isolated Web Apps alone`;
  throw new NetError('ENOTSUP', action, { reason });
}

/** The error for one of Direct Sockets. */
function errorOf(error: unknown, action: string, otherwise: NetErrorCode): NetError {
  const { name, cause } = (error ?? {}) as Partial<Error>;
  if (cause instanceof Error && 'code' in cause) return netErrorOf(cause, action, otherwise);
  const isDenied = name === 'NotAllowedError' || name === 'SecurityError';
  return netErrorOf(error, action, isDenied ? 'EPERM' : otherwise);
}

/** Opens a socket of a class. */
async function openSocket<Info>(
  make: () => object,
  action: string,
  otherwise: NetErrorCode,
): Promise<Info> {
  try {
    const socket = make() as Socket<Info>;
    handled(socket.closed);
    return await socket.opened;
  } catch (error) {
    throw errorOf(error, action, otherwise);
  }
}

function connectionOf(info: OpenInfo, action: string): NativeConnection {
  const reader = info.readable.getReader();
  const writer = info.writable.getWriter();
  handled(writer.closed);
  handled(reader.closed);
  const calls: NativeCalls = {
    read: async () => (await reader.read()).value,
    write: (chunk) => writer.write(chunk),
    end: () => writer.close(),
    free(isReset) {
      if (!isReset) return;
      handled(reader.cancel());
      handled(writer.abort());
    },
    errorOf: (error) => errorOf(error, action, 'ECONNRESET'),
  };
  return new NativeConnection(calls, info);
}

async function connectDirect(
  { host, port, signal }: OutboundOptions,
  classes: DirectSocketClasses,
  noDelay: boolean,
): Promise<NativeConnection> {
  const action = `Cannot connect to ${nameOf(host, port)}`;
  const TCPSocket = classOf(classes, 'TCPSocket', action);
  signal?.throwIfAborted();
  const make = (): object => new TCPSocket(host, port, { noDelay });
  const opened = openSocket<OpenInfo>(make, action, 'ECONNREFUSED').then((info) =>
    connectionOf(info, action),
  );
  return signal ? untilAborted(opened, signal, (late) => late.abort()) : opened;
}

async function listenDirect(
  { host = '::', port }: { host?: string; port: number },
  classes: DirectSocketClasses,
): Promise<StreamListener> {
  const action = `Cannot listen on ${nameOf(host, port)}`;
  const TCPServerSocket = classOf(classes, 'TCPServerSocket', action);
  // A port that is not given is a free one; 0 is refused.
  const options = port === 0 ? {} : { localPort: port };
  const { readable, localPort } = await openSocket<{
    readonly readable: ReadableStream<Socket<OpenInfo>>;
    readonly localPort: number;
  }>(() => new TCPServerSocket(host, options), action, 'EADDRINUSE');
  const reader = readable.getReader();
  const listener = new NativeListener(localPort, () => void handled(reader.cancel()));
  const accept = async (): Promise<void> => {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      handled(value.closed);
      // One that failed before it was looked at is not missed.
      const info = await value.opened.catch(() => undefined);
      if (!info) continue;
      const from = nameOf(info.remoteAddress, info.remotePort);
      listener.push(connectionOf(info, `Cannot use the connection of ${from}`));
    }
  };
  accept().catch((error) => listener.end(errorOf(error, 'Cannot accept', 'ECONNRESET')));
  return listener;
}

async function openDirect(
  options: BoundOptions,
  classes: DirectSocketClasses,
): Promise<DatagramSocket> {
  const action = openAction(options);
  const UDPSocket = classOf(classes, 'UDPSocket', action);
  return openFamilies(options, undefined, async (_family, localAddress, port, received) => {
    const given = {
      localAddress,
      ...(port !== 0 && { localPort: port }),
      ...(localAddress === '::' && { ipv6Only: true }),
    };
    const info = await openSocket<{
      readonly readable: ReadableStream<Message>;
      readonly writable: WritableStream<Message>;
      readonly localPort: number;
    }>(() => new UDPSocket(given), action, 'EADDRINUSE');
    const reader = info.readable.getReader();
    const writer = info.writable.getWriter();
    handled(writer.closed);
    const receive = async (): Promise<void> => {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        const { data, remoteAddress: host = '', remotePort: from = 0 } = value;
        received({ host, port: from, data });
      }
    };
    handled(receive());
    return {
      port: info.localPort,
      send: (data, host, to) => writer.write({ data, remoteAddress: host, remotePort: to }),
      close() {
        handled(reader.cancel());
        handled(writer.abort());
      },
    };
  });
}

/**
 * Direct Sockets: the sockets of an Isolated Web App, or of another runtime that has its classes.
 *
 * @param options - Classes and settings.
 * @returns A transport that connects, listens and sends datagrams; its calls fail with ENOTSUP where there are no such classes.
 * @throws NetError EINVAL for a bad option.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { createStack } from 'ringstack';
 * import { createDirectSockets } from 'ringstack/direct-sockets';
 * import { directSockets } from 'ringstack/gateway';
 *
 * const stack = await createStack();
 * const way = directSockets({ classes: createDirectSockets(stack) });
 * const listener = await way.listen({ host: '127.0.0.1', port: 0 });
 * const connection = await way.connect({ host: '127.0.0.1', port: listener.port as number });
 * assert.equal(connection.remotePort, listener.port);
 * connection.abort?.();
 * await listener.close?.();
 * await stack.close();
 * ```
 * @see https://wicg.github.io/direct-sockets/
 */
export function directSockets(options: DirectSocketsOptions = {}): NativeTransport {
  checkOptions('Cannot use Direct Sockets', options, OPTIONS);
  const { classes = globalThis as DirectSocketClasses, noDelay = true } = options;
  return {
    connect: (given) => connectDirect(given, classes, noDelay),
    listen: (given) => listenDirect(given, classes),
    open: (given = {}) => openDirect(given, classes),
  };
}
