// SPDX-License-Identifier: MIT
// same_bytes - whether bytes are the same; a file of its own, since it is part of what is loaded on first use

/**
 * Whether two arrays hold the same bytes.
 *
 * @param a - One.
 * @param b - The other.
 * @returns Whether they do.
 * @throws Never.
 */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
