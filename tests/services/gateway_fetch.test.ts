// SPDX-License-Identifier: MIT
// gateway_fetch.test - guests whose HTTP goes out by fetch()
//
// In place of the network that fetch() reaches stands another stack's HTTP, so that all of it runs in every runtime; in
// a page its own fetch() is asked for the page itself.

import { type FetchHttpOptions, fetchHttp } from 'ringstack/gateway';
import type { HttpHandler } from 'ringstack/http';
import { describe, expect, onTestFinished, test } from 'vitest';
import { FAR, gatewayNetwork, letKnow } from '../helpers/gateway.ts';
import {
  type Asked,
  type Fetching,
  fetching,
  get,
  REFUSED,
  response,
} from '../helpers/gateway_fetch.ts';
import { Wire } from '../helpers/http.ts';
import { outcome, until } from '../helpers/net.ts';
import { IS_PAGE, testUnless } from '../helpers/runtime.ts';

describe('a request of a guest', () => {
  test('is fetched from the name that it looked up, and its answer comes back', async () => {
    const net = await fetching((request) => ({
      status: 203,
      headers: { 'x-path': new URL(request.url).pathname, 'set-cookie': 'a=b' },
      body: 'hello',
    }));
    letKnow(net, 'www.example');
    const wire = await net.dial();
    await wire.say(get('/a/b?c=d', 'www.example', 'X-Mine: 1\r\nCookie: own=1\r\n'));
    const { head } = await response(wire);
    expect(head).toMatch(/^HTTP\/1\.1 203 /);
    expect(head).toContain('x-path: /a/b');
    const [{ url, init }] = net.asked as [Asked];
    expect(url).toBe('http://www.example/a/b?c=d');
    expect(init).toMatchObject({ method: 'GET', credentials: 'omit', cache: 'no-store' });
    expect(new Headers(init.headers).get('x-mine')).toBe('1');
    expect(new Headers(init.headers).has('host')).toBe(false);
  });

  test('goes to the name in Host only if the guest knows the address by it', async () => {
    const net = await fetching(() => ({ body: '' }));
    letKnow(net, 'one.example');
    letKnow(net, 'two.example');
    const wire = await net.dial();
    for (const host of ['one.example', 'ONE.example.', 'two.example', 'other.example', FAR[4]]) {
      await wire.say(get('/', host));
      await response(wire);
    }
    await wire.say(get('http://intranet.example/x', 'intranet.example'));
    await response(wire);
    expect(net.asked.map(({ url }) => url)).toEqual([
      ...['http://one.example/', 'http://one.example/', 'http://two.example/'],
      ...['http://two.example/', 'http://two.example/', 'http://two.example/x'],
    ]);
    const plain = await net.dial(FAR[6]);
    await plain.say(get('/', 'other.example'));
    await response(plain);
    expect(net.asked.at(-1)?.url).toBe(`http://[${FAR[6]}]/`);
  });

  test('goes to no name that the policy does not allow', async () => {
    const net = await fetching(
      () => ({ body: '' }),
      {},
      { policy: { allow: ['one.example', 'two.example:443'], override: ['reserved'] } },
    );
    letKnow(net, 'one.example');
    letKnow(net, 'two.example');
    const wire = await net.dial();
    await wire.say(get('/', 'two.example'));
    await response(wire);
    expect(net.asked[0]?.url).toBe('http://one.example/');
  });

  test('has no fields of its connection, and its answer none of the fetch', async () => {
    const net = await fetching(
      () =>
        new Response(new Blob(['zipped']).stream().pipeThrough(new CompressionStream('gzip')), {
          headers: { 'content-encoding': 'gzip', connection: 'x-hop', 'x-end': '1' },
        }),
    );
    const wire = await net.dial();
    await wire.say(
      get(
        '/',
        'a',
        'Connection: keep-alive, X-Hop\r\nX-Hop: 1\r\nTE: trailers\r\nUpgrade: h2c\r\n',
      ),
    );
    const { head, body } = await response(wire);
    expect(head).not.toMatch(/content-encoding|x-hop|content-length/);
    expect(head).toContain('x-end: 1');
    expect(body).toContain('zipped');
    const sent = new Headers(net.asked[0]?.init.headers);
    for (const field of ['connection', 'x-hop', 'te', 'upgrade', 'host']) {
      expect(sent.has(field)).toBe(false);
    }
  });

  test('may be one of several that are sent at once, and is answered in order', async () => {
    const waits: (() => void)[] = [];
    const net = await fetching(async (request) => {
      const { pathname } = new URL(request.url);
      if (pathname === '/0') await new Promise<void>((resolve) => waits.push(resolve));
      return { body: `answer to ${pathname}` };
    });
    const wire = await net.dial();
    await wire.say([0, 1, 2].map((n) => get(`/${n}`, 'a')).join(''));
    await until(() => waits.length === 1);
    waits[0]?.();
    for (const n of [0, 1, 2]) await wire.hear(`answer to /${n}`);
    await wire.hangUp();
    expect(await wire.rest()).not.toContain('HTTP');
  });

  test('of HTTP/1.0 is answered until the connection ends', async () => {
    const net = await fetching(() => new Response(new Blob(['old']).stream()));
    const wire = await net.dial();
    await wire.say('GET / HTTP/1.0\r\n\r\n');
    const all = await wire.rest();
    expect(all).toContain('connection: close');
    expect(all).toMatch(/old$/);
  });

  test('that closes its side behind the request is answered all the same', async () => {
    let answer: (() => void) | undefined;
    const net = await fetching(async () => {
      await new Promise<void>((resolve) => (answer = resolve));
      return { body: 'late' };
    });
    const wire = await net.dial();
    await wire.say(get('/', 'a'));
    await wire.hangUp();
    await until(() => answer !== undefined);
    answer?.();
    expect(await wire.rest()).toContain('late');
    await until(() => net.gateway.statistics.tcpFlows === 0);
  });

  test('for the head alone gets no body, and HEAD is what the server sees', async () => {
    const net = await fetching((request) => ({
      headers: { 'x-method': request.method },
      body: 'x',
    }));
    const wire = await net.dial();
    await wire.say('HEAD / HTTP/1.1\r\nHost: a\r\n\r\n');
    expect(await wire.hear('\r\n\r\n')).toContain('x-method: HEAD');
    await wire.say(get('/', 'a'));
    expect(await wire.hear('\r\n\r\n')).toContain('x-method: GET');
  });
});

