// SPDX-License-Identifier: MIT
// http_websocket.test - WebSockets: both sides of ours, and the handshake

import { upgradeWebSocket } from 'ringstack/http';
import { describe, expect, test } from 'vitest';
import { acceptOf } from '../../js/http/websocket_handshake.ts';
import { answerBy, dial, openWeb, type Wire } from '../helpers/http.ts';
import { byHand, echo, KEY, listen, record } from '../helpers/http_sockets.ts';
import { settle, until } from '../helpers/net.ts';
import { Prng } from '../helpers/prng.ts';
import { sameBytes } from '../helpers/runtime.ts';

describe('both sides', () => {
  test('texts, bytes, blobs and long messages come back in order', async () => {
    const { WebSocket, url } = await listen(echo);
    const socket = new WebSocket(`${url}path?q`);
    const events = record(socket);
    expect([socket.url, socket.readyState, socket.binaryType]).toEqual([
      `${url}path?q`,
      0,
      'arraybuffer',
    ]);
    expect(() => socket.send('early')).toThrow(/not open yet/);
    await until(() => socket.readyState === 1);
    socket.send('héllo');
    socket.send(new Blob(['blob']));
    socket.send('');
    socket.send(Uint8Array.of(0, 1, 2).subarray(1));
    socket.send(new Uint8Array([7]).buffer);
    await until(() => events.length === 6);
    expect(events).toEqual([
      'open',
      'text héllo',
      'binary 98,108,111,98',
      'text ',
      'binary 1,2',
      'binary 7',
    ]);
    const long = new Prng(1).bytes(3_000_000);
    socket.onmessage = null;
    const came = new Promise<MessageEvent>((resolve) =>
      socket.addEventListener('message', resolve, { once: true }),
    );
    socket.send(long);
    expect(socket.bufferedAmount).toBeGreaterThan(0);
    expect(sameBytes(new Uint8Array((await came).data), long)).toBe(true);
    await until(() => socket.bufferedAmount === 0);
    socket.close(3001, 'bye');
    expect(socket.readyState).toBe(2);
    await until(() => socket.readyState === 3);
    expect(events.at(-1)).toBe('close 3001 bye true');
    socket.send('late');
    expect(socket.bufferedAmount).toBe(4);
    socket.close();
  });

  test('the server closes, and sends what it sent before', async () => {
    const { WebSocket, url } = await listen((socket) => {
      socket.onopen = () => {
        socket.send('last');
        socket.close(1000, 'done');
      };
    });
    const events = record(new WebSocket(url));
    await until(() => events.length === 3);
    expect(events).toEqual(['open', 'text last', 'close 1000 done true']);
  });

  test('a protocol is chosen', async () => {
    const { WebSocket, url } = await listen(echo, { protocol: 'b' });
    const socket = new WebSocket(url, ['a', 'b']);
    await until(() => socket.readyState === 1);
    expect(socket.protocol).toBe('b');
    const other = new WebSocket(url, 'c');
    const events = record(other);
    await until(() => other.readyState === 3);
    expect(events).toEqual(['error', 'close 1006  false']);
  });

  test('blobs, constants, handlers that are taken back, and listeners', async () => {
    const { WebSocket, url } = await listen((socket) => {
      expect(socket.binaryType).toBe('blob');
      socket.onmessage = ({ data }) => socket.send(data);
    });
    expect([WebSocket.CONNECTING, WebSocket.OPEN, WebSocket.CLOSING, WebSocket.CLOSED]).toEqual([
      0, 1, 2, 3,
    ]);
    const socket = new WebSocket(url);
    const never = (): never => {
      throw new Error('taken back');
    };
    socket.onmessage = never;
    socket.onmessage = null;
    expect(socket.onmessage).toBe(null);
    await until(() => socket.readyState === 1);
    const came = new Promise<MessageEvent>((resolve) =>
      socket.addEventListener('message', resolve),
    );
    socket.send(Uint8Array.of(65));
    const { data } = await came;
    expect(data).toBeInstanceOf(Blob);
    expect(await data.text()).toBe('A');
  });

  test('what close() and the constructor refuse', async () => {
    const { WebSocket, url } = await listen(echo);
    for (const wrong of ['x', 'ftp://a/', `${url}#a`, 'ws://']) {
      expect(() => new WebSocket(wrong)).toThrow(DOMException);
    }
    for (const wrong of [['a', 'a'], ['a b'], ''])
      expect(() => new WebSocket(url, wrong)).toThrow(DOMException);
    expect(() => new WebSocket('wss://a/')).toThrow('unsupported protocol: wss:');
    const socket = new WebSocket(url);
    for (const code of [0, 999, 1001, 1005, 2999, 5000])
      expect(() => socket.close(code)).toThrow(DOMException);
    expect(() => socket.close(1000, 'é'.repeat(62))).toThrow(DOMException);
    const events = record(socket);
    socket.close();
    await until(() => socket.readyState === 3);
    expect(events).toEqual(['error', 'close 1006  false']);
  });

  test('a server that is slow to read holds the sender, and memory does not grow', async () => {
    const web = await openWeb();
    let wire: Wire | undefined;
    const url = await byHand(web, async (opened) => {
      wire = opened;
      await new Promise(() => {});
    });
    const socket = new web.WebSocket(url);
    await until(() => socket.readyState === 1);
    for (let n = 0; n < 64; n++) socket.send(new Uint8Array(1 << 20));
    await settle();
    expect(socket.bufferedAmount).toBeGreaterThan(32 << 20);
    wire?.connection.abort();
    await until(() => socket.readyState === 3);
  });
});

