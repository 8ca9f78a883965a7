// SPDX-License-Identifier: MIT
// small - serveEcho(), serveDiscard(), serveDaytime(): the small services that test a network (RFC 862, 863, 867)
//
// Each listens on UDP, and on TCP where the transport has it. Over UDP a server never answers a server: a datagram from a
// port of one of these services is dropped, since two of them would answer each other without end. Connections are
// limited, and end when nothing comes for `idleTimeout`.

import type {
  Datagram,
  DatagramSocket,
  StreamConnection,
  StreamListener,
} from '../api/transport.ts';
import { abortConnection } from '../util/abort.ts';
import { checkOptions, flag, INT32_MAX, type Rules, text, whole } from '../util/check.ts';
import { Deferred } from '../util/deferred.ts';
import { unref } from '../util/process.ts';
import { TokenBucket } from '../util/token_bucket.ts';
import { networkOf, type ServiceTransport } from './transport.ts';

/** Ports of services that answer whatever comes: echo, daytime, quote, chargen, time. */
const ANSWERING = [7, 13, 17, 19, 37];

/** Options of serveEcho(), serveDiscard() and serveDaytime(). */
export interface SmallServiceOptions {
  /** Address to bind to. @default all */
  readonly host?: string;
  /** Port, 0 to 65535. @default 7, 9, 13 */
  readonly port?: number;
  /** Serves UDP. @default true */
  readonly udp?: boolean;
  /** Serves TCP. @default true, if the transport has it */
  readonly tcp?: boolean;
  /** Connections at a time, 1 to 65535; more are closed at once. @default 64 */
  readonly maxConnections?: number;
  /** Datagrams a second that are answered, 1 to 1000000. @default 10000 */
  readonly maxRate?: number;
  /** A connection on which nothing comes is ended, ms, 1 to 2147483647. @default 300000 */
  readonly idleTimeout?: number;
}

/** Counters of a small service. */
export interface SmallServiceStatistics {
  /** Connections taken so far. */
  connections: number;
  /** Connections that are open. */
  active: number;
  /** Bytes that came. */
  bytes: number;
  /** Datagrams that came. */
  datagrams: number;
  /** Connections and datagrams beyond a limit. */
  droppedLimit: number;
  /** Datagrams from a port of a service like this one. */
  droppedLoop: number;
  /** Connections that were ended because nothing came. */
  idle: number;
}

const RULES: Rules<SmallServiceOptions> = {
  host: text,
  port: whole(0, 65_535),
  udp: flag,
  tcp: flag,
  maxConnections: whole(1, 65_535),
  maxRate: whole(1, 1_000_000, ' datagrams a second'),
  idleTimeout: whole(1, INT32_MAX, ' ms'),
};

/** The behaviour of a service. */
export interface SmallServiceKind {
  /** Its name. */
  readonly name: string;
  /** Its port. */
  readonly port: number;
  /** Answers bytes that came; undefined: not at all. */
  readonly answer: (data: Uint8Array) => Uint8Array | undefined;
  /** Sent when a connection is open, which then ends. */
  readonly greet?: () => Uint8Array;
}

/**
 * A small service. serveEcho(), serveDiscard() and serveDaytime() make one.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { createStack } from 'ringstack';
 * import { serveDiscard, type SmallService } from 'ringstack/services';
 *
 * const stack = await createStack();
 * const service: SmallService = await serveDiscard(stack);
 * assert.equal(service.statistics.datagrams, 0);
 * await service.close();
 * await stack.close();
 * ```
 */
export class SmallService implements AsyncDisposable {
  /** Counters. */
  readonly statistics: Readonly<SmallServiceStatistics>;
  /** Settles when it is closed. */
  readonly closed: Promise<void>;
  readonly #counts: SmallServiceStatistics = {
    connections: 0,
    active: 0,
    bytes: 0,
    datagrams: 0,
    droppedLimit: 0,
    droppedLoop: 0,
    idle: 0,
  };
  readonly #kind: SmallServiceKind;
  readonly #options: SmallServiceOptions;
  readonly #socket: DatagramSocket | undefined;
  readonly #listener: StreamListener | undefined;
  readonly #rate: TokenBucket;
  readonly #connections = new Set<StreamConnection>();
  readonly #over = new Deferred();
  #ended: Promise<void> | undefined;

  /**
   * Made by the functions above.
   *
   * @param kind - Its behaviour.
   * @param options - Of the program.
   * @param socket - For datagrams.
   * @param listener - For connections.
   * @throws Never.
   */
  constructor(
    kind: SmallServiceKind,
    options: SmallServiceOptions,
    socket: DatagramSocket | undefined,
    listener: StreamListener | undefined,
  ) {
    this.#kind = kind;
    this.#options = options;
    this.#socket = socket;
    this.#listener = listener;
    this.#rate = new TokenBucket(options.maxRate ?? 10_000, performance.now());
    this.statistics = this.#counts;
    this.closed = this.#over.promise;
    const end = (): void => void this.close();
    const running = [this.#datagrams(), this.#accept()].map((one) => one.catch(() => {}));
    void Promise.all(running).then(end);
  }

  /**
   * Ends all connections, and stops.
   *
   * @throws Never.
   */
  close(): Promise<void> {
    this.#ended ??= (async () => {
      await this.#socket?.close().catch(() => {});
      await this.#listener?.close?.().catch(() => {});
      for (const connection of this.#connections) abortConnection(connection);
      this.#over.resolve();
    })();
    return this.#ended;
  }

  /**
   * Same as close().
   *
   * @throws Never.
   */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #datagrams(): Promise<void> {
    const socket = this.#socket;
    if (!socket) return;
    const writer = socket.writable.getWriter();
    for await (const datagram of socket) {
      const { data, port } = datagram;
      this.#counts.datagrams++;
      this.#counts.bytes += data.length;
      const answer = this.#kind.answer(data);
      if (!answer) continue;
      if (ANSWERING.includes(port)) this.#counts.droppedLoop++;
      else if (!this.#rate.take(performance.now())) this.#counts.droppedLimit++;
      else await writer.write({ ...datagram, data: answer } as Datagram).catch(() => {});
    }
  }

  async #accept(): Promise<void> {
    const { maxConnections = 64 } = this.#options;
    if (!this.#listener) return;
    for await (const connection of this.#listener) {
      if (this.#ended || this.#connections.size >= maxConnections) {
        this.#counts.droppedLimit++;
        abortConnection(connection);
        continue;
      }
      this.#counts.connections++;
      this.#counts.active++;
      this.#connections.add(connection);
      void this.#serve(connection)
        .catch(() => abortConnection(connection))
        .finally(() => {
          this.#connections.delete(connection);
          this.#counts.active--;
        });
    }
  }

  async #serve(connection: StreamConnection): Promise<void> {
    const { idleTimeout = 300_000 } = this.#options;
    const writer = connection.writable.getWriter();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const wait = (): void => {
      clearTimeout(timer);
      timer = setTimeout(() => {
        this.#counts.idle++;
        abortConnection(connection);
      }, idleTimeout);
      unref(timer);
    };
    try {
      wait();
      const greeting = this.#kind.greet?.();
      if (greeting) {
        await writer.write(greeting);
        await writer.close();
      }
      for await (const chunk of connection) {
        wait();
        this.#counts.bytes += chunk.length;
        const answer = greeting ? undefined : this.#kind.answer(chunk);
        if (answer) await writer.write(answer);
      }
      if (!greeting) await writer.close();
      await connection.close();
    } finally {
      clearTimeout(timer);
    }
  }
}

