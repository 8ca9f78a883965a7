// SPDX-License-Identifier: MIT
// stack_udp - a UDP socket of a stack as a transport; nothing is lost here: each side waits for the other

import type { NetError, UdpSocket } from 'ringstack';
import { pauseIfOverdue } from '../../../../js/sched/scheduler.ts';
import { Held } from '../held.ts';
import type { WireGuardEndpoint, WireGuardSink, WireGuardTransport } from '../types.ts';

/** Headers of IP and UDP, bytes. */
const HEADERS = { v4: 28, v6: 48 };

/** A UDP socket of a stack. */
export class StackUdpTransport implements WireGuardTransport {
  readonly #socket: UdpSocket;
  readonly #reader: ReturnType<UdpSocket['getRingReader']>;
  readonly #writer: ReturnType<UdpSocket['getRingWriter']>;
  readonly #held: Held<WireGuardEndpoint | undefined>;
  #to: WireGuardEndpoint | undefined;
  #isOver = false;

  constructor(socket: UdpSocket) {
    this.#socket = socket;
    this.#reader = socket.getRingReader();
    this.#writer = socket.getRingWriter();
    this.#held = new Held(
      (data, to) => this.#put(data, to),
      (length) => this.#writer.ready(length),
    );
  }

  get localPort(): number {
    return this.#socket.localPort;
  }

  /** A socket that is connected has one path, whose MTU is known; others send fragments where it is small. */
  get maxDatagram(): number | undefined {
    const { remoteAddress, pathMtu } = this.#socket;
    if (remoteAddress === undefined || pathMtu === undefined) return undefined;
    return pathMtu - (remoteAddress.includes(':') ? HEADERS.v6 : HEADERS.v4);
  }

  start(sink: WireGuardSink): void {
    void this.#read(sink);
  }

  async #read(sink: WireGuardSink): Promise<void> {
    for (;;) {
      try {
        if (!(await this.#reader.ready()) || this.#isOver) break;
        await this.#take(sink);
      } catch (error) {
        // A connected socket says once what ICMP said of it, and goes on.
        const { code } = error as NetError;
        if (!['ECONNREFUSED', 'EHOSTUNREACH', 'EMSGSIZE'].includes(code)) break;
      }
    }
    if (!this.#isOver) sink.ended();
  }

  /** Everything that is there. */
  async #take(sink: WireGuardSink): Promise<void> {
    const reader = this.#reader;
    for (let count = 0; !this.#isOver; count++) {
      const wait = sink.room() ?? (count % 32 === 31 ? pauseIfOverdue() : undefined);
      if (wait) {
        await wait;
        if (this.#isOver) return;
      }
      const data = reader.peek();
      if (!data) return;
      sink.receive(data, reader.remoteAddress, reader.remotePort);
      if (!this.#isOver) reader.release();
    }
  }

  #put(data: Uint8Array, to: WireGuardEndpoint | undefined): boolean {
    if (to && to !== this.#to) {
      this.#writer.to({ ...to });
      this.#to = to;
    }
    const room = this.#writer.reserve(data.length);
    if (!room) return false;
    room.set(data);
    this.#writer.submit();
    return true;
  }

  send(data: Uint8Array, to: WireGuardEndpoint | undefined): boolean {
    return this.#held.push(data, to);
  }

  room(): Promise<void> | undefined {
    return this.#held.room();
  }

  stop(): void {
    this.#isOver = true;
    this.#reader.releaseLock();
    this.#writer.releaseLock();
  }
}
