// SPDX-License-Identifier: MIT
// byte_session - frames over a byte stream of Node: a socket, or the standard input and output of a program
//
// Theory of operation
//
// Out: frames are collected in a buffer, each behind its length. The buffer is written once a turn (in a
// microtask) or when it is full. While the socket asks to wait (`drain`), the next buffer fills; when that
// is full too, send() returns false. A buffer is used again after its write, so a stream of frames allocates
// nothing.
//
// In: frames are views on the received chunks (js/codec/framing.ts). A frame that is not taken stays in the
// parser, and the socket is paused until it is taken. A socket that we connect always reads into the same
// buffer (Inlet): otherwise Node allocates 64 KiB for each read, which costs more than the read itself.

import { FrameParser, HEADER, putLength } from '../codec/framing.ts';
import { NetError } from '../errors.ts';
import { nextMicrotask } from '../sched/scheduler.ts';
import { Deferred } from '../util/deferred.ts';
import { Queue } from '../util/queue.ts';
import { copyInto } from './frame_copy.ts';
import type { Session, SessionEvents } from './sessions.ts';

/** A source of bytes: a Readable of Node, for example a socket or the output of a program. */
export type ByteSource = import('node:stream').Readable;

/** A target for bytes: a Writable of Node, for example a socket or the input of a program. */
export type ByteTarget = import('node:stream').Writable;

/** Bytes that a socket reads at a time, where the runtime lets us choose. */
const INLET = 2 ** 18;
/** Bytes of a buffer of frames: the largest frame and then some. */
const BUFFER = 2 ** 17;
/** Buffers that are kept. */
const SPARE = 4;
/** ms for which the peer may read the rest when the session is closed. */
const LINGER = 1000;
/** Length of the longest frame: an MTU of 65535 and headers. */
export const LONGEST = 65_600;

/** The read buffer of a socket: an option of net.connect(). Runtimes without it allocate chunks. */
export class Inlet {
  /** Takes the bytes that were read; they are valid during the call only. */
  take: (bytes: Uint8Array) => void = () => {};
  readonly onread: import('node:net').OnReadOpts = {
    buffer: new Uint8Array(INLET),
    callback: (count, buffer) => {
      this.take(buffer.subarray(0, count));
      return true;
    },
  };
}

/** Frames over a stream of bytes, both ways. */
export class ByteSession implements Session {
  readonly #events: SessionEvents;
  readonly #from: ByteSource;
  readonly #to: ByteTarget;
  readonly #action: string;
  readonly #parser = new FrameParser(LONGEST);
  readonly #chunks = new Queue<Uint8Array>();
  readonly #spare: Uint8Array[] = [];
  #buffer: Uint8Array | undefined;
  #filled = 0;
  #isFlushing = false;
  /** The socket asks to wait. */
  #isFull = false;
  #room = new Deferred();
  #isPaused = false;
  #hasEnded = false;
  #isOver = false;
  readonly #gone = new Deferred();

