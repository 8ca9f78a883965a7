// SPDX-License-Identifier: MIT
// socket - WebSockets as the ways out of pages: binary messages, bytes that wait to be sent, one end

import { NetError } from '../errors.ts';
import { Deferred } from '../util/deferred.ts';

/** Bytes that may wait in a WebSocket before writers do. */
const HIGH = 1024 * 1024;
/** ms between two looks at them: there is no event. */
const LOOK = 5;

/**
 * A WebSocket, as far as it is needed here: that of the runtime, or of the package `ws`.
 *
 * @example
 * ```ts
 * import type { WebSocketLike } from 'ringstack/gateway';
 *
 * const waiting = (socket: WebSocketLike): number => socket.bufferedAmount;
 * void waiting;
 * ```
 */
export interface WebSocketLike {
  /** Type of binary messages. */
  binaryType: string;
  /** Bytes that wait to be sent. */
  readonly bufferedAmount: number;
  /**
   * Sends a message.
   *
   * @param data - The message.
   * @throws Never.
   */
  send(data: Uint8Array<ArrayBuffer>): void;
  /**
   * Closes it.
   *
   * @throws Never.
   */
  close(): void;
  /**
   * Listens to an event.
   *
   * @param type - Name of the event.
   * @param listener - Called with it.
   * @throws Never.
   */
  addEventListener(type: string, listener: (event: { data?: unknown }) => void): void;
}

/** Makes WebSockets. */
export type WebSocketClass = new (url: string, protocols?: string | string[]) => WebSocketLike;

/** Calls of a WebSocket that is open. */
export interface SocketEvents {
  /** A binary message came. */
  message(data: Uint8Array): unknown;
  /** It is over. */
  ended(error: NetError): void;
}

/** A WebSocket that is open. */
export class OpenSocket {
  readonly #socket: WebSocketLike;
  readonly #gone = new Deferred();

  private constructor(socket: WebSocketLike) {
    this.#socket = socket;
  }

  /** Opens one. Throws NetError ENOTSUP, ECONNREFUSED, or the signal's reason. */
  static async open(
    url: string,
    made: WebSocketClass | undefined,
    protocols: string[] | undefined,
    events: SocketEvents,
    signal?: AbortSignal,
  ): Promise<OpenSocket> {
    const action = `Cannot connect to ${url}`;
    const Socket = made ?? (globalThis as { WebSocket?: WebSocketClass }).WebSocket;
    if (!Socket) {
      const reason = 'this runtime has no WebSocket: give one as an option';
      throw new NetError('ENOTSUP', action, { reason });
    }
    signal?.throwIfAborted();
    const socket = new Socket(url, protocols);
    socket.binaryType = 'arraybuffer';
    const self = new OpenSocket(socket);
    const opened = new Deferred();
    const abort = (): void => {
      opened.reject(signal?.reason);
      socket.close();
    };
    signal?.addEventListener('abort', abort, { once: true });
    socket.addEventListener('open', () => opened.resolve());
    socket.addEventListener('error', () => opened.reject(new NetError('ECONNREFUSED', action)));
    socket.addEventListener('message', ({ data }) => {
      if (data instanceof ArrayBuffer) events.message(new Uint8Array(data));
    });
    socket.addEventListener('close', () => {
      opened.reject(new NetError('ECONNREFUSED', action));
      self.#gone.resolve();
      events.ended(new NetError('ECONNRESET', 'Cannot use the connection'));
    });
    try {
      await opened.promise;
    } finally {
      signal?.removeEventListener('abort', abort);
    }
    return self;
  }

  /** Sends a message. */
  send(data: Uint8Array): void {
    this.#socket.send(data as Uint8Array<ArrayBuffer>);
  }

  /** Waits until less waits to be sent. */
  async room(): Promise<void> {
    while (this.#socket.bufferedAmount > HIGH) {
      await new Promise((resolve) => setTimeout(resolve, LOOK));
    }
  }

  close(): void {
    this.#socket.close();
  }

  /** Settles when it is closed. */
  get gone(): Promise<void> {
    return this.#gone.promise;
  }
}