async function serve(
  kind: SmallServiceKind,
  transport: ServiceTransport,
  options: SmallServiceOptions,
): Promise<SmallService> {
  const action = `Cannot serve ${kind.name}`;
  checkOptions(action, options, RULES);
  const { host, port = kind.port, udp = true, tcp = true } = options;
  const network = networkOf(action, transport);
  const where = { port, ...(host !== undefined && { host }) };
  const socket = udp ? await network.open(where) : undefined;
  try {
    const listener = tcp ? await network.listen?.(where) : undefined;
    return new SmallService(kind, options, socket, listener);
  } catch (error) {
    await socket?.close().catch(() => {});
    throw error;
  }
}

/**
 * Serves echo (RFC 862): sends back what comes.
 *
 * @param transport - A stack, or transports.
 * @param options - Address, limits.
 * @returns The service, listening.
 * @throws NetError EINVAL if an option is out of range, EADDRINUSE if the port is taken, or the error of the transport.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { createStack } from 'ringstack';
 * import { serveEcho } from 'ringstack/services';
 *
 * const stack = await createStack();
 * const service = await serveEcho(stack);
 * const client = await stack.openUdp({ remote: { host: '127.0.0.1', port: 7 } });
 * await client.send(Uint8Array.of(1, 2, 3));
 * assert.deepEqual([...(await client.receive()).data], [1, 2, 3]);
 * await service.close();
 * await stack.close();
 * ```
 */
export function serveEcho(
  transport: ServiceTransport,
  options: SmallServiceOptions = {},
): Promise<SmallService> {
  return serve({ name: 'echo', port: 7, answer: (data) => data }, transport, options);
}

/**
 * Serves discard (RFC 863): takes what comes, and counts it.
 *
 * @param transport - A stack, or transports.
 * @param options - Address, limits.
 * @returns The service, listening.
 * @throws NetError as serveEcho().
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { createStack } from 'ringstack';
 * import { serveDiscard } from 'ringstack/services';
 *
 * const stack = await createStack();
 * const service = await serveDiscard(stack);
 * const { writable } = await stack.connectTcp({ host: '127.0.0.1', port: 9 });
 * const writer = writable.getWriter();
 * await writer.write(new Uint8Array(1000));
 * await writer.close();
 * assert.equal(service.statistics.bytes, 1000);
 * await service.close();
 * await stack.close();
 * ```
 */
export function serveDiscard(
  transport: ServiceTransport,
  options: SmallServiceOptions = {},
): Promise<SmallService> {
  return serve({ name: 'discard', port: 9, answer: () => undefined }, transport, options);
}

/**
 * Serves daytime (RFC 867): tells the time as text.
 *
 * @param transport - A stack, or transports.
 * @param options - Address, limits, and the time, ms since 1970.
 * @returns The service, listening.
 * @throws NetError as serveEcho().
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { createStack } from 'ringstack';
 * import { serveDaytime } from 'ringstack/services';
 *
 * const stack = await createStack();
 * const service = await serveDaytime(stack, { clock: () => 0 });
 * const { readable } = await stack.connectTcp({ host: '127.0.0.1', port: 13 });
 * const { value } = await readable.getReader().read();
 * assert.equal(new TextDecoder().decode(value), 'Thu, 01 Jan 1970 00:00:00 GMT\r\n');
 * await service.close();
 * await stack.close();
 * ```
 */
export async function serveDaytime(
  transport: ServiceTransport,
  options: SmallServiceOptions & {
    /** The time, ms since 1970. @default Date.now */
    readonly clock?: () => number;
  } = {},
): Promise<SmallService> {
  const { clock = Date.now, ...rest } = options;
  const greet = (): Uint8Array =>
    new TextEncoder().encode(`${new Date(clock()).toUTCString()}\r\n`);
  return serve({ name: 'daytime', port: 13, answer: greet, greet }, transport, rest);
}
