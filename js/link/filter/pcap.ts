// SPDX-License-Identifier: MIT
// pcap - ringstack/pcap: captures what passes an endpoint as a pcapng stream
//
// Theory of operation
//
// A capture stands in front of endpoints and copies what passes into blocks (js/codec/pcapng.ts), which
// wait until somebody reads the stream. What waits is bounded: past that, frames are not captured and
// counted, while the link goes on. Two interfaces that are joined exchange frames in C, where nothing passes
// that could be captured: wrapped, one of them is joined through JavaScript, more slowly.
//
// The stream begins with the section's header; it ends with close(), after statistics of every interface.

import {
  interfaceBlock,
  LINK_TYPE,
  packetBlock,
  sectionBlock,
  statisticsBlock,
} from '../../codec/pcapng.ts';
import { NetError } from '../../errors.ts';
import { nextMicrotask } from '../../sched/scheduler.ts';
import { Fifo } from '../frames.ts';
import { type FrameLane, type FrameSink, type LinkEndpoint, wrapEndpoint } from '../link.ts';
import { checkRange } from '../options.ts';

/** A frame that passes, as a filter sees it. */
export interface CapturedFrame {
  /** Name of the interface it passes. */
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
  /** Bytes of the file that may wait to be read; further frames are not captured. @default 4 MiB */
  readonly queue?: number;
  /**
   * Says which frames are captured: by interface, direction, or what is in them.
   *
   * @param frame - One that passes.
   * @returns false: not this one.
   */
  readonly filter?: (frame: CapturedFrame) => boolean;
}

/** A frame for writePcapng(). */
export interface PcapFrame {
  /** Index of its interface among the names. */
  readonly interface: number;
  /** When, ms since 1970, with a fraction. */
  readonly time: number;
  /** The frame, or its beginning. */
  readonly bytes: Uint8Array;
  /** How long it was. @default the length of `bytes` */
  readonly length?: number;
  /** Shown with the packet. */
  readonly comment?: string;
}

/** Options of writePcapng(). */
export interface PcapFileOptions {
  /** Bytes at which longer frames were cut. @default none were */
  readonly snapLength?: number;
  /** What the frames are: Ethernet (`tap`) or raw IP packets (`tun`). @default 'tap' */
  readonly type?: 'tap' | 'tun';
}

/** Options of Capture.wrap(). */
export interface CaptureWrapOptions {
  /** Shown with its frames. @default 'tap0', 'tun1' and so on */
  readonly name?: string;
}

/** Counters of a capture. */
export interface CaptureStatistics {
  /** Frames that passed and the filter wanted. */
  readonly seen: number;
  /** Those that are in the stream. */
  readonly captured: number;
  /** Those that are not, since nobody read in time. */
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
   * @throws {NetError} EBADF if the capture is closed.
   */
  wrap(endpoint: LinkEndpoint, options?: CaptureWrapOptions): LinkEndpoint;
  /**
   * Ends the file. What is wrapped goes on without being captured.
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

/** ms since 1970 in ns. */
function nanoseconds(ms: number): bigint {
  const whole = Math.floor(ms);
  return BigInt(whole) * 1_000_000n + BigInt(Math.floor((ms - whole) * 1e6));
}

/** ns since 1970. */
const now = (): bigint => nanoseconds(performance.timeOrigin + performance.now());

/** Chunks as one. */
function join(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

class RunningCapture implements Capture {
  readonly readable: ReadableStream<Uint8Array>;
  readonly #options: CaptureOptions;
  readonly #queueMax: number;
  readonly #blocks = new Fifo<Uint8Array>();
  readonly #interfaces: Captured[] = [];
  #controller!: ReadableStreamDefaultController<Uint8Array>;
  #queued = 0;
  #isWanted = false;
  #isOver = false;

  constructor(options: CaptureOptions) {
    checkRange('snapLength', options.snapLength ?? 1, 1, 2 ** 31);
    checkRange('queue', options.queue ?? QUEUE, 0, 2 ** 32);
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
    if (this.#isOver) throw new NetError('EBADF', 'Cannot capture an endpoint');
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
          // Before it goes on: what it causes comes behind it in the file.
          const takeBack = this.#note(captured, direction, frame);
          if (next.send(frame)) return true;
          takeBack?.();
          return false;
        },
        ready: () => next.ready(),
      });
    return wrapEndpoint(endpoint, { incoming: lane('incoming'), outgoing: lane('outgoing') });
  }

  /** Captures a frame, if it is wanted and there is room. Returns what undoes that. */
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

  /** Answers who reads at the end of the turn, with all of it. */
  #giveSoon(): void {
    this.#isWanted = false;
    nextMicrotask(() => this.#give());
  }

  /** Answers who reads with all that waits, up to 64 KiB. */
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
 * Captures what passes endpoints as a pcapng file, which Wireshark reads.
 *
 * @param options - Snap length, filter, and how much may wait to be read.
 * @returns The capture; wrap() endpoints with it and read its `readable`.
 * @throws {NetError} EINVAL for an option that is out of range.
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

/**
 * Writes frames that are already there as a pcapng file.
 *
 * @param interfaces - Names of the interfaces.
 * @param frames - In the order in which they are to stand.
 * @param options - What kind of frames they are, and where they were cut.
 * @returns The file.
 * @throws {NetError} EINVAL for an option out of range or a frame of an interface without a name.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { writePcapng } from 'ringstack/pcap';
 *
 * const frame = { interface: 0, time: Date.now(), bytes: new Uint8Array(60) };
 * const file = writePcapng(['eth0'], [frame], { snapLength: 128 });
 * assert.equal(new DataView(file.buffer).getUint32(0), 0x0a0d0d0a);
 * ```
 */
export function writePcapng(
  interfaces: readonly string[],
  frames: readonly PcapFrame[],
  options: PcapFileOptions = {},
): Uint8Array<ArrayBuffer> {
  const { snapLength, type = 'tap' } = options;
  checkRange('snapLength', snapLength ?? 1, 1, 2 ** 31);
  const linkType = type === 'tun' ? LINK_TYPE.raw : LINK_TYPE.ethernet;
  const describe = (name: string) =>
    interfaceBlock({ name, linkType, snapLength: snapLength ?? 0 });
  const packets = frames.map((frame) => {
    checkRange('interface', frame.interface, 0, interfaces.length - 1);
    const { time, length = frame.bytes.length } = frame;
    return packetBlock({ ...frame, time: nanoseconds(time), length, direction: 0 });
  });
  return join([sectionBlock('ringstack'), ...interfaces.map(describe), ...packets]);
}
