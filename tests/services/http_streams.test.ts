// SPDX-License-Identifier: MIT
// http_streams.test - fetch(): streams both ways, and secured connections

import { describe, expect, test } from 'vitest';
import { answerBy, OK, openWeb } from '../helpers/http.ts';
import { bytes, ignore, settle, text, until } from '../helpers/net.ts';

/** Waits until a source has made something, and no more during four looks: it is held back, or at its end. */
async function stalled(made: { readonly bytes: number }): Promise<void> {
  for (let last = 0, same = 0; same < 4; last = made.bytes) {
    await settle(50);
    same = made.bytes > 0 && made.bytes === last ? same + 1 : 0;
  }
}

describe('streams', () => {
  test('bodies stop at the window, both ways, and arrive whole', async () => {
    const { fetch, serve } = await openWeb();
    const size = 32 * 1024 * 1024;
    const piece = 64 * 1024;
    const source = (made: { bytes: number }): ReadableStream<Uint8Array> =>
      new ReadableStream({
        pull(controller) {
          if (made.bytes === size) {
            controller.close();
            return;
          }
          made.bytes += piece;
          controller.enqueue(new Uint8Array(piece).fill(made.bytes >> 16));
        },
      });
    const up = { bytes: 0 };
    const down = { bytes: 0 };
    let goOn = (): void => {};
    const { url } = await serve({ port: 0 }, async (request) => {
      await new Promise<void>((resolve) => (goOn = resolve));
      let count = 0;
      for await (const chunk of request.body as unknown as AsyncIterable<Uint8Array>)
        count += chunk.length;
      return new Response(source(down), { headers: { 'x-count': String(count) } });
    });
    const fetching = fetch(url, { method: 'POST', body: source(up) });
    await stalled(up);
    // The handler reads nothing: what is on its way fits in the buffers.
    expect(up.bytes).toBeLessThan(size / 2);
    goOn();
    const response = await fetching;
    expect(response.headers.get('x-count')).toBe(String(size));
    await stalled(down);
    expect(down.bytes).toBeLessThan(size / 2);
    let count = 0;
    for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>)
      count += chunk.length;
    expect(count).toBe(size);
  });

  test('the response comes while the request is still being sent', async () => {
    const { fetch, serve } = await openWeb();
    const { url } = await serve({ port: 0 }, (request) => new Response(request.body));
    let send: ReadableStreamDefaultController<Uint8Array> | undefined;
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        send = controller;
      },
    });
    const response = await fetch(url, { method: 'POST', body });
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    for (const word of ['one', 'two']) {
      send?.enqueue(bytes(word));
      expect(text((await reader.read()).value as Uint8Array)).toBe(word);
    }
    send?.close();
    expect((await reader.read()).done).toBe(true);
  });

  test('an answer before the body ends it', async () => {
    const { fetch, stack } = await openWeb();
    const { url } = await answerBy(stack, async (wire) => {
      await wire.hear('\r\n\r\n');
      await wire.say('HTTP/1.1 413 Too Large\r\ncontent-length: 2\r\n\r\nno');
    });
    let why: unknown;
    const body = new ReadableStream<Uint8Array>({
      cancel: (reason) => {
        why = reason;
      },
    });
    const response = await fetch(url, { method: 'POST', body });
    expect([response.status, await response.text()]).toEqual([413, 'no']);
    await until(() => why !== undefined);
  });

  test('Expect: 100-continue waits for it, and sends nothing after a refusal', async () => {
    const { fetch, stack } = await openWeb();
    const heard: string[] = [];
    const { url } = await answerBy(stack, async (wire, count) => {
      heard.push(await wire.hear('\r\n\r\n'));
      if (count === 0) {
        await wire.say('HTTP/1.1 100 Continue\r\n\r\n');
        heard.push(await wire.hear('abc'));
        await wire.say(OK);
      } else if (count === 1) {
        await wire.say('HTTP/1.1 417 No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n');
        heard.push(await wire.rest());
      }
    });
    const init = {
      method: 'PUT',
      body: 'abc',
      headers: { expect: '100-continue', connection: 'close' },
    };
    expect(await (await fetch(url, init)).text()).toBe('ok');
    expect(heard[1]).toBe('abc');
    expect((await fetch(url, init)).status).toBe(417);
    await until(() => heard.length === 4);
    expect(heard[3]).toBe('');
  });
});

describe('TLS', () => {
  /** Turns every byte round: secures nothing, but is not what goes over the wire. */
  const turned = (): TransformStream<Uint8Array, Uint8Array> =>
    new TransformStream({
      transform: (chunk, controller) => controller.enqueue(chunk.map((byte) => byte ^ 0xff)),
    });
  const wrap = async <
    T extends { readable: ReadableStream<Uint8Array>; writable: WritableStream<Uint8Array> },
  >(
    connection: T & { close(): Promise<void> },
  ) => {
    const out = turned();
    const done = out.readable.pipeTo(connection.writable).catch(ignore);
    return {
      readable: connection.readable.pipeThrough(turned()),
      writable: out.writable,
      close: async () => {
        await out.writable.close().catch(ignore);
        await done;
        await connection.close();
      },
    };
  };

  test('a provider secures https: and wss: on both sides', async () => {
    const asked: unknown[] = [];
    const tls = {
      connect: async (connection: Parameters<typeof wrap>[0], options: object) => {
        asked.push(options);
        return wrap(connection);
      },
      accept: async (connection: Parameters<typeof wrap>[0], options: unknown) => {
        asked.push(options);
        return wrap(connection);
      },
    };
    const { fetch, serve } = await openWeb({ tls });
    const server = await serve({ port: 443, tls: 'certificate' }, (request) => ({
      body: request.url,
    }));
    expect(server.url).toBe('https://127.0.0.1/');
    const response = await fetch(server.url);
    expect(await response.text()).toBe('https://127.0.0.1/');
    expect(asked).toContainEqual({ host: '127.0.0.1', port: 443, alpn: ['http/1.1'] });
    expect(asked).toContain('certificate');
  });

  test('a handshake that fails fails the fetch, and the server goes on', async () => {
    const tls = {
      connect: async () => Promise.reject(new Error('bad certificate')),
      accept: async () => Promise.reject(new Error('no')),
    };
    const { fetch, serve, stack } = await openWeb({ tls });
    const server = await serve({ port: 443, tls: {} }, () => ({}));
    await expect(fetch(server.url)).rejects.toThrow('bad certificate');
    const connection = await stack.connectTcp({ host: '127.0.0.1', port: 443 });
    await connection.closed.catch(ignore);
    await server.close();
  });
});