  /**
   * @param name - Its name for messages: "the QEMU link at /run/x".
   * @param inlet - The inlet that `from` was connected with.
   */
  constructor(
    events: SessionEvents,
    from: ByteSource,
    to: ByteTarget,
    name: string,
    inlet?: Inlet,
  ) {
    this.#events = events;
    this.#from = from;
    this.#to = to;
    this.#action = `Cannot use ${name}`;
    if (inlet) {
      inlet.take = (bytes) => this.#receive(this.#isPaused ? bytes.slice() : bytes);
    }
    from.on('data', (chunk) => this.#receive(chunk));
    from.on('end', () => this.#sourceEnded());
    const failed = (error: Error): void => this.#over(failure(error, this.#action));
    const closed = (): void => this.#closed();
    from.on('error', failed);
    from.on('close', closed);
    if ((to as object) !== from) {
      to.on('error', failed);
      to.on('close', closed);
    }
    to.on('drain', () => this.#drained());
  }

  send(frame: Uint8Array): boolean {
    if (this.#isOver) return true;
    const size = HEADER + frame.length;
    if (size > BUFFER) {
      this.#events.drop('tx');
      return true;
    }
    if (this.#filled + size > BUFFER) {
      if (this.#isFull) return false;
      this.#flush();
    }
    this.#buffer ??= this.#spare.pop() ?? new Uint8Array(BUFFER);
    const at = putLength(this.#buffer, this.#filled, frame.length);
    copyInto(this.#buffer.subarray(at, at + frame.length), frame);
    this.#filled = at + frame.length;
    if (!this.#isFlushing && !this.#isFull) {
      this.#isFlushing = true;
      nextMicrotask(this.#flushSoon);
    }
    return true;
  }

  readonly #flushSoon = (): void => {
    this.#isFlushing = false;
    if (!this.#isFull) this.#flush();
  };

  #flush(): void {
    const buffer = this.#buffer;
    if (!buffer || this.#isOver) return;
    const bytes = buffer.subarray(0, this.#filled);
    this.#buffer = undefined;
    this.#filled = 0;
    const goesOn = this.#to.write(bytes, () => {
      if (this.#spare.length < SPARE) this.#spare.push(buffer);
    });
    this.#isFull = !goesOn;
  }

  #drained(): void {
    this.#isFull = false;
    this.#flush();
    this.#tellRoom();
  }

  #tellRoom(): void {
    this.#room.resolve();
    this.#room = new Deferred();
  }

  ready(): Promise<void> {
    return this.#isFull && !this.#isOver ? this.#room.promise : Promise.resolve();
  }

  #receive(chunk: Uint8Array): void {
    if (this.#isOver) return;
    // Not every runtime stops at once when it is paused.
    if (this.#isPaused) this.#chunks.push(chunk);
    else {
      this.#parser.push(chunk);
      this.#pass();
    }
  }

  /** Passes on the received frames, as far as they are taken. */
  #pass(): void {
    while (!this.#isOver) {
      const frame = this.#parser.peek();
      if (typeof frame === 'number') this.#malformed(frame);
      else if (frame) {
        if (!this.#events.offer(frame)) {
          this.#pause();
          return;
        }
        this.#parser.release();
      } else {
        const chunk = this.#chunks.shift();
        if (!chunk) break;
        this.#parser.push(chunk);
      }
    }
    if (this.#hasEnded) this.#sourceEnded();
  }

  #pause(): void {
    if (this.#isPaused) return;
    this.#isPaused = true;
    this.#from.pause();
  }

  resume(): void {
    if (!this.#isPaused || this.#isOver) return;
    this.#isPaused = false;
    this.#pass();
    if (!this.#isPaused) this.#from.resume();
  }

  #malformed(length: number): void {
    const reason = `the length of a frame is ${length}`;
    this.#over(new NetError('EPROTO', this.#action, { reason }));
  }

  /** No more bytes come. */
  #sourceEnded(): void {
    this.#hasEnded = true;
    if (this.#isPaused || this.#isOver) return;
    const cut = new NetError('EPROTO', this.#action, { reason: 'it ended within a frame' });
    this.#over(this.#parser.isWhole ? undefined : cut);
  }

  #closed(): void {
    if (this.#isPaused) this.#hasEnded = true;
    else this.#over(undefined);
    this.#gone.resolve();
  }

  #over(error: NetError | undefined): void {
    if (this.#isOver) return;
    if (!error) this.#flush();
    this.#isOver = true;
    this.#buffer = undefined;
    this.#tellRoom();
    if (error) this.#to.destroy();
    else this.#to.end();
    this.#from.destroy();
    this.#events.end(error);
  }

  /** Closes it. Frames that were sent go out first, if the peer reads. */
  async close(): Promise<void> {
    if (this.#isOver) return;
    this.#flush();
    this.#isOver = true;
    this.#tellRoom();
    const destroy = (): void => {
      this.#to.destroy();
      this.#from.destroy();
    };
    this.#to.end(destroy);
    const timer = setTimeout(destroy, LINGER);
    this.#from.resume();
    await this.#gone.promise;
    clearTimeout(timer);
  }
}

/** The error of a socket that failed. */
function failure(error: Error, action: string): NetError {
  if ((error as { code?: string }).code === 'EPIPE') return new NetError('EPIPE', action);
  return new NetError('ECONNRESET', action, { cause: error });
}
