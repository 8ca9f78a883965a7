// SPDX-License-Identifier: MIT
// noise.test - the handshake against the vector of cacophony for Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s

import { expect, test } from 'vitest';
import { AT, hex, Shim, toHex } from './shim.ts';

const VECTOR = {
  prologue: '4a6f686e2047616c74',
  psk: '54686973206973206d7920417573747269616e20706572737065637469766521',
  initiator: {
    static: 'e61ef9919cde45dd5f82166404bd08e38bceb5dfdfded0a34c8df7ed542214d1',
    ephemeral: '893e28b9dc6ca8d611ab664754b8ceb7bac5117349a4439a6b0569da977c464a',
  },
  responder: {
    public: '31e0303fd6418d2f8c0e78b91f22e8caed0fbe48656dcf4767e4834f701b8f62',
    static: '4a3acbfdb163dec651dfa3194dece676d437029c62a408b4c5ea9114246e4893',
    ephemeral: 'bbdb4cdbd309f1a1f2e1456967fe288cadd6f712d65dc7b7793d5e63da6b375b',
  },
  hash: 'f5191b875290abcd41347ac3622d9679688a7e980229cb937ef748336cfde0e5',
  messages: [
    [
      '4c756477696720766f6e204d69736573',
      'ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c7944001e21de9f98ddd8e2ad57527207feb56253c9c94a9e496782ecfcb2a75fbcaf1b52948cc48daefe660c62119ab5000980c84831215f2441eba616548e832985464cf17e51ee93109008399a21f7e13f',
    ],
    [
      '4d757272617920526f746862617264',
      '95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f144808843cb765f2caef0751b8f007572dab0322217755c0632f365717edbf34d33e87a',
    ],
    ['462e20412e20486179656b', '8153ca9833bc3c1b91a7e66e5f4d4f5b59bf9e64c2f20d15f0bba7'],
    ['4361726c204d656e676572', '07af0c9c86e1b4e80f36b04ff7688d51141af3debd0332f0a705ef'],
  ],
} as const;

/** Begins a side of the handshake; its ephemeral key is behind two hashes. */
function begin(shim: Shim, ephemeral: string): void {
  shim.write(AT.data, hex(VECTOR.prologue));
  shim.write(AT.key, hex(VECTOR.responder.public));
  shim.run('begin', hex(VECTOR.prologue).length);
  shim.at(shim.run('noise_state') + 64, 32).set(hex(ephemeral));
}

/** Both sides after both messages, which are compared on the way. */
function shaken(): { a: Shim; b: Shim } {
  const [a, b] = [new Shim(), new Shim()];
  const [first, second] = VECTOR.messages;
  const base = hex(`09${'00'.repeat(31)}`);
  const publicKey = a.curve(hex(VECTOR.initiator.static), base) ?? hex('');
  begin(a, VECTOR.initiator.ephemeral);
  a.write(AT.nonce, hex(VECTOR.initiator.static));
  a.write(AT.point, publicKey);
  a.write(AT.data, hex(first[0]));
  expect(a.run('write_first', hex(first[0]).length)).toBe(1);
  expect(toHex(a.read(AT.data, hex(first[1]).length))).toBe(first[1]);

  begin(b, VECTOR.responder.ephemeral);
  b.write(AT.nonce, hex(VECTOR.responder.static));
  b.write(AT.data, hex(first[1]));
  expect(b.run('read_first', hex(first[0]).length)).toBe(1);
  expect(toHex(b.read(AT.data, hex(first[0]).length))).toBe(first[0]);
  expect(b.read(AT.out, 32)).toEqual(publicKey);

  b.write(AT.key, publicKey);
  b.write(AT.ad, hex(VECTOR.psk));
  b.write(AT.data, hex(second[0]));
  expect(b.run('write_second', hex(second[0]).length)).toBe(1);
  expect(toHex(b.read(AT.data, hex(second[1]).length))).toBe(second[1]);

  a.write(AT.ad, hex(VECTOR.psk));
  a.write(AT.data, hex(second[1]));
  expect(a.run('read_second', hex(second[0]).length)).toBe(1);
  expect(toHex(a.read(AT.data, hex(second[0]).length))).toBe(second[0]);
  return { a, b };
}

test('both messages are those of the vector, and both sides have its hash', () => {
  const { a, b } = shaken();
  for (const side of [a, b]) {
    expect(toHex(side.at(side.run('noise_state') + 32, 32))).toBe(VECTOR.hash);
  }
});

test('the keys of both directions are those of the vector, and the state is wiped', () => {
  const { a, b } = shaken();
  for (const side of [a, b]) {
    side.run('split');
    const keys = [side.read(AT.key, 32), side.read(AT.nonce, 32)];
    for (const [i, [text, sealed]] of VECTOR.messages.slice(2).entries()) {
      const key = keys[i] ?? hex('');
      expect(toHex(side.seal(key, new Uint8Array(8), hex(''), hex(text)))).toBe(sealed);
    }
    expect(side.at(side.run('noise_state'), 128).every((byte) => byte === 0)).toBe(true);
  }
});

test('a message of which one byte is changed is refused', () => {
  const [first] = VECTOR.messages;
  for (let at = 0; at < hex(first[1]).length; at += 5) {
    const b = new Shim();
    begin(b, VECTOR.responder.ephemeral);
    b.write(AT.nonce, hex(VECTOR.responder.static));
    const message = hex(first[1]);
    message[at] = (message[at] ?? 0) ^ 4;
    b.write(AT.data, message);
    expect(b.run('read_first', hex(first[0]).length)).toBe(0);
  }
});
