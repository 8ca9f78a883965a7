// SPDX-License-Identifier: MIT
// http_fetch.test - fetch(): requests and responses as bytes

import { deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { answerBy, answerOnce, failure, OK, openWeb } from '../helpers/http.ts';
import { bytes } from '../helpers/net.ts';

describe('requests', () => {
  test('a plain GET', async () => {
    const { fetch, stack } = await openWeb();
    let heard = '';
    const { port } = await answerBy(stack, async (wire) => {
      heard = await wire.hear('\r\n\r\n');
      await wire.say(OK);
    });
    const response = await fetch(`http://127.0.0.1:${port}/a?b=c#d`);
    expect(heard).toBe(
      `GET /a?b=c HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\naccept: */*\r\nuser-agent: ringstack\r\n` +
        'accept-encoding: gzip, deflate\r\nconnection: keep-alive\r\n\r\n',
    );
    expect(await response.text()).toBe('ok');
    expect(response).toMatchObject({ status: 200, statusText: 'OK', ok: true, redirected: false });
    expect(response.url).toBe(`http://127.0.0.1:${port}/a?b=c`);
    expect(response).toBeInstanceOf(Response);
  });

  test('headers of the init are sent as they are, those a page would drop too', async () => {
    const { fetch, stack } = await openWeb({ keepAlive: false });
    let heard = '';
    const { url } = await answerBy(stack, async (wire) => {
      heard = await wire.hear('\r\n\r\n');
      await wire.say(OK);
    });
    const headers = {
      Host: 'b.test',
      Cookie: 'a=b',
      Origin: 'http://o',
      'X-E': '\xe9',
      Accept: 'a',
    };
    await fetch(url, { headers });
    for (const field of [
      'host: b.test',
      'cookie: a=b',
      'origin: http://o',
      'x-e: \xe9',
      'accept: a',
    ]) {
      expect(heard).toContain(`\r\n${field}\r\n`);
    }
    expect(heard.match(/host:/g)).toHaveLength(1);
    expect(heard).toContain('connection: close\r\n');
  });

  const stream = (...chunks: string[]): ReadableStream<Uint8Array> =>
    new ReadableStream({
      start(controller) {
        for (const chunk of chunks) controller.enqueue(bytes(chunk));
        controller.close();
      },
    });
  const form = new FormData();
  form.append('a', 'b');

  test.each([
    ['text', 'héllo', 'content-type: text/plain;charset=UTF-8', 'content-length: 6', 'héllo'],
    ['no text', '', 'content-type: text/plain;charset=UTF-8', 'content-length: 0', ''],
    [
      'a form',
      new URLSearchParams({ a: 'b c' }),
      'application/x-www-form-urlencoded',
      'content-length: 5',
      'a=b+c',
    ],
    ['a blob', new Blob(['abc'], { type: 'a/b' }), 'content-type: a/b', 'content-length: 3', 'abc'],
    ['a buffer', bytes('abc').buffer, '', 'content-length: 3', 'abc'],
    ['a view', bytes('xabcx').subarray(1, 4), '', 'content-length: 3', 'abc'],
    ['a stream', stream('ab', 'c'), '', 'transfer-encoding: chunked', 'abc'],
    [
      'an iterable',
      (async function* () {
        yield 'ab';
        yield bytes('c');
      })(),
      '',
      'chunked',
      'abc',
    ],
    ['parts', form, 'content-type: multipart/form-data; boundary=', 'chunked', 'name="a"'],
    ['nothing', undefined, '', 'content-length: 0', ''],
  ])('a body that is %s', async (_, body, type, framing, content) => {
    const { fetch, serve } = await openWeb();
    let seen = '';
    const server = await serve({ port: 0 }, async (request) => {
      const fields = [...request.headers].map(([name, value]) => `${name}: ${value}`);
      seen = fields.join('\r\n');
      return { body: await request.text() };
    });
    const response = await fetch(server.url, { method: 'POST', body: body as BodyInit });
    expect(await response.text()).toContain(content);
    expect(seen).toContain(type);
    expect(seen).toContain(framing);
  });

  test('trailers both ways', async () => {
    const { fetch, serve } = await openWeb();
    const { url } = await serve({ port: 0 }, async (request, info) => {
      const body = await request.text();
      const sum = (await info.trailers).get('x-sum') ?? '';
      return { body: `${body}${sum}`, trailers: Promise.resolve({ 'x-back': 'b' }) };
    });
    const response = await fetch(url, {
      method: 'PUT',
      body: 'abc',
      trailers: () => ({ 'x-sum': '6', 'content-length': '9' }),
    });
    expect(await response.text()).toBe('abc6');
    expect([...(await response.trailers)]).toEqual([['x-back', 'b']]);
  });

  test('a Request is taken too, and the init comes first', async () => {
    const { fetch, serve } = await openWeb();
    const { url } = await serve({ port: 0 }, async (request) => ({
      body: `${request.method} ${request.headers.get('x')} ${await request.text()}`,
    }));
    const request = new Request(url, { method: 'POST', body: 'a', headers: { x: '1' } });
    expect(await (await fetch(request.clone())).text()).toBe('POST 1 a');
    const init = { method: 'put', body: 'b', headers: { x: '2' } };
    expect(await (await fetch(request, init)).text()).toBe('PUT 2 b');
  });

  test('what is no request', async () => {
    const { fetch } = await openWeb();
    const wrong: [Parameters<typeof fetch>[0], Parameters<typeof fetch>[1]?][] = [
      ['/relative'],
      ['http://user:word@a/'],
      ['ftp://a/'],
      ['http://a/', { method: 'CONNECT' }],
      ['http://a/', { method: 'a b' }],
      ['http://a/', { body: 'x' }],
      ['http://a/', { method: 'POST', headers: { 'x\r\n': 'y' } }],
    ];
    for (const [input, init] of wrong) await expect(fetch(input, init)).rejects.toThrow(TypeError);
    await expect(fetch('https://a.test/')).rejects.toThrow('unsupported protocol: https:');
    expect(await failure(fetch('http://127.0.0.1:9/'))).toBe('TypeError ECONNREFUSED');
  });
});

describe('responses', () => {
  const respond = async (answer: string, init: RequestInit = {}) => {
    const { fetch, stack } = await openWeb({ headersTimeout: 5000 });
    const { url } = await answerBy(stack, answerOnce(answer));
    return fetch(url, init as Parameters<typeof fetch>[1]);
  };

  test.each([
    ['with a length', 'content-length: 3\r\n\r\nabcdef'],
    ['in chunks', 'transfer-encoding: chunked\r\n\r\n1\r\na\r\n2\r\nbc\r\n0\r\n\r\n'],
    ['until the connection ends', 'connection: close\r\n\r\nabc'],
  ])('a body %s', async (_, rest) => {
    expect(await (await respond(`HTTP/1.1 200 OK\r\n${rest}`)).text()).toBe('abc');
  });

  test.each([
    ['204', 'HTTP/1.1 204 No Content\r\n\r\n', undefined],
    ['304', 'HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n', undefined],
    ['HEAD', 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n', { method: 'HEAD' }],
  ])('%s has no body', async (_, answer, init) => {
    const response = await respond(answer, init);
    expect(await response.text()).toBe('');
  });

  test('interim responses are passed over; a status above 599 and all of the headers are there', async () => {
    const interim = 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: a\r\n\r\n';
    const fields = 'Set-Cookie: a=1\r\nset-cookie: b=2\r\nX: \xe9\r\nX-Empty:\r\ncontent-length: 0';
    const response = await respond(`${interim}HTTP/1.1 799 Odd\r\n${fields}\r\n\r\n`);
    expect(response).toMatchObject({ status: 799, statusText: 'Odd', ok: false });
    expect(response.headers.getSetCookie()).toEqual(['a=1', 'b=2']);
    expect([response.headers.get('x'), response.headers.get('x-empty')]).toEqual(['\xe9', '']);
    const copy = response.clone();
    expect([copy.status, copy.url]).toEqual([799, response.url]);
  });

  test.each([
    ['nothing', '', 'TypeError ECONNRESET'],
    ['half a head', 'HTTP/1.1 200 OK\r\ncont', 'TypeError ECONNRESET'],
    ['something else', 'SSH-2.0-x\r\n\r\n', 'TypeError EPROTO'],
    [
      'two lengths',
      'HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\na',
      'TypeError EPROTO',
    ],
    [
      'chunks and a length',
      'HTTP/1.1 200 OK\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n',
      'TypeError EPROTO',
    ],
    ['another coding', 'HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\n', 'TypeError EPROTO'],
    ['LF alone', 'HTTP/1.1 200 OK\ncontent-length: 0\n\n', 'TypeError EPROTO'],
    [
      'a head that is too long',
      `HTTP/1.1 200 OK\r\nx: ${'a'.repeat(20_000)}\r\n\r\n`,
      'TypeError EPROTO',
    ],
    ['an upgrade nobody asked for', 'HTTP/1.1 101 x\r\n\r\n', 'TypeError EPROTO'],
    ['interim responses without end', 'HTTP/1.1 102 x\r\n\r\n'.repeat(100), 'TypeError EPROTO'],
  ])('%s is refused', async (_, answer, outcome) => {
    expect(await failure(respond(answer))).toBe(outcome);
  });

  test.each([
    ['a length', 'content-length: 5\r\n\r\nabc', 'ECONNRESET'],
    ['chunks', 'transfer-encoding: chunked\r\n\r\n5\r\nabc', 'ECONNRESET'],
    ['chunks without the last', 'transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n', 'ECONNRESET'],
    ['chunks that are malformed', 'transfer-encoding: chunked\r\n\r\nxyz\r\n', 'EPROTO'],
  ])('a body cut short, with %s, fails', async (_, rest, code) => {
    const response = await respond(`HTTP/1.1 200 OK\r\n${rest}`);
    await expect(response.text()).rejects.toMatchObject({ code });
    await expect(response.trailers).rejects.toMatchObject({ code });
  });

  test.each([
    ['gzip', gzipSync],
    ['x-gzip', gzipSync],
    ['deflate', deflateSync],
    ['deflate', deflateRawSync],
    ['gzip, identity', gzipSync],
    ['deflate, gzip', (data: Uint8Array) => gzipSync(deflateSync(data))],
  ])('%s is decoded', async (encoding, code) => {
    const { fetch, serve } = await openWeb();
    const content = 'hello '.repeat(1000);
    const { url } = await serve({ port: 0 }, (request) => ({
      headers: { 'content-encoding': encoding },
      body: request.url.endsWith('/none') ? null : new Uint8Array(code(bytes(content))),
    }));
    const response = await fetch(url);
    expect(await response.text()).toBe(content);
    expect([...response.headers].map(([name]) => name)).not.toContain('content-encoding');
    expect(await (await fetch(`${url}none`)).text()).toBe('');
  });

  test('what is not known here stays coded, and what is cut short fails', async () => {
    const { fetch, serve } = await openWeb();
    const { url } = await serve({ port: 0 }, (request) => {
      const isKnown = request.url.endsWith('/gzip');
      const coded = new Uint8Array(gzipSync(bytes('hello'))).subarray(0, 12);
      return { headers: { 'content-encoding': isKnown ? 'gzip' : 'zz' }, body: coded };
    });
    const raw = await fetch(`${url}zz`);
    expect((await raw.arrayBuffer()).byteLength).toBe(12);
    expect(raw.headers.get('content-encoding')).toBe('zz');
    expect(await failure((await fetch(`${url}gzip`)).text())).not.toBe('ok');
    const plain = await openWeb({ decompress: false });
    const server = await plain.serve({ port: 0 }, (request) => ({
      body: String(request.headers.get('accept-encoding')),
    }));
    expect(await (await plain.fetch(server.url)).text()).toBe('null');
  });
});
