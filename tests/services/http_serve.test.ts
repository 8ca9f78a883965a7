// SPDX-License-Identifier: MIT
// http_serve.test - serve(): its forms, answers and requests as bytes

import type { HttpInfo } from 'ringstack/http';
import { describe, expect, test, vi } from 'vitest';
import { askRaw, dial, openWeb } from '../helpers/http.ts';
import { outcome } from '../helpers/net.ts';

const GET = 'GET / HTTP/1.1\r\nhost: a\r\n\r\n';
const LAST = 'GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n';

describe('forms of serve()', () => {
  test('a handler alone is served on port 80', async () => {
    const { serve, stack } = await openWeb();
    const server = await serve((request) => new Response(new URL(request.url).pathname));
    expect(server.port).toBe(80);
    const text = await askRaw(
      stack,
      80,
      'GET /x HTTP/1.1\r\nhost: a.test\r\nconnection: close\r\n\r\n',
    );
    expect(text).toBe(
      'HTTP/1.1 200 OK\r\ncontent-type: text/plain;charset=UTF-8\r\nconnection: close\r\n' +
        'transfer-encoding: chunked\r\n\r\n2\r\n/x\r\n0\r\n\r\n',
    );
  });

  test('options and a handler, or a handler among the options', async () => {
    const { serve, stack } = await openWeb();
    const one = await serve({ host: '127.0.0.1', port: 0 }, () => ({ body: 'one' }));
    const two = await serve({ host: '127.0.0.1', port: 0, handler: () => ({ body: 'two' }) });
    expect(one.host).toBe('127.0.0.1');
    expect(one.url).toBe(`http://127.0.0.1:${one.port}/`);
    expect(await askRaw(stack, one.port, LAST)).toMatch(/\r\n\r\none$/);
    expect(await askRaw(stack, two.port, LAST)).toMatch(/\r\n\r\ntwo$/);
  });

  test('what cannot be served', async () => {
    const { serve } = await openWeb();
    await expect(serve({ port: 80 } as never)).rejects.toThrow('serve options require a handler');
    expect(await outcome(serve({ port: 0, maxHeaderSize: 0 }, () => ({})))).toBe('EINVAL');
    expect(await outcome(serve({ port: 0, headersTimeout: -1 }, () => ({})))).toBe('EINVAL');
    await serve({ port: 81 }, () => ({}));
    expect(await outcome(serve({ port: 81 }, () => ({})))).toBe('EADDRINUSE');
    await expect(serve({ port: 0, tls: {} }, () => ({}))).rejects.toThrow(
      'unsupported protocol: https:',
    );
  });
});

