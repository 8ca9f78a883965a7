// SPDX-License-Identifier: MIT
// node - the sockets of this computer as a transport: a way out, and listeners for forwarded ports, in Node, Deno and Bun
//
// A connection keeps both half closes. Its readable pauses the socket when READ_AHEAD bytes wait, its writable waits
// for 'drain': a slow side holds the other one off. A numeric host is connected to as it is; a name is resolved by the
// system, so a gateway, which has asked its policy about an address, never gives one.

import type { StreamConnection, StreamListener } from '../api/transport.ts';
import { NetError } from '../errors.ts';
import { builtin } from '../runtime/builtin.ts';
import { checkOptions, flag, type Rules, text } from '../util/check.ts';
import { Deferred } from '../util/deferred.ts';
import { netErrorOf } from '../util/system_error.ts';
import { chunksOf, missing, nameOf } from './datagrams.ts';
import { NativeListener, READ_AHEAD } from './native.ts';
import { openNode } from './node_datagrams.ts';
import type { NativeTransport, OutboundOptions } from './types.ts';

type NodeSocket = import('node:net').Socket;

/** Options of node(). */
export interface NodeOptions {
  /** Address that connections and datagrams leave from. @default chosen by the system */
  readonly localAddress?: string;
  /** Small segments are sent at once. @default true */
  readonly noDelay?: boolean;
}

const OPTIONS: Rules<NodeOptions> = { localAddress: text, noDelay: flag };

/** A name server of this computer. */
export interface NodeNameServer {
  /** Numeric address. */
  ip: string;
  /** Port. */
  port: number;
}

/**
 * The sockets of this computer.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { node } from 'ringstack/gateway';
 *
 * const local = node();
 * const listener = await local.listen({ host: '127.0.0.1', port: 0 });
 * const connection = await local.connect({ host: '127.0.0.1', port: listener.port as number });
 * assert.equal(connection.remotePort, listener.port);
 * connection.abort?.();
 * await listener.close?.();
 * ```
 */
export interface NodeTransport extends NativeTransport {
  /**
   * Name servers of this computer.
   *
   * @returns Their addresses; none, where the runtime does not tell.
   * @throws Never.
   */
  nameServers(): NodeNameServer[];
}

function nameServers(): NodeNameServer[] {
  try {
    const servers = builtin('node:dns')?.getServers() ?? [];
    return servers.flatMap((text) => {
      const [, six, five] = /^\[(.*)\]:(\d+)$/.exec(text) ?? [];
      const [, four, port] = /^([\d.]+):(\d+)$/.exec(text) ?? [];
      const ip = six ?? four ?? text;
      // A zone is of this computer; a socket needs none for what is not link-local.
      return ip.includes('%') ? [] : [{ ip, port: Number(five ?? port ?? 53) }];
    });
  } catch {
    return [];
  }
}

/** A socket that is open, as a connection. */
class NodeConnection implements StreamConnection {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress: string;
  readonly localPort: number;
  readonly #socket: NodeSocket;
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  #failure: unknown;
  #drained: Deferred | undefined;
  readonly #gone = new Deferred();

  constructor(socket: NodeSocket, action: string) {
    this.#socket = socket;
    this.remoteAddress = socket.remoteAddress ?? '';
    this.remotePort = socket.remotePort ?? 0;
    this.localAddress = socket.localAddress ?? '';
    this.localPort = socket.localPort ?? 0;
    socket.pause();
    socket.on('data', (chunk: Uint8Array) => {
      if (!this.#controller) return;
      this.#controller.enqueue(chunk);
      if ((this.#controller.desiredSize ?? 0) <= 0) socket.pause();
    });
    socket.on('end', () => this.#endReading());
    socket.on('drain', () => this.#drain());
    socket.on('error', (error) => {
      this.#failure = netErrorOf(error, action);
    });
    socket.on('close', () => {
      const reset = new NetError('ECONNRESET', action);
      this.#endReading(this.#failure ?? reset);
      this.#failure ??= reset;
      this.#drain();
      this.#gone.resolve();
    });
    this.readable = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller;
        },
        pull: () => void socket.resume(),
        cancel: () => {
          this.#controller = undefined;
          // Bytes that still come are thrown away, and the way there stays open.
          socket.resume();
        },
      },
      { highWaterMark: READ_AHEAD, size: (chunk) => chunk.byteLength },
    );
    this.writable = new WritableStream<Uint8Array>(
      {
        write: (chunk) => this.#write(chunk),
        close: () => this.#end(),
        abort: () => this.abort(),
      },
      { highWaterMark: READ_AHEAD, size: (chunk) => chunk?.byteLength ?? 0 },
    );
  }

  #endReading(error?: unknown): void {
    const controller = this.#controller;
    this.#controller = undefined;
    if (error === undefined) controller?.close();
    else controller?.error(error);
  }

  #drain(): void {
    this.#drained?.resolve();
    this.#drained = undefined;
  }

