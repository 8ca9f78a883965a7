// SPDX-License-Identifier: MIT
// http_client.test - fetch(): connections, redirects, aborts

import { describe, expect, test } from 'vitest';
import { always, answerBy, answerOnce, failure, OK, openWeb, type Wire } from '../helpers/http.ts';
import { settle, text, until } from '../helpers/net.ts';

describe('connections', () => {
  test('one is used again and again, several at the same time, and none with keepAlive: false', async () => {
    const { fetch, stack, close } = await openWeb();
    const { url, connections } = await answerBy(stack, always(OK));
    for (let n = 0; n < 5; n++) expect(await (await fetch(url)).text()).toBe('ok');
    expect(connections()).toBe(1);
    await Promise.all([1, 2, 3].map(async () => (await fetch(url)).text()));
    expect(connections()).toBe(3);
    await close();
    expect(await failure(fetch(url))).toBe('TypeError ESHUTDOWN');
    const other = await openWeb({ keepAlive: false });
    const server = await answerBy(other.stack, answerOnce(OK));
    for (let n = 0; n < 3; n++) expect(await (await other.fetch(server.url)).text()).toBe('ok');
    expect(server.connections()).toBe(3);
  });

  test('with keepAlive: false it is closed when the body was read, and not before', async () => {
    const { fetch, stack } = await openWeb({ keepAlive: false });
    let wire: Wire | undefined;
    const { url } = await answerBy(stack, async (opened) => {
      wire = opened;
      await opened.hear('\r\n\r\n');
      await opened.say('HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello');
    });
    let isOver = false;
    const response = await fetch(url);
    void wire?.rest().then(() => (isOver = true));
    await settle();
    expect(isOver).toBe(false);
    expect(await response.text()).toBe('hello');
    await until(() => isOver);
  });

  test('maxConnections: others wait for their turn', async () => {
    const { fetch, serve } = await openWeb({ maxConnections: 2 });
    let now = 0;
    let most = 0;
    const { url } = await serve({ port: 0 }, async () => {
      most = Math.max(most, ++now);
      await settle(3);
      now--;
      return { body: 'x' };
    });
    const abort = new AbortController();
    const all = Array.from({ length: 6 }, async () => (await fetch(url)).text());
    const given = failure(fetch(url, { signal: abort.signal }));
    abort.abort();
    expect(await given).toBe('AbortError');
    expect(await Promise.all(all)).toEqual(Array(6).fill('x'));
    expect(most).toBe(2);
  });

  test('one that the server closed is not used; one that it closes on a request is tried again, if that is safe', async () => {
    const { fetch, stack } = await openWeb();
    const { url, connections } = await answerBy(stack, async (wire, count) => {
      await wire.hear('\r\n\r\n');
      await wire.say(OK);
      if (count === 0) await wire.hangUp();
      await wire.hear('\r\n\r\n');
      wire.connection.abort();
    });
    expect(await (await fetch(url)).text()).toBe('ok');
    await settle();
    expect(await (await fetch(url)).text()).toBe('ok');
    expect(connections()).toBe(2);
    // The second dies on its next request, which goes to a third.
    expect(await (await fetch(url)).text()).toBe('ok');
    expect(connections()).toBe(3);
    expect(await failure(fetch(url, { method: 'POST', body: 'x' }))).toBe('TypeError ECONNRESET');
    expect(connections()).toBe(3);
  });

  test('an answer nobody asked for is no answer to the next request', async () => {
    const { fetch, stack } = await openWeb();
    const { url } = await answerBy(stack, async (wire, count) => {
      await wire.hear('\r\n\r\n');
      await wire.say(count === 0 ? `${OK}HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nbad` : OK);
    });
    expect(await (await fetch(url)).text()).toBe('ok');
    expect(await (await fetch(url)).text()).toBe('ok');
  });

  test('idle ones are given up, earlier if the server says so', async () => {
    for (const [answer, options] of [
      [OK, { idleTimeout: 1 }],
      [OK.replace('\r\n\r\n', '\r\nkeep-alive: timeout=1\r\n\r\n'), {}],
    ] as const) {
      const { fetch, stack } = await openWeb({ keepAlive: options });
      let ended = false;
      const { url } = await answerBy(stack, async (wire) => {
        await wire.hear('\r\n\r\n');
        await wire.say(answer);
        await wire.rest();
        ended = true;
      });
      await (await fetch(url)).text();
      await until(() => ended);
    }
  });
});

