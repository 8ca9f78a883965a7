// SPDX-License-Identifier: MIT
// switch_port - a port of a switch: its queue, storm limit and counters
//
// Theory of operation
//
// A frame for the port goes to its endpoint at once. If the endpoint is full, frames are copied to a queue of
// bounded bytes, which is emptied when the endpoint is ready. A full queue drops frames. So a slow endpoint never
// holds up the sender, nor any other port.

import { Deferred } from '../util/deferred.ts';
import { Queue } from '../util/queue.ts';
import { TokenBucket } from '../util/token_bucket.ts';
import { copyOf } from './frame_copy.ts';
import { Retry } from './retry.ts';
import { frameLimit } from './shape.ts';
import type { SwitchPort, SwitchPortOptions, SwitchPortStatistics } from './switch_types.ts';
import type { FramePlug, LinkEndpoint } from './types.ts';

/** Settings of a port. */
export interface PortSettings extends SwitchPortOptions {
  readonly name: string;
  readonly stormLimit: number;
  /** Bytes of frames that may wait. */
  readonly queue: number;
  /** Called when the port has ended or is closed. */
  readonly onEnd: () => void;
}

/** A port. */
export class Port implements SwitchPort {
  readonly name: string;
  readonly endpoint: LinkEndpoint;
  readonly isolated: boolean;
  readonly guarded: boolean;
  /** Whether only fixed addresses may send. */
  readonly isFixed: boolean;
  readonly storm: TokenBucket;
  /** Frames of the loop guard of other switches that it passes. */
  readonly probes: TokenBucket;
  readonly counts: { -readonly [Name in keyof SwitchPortStatistics]: number } = {
    ...{ rxFrames: 0, rxBytes: 0, txFrames: 0, txBytes: 0 },
    ...{ malformed: 0, reserved: 0, filtered: 0, spoofed: 0, storm: 0, looped: 0 },
    ...{ isolated: 0, guarded: 0, full: 0, tooLong: 0, moves: 0 },
  };
  /** The loop guard blocks it until this time; 0: it does not. */
  blockedUntil = 0;
  readonly #limit: number;
  readonly #queueMax: number;
  readonly #queue = new Queue<Uint8Array>();
  readonly #retry = new Retry();
  readonly #ended = new Deferred();
  readonly #onEnd: () => void;
  #plug: FramePlug | undefined;
  #queued = 0;
  #isWaiting = false;
  #isOver = false;

  constructor(endpoint: LinkEndpoint, settings: PortSettings, now: number) {
    this.endpoint = endpoint;
    this.name = settings.name;
    this.isolated = settings.isolated ?? false;
    this.guarded = settings.guarded ?? false;
    this.isFixed = settings.macs !== undefined;
    this.storm = new TokenBucket(settings.stormLimit, now);
    this.probes = new TokenBucket(20, now);
    this.#limit = frameLimit(endpoint);
    this.#queueMax = settings.queue;
    this.#onEnd = settings.onEnd;
  }

  /** Begins: the endpoint is plugged in. */
  open(plug: FramePlug): void {
    this.#plug = plug;
    plug.closed.then(
      () => this.#end(),
      (error) => this.#end(error),
    );
  }

  get closed(): Promise<void> {
    return this.#ended.promise;
  }

  get statistics(): SwitchPortStatistics {
    return { ...this.counts };
  }

  get isBlocked(): boolean {
    return this.blockedUntil > performance.now();
  }

  /** Whether it takes frames: it is neither closed nor still being plugged in. */
  get isOpen(): boolean {
    return this.#plug !== undefined && !this.#isOver;
  }

  /** Sends a frame to the endpoint, now or later, or drops it. */
  send(frame: Uint8Array): void {
    if (!this.#plug || this.#isOver) return;
    const { length } = frame;
    if (length > this.#limit) this.counts.tooLong++;
    else if (this.#queue.length === 0 && this.#pass(this.#plug, frame)) return;
    else if (this.#queued + length > this.#queueMax) this.counts.full++;
    else {
      this.#queue.push(copyOf(frame));
      this.#queued += length;
      this.#wait(this.#plug);
    }
  }

  #pass(plug: FramePlug, frame: Uint8Array): boolean {
    if (!plug.sink.send(frame)) return false;
    this.counts.txFrames++;
    this.counts.txBytes += frame.length;
    return true;
  }

  #wait(plug: FramePlug): void {
    if (this.#isWaiting) return;
    this.#isWaiting = true;
    void this.#retry.wait(plug.sink).then(() => {
      this.#isWaiting = false;
      this.#drain(plug);
    });
  }

  #drain(plug: FramePlug): void {
    while (!this.#isOver) {
      const frame = this.#queue.first;
      if (!frame) return;
      if (!this.#pass(plug, frame)) {
        this.#wait(plug);
        return;
      }
      this.#retry.taken();
      this.#queue.shift();
      this.#queued -= frame.length;
    }
  }

  #end(error?: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#retry.stop();
    this.#queue.clear();
    this.#plug?.unplug();
    this.#onEnd();
    if (error === undefined) this.#ended.resolve();
    else this.#ended.reject(error);
  }

  async close(): Promise<void> {
    this.#end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
