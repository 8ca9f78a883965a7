// SPDX-License-Identifier: MIT
// bun - the sockets of Bun as a transport: a way out, and listeners for forwarded ports
//
// Bun calls us with what comes. Chunks wait here until they are read, and the socket is paused while READ_AHEAD bytes do. It
// takes as much of a write as fits into the buffers of the system, and calls when there is room again.

import type { DatagramSocket, StreamListener } from '../api/transport.ts';
import { NetError } from '../errors.ts';
import { untilAborted } from '../util/abort.ts';
import { checkOptions, flag, type Rules } from '../util/check.ts';
import { Deferred } from '../util/deferred.ts';
import { Queue } from '../util/queue.ts';
import { netErrorOf } from '../util/system_error.ts';
import { type BoundOptions, missing, nameOf, openAction, openFamilies } from './datagrams.ts';
import { type NativeCalls, NativeConnection, NativeListener, READ_AHEAD } from './native.ts';
import type { NativeOptions, NativeTransport, OutboundOptions } from './types.ts';

/** As much of a socket of Bun as is used. */
interface BunSocket {
  data: BunCalls;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress: string;
  readonly localPort: number;
  write(data: Uint8Array): number;
  pause(): void;
  resume(): void;
  setNoDelay(noDelay: boolean): void;
  shutdown(): void;
  end(): void;
  terminate(): void;
}

/** The functions that Bun calls. */
interface BunHandlers {
  readonly binaryType: 'uint8array';
  open(socket: BunSocket): void;
  data(socket: BunSocket, chunk: Uint8Array): void;
  drain(socket: BunSocket): void;
  end(socket: BunSocket): void;
  error(socket: BunSocket, error: unknown): void;
  close(socket: BunSocket, error?: unknown): void;
}

interface BunTcpOptions {
  readonly hostname: string;
  readonly port: number;
  readonly allowHalfOpen: boolean;
  readonly socket: BunHandlers;
}

/** As much of Bun as is used. */
interface BunNet {
  connect(options: BunTcpOptions): Promise<BunSocket>;
  listen(options: BunTcpOptions): { readonly port: number; stop(): void };
  udpSocket(options: {
    readonly hostname: string;
    readonly port: number;
    readonly socket: {
      readonly binaryType: 'uint8array';
      data(socket: unknown, data: Uint8Array, port: number, host: string): void;
      error(error: unknown): void;
    };
  }): Promise<{
    readonly port: number;
    send(data: Uint8Array, port: number, host: string): boolean;
    close(): void;
  }>;
}

const OPTIONS: Rules<NativeOptions> = { noDelay: flag };

function bunNet(action: string): BunNet {
  const { Bun } = globalThis as { Bun?: BunNet };
  if (!Bun) throw missing(action);
  return Bun;
}

/** The calls of one socket. */
class BunCalls implements NativeCalls {
  readonly #socket: BunSocket;
  readonly #action: string;
  readonly #chunks = new Queue<Uint8Array>();
  #waiting = 0;
  #more: Deferred | undefined;
  #room: Deferred | undefined;
  #isEnded = false;
  #isGone = false;
  #error: unknown;

  constructor(socket: BunSocket, action: string) {
    this.#socket = socket;
    this.#action = action;
  }

