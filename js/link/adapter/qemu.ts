// SPDX-License-Identifier: MIT
// qemu - ringstack/qemu: the network card of a virtual machine, over QEMU's -netdev stream and dgram
//
// `stream` carries each frame behind its length as a big-endian u32 (js/codec/framing.ts), over a unix or TCP
// socket; container2wasm, gvisor-tap-vsock and passt do the same. `dgram` carries one frame in each
// datagram. Both need sockets: Node, Deno and Bun have them, browsers do not.

import { NetError } from '../../errors.ts';
import { builtin } from '../../runtime/builtin.ts';
import { checkOptions, checkValue, type Rules, text, whole } from '../../util/check.ts';
import { Deferred } from '../../util/deferred.ts';
import { Queue } from '../../util/queue.ts';
import { netErrorOf } from '../../util/system_error.ts';
import { ByteSession, type ByteSource, type ByteTarget, Inlet } from '../byte_session.ts';
import { rule } from '../options.ts';
import {
  SESSION_RULES,
  type Session,
  SessionEndpoint,
  type SessionEvents,
  type SessionOptions,
  SINGLE_SESSION_RULES,
  whenOpened,
} from '../sessions.ts';

export type { ByteSource, ByteTarget } from '../byte_session.ts';
export type { ReconnectOptions, SessionOptions } from '../sessions.ts';
export { SessionEndpoint } from '../sessions.ts';
export { DatagramEndpoint, type DatagramOptions, openQemuDatagram } from './qemu_dgram.ts';

/** Address of a socket: a path, or a host and a port. */
export interface SocketAddress {
  /** Path of a unix socket. */
  readonly path?: string;
  /** Address of a TCP socket. @default '127.0.0.1' */
  readonly host?: string;
  /** Port of a TCP socket. */
  readonly port?: number;
}

/** Options of connectQemu(). */
export interface QemuConnectOptions extends SocketAddress, SessionOptions {}

/** Options of listenQemu(). */
export interface QemuListenOptions extends SocketAddress, Omit<SessionOptions, 'reconnect'> {
  /** Connections that wait for accept(); further ones are closed. @default 16 */
  readonly backlog?: number;
}

type Net = typeof import('node:net');
type NodeSocket = import('node:net').Socket;
type NodeServer = import('node:net').Server;

function sockets(action: string): Net {
  const net = builtin('node:net');
  if (net) return net;
  throw new NetError('ENOTSUP', action, { reason: 'this runtime has no sockets' });
}

/** The name of an address for messages, and the form that Node takes. */
interface Place {
  readonly name: string;
  readonly target: { path: string } | { host: string; port: number };
}

/** Accepts streams of Node. */
const isNodeStream = rule((value) => (value as ByteSource | null)?.on, 'a stream of Node');

const CONNECT_RULES: Rules<QemuConnectOptions> = {
  ...SESSION_RULES,
  path: text,
  host: text,
  port: whole(1, 65_535),
};

const LISTEN_RULES: Rules<QemuListenOptions> = {
  ...SINGLE_SESSION_RULES,
  path: text,
  host: text,
  port: whole(0, 65_535),
  backlog: whole(0, 2 ** 20),
};

