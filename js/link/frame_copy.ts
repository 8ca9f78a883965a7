// SPDX-License-Identifier: MIT
// frame_copy - copies of frames, aligned so that copies from and to shared memory are fast

import { copyAligned, newChunk } from '../util/aligned_copy.ts';

const isShared = ({ buffer }: Uint8Array): boolean =>
  typeof SharedArrayBuffer !== 'undefined' && buffer instanceof SharedArrayBuffer;

/**
 * Copies a frame into a slot of a ring or a buffer of an adapter.
 *
 * @param to - The slot, as long as the frame.
 * @param frame - The frame.
 * @returns Bytes that were copied: twice the length if alignment took a detour.
 * @throws Never.
 */
export function copyInto(to: Uint8Array, frame: Uint8Array): number {
  const isAligned = ((frame.byteOffset ^ to.byteOffset) & 7) === 0;
  const shared = isAligned || isShared(frame) ? frame : to;
  return copyAligned(to, 0, frame, 0, frame.length, shared.byteOffset);
}

/**
 * Copies a frame into private memory.
 *
 * @param frame - The frame; maybe over shared memory.
 * @returns The copy.
 * @throws Never.
 */
export function copyOf(frame: Uint8Array): Uint8Array<ArrayBuffer> {
  const copy = newChunk(frame.length, frame.byteOffset);
  copy.set(frame);
  return copy;
}
