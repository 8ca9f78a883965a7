// SPDX-License-Identifier: MIT
// netsim - two stacks, a link with rate, delay, queue and loss, one transfer; on a virtual clock
//
// Nothing here waits or reads a clock: the moment is a number that jumps to whatever is due next (a
// frame at the end of the link, a stack's timer), and both stacks are given it when they turn. The
// result depends only on the seeds and the module, and an hour on the link takes seconds.
//
// The sender always has bytes to send, the receiver reads at once, and turning takes no time. A
// retransmission counts as a timeout when the sender turned without a frame having come: nothing but
// a timer can have caused it.

import {
  CMD_ACCEPTED,
  CMD_KICK,
  CMD_OPEN,
  CMD_SOCKET_BACKLOG,
  CMD_SOCKET_KIND,
  CMD_SOCKET_LOCAL,
  CMD_SOCKET_NODELAY,
  CMD_SOCKET_REMOTE,
  CMD_SOCKET_RX_MAX,
  CMD_SOCKET_SIZE,
  CMD_SOCKET_TX_MAX,
  SOCK_OPEN,
  SOCK_RX,
  SOCK_TCP,
  SOCK_TCP_LISTENER,
  SOCK_TX,
  SOCK_WRITABLE,
} from '../../js/abi.ts';
import { newCommand, writeAddress } from '../../js/control/commands.ts';
import type { Arena } from '../../js/memory/arena.ts';
import { ByteConsumer, ByteProducer } from '../../js/ring.ts';
import { parseIp } from '../../js/util/address.ts';
import { Host } from './netsim_host.ts';
import { Prng } from './prng.ts';

/** Faults of a link, the same in both directions. */
export interface LinkOptions {
  readonly seed: number;
  /** Round-trip time of an empty link, ms. */
  readonly rtt: number;
  /** Bits per second. */
  readonly rate: number;
  /** Probability of losing a frame. */
  readonly loss?: number;
  /** Bytes that wait for the link at the most; what comes then is lost. */
  readonly queue?: number;
  /** Greatest additional delay, ms; drawn for each frame, which still do not overtake. */
  readonly jitter?: number;
}

/** A link and a transfer over it. */
export interface SimOptions extends LinkOptions {
  readonly mtu?: number;
  /** Bytes of send and receive buffer. */
  readonly buffer: number;
  /** Bytes to send. */
  readonly size: number;
  /** End early after so many ms. */
  readonly limit?: number;
  /** The sender's thread is held up for so long, ms, when half of the bytes have come. */
  readonly pause?: number;
}

/** How a transfer went. */
export interface SimResult {
  /** Bytes that came, in order and intact. */
  readonly bytes: number;
  /** ms from the first byte to the last. */
  readonly ms: number;
  /** Mbit/s over all of it. */
  readonly mean: number;
  /** Mbit/s over the second half of the bytes. */
  readonly steady: number;
  /** Segments sent again. */
  readonly retransmits: number;
  /** How often a timer made the sender send again. */
  readonly timeouts: number;
  /** Data segments that came although all they carry had come before. */
  readonly duplicates: number;
  /** Frames the link lost. */
  readonly lost: number;
}

const PORT = 7;
const CHUNK = 64 * 1024;
/** Moments are multiples of 1 / GRAIN ms: the stacks add and subtract them without rounding. */
const GRAIN = 65536;
const PERIOD = 251;
/** Bytes of the stream from position 0 on; they repeat after PERIOD. */
const PATTERN = new Uint8Array(CHUNK + PERIOD).map((_, i) => i % PERIOD);

/** One direction of the link: frames in flight, in order. */
class Lane {
  lost = 0;
  readonly #options: LinkOptions;
  readonly #random: Prng;
  #flying: { frame: Uint8Array; due: number }[] = [];
  #next = 0;
  #lineFree = 0;
  #lastDue = 0;

  constructor(options: LinkOptions, random: Prng) {
    this.#options = options;
    this.#random = random;
  }

  /** When the first frame comes out. */
  get due(): number {
    return this.#flying[this.#next]?.due ?? Number.POSITIVE_INFINITY;
  }

