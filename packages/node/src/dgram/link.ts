// SPDX-License-Identifier: MIT
// link - the UDP socket of a stack below a dgram.Socket: what it receives, and what waits to be sent

import type { DatagramRingReader, NetworkInterface, UdpDatagram, UdpSocket } from 'ringstack';
import { copyOut } from '../bytes.ts';
import { mapped } from '../net/context.ts';
import { immediate } from '../runtime.ts';

/** The source of a datagram, as `message` gives it. */
export interface RemoteInfo {
  address: string;
  family: 'IPv4' | 'IPv6';
  port: number;
  size: number;
}

/** A datagram that waits for room in the send ring. */
interface Waiting {
  readonly data: Uint8Array;
  readonly to: { host: string; port: number; interface?: NetworkInterface } | undefined;
  readonly sent: (error?: unknown) => void;
}

/** One UDP socket of a stack. */
export class UdpLink {
  readonly udp: UdpSocket;
  readonly #isIPv6: boolean;
  readonly #reader: DatagramRingReader;
  readonly #receive: (message: Uint8Array, from: RemoteInfo) => void;
  readonly #failed: (error: unknown) => void;
  readonly #waiting: Waiting[] = [];
  /** For datagrams that leave by an interface which the program chose. */
  #writer: WritableStreamDefaultWriter<UdpDatagram> | undefined;
  #isClosed = false;

  constructor(
    udp: UdpSocket,
    isIPv6: boolean,
    receive: (message: Uint8Array, from: RemoteInfo) => void,
    failed: (error: unknown) => void,
  ) {
    this.udp = udp;
    this.#isIPv6 = isIPv6;
    this.#receive = receive;
    this.#failed = failed;
    this.#reader = udp.getRingReader();
    this.#wait();
  }

  #wait(): void {
    this.#reader.ready().then(this.#onReady, this.#onFailure);
  }

  readonly #onReady = (isMore: boolean): void => {
    if (isMore) immediate(this.#pump);
    else this.#onFailure({ code: 'ESHUTDOWN' });
  };

  readonly #onFailure = (error: unknown): void => {
    if (this.#isClosed) return;
    immediate(() => {
      if (this.#isClosed) return;
      this.#failed(error);
      // An error about what was sent: the socket goes on.
      const { code } = error as { code?: unknown };
      if (code === 'ECONNREFUSED' || code === 'EHOSTUNREACH' || code === 'EMSGSIZE') this.#wait();
    });
  };

  readonly #pump = (): void => {
    const reader = this.#reader;
    try {
      while (!this.#isClosed) {
        const view = reader.peek();
        if (!view) break;
        const message = copyOut(view);
        const isFour = !reader.remoteAddress.includes(':');
        const address =
          this.#isIPv6 && isFour ? mapped(reader.remoteAddress) : reader.remoteAddress;
        const from: RemoteInfo = {
          address,
          family: this.#isIPv6 ? 'IPv6' : 'IPv4',
          port: reader.remotePort,
          size: message.length,
        };
        reader.release();
        this.#receive(message, from);
      }
    } finally {
      if (!this.#isClosed) this.#wait();
    }
  };

  /** Datagrams that wait, and their bytes. */
  get queued(): { count: number; bytes: number } {
    const bytes = this.#waiting.reduce((sum, { data }) => sum + data.length, 0);
    return { count: this.#waiting.length, bytes };
  }

  /** Sends a datagram, after those that wait for room; sent() is called once. */
  send(data: Uint8Array, to: Waiting['to'], sent: Waiting['sent']): void {
    if (to?.interface) {
      this.#writer ??= this.udp.writable.getWriter();
      this.#writer.write({ ...to, data }).then(() => sent(), sent);
      return;
    }
    const one = { data, to, sent };
    if (this.#waiting.length > 0) this.#waiting.push(one);
    else if (!this.#try(one)) {
      this.#waiting.push(one);
      void this.#sendWaiting();
    }
  }

  #try({ data, to, sent }: Waiting): boolean {
    try {
      if (!this.udp.trySend(data, to)) return false;
    } catch (error) {
      sent(error);
      return true;
    }
    sent();
    return true;
  }

  async #sendWaiting(): Promise<void> {
    for (let one = this.#waiting[0]; one; one = this.#waiting[0]) {
      const { data, to, sent } = one;
      const error = await this.udp
        .send(data, to)
        .catch((reason) => reason ?? new Error('not sent'));
      this.#waiting.shift();
      sent(error);
    }
  }

  /** Closes it. */
  close(): Promise<void> {
    this.#isClosed = true;
    this.#reader.releaseLock();
    return this.udp.close();
  }
}
