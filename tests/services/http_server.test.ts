// SPDX-License-Identifier: MIT
// http_server.test - serve(): connections, pipelines, closing

import { describe, expect, test } from 'vitest';
import { Deferred } from '../../js/util/deferred.ts';
import { askRaw, dial, openWeb } from '../helpers/http.ts';
import { ignore, settle, until } from '../helpers/net.ts';

const GET = 'GET / HTTP/1.1\r\nhost: a\r\n\r\n';
const LAST = 'GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n';

describe('connections', () => {
  test('pipelined requests are answered in order', async () => {
    const { serve, stack } = await openWeb();
    const { port } = await serve({ port: 0 }, async (request) => {
      const name = new URL(request.url).pathname.slice(1);
      if (name === '0') await settle(5);
      return { body: `<${name}>` };
    });
    const wire = await dial(stack, port);
    const line = (n: number): string =>
      `POST /${n} HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nGET`;
    await wire.say([0, 1, 2, 3].map(line).join(''));
    for (const n of [0, 1, 2, 3]) expect(await wire.hear(`<${n}>`)).toContain('content-length: 3');
  });

  test('maxRequestsPerSocket, keepAlive: false and a client that closes', async () => {
    const { serve, stack } = await openWeb();
    const two = await serve({ port: 0, maxRequestsPerSocket: 2 }, () => ({}));
    const text = await askRaw(stack, two.port, GET + GET + GET);
    expect(text.match(/HTTP\/1.1 200/g)).toHaveLength(2);
    expect(text).toMatch(/keep-alive: timeout=5\r\n[\s\S]*connection: close/);
    const one = await serve({ port: 0, keepAlive: false }, () => ({}));
    expect((await askRaw(stack, one.port, GET + GET)).match(/HTTP\/1.1/g)).toHaveLength(1);
    const wire = await dial(stack, two.port);
    await wire.say(GET);
    await wire.hangUp();
    expect(await wire.rest()).toMatch(/^HTTP\/1.1 200/);
    await until(() => two.connections === 0);
  });

  test('maxConnections', async () => {
    const { serve, stack } = await openWeb();
    const server = await serve({ port: 0, maxConnections: 1 }, () => ({ body: 'x' }));
    const wire = await dial(stack, server.port);
    await wire.say(GET);
    await wire.hear('\r\n\r\nx');
    expect(await askRaw(stack, server.port, GET)).toBe('');
  });

  test('the signal is aborted when the client goes away, and `completed` tells', async () => {
    const { serve, stack } = await openWeb();
    const over = new Deferred<string>();
    let aborted: Promise<unknown> | undefined;
    const { port } = await serve({ port: 0 }, (request, info) => {
      aborted = new Promise((resolve) => request.signal.addEventListener('abort', resolve));
      info.completed.then(
        () => over.resolve('sent'),
        () => over.resolve('failed'),
      );
      return new Promise(() => {});
    });
    const wire = await dial(stack, port);
    await wire.say(GET);
    await until(() => aborted !== undefined);
    wire.connection.abort();
    await aborted;
    const { port: other } = await serve({ port: 0 }, (_, info) => {
      void info.completed.then(() => over.resolve('sent'));
      return {};
    });
    await askRaw(stack, other, LAST);
    expect(await over.promise).toBe('sent');
  });

  test('a body that fails on its way resets the connection, and onError hears of it', async () => {
    const { serve, stack } = await openWeb();
    const errors: unknown[] = [];
    const handler = () => {
      let n = 0;
      const body = new ReadableStream<Uint8Array>({
        async pull(controller) {
          await settle(2);
          if (n++ > 0) throw new Error('broken');
          controller.enqueue(Uint8Array.of(65));
        },
      });
      return new Response(body);
    };
    const onError = (error: unknown) => {
      errors.push((error as Error).message);
      return {};
    };
    const { port } = await serve({ port: 0, onError }, handler);
    const text = await askRaw(stack, port, GET);
    expect(text).not.toMatch(/0\r\n\r\n$/);
    expect(errors).toEqual(['broken']);
  });

  test.each([
    ['more', 'abcd'],
    ['less', 'ab'],
  ])('a body of %s than its Content-Length resets it', async (_, body) => {
    const { serve, stack } = await openWeb();
    const headers = { 'content-length': '3' };
    const handler = () => new Response(body, { headers });
    const { port } = await serve({ port: 0, onError: () => ({}) }, handler);
    const text = await askRaw(stack, port, GET + GET);
    expect(text.match(/HTTP\/1.1/g)?.length ?? 0).toBeLessThan(2);
  });

  test('an interim answer, and a connection taken over', async () => {
    const { serve, stack } = await openWeb();
    const { port } = await serve({ port: 0 }, async (request, info) => {
      if (request.method !== 'CONNECT' && !request.headers.has('upgrade')) {
        await info.inform({ status: 103, headers: { link: '</a>' } });
        await expect(info.inform({ status: 200 })).rejects.toThrow(RangeError);
        return { body: 'ok' };
      }
      const { readable, writable } = info.upgrade();
      expect(() => info.upgrade()).toThrow(/answered already/);
      readable.pipeTo(writable).catch(ignore);
      return undefined;
    });
    const wire = await dial(stack, port);
    await wire.say(GET);
    expect(await wire.hear('\r\n\r\nok')).toMatch(
      /^HTTP\/1.1 103 Early Hints\r\nlink: <\/a>\r\n\r\nHTTP\/1.1 200/,
    );
    await wire.say(
      'GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\nhello',
    );
    expect(await wire.hear('hello')).toBe(
      'HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: echo\r\n\r\nhello',
    );
    await wire.say('more');
    await wire.hear('more');
    const tunnel = await dial(stack, port);
    await tunnel.say('CONNECT b.test:22 HTTP/1.1\r\nhost: b.test:22\r\n\r\nSSH');
    expect(await tunnel.hear('SSH')).toBe('HTTP/1.1 200 OK\r\n\r\nSSH');
  });
});