function where({ path, host = '127.0.0.1', port }: SocketAddress, action: string): Place {
  if ((path === undefined) === (port === undefined)) {
    throw new NetError('EINVAL', action, { reason: 'must be given either a path or a port' });
  }
  const name = path ?? (host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`);
  return { name, target: path === undefined ? { host, port: port as number } : { path } };
}

/** A session over a socket that is open. */
function overSocket(
  events: SessionEvents,
  socket: NodeSocket,
  name: string,
  inlet?: Inlet,
): Session {
  socket.setNoDelay?.(true);
  const session = new ByteSession(events, socket, socket, `the QEMU link at ${name}`, inlet);
  events.opened();
  return session;
}

/** Begins a session over a socket that connects. */
function connecting(events: SessionEvents, net: Net, { name, target }: Place): Session {
  const inlet = new Inlet();
  const socket = net.connect({ ...target, onread: inlet.onread });
  let session: Session | undefined;
  socket.on('connect', () => {
    session = overSocket(events, socket, name, inlet);
  });
  socket.on('error', (error) => {
    if (!session) events.end(netErrorOf(error, `Cannot connect to ${name}`));
  });
  return {
    send: (frame) => session?.send(frame) ?? true,
    ready: async () => session?.ready(),
    resume: () => session?.resume?.(),
    close: () => (session ? session.close() : void socket.destroy()),
  };
}

/**
 * Connects to a QEMU that listens: `-netdev stream,id=n0,server=on,addr.type=unix,addr.path=…`.
 *
 * @param options - The address where it listens; whether to connect again when the connection is lost.
 * @returns The endpoint, connected.
 * @throws {NetError} EINVAL, ENOTSUP without sockets; without `reconnect` also ECONNREFUSED, ENOENT for a path
 *   that does not exist, ENOTFOUND for an unknown host, and others of the system; or the signal's reason.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { createStack } from 'ringstack';
 * import { connect } from 'ringstack/link';
 * import { connectQemu, listenQemu } from 'ringstack/qemu';
 *
 * // Here a second stack listens in place of QEMU.
 * const [host, guest] = [await createStack(), await createStack()];
 * const listener = await listenQemu({ port: 0 });
 * listener.accept().then(async (card) => {
 *   connect(await guest.createTapInterface({ ip: '10.0.0.2/24' }), card);
 * });
 * const card = await connectQemu({ port: listener.port, reconnect: true });
 * connect(await host.createTapInterface({ ip: '10.0.0.1/24' }), card);
 * await assert.rejects(host.connectTcp({ host: '10.0.0.2', port: 80 }), { code: 'ECONNREFUSED' });
 * await card.close();
 * await listener.close();
 * await host.close();
 * await guest.close();
 * ```
 */
export async function connectQemu(options: QemuConnectOptions): Promise<SessionEndpoint> {
  const action = 'Cannot connect to QEMU';
  checkOptions(action, options, CONNECT_RULES);
  const place = where(options, action);
  const net = sockets(action);
  options.signal?.throwIfAborted();
  const endpoint = new SessionEndpoint((events) => connecting(events, net, place), options);
  return whenOpened(endpoint, options.signal);
}

/**
 * Uses any byte stream of Node that carries frames in QEMU's form: an open socket, or the output and the input
 * of a program.
 *
 * @param from - Source of frames.
 * @param to - Target for frames; the same object for a socket.
 * @param options - MTU and queue.
 * @returns The endpoint.
 * @throws {NetError} EINVAL for an option that is unknown or out of range, or a stream that is none.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { once } from 'node:events';
 * import { PassThrough } from 'node:stream';
 * import { openQemu } from 'ringstack/qemu';
 *
 * const [from, to] = [new PassThrough(), new PassThrough()];
 * const endpoint = openQemu(from, to);
 * const writer = endpoint.writable.getWriter();
 * await writer.write(Uint8Array.of(7, 8));
 * const [sent] = await once(to, 'data');
 * assert.deepEqual([...sent], [0, 0, 0, 2, 7, 8]);
 * const reader = endpoint.readable.getReader();
 * from.write(Uint8Array.of(0, 0, 0, 1, 9));
 * assert.deepEqual((await reader.read()).value, Uint8Array.of(9));
 * await endpoint.close();
 * ```
 */
export function openQemu(
  from: ByteSource,
  to: ByteTarget,
  options: Omit<SessionOptions, 'reconnect'> = {},
): SessionEndpoint {
  const action = 'Cannot use a QEMU link';
  checkOptions(action, options, SINGLE_SESSION_RULES);
  checkValue(action, 'from', from, isNodeStream);
  checkValue(action, 'to', to, isNodeStream);
  return new SessionEndpoint((events) => {
    const session = new ByteSession(events, from, to, 'the QEMU link');
    events.opened();
    return session;
  }, options);
}

/**
 * Listens for QEMUs that connect: `-netdev stream,id=n0,server=off,addr.type=unix,addr.path=…`.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { createStack } from 'ringstack';
 * import { connect } from 'ringstack/link';
 * import { connectQemu, listenQemu } from 'ringstack/qemu';
 *
 * const stack = await createStack();
 * const tap = await stack.createTapInterface({ ip: '10.0.0.1/24' });
 * const listener = await listenQemu({ port: 0 });
 * // One guest after the other: when one goes, the next one is plugged in.
 * let guests = 0;
 * const serving = (async () => {
 *   for await (const guest of listener) {
 *     guests++;
 *     await connect(tap, guest).closed.catch(() => {});
 *   }
 * })();
 * for (let n = 0; n < 2; n++) await (await connectQemu({ port: listener.port })).close();
 * while (guests < 2) await new Promise(setImmediate);
 * await listener.close();
 * await serving;
 * await stack.close();
 * assert.equal(guests, 2);
 * ```
 */
export interface QemuListener extends AsyncDisposable {
  /** Its port; 0 for a unix socket. */
  readonly port: number;
  /**
   * Waits for the next connection.
   *
   * @returns An open endpoint. It does not connect again, but QEMU may.
   * @throws {NetError} ECONNABORTED if the listener is closed.
   */
  accept(): Promise<SessionEndpoint>;
  /**
   * Iterates over connections until the listener is closed.
   *
   * @returns The iterator.
   * @throws Never.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<SessionEndpoint>;
  /**
   * Ends listening. Accepted connections stay open.
   *
   * @throws Never.
   */
  close(): Promise<void>;
}

class Listener implements QemuListener {
  readonly #server: NodeServer;
  readonly #options: QemuListenOptions;
  readonly #name: string;
  readonly #waiting = new Queue<SessionEndpoint>();
  readonly #accepting = new Queue<Deferred<SessionEndpoint>>();
  #isClosed = false;

  constructor(server: NodeServer, options: QemuListenOptions, name: string) {
    this.#server = server;
    this.#options = options;
    this.#name = name;
    server.on('connection', (socket) => this.#connected(socket));
    options.signal?.addEventListener('abort', () => void this.close());
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' ? (address?.port ?? 0) : 0;
  }

  #connected(socket: NodeSocket): void {
    if (this.#waiting.length >= (this.#options.backlog ?? 16)) {
      socket.destroy();
      return;
    }
    const { type, mtu, queue } = this.#options;
    const endpoint = new SessionEndpoint((events) => overSocket(events, socket, this.#name), {
      type,
      mtu,
      queue,
    });
    const accepting = this.#accepting.shift();
    if (accepting) accepting.resolve(endpoint);
    else this.#waiting.push(endpoint);
  }

  async accept(): Promise<SessionEndpoint> {
    const endpoint = this.#waiting.shift();
    if (endpoint) return endpoint;
    const accepting = new Deferred<SessionEndpoint>();
    if (this.#isClosed) accepting.reject(this.#aborted());
    else this.#accepting.push(accepting);
    return accepting.promise;
  }

  #aborted(): NetError {
    return new NetError('ECONNABORTED', `Cannot accept at ${this.#name}`);
  }

  async *[Symbol.asyncIterator](): AsyncIterableIterator<SessionEndpoint> {
    while (!this.#isClosed) {
      const endpoint = await this.accept().catch(() => undefined);
      if (endpoint) yield endpoint;
    }
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#server.close();
    for (let n = this.#accepting.length; n > 0; n--) {
      this.#accepting.shift()?.reject(this.#aborted());
    }
    for (let n = this.#waiting.length; n > 0; n--) await this.#waiting.shift()?.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/**
 * Listens for QEMUs that connect: `-netdev stream,id=n0,server=off,addr.type=inet,addr.host=…,addr.port=…`.
 *
 * @param options - The address; port 0: any free port.
 * @returns The listener.
 * @throws {NetError} EINVAL, ENOTSUP without sockets, EADDRINUSE and others of the system.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { connectQemu, listenQemu } from 'ringstack/qemu';
 *
 * await using listener = await listenQemu({ port: 0 });
 * await using near = await connectQemu({ port: listener.port });
 * await using far = await listener.accept();
 * void near.writable.getWriter().write(Uint8Array.of(1, 2, 3));
 * const { value } = await far.readable.getReader().read();
 * assert.deepEqual(value, Uint8Array.of(1, 2, 3));
 * ```
 */
export async function listenQemu(options: QemuListenOptions): Promise<QemuListener> {
  const action = 'Cannot listen for QEMU';
  checkOptions(action, options, LISTEN_RULES);
  const { name, target } = where(options, action);
  const net = sockets(action);
  options.signal?.throwIfAborted();
  const server = net.createServer();
  const listening = new Deferred();
  server.on('error', (error) => listening.reject(netErrorOf(error, `Cannot listen on ${name}`)));
  server.listen(target, () => listening.resolve());
  await listening.promise;
  return new Listener(server, options, name);
}
