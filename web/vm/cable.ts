// SPDX-License-Identifier: MIT
// cable - frames between two workers: an endpoint at each end of a MessageChannel
//
// Theory of operation
//
// Frames are put behind each other into a buffer, each behind its length, and the buffer is posted when the present task
// is over: an emulator gives many frames in one. The other end answers with the number of bytes that its link has
// taken. At most WINDOW bytes are on the way; then the sender is full, and frames wait where they come from.
// Both works without shared memory, so the page needs no isolation.
//
// A message is an ArrayBuffer of frames, or a number of bytes that were taken. A cable whose other end is
// gone stays full: the worker that holds this end closes it.

import { type EndpointController, FrameEndpoint } from 'ringstack/link';

/** Bytes on the way, at the most. */
const WINDOW = 2 ** 20;
/** Bytes of a message, unless one frame is longer. */
const BATCH = 2 ** 16;
const HEADER = 4;

/** One end of a cable. */
class CableDriver {
  readonly #port: MessagePort;
  #controller: EndpointController | undefined;
  #batch = new Uint8Array(BATCH);
  #used = 0;
  #isDue = false;
  #onTheWay = 0;
  #waiting: (() => void) | undefined;
  /** Messages that are not taken yet, and the offset in the first. */
  #received: Uint8Array[] = [];
  #at = 0;

  constructor(port: MessagePort) {
    this.#port = port;
  }

  start(controller: EndpointController): void {
    this.#controller = controller;
    this.#port.onmessage = ({ data }: MessageEvent<ArrayBuffer | number>) => {
      if (typeof data === 'number') this.#onTaken(data);
      else {
        this.#received.push(new Uint8Array(data));
        this.resume();
      }
    };
  }

  send(frame: Uint8Array): boolean {
    const size = HEADER + frame.length;
    if (this.#onTheWay + size > WINDOW) return false;
    this.#onTheWay += size;
    if (this.#used + size > this.#batch.length) this.#flush();
    if (size > this.#batch.length) this.#batch = new Uint8Array(size);
    new DataView(this.#batch.buffer).setUint32(this.#used, frame.length);
    this.#batch.set(frame, this.#used + HEADER);
    this.#used += size;
    if (!this.#isDue) {
      this.#isDue = true;
      queueMicrotask(() => this.#flush());
    }
    return true;
  }

  ready(): Promise<void> {
    if (this.#onTheWay < WINDOW / 2) return Promise.resolve();
    return new Promise((done) => {
      this.#waiting = done;
    });
  }

  /** Passes on what has come, as far as it is taken. */
  resume(): void {
    let taken = 0;
    for (let message = this.#received[0]; message; message = this.#received[0]) {
      const begin = this.#at;
      this.#at = this.#pass(message, begin);
      taken += this.#at - begin;
      if (this.#at < message.length) break;
      this.#received.shift();
      this.#at = 0;
    }
    if (taken > 0) this.#port.postMessage(taken);
  }

  /** Passes on the frames of a message from an offset on; returns the offset of the first that is not taken. */
  #pass(message: Uint8Array, from: number): number {
    const controller = this.#controller as EndpointController;
    const view = new DataView(message.buffer);
    let at = from;
    while (at < message.length) {
      const start = at + HEADER;
      const end = start + view.getUint32(at);
      if (!controller.offer(message.subarray(start, end))) break;
      at = end;
    }
    return at;
  }

  close(): void {
    this.#port.close();
    this.#waiting?.();
  }

  #flush(): void {
    this.#isDue = false;
    if (this.#used === 0) return;
    const message = this.#batch.buffer.slice(0, this.#used);
    this.#used = 0;
    this.#port.postMessage(message, [message]);
  }

  #onTaken(bytes: number): void {
    this.#onTheWay -= bytes;
    if (this.#onTheWay >= WINDOW / 2) return;
    this.#waiting?.();
    this.#waiting = undefined;
  }
}

/**
 * Makes an endpoint of one end of a MessageChannel.
 *
 * @param port - The end. The other worker does the same with the other one.
 * @param mtu - Largest IP packet, bytes.
 * @returns The endpoint; closing it closes the port.
 */
export function cableEnd(port: MessagePort, mtu: number): FrameEndpoint {
  return new FrameEndpoint(new CableDriver(port), { type: 'tap', mtu, queue: WINDOW });
}