describe('a body of a guest', () => {
  const echo: HttpHandler = (request) => ({
    headers: { 'x-length': request.headers.get('content-length') ?? 'none' },
    body: request.body,
  });

  test('of known length is sent with its length', async () => {
    const net = await fetching(echo);
    const wire = await net.dial();
    await wire.say('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello');
    const { head, body } = await response(wire);
    expect(head).toContain('x-length: 5');
    expect(body).toContain('hello');
  });

  test('in chunks is waited for as the guest likes, and kept whole', async () => {
    const net = await fetching(echo, { upload: 'buffer' });
    const wire = await net.dial();
    await wire.say('PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n');
    await wire.say('6\r\n world\r\n0\r\n\r\n');
    const { head, body } = await response(wire);
    expect(head).toContain('x-length: 11');
    expect(body).toContain('hello world');
  });

  test('is streamed both ways where the runtime can', async () => {
    const net = await fetching(echo, { upload: 'stream' });
    const wire = await net.dial();
    await wire.say('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n');
    for (let n = 0; n < 5; n++) {
      await wire.say(`6\r\nround${n}\r\n`);
      await wire.hear(`round${n}`);
    }
    await wire.say('0\r\n\r\n');
    await wire.hear('0\r\n\r\n');
    expect(net.asked[0]?.init).toMatchObject({ duplex: 'half' });
  });

  test('is asked for by 100 (Continue)', async () => {
    const net = await fetching(echo);
    const wire = await net.dial();
    await wire.say(
      'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n',
    );
    expect(await wire.hear('\r\n\r\n')).toMatch(/^HTTP\/1\.1 100 /);
    await wire.say('hello');
    expect((await response(wire)).head).toContain('x-length: 5');
    expect(new Headers(net.asked[0]?.init.headers).has('expect')).toBe(false);
  });

  test('above the bound is refused', async () => {
    const net = await fetching(echo, { upload: 'buffer', maxUpload: 10 });
    const wire = await net.dial();
    await wire.say('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\nhello world');
    expect((await response(wire)).head).toMatch(/^HTTP\/1\.1 413 /);
    expect(net.asked).toEqual([]);
  });

  test('with GET is refused, since fetch() would leave it out', async () => {
    const net = await fetching(echo);
    const wire = await net.dial();
    await wire.say(`${get('/', 'a', 'Content-Length: 2\r\n')}{}`);
    expect((await response(wire)).head).toMatch(/^HTTP\/1\.1 501 /);
  });
});

