// SPDX-License-Identifier: MIT
// bytes - copies between a ring and buffers of a program
//
// Engines copy between shared and private memory byte by byte unless both offsets are congruent modulo 8. So a
// buffer that is read into begins at the ring's offset modulo 8, and what is written from another offset goes
// through a buffer in between. Views of a ring never leave this file's callers: what a program gets is its own.

import { Buffer } from 'node:buffer';

const SLAB = 16 * 1024;
/** Longer ones get a buffer of their own, so that a program that keeps one does not keep a slab. */
const SLAB_MOST = 4 * 1024;
const STAGE = 64 * 1024;
/** From this length on a copy in between is faster than one byte by byte. */
const STAGE_LEAST = 64;

let slab: Buffer | undefined;
let used = 0;
let stage: Buffer | undefined;

/** A copy of a view of a ring, in a buffer. */
export function copyOut(view: Uint8Array): Buffer {
  const { length } = view;
  const skew = view.byteOffset & 7;
  let out: Buffer;
  if (length > SLAB_MOST) {
    out = Buffer.allocUnsafeSlow(length + 8).subarray(skew, skew + length);
  } else {
    used = (used + 7) & ~7;
    if (!slab || used + skew + length > SLAB) {
      slab = Buffer.allocUnsafeSlow(SLAB);
      used = 0;
    }
    out = slab.subarray(used + skew, used + skew + length);
    used += skew + length;
  }
  out.set(view);
  return out;
}

/**
 * Copies into a view of a ring.
 *
 * @param room - The view.
 * @param bytes - Of the program.
 * @param from - First byte to copy; as many follow as there is room for.
 */
export function copyIn(room: Uint8Array, bytes: Uint8Array, from: number): void {
  const count = room.length;
  if (((room.byteOffset - bytes.byteOffset - from) & 7) === 0 || count < STAGE_LEAST) {
    room.set(count === bytes.length ? bytes : bytes.subarray(from, from + count));
    return;
  }
  stage ??= Buffer.allocUnsafeSlow(STAGE + 8);
  for (let done = 0; done < count; ) {
    const part = Math.min(STAGE, count - done);
    const skew = (room.byteOffset + done - stage.byteOffset) & 7;
    stage.set(bytes.subarray(from + done, from + done + part), skew);
    room.set(stage.subarray(skew, skew + part), done);
    done += part;
  }
}
