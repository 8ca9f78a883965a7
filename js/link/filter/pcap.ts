// SPDX-License-Identifier: MIT
// pcap - ringstack/pcap: captures the frames of an endpoint as a pcapng stream
//
// Theory of operation
//
// A capture stands in front of endpoints and copies their frames into blocks (js/codec/pcapng.ts), which wait
// until the stream is read. Their bytes are bounded: when the bound is reached, further frames are counted
// and not captured; the link goes on. Two interfaces that are joined exchange frames in C, where none can be
// captured: a wrapped interface is joined through JavaScript, which is slower.
//
// The stream begins with the section header. It ends with close(), after the statistics of every interface.

import {
  interfaceBlock,
  LINK_TYPE,
  packetBlock,
  sectionBlock,
  statisticsBlock,
} from '../../codec/pcapng.ts';
import { NetError } from '../../errors.ts';
import { nextMicrotask } from '../../sched/scheduler.ts';
import { checkOptions } from '../../util/check.ts';
import { Queue } from '../../util/queue.ts';
import { callback, queueBytes } from '../options.ts';
import { checkEndpoint } from '../shape.ts';
import type { FrameSink, LinkEndpoint } from '../types.ts';
import { type FrameLane, wrapEndpoint } from '../wrap.ts';
import { isOptionText, join, nanoseconds, snapLengthRule } from './pcap_file.ts';

export { type PcapFileOptions, type PcapFrame, writePcapng } from './pcap_file.ts';

/** A frame, as a filter sees it. */
export interface CapturedFrame {
  /** Name of its interface. */
  readonly interface: string;
  /** Whether it comes from the endpoint or goes to it. */
  readonly direction: 'incoming' | 'outgoing';
  /** The frame; valid during the call only. */
  readonly frame: Uint8Array;
}

/** Options of createCapture(). */
export interface CaptureOptions {
  /** Bytes kept of every frame. @default all */
  readonly snapLength?: number;
  /** Bytes of the file that may wait to be read; beyond that, frames are not captured. @default 4 MiB */
  readonly queue?: number;
  /**
   * Selects the frames to capture by interface, direction or content.
   *
   * @param frame - A frame.
   * @returns false: do not capture it.
   */
  readonly filter?: (frame: CapturedFrame) => boolean;
}

/** Options of Capture.wrap(). */
export interface CaptureWrapOptions {
  /** Name that is shown with its frames, at most 65535 bytes. @default 'tap0', 'tun1' and so on */
  readonly name?: string;
}

/** Counters of a capture. */
export interface CaptureStatistics {
  /** Frames that the filter selected. */
  readonly seen: number;
  /** Those that are in the stream. */
  readonly captured: number;
  /** Those that are not, because the stream was not read in time. */
  readonly dropped: number;
}

/**
 * A capture that runs.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { createCapture } from 'ringstack/pcap';
 *
 * const capture = createCapture({ snapLength: 64 });
 * const loop = capture.wrap(new TransformStream(), { name: 'loop' });
 * void loop.writable.getWriter().write(new Uint8Array(100));
 * await loop.readable.getReader().read();
 * await capture.close();
 * assert.equal(capture.statistics.captured, 2); // on its way out, and in again
 * const file = await new Response(capture.readable).arrayBuffer();
 * assert.equal(new DataView(file).getUint32(0), 0x0a0d0d0a);
 * ```
 */
export interface Capture extends AsyncDisposable {
  /** The file, as it grows. It ends after close(). */
  readonly readable: ReadableStream<Uint8Array>;
  /** Its counters at this moment. */
  readonly statistics: CaptureStatistics;
  /**
   * Puts the capture in front of an endpoint: connect the result in its place.
   *
   * @param endpoint - An interface, an adapter, two streams. Its frames are raw IP packets if its type is
   *   `tun`, Ethernet frames otherwise.
   * @param options - Its name.
   * @returns The endpoint behind the capture.
   * @throws {NetError} EBADF if the capture is closed, EINVAL if it is no endpoint or the name is too long.
   */
  wrap(endpoint: LinkEndpoint, options?: CaptureWrapOptions): LinkEndpoint;
  /**
   * Ends the file. Wrapped endpoints go on without being captured.
   *
   * @throws Never.
   */
  close(): Promise<void>;
}

/** An interface of the capture, with its counters. */
interface Captured {
  readonly index: number;
  readonly name: string;
  seen: number;
  dropped: number;
}

const DIRECTION = { incoming: 1, outgoing: 2 } as const;
const QUEUE = 4 * 2 ** 20;

/** ns since 1970. */
const now = (): bigint => nanoseconds(performance.timeOrigin + performance.now());

class RunningCapture implements Capture {
  readonly readable: ReadableStream<Uint8Array>;
  readonly #options: CaptureOptions;
  readonly #queueMax: number;
  readonly #blocks = new Queue<Uint8Array>();
  readonly #interfaces: Captured[] = [];
  #controller!: ReadableStreamDefaultController<Uint8Array>;
  #queued = 0;
  #isWanted = false;
  #isOver = false;