  async #write(chunk: Uint8Array): Promise<void> {
    if (this.#failure) throw this.#failure;
    if (this.#socket.write(chunk)) return;
    this.#drained ??= new Deferred();
    await this.#drained.promise;
    if (this.#failure) throw this.#failure;
  }

  async #end(): Promise<void> {
    if (this.#failure) throw this.#failure;
    await Promise.race([
      new Promise<void>((resolve) => this.#socket.end(() => resolve())),
      this.#gone.promise,
    ]);
  }

  async close(): Promise<void> {
    this.#endReading();
    this.#socket.resume();
    this.#socket.end();
    await this.#gone.promise;
  }

  abort(): void {
    const socket = this.#socket as NodeSocket & { resetAndDestroy?(): unknown };
    if (socket.destroyed) return;
    // Bun has it in name only.
    if (socket.resetAndDestroy && !('Bun' in globalThis)) socket.resetAndDestroy();
    else socket.destroy();
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    return chunksOf(this.readable);
  }
}

async function connectNode(
  given: OutboundOptions,
  options: NodeOptions,
): Promise<StreamConnection> {
  const { host, port, signal } = given;
  const action = `Cannot connect to ${nameOf(host, port)}`;
  const net = builtin('node:net');
  if (!net) throw missing(action);
  signal?.throwIfAborted();
  const { localAddress, noDelay = true } = options;
  const socket = net.connect({
    ...{ host, port, noDelay, allowHalfOpen: true },
    ...(localAddress !== undefined && { localAddress }),
  });
  const abort = (): void => void socket.destroy();
  signal?.addEventListener('abort', abort, { once: true });
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', (error) => reject(netErrorOf(error, action)));
      socket.once('close', () => reject(signal?.reason ?? new NetError('ECONNABORTED', action)));
    });
  } finally {
    signal?.removeEventListener('abort', abort);
  }
  return new NodeConnection(socket, action);
}

async function listenNode(
  { host, port }: { host?: string; port: number },
  noDelay: boolean,
): Promise<StreamListener> {
  const action = `Cannot listen on ${nameOf(host ?? '::', port)}`;
  const net = builtin('node:net');
  if (!net) throw missing(action);
  const server = net.createServer({ allowHalfOpen: true, pauseOnConnect: true });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(netErrorOf(error, action)));
    server.listen({ port, ...(host !== undefined && { host }) }, resolve);
  });
  const { port: bound } = server.address() as { port: number };
  // The callback of close() would wait for all connections, which go on.
  const listener = new NativeListener(bound, () => void server.close());
  server.on('connection', (socket) => {
    socket.setNoDelay(noDelay);
    const from = nameOf(socket.remoteAddress ?? '', socket.remotePort ?? 0);
    listener.push(new NodeConnection(socket, `Cannot use the connection of ${from}`));
  });
  server.on('error', (error) => listener.end(netErrorOf(error, 'Cannot accept')));
  return listener;
}

/**
 * The sockets of this computer, in Node, Deno and Bun.
 *
 * @param options - Address to leave from, and settings.
 * @returns A transport that connects, listens and sends datagrams.
 * @throws NetError EINVAL for a bad option.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { node } from 'ringstack/gateway';
 *
 * const socket = await node().open({ host: '127.0.0.1', port: 0 });
 * assert.equal(typeof (socket as { localPort?: number }).localPort, 'number');
 * await socket.close();
 * ```
 */
export function node(options: NodeOptions = {}): NodeTransport {
  checkOptions('Cannot use the sockets of this computer', options, OPTIONS);
  const { localAddress, noDelay = true } = options;
  return {
    connect: (given) => connectNode(given, options),
    listen: (given) => listenNode(given, noDelay),
    open: (given = {}) => openNode(given, localAddress),
    nameServers,
  };
}
