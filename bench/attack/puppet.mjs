// SPDX-License-Identifier: MIT
// puppet - connections of an attacker that makes its segments by hand, at a tap of a stack

import { ACK, ATTACKER_MAC, ATTACKER4, arp, SYN, segment } from './frames.mjs';

const MSS = [2, 4, 5, 0xb4];
/** Windows count in units of 128 bytes from the second segment on. */
const SCALE = [1, 3, 3, 7];

const load16 = (bytes, at) => (bytes[at] << 8) | bytes[at + 1];
const load32 = (bytes, at) => load16(bytes, at) * 65536 + load16(bytes, at + 2);

/** Puts a frame into a tap; undefined, or a promise if it has to wait for room. */
export function give(writer, frame) {
  const room = writer.reserve(frame.length);
  if (!room) return writer.ready(frame.length).then(() => give(writer, frame));
  room.set(frame);
  writer.submit();
  return undefined;
}

/** The host behind a tap: it answers ARP, and takes what the stack sends. */
export class Puppet {
  #writer;
  #connections = new Map();
  /** Called with each connection that got a segment. */
  onSegment = () => {};

  constructor(tap, writer) {
    this.#writer = writer;
    this.#read(tap.getRingReader()).catch(() => {});
  }

  async #read(reader) {
    while (await reader.ready()) {
      for (let frame = reader.peek(); frame; frame = reader.peek()) {
        const waits = this.#take(frame);
        reader.release();
        if (waits) await waits;
      }
    }
  }

  #take(frame) {
    if (load16(frame, 12) === 0x0806 && load16(frame, 20) === 1 && frame[41] === ATTACKER4[3]) {
      const answer = arp(2, ATTACKER_MAC, ATTACKER4);
      return give(this.#writer, answer);
    }
    if (load16(frame, 12) !== 0x0800 || frame[23] !== 6) return undefined;
    const it = this.#connections.get(load16(frame, 36));
    if (!it) return undefined;
    const bytes = load16(frame, 16) - 20 - (frame[46] >> 4) * 4;
    const sequence = load32(frame, 38);
    it.segments++;
    it.acknowledged = load32(frame, 42);
    if (frame[47] & SYN) {
      it.acknowledge = (sequence + 1) >>> 0;
      it.opened();
    } else if (sequence === it.acknowledge) {
      it.acknowledge = (sequence + bytes) >>> 0;
      it.received += bytes;
    }
    return this.onSegment(it);
  }

  /** Opens a connection; its segments are `it.next(options)`. */
  async open(port, from, mss = MSS) {
    const it = {
      from,
      port,
      sequence: 1000,
      acknowledge: 0,
      acknowledged: 0,
      segments: 0,
      received: 0,
    };
    const opened = new Promise((resolve) => {
      it.opened = resolve;
    });
    this.#connections.set(from, it);
    it.next = (options) =>
      segment({
        source: ATTACKER4,
        from,
        to: port,
        sequence: it.sequence,
        acknowledge: it.acknowledge,
        flags: ACK,
        ...options,
      });
    await give(this.#writer, it.next({ flags: SYN, options: [...mss, ...SCALE], acknowledge: 0 }));
    await opened;
    it.sequence++;
    await give(this.#writer, it.next());
    return it;
  }
}

/** `count` frames of one byte: in order, or each thousand of them backwards. */
function oneByte(it, count, isBackwards) {
  const frames = Array.from({ length: count }, (_, i) => {
    const group = Math.floor(i / 1000) * 1000;
    const at = isBackwards ? group + Math.min(999, count - 1 - group) - (i - group) : i;
    return it.next({ sequence: (it.sequence + at) >>> 0, data: [at & 255] });
  });
  it.sequence = (it.sequence + count) >>> 0;
  return frames;
}

/** Frames that are made when they are sent: each acknowledges all that has come. */
export const acknowledgements = (it, count) => ({ length: count, at: () => it.next() });

/** Attacks on connections: how many, and the frames of a round. */
export const CONNECTION_ROWS = {
  'segments of one byte': [1, ([it], count) => oneByte(it, count, false)],
  'segments of one byte, each thousand backwards': [1, ([it], count) => oneByte(it, count, true)],
  'bytes up to 500 KB ahead, 256 connections': [
    256,
    (all, count, r) =>
      Array.from({ length: count }, (_, i) => {
        const it = all[i % all.length];
        return it.next({ sequence: (it.sequence + 1 + r(500_000)) >>> 0, data: [1] });
      }),
  ],
  'one byte 500 KB ahead, 256 connections': [
    256,
    (all, count) =>
      Array.from({ length: count }, (_, i) => {
        const it = all[i % all.length];
        return it.next({ sequence: (it.sequence + 500_000) >>> 0, data: [1] });
      }),
  ],
  'data that acknowledges what was not sent': [
    1,
    ([it], count, r) =>
      Array.from({ length: count }, () => it.next({ acknowledge: r(2 ** 32), data: [0x78] })),
  ],
  'resets at numbers that are guessed': [
    1,
    ([it], count, r) =>
      Array.from({ length: count }, () =>
        it.next({ flags: 4, sequence: (it.sequence + 1 + r(500_000)) >>> 0 }),
      ),
  ],
};
