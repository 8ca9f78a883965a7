// SPDX-License-Identifier: MIT
// streams - a pair of streams as a transport

import type { WireGuardEndpoint, WireGuardSink, WireGuardTransport } from '../types.ts';

/** A datagram of streams: by name of the sender's address, or the bytes alone. */
type StreamChunk =
  | Uint8Array
  | {
      readonly data: Uint8Array;
      readonly host?: string;
      readonly port?: number;
      readonly remoteAddress?: string;
      readonly remotePort?: number;
    };

/** A pair of streams of datagrams. */
export interface DatagramStreams {
  /** `{ data, host, port }`, `{ data, remoteAddress, remotePort }` (Direct Sockets), or bytes. */
  readonly readable: ReadableStream<unknown>;
  /** The same. */
  readonly writable: WritableStream<unknown>;
}

/** Chunks that wait in a writable stream at the most. */
const STREAM_PENDING = 64;

/** A pair of streams, whatever makes them. */
export class StreamTransport implements WireGuardTransport {
  readonly isSession: boolean;
  readonly #reader: ReadableStreamDefaultReader<unknown>;
  readonly #writer: WritableStreamDefaultWriter<unknown>;
  #pending = 0;
  #isOver = false;

  constructor({ readable, writable }: DatagramStreams, isSession: boolean) {
    this.isSession = isSession;
    this.#reader = readable.getReader();
    this.#writer = writable.getWriter();
    this.#writer.closed.catch(() => {});
  }

  start(sink: WireGuardSink): void {
    void this.#read(sink).then(
      () => this.#isOver || sink.ended(),
      (error: unknown) => this.#isOver || sink.ended(error),
    );
  }

  async #read(sink: WireGuardSink): Promise<void> {
    for (;;) {
      const { done, value } = await this.#reader.read();
      if (done || this.#isOver) return;
      const chunk = value as StreamChunk;
      if (chunk instanceof Uint8Array) sink.receive(chunk);
      else {
        sink.receive(chunk.data, chunk.host ?? chunk.remoteAddress, chunk.port ?? chunk.remotePort);
      }
      await sink.room();
    }
  }

  send(data: Uint8Array, to: WireGuardEndpoint | undefined): boolean {
    if (this.#pending >= STREAM_PENDING) return false;
    const copy = data.slice();
    // Both names of each: streams of Direct Sockets and of others take what they know, also before anything came.
    const chunk = to
      ? { data: copy, host: to.host, port: to.port, remoteAddress: to.host, remotePort: to.port }
      : copy;
    const over = (): void => void this.#pending--;
    this.#pending++;
    this.#writer.write(chunk).then(over, over);
    return true;
  }

  room(): Promise<void> | undefined {
    return this.#pending < STREAM_PENDING / 2 ? undefined : this.#writer.ready.catch(() => {});
  }

  stop(): void {
    this.#isOver = true;
    this.#reader.releaseLock();
    this.#writer.releaseLock();
  }
}