describe('answers', () => {
  const answer = async (handler: (request: Request, info: HttpInfo) => never, text = LAST) => {
    const { serve, stack } = await openWeb();
    const { port } = await serve({ port: 0, onError: () => ({ status: 500 }) }, handler);
    return askRaw(stack, port, text);
  };
  const replies = (reply: unknown, text?: string) => answer(() => reply as never, text);

  test('a reply with a body that is known has a length', async () => {
    const headers: [string, string][] = [
      ['set-cookie', 'a=1'],
      ['set-cookie', 'b=2'],
    ];
    expect(await replies({ status: 299, statusText: 'Fine', headers, body: 'hello' })).toBe(
      'HTTP/1.1 299 Fine\r\ncontent-type: text/plain;charset=UTF-8\r\nset-cookie: a=1\r\nset-cookie: b=2\r\n' +
        'connection: close\r\ncontent-length: 5\r\n\r\nhello',
    );
  });

  test.each([
    ['nothing', {}, 'content-length: 0\r\n\r\n'],
    ['bytes', { body: Uint8Array.of(65, 66) }, 'content-length: 2\r\n\r\nAB'],
    ['a blob', { body: new Blob(['abc']) }, 'content-length: 3\r\n\r\nabc'],
    ['a form', { body: new URLSearchParams({ a: 'b' }) }, 'content-length: 3\r\n\r\na=b'],
    [
      'trailers',
      { body: 'x', trailers: { 'x-sum': '1', host: 'no' } },
      'chunked\r\n\r\n1\r\nx\r\n0\r\nx-sum: 1\r\n\r\n',
    ],
    ['a Response of nothing', new Response(null), 'content-length: 0\r\n\r\n'],
    [
      'a Response with a length',
      new Response('abc', { headers: { 'content-length': '3' } }),
      'content-length: 3\r\n\r\nabc',
    ],
    ['204', { status: 204 }, 'connection: close\r\n\r\n'],
    [
      '304',
      new Response(null, { status: 304, headers: { 'content-length': '7' } }),
      'content-length: 7\r\n\r\n',
    ],
    ['205', { status: 205, body: 'no' }, 'content-length: 0\r\n\r\n'],
  ])('%s', async (_, reply, end) => {
    const text = await replies(reply);
    expect(text.slice(-end.length)).toBe(end);
  });

  test('HEAD has the length and no body', async () => {
    const head = LAST.replace('GET', 'HEAD');
    expect(await replies({ body: 'hello' }, head)).toMatch(/content-length: 5\r\n\r\n$/);
    expect(await answer(() => new Response('hello') as never, head)).toMatch(
      /connection: close\r\n\r\n$/,
    );
  });

  test('HTTP/1.0 gets no chunks, and keeps the connection only if it asks', async () => {
    const old = 'GET / HTTP/1.0\r\n\r\n';
    expect(await answer(() => new Response('hello') as never, old)).toMatch(
      /^HTTP\/1.1 200 OK\r\n(?!.*transfer)[\s\S]*connection: close\r\n\r\nhello$/,
    );
    const { serve, stack } = await openWeb();
    const { port } = await serve({ port: 0 }, () => ({ body: 'x' }));
    const wire = await dial(stack, port);
    await wire.say('GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n');
    expect(await wire.hear('\r\n\r\nx')).toContain('connection: keep-alive\r\n');
    await wire.say(old);
    expect(await wire.rest()).toContain('connection: close\r\n');
  });

  test.each([
    ['nothing at all', undefined],
    ['a text', 'hello'],
    ['an interim status', { status: 103 }],
    ['a status that is none', { status: 1000 }],
    ['a field that would begin another message', { headers: [['a', 'b\r\n\r\nc']] }],
    ['a status text that would', { statusText: 'a\r\nb' }],
    ['a length that is none', new Response('x', { headers: { 'content-length': 'x' } })],
    ['an error', Response.error()],
  ])('%s is answered 500', async (_, reply) => {
    expect(await replies(reply)).toMatch(/^HTTP\/1.1 500 /);
  });

  test('a handler that throws, at once or later, is answered by onError', async () => {
    const { serve, stack } = await openWeb();
    const seen: unknown[] = [];
    const { port } = await serve({
      port: 0,
      onError: (error) => {
        seen.push((error as Error).message);
        return { status: 503, body: 'sorry' };
      },
      handler: (request) => {
        if (request.method === 'GET') throw new Error('now');
        return Promise.reject(new Error('later'));
      },
    });
    const wire = await dial(stack, port);
    await wire.say(GET);
    expect(await wire.hear('sorry')).toContain('HTTP/1.1 503 Service Unavailable');
    await wire.say(LAST.replace('GET', 'PUT'));
    expect(await wire.hear('sorry')).toContain('HTTP/1.1 503 ');
    expect(seen).toEqual(['now', 'later']);
  });

  test('without onError the console hears of it', async () => {
    const { serve, stack } = await openWeb();
    const error = vi.spyOn(console, 'error').mockImplementation(() => {});
    const { port } = await serve({ port: 0 }, () => {
      throw new Error('oops');
    });
    expect(await askRaw(stack, port, LAST)).toMatch(/^HTTP\/1.1 500 [\s\S]*Internal Server Error$/);
    expect(error).toHaveBeenCalledTimes(1);
    error.mockRestore();
  });

  test('date, if asked for', async () => {
    const { serve, stack } = await openWeb();
    const { port } = await serve({ port: 0, date: true }, () => ({}));
    expect(await askRaw(stack, port, LAST)).toMatch(
      /\r\ndate: \w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT\r\n/,
    );
  });
});

