// SPDX-License-Identifier: MIT
// http_limits.test - attacks on a server: smuggling, slow and endless clients, garbage

import { describe, expect, test } from 'vitest';
import { askRaw, dial, openWeb, type Web } from '../helpers/http.ts';
import { until } from '../helpers/net.ts';
import { Prng } from '../helpers/prng.ts';

const HOST = 'host: a\r\n';
const LAST = `GET /last HTTP/1.1\r\n${HOST}connection: close\r\n\r\n`;

/** A server that counts the requests it is asked. */
async function counting(options: object = {}) {
  const web: Web = await openWeb();
  const seen: string[] = [];
  const server = await web.serve(
    { port: 0, onError: () => ({ status: 500 }), ...options },
    async (request) => {
      seen.push(`${request.method} ${new URL(request.url).pathname} ${await request.text()}`);
      return { body: 'ok' };
    },
  );
  return { ...web, server, port: server.port, seen };
}

describe('what two programs could read in two ways is answered 400, and nothing behind it', () => {
  const smuggled = 'GET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n';
  const chunked = `POST / HTTP/1.1\r\n${HOST}transfer-encoding: chunked\r\n`;
  test.each([
    [
      'a length and chunks',
      `POST / HTTP/1.1\r\n${HOST}content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`,
    ],
    ['chunks and a length', `${chunked}content-length: 4\r\n\r\n0\r\n\r\n`],
    ['two lengths', `POST / HTTP/1.1\r\n${HOST}content-length: 0\r\ncontent-length: 44\r\n\r\n`],
    [
      'a coding that hides',
      `POST / HTTP/1.1\r\n${HOST}transfer-encoding : chunked\r\n\r\n0\r\n\r\n`,
    ],
    [
      'a coding behind a fold',
      `POST / HTTP/1.1\r\n${HOST}x: y\r\n transfer-encoding: chunked\r\n\r\n0\r\n\r\n`,
    ],
    ['LF alone', 'GET / HTTP/1.1\nhost: a\n\n'],
    ['LF in a value', `GET / HTTP/1.1\r\n${HOST}x: a\nb: c\r\n\r\n`],
    ['CR in a value', `GET / HTTP/1.1\r\n${HOST}x: a\rb: c\r\n\r\n`],
    ['NUL in a value', `GET / HTTP/1.1\r\n${HOST}x: \0\r\n\r\n`],
    ['no host', 'GET / HTTP/1.1\r\n\r\n'],
    ['two hosts', `GET / HTTP/1.1\r\n${HOST}host: b\r\n\r\n`],
    ['a chunk without a size', `${chunked}\r\nx\r\n`],
    ['a chunk of a size in decimal dots', `${chunked}\r\n1.0\r\na\r\n0\r\n\r\n`],
    ['a chunk longer than its size', `${chunked}\r\n1\r\nab\r\n0\r\n\r\n`],
    ['a chunk of 2^64 bytes', `${chunked}\r\n10000000000000001\r\na\r\n0\r\n\r\n`],
    ['LF behind a size', `${chunked}\r\n1\na\r\n0\r\n\r\n`],
    ['a folded trailer', `${chunked}\r\n0\r\nx: y\r\n z\r\n\r\n`],
    ['chunks in HTTP/1.0', 'POST / HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['a target with a blank', `GET /a b HTTP/1.1\r\n${HOST}\r\n`],
  ])('%s', async (_, text) => {
    const { stack, port, seen } = await counting();
    const answer = await askRaw(stack, port, text + smuggled);
    expect(answer).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n(?:[^\r]+\r\n)*connection: close\r\n/);
    expect(answer.match(/HTTP\/1\.1/g)).toHaveLength(1);
    expect(seen.join()).not.toContain('smuggled');
  });

  test('other versions are answered 505', async () => {
    const { stack, port } = await counting();
    expect(await askRaw(stack, port, 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')).toMatch(
      /^HTTP\/1.1 505 /,
    );
  });

  test('an empty line before a request is passed over', async () => {
    const { stack, port, seen } = await counting();
    expect(await askRaw(stack, port, `\r\n\r\n${LAST}`)).toMatch(/^HTTP\/1.1 200 /);
    expect(seen).toEqual(['GET /last ']);
  });
});

describe('bounds', () => {
  test('heads that are too long, or have too many fields, are answered 431', async () => {
    const { stack, port } = await counting();
    const many = 'x: y\r\n'.repeat(2001);
    expect(await askRaw(stack, port, `GET / HTTP/1.1\r\n${HOST}${many}\r\n`)).toMatch(
      /^HTTP\/1.1 431 /,
    );
    const long = `GET / HTTP/1.1\r\n${HOST}x: ${'y'.repeat(16_384)}`;
    expect(await askRaw(stack, port, long)).toMatch(/^HTTP\/1.1 431 /);
    const fits = `GET / HTTP/1.1\r\n${HOST}connection: close\r\nx: ${'y'.repeat(16_000)}\r\n\r\n`;
    expect(await askRaw(stack, port, fits)).toMatch(/^HTTP\/1.1 200 /);
  });

  test('maxHeaderSize and maxHeaders move them', async () => {
    const { stack, port } = await counting({ maxHeaderSize: 100, maxHeaders: 3 });
    expect(
      await askRaw(stack, port, `GET / HTTP/1.1\r\n${HOST}${'x: y\r\n'.repeat(3)}\r\n`),
    ).toMatch(/ 431 /);
    expect(await askRaw(stack, port, `GET /${'a'.repeat(100)} HTTP/1.1\r\n`)).toMatch(/ 431 /);
  });

  test('trailers and extensions without end', async () => {
    const { stack, port } = await counting();
    const chunked = `POST / HTTP/1.1\r\n${HOST}transfer-encoding: chunked\r\n\r\n`;
    expect(await askRaw(stack, port, `${chunked}0\r\n${'x: y\r\n'.repeat(5000)}`)).toMatch(/ 431 /);
    expect(await askRaw(stack, port, `${chunked}1;${'a'.repeat(20_000)}`)).toMatch(/ 400 /);
  });
});

describe('clients that are slow', () => {
  test('a head that does not come is answered 408', async () => {
    const { stack, port } = await counting({ headersTimeout: 30 });
    expect(await askRaw(stack, port, '')).toMatch(/^HTTP\/1.1 408 Request Timeout\r\n/);
    expect(await askRaw(stack, port, 'GET / HTTP/1.1\r\nho')).toMatch(/^HTTP\/1.1 408 /);
  });

  test('slowloris: a byte now and then is no head', async () => {
    const { stack, port, server } = await counting({ headersTimeout: 60 });
    const wire = await dial(stack, port);
    let isOver = false;
    const dripping = (async () => {
      await wire.say('GET / HTTP/1.1\r\n');
      while (!isOver) {
        await wire.say('x: y\r\n').catch(() => {
          isOver = true;
        });
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    })();
    expect(await wire.rest()).toMatch(/^HTTP\/1.1 408 /);
    isOver = true;
    wire.connection.abort();
    await dripping;
    await until(() => server.connections === 0);
  });

  test('a body that does not come is answered 408; once the handler has it, it has time', async () => {
    const { stack, port } = await counting({ requestTimeout: 50 });
    const head = `POST / HTTP/1.1\r\n${HOST}connection: close\r\ncontent-length: 5\r\n\r\n`;
    expect(await askRaw(stack, port, `${head}abc`)).toMatch(/^HTTP\/1.1 408 /);
    const web = await openWeb();
    const slow = await web.serve({ port: 0, requestTimeout: 30 }, async (request) => {
      await new Promise((resolve) => setTimeout(resolve, 80));
      return { body: await request.text() };
    });
    expect(await askRaw(web.stack, slow.port, `${head}abcde`)).toMatch(/abcde$/);
  });

  test('an idle connection is closed without a word', async () => {
    const { stack, port } = await counting({ keepAliveTimeout: 20 });
    const text = await askRaw(stack, port, `GET / HTTP/1.1\r\n${HOST}\r\n`);
    expect(text).toMatch(/^HTTP\/1.1 200 [\s\S]*\r\n\r\nok$/);
  });

  test('a client that takes nothing holds nothing but its connection', async () => {
    const web = await openWeb();
    let made = 0;
    const server = await web.serve({ port: 0 }, () => {
      const body = new ReadableStream<Uint8Array>({
        pull(controller) {
          made += 65_536;
          controller.enqueue(new Uint8Array(65_536));
        },
      });
      return new Response(body);
    });
    const connection = await web.stack.connectTcp({ host: '127.0.0.1', port: server.port });
    const writer = connection.writable.getWriter();
    await writer.write(new TextEncoder().encode(`GET / HTTP/1.1\r\n${HOST}\r\n`));
    let before = -1;
    while (made !== before) {
      before = made;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(made).toBeLessThan(64 * 1024 * 1024);
    await server.close({ timeout: 1 });
  });
});

describe('clients that leave', () => {
  test.each([
    ['in a head', 'GET / HTTP/1.1\r\nho', / 400 /],
    ['in a body', `POST / HTTP/1.1\r\n${HOST}content-length: 9\r\n\r\nabc`, / 500 /],
    ['in a chunk', `POST / HTTP/1.1\r\n${HOST}transfer-encoding: chunked\r\n\r\n9\r\nabc`, / 500 /],
    ['before anything', '', /^$/],
  ])('%s', async (_, text, answer) => {
    const { stack, port, server } = await counting();
    const wire = await dial(stack, port);
    await wire.say(text);
    await wire.hangUp();
    expect(await wire.rest()).toMatch(answer);
    const other = await dial(stack, port);
    await other.say(text);
    other.connection.abort();
    await until(() => server.connections === 0);
  });
});

test('fuzz: whatever comes, the server answers in HTTP or hangs up, and lives on', async () => {
  const { stack, port, server } = await counting({ headersTimeout: 500, requestTimeout: 500 });
  const random = new Prng(21);
  const seeds = [
    `GET / HTTP/1.1\r\n${HOST}\r\n`,
    `POST / HTTP/1.1\r\n${HOST}content-length: 5\r\n\r\nhello`,
    `POST / HTTP/1.1\r\n${HOST}transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n`,
    `GET / HTTP/1.1\r\n${HOST}connection: upgrade\r\nupgrade: websocket\r\n\r\n`,
  ];
  for (let n = 0; n < 150; n++) {
    const bytes = Uint8Array.from(
      Array.from({ length: random.between(1, 3) }, () => random.pick(seeds)).join(''),
      (char) => char.charCodeAt(0),
    );
    for (let m = random.int(5); m > 0; m--) bytes[random.int(bytes.length)] = random.int(256);
    const wire = await dial(stack, port);
    await wire.sayBytes(bytes.subarray(0, random.between(1, bytes.length))).catch(() => {});
    await wire.hangUp().catch(() => {});
    expect(await wire.rest()).toMatch(/^(?:HTTP\/1\.1 \d{3} |$)/);
  }
  expect(await askRaw(stack, port, LAST)).toMatch(/^HTTP\/1.1 200 /);
  await until(() => server.connections === 0);
});
