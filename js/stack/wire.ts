// SPDX-License-Identifier: MIT
// wire - the streams of frame interfaces, and how two of them are joined without copies
//
// Theory of operation
//
// `a.readable.pipeTo(b.writable)` between two interfaces of ours is a wire. In one arena C makes
// b take its frames from a's tx ring (CMD_IFACE_WIRE): no copy, no JavaScript. Between two arenas a
// pump here moves whole runs of records from ring to ring, one TypedArray.set each.
//
// Both streams are locked by a real reader and a real writer meanwhile, and nothing is read or
// written through them. The wire is pulled when the source ends (its interface was removed), the
// destination fails, or the signal says so; then the locks are released and the built-in pipeTo() is
// called, which finds exactly that condition and does what the standard says, preventClose and all.

import { CMD_IFACE_WIRE, CMD_SIZE, RING_DATA_BELL } from '../abi.ts';
import type { Control } from '../control/commands.ts';
import type { FrameConsumer, FrameProducer } from '../ring.ts';

/** An interface as a wire needs it. */
export interface WireEnd {
  readonly handle: number;
  /** Offset of the ring that its stack fills. */
  readonly txRing: number;
  readonly plane: Control;
  /** Largest frame it sends or takes. */
  readonly frameMax: number;
  tx(max?: number): FrameConsumer;
  rx(): FrameProducer;
  setListening(on: boolean): void;
  /** A wire has moved the positions of its rings. */
  unplugged(): void;
}

/** Joins two interfaces; returns what pulls the wire and settles when the rings are free again. */
async function plug(from: WireEnd, to: WireEnd): Promise<() => Promise<void>> {
  if (from.plane.arena.id !== to.plane.arena.id) return pump(from, to);
  const wire = (ring: number): Promise<void> => {
    const command = to.plane.command(CMD_IFACE_WIRE, CMD_SIZE, to.handle, ring);
    return to.plane.call(command, 'Cannot plug a wire', () => {});
  };
  await wire(from.txRing);
  return () =>
    wire(0).catch(() => {
      // The destination is gone, and its end of the wire with it. If it died, it did not give the
      // ring's bell back.
      const { arena, bell } = from.plane;
      if (!from.plane.closed) {
        Atomics.store(arena.i32, (from.txRing + RING_DATA_BELL) >>> 2, bell);
      }
    });
}

/** Moves runs of records between two arenas whenever one side or the other has turned. */
function pump(from: WireEnd, to: WireEnd): () => Promise<void> {
  const source = from.tx(to.frameMax);
  const sink = to.rx();
  const step = (): boolean => {
    const room = sink.reserveSpan();
    const at = sink.offset;
    const length = source.peekSpan(room);
    if (length === 0) return source.held > 0 && sink.wrap();
    const bytes = from.plane.arena.u8.subarray(source.offset, source.offset + length);
    to.plane.arena.u8.set(bytes, at);
    source.releaseSpan(length);
    sink.submitSpan(length);
    return true;
  };
  const move = (): void => {
    do {
      while (step()) {}
    } while (!(source.held > 0 ? sink.arm(1) : source.arm()));
    if (source.mustNotify()) from.plane.wake();
    if (sink.mustNotify()) to.plane.wake();
  };
  from.plane.addPoller(move);
  to.plane.addPoller(move);
  move();
  return async () => {
    from.plane.removePoller(move);
    to.plane.removePoller(move);
  };
}

/** Settles when a signal is aborted. */
function whenAborted(signal: AbortSignal | undefined): { promise: Promise<void>; stop(): void } {
  let stop = (): void => {};
  const promise = new Promise<void>((resolve) => {
    if (!signal) return;
    const onAbort = (): void => resolve();
    if (signal.aborted) resolve();
    signal.addEventListener('abort', onAbort);
    stop = () => signal.removeEventListener('abort', onAbort);
  });
  return { promise, stop };
}

/** The writable of a frame interface. */
export class InterfaceWritable extends WritableStream<Uint8Array> {
  /** The interface, for a wire. */
  readonly end: WireEnd;
  #wire: Promise<void> = Promise.resolve();