describe('requests', () => {
  test('all of their headers are there, and addresses', async () => {
    const { serve, stack } = await openWeb();
    let seen: unknown;
    const { port } = await serve({ port: 0 }, (request, info) => {
      seen = [
        ...['host', 'cookie', 'origin', 'x'].map((name) => request.headers.get(name)),
        [info.remoteAddress, info.localAddress, info.localPort],
        request instanceof Request,
        request.clone().headers.get('cookie'),
      ];
      return {};
    });
    await askRaw(
      stack,
      port,
      'GET / HTTP/1.1\r\nhost: a\r\ncookie: b=c\r\norigin: http://o\r\nx: \xe9\r\nconnection: close\r\n\r\n',
    );
    expect(seen).toEqual([
      'a',
      'b=c',
      'http://o',
      '\xe9',
      ['127.0.0.1', '127.0.0.1', port],
      true,
      'b=c',
    ]);
  });

  test.each([
    ['GET /a?b#c', undefined],
    ['GET /a/../b?c=%20', 'http://a.test/b?c=%20'],
    ['GET //x/y', 'http://a.test//x/y'],
    ['GET http://b.test:81/c', 'http://b.test:81/c'],
    ['OPTIONS *', 'http://a.test/*'],
    ['GET *', undefined],
    ['GET x', undefined],
    ['GET ftp://b/c', undefined],
    ['GET http://u@b/c', undefined],
    ['TRACE /', 'http://a.test/'],
    ['get /', 'http://a.test/'],
  ])('%s', async (line, url) => {
    const { serve, stack } = await openWeb();
    let seen: string | undefined;
    const { port } = await serve({ port: 0 }, (request) => {
      seen = request.url;
      expect(`${request.method} `).toBe(line.slice(0, request.method.length + 1));
      return {};
    });
    const text = await askRaw(
      stack,
      port,
      `${line} HTTP/1.1\r\nhost: a.test\r\nconnection: close\r\n\r\n`,
    );
    expect(text).toMatch(url === undefined ? /^HTTP\/1.1 400 / : /^HTTP\/1.1 200 /);
    expect(seen).toBe(url);
  });

  test('bodies with a length, in chunks, of GET', async () => {
    const { serve, stack } = await openWeb();
    const { port } = await serve({ port: 0 }, async (request, info) => {
      const text = await request.text();
      const sum = (await info.trailers).get('x-sum');
      return { body: `${request.method} ${text} ${sum}` };
    });
    const wire = await dial(stack, port);
    await wire.say('POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 7\r\n\r\npayload');
    await wire.hear('POST payload null');
    await wire.say('POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n');
    await wire.say('2;x=y\r\nde\r\n0\r\nx-sum: 9\r\n\r\n');
    await wire.hear('POST abcde 9');
    await wire.say('GET / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nhi');
    await wire.hear('GET hi null');
  });

  test('100 (Continue) is said when the body is read', async () => {
    const { serve, stack } = await openWeb();
    const { port } = await serve({ port: 0 }, async (request) => {
      if (request.url.endsWith('/no')) return { status: 413 };
      return { body: await request.text() };
    });
    const wire = await dial(stack, port);
    const head = (path: string): string =>
      `PUT ${path} HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 3\r\n\r\n`;
    await wire.say(head('/'));
    expect(await wire.hear('\r\n\r\n')).toBe('HTTP/1.1 100 Continue\r\n\r\n');
    await wire.say('abc');
    expect(await wire.hear('\r\n\r\nabc')).toContain('connection: keep-alive');
    // Not wanted: no 100, and the connection ends, since the body may come or not.
    await wire.say(head('/no'));
    expect(await wire.rest()).toMatch(/^HTTP\/1.1 413 [\s\S]*connection: close\r\n/);
  });

  test('an answer may come before the body has', async () => {
    const { serve, stack } = await openWeb();
    const { port } = await serve({ port: 0 }, (request) => new Response(request.body));
    const wire = await dial(stack, port);
    await wire.say('POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n');
    await wire.hear('\r\n\r\n');
    await wire.say('3\r\nabc\r\n');
    await wire.hear('3\r\nabc\r\n');
    await wire.say('0\r\n\r\n');
    await wire.hear('0\r\n\r\n');
    await wire.say(GET);
    await wire.hear('HTTP/1.1 200 OK');
  });

  test('a body that nobody reads is thrown away if it is short, else the connection ends', async () => {
    const { serve, stack } = await openWeb();
    const { port } = await serve({ port: 0 }, () => ({ body: 'ok' }));
    const wire = await dial(stack, port);
    await wire.say(`POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nhello${GET}`);
    await wire.hear('\r\n\r\nok');
    await wire.hear('\r\n\r\nok');
    await wire.say('POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1000000\r\n\r\nhello');
    expect(await wire.rest()).toMatch(/\r\n\r\nok$/);
  });
});
