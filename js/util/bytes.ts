// SPDX-License-Identifier: MIT
// bytes - the bytes of what a program writes

/**
 * Gives the bytes of a chunk.
 *
 * @param chunk - Value that was written.
 * @returns A view on the same memory.
 * @throws {TypeError} If it is neither an ArrayBuffer nor a view on one.
 */
export function bytesOf(chunk: unknown): Uint8Array {
  if (chunk instanceof Uint8Array) return chunk;
  if (ArrayBuffer.isView(chunk)) {
    return new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  }
  if (chunk instanceof ArrayBuffer) return new Uint8Array(chunk);
  throw new TypeError(`Cannot write ${typeof chunk}: a chunk must be a Uint8Array`);
}
