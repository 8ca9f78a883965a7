// SPDX-License-Identifier: MIT
// wire - the streams of tap and tun interfaces, and how two of them are joined without copies
//
// Theory of operation
//
// `a.readable.pipeTo(b.writable)` between two interfaces of ours is a wire. In one arena C makes
// b take its frames from a's tx ring (CMD_IFACE_WIRE): no copy, no JavaScript. Between two arenas a
// copy loop moves whole runs of records from ring to ring, one TypedArray.set each. Both are in js/stack/plug.ts,
// which the first wire loads; until then the frames wait in the ring.
//
// While there is a wire, a real reader and a real writer lock both streams, and nothing is read or
// written through them. The wire is unplugged when the source ends (its interface was removed), the
// destination fails, or the signal is aborted. Then the locks are released and the built-in pipeTo() is
// called: it finds the same condition and does what the standard says, preventClose included.
//
// The interface listens while its readable is locked. Most ways to lock it are methods, which are
// overridden here. A reader made by its constructor and a transfer to another thread are not: they are
// seen when they read, and after each turn.

import { type Chunk, handlePipes } from '../streams.ts';
import { handled } from '../util/deferred.ts';
import type { WireEnd } from './plug.ts';

/** The half that joins the rings is a file of its own. */
const loadPlug = () => import('./plug.ts');

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
    const wire = loadPlug().then(
      ({ join }) => join(this.#end, to.end, [reader.closed, writer.closed], options?.signal),
      // Without the file, as in a service worker, the built-in pipeTo() copies.
      () => {},
    );
    const settled = wire
      .catch(() => {})
      .finally(() => {
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
