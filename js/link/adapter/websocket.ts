// SPDX-License-Identifier: MIT
// websocket - ringstack/websocket: one frame in each binary message, the usual form of relays for VMs in browsers
//
// Theory of operation
//
// A WebSocket cannot be paused, so received frames wait in the endpoint's queue, or are dropped. Frames that go
// out are bounded by `bufferedAmount`: above the limit the endpoint is full. No event tells when it falls,
// so a timer looks at it, but only while the endpoint is full.
//
// Any class with the interface of WebSocket works: that of browsers, Node 22, Deno and Bun, and of `ws`.

import { NetError } from '../../errors.ts';
import { checkOptions, checkValue, type Rules, whole } from '../../util/check.ts';
import { netErrorOf } from '../../util/system_error.ts';
import { copyOf } from '../frame_copy.ts';
import { callback, queueBytes, rule } from '../options.ts';
import {
  SESSION_RULES,
  type Session,
  SessionEndpoint,
  type SessionEvents,
  type SessionOptions,
  SINGLE_SESSION_RULES,
  whenOpened,
} from '../sessions.ts';

export type { ReconnectOptions, SessionOptions } from '../sessions.ts';
export { SessionEndpoint } from '../sessions.ts';

/** The part of a WebSocket's events that is used. */
export interface SocketEvent {
  /** Of a message: its data. */
  readonly data?: unknown;
  /** Of a close: its code. */
  readonly code?: number;
  /** Of a close: its reason. */
  readonly reason?: string;
}

/**
 * The part of a WebSocket that is used. Those of the standard and of `ws` have it.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { acceptWebSocket, type SocketEvent, type SocketLike } from 'ringstack/websocket';
 *
 * const sent: Uint8Array[] = [];
 * const listeners = new Map<string, (event: SocketEvent) => void>();
 * const socket: SocketLike = {
 *   readyState: 1,
 *   bufferedAmount: 0,
 *   binaryType: 'blob',
 *   send: (data) => void sent.push(data),
 *   close: () => {},
 *   addEventListener: (type, listener) => void listeners.set(type, listener),
 * };
 * const endpoint = acceptWebSocket(socket);
 * await endpoint.writable.getWriter().write(Uint8Array.of(1));
 * assert.deepEqual(sent, [Uint8Array.of(1)]);
 * const reader = endpoint.readable.getReader();
 * listeners.get('message')?.({ data: Uint8Array.of(2).buffer });
 * assert.deepEqual((await reader.read()).value, Uint8Array.of(2));
 * ```
 */
export interface SocketLike {
  /** 0 while it connects, 1 while it is open. */
  readonly readyState: number;
  /** Bytes that were given to send() and not sent yet. */
  readonly bufferedAmount: number;
  /** Set to 'arraybuffer'. */
  binaryType: string;
  /**
   * Sends a message.
   *
   * @param data - The message, in private memory.
   * @throws If it is still connecting.
   */
  send(data: Uint8Array<ArrayBuffer>): void;
  /**
   * Closes it.
   *
   * @param code - 1000, or 3000 to 4999.
   * @param reason - Text for the peer.
   * @throws For other codes.
   */
  close(code?: number, reason?: string): void;
  /**
   * Adds a listener.
   *
   * @param type - open, message, close or error.
   * @param listener - Called with each event.
   * @throws Never.
   */
  addEventListener(
    type: 'open' | 'message' | 'close' | 'error',
    listener: (event: SocketEvent) => void,
  ): void;
}

/** Options of acceptWebSocket(). */
export interface WebSocketOptions extends Omit<SessionOptions, 'reconnect'> {
  /** Bytes that may wait to be sent (`bufferedAmount`) before the endpoint is full. @default 1 MiB */
  readonly sendQueue?: number;
  /** Code that is sent when the endpoint is closed: 1000, or 3000 to 4999. @default 1000 */
  readonly closeCode?: number;
  /** Reason that is sent when the endpoint is closed. @default '' */
  readonly closeReason?: string;
}

/** Options of connectWebSocket(). */
export interface WebSocketConnectOptions
  extends WebSocketOptions,
    Pick<SessionOptions, 'reconnect'> {
  /** Subprotocols to ask for. @default none */
  readonly protocols?: string | readonly string[];
  /** The class to connect with, for example that of `ws`. @default that of the runtime */
  readonly WebSocket?: new (
    url: string,
    protocols?: string[],
  ) => unknown;
}

