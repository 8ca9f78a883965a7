// SPDX-License-Identifier: MIT
// bench_content.test - what transfers carry, and that the check of it sees what can go wrong

import { describe, expect, test } from 'vitest';
import { Check, Content, compareBytes, seededBytes } from '../../bench/lib/content.mjs';

const UNIT = 1024;
const content = new Content(7, UNIT);

/** The first bytes of the stream. */
function stream(length: number): Uint8Array {
  const next = content.writes();
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += UNIT) bytes.set(next().subarray(0, length - at), at);
  return bytes;
}

/** Result of a check of bytes that come in chunks of a size. */
function checkOf(
  bytes: Uint8Array,
  size: number,
  whole: boolean,
  of = content,
): { ok: boolean; bytes: number } {
  const check = new Check(of);
  for (let at = 0; at < bytes.length; at += size) {
    check.take(bytes.subarray(at, Math.min(at + size, bytes.length)), whole);
  }
  return { ok: check.ok, bytes: check.position };
}

test('the same seed gives the same bytes, another seed others', () => {
  expect(seededBytes(1, 100)).toEqual(seededBytes(1, 100));
  expect(seededBytes(1, 100)).not.toEqual(seededBytes(2, 100));
});

test('the pool is no multiple of a ring, and of no power of two', () => {
  const odd = content.size / (content.size & -content.size);
  expect(odd).toBe(49);
});

describe.each([true, false])('whole: %s', (whole) => {
  test.each([1, 100, 1000, UNIT, 4096, 300_000])('accepts the stream in chunks of %d', (size) => {
    expect(checkOf(stream(400_000), size, whole)).toEqual({ ok: true, bytes: 400_000 });
  });

  test.each([
    ['a byte lost', (bytes: Uint8Array) => bytes.copyWithin(5000, 5001)],
    ['a byte doubled', (bytes: Uint8Array) => bytes.copyWithin(5001, 5000)],
    ['64 KiB of the ring before', (bytes: Uint8Array) => bytes.copyWithin(65536, 0, 65536)],
    ['two units exchanged', (bytes: Uint8Array) => bytes.set(bytes.slice(2048, 4096), 1024)],
  ])('sees %s', (_what, spoil) => {
    const bytes = stream(200_000);
    spoil(bytes);
    expect(checkOf(bytes, 1500, whole).ok).toBe(false);
  });
});

describe('where there is no Buffer', () => {
  const plain = new Content(7, UNIT, compareBytes);

  test.each([1, 1000, 300_000])('accepts the stream in chunks of %d', (size) => {
    expect(checkOf(stream(400_000), size, true, plain)).toEqual({ ok: true, bytes: 400_000 });
  });

  test.each([0, 1499, 199_999])('sees one wrong byte at %d', (at) => {
    const bytes = stream(200_000);
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    expect(checkOf(bytes, 1500, true, plain).ok).toBe(false);
  });
});

test('only a whole check sees one wrong byte in the middle of a chunk', () => {
  const bytes = stream(4096);
  bytes[2048] = (bytes[2048] ?? 0) ^ 1;
  expect(checkOf(bytes, 4096, true).ok).toBe(false);
  expect(checkOf(bytes, 4096, false).ok).toBe(true);
});