describe('the handshake', () => {
  test('of the server', async () => {
    const web = await listen(echo);
    const wire = await dial(web.stack, web.port);
    const fields = `host: a\r\nupgrade: WebSocket\r\nconnection: Upgrade\r\nsec-websocket-version: 13\r\nsec-websocket-key: ${KEY}`;
    await wire.say(`GET / HTTP/1.1\r\n${fields}\r\n\r\n`);
    expect(await wire.hear('\r\n\r\n')).toBe(
      'HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nsec-websocket-accept: ' +
        's3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nupgrade: websocket\r\n\r\n',
    );
    for (const [from, to] of [
      ['upgrade: WebSocket', 'upgrade: x'],
      ['connection: Upgrade', 'connection: close'],
      ['version: 13', 'version: 8'],
      [KEY, 'short'],
      ['GET', 'PUT'],
    ] as const) {
      const other = await dial(web.stack, web.port);
      await other.say(`GET / HTTP/1.1\r\n${fields}\r\n\r\n`.replace(from, to));
      expect(await other.hear('\r\n\r\n')).toMatch(/^HTTP\/1.1 400 /);
      other.connection.abort();
    }
  });

  test.each([
    ['another status', 'HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n'],
    ['no key', 'HTTP/1.1 101 x\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n'],
    ['another upgrade', 'HTTP/1.1 101 x\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n'],
    ['an extension', 'ACCEPT\r\nsec-websocket-extensions: permessage-deflate\r\n\r\n'],
    ['a protocol', 'ACCEPT\r\nsec-websocket-protocol: x\r\n\r\n'],
    ['nothing', ''],
  ])('of a server that answers %s fails the client', async (_, answer) => {
    const { stack, WebSocket } = await openWeb();
    const { url } = await answerBy(stack, async (wire) => {
      const head = await wire.hear('\r\n\r\n');
      const [, key = ''] = /sec-websocket-key: (.*)\r\n/.exec(head) ?? [];
      const start = `HTTP/1.1 101 x\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: ${acceptOf(key)}`;
      await wire.say(answer.replace('ACCEPT', start));
      await wire.hangUp();
    });
    const events = record(new WebSocket(url));
    await until(() => events.length === 2);
    expect(events).toEqual(['error', 'close 1006  false']);
  });

  test('headers of its own, and nobody there', async () => {
    const web = await openWeb();
    let head = '';
    const url = await byHand(web, async (_, heard) => {
      head = heard;
    });
    const options = { headers: { cookie: 'a=b' }, protocols: [] } as unknown as string[];
    const socket = new web.WebSocket(url, options);
    // The server may hear of its own answer after us.
    await until(() => socket.readyState === 1 && head !== '');
    expect(head).toContain('\r\ncookie: a=b\r\n');
    expect(head).not.toContain('sec-websocket-protocol');
    const events = record(new web.WebSocket('ws://127.0.0.1:9/'));
    await until(() => events.length === 2);
  });

  test('a socket whose request is answered in another way fails', async () => {
    const { serve, WebSocket } = await openWeb();
    let events: string[] = [];
    const { port } = await serve({ port: 0 }, (request) => {
      events = record(upgradeWebSocket(request).socket);
      return { status: 403 };
    });
    const client = record(new WebSocket(`ws://127.0.0.1:${port}/`));
    await until(() => client.length === 2 && events.length === 2);
    expect(events).toEqual(['error', 'close 1006  false']);
  });
});
