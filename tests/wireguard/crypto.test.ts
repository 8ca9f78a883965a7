// SPDX-License-Identifier: MIT
// crypto.test - ChaCha20-Poly1305, BLAKE2s and X25519 of wireguard.wasm: vectors of the RFCs, and @noble as an oracle

import { chacha20poly1305, xchacha20poly1305 } from '@noble/ciphers/chacha.js';
import { x25519 } from '@noble/curves/ed25519.js';
import { blake2s } from '@noble/hashes/blake2.js';
import { hmac } from '@noble/hashes/hmac.js';
import { describe, expect, test } from 'vitest';
import { Prng } from '../helpers/prng.ts';
import { hex, Shim, toHex } from './shim.ts';

const shim = new Shim();
const random = new Prng(18);

/** A nonce of ours as the RFC has it. */
const long = (nonce: Uint8Array): Uint8Array => Uint8Array.from([0, 0, 0, 0, ...nonce]);

describe('ChaCha20-Poly1305', () => {
  const key = hex('1c9240a5eb55d38af333888604f6b5f0473917c1402b80099dca5cbc207075c0');
  const nonce = hex('0102030405060708');
  const ad = hex('f33388860000000000004e91');
  const sealed = hex(`
    64a0861575861af460f062c79be643bd5e805cfd345cf389f108670ac76c8cb24c6cfc18755d43eea09ee94e382d26b0
    bdb7b73c321b0100d4f03b7f355894cf332f830e710b97ce98c8a84abd0b948114ad176e008d33bd60f982b1ff37c855
    9797a06ef4f0ef61c186324e2b3506383606907b6a7c02b0f9f6157b53c867e4b9166c767b804d46a59b5216cde7a4e9
    9040c5a40433225ee282a1b0a06c523eaf4534d7f83fa1155b0047718cbc546a0d072b04b3564eea1b422273f548271a
    0bb2316053fa76991955ebd63159434ecebb4e466dae5a1073a6727627097a1049e617d91d361094fa68f0ff77987130
    305beaba2eda04df997b714d6c6f2c29a6ad5cb4022b02709beead9d67890cbb22392336fea1851f38`);

  test('opens and seals the message of RFC 8439, A.5', () => {
    const text = shim.open(key, nonce, ad, sealed);
    expect(new TextDecoder().decode(text)).toMatch(/^Internet-Drafts are .*work in progress./);
    expect(text).toHaveLength(265);
    expect(toHex(shim.seal(key, nonce, ad, text ?? new Uint8Array()))).toBe(toHex(sealed));
  });

  test('opens nothing of which one bit is changed', () => {
    for (let at = 0; at < sealed.length; at++) {
      const changed = sealed.slice();
      changed[at] = (changed[at] ?? 0) ^ (1 << (at % 8));
      expect(shim.open(key, nonce, ad, changed)).toBeUndefined();
    }
    expect(shim.open(key, nonce, ad.subarray(1), sealed)).toBeUndefined();
    expect(shim.open(key, hex('0102030405060709'), ad, sealed)).toBeUndefined();
  });

  test('opens nothing that is shorter than a tag', () => {
    for (let length = 0; length < 16; length++) {
      expect(shim.open(key, nonce, ad, new Uint8Array(length))).toBeUndefined();
    }
  });

  test('agrees with noble on every length up to 1500, and on long ones', () => {
    const lengths = [...Array(1501).keys(), 4096, 9000, 65504, 65535];
    for (const length of lengths) {
      const [k, n, a] = [random.bytes(32), random.bytes(8), random.bytes(length % 65)];
      const text = length % 3 === 0 ? new Uint8Array(length).fill(0xff) : random.bytes(length);
      const expected = chacha20poly1305(k, long(n), a).encrypt(text);
      const ours = shim.seal(k, n, a, text);
      if (toHex(ours) !== toHex(expected))
        expect(toHex(ours), `length ${length}`).toBe(toHex(expected));
      const back = shim.open(k, n, a, expected);
      if (!back || toHex(back) !== toHex(text)) expect.fail(`cannot open length ${length}`);
    }
  });

  test('with long nonces agrees with noble', () => {
    for (let length = 0; length < 300; length++) {
      const [k, n, a] = [random.bytes(32), random.bytes(24), random.bytes(16)];
      const text = random.bytes(length);
      const expected = xchacha20poly1305(k, n, a).encrypt(text);
      expect(toHex(shim.seal(k, n, a, text))).toBe(toHex(expected));
      expect(shim.open(k, n, a, expected)).toEqual(text);
    }
  });
});