  constructor(sink: UnderlyingSink<Uint8Array>, end: WireEnd) {
    super(sink);
    this.end = end;
  }

  /** Remembers a wire that ends here, until it is pulled. */
  plugged(wire: Promise<void>): void {
    this.#wire = wire;
  }

  /** Settles when no wire uses the interface. */
  unplugged(): Promise<void> {
    return this.#wire;
  }
}

/** The readable of a frame interface: knows when it is locked. */
export class InterfaceReadable extends ReadableStream<Uint8Array> {
  readonly #end: WireEnd;
  #wire: Promise<void> = Promise.resolve();

  constructor(source: UnderlyingDefaultSource<Uint8Array>, end: WireEnd) {
    super(source, { highWaterMark: 0 });
    this.#end = end;
  }

  /** Tells C whether the stream is locked. */
  #update(): void {
    this.#end.setListening(this.locked);
  }

  /** Settles when no wire uses the interface. */
  unplugged(): Promise<void> {
    return this.#wire;
  }

  override getReader(options: { mode: 'byob' }): ReadableStreamBYOBReader;
  override getReader(): ReadableStreamDefaultReader<Uint8Array>;
  override getReader(options?: ReadableStreamGetReaderOptions): ReadableStreamReader<Uint8Array>;
  override getReader(options?: ReadableStreamGetReaderOptions): ReadableStreamReader<Uint8Array> {
    const reader = super.getReader(options as undefined);
    const release = reader.releaseLock.bind(reader);
    reader.releaseLock = () => {
      release();
      this.#update();
    };
    this.#update();
    return reader;
  }

  override tee(): [ReadableStream<Uint8Array>, ReadableStream<Uint8Array>] {
    const branches = super.tee();
    this.#update();
    return branches;
  }

  override pipeThrough<T>(
    transform: ReadableWritablePair<T, Uint8Array>,
    options?: StreamPipeOptions,
  ): ReadableStream<T> {
    // Locked: throws what the standard says.
    if (this.locked || transform.writable.locked) return super.pipeThrough(transform, options);
    this.pipeTo(transform.writable, options).catch(() => {});
    return transform.readable;
  }

  override pipeTo(to: WritableStream<Uint8Array>, options?: StreamPipeOptions): Promise<void> {
    const piping =
      to instanceof InterfaceWritable && !this.locked && !to.locked && !options?.signal?.aborted
        ? this.#wireTo(to, options)
        : super.pipeTo(to, options);
    const update = (): void => this.#update();
    update();
    piping.then(update, update);
    return piping;
  }

  #wireTo(to: InterfaceWritable, options: StreamPipeOptions | undefined): Promise<void> {
    const reader = super.getReader();
    const writer = to.getWriter();
    const aborted = whenAborted(options?.signal);
    const wire = (async () => {
      const pull = await plug(this.#end, to.end);
      const quiet = (): void => {};
      await Promise.race([
        reader.closed.then(quiet, quiet),
        writer.closed.then(quiet, quiet),
        aborted.promise,
      ]);
      await pull();
    })();
    const settled = wire
      .catch(() => {})
      .finally(() => {
        aborted.stop();
        this.#end.unplugged();
        to.end.unplugged();
        reader.releaseLock();
        writer.releaseLock();
      });
    this.#wire = settled;
    to.plugged(settled);
    const piping = wire.then(() => settled).then(() => super.pipeTo(to, options));
    // A wire ends because an interface went: no error of a program that only plugged it.
    piping.catch(() => {});
    return piping;
  }

  override values(
    options?: ReadableStreamIteratorOptions,
  ): ReadableStreamAsyncIterator<Uint8Array> {
    const values = super.values(options);
    const update = (): void => this.#update();
    const { next, return: leave } = values;
    values.next = () => next.call(values).finally(update);
    if (leave) values.return = (value) => leave.call(values, value).finally(update);
    this.#update();
    return values;
  }

  override [Symbol.asyncIterator](
    options?: ReadableStreamIteratorOptions,
  ): ReadableStreamAsyncIterator<Uint8Array> {
    return this.values(options);
  }
}
