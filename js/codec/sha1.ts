// SPDX-License-Identifier: MIT
// sha1 - SHA-1 of a short text, as the WebSocket handshake wants it (RFC 3174)
//
// Not for secrets. WebCrypto has SHA-1 too, but asynchronous, and in secure contexts only.

const rotl = (x: number, n: number): number => (x << n) | (x >>> (32 - n));

/** The text with 0x80, zeros and its length in bits behind it, as big-endian words. */
function padded(text: Uint8Array): DataView {
  const view = new DataView(new ArrayBuffer((((text.length + 8) >> 6) + 1) << 6));
  new Uint8Array(view.buffer).set(text);
  view.setUint8(text.length, 0x80);
  view.setUint32(view.byteLength - 4, text.length * 8);
  return view;
}

/** f and K of a round. */
function mix(round: number, b: number, c: number, d: number): number {
  if (round < 20) return ((b & c) | (~b & d)) + 0x5a827999;
  if (round < 40) return (b ^ c ^ d) + 0x6ed9eba1;
  if (round < 60) return ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdc;
  return (b ^ c ^ d) + 0xca62c1d6;
}

/**
 * SHA-1.
 *
 * @param text - Up to 2^28 bytes.
 * @returns 20 bytes.
 * @throws Never.
 */
export function sha1(text: Uint8Array): Uint8Array {
  const input = padded(text);
  const state = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0];
  const words = new Int32Array(80);
  for (let block = 0; block < input.byteLength; block += 64) {
    for (let i = 0; i < 80; i++) {
      const [w3 = 0, w8 = 0, w14 = 0, w16 = 0] = [3, 8, 14, 16].map((back) => words[i - back]);
      words[i] = i < 16 ? input.getInt32(block + 4 * i) : rotl(w3 ^ w8 ^ w14 ^ w16, 1);
    }
    let [a = 0, b = 0, c = 0, d = 0, e = 0] = state;
    for (let i = 0; i < 80; i++) {
      const next = (rotl(a, 5) + mix(i, b, c, d) + e + (words[i] ?? 0)) | 0;
      [e, d, c, b, a] = [d, c, rotl(b, 30), a, next];
    }
    for (const [i, value] of [a, b, c, d, e].entries()) state[i] = ((state[i] ?? 0) + value) | 0;
  }
  const digest = new DataView(new ArrayBuffer(20));
  for (const [i, value] of state.entries()) digest.setInt32(4 * i, value);
  return new Uint8Array(digest.buffer);
}
