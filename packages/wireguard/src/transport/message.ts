// SPDX-License-Identifier: MIT
// message - a WebSocket or a data channel as a transport: a session, which has no addresses

import type { WireGuardSink, WireGuardTransport } from '../types.ts';

/** As much of a WebSocket or an RTCDataChannel as is used. */
export interface MessageSocketLike {
  /** WebSocket: a number; RTCDataChannel: a word. */
  readonly readyState: number | string;
  /** Bytes that wait. */
  readonly bufferedAmount: number;
  /** Set to 'arraybuffer'. */
  binaryType: string;
  /** Sends a message. */
  send(data: Uint8Array<ArrayBuffer>): void;
  /** See EventTarget. */
  addEventListener(type: string, listener: (event: never) => void): void;
  /** See EventTarget. */
  removeEventListener(type: string, listener: (event: never) => void): void;
}

/** A WebSocket to a relay, or an RTCDataChannel: one datagram a message, no addresses. */
export class MessageTransport implements WireGuardTransport {
  readonly isSession = true;
  readonly #socket: MessageSocketLike;
  readonly #most: number;
  #sink: WireGuardSink | undefined;
  readonly #onMessage = ({ data }: { data: unknown }): void => {
    if (data instanceof ArrayBuffer) this.#sink?.receive(new Uint8Array(data));
    else if (ArrayBuffer.isView(data)) {
      this.#sink?.receive(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    }
  };
  readonly #onClose = (): void => this.#sink?.ended();

  constructor(socket: MessageSocketLike, most: number) {
    this.#socket = socket;
    this.#most = most;
    socket.binaryType = 'arraybuffer';
  }

  start(sink: WireGuardSink): void {
    this.#sink = sink;
    this.#socket.addEventListener('message', this.#onMessage);
    this.#socket.addEventListener('close', this.#onClose);
  }

  send(data: Uint8Array<ArrayBuffer>): boolean {
    const { readyState, bufferedAmount } = this.#socket;
    const isOpen = readyState === 1 || readyState === 'open';
    if (!isOpen || bufferedAmount > this.#most) return false;
    try {
      // Not a view of the whole memory: some sockets keep it until it is sent.
      this.#socket.send(data.slice());
      return true;
    } catch {
      return false;
    }
  }

  room(): undefined {
    return undefined;
  }

  stop(): void {
    this.#socket.removeEventListener('message', this.#onMessage);
    this.#socket.removeEventListener('close', this.#onClose);
    this.#sink = undefined;
  }
}
