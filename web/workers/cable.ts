// SPDX-License-Identifier: MIT
// cable - joins two taps: in C, or frame by frame with loss and a sampler
//
// Theory of operation
//
// A direct cable is two pipeTo(), which C joins. An inspected cable is two loops that copy each frame from one
// ring to the other, unless it is to be lost. The lost frames depend on a seed and their number alone. The kind
// may change at any time: the present cable is unplugged, its locks are released, then the other kind is
// plugged. Frames in between are dropped by their stack, and TCP sends them again.

import type { FrameRingReader, FrameRingWriter, TapInterface } from 'ringstack';
import type { WireSettings } from '../messages.ts';
import type { Sampler } from '../packets/sampler.ts';
import type { EndName } from '../packets/seen.ts';

/** Frames that one direction moves before it waits for the event loop. */
const BATCH = 128;

/** A generator of numbers from 0 to 1 (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Waits for the event loop; a timer would take 4 ms each time. */
function makePause(): () => Promise<void> {
  const channel = new MessageChannel();
  const waiting: (() => void)[] = [];
  channel.port1.onmessage = () => waiting.shift()?.();
  return () =>
    new Promise((resolve) => {
      waiting.push(resolve);
      channel.port2.postMessage(0);
    });
}

const pause = makePause();

/** One direction of an inspected cable. */
interface Lane {
  readonly from: EndName;
  readonly reader: FrameRingReader;
  readonly writer: FrameRingWriter;
  readonly random: () => number;
}

/** A cable between two taps. */
export class Cable {
  readonly #a: TapInterface;
  readonly #b: TapInterface;
  readonly #sampler: Sampler;
  readonly #onFailure: (error: unknown) => void;
  #settings: WireSettings | undefined;
  #pull: () => Promise<void> = async () => {};
  #changing: Promise<void> = Promise.resolve();

  constructor(
    a: TapInterface,
    b: TapInterface,
    sampler: Sampler,
    onFailure: (error: unknown) => void,
  ) {
    this.#a = a;
    this.#b = b;
    this.#sampler = sampler;
    this.#onFailure = onFailure;
  }

  /** Changes the cable; a change of loss alone applies from the next frame on. */
  set(settings: WireSettings): Promise<void> {
    const isSame = this.#settings?.wire === settings.wire;
    this.#settings = settings;
    if (!isSame) this.#changing = this.#changing.then(() => this.#replug(settings));
    return this.#changing;
  }

  /** Unplugs both ends. */
  async unplug(): Promise<void> {
    await this.#changing;
    await this.#pull();
    this.#pull = async () => {};
  }

  async #replug({ wire }: WireSettings): Promise<void> {
    await this.#pull();
    this.#pull = wire === 'direct' ? this.#plugDirect() : this.#plugInspected();
  }

  #plugDirect(): () => Promise<void> {
    const stop = new AbortController();
    const options = {
      signal: stop.signal,
      preventAbort: true,
      preventCancel: true,
      preventClose: true,
    };
    // They end by the signal, or because a stack is closed; neither is a failure.
    const quiet = (): void => {};
    const pipes = [
      this.#a.readable.pipeTo(this.#b.writable, options).catch(quiet),
      this.#b.readable.pipeTo(this.#a.writable, options).catch(quiet),
    ];
    return async () => {
      stop.abort();
      await Promise.all(pipes);
    };
  }

  #plugInspected(): () => Promise<void> {
    let isPulled = false;
    const lane = (from: EndName, source: TapInterface, sink: TapInterface, seed: number): Lane => ({
      from,
      reader: source.getRingReader(),
      writer: sink.getRingWriter(),
      random: seeded(seed),
    });
    const lanes = [lane('A', this.#a, this.#b, 1), lane('B', this.#b, this.#a, 2)];
    const running = lanes.map((one) =>
      this.#carry(one).catch((error) => {
        if (!isPulled) this.#onFailure(error);
      }),
    );
    return async () => {
      isPulled = true;
      for (const { reader, writer } of lanes) {
        reader.releaseLock();
        writer.releaseLock();
      }
      await Promise.all(running);
    };
  }

  /** Passes frames in one direction until the interface is gone or a lock is released. */
  async #carry({ from, reader, writer, random }: Lane): Promise<void> {
    let left = BATCH;
    while (await reader.ready()) {
      for (let frame = reader.peek(); frame; frame = reader.peek()) {
        const isLost = random() < (this.#settings?.loss ?? 0);
        if (!isLost) {
          let room = writer.reserve(frame.length);
          while (!room) {
            await writer.ready(frame.length);
            room = writer.reserve(frame.length);
          }
          room.set(frame);
          writer.submit();
        }
        this.#sampler.see(from, frame, isLost);
        reader.release();
        if (--left > 0) continue;
        left = BATCH;
        await pause();
      }
    }
  }
}