describe('a guest is told', () => {
  const page = async (net: Fetching, request = get('/', 'a')): Promise<string> => {
    const wire = await net.dial();
    await wire.say(request);
    const { head, body } = await response(wire);
    return head.split('\r\n')[0] + body;
  };

  test('502 and why, if the fetch fails', async () => {
    const net = await fetching(() => ({}));
    letKnow(net, 'absent.example');
    const told = await page(net);
    expect(told).toMatch(/^HTTP\/1\.1 502 Bad Gateway/);
    expect(told).toContain(REFUSED);
  });

  test('504, if no answer begins in time', async () => {
    const net = await fetching(() => new Promise(() => {}), { timeout: 50 });
    expect(await page(net)).toMatch(/^HTTP\/1\.1 504 Gateway Timeout/);
  });

  test('405, for methods that fetch() has not', async () => {
    const net = await fetching(() => ({}));
    expect(await page(net, 'TRACE / HTTP/1.1\r\nHost: a\r\n\r\n')).toMatch(/405/);
    expect(await page(net, 'CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n')).toMatch(/405/);
  });

  test('400, for what is no HTTP', async () => {
    const net = await fetching(() => ({}));
    const wire = await net.dial();
    await wire.say('SSH-2.0-OpenSSH_9.2\r\n\r\n');
    expect(await wire.rest()).toMatch(/^HTTP\/1\.1 400 /);
    expect(net.asked).toEqual([]);
  });

  test('of an answer that breaks off by a reset', async () => {
    const body = () =>
      new ReadableStream<Uint8Array>({
        start: (controller) => controller.enqueue(new Uint8Array(10)),
        pull: (controller) => controller.error(new Error('gone')),
      });
    const fetch = async (): Promise<Response> => new Response(body());
    const net = await gatewayNetwork({ tcp: fetchHttp({ fetch }) });
    const connection = await net.guest.connectTcp({ host: FAR[4], port: 80 });
    const wire = new Wire(connection);
    await wire.say(get('/', 'a'));
    expect(await outcome(connection.closed)).toBe('ECONNRESET');
    await until(() => net.gateway.statistics.tcpFlows === 0);
  });
});

describe('redirects', () => {
  const moved: HttpHandler = (request) =>
    new URL(request.url).pathname === '/old'
      ? { status: 302, headers: { location: 'http://elsewhere.example/new' } }
      : { body: 'new' };

  test('are passed to the guest where fetch() shows them', async () => {
    const net = await fetching(moved, { redirects: 'pass' });
    const wire = await net.dial();
    await wire.say(get('/old', 'a'));
    expect((await response(wire)).head).toMatch(/^HTTP\/1\.1 302 .*\r\nlocation: .*\/new\r\n/s);
    expect(net.asked[0]?.init.redirect).toBe('manual');
  });

  /** A response of a fetch that followed a redirect to a URL. */
  const followed = (url: string): Response =>
    Object.defineProperties(new Response('there'), {
      redirected: { value: true },
      url: { value: url },
    });

  test.each([
    ['http://one.example/x', 200],
    ['http://two.example/x', 403],
    ['http://192.168.1.1/x', 403],
    ['http://[::1]/x', 403],
  ])('that were followed to %s are answered with %i', async (url, status) => {
    const tcp = fetchHttp({ redirects: 'follow', fetch: async () => followed(url) });
    const policy = { allow: [FAR[4], 'one.example'], override: ['reserved'] } as const;
    const net = await gatewayNetwork({ tcp, policy });
    const wire = new Wire(await net.guest.connectTcp({ host: FAR[4], port: 80 }));
    await wire.say(get('/', 'a'));
    expect(await wire.hear('\r\n')).toContain(` ${status} `);
  });

  test('that fetch() hides are an error', async () => {
    const hidden = Object.defineProperty(new Response(), 'type', { value: 'opaqueredirect' });
    const tcp = fetchHttp({ redirects: 'pass', fetch: async () => hidden });
    const net = await gatewayNetwork({ tcp });
    const wire = new Wire(await net.guest.connectTcp({ host: FAR[4], port: 80 }));
    await wire.say(get('/', 'a'));
    expect(await wire.hear('follow')).toMatch(/502/);
  });
});