  put(frame: Uint8Array, now: number): void {
    const { rtt, rate, loss = 0, queue = Number.POSITIVE_INFINITY, jitter = 0 } = this.#options;
    const isLost = this.#random.chance(loss);
    const extra = (this.#random.u32() / 2 ** 32) * jitter;
    const waiting = (Math.max(0, this.#lineFree - now) * rate) / 8000;
    if (isLost || waiting + frame.length > queue) {
      this.lost++;
      return;
    }
    this.#lineFree = Math.max(now, this.#lineFree) + (frame.length * 8000) / rate;
    const due = Math.ceil((this.#lineFree + rtt / 2 + extra) * GRAIN) / GRAIN;
    this.#lastDue = Math.max(this.#lastDue, due);
    this.#flying.push({ frame, due: this.#lastDue });
  }

  take(): Uint8Array | undefined {
    const frame = this.#flying[this.#next++]?.frame;
    if (this.#next > 4096) {
      this.#flying = this.#flying.slice(this.#next);
      this.#next = 0;
    }
    return frame;
  }
}

/** Payload of a data segment; seq: of its first byte. */
function readSegment(frame: Uint8Array): { seq: number; length: number } {
  const view = new DataView(frame.buffer, frame.byteOffset);
  const header = 20 + (view.getUint8(32) >> 4) * 4;
  return { seq: view.getUint32(24), length: view.getUint16(2) - header };
}

/** Two hosts, the link between them, one transfer. */
class Simulation {
  readonly #options: SimOptions;
  readonly #arena: Arena;
  readonly #from: Host;
  readonly #to: Host;
  readonly #forth: Lane;
  readonly #back: Lane;
  #now = 0;
  #kickFrom = (): void => {};
  #tx: ByteProducer | undefined;
  #written = 0;
  #read = 0;
  #opened = 0;
  #halfAt = 0;
  /** Until when the sender's thread is held up. */
  #heldUp = 0;
  #timeouts = 0;
  #duplicates = 0;
  readonly #seen = new Set<number>();

  constructor(arena: Arena, options: SimOptions) {
    const { mtu = 1500 } = options;
    const random = new Prng(options.seed);
    this.#options = options;
    this.#arena = arena;
    this.#from = new Host(arena, random.u32(), '10.0.0.1', mtu);
    this.#to = new Host(arena, random.u32(), '10.0.0.2', mtu);
    this.#forth = new Lane(options, random.fork());
    this.#back = new Lane(options, random.fork());
  }

  #socket(kind: number, ip: string): DataView<ArrayBuffer> {
    const command = newCommand(CMD_OPEN, 0, CMD_SOCKET_SIZE);
    command.setUint32(CMD_SOCKET_KIND, kind, true);
    const at = kind === SOCK_TCP_LISTENER ? CMD_SOCKET_LOCAL : CMD_SOCKET_REMOTE;
    writeAddress(command, at, parseIp(ip), PORT);
    command.setUint32(CMD_SOCKET_RX_MAX, this.#options.buffer, true);
    command.setUint32(CMD_SOCKET_TX_MAX, this.#options.buffer, true);
    command.setUint32(CMD_SOCKET_BACKLOG, 1, true);
    command.setUint32(CMD_SOCKET_NODELAY, 1, true);
    return command;
  }

  #listen(): void {
    const host = this.#to;
    host.call(this.#socket(SOCK_TCP_LISTENER, '0.0.0.0'), ({ handle: listener }) => {
      host.channel.register(listener, {
        onEvent: () => {},
        onAccept: ({ handle, offset }) => {
          host.channel.send(CMD_ACCEPTED, handle);
          const rx = new ByteConsumer(this.#arena, offset + SOCK_RX);
          const onEvent = (): void => this.#receive(rx, handle);
          host.channel.register(handle, { onEvent, onShutdown: () => {} });
          onEvent();
        },
        onShutdown: () => {},
      });
    });
  }

  #connect(): void {
    const host = this.#from;
    host.call(this.#socket(SOCK_TCP, '10.0.0.2'), ({ handle, offset }) => {
      this.#kickFrom = () => host.channel.send(CMD_KICK, handle);
      host.channel.register(handle, {
        onEvent: (bits, error) => {
          if (error !== 0) throw new Error(`The simulated connection failed: ${error}`);
          if (bits & SOCK_OPEN) {
            this.#opened = this.#now;
            this.#tx = new ByteProducer(this.#arena, offset + SOCK_TX);
          }
          if (bits & (SOCK_OPEN | SOCK_WRITABLE)) this.#send();
        },
        onShutdown: () => {},
      });
    });
  }

  /** Writes as much as there is room for, as js/streams.ts does. */
  #send(): void {
    const tx = this.#tx;
    if (tx === undefined) return;
    for (;;) {
      const left = Math.min(CHUNK, this.#options.size - this.#written);
      const room = tx.reserve(left);
      if (room > 0) {
        this.#arena.copyIn(tx.offset, PATTERN, this.#written % PERIOD, room);
        tx.submit(room);
        this.#written += room;
        continue;
      }
      if (left === 0) break;
      tx.want(left);
      if (tx.arm(Math.max(1, Math.min(left, tx.size >> 4)))) break;
    }
    this.#kickFrom();
  }

  /** Reads all there is and compares it. */
  #receive(rx: ByteConsumer, handle: number): void {
    do {
      for (let length = rx.peek(); length > 0; length = rx.peek()) {
        const step = Math.min(length, CHUNK);
        const bytes = Buffer.from(this.#arena.u8.buffer, rx.offset, step);
        const start = this.#read % PERIOD;
        if (bytes.compare(PATTERN, start, start + step) !== 0) throw new Error('Not what was sent');
        rx.release(step);
        this.#read += step;
      }
    } while (!rx.arm());
    if (this.#halfAt === 0 && this.#read * 2 >= this.#options.size) {
      this.#halfAt = this.#now;
      this.#heldUp = this.#now + (this.#options.pause ?? 0);
    }
    if (rx.mustNotify()) this.#to.channel.send(CMD_KICK, handle);
  }

  /** Turns the sender, puts what it sends on the link, and sees what is sent again. */
  #turnFrom(): void {
    const before = this.#from.retransmits;
    const { fed } = this.#from;
    this.#from.fed = false;
    this.#from.turn(this.#now);
    for (let frame = this.#from.sent(); frame; frame = this.#from.sent()) {
      this.#forth.put(frame, this.#now);
    }
    if (!fed && this.#from.retransmits > before) this.#timeouts++;
  }

  #turnTo(): void {
    this.#to.turn(this.#now);
    for (let frame = this.#to.sent(); frame; frame = this.#to.sent()) {
      this.#back.put(frame, this.#now);
    }
  }

  #arrive(frame: Uint8Array): void {
    const { seq, length } = readSegment(frame);
    if (length > 0) {
      if (this.#seen.has(seq)) this.#duplicates++;
      this.#seen.add(seq);
    }
    this.#to.feed(frame);
  }

  /** One moment: what comes out of the link, and the turns that are due. */
  #step(): void {
    const fromDue = Math.max(Math.min(this.#from.due, this.#back.due), this.#heldUp);
    this.#now = Math.max(this.#now, Math.min(fromDue, this.#to.due, this.#forth.due));
    while (this.#forth.due <= this.#now) this.#arrive(this.#forth.take() as Uint8Array);
    if (this.#to.due <= this.#now) this.#turnTo();
    if (fromDue > this.#now) return;
    // A turn before the frames are taken in separates the effects of timers from those of frames.
    // After a pause the frames are there first: a thread that was held up finds both at once.
    if (this.#back.due === this.#now) this.#turnFrom();
    while (this.#back.due <= this.#now) this.#from.feed(this.#back.take() as Uint8Array);
    this.#turnFrom();
  }

  run(): SimResult {
    const { size, limit = Number.POSITIVE_INFINITY } = this.#options;
    this.#listen();
    this.#turnTo();
    this.#connect();
    while (this.#read < size && this.#now - this.#opened < limit) this.#step();
    this.#from.close();
    this.#to.close();
    const ms = this.#now - this.#opened;
    const half = size / 2;
    const mbits = (bytes: number, time: number): number =>
      time > 0 ? (bytes * 8) / time / 1000 : 0;
    return {
      bytes: this.#read,
      ms,
      mean: mbits(this.#read, ms),
      steady: this.#read < size ? 0 : mbits(half, this.#now - this.#halfAt),
      retransmits: this.#from.retransmits,
      timeouts: this.#timeouts,
      duplicates: this.#duplicates,
      lost: this.#forth.lost + this.#back.lost,
    };
  }
}

/** Runs one transfer in an arena, which has nobody else's stacks in it. */
export function simulate(arena: Arena, options: SimOptions): SimResult {
  return new Simulation(arena, options).run();
}