const OPEN = 1;
/** ms between two looks at bufferedAmount, while the endpoint is full. */
const LOOK = 4;
/** Close codes of an orderly end: normal, going away, no code at all. */
const ORDERLY = [1000, 1001, 1005];

class WebSocketSession implements Session {
  readonly #socket: SocketLike;
  readonly #events: SessionEvents;
  readonly #options: WebSocketOptions;
  readonly #limit: number;
  /** Bytes of the frame that had no room. */
  #wanted = 0;
  #isOver = false;
  #isOpened = false;

  constructor(events: SessionEvents, socket: SocketLike, options: WebSocketOptions, name: string) {
    this.#events = events;
    this.#socket = socket;
    this.#options = options;
    this.#limit = options.sendQueue ?? 2 ** 20;
    socket.binaryType = 'arraybuffer';
    socket.addEventListener('open', () => this.#opened());
    socket.addEventListener('message', ({ data }) => this.#receive(data));
    // A close follows an error and says more, but not in Node 22 before the socket is open.
    socket.addEventListener('error', () => {
      if (!this.#isOpened) this.#closed({}, name);
    });
    socket.addEventListener('close', (event) => this.#closed(event, name));
    if (socket.readyState === OPEN) this.#opened();
  }

  #opened(): void {
    if (this.#isOver || this.#isOpened) return;
    this.#isOpened = true;
    this.#events.opened();
  }

  #receive(data: unknown): void {
    if (this.#isOver) return;
    if (data instanceof ArrayBuffer && data.byteLength > 0) this.#events.push(new Uint8Array(data));
    else if (ArrayBuffer.isView(data) && data.byteLength > 0) {
      this.#events.push(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    } else this.#events.drop('rx');
  }

  #closed({ code = 1006, reason }: SocketEvent, name: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const isOrderly = this.#isOpened && ORDERLY.includes(code);
    const action = `Cannot ${this.#isOpened ? 'use' : 'connect to'} ${name}`;
    const why = { reason: `closed with code ${code}${reason ? ` (${reason})` : ''}` };
    const errorCode = this.#isOpened ? 'ECONNRESET' : 'ECONNREFUSED';
    this.#events.end(isOrderly ? undefined : new NetError(errorCode, action, why));
  }

  send(frame: Uint8Array): boolean {
    const socket = this.#socket;
    if (this.#isOver || socket.readyState !== OPEN) {
      this.#events.drop('tx');
      return true;
    }
    if (socket.bufferedAmount + frame.length > this.#limit && socket.bufferedAmount > 0) {
      this.#wanted = frame.length;
      return false;
    }
    socket.send(copyOf(frame));
    return true;
  }

  ready(): Promise<void> {
    // A frame that is larger than the limit goes out alone.
    const enough = Math.max(0, Math.min(this.#limit / 2, this.#limit - this.#wanted));
    return new Promise((resolve) => {
      const look = (): void => {
        const isFull = this.#socket.bufferedAmount > enough;
        if (isFull && !this.#isOver && this.#socket.readyState === OPEN) setTimeout(look, LOOK);
        else resolve();
      };
      look();
    });
  }

  close(): void {
    this.#isOver = true;
    const { closeCode = 1000, closeReason = '' } = this.#options;
    this.#socket.close(closeCode, closeReason);
  }
}

const isFreeCode = whole(3000, 4999);

const OWN_RULES = {
  sendQueue: queueBytes(1),
  closeCode: (value: unknown) => (value === 1000 ? undefined : isFreeCode(value)),
  // Only these fit into a close frame (RFC 6455, section 5.5.1).
  closeReason: rule(
    (value) => typeof value === 'string' && new TextEncoder().encode(value).length <= 123,
    'a string of at most 123 bytes',
  ),
};

const ACCEPT_RULES: Rules<WebSocketOptions> = { ...SINGLE_SESSION_RULES, ...OWN_RULES };

const CONNECT_RULES: Rules<WebSocketConnectOptions> = {
  ...SESSION_RULES,
  ...OWN_RULES,
  protocols: rule(
    (value) => [value].flat().every((one) => typeof one === 'string'),
    'a string or a list of strings',
  ),
  WebSocket: callback,
};

/** Makes a WebSocket. Its constructor throws for what no later attempt could mend. */
function open(
  WebSocket: NonNullable<WebSocketConnectOptions['WebSocket']>,
  address: string,
  protocols: string[],
): SocketLike {
  try {
    return new WebSocket(address, protocols) as SocketLike;
  } catch (error) {
    throw netErrorOf(error, `Cannot connect to ${address}`, 'EINVAL');
  }
}

/**
 * Connects to a relay: each frame is a binary message. Text messages are dropped and counted.
 *
 * @param url - `ws:` or `wss:`.
 * @param options - Whether to connect again, queues, the class to use.
 * @returns The endpoint, connected.
 * @throws {NetError} EINVAL, also for a URL that WebSocket refuses; ENOTSUP if the runtime has no WebSocket and
 *   none is given; without `reconnect` also ECONNREFUSED; or the signal's reason.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { WebSocket, WebSocketServer } from 'ws';
 * import { acceptWebSocket, connectWebSocket } from 'ringstack/websocket';
 *
 * const server = new WebSocketServer({ port: 0 });
 * server.on('connection', (socket) => {
 *   const { readable, writable } = acceptWebSocket(socket);
 *   void readable.pipeTo(writable).catch(() => {}); // an echo
 * });
 * const { port } = server.address() as { port: number };
 * await using relay = await connectWebSocket(`ws://127.0.0.1:${port}`, { WebSocket });
 * void relay.writable.getWriter().write(Uint8Array.of(1, 2, 3));
 * const { value } = await relay.readable.getReader().read();
 * assert.deepEqual(value, Uint8Array.of(1, 2, 3));
 * server.close();
 * ```
 */
export async function connectWebSocket(
  url: string | URL,
  options: WebSocketConnectOptions = {},
): Promise<SessionEndpoint> {
  const address = String(url);
  const action = `Cannot connect to ${address}`;
  checkOptions(action, options, CONNECT_RULES);
  const { protocols = [], WebSocket = globalThis.WebSocket, signal } = options;
  if (!WebSocket) {
    const reason = 'this runtime has no WebSocket: give one as an option';
    throw new NetError('ENOTSUP', action, { reason });
  }
  signal?.throwIfAborted();
  const list = typeof protocols === 'string' ? [protocols] : [...protocols];
  const endpoint = new SessionEndpoint((events) => {
    return new WebSocketSession(events, open(WebSocket, address, list), options, address);
  }, options);
  return whenOpened(endpoint, signal);
}

/**
 * Uses a WebSocket that is open or connecting, for example one that a server has accepted.
 *
 * @param socket - A WebSocket of a browser, `ws`, Deno or Bun, for this endpoint alone.
 * @param options - Queues and close code.
 * @returns The endpoint; `opened` settles when it is open.
 * @throws {NetError} EINVAL for an option that is unknown or out of range, or a socket that is none.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { WebSocket, WebSocketServer } from 'ws';
 * import { createStack } from 'ringstack';
 * import { connect } from 'ringstack/link';
 * import { acceptWebSocket, connectWebSocket } from 'ringstack/websocket';
 *
 * const [near, far] = [await createStack(), await createStack()];
 * const tap = await far.createTapInterface({ ip: '10.0.0.2/24' });
 * const server = new WebSocketServer({ port: 0 });
 * server.on('connection', (socket) => connect(tap, acceptWebSocket(socket)));
 * const { port } = server.address() as { port: number };
 *
 * const relay = await connectWebSocket(`ws://127.0.0.1:${port}`, { WebSocket });
 * connect(await near.createTapInterface({ ip: '10.0.0.1/24' }), relay);
 * await assert.rejects(near.connectTcp({ host: '10.0.0.2', port: 80 }), { code: 'ECONNREFUSED' });
 * await relay.close();
 * server.close();
 * await near.close();
 * await far.close();
 * ```
 */
export function acceptWebSocket(
  socket: SocketLike | object,
  options: WebSocketOptions = {},
): SessionEndpoint {
  const action = 'Cannot use a WebSocket';
  checkOptions(action, options, ACCEPT_RULES);
  checkValue(action, 'socket.send', (socket as SocketLike | undefined)?.send, callback);
  return new SessionEndpoint(
    (events) => new WebSocketSession(events, socket as SocketLike, options, 'the WebSocket'),
    options,
  );
}