test('a CORS proxy is asked in place of the server', async () => {
  const answer = async (options: FetchHttpOptions): Promise<string> => {
    const net = await fetching((request) => ({ body: request.url }), options);
    const wire = await net.dial();
    await wire.say(get('/a?b', 'x'));
    await response(wire);
    return net.asked[0]?.url as string;
  };
  const url = `http://${FAR[4]}/a?b`;
  const escaped = encodeURIComponent(url);
  expect(await answer({ cors: 'https://proxy.example/?u=' })).toBe(
    `https://proxy.example/?u=${escaped}`,
  );
  expect(await answer({ cors: (to) => `https://proxy.example/${to}` })).toBe(
    `https://proxy.example/${url}`,
  );
  expect(await answer({ secure: true })).toBe(`https://${FAR[4]}/a?b`);
});

test('a guest that resets its connection ends the fetch, and nothing is left', async () => {
  let [begun, aborted] = [0, 0];
  const fetch = (_: string, { signal }: RequestInit): Promise<Response> =>
    new Promise((_, reject) => {
      begun++;
      signal?.addEventListener('abort', () => {
        aborted++;
        reject(signal.reason);
      });
    });
  const net = await gatewayNetwork({ tcp: fetchHttp({ fetch }) });
  const connection = await net.guest.connectTcp({ host: FAR[4], port: 80 });
  await new Wire(connection).say(get('/', 'a'));
  await until(() => begun === 1);
  connection.abort();
  await until(() => aborted === 1);
  await until(() => net.gateway.statistics.tcpFlows === 0);
  const other = await net.guest.connectTcp({ host: FAR[4], port: 80 });
  await new Wire(other).say(get('/', 'a'));
  await until(() => begun === 2);
  await net.gateway.close();
  await until(() => aborted === 2);
  await until(() => net.inside.statistics.sockets === 0);
});

testUnless(IS_PAGE ? 'a page has an origin already' : undefined)(
  'the own origin of a page is reached only if that was asked for',
  async () => {
    const before = Object.getOwnPropertyDescriptor(globalThis, 'location');
    const value = { origin: 'https://own.example', host: 'own.example', protocol: 'https:' };
    Object.defineProperty(globalThis, 'location', { value, configurable: true });
    onTestFinished(() => {
      if (before) Object.defineProperty(globalThis, 'location', before);
      else Reflect.deleteProperty(globalThis, 'location');
    });
    for (const ownOrigin of [false, true]) {
      const net = await fetching(() => ({ body: 'own' }), { ownOrigin });
      letKnow(net, 'own.example');
      const wire = await net.dial();
      await wire.say(get('/', 'own.example'));
      expect((await response(wire)).head).toMatch(ownOrigin ? / 200 / : / 403 /);
      expect(net.asked).toHaveLength(ownOrigin ? 1 : 0);
    }
  },
);

testUnless(IS_PAGE ? undefined : 'the runtime has no page')(
  'the fetch() of a page reads a file of its server',
  async () => {
    const tcp = fetchHttp({ fetch: (_, init) => fetch(location.href, init) });
    const net = await gatewayNetwork({ tcp });
    const wire = new Wire(await net.guest.connectTcp({ host: FAR[4], port: 80 }));
    await wire.say(get('/', 'a', 'User-Agent: guest\r\nCookie: a=b\r\n'));
    expect(await wire.hear('\r\n\r\n')).toMatch(/^HTTP\/1\.1 200 /);
    await wire.hear('<script');
  },
);
