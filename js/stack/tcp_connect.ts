// SPDX-License-Identifier: MIT
// tcp_connect - opens connections; twin: core/sock/tcp_open.c

import { CMD_SOCKET_LOCAL, CMD_SOCKET_REMOTE, SOCK_TCP } from '../abi.ts';
import type { TcpConnection, TcpConnectOptions } from '../api/tcp.ts';
import type { Channel } from '../control/channel.ts';
import { writeAddress } from '../control/commands.ts';
import { atCaller, NetError } from '../errors.ts';
import { formatEndpoint, type IpAddress } from '../util/address.ts';
import { parseHost } from '../util/host.ts';
import type { Names } from './names.ts';
import { Connection } from './tcp_connection.ts';
import { type BufferDefaults, checkConnect, keepAliveMs, socketCommand } from './tcp_options.ts';

/** Calls abort() when the signal is aborted or the time is over; returns what stops that. */
function guard(options: TcpConnectOptions, action: string, abort: (reason: unknown) => void) {
  const { signal, timeout } = options;
  const onAbort = (): void => abort(signal?.reason);
  const timer =
    timeout === undefined
      ? undefined
      : setTimeout(() => {
          abort(new NetError('ETIMEDOUT', action, { reason: `no answer within ${timeout} ms` }));
        }, timeout);
  signal?.addEventListener('abort', onAbort, { once: true });
  return () => {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
  };
}

/** The command that connects to one address, and the first half of error messages. */
function connectCommand(
  options: TcpConnectOptions,
  address: IpAddress,
  defaults: BufferDefaults,
  names: Names,
) {
  const { port, localAddress, localPort = 0 } = options;
  const command = socketCommand(SOCK_TCP, options, defaults);
  const zone = names.zoneHandle(address);
  writeAddress(command, CMD_SOCKET_REMOTE, address, port, 0, zone);
  if (localAddress !== undefined || localPort !== 0) {
    const local = localAddress ?? (address.family === 4 ? '0.0.0.0' : '::');
    writeAddress(command, CMD_SOCKET_LOCAL, parseHost(local, 'Cannot connect from'), localPort);
  }
  return { command, action: `Cannot connect to ${formatEndpoint(address, port)}` };
}

/** Loads what tries several addresses. */
type LoadRace = () => Promise<Pick<typeof import('./tcp_race.ts'), 'race'>>;

/** Connects to one address. */
async function connectTo(
  channel: Channel,
  options: TcpConnectOptions,
  address: IpAddress,
  defaults: BufferDefaults,
  names: Names,
): Promise<TcpConnection> {
  const { command, action } = connectCommand(options, address, defaults, names);
  options.signal?.throwIfAborted();
  let connection: Connection | undefined;
  let aborted: { reason: unknown } | undefined;
  const stop = guard(options, action, (reason) => {
    aborted = { reason };
    connection?.abort(reason);
  });
  try {
    connection = await channel.call(command, action, (made) => {
      const { noDelay = true, keepAlive } = options;
      connection = new Connection(channel, made, action, noDelay, keepAliveMs(keepAlive));
      if (aborted) connection.abort(aborted.reason);
      return connection;
    });
    await connection.opened;
    return connection;
  } catch (error) {
    throw atCaller(error);
  } finally {
    stop();
  }
}

/**
 * Connects. Several addresses of a name are tried as RFC 8305 says.
 *
 * @param channel - Of the stack.
 * @param options - Destination and settings.
 * @param defaults - Buffer sizes where options has none.
 * @param names - Names and interfaces of the stack.
 * @param load - Loads what tries several addresses.
 * @returns The open connection.
 * @throws {NetError} EINVAL, ENOTFOUND, ECONNREFUSED, ETIMEDOUT, EHOSTUNREACH, EADDRNOTAVAIL, EADDRINUSE,
 *   EMFILE, ENOMEM, ESHUTDOWN; or the signal's reason.
 */
export async function connectTcp(
  channel: Channel,
  options: TcpConnectOptions,
  defaults: BufferDefaults,
  names: Names,
  load: LoadRace,
): Promise<TcpConnection> {
  checkConnect(options);
  const address = names.numeric(options.host, 'Cannot connect to');
  if (address) return await connectTo(channel, options, address, defaults, names);
  options.signal?.throwIfAborted();
  const found = await names.resolveAll(options.host, undefined, options.signal);
  const connect = (to: IpAddress, signal = options.signal): Promise<TcpConnection> =>
    connectTo(channel, { ...options, ...(signal && { signal }) }, to, defaults, names);
  if (found.length === 1) return await connect(found[0] as IpAddress);
  return (await load()).race(found, connect, options.signal);
}