describe('BLAKE2s', () => {
  test('hashes abc as RFC 7693, B, does', () => {
    expect(toHex(shim.hash(new TextEncoder().encode('abc')))).toBe(
      '508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982',
    );
  });

  test('passes the self-test of RFC 7693, E', () => {
    const sequence = (length: number, seed: number): Uint8Array => {
      let [a, b] = [Math.imul(0xdead4bad, seed) >>> 0, 1];
      return Uint8Array.from({ length }, () => {
        const next = (a + b) >>> 0;
        [a, b] = [b, next];
        return next >>> 24;
      });
    };
    const results: number[] = [];
    for (const size of [16, 20, 28, 32]) {
      for (const length of [0, 3, 64, 65, 255, 1024]) {
        const data = sequence(length, length);
        results.push(...shim.hash(data, new Uint8Array(), size));
        results.push(...shim.hash(data, sequence(size, size), size));
      }
    }
    expect(toHex(shim.hash(Uint8Array.from(results)))).toBe(
      '6a411f08ce25adcdfb02aba641451cec53c598b24f4fc787fbdc88797f4c1dfe',
    );
  });

  test('agrees with noble on every length, with and without keys, and in HMAC', () => {
    for (let length = 0; length < 300; length++) {
      const data = random.bytes(length);
      const key = random.bytes(1 + (length % 32));
      const size = 1 + (length % 32);
      expect(toHex(shim.hash(data))).toBe(toHex(blake2s(data)));
      expect(toHex(shim.hash(data, key, size))).toBe(toHex(blake2s(data, { key, dkLen: size })));
      expect(toHex(shim.hmac(data, key))).toBe(toHex(hmac(blake2s, key, data)));
    }
  });
});

describe('X25519', () => {
  test('multiplies as RFC 7748, 5.2, says', () => {
    const vectors = [
      [
        'a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4',
        'e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c',
        'c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552',
      ],
      [
        '4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d',
        'e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493',
        '95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957',
      ],
    ];
    for (const [scalar = '', point = '', out = ''] of vectors) {
      expect(toHex(shim.curve(hex(scalar), hex(point)) ?? hex(''))).toBe(out);
    }
  });

  test('multiplies a thousand times as RFC 7748, 5.2, says', () => {
    let [k, u] = [hex(`09${'00'.repeat(31)}`), hex(`09${'00'.repeat(31)}`)];
    for (let i = 0; i < 1000; i++) {
      [k, u] = [shim.curve(k, u) ?? hex(''), k];
      if (i > 0) continue;
      expect(toHex(k)).toBe('422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079');
    }
    expect(toHex(k)).toBe('684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51');
  });

  test('agrees with noble on random points and on those at the edges of limbs', () => {
    const edges = [
      `${'ff'.repeat(31)}7f`,
      'ff'.repeat(32),
      `${'00'.repeat(31)}80`,
      `ee${'ff'.repeat(30)}7f`,
      'ffffff03000000fcffff07000000f8ffff0f000000f0ffff1f000000e0ffff3f',
      ...Array.from({ length: 200 }, () => toHex(random.bytes(32))),
    ];
    for (const edge of edges) {
      const [scalar, point] = [random.bytes(32), new Uint8Array(hex(edge))];
      let expected: Uint8Array | undefined;
      try {
        expected = x25519.getSharedSecret(scalar, point);
      } catch {
        // All zeros.
      }
      expect(shim.curve(scalar, point)).toEqual(expected);
    }
  });

  test('refuses points of small order', () => {
    const points = [
      '00'.repeat(32),
      `01${'00'.repeat(31)}`,
      'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
      '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
      `ec${'ff'.repeat(30)}7f`,
      `ed${'ff'.repeat(30)}7f`,
      `ee${'ff'.repeat(30)}7f`,
    ];
    for (const point of points) expect(shim.curve(random.bytes(32), hex(point))).toBeUndefined();
  });
});
