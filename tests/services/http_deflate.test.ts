// SPDX-License-Identifier: MIT
// http_deflate.test - permessage-deflate: negotiated, messages both ways, bombs; and left out where there is no zlib

import { describe, expect, test } from 'vitest';
import { formatFrame, OPCODE, parseFrame } from '../../js/codec/websocket.ts';
import { acceptOffer, canDeflate, OFFER, readAnswer } from '../../js/http/websocket_deflate.ts';
import { builtin } from '../../js/runtime/builtin.ts';
import { dial } from '../helpers/http.ts';
import { echo, KEY, listen, record } from '../helpers/http_sockets.ts';
import { until } from '../helpers/net.ts';
import { IS_PAGE, testUnless } from '../helpers/runtime.ts';

const DEFLATE = { perMessageDeflate: true };
const testDeflate = testUnless(IS_PAGE ? 'a page has no zlib of Node' : undefined);
/** The constructor takes an object, as in undici and Deno. */
const withDeflate = DEFLATE as unknown as string[];
const latin1 = (bytes: Uint8Array): string => String.fromCharCode(...bytes);

test('The extension is there where the runtime has zlib: not in a page.', async () => {
  expect(canDeflate()).toBe(!IS_PAGE);
  const { WebSocket, url } = await listen(echo, DEFLATE);
  for (const [options, extensions] of [
    [withDeflate, IS_PAGE ? '' : OFFER],
    [[], ''],
  ] as const) {
    const socket = new WebSocket(url, options as string[]);
    const events = record(socket);
    await until(() => socket.readyState === 1);
    expect(socket.extensions).toBe(extensions);
    for (const text of ['short', 'long '.repeat(1000), 'x'.repeat(2_000_000), '']) {
      socket.send(text);
      await until(() => events.includes(`text ${text}`));
    }
    socket.close();
    await until(() => socket.readyState === 3);
  }
});

testDeflate(
  'A long message is shorter on its way, a short and a random one are as they are.',
  async () => {
    const server = await listen(echo, DEFLATE);
    const wire = await dial(server.stack, server.port);
    await wire.say(
      `GET / HTTP/1.1\r\nhost: a\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\n` +
        `sec-websocket-key: ${KEY}\r\nsec-websocket-extensions: x, permessage-deflate; client_max_window_bits\r\n\r\n`,
    );
    expect(await wire.hear('\r\n\r\n')).toContain(`sec-websocket-extensions: ${OFFER}\r\n`);
    const random = crypto.getRandomValues(new Uint8Array(2000));
    for (const [payload, isCompressed] of [
      [new Uint8Array(5000), true],
      [new Uint8Array(1000), false],
      [random, false],
    ] as const) {
      await wire.sayBytes(formatFrame(OPCODE.binary, payload, Uint8Array.of(1, 2, 3, 4)));
      await wire.sayBytes(
        formatFrame(OPCODE.ping, new TextEncoder().encode('~end~'), Uint8Array.of(1, 2, 3, 4)),
      );
      const heard = await wire.hear('~end~');
      const header = parseFrame(
        Uint8Array.from(heard, (char) => char.charCodeAt(0)),
        false,
        true,
      );
      expect(header?.isCompressed).toBe(isCompressed);
      expect(header?.length).toBe(isCompressed ? header?.length : payload.length);
      if (isCompressed) expect(header?.length).toBeLessThan(100);
    }
  },
);

