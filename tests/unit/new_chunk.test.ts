// SPDX-License-Identifier: MIT
// new_chunk.test - chunks for a program show nothing but what was copied into them

import { expect, test } from 'vitest';
import { newChunk } from '../../js/util/aligned_copy.ts';

/** Leaves memory behind that is not zero. */
function leaveBytes(size: number): void {
  for (let i = 0; i < 16; i++) Buffer.allocUnsafeSlow(size).fill(0xaa);
}

test.each([1, 64, 65, 32767, 32768, 65536, 1 << 20])(
  'a chunk of %i bytes at every offset',
  (length) => {
    for (let offset = 8; offset < 16; offset++) {
      leaveBytes(length + (offset & 7));
      const chunk = newChunk(length, offset);
      expect(chunk.length).toBe(length);
      expect(chunk.buffer).toBeInstanceOf(ArrayBuffer);
      if (length > 64) expect((chunk.byteOffset ^ offset) & 7).toBe(0);
      // In front of it is nothing of others, and behind it nothing at all.
      expect(chunk.byteOffset + length).toBe(chunk.buffer.byteLength);
      expect(new Uint8Array(chunk.buffer, 0, chunk.byteOffset).every((byte) => byte === 0)).toBe(
        true,
      );
    }
  },
);

test('a large chunk can be transferred alone', () => {
  const [one, two] = [newChunk(65536, 3), newChunk(65536, 3)];
  two.fill(7);
  structuredClone(one, { transfer: [one.buffer] });
  expect(one.length).toBe(0);
  expect(two.every((byte) => byte === 7)).toBe(true);
});
