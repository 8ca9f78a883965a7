// SPDX-License-Identifier: MIT
// tcp_connect - how connections and listeners come to be; twin: core/sock/tcp_open.c

import {
  CMD_ABORT,
  CMD_ACCEPTED,
  CMD_CLOSE,
  CMD_CONNECT,
  CMD_LISTEN,
  CMD_RELEASE,
  CMD_SOCKET_BACKLOG,
  CMD_SOCKET_KEEPALIVE,
  CMD_SOCKET_LOCAL,
  CMD_SOCKET_NODELAY,
  CMD_SOCKET_REMOTE,
  CMD_SOCKET_RX_MAX,
  CMD_SOCKET_SIZE,
  CMD_SOCKET_TX_MAX,
  SOCK_CLOSED,
  SOCK_LOCAL,
} from '../abi.ts';
import type {
  TcpConnection,
  TcpConnectOptions,
  TcpListener,
  TcpListenOptions,
  TcpOptions,
} from '../api/tcp.ts';
import type { Control, Made, SocketEvents } from '../control/commands.ts';
import { readAddress, writeAddress } from '../control/commands.ts';
import { NetError, netErrorFromCode } from '../errors.ts';
import type { IpAddress } from '../util/address.ts';
import { checkPort, formatEndpoint, formatIp, parseIp } from '../util/address.ts';
import { Connection, keepAliveMs } from './tcp_connection.ts';

const KIB = 1024;
const BUFFER = 512 * KIB;
const BUFFER_MOST = 16 * KIB * KIB;
const RECEIVE_LEAST = 64 * KIB;
const SEND_LEAST = 4 * KIB;
const BACKLOG = 4096;

/** Defaults of a stack for its connections. */
export interface BufferDefaults {
  readonly receiveBuffer?: number | undefined;
  readonly sendBuffer?: number | undefined;
}

/** A buffer size as C wants it: a power of two in bounds. */
function bufferSize(name: string, value: number | undefined, least: number): number {
  const size = value ?? BUFFER;
  if (!(size >= 1 && size <= BUFFER_MOST)) {
    throw new NetError('EINVAL', `Cannot use a ${name} of ${size} bytes`);
  }
  return 2 ** Math.ceil(Math.log2(Math.max(size, least)));
}

/** Writes what listen and connect have in common into a command. */
function writeOptions(command: DataView, options: TcpOptions, defaults: BufferDefaults): void {
  const rx = bufferSize(
    'receiveBuffer',
    options.receiveBuffer ?? defaults.receiveBuffer,
    RECEIVE_LEAST,
  );
  const tx = bufferSize('sendBuffer', options.sendBuffer ?? defaults.sendBuffer, SEND_LEAST);
  command.setUint32(CMD_SOCKET_RX_MAX, rx, true);
  command.setUint32(CMD_SOCKET_TX_MAX, tx, true);
  command.setUint32(CMD_SOCKET_NODELAY, options.noDelay === false ? 0 : 1, true);
  command.setUint32(CMD_SOCKET_KEEPALIVE, keepAliveMs(options.keepAlive), true);
}

/** A host as an address: numeric, or localhost. */
function parseHost(host: string): IpAddress {
  return parseIp(host === 'localhost' ? '127.0.0.1' : host, { zone: true });
}

/** Finds the handle of the interface a zone names. */
export type ZoneLookup = (zone: string) => number;

/**
 * Checks the buffer options of a stack once, so that a bad one is an error of createStack().
 *
 * @param defaults - The options.
 * @throws {NetError} EINVAL.
 */
export function checkBuffers(defaults: BufferDefaults): void {
  writeOptions(new DataView(new ArrayBuffer(CMD_SOCKET_SIZE)), {}, defaults);
}

/** Calls abort when signal or timeout says so; returns what stops that. */
function guard(options: TcpConnectOptions, what: string, abort: (reason: unknown) => void) {
  const { signal, timeout } = options;
  const onAbort = (): void => abort(signal?.reason);
  const timer =
    timeout === undefined
      ? undefined
      : setTimeout(() => {
          abort(new NetError('ETIMEDOUT', what, { reason: `no answer within ${timeout} ms` }));
        }, timeout);
  signal?.addEventListener('abort', onAbort, { once: true });
  return () => {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
  };
}

/**
 * Connects.
 *
 * @param control - Of the stack.
 * @param options - Where to and how.
 * @param defaults - Buffer sizes where options has none.
 * @param zoneOf - Finds the interface of a link-local address.
 * @returns The open connection.
 * @throws {NetError} EINVAL, ECONNREFUSED, ETIMEDOUT, EHOSTUNREACH, EADDRNOTAVAIL, EADDRINUSE,
 *   EMFILE, ENOMEM, ESHUTDOWN; or the signal's reason.
 */
export async function connectTcp(
  control: Control,
  options: TcpConnectOptions,
  defaults: BufferDefaults,
  zoneOf: ZoneLookup,
): Promise<TcpConnection> {
  const address = parseHost(options.host);
  const port = checkPort(options.port, 1);
  const what = `Cannot connect to ${formatEndpoint(address, port)}`;
  const { timeout } = options;
  if (timeout !== undefined && !(timeout >= 0 && timeout <= 0x7fffffff)) {
    throw new NetError('EINVAL', `Cannot use a timeout of ${timeout} ms`);
  }
  options.signal?.throwIfAborted();
  const command = control.command(CMD_CONNECT, CMD_SOCKET_SIZE);
  writeOptions(command, options, defaults);
  const zone = address.zone === undefined ? 0 : zoneOf(address.zone);
  writeAddress(command, CMD_SOCKET_REMOTE, address, port, 0, zone);
  if (options.localAddress !== undefined || options.localPort !== undefined) {
    const local = options.localAddress ?? (address.family === 4 ? '0.0.0.0' : '::');
    const localPort = checkPort(options.localPort ?? 0);
    writeAddress(command, CMD_SOCKET_LOCAL, parseHost(local), localPort);
  }
  let connection: Connection | undefined;
  let aborted: { reason: unknown } | undefined;
  const stop = guard(options, what, (reason) => {
    aborted = { reason };
    connection?.abort(reason);
  });
  try {
    connection = await control.call(command, what, (made) => {
      const { noDelay = true, keepAlive } = options;
      connection = new Connection(control, made, what, noDelay, keepAliveMs(keepAlive));
      if (aborted) connection.abort(aborted.reason);
      return connection;
    });
    await connection.opened;
    return connection;
  } finally {
    stop();
  }
}