describe('messages by hand', () => {
  /** Sends frames to a server with the extension; gives the code that it closes with. */
  async function closedWith(frames: (key: Uint8Array) => Uint8Array[], options: object = {}) {
    const server = await listen(echo, { ...DEFLATE, ...options });
    const wire = await dial(server.stack, server.port);
    await wire.say(
      `GET / HTTP/1.1\r\nhost: a\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\n` +
        `sec-websocket-key: ${KEY}\r\nsec-websocket-extensions: permessage-deflate\r\n\r\n`,
    );
    await wire.hear('\r\n\r\n');
    for (const frame of frames(Uint8Array.of(9, 8, 7, 6))) await wire.sayBytes(frame);
    const rest = await wire.rest();
    return rest.charCodeAt(2) * 256 + rest.charCodeAt(3);
  }
  const packed = (bytes: Uint8Array): Uint8Array => {
    const { deflateRawSync, constants } = builtin('node:zlib') as typeof import('node:zlib');
    return deflateRawSync(bytes, { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4);
  };

  testDeflate('A message that grows beyond maxPayload is 1009.', async () => {
    const bomb = packed(new Uint8Array(20_000_000));
    expect(bomb.length).toBeLessThan(100_000);
    const frames = (key: Uint8Array) => [formatFrame(OPCODE.binary, bomb, key, true)];
    expect(await closedWith(frames, { maxPayload: 1_000_000 })).toBe(1009);
  });

  testDeflate('Malformed data, and text that is not UTF-8, is 1007.', async () => {
    const bad = (key: Uint8Array) => [
      formatFrame(OPCODE.binary, Uint8Array.of(255, 1, 2), key, true),
    ];
    expect(await closedWith(bad)).toBe(1007);
    const text = packed(Uint8Array.of(0xff, 0xfe));
    expect(await closedWith((key) => [formatFrame(OPCODE.text, text, key, true)])).toBe(1007);
  });

  testDeflate('A compressed control frame or continuation is 1002.', async () => {
    const ping = (key: Uint8Array) => [formatFrame(OPCODE.ping, new Uint8Array(), key, true)];
    expect(await closedWith(ping)).toBe(1002);
    const rest = (key: Uint8Array) => {
      const first = formatFrame(OPCODE.binary, packed(Uint8Array.of(1)), key, true);
      first[0] = (first[0] ?? 0) & 0x7f;
      return [first, formatFrame(OPCODE.continuation, Uint8Array.of(0), key, true)];
    };
    expect(await closedWith(rest)).toBe(1002);
  });

  testDeflate('A message with a last block is one, in pieces too.', async () => {
    const { deflateRawSync } = builtin('node:zlib') as typeof import('node:zlib');
    const whole = deflateRawSync(new TextEncoder().encode('bye'));
    const server = await listen((socket) => {
      socket.onmessage = ({ data }) => socket.close(1000, data);
    }, DEFLATE);
    const wire = await dial(server.stack, server.port);
    await wire.say(
      `GET / HTTP/1.1\r\nhost: a\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\n` +
        `sec-websocket-key: ${KEY}\r\nsec-websocket-extensions: permessage-deflate\r\n\r\n`,
    );
    await wire.hear('\r\n\r\n');
    const key = Uint8Array.of(0, 0, 0, 0);
    const first = formatFrame(OPCODE.text, whole.subarray(0, 2), key, true);
    first[0] = (first[0] ?? 0) & 0x7f;
    await wire.sayBytes(first);
    await wire.sayBytes(
      formatFrame(OPCODE.continuation, Uint8Array.of(...whole.subarray(2), 0), key),
    );
    expect(await wire.hear('bye')).toBe(latin1(Uint8Array.of(0x88, 5, 3, 0xe8)) + 'bye');
  });
});

describe('offers and answers', () => {
  const agreed = (field: string | null): string | undefined => acceptOffer(field)?.extensions;

  testDeflate('The first offer that we can is taken, and the others are left.', () => {
    expect(agreed(null)).toBeUndefined();
    expect(agreed('')).toBeUndefined();
    expect(agreed('permessage-bzip2')).toBeUndefined();
    expect(agreed('permessage-deflate')).toBe(OFFER);
    expect(agreed('permessage-deflate; client_max_window_bits; client_no_context_takeover')).toBe(
      OFFER,
    );
    expect(agreed('permessage-deflate; server_max_window_bits="10"')).toBe(
      `${OFFER}; server_max_window_bits=10`,
    );
    expect(agreed('permessage-deflate; server_max_window_bits=8')).toBeUndefined();
    expect(agreed('permessage-deflate; server_max_window_bits=8, permessage-deflate')).toBe(OFFER);
    for (const flaw of [
      'server_max_window_bits',
      'server_max_window_bits=16',
      'server_max_window_bits=09',
      'client_max_window_bits=7',
      'server_no_context_takeover=1',
      'client_no_context_takeover; client_no_context_takeover',
      'unknown',
      '',
    ]) {
      expect([flaw, agreed(`permessage-deflate; ${flaw}`)]).toEqual([flaw, undefined]);
    }
  });

  testDeflate('An answer that we did not ask for is none.', () => {
    const start = 'permessage-deflate; server_no_context_takeover';
    for (const answer of [
      start,
      `${start}; client_no_context_takeover`,
      `${start}; server_max_window_bits=8`,
    ]) {
      expect(readAnswer(answer)?.extensions).toBe(answer);
    }
    for (const answer of [
      '',
      'permessage-deflate',
      `${start}; client_max_window_bits=10`,
      `${start}; server_max_window_bits`,
      `${start}, ${start}`,
      `${start}, x`,
      'x',
    ]) {
      expect([answer, readAnswer(answer)]).toEqual([answer, undefined]);
    }
  });
});
