// SPDX-License-Identifier: MIT
// payload - seeded bytes and their SHA-256, the same on both sides of a transfer

import { createHash } from 'node:crypto';
import { Prng } from '../../helpers/prng.ts';

const PIECE = 65_536;
/** Distinct pieces, sent in a seeded order: making every byte anew would be the slowest part. */
const PIECES = 16;

/** Seeded bytes in pieces of at most 64 KiB; a piece is valid for good. */
export function* payload(seed: number, size: number): Generator<Uint8Array<ArrayBuffer>> {
  const random = new Prng(seed);
  if (size <= PIECE) {
    yield random.bytes(size) as Uint8Array<ArrayBuffer>;
    return;
  }
  const pool = random.bytes(PIECE * PIECES) as Uint8Array<ArrayBuffer>;
  const order = random.fork();
  for (let left = size; left > 0; ) {
    const at = order.int(PIECE * (PIECES - 1));
    const piece = pool.subarray(at, at + Math.min(PIECE, left));
    left -= piece.length;
    yield piece;
  }
}

/** 'size-sha256' of a stream of bytes, as it goes by. */
export class Digest {
  readonly #hash = createHash('sha256');
  length = 0;

  update(chunk: Uint8Array): void {
    this.#hash.update(chunk);
    this.length += chunk.length;
  }

  toString(): string {
    return `${this.length}-${this.#hash.digest('hex')}`;
  }
}

/** The digest of a payload. */
export function digestOf(seed: number, size: number): string {
  const digest = new Digest();
  for (const piece of payload(seed, size)) digest.update(piece);
  return digest.toString();
}

/** Writes a payload and closes the stream. */
export async function sendPayload(
  writable: WritableStream<Uint8Array>,
  seed: number,
  size: number,
): Promise<void> {
  const writer = writable.getWriter();
  for (const piece of payload(seed, size)) {
    await writer.ready;
    writer.write(piece).catch(() => {});
  }
  await writer.close();
}

/** Reads a stream to its end. */
export async function receiveDigest(readable: ReadableStream<Uint8Array>): Promise<string> {
  const digest = new Digest();
  for await (const chunk of readable) digest.update(chunk);
  return digest.toString();
}