/** A connection that waits to be accepted. */
interface Queued {
  readonly connection: Connection;
  readonly handle: number;
}

/** Somebody who waits for a connection. */
interface Waiter {
  readonly resolve: (connection: TcpConnection) => void;
  readonly reject: (error: NetError) => void;
}

/** A TCP listener. */
class Listener implements TcpListener, SocketEvents {
  readonly host: string;
  readonly port: number;
  readonly #control: Control;
  readonly #handle: number;
  readonly #options: TcpListenOptions;
  readonly #queue = new Set<Queued>();
  readonly #waiters: Waiter[] = [];
  #error: NetError | undefined;

  constructor(control: Control, made: Made, options: TcpListenOptions) {
    this.#control = control;
    this.#handle = made.handle;
    this.#options = options;
    const local = readAddress(control.arena.view, made.place + SOCK_LOCAL);
    this.host = options.host === undefined ? '::' : formatIp(local.address);
    this.port = local.port;
    control.register(made.handle, this);
  }

  onEvent(bits: number, error: number): void {
    if (bits & SOCK_CLOSED && error !== 0) this.#end(netErrorFromCode(error, this.#what()));
  }

  onAccept(made: Made): void {
    if (this.#error) {
      this.#control.send(CMD_ABORT, made.handle);
      this.#control.send(CMD_RELEASE, made.handle);
      return;
    }
    const { noDelay = true, keepAlive } = this.#options;
    const connection = new Connection(
      this.#control,
      made,
      'Cannot accept a connection',
      noDelay,
      keepAliveMs(keepAlive),
    );
    const queued = { connection, handle: made.handle };
    const waiter = this.#waiters.shift();
    if (waiter) {
      this.#hand(queued, waiter);
      return;
    }
    this.#queue.add(queued);
    connection.closed.catch(() => {
      // It failed before anybody took it: nobody will, and its place is free.
      if (this.#queue.delete(queued)) connection.abort();
    });
  }

  onShutdown(error: NetError): void {
    this.#end(new NetError(error.code, this.#what(), { cause: error }));
  }

  #what(): string {
    return `Cannot accept on port ${this.port}`;
  }

  #hand({ connection, handle }: Queued, waiter: Waiter): void {
    this.#control.send(CMD_ACCEPTED, handle);
    waiter.resolve(connection);
  }

  #end(error: NetError): void {
    if (this.#error) return;
    this.#error = error;
    for (const { connection } of this.#queue) connection.abort();
    this.#queue.clear();
    for (const waiter of this.#waiters.splice(0)) waiter.reject(error);
    this.#control.send(CMD_CLOSE, this.#handle);
    this.#control.send(CMD_RELEASE, this.#handle);
    this.#control.unregister(this.#handle);
  }

  accept(): Promise<TcpConnection> {
    return new Promise((resolve, reject) => {
      const waiter = { resolve, reject };
      const [next] = this.#queue;
      if (next) {
        this.#queue.delete(next);
        this.#hand(next, waiter);
      } else if (this.#error) {
        reject(this.#error);
      } else {
        this.#waiters.push(waiter);
      }
    });
  }

  async close(): Promise<void> {
    this.#end(new NetError('ECONNABORTED', this.#what(), { reason: 'the listener was closed' }));
  }

  async *#connections(): AsyncGenerator<TcpConnection, undefined> {
    for (;;) {
      try {
        yield await this.accept();
      } catch (error) {
        // Listener or stack closed by the user: the loop ends. Anything else is for the loop to see.
        const { code } = error as Partial<NetError>;
        if (code === 'ECONNABORTED' || code === 'ESHUTDOWN') return;
        throw error;
      }
    }
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<TcpConnection> {
    return this.#connections();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/**
 * Listens.
 *
 * @param control - Of the stack.
 * @param options - Where and how.
 * @param defaults - Buffer sizes where options has none.
 * @returns The listener.
 * @throws {NetError} EINVAL, EADDRINUSE, EADDRNOTAVAIL, EMFILE, ENOMEM, ESHUTDOWN.
 */
export async function listenTcp(
  control: Control,
  options: TcpListenOptions,
  defaults: BufferDefaults,
): Promise<TcpListener> {
  const port = checkPort(options.port);
  const backlog = options.backlog ?? BACKLOG;
  if (!(Number.isInteger(backlog) && backlog >= 1 && backlog <= 65535)) {
    throw new NetError('EINVAL', `Cannot listen with a backlog of ${backlog}`);
  }
  const address = parseHost(options.host ?? '::');
  const command = control.command(CMD_LISTEN, CMD_SOCKET_SIZE);
  writeOptions(command, options, defaults);
  command.setUint32(CMD_SOCKET_BACKLOG, backlog, true);
  writeAddress(command, CMD_SOCKET_LOCAL, address, port);
  return control.call(
    command,
    `Cannot listen on ${formatEndpoint(address, port)}`,
    (made) => new Listener(control, made, options),
  );
}
