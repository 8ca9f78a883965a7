// SPDX-License-Identifier: MIT
// tcp_listener - listeners and the connections that wait to be accepted; twin: core/sock/tcp_open.c
//
// C announces a connection when its handshake is complete. It waits in an AcceptQueue until the program
// accepts it: only then CMD_ACCEPTED frees its place in the backlog. One that fails before is aborted.

import {
  CMD_ABORT,
  CMD_ACCEPTED,
  CMD_CLOSE,
  CMD_RELEASE,
  CMD_SOCKET_BACKLOG,
  CMD_SOCKET_LOCAL,
  SOCK_CLOSED,
  SOCK_LOCAL,
  SOCK_TCP_LISTENER,
} from '../abi.ts';
import type { TcpConnection, TcpListener, TcpListenOptions } from '../api/tcp.ts';
import type { Channel } from '../control/channel.ts';
import { readAddress, writeAddress } from '../control/commands.ts';
import type { Made, SocketEvents } from '../control/events.ts';
import { NetError, netErrorFromCode } from '../errors.ts';
import { AcceptQueue } from '../util/accept_queue.ts';
import { formatEndpoint, formatIp } from '../util/address.ts';
import { showAs } from '../util/inspect.ts';
import type { Names } from './names.ts';
import { Connection } from './tcp_connection.ts';
import { type BufferDefaults, checkListen, keepAliveMs, socketCommand } from './tcp_options.ts';

const BACKLOG = 4096;

/** The program closed the listener or its stack: a loop over connections ends. */
function isEnd(error: unknown): boolean {
  const { code } = error as Partial<NetError>;
  return code === 'ECONNABORTED' || code === 'ESHUTDOWN';
}

/** A TCP listener. */
class Listener implements TcpListener, SocketEvents {
  readonly host: string;
  readonly port: number;
  readonly #channel: Channel;
  readonly #handle: number;
  readonly #options: TcpListenOptions;
  readonly #accepted = new AcceptQueue<Connection>((connection) => {
    this.#channel.send(CMD_ACCEPTED, connection.handle);
  });

  constructor(channel: Channel, made: Made, options: TcpListenOptions) {
    this.#channel = channel;
    this.#handle = made.handle;
    this.#options = options;
    const local = readAddress(channel.arena.view, made.offset + SOCK_LOCAL);
    this.host = options.host === undefined ? '::' : formatIp(local.address);
    this.port = local.port;
    channel.register(made.handle, this);
  }

  onEvent(bits: number, error: number): void {
    if (bits & SOCK_CLOSED && error !== 0) this.#end(netErrorFromCode(error, this.#action));
  }

  onAccept(made: Made): void {
    if (this.#accepted.error !== undefined) {
      this.#channel.send(CMD_ABORT, made.handle);
      this.#channel.send(CMD_RELEASE, made.handle);
      return;
    }
    const { noDelay = true, keepAlive } = this.#options;
    const action = 'Cannot accept a connection';
    const connection = new Connection(this.#channel, made, action, noDelay, keepAliveMs(keepAlive));
    const waits = this.#accepted.push(connection);
    if (!waits) return;
    connection.closed.catch(() => {
      // It failed before the program accepted it: its place in the backlog is free.
      if (this.#accepted.remove(connection)) connection.abort();
    });
  }

  onShutdown(error: NetError): void {
    this.#end(new NetError(error.code, this.#action, { cause: error }));
  }

  get #action(): string {
    return `Cannot accept on port ${this.port}`;
  }

  #end(error: NetError): void {
    if (this.#accepted.error !== undefined) return;
    for (const connection of this.#accepted.end(error)) connection.abort();
    this.#channel.send(CMD_CLOSE, this.#handle);
    this.#channel.send(CMD_RELEASE, this.#handle);
    this.#channel.unregister(this.#handle);
  }

  accept(): Promise<TcpConnection> {
    return this.#accepted.take();
  }

  ref(): this {
    this.#channel.ref(this.#handle, true);
    return this;
  }

  unref(): this {
    this.#channel.ref(this.#handle, false);
    return this;
  }

  async close(): Promise<void> {
    this.#end(new NetError('ECONNABORTED', this.#action, { reason: 'the listener was closed' }));
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<TcpConnection> {
    return this.#accepted.items(isEnd);
  }

  toJSON(): object {
    const { host, port } = this;
    return { type: 'tcp', host, port, isOpen: this.#accepted.error === undefined };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
showAs(Listener, 'TcpListener');

/**
 * Listens.
 *
 * @param channel - Of the stack.
 * @param options - Address, port and settings.
 * @param defaults - Buffer sizes where options has none.
 * @param names - Of the stack.
 * @returns The listener.
 * @throws {NetError} EINVAL, ENOTFOUND, EADDRINUSE, EADDRNOTAVAIL, EMFILE, ENOMEM, ESHUTDOWN.
 */
export async function listenTcp(
  channel: Channel,
  options: TcpListenOptions,
  defaults: BufferDefaults,
  names: Names,
): Promise<TcpListener> {
  checkListen(options);
  const { host = '::', port, backlog = BACKLOG } = options;
  const address = names.numeric(host, 'Cannot listen on') ?? (await names.resolve(host));
  const command = socketCommand(SOCK_TCP_LISTENER, options, defaults);
  command.setUint32(CMD_SOCKET_BACKLOG, backlog, true);
  writeAddress(command, CMD_SOCKET_LOCAL, address, port);
  const action = `Cannot listen on ${formatEndpoint(address, port)}`;
  return await channel.call(command, action, (made) => new Listener(channel, made, options));
}
