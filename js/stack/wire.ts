// SPDX-License-Identifier: MIT
// wire - the streams of tap and tun interfaces, and how two of them are joined without copies
//
// Theory of operation
//
// `a.readable.pipeTo(b.writable)` between two interfaces of ours is a wire. In one arena C makes
// b take its frames from a's tx ring (CMD_IFACE_WIRE): no copy, no JavaScript. Between two arenas a
// copy loop here moves whole runs of records from ring to ring, one TypedArray.set each.
//
// While there is a wire, a real reader and a real writer lock both streams, and nothing is read or
// written through them. The wire is unplugged when the source ends (its interface was removed), the
// destination fails, or the signal is aborted. Then the locks are released and the built-in pipeTo() is
// called: it finds the same condition and does what the standard says, preventClose included.
//
// The interface listens while its readable is locked. Most ways to lock it are methods, which are
// overridden here. A reader made by its constructor and a transfer to another thread are not: they are
// seen when they read, and after each turn.

import { CMD_IFACE_WIRE, RING_DATA_DOORBELL } from '../abi.ts';
import type { Channel } from '../control/channel.ts';
import { newCommand } from '../control/commands.ts';
import type { FrameConsumer, FrameProducer } from '../ring.ts';
import { type Chunk, handlePipes } from '../streams.ts';
import { handled } from '../util/deferred.ts';

/** An interface as a wire needs it. */
export interface WireEnd {
  readonly handle: number;
  /** Offset of the ring that its stack fills. */
  readonly txRing: number;
  readonly channel: Channel;
  /** Largest frame it sends or takes. */
  readonly frameMax: number;
  tx(max?: number): FrameConsumer;
  rx(): FrameProducer;
  setListening(on: boolean): void;
  /** A wire has moved the positions of its rings. */
  unplugged(): void;
}

/** Joins two interfaces; returns what unplugs the wire and settles when the rings are free again. */
async function plug(from: WireEnd, to: WireEnd): Promise<() => Promise<void>> {
  if (from.channel.arena.id !== to.channel.arena.id) return copyLoop(from, to);
  const wire = (ring: number): Promise<void> => {
    const command = newCommand(CMD_IFACE_WIRE, to.handle, undefined, ring);
    return to.channel.call(command, 'Cannot plug a wire', () => {});
  };
  await wire(from.txRing);
  return () =>
    wire(0).catch(() => {
      // The destination is gone, and its end of the wire with it. If its engine died, the ring still
      // has that engine's doorbell.
      const { arena, doorbell } = from.channel;
      if (!from.channel.closed) {
        Atomics.store(arena.i32, (from.txRing + RING_DATA_DOORBELL) >>> 2, doorbell);
      }
    });
}

/** Moves runs of records between two arenas after each turn of either side. */
function copyLoop(from: WireEnd, to: WireEnd): () => Promise<void> {
  const source = from.tx(to.frameMax);
  const sink = to.rx();
  const step = (): boolean => {
    const room = sink.reserveSpan();
    const at = sink.offset;
    const length = source.peekSpan(room);
    if (length === 0) return source.held > 0 && sink.wrap();
    const bytes = from.channel.arena.u8.subarray(source.offset, source.offset + length);
    to.channel.arena.u8.set(bytes, at);
    source.releaseSpan(length);
    sink.submitSpan(length);
    return true;
  };
  const move = (): void => {
    do {
      while (step()) {}
    } while (!(source.held > 0 ? sink.arm(1) : source.arm()));
    if (source.mustNotify()) from.channel.wake();
    if (sink.mustNotify()) to.channel.wake();
  };
  from.channel.addPoller(move);
  to.channel.addPoller(move);
  move();
  return async () => {
    from.channel.removePoller(move);
    to.channel.removePoller(move);
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

/** The writable of a tap or tun interface. */
export class InterfaceWritable extends WritableStream<Uint8Array> {
  /** The interface, for a wire. */
  readonly end: WireEnd;
  #wire: Promise<void> = Promise.resolve();

  constructor(sink: UnderlyingSink<Uint8Array>, end: WireEnd) {
    super(sink);
    this.end = end;
  }

  /** Remembers a wire that ends here, until it is unplugged. */
  plugged(wire: Promise<void>): void {
    this.#wire = wire;
  }

  /** Settles when no wire uses the interface. */
  unplugged(): Promise<void> {
    return this.#wire;
  }
}

/** The readable of a tap or tun interface: tells the interface when it is locked. */
export class InterfaceReadable extends ReadableStream<Chunk> {
  readonly #end: WireEnd;
  #isListening = false;
  #wire: Promise<void> = Promise.resolve();

  constructor(source: UnderlyingDefaultSource<Chunk>, end: WireEnd) {
    super(source, { highWaterMark: 0 });
    this.#end = end;
  }

  /** Tells the interface whether the stream is locked, if that has changed. */
  update(): void {
    const { locked } = this;
    if (locked === this.#isListening) return;
    this.#isListening = locked;
    this.#end.setListening(locked);
  }

  /** Settles when no wire uses the interface. */
  unplugged(): Promise<void> {
    return this.#wire;
  }

  override getReader(options: { mode: 'byob' }): ReadableStreamBYOBReader;
  override getReader(): ReadableStreamDefaultReader<Chunk>;
  override getReader(options?: ReadableStreamGetReaderOptions): ReadableStreamReader<Chunk>;
  override getReader(options?: ReadableStreamGetReaderOptions): ReadableStreamReader<Chunk> {
    const reader = super.getReader(options as undefined);
    const release = reader.releaseLock.bind(reader);
    reader.releaseLock = () => {
      release();
      this.update();
    };
    this.update();
    return reader;
  }

  override tee(): [ReadableStream<Chunk>, ReadableStream<Chunk>] {
    const branches = super.tee();
    this.update();
    return branches;
  }

  override pipeThrough<T>(
    transform: ReadableWritablePair<T, Chunk>,
    options?: StreamPipeOptions,
  ): ReadableStream<T> {
    // Locked: throws what the standard says.
    if (this.locked || transform.writable.locked) return super.pipeThrough(transform, options);
    void this.pipeTo(transform.writable, options);
    return handlePipes(transform.readable);
  }

  override pipeTo(to: WritableStream<Chunk>, options?: StreamPipeOptions): Promise<void> {
    const piping =
      to instanceof InterfaceWritable && !this.locked && !to.locked && !options?.signal?.aborted
        ? this.#wireTo(to, options)
        : super.pipeTo(to, options);
    const update = (): void => this.update();
    update();
    piping.then(update, update);
    return handled(piping);
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
    return wire.then(() => settled).then(() => super.pipeTo(to, options));
  }

  override values(options?: ReadableStreamIteratorOptions): ReadableStreamAsyncIterator<Chunk> {
    const values = super.values(options);
    const update = (): void => this.update();
    const { next, return: leave } = values;
    values.next = () => next.call(values).finally(update);
    if (leave) values.return = (value) => leave.call(values, value).finally(update);
    this.update();
    return values;
  }

  override [Symbol.asyncIterator](
    options?: ReadableStreamIteratorOptions,
  ): ReadableStreamAsyncIterator<Chunk> {
    return this.values(options);
  }
}