  constructor(options: CaptureOptions) {
    const rules = { snapLength: snapLengthRule, queue: queueBytes(), filter: callback };
    checkOptions('Cannot make a capture', options, rules);
    this.#options = options;
    this.#queueMax = options.queue ?? QUEUE;
    const source: UnderlyingDefaultSource<Uint8Array> = {
      start: (controller) => {
        this.#controller = controller;
      },
      pull: () => {
        if (this.#blocks.length > 0) this.#give();
        else this.#isWanted = true;
      },
      cancel: () => {
        this.#isOver = true;
        this.#blocks.clear();
      },
    };
    this.readable = new ReadableStream(source, { highWaterMark: 0 });
    this.#put(sectionBlock('ringstack'));
  }

  get statistics(): CaptureStatistics {
    const sum = (name: 'seen' | 'dropped'): number =>
      this.#interfaces.reduce((total, one) => total + one[name], 0);
    const [seen, dropped] = [sum('seen'), sum('dropped')];
    return { seen, dropped, captured: seen - dropped };
  }

  wrap(endpoint: LinkEndpoint, options: CaptureWrapOptions = {}): LinkEndpoint {
    const action = 'Cannot capture an endpoint';
    if (this.#isOver) throw new NetError('EBADF', action);
    checkEndpoint(action, 'it', endpoint);
    checkOptions(action, options, { name: isOptionText });
    const index = this.#interfaces.length;
    const type = endpoint.type ?? 'tap';
    const { name = `${type}${index}` } = options;
    const captured = { index, name, seen: 0, dropped: 0 };
    this.#interfaces.push(captured);
    this.#put(
      interfaceBlock({
        name,
        linkType: type === 'tun' ? LINK_TYPE.raw : LINK_TYPE.ethernet,
        snapLength: this.#options.snapLength ?? 0,
      }),
    );
    const lane =
      (direction: CapturedFrame['direction']) =>
      (next: FrameSink): FrameLane => ({
        send: (frame) => {
          // Captured before it is passed on: frames that answer it must follow it in the file.
          const takeBack = this.#note(captured, direction, frame);
          if (next.send(frame)) return true;
          takeBack?.();
          return false;
        },
        ready: () => next.ready(),
      });
    return wrapEndpoint(endpoint, { incoming: lane('incoming'), outgoing: lane('outgoing') });
  }

  /** Captures a frame, if it is selected and there is room. Returns a function that undoes that. */
  #note(
    captured: Captured,
    direction: CapturedFrame['direction'],
    frame: Uint8Array,
  ): (() => void) | undefined {
    if (this.#isOver) return undefined;
    const { filter, snapLength = frame.length } = this.#options;
    if (filter && !filter({ interface: captured.name, direction, frame })) return undefined;
    captured.seen++;
    if (this.#queued + Math.min(frame.length, snapLength) > this.#queueMax) {
      captured.dropped++;
      return () => {
        captured.seen--;
        captured.dropped--;
      };
    }
    const block = packetBlock({
      interface: captured.index,
      time: now(),
      bytes: frame.length > snapLength ? frame.subarray(0, snapLength) : frame,
      length: frame.length,
      direction: DIRECTION[direction],
    });
    this.#put(block);
    return () => {
      if (!this.#blocks.takeBack(block)) return;
      this.#queued -= block.length;
      captured.seen--;
    };
  }

  /** Puts a block into the file. */
  #put(block: Uint8Array): void {
    this.#blocks.push(block);
    this.#queued += block.length;
    if (this.#isWanted) this.#giveSoon();
  }

  /** Answers a waiting read at the end of the turn, with all blocks of the turn. */
  #giveSoon(): void {
    this.#isWanted = false;
    nextMicrotask(() => this.#give());
  }

  /** Answers a read with all blocks that wait, up to 64 KiB. */
  #give(): void {
    const first = this.#blocks.shift();
    if (!first) {
      this.#isWanted = true;
      return;
    }
    const parts = [first];
    let size = first.length;
    while (size < 65_536) {
      const block = this.#blocks.shift();
      if (!block) break;
      parts.push(block);
      size += block.length;
    }
    this.#queued -= size;
    this.#controller.enqueue(join(parts));
    if (this.#isOver && this.#blocks.length === 0) this.#controller.close();
  }

  async close(): Promise<void> {
    if (this.#isOver) return;
    for (const { index, seen, dropped } of this.#interfaces) {
      this.#put(statisticsBlock(index, now(), seen, dropped));
    }
    this.#isOver = true;
    if (this.#blocks.length === 0) this.#controller.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/**
 * Captures the frames of endpoints as a pcapng file, which Wireshark reads.
 *
 * @param options - Snap length, filter, and bytes that may wait to be read.
 * @returns The capture; wrap() endpoints with it and read its `readable`.
 * @throws {NetError} EINVAL for an option that is unknown or out of range.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { createStack } from 'ringstack';
 * import { connect } from 'ringstack/link';
 * import { createCapture } from 'ringstack/pcap';
 *
 * const [a, b] = [await createStack(), await createStack()];
 * const tapA = await a.createTapInterface({ ip: '10.0.0.1/24' });
 * const tapB = await b.createTapInterface({ ip: '10.0.0.2/24' });
 * const capture = createCapture();
 * connect(tapA, capture.wrap(tapB, { name: 'b' }));
 * await assert.rejects(a.connectTcp({ host: '10.0.0.2', port: 80 }), { code: 'ECONNREFUSED' });
 * await capture.close();
 * // In Node: await fs.writeFile('b.pcapng', capture.readable)
 * const file = new Uint8Array(await new Response(capture.readable).arrayBuffer());
 * assert.ok(capture.statistics.captured >= 4); // ARP, its answer, SYN, RST
 * assert.ok(file.length > 4 * 60);
 * await a.close();
 * await b.close();
 * ```
 */
export function createCapture(options: CaptureOptions = {}): Capture {
  return new RunningCapture(options);
}