  /** Bytes came. */
  push(chunk: Uint8Array): void {
    this.#chunks.push(chunk);
    this.#waiting += chunk.length;
    if (this.#waiting >= READ_AHEAD) this.#socket.pause();
    this.#more?.resolve();
  }

  /** There is room for writes. */
  drained(): void {
    this.#room?.resolve();
    this.#room = undefined;
  }

  /** The other side has ended. */
  ended(): void {
    this.#isEnded = true;
    this.#more?.resolve();
  }

  /** It is over. */
  gone(error: unknown): void {
    this.#error ??= error;
    this.#isGone = true;
    this.ended();
    this.drained();
  }

  async read(): Promise<Uint8Array | undefined> {
    for (;;) {
      const chunk = this.#chunks.shift();
      if (chunk) {
        const wasFull = this.#waiting >= READ_AHEAD;
        this.#waiting -= chunk.length;
        if (wasFull && this.#waiting < READ_AHEAD) this.#socket.resume();
        return chunk;
      }
      if (this.#error !== undefined) throw this.#error;
      if (this.#isEnded) return undefined;
      this.#more = new Deferred();
      await this.#more.promise;
    }
  }

  async write(chunk: Uint8Array): Promise<void> {
    for (let at = 0; ; ) {
      const written = this.#isGone ? -1 : this.#socket.write(chunk.subarray(at));
      if (written < 0) throw this.#error ?? new NetError('ECONNRESET', this.#action);
      at += written;
      if (at >= chunk.length) return;
      this.#room = new Deferred();
      await this.#room.promise;
    }
  }

  async end(): Promise<void> {
    this.#socket.shutdown();
  }

  free(isReset: boolean): void {
    if (this.#isGone) return;
    if (isReset) this.#socket.terminate();
    else this.#socket.end();
  }

  errorOf(error: unknown): NetError {
    return netErrorOf(error, this.#action);
  }
}

/** The functions that Bun calls; `opened` gets each connection. */
function handlersOf(
  noDelay: boolean,
  actionOf: (socket: BunSocket) => string,
  opened: (connection: NativeConnection) => void,
): BunHandlers {
  return {
    binaryType: 'uint8array',
    open(socket) {
      socket.setNoDelay(noDelay);
      socket.data = new BunCalls(socket, actionOf(socket));
      const { remoteAddress, remotePort, localAddress, localPort } = socket;
      const ends = { remoteAddress, remotePort, localAddress, localPort };
      opened(new NativeConnection(socket.data, ends));
    },
    data: ({ data }, chunk) => data.push(chunk),
    drain: ({ data }) => data.drained(),
    end: ({ data }) => data.ended(),
    error: ({ data }, error) => data?.gone(error),
    close: ({ data }, error) => data?.gone(error),
  };
}

async function connectBun(
  { host, port, signal }: OutboundOptions,
  noDelay: boolean,
): Promise<NativeConnection> {
  const action = `Cannot connect to ${nameOf(host, port)}`;
  const net = bunNet(action);
  signal?.throwIfAborted();
  const opened = new Deferred<NativeConnection>();
  const socket = handlersOf(noDelay, () => action, opened.resolve);
  net.connect({ hostname: host, port, allowHalfOpen: true, socket }).catch(opened.reject);
  try {
    if (!signal) return await opened.promise;
    return await untilAborted(opened.promise, signal, (late) => late.abort());
  } catch (error) {
    throw signal?.aborted ? signal.reason : netErrorOf(error, action);
  }
}

async function listenBun(
  { host = '::', port }: { host?: string; port: number },
  noDelay: boolean,
): Promise<StreamListener> {
  const action = `Cannot listen on ${nameOf(host, port)}`;
  const net = bunNet(action);
  const actionOf = ({ remoteAddress, remotePort }: BunSocket): string =>
    `Cannot use the connection of ${nameOf(remoteAddress, remotePort)}`;
  const waiting: NativeConnection[] = [];
  let listener: NativeListener | undefined;
  const socket = handlersOf(noDelay, actionOf, (one) => {
    if (listener) listener.push(one);
    else waiting.push(one);
  });
  try {
    const server = net.listen({ hostname: host, port, allowHalfOpen: true, socket });
    listener = new NativeListener(server.port, () => server.stop());
  } catch (error) {
    throw netErrorOf(error, action);
  }
  for (const one of waiting) listener.push(one);
  return listener;
}

async function openBun(options: BoundOptions): Promise<DatagramSocket> {
  const action = openAction(options);
  const net = bunNet(action);
  return openFamilies(options, undefined, async (_family, hostname, port, received) => {
    try {
      const socket = await net.udpSocket({
        ...{ hostname, port },
        socket: {
          binaryType: 'uint8array',
          data: (_, data, from, host) => received({ host, port: from, data }),
          // The failure of one datagram.
          error: () => {},
        },
      });
      return {
        port: socket.port,
        send: async (data, host, to) => socket.send(data, to, host),
        close: () => socket.close(),
      };
    } catch (error) {
      throw netErrorOf(error, action);
    }
  });
}

/**
 * The sockets of Bun. node() works there too; these have resets, which Bun's node:net has not.
 *
 * @param options - Settings.
 * @returns A transport that connects, listens and sends datagrams; its calls fail with ENOTSUP in other runtimes.
 * @throws NetError EINVAL for a bad option.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { bun } from 'ringstack/gateway';
 *
 * if ('Bun' in globalThis) {
 *   const listener = await bun().listen({ host: '127.0.0.1', port: 0 });
 *   const port = listener.port as number;
 *   const connection = await bun().connect({ host: '127.0.0.1', port });
 *   assert.equal(connection.remotePort, port);
 *   connection.abort?.();
 *   await listener.close?.();
 * } else {
 *   await assert.rejects(bun().connect({ host: '127.0.0.1', port: 1 }), { code: 'ENOTSUP' });
 * }
 * ```
 */
export function bun(options: NativeOptions = {}): NativeTransport {
  checkOptions('Cannot use the sockets of Bun', options, OPTIONS);
  const { noDelay = true } = options;
  return {
    connect: (given) => connectBun(given, noDelay),
    listen: (given) => listenBun(given, noDelay),
    open: (given = {}) => openBun(given),
  };
}
