// SPDX-License-Identifier: MIT
// dgram - a bound socket of node:dgram as a transport

import type { WireGuardEndpoint, WireGuardSink, WireGuardTransport } from '../types.ts';

/** As much of a socket of node:dgram as is used. */
export interface DgramSocketLike {
  /** See node:dgram. */
  on(event: 'message', listener: (data: Uint8Array, from: DgramAddress) => void): unknown;
  /** See node:dgram. */
  on(event: 'close' | 'error', listener: (error?: Error) => void): unknown;
  /** See node:dgram. */
  off(event: string, listener: (...values: never[]) => void): unknown;
  /** See node:dgram. */
  send(
    data: Uint8Array,
    port: number,
    host: string,
    done: (error: Error | null, bytes: number) => void,
  ): void;
  /** See node:dgram. */
  address(): { readonly port: number };
}

/** Address of a datagram, as node:dgram has it. */
interface DgramAddress {
  readonly address: string;
  readonly port: number;
}

/** Datagrams that node:dgram has at the most; then the tun waits. */
const DGRAM_PENDING = 256;

/** A bound socket of node:dgram. */
export class DgramTransport implements WireGuardTransport {
  readonly #socket: DgramSocketLike;
  #sink: WireGuardSink | undefined;
  #pending = 0;
  #room: { promise: Promise<void>; resolve: () => void } | undefined;
  readonly #onMessage = (data: Uint8Array, from: DgramAddress): void =>
    this.#sink?.receive(data, from.address, from.port);
  readonly #onEnd = (error?: Error): void => this.#sink?.ended(error);

  constructor(socket: DgramSocketLike) {
    this.#socket = socket;
  }

  get localPort(): number | undefined {
    try {
      return this.#socket.address().port;
    } catch {
      return undefined;
    }
  }

  start(sink: WireGuardSink): void {
    this.#sink = sink;
    this.#socket.on('message', this.#onMessage);
    this.#socket.on('close', this.#onEnd);
    this.#socket.on('error', this.#onEnd);
  }

  send(data: Uint8Array, to: WireGuardEndpoint | undefined): boolean {
    if (!to || this.#pending >= 2 * DGRAM_PENDING) return false;
    this.#pending++;
    try {
      // An error of one datagram, such as no route now, is as if it were lost on the way.
      this.#socket.send(data.slice(), to.port, to.host, () => {
        this.#pending--;
        if (this.#pending >= DGRAM_PENDING) return;
        this.#room?.resolve();
        this.#room = undefined;
      });
    } catch {
      this.#pending--;
      return false;
    }
    return true;
  }

  room(): Promise<void> | undefined {
    if (this.#pending < DGRAM_PENDING) return undefined;
    if (!this.#room) {
      let resolve = (): void => {};
      const promise = new Promise<void>((settle) => {
        resolve = settle;
      });
      this.#room = { promise, resolve };
    }
    return this.#room.promise;
  }

  stop(): void {
    this.#socket.off('message', this.#onMessage);
    this.#socket.off('close', this.#onEnd);
    this.#socket.off('error', this.#onEnd);
    this.#sink = undefined;
    this.#room?.resolve();
  }
}