describe('redirects', () => {
  const hops = async () => {
    const web = await openWeb();
    const seen: string[] = [];
    const other = await web.serve({ port: 0 }, (request) => ({
      body: `other ${request.headers.get('authorization')} ${request.headers.get('x')}`,
    }));
    const { url } = await web.serve({ port: 0 }, async (request) => {
      const { pathname, search } = new URL(request.url);
      seen.push(`${request.method} ${pathname} ${await request.text()}`);
      if (pathname === '/end') return { body: 'end' };
      if (pathname === '/loop') return { status: 302, headers: { location: '/loop' } };
      if (pathname === '/other') return { status: 302, headers: { location: other.url } };
      if (pathname === '/mail') return { status: 302, headers: { location: 'mailto:a@b' } };
      return { status: Number(search.slice(1)), headers: { location: 'end' }, body: 'moved' };
    });
    return { ...web, url, seen };
  };

  test.each([
    [301, 'POST', 'GET /end '],
    [302, 'POST', 'GET /end '],
    [303, 'PUT', 'GET /end '],
    [303, 'HEAD', 'HEAD /end '],
    [301, 'PUT', 'PUT /end x'],
    [307, 'POST', 'POST /end x'],
    [308, 'POST', 'POST /end x'],
  ])('%d of %s becomes %s', async (status, method, last) => {
    const { fetch, url, seen } = await hops();
    const body = method === 'HEAD' ? {} : { body: 'x' };
    const response = await fetch(`${url}a?${status}`, { method, ...body });
    expect(response).toMatchObject({ status: 200, redirected: true, url: `${url}end` });
    expect(seen.at(-1)).toBe(last);
    await response.text();
  });

  test('error, manual, loops, streams and other schemes', async () => {
    const { fetch, url, seen } = await hops();
    expect(await failure(fetch(`${url}a?302`, { redirect: 'error' }))).toBe('TypeError');
    const manual = await fetch(`${url}a?302`, { redirect: 'manual' });
    expect([manual.status, manual.headers.get('location'), await manual.text()]).toEqual([
      302,
      'end',
      'moved',
    ]);
    seen.length = 0;
    expect(await failure(fetch(`${url}loop`))).toBe('TypeError');
    expect(seen).toHaveLength(21);
    const body = new Blob(['x']).stream();
    expect(await failure(fetch(`${url}a?307`, { method: 'POST', body }))).toBe('TypeError');
    expect(await failure(fetch(`${url}mail`))).toBe('TypeError');
  });

  test('secrets stay with their origin', async () => {
    const { fetch, url } = await hops();
    const headers = { authorization: 'secret', x: 'y' };
    expect(await (await fetch(`${url}other`, { headers })).text()).toBe('other null y');
  });
});

describe('aborts', () => {
  const reason = new Error('enough');

  test('before, while connecting, while waiting, while reading, while sending', async () => {
    const { fetch, stack } = await openWeb();
    await expect(fetch('http://127.0.0.1/', { signal: AbortSignal.abort(reason) })).rejects.toBe(
      reason,
    );
    let heard = 0;
    const { url } = await answerBy(stack, async (wire) => {
      const head = await wire.hear('\r\n\r\n');
      heard++;
      if (head.startsWith('GET /body'))
        await wire.say('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc');
    });
    // Nobody answers there.
    const connecting = new AbortController();
    const first = fetch('http://127.1.2.3:9/', { signal: connecting.signal });
    connecting.abort(reason);
    await expect(first).rejects.toBe(reason);

    const waiting = new AbortController();
    const second = fetch(url, { signal: waiting.signal });
    await until(() => heard === 1);
    waiting.abort(reason);
    await expect(second).rejects.toBe(reason);

    const reading = new AbortController();
    const { body } = await fetch(`${url}body`, { signal: reading.signal });
    const reader = (body as ReadableStream<Uint8Array>).getReader();
    expect(text((await reader.read()).value as Uint8Array)).toBe('abc');
    const third = reader.read();
    reading.abort(reason);
    await expect(third).rejects.toBe(reason);

    const sending = new AbortController();
    let cancelled: unknown;
    const endless = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(new Uint8Array(1000)),
      cancel: (why) => {
        cancelled = why;
      },
    });
    const fourth = fetch(url, { method: 'POST', body: endless, signal: sending.signal });
    await until(() => heard === 3);
    sending.abort(reason);
    await expect(fourth).rejects.toBe(reason);
    await until(() => cancelled === reason);
  });

  test('a signal that is aborted afterwards does nothing, and the connection is used again', async () => {
    const { fetch, stack } = await openWeb();
    const { url, connections } = await answerBy(stack, always(OK));
    const abort = new AbortController();
    const response = await fetch(url, { signal: abort.signal });
    expect(await response.text()).toBe('ok');
    abort.abort();
    expect(await (await fetch(url)).text()).toBe('ok');
    expect(connections()).toBe(1);
  });

  test('a body that fails while it is sent fails the request', async () => {
    const { fetch, serve } = await openWeb();
    const { url } = await serve({ port: 0, onError: () => ({}) }, async (request) => ({
      body: await request.text(),
    }));
    const body = new ReadableStream<Uint8Array>({
      pull() {
        throw reason;
      },
    });
    await expect(fetch(url, { method: 'POST', body })).rejects.toBe(reason);
  });

  test('a body that is cancelled resets the connection, and the server hears of it', async () => {
    const { fetch, serve } = await openWeb();
    let why: unknown;
    const { url } = await serve({ port: 0 }, () => {
      const body = new ReadableStream<Uint8Array>({
        pull: (controller) => controller.enqueue(new Uint8Array(50_000)),
        cancel: (error) => {
          why = error;
        },
      });
      return new Response(body);
    });
    await (await fetch(url)).body?.cancel();
    await until(() => why !== undefined);
  });

  test('a server that says nothing more is given up', async () => {
    const { fetch, stack } = await openWeb({ headersTimeout: 20, bodyTimeout: 20 });
    const { url } = await answerBy(stack, async (wire, count) => {
      await wire.hear('\r\n\r\n');
      if (count > 0) await wire.say('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc');
    });
    expect(await failure(fetch(url))).toBe('TypeError ETIMEDOUT');
    // Not text(): browsers put an error of their own in its place.
    const reader = (await fetch(url)).body?.getReader();
    expect((await reader?.read())?.value).toHaveLength(3);
    await expect(reader?.read()).rejects.toMatchObject({ code: 'ETIMEDOUT' });
  });
});
