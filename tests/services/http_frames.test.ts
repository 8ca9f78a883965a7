// SPDX-License-Identifier: MIT
// http_frames.test - WebSockets: frames by hand against each side, limits

import { describe, expect, test } from 'vitest';
import { formatFrame, OPCODE } from '../../js/codec/websocket.ts';
import { openWeb } from '../helpers/http.ts';
import { byHand, echo, listen, record, upgraded } from '../helpers/http_sockets.ts';
import { bytes, concat, until } from '../helpers/net.ts';
import { Prng } from '../helpers/prng.ts';

const MASK = Uint8Array.of(1, 2, 3, 4);

describe('frames by hand', () => {
  const masked = (opcode: number, payload: Uint8Array | string, first?: number): Uint8Array => {
    const frame = formatFrame(opcode, typeof payload === 'string' ? bytes(payload) : payload, MASK);
    if (first !== undefined) frame[0] = first;
    return frame;
  };
  const char = String.fromCharCode;

  test('fragments with a ping between them are one message', async () => {
    const web = await listen(echo);
    const wire = await upgraded(web);
    const all = concat([
      masked(0, 'Hel', 0x01),
      masked(OPCODE.ping, 'now'),
      masked(0, '', 0x00),
      masked(0, 'lo é', 0x80),
    ]);
    for (const byte of all) await wire.sayBytes(Uint8Array.of(byte));
    expect(await wire.hear('now')).toBe(`${char(0x8a, 3)}now`);
    expect(await wire.hear('Hello \xc3\xa9')).toBe(`${char(0x81, 8)}Hello \xc3\xa9`);
    await wire.sayBytes(masked(OPCODE.pong, 'nobody asked'));
    await wire.sayBytes(masked(OPCODE.close, Uint8Array.of(3, 232, 98)));
    expect(await wire.rest()).toBe(`${char(0x88, 3, 3, 232)}b`);
  });

  test.each([
    ['a frame without a mask', formatFrame(OPCODE.text, bytes('x'), undefined), 1002],
    ['a reserved bit', masked(1, 'x', 0xc1), 1002],
    ['an opcode that is not known', masked(3, 'x'), 1002],
    ['a ping in pieces', masked(9, 'x', 0x09), 1002],
    ['a continuation of nothing', masked(0, 'x'), 1002],
    ['a message within a message', concat([masked(1, 'x', 0x01), masked(1, 'y')]), 1002],
    ['a text that is not UTF-8', masked(1, Uint8Array.of(0xc3, 0x28)), 1007],
    ['a surrogate', masked(1, Uint8Array.of(0xed, 0xa0, 0x80)), 1007],
    [
      'a text cut in a character',
      concat([masked(1, Uint8Array.of(0xc3), 0x01), masked(0, '', 0x80)]),
      1007,
    ],
    ['half a close code', masked(8, Uint8Array.of(3)), 1002],
    ['a close code that never travels', masked(8, Uint8Array.of(3, 238)), 1002],
    ['a reason that is not UTF-8', masked(8, Uint8Array.of(3, 232, 0xff)), 1007],
    ['a message that is too long', masked(2, new Uint8Array(1001)), 1009],
    [
      'one that is too long in pieces',
      concat([masked(2, new Uint8Array(900), 0x02), masked(0, new Uint8Array(200))]),
      1009,
    ],
    ['a length nobody sends', Uint8Array.of(0x82, 0xff, 0, 0, 0, 1, 0, 0, 0, 0, 1, 2, 3, 4), 1009],
  ])('%s fails the connection', async (_, frames, code) => {
    let events: string[] = [];
    const web = await listen(
      (socket) => {
        events = record(socket);
      },
      { maxPayload: 1000 },
    );
    const wire = await upgraded(web);
    await wire.sayBytes(frames);
    const heard = await wire.rest();
    expect(heard.charCodeAt(0)).toBe(0x88);
    expect((heard.charCodeAt(2) << 8) | heard.charCodeAt(3)).toBe(code);
    await until(() => events.length === 3);
    expect(events).toEqual(['open', 'error', 'close 1006  false']);
  });

  test('a connection that ends without Close', async () => {
    let events: string[] = [];
    const web = await listen((socket) => {
      events = record(socket);
    });
    const wire = await upgraded(web);
    await wire.hangUp();
    await until(() => events.length === 2);
    expect(events).toEqual(['open', 'close 1006  false']);
    const other = await upgraded(web);
    other.connection.abort();
    await until(() => events.at(-1) === 'close 1006  false');
  });

  test('a client sends masked frames, waits for the end, and takes Close without a code', async () => {
    const web = await openWeb();
    let heard = '';
    const url = await byHand(web, async (wire) => {
      await wire.sayBytes(formatFrame(OPCODE.text, bytes('hi'), undefined));
      await wire.sayBytes(formatFrame(OPCODE.close, new Uint8Array(), undefined));
      await wire.sayBytes(formatFrame(OPCODE.text, bytes('too late'), undefined));
      heard = await wire.hear(char(0x88, 0x80));
      await wire.hangUp();
    });
    const events = record(new web.WebSocket(url));
    await until(() => events.length === 3);
    expect(events).toEqual(['open', 'text hi', 'close 1005  true']);
    expect(heard).toBe(char(0x88, 0x80));
  });

  test('a peer that pings and does not read is answered once', async () => {
    const web = await listen(echo);
    const wire = await upgraded(web);
    const ping = masked(OPCODE.ping, new Uint8Array(125));
    const many = concat(Array.from({ length: 500 }, () => ping));
    for (let n = 0; n < 100; n++) await wire.sayBytes(many);
    await wire.sayBytes(masked(OPCODE.ping, 'last'));
    await wire.hear('last');
  });

  test('a peer that is silent is pinged, and then given up', async () => {
    let events: string[] = [];
    const web = await listen(
      (socket) => {
        events = record(socket);
      },
      { idleTimeout: 0.03 },
    );
    const wire = await upgraded(web);
    await wire.hear(char(0x89, 0));
    await wire.sayBytes(masked(OPCODE.pong, ''));
    await wire.hear(char(0x89, 0));
    await until(() => events.length === 3);
    expect(events).toEqual(['open', 'error', 'close 1006  false']);
    expect(await wire.rest()).toBe('');
  });

  test('fuzz: frames of any bytes end in a close, and nothing hangs', async () => {
    const web = await listen(echo, { maxPayload: 10_000 });
    const random = new Prng(23);
    for (let n = 0; n < 60; n++) {
      const wire = await upgraded(web);
      const good = masked(random.pick([1, 2, 9]), random.bytes(random.int(300)));
      good[random.int(good.length)] = random.int(256);
      await wire.sayBytes(concat([good, random.bytes(random.int(40))])).catch(() => {});
      await wire.hangUp().catch(() => {});
      await wire.rest();
    }
    const socket = new web.WebSocket(web.url);
    await until(() => socket.readyState === 1);
  });
});