describe('closing', () => {
  test('idle connections end, requests are still answered, and the port is free', async () => {
    const { serve, stack } = await openWeb();
    let answer = (): void => {};
    const server = await serve({ port: 90 }, (request) => {
      if (request.url.endsWith('/slow')) {
        return new Promise((resolve) => {
          answer = () => resolve({ body: 'late' });
        });
      }
      return { body: 'x' };
    });
    const idle = await dial(stack, 90);
    await idle.say(GET);
    await idle.hear('\r\n\r\nx');
    const slow = await dial(stack, 90);
    await slow.say(GET.replace(' / ', ' /slow '));
    const silent = await dial(stack, 90);
    await until(() => server.connections === 3);
    await settle();
    const closing = server.close({ timeout: 5000 });
    expect(await idle.rest()).toBe('');
    answer();
    expect(await slow.rest()).toMatch(/connection: close\r\n[\s\S]*late$/);
    silent.connection.abort();
    await closing;
    await server.closed;
    await (await serve({ port: 90 }, () => ({}))).close();
  });

  test('after the time-out the rest is reset, though its handler never ends', async () => {
    const { serve, stack } = await openWeb();
    let signal: AbortSignal | undefined;
    const server = await serve({ port: 0 }, (request) => {
      signal = request.signal;
      return new Promise(() => {});
    });
    const wire = await dial(stack, server.port);
    await wire.say(GET);
    await until(() => signal !== undefined);
    await server.close({ timeout: 1 });
    expect(await wire.rest()).toBe('');
    expect(signal?.aborted).toBe(true);
  });

  test('a signal closes it; a stack that is closed ends it', async () => {
    const { serve } = await openWeb();
    const abort = new AbortController();
    const server = await serve({ port: 0, signal: abort.signal }, () => ({}));
    abort.abort();
    await server.closed;
    const { serve: other, stack } = await openWeb();
    const ended = await other({ port: 0 }, () => ({}));
    await stack.close();
    await ended.closed.catch(() => {});
    await ended.close();
  });
});
