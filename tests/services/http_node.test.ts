// SPDX-License-Identifier: MIT
// http_node.test - against programs no one here wrote: node:http, undici, ws and curl, over this machine's TCP
//
// Our side runs over a transport of Node's sockets, which has none of what a stack's connections have beyond
// the transport's shape; a bridge below joins a stack's listener to them as well.

import { execFile } from 'node:child_process';
import { once } from 'node:events';
import {
  Agent,
  createServer,
  type IncomingMessage,
  maxHeaderSize,
  request as nodeRequest,
  type ServerResponse,
} from 'node:http';
import { type AddressInfo, createServer as createNetServer } from 'node:net';
import { promisify } from 'node:util';
import { createHttp, type HttpHandler, upgradeWebSocket } from 'ringstack/http';
import { afterEach, describe, expect, onTestFinished, test } from 'vitest';
import { WebSocketServer, WebSocket as WsSocket } from 'ws';
import { openWeb } from '../helpers/http.ts';
import { bytes, concat, until } from '../helpers/net.ts';
import { nodeTransport } from '../helpers/node_transport.ts';
import { Prng } from '../helpers/prng.ts';
import { testWith } from '../helpers/programs.ts';
import { sameBytes } from '../helpers/runtime.ts';

const run = promisify(execFile);
const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** A server of Node. */
async function nodeServer(handler: (request: IncomingMessage, response: ServerResponse) => void) {
  const server = createServer(handler);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` };
}

/** A server of ours on this machine. */
async function ourServer(handler: HttpHandler, options: object = {}) {
  const http = await createHttp(nodeTransport);
  const server = await http.serve({ port: 0, ...options }, handler);
  closing.push(() => server.close({ timeout: 1 }));
  return server;
}

/** A client of ours. */
async function ourClient() {
  const http = await createHttp(nodeTransport);
  closing.push(() => http.close());
  return http;
}

/** Answer to a request of Node. */
async function ask(url: string, options: object = {}, body?: Uint8Array | string) {
  const request = nodeRequest(url, options);
  request.end(body);
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  const chunks: Uint8Array[] = [];
  for await (const chunk of response) chunks.push(chunk);
  return { response, body: concat(chunks) };
}

describe('our client, node:http as the server', () => {
  test('bodies both ways, chunked and not, over one connection', async () => {
    const sockets = new Set<unknown>();
    const { url } = await nodeServer(async (request, response) => {
      sockets.add(request.socket);
      const chunks: Uint8Array[] = [];
      for await (const chunk of request) chunks.push(chunk);
      const all = concat(chunks);
      if (request.url === '/length') response.setHeader('content-length', all.length);
      response.setHeader('set-cookie', ['a=1', 'b=2']);
      response.end(all);
    });
    const { fetch } = await ourClient();
    const random = new Prng(5);
    for (const size of [0, 1, 1000, 100_000, 2_000_000]) {
      const data = random.bytes(size);
      for (const path of ['length', 'chunked']) {
        const init = { method: 'POST', body: path === 'length' ? data : new Blob([data]).stream() };
        const response = await fetch(url + path, init);
        expect(response.headers.getSetCookie()).toEqual(['a=1', 'b=2']);
        expect(sameBytes(new Uint8Array(await response.arrayBuffer()), data)).toBe(true);
      }
    }
    expect(sockets.size).toBe(1);
  });

  test('trailers, interim responses, 100 (Continue), HEAD and 204', async () => {
    const { url, server } = await nodeServer((request, response) => {
      if (request.method === 'HEAD') response.setHeader('content-length', 5);
      if (request.url === '/204') response.statusCode = 204;
      if (request.url === '/hints') response.writeEarlyHints({ link: '</a>; rel=preload' });
      if (request.url === '/trailers') {
        response.setHeader('trailer', 'x-sum');
        response.write('abc');
        response.addTrailers({ 'x-sum': '6' });
      }
      request.resume();
      request.on('end', () => response.end());
    });
    let continued = 0;
    server.on('checkContinue', (request, response) => {
      continued++;
      response.writeContinue();
      server.emit('request', request, response);
    });
    const { fetch } = await ourClient();
    const trailers = await fetch(`${url}trailers`);
    expect(await trailers.text()).toBe('abc');
    expect((await trailers.trailers).get('x-sum')).toBe('6');
    expect((await fetch(`${url}hints`)).status).toBe(200);
    expect((await fetch(url, { method: 'HEAD' })).headers.get('content-length')).toBe('5');
    expect((await fetch(`${url}204`)).status).toBe(204);
    const init = { method: 'PUT', body: 'abc', headers: { expect: '100-continue' } };
    expect((await fetch(url, init)).status).toBe(200);
    expect(continued).toBe(1);
  });

  test('a server that dies in the middle, and one that is slower than its keep-alive', async () => {
    const { url, server } = await nodeServer((request, response) => {
      if (request.url === '/die') {
        response.write('abc');
        setImmediate(() => request.socket.destroy());
      } else response.end('x');
    });
    server.keepAliveTimeout = 1;
    const { fetch } = await ourClient();
    await expect((await fetch(`${url}die`)).text()).rejects.toMatchObject({ code: 'ECONNRESET' });
    for (let n = 0; n < 5; n++) {
      expect(await (await fetch(url)).text()).toBe('x');
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  });
});

describe('our server, node:http and undici as clients', () => {
  const handler: HttpHandler = async (request, info) => {
    if (request.url.endsWith('/hints'))
      await info.inform({ status: 103, headers: { link: '</a>' } });
    if (request.url.endsWith('/stream')) return new Response(request.body);
    const body = new Uint8Array(await request.arrayBuffer());
    return {
      headers: { 'x-method': request.method },
      body,
      trailers: { 'x-sum': String(body.length) },
    };
  };

  test('node:http: bodies, trailers, interim answers, keep-alive', async () => {
    const { url } = await ourServer(handler);
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    closing.push(() => agent.destroy());
    const data = new Prng(6).bytes(300_000);
    for (const path of ['', 'stream']) {
      const options = { method: 'POST', agent, headers: { expect: '100-continue' } };
      const { response, body } = await ask(url + path, options, data);
      expect(response.statusCode).toBe(200);
      expect(sameBytes(body, data)).toBe(true);
      if (path === '') expect(response.trailers).toEqual({ 'x-sum': '300000' });
    }
    const hints: unknown[] = [];
    const request = nodeRequest(`${url}hints`, { agent });
    request.on('information', ({ statusCode }) => hints.push(statusCode));
    request.end();
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    response.resume();
    expect(hints).toEqual([103]);
    const { response: head } = await ask(url, { method: 'HEAD', agent });
    expect(head.headers['x-method']).toBe('HEAD');
    expect(maxHeaderSize).toBe(16_384);
  });

  test('undici: fetch with a stream, and abort', async () => {
    let signal: AbortSignal | undefined;
    const { url } = await ourServer((request, info) => {
      if (!request.url.endsWith('/hang')) return handler(request, info);
      signal = request.signal;
      return new Promise(() => {});
    });
    const body = new Blob(['hello']).stream();
    const init = { method: 'POST', body, duplex: 'half' } as RequestInit;
    expect(await (await fetch(`${url}stream`, init)).text()).toBe('hello');
    const abort = new AbortController();
    const hanging = fetch(`${url}hang`, { signal: abort.signal });
    await until(() => signal !== undefined);
    abort.abort();
    await expect(hanging).rejects.toThrow();
    await until(() => signal?.aborted === true);
  });

  testWith('curl')(
    'curl: POST, HEAD, Expect, chunks, HTTP/1.0, three on one connection',
    async () => {
      const { url } = await ourServer(handler, { date: true });
      const curl = async (...args: string[]): Promise<string> =>
        (await run('curl', ['-sS', '--max-time', '10', ...args])).stdout;
      expect(await curl(url, '-d', 'a=b')).toBe('a=b');
      expect(await curl(`${url}stream`, '-d', 'a=b', '-H', 'Transfer-Encoding: chunked')).toBe(
        'a=b',
      );
      expect(await curl('-I', url)).toMatch(/^HTTP\/1.1 200 OK\r\n/);
      expect(await curl('--http1.0', `${url}stream`, '-d', 'old')).toBe('old');
      expect(await curl(url, '-d', 'held back', '-H', 'Expect: 100-continue')).toBe('held back');
      expect(await curl('-w', '%{num_connects} ', '-d', 'x', url, url, url)).toBe('x1 x0 x0 ');
      const big = await curl(`${url}stream`, '-d', 'y'.repeat(100_000));
      expect(big.length).toBe(100_000);
    },
  );
});

describe('ws', () => {
  test('our client, its server', async () => {
    const { server, url } = await nodeServer(() => {});
    const wss = new WebSocketServer({ server, handleProtocols: () => 'b' });
    closing.push(() => wss.close());
    wss.on('connection', (socket) => {
      socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary, fin: true }));
      socket.ping('p');
    });
    const { WebSocket } = await ourClient();
    const socket = new WebSocket(url.replace('http', 'ws'), ['a', 'b']);
    socket.binaryType = 'arraybuffer';
    const got: unknown[] = [];
    socket.onmessage = ({ data }) => got.push(data);
    await until(() => socket.readyState === 1);
    expect(socket.protocol).toBe('b');
    const data = new Prng(7).bytes(500_000);
    socket.send('héllo');
    socket.send(data);
    await until(() => got.length === 2);
    expect(got[0]).toBe('héllo');
    expect(sameBytes(new Uint8Array(got[1] as ArrayBuffer), data)).toBe(true);
    const closed = once(socket, 'close') as Promise<[CloseEvent]>;
    socket.close(4000, 'bye');
    const [{ code, reason, wasClean }] = await closed;
    expect([code, reason, wasClean]).toEqual([4000, 'bye', true]);
  });

  test('our server, its client: fragments, pings, deflate that is not taken, close', async () => {
    const server = await ourServer((request) => {
      const { socket, response } = upgradeWebSocket(request);
      socket.binaryType = 'arraybuffer';
      socket.onmessage = ({ data }) => socket.send(data);
      return response;
    });
    const socket = new WsSocket(server.url.replace('http', 'ws'));
    await once(socket, 'open');
    expect(socket.extensions).toBe('');
    socket.send('frag', { fin: false });
    socket.send('ments', { fin: true });
    expect(String((await once(socket, 'message'))[0])).toBe('fragments');
    socket.ping('x');
    expect(String((await once(socket, 'pong'))[0])).toBe('x');
    const data = new Prng(8).bytes(400_000);
    socket.send(data);
    expect(sameBytes(new Uint8Array((await once(socket, 'message'))[0]), data)).toBe(true);
    socket.close(4001, 'over');
    const [code, reason] = await once(socket, 'close');
    expect([code, String(reason)]).toEqual([4001, 'over']);
  });
});

describe('ws with permessage-deflate', () => {
  const LONG = 'compressible '.repeat(10_000);
  /** The constructor takes an object, as in undici and Deno. */
  const deflate = { perMessageDeflate: true } as unknown as string[];

  test('our client, its server', async () => {
    const { server, url } = await nodeServer(() => {});
    const wss = new WebSocketServer({ server, perMessageDeflate: true });
    closing.push(() => wss.close());
    wss.on('connection', (socket) => {
      socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
    });
    const { WebSocket } = await ourClient();
    const socket = new WebSocket(url.replace('http', 'ws'), deflate);
    const got: unknown[] = [];
    socket.onmessage = ({ data }) => got.push(data);
    await until(() => socket.readyState === 1);
    expect(socket.extensions).toContain('permessage-deflate');
    for (let i = 0; i < 3; i++) socket.send(LONG + i);
    await until(() => got.length === 3);
    expect(got).toEqual([`${LONG}0`, `${LONG}1`, `${LONG}2`]);
    socket.close();
  });

  test.each([{}, { serverMaxWindowBits: 9, clientMaxWindowBits: 9 }])(
    'our server, its client, %j',
    async (perMessageDeflate) => {
      const server = await ourServer((request) => {
        const { socket, response } = upgradeWebSocket(request, { perMessageDeflate: true });
        socket.onmessage = ({ data }) => socket.send(data);
        return response;
      });
      const socket = new WsSocket(server.url.replace('http', 'ws'), { perMessageDeflate });
      await once(socket, 'open');
      expect(socket.extensions).toContain('permessage-deflate');
      for (let i = 0; i < 3; i++) {
        socket.send(LONG + i);
        expect(String((await once(socket, 'message'))[0])).toBe(LONG + i);
      }
      socket.close();
      await once(socket, 'close');
    },
  );
});

describe('a stack behind this machine', () => {
  test('node:http reaches a server on a stack through a bridge, as does ws', async () => {
    const { serve, stack } = await openWeb();
    const { port } = await serve({ port: 0 }, (request) => {
      if (!request.headers.has('upgrade')) return new Response(request.body);
      const { socket, response } = upgradeWebSocket(request);
      socket.onmessage = ({ data }) => socket.send(`${data}!`);
      return response;
    });
    const bridge = createNetServer({ allowHalfOpen: true }, async (socket) => {
      socket.on('error', () => {});
      const inner = await stack.connectTcp({ host: '127.0.0.1', port });
      const writer = inner.writable.getWriter();
      const up = (async () => {
        for await (const chunk of socket) await writer.write(new Uint8Array(chunk));
        await writer.close();
      })();
      const down = (async () => {
        for await (const chunk of inner) if (!socket.write(chunk)) await once(socket, 'drain');
        socket.end();
      })();
      await Promise.allSettled([up, down]);
    });
    bridge.listen(0, '127.0.0.1');
    await once(bridge, 'listening');
    onTestFinished(() => void bridge.close());
    const url = `http://127.0.0.1:${(bridge.address() as AddressInfo).port}/`;
    const data = new Prng(9).bytes(700_000);
    const { body } = await ask(url, { method: 'POST', agent: false }, data);
    expect(sameBytes(body, data)).toBe(true);
    const socket = new WsSocket(url.replace('http', 'ws'));
    await once(socket, 'open');
    socket.send(bytes('hi'), { binary: false });
    expect(String((await once(socket, 'message'))[0])).toBe('hi!');
    socket.close();
    await once(socket, 'close');
  });
});
