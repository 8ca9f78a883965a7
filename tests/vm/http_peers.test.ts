// SPDX-License-Identifier: MIT
// http_peers.test - ringstack/http and the clients and servers of HTTP and WebSocket that everybody has, in network namespaces

import { join } from 'node:path';
import { createHttp, type HttpHandler, upgradeWebSocket } from 'ringstack/http';
import { beforeEach, expect, test } from 'vitest';
import { ADDRESS, openKernel, whyNoKernel } from './lib/kernel.ts';
import { folder } from './lib/name_servers.ts';
import { lacksProgram, needs } from './lib/need.ts';
import { type Scope, testScope } from './lib/scope.ts';

beforeEach((context) => {
  needs(whyNoKernel(), context);
  needs(lacksProgram(/^[\w-]+/.exec(context.task.name)?.[0] ?? ''), context);
});

const PAGE = 'hello '.repeat(200);
const handler: HttpHandler = async (request) => {
  if (request.headers.has('upgrade')) {
    const { socket, response } = upgradeWebSocket(request, { perMessageDeflate: true });
    socket.binaryType = 'arraybuffer';
    socket.onmessage = ({ data }) => socket.send(data);
    return response;
  }
  return { body: request.method === 'POST' ? await request.text() : PAGE };
};

/** A server of ours in front of a kernel; gives its URL there. */
async function open(scope: Scope, options: object = {}) {
  const kernel = await openKernel(scope, { sysctls: { 'net.ipv6.conf.default.accept_dad': 0 } });
  const http = await createHttp(kernel.stack);
  const server = await http.serve({ port: 80, ...options }, handler);
  scope.defer(() => server.close({ timeout: 1 }));
  return { ...kernel, http, server, url: `http://${ADDRESS[4].ours}/` };
}

test('curl: asks twice on one connection, and posts with Expect', async () => {
  const scope = testScope();
  const { run, url } = await open(scope);
  const twice = run('curl', '-sSv', url, `${url}again`);
  await twice.ended;
  expect(twice.output).toMatch(/Re-using existing connection/);
  const posted = run('curl', '-sS', '-H', 'Expect: 100-continue', '-d', 'x=1', url);
  expect(await posted.succeeded()).toBe('x=1');
});

test('wget: fetches over both versions of IP', async () => {
  const scope = testScope();
  const { run, url } = await open(scope);
  for (const address of [url, `http://[${ADDRESS[6].ours}]/`]) {
    expect(await run('wget', '-qO-', address).succeeded()).toBe(PAGE);
  }
});

test('wrk: has no error', async (context) => {
  const scope = testScope();
  const { run, url } = await open(scope);
  const report = await run('wrk', '-t1', '-c50', '-d2s', url).succeeded();
  expect(report).not.toMatch(/Socket errors|Non-2xx/);
  context.task.meta.figure = /Requests\/sec: +[\d.]+/.exec(report)?.[0] ?? '';
});

test('ab: has no failed request, with kept connections and without', async () => {
  const scope = testScope();
  const { run, url } = await open(scope);
  for (const options of [['-k'], []]) {
    const report = await run('ab', ...options, '-n', '1000', '-c', '20', url).succeeded();
    expect(report).toMatch(/Complete requests: +1000\n/);
    expect(report).toMatch(/Failed requests: +0\n/);
    if (options.length > 0) expect(report).toMatch(/Keep-Alive requests: +1000\n/);
  }
});

test('h2load: has no failed request over HTTP/1.1', async () => {
  const scope = testScope();
  const { run, url } = await open(scope);
  const report = await run('h2load', '--h1', '-n', '1000', '-c', '20', url).succeeded();
  expect(report).toMatch(/1000 done, 1000 succeeded, 0 failed, 0 errored/);
});

test('siege: has no failed transaction', async () => {
  const scope = testScope();
  const { run, url } = await open(scope);
  const rc = join(folder(scope, { siegerc: 'json_output = false\nlogging = false\n' }), 'siegerc');
  const report = run('siege', '-R', rc, '-b', '-c', '10', '-r', '50', url);
  await report.ended;
  expect(report.output).toMatch(/Transactions:\s+500 hits|"transactions":\s+500/);
  expect(report.output).toMatch(/Failed transactions:\s+0|"failed_transactions":\s+0/);
});

test('slowhttptest: cannot keep others out, and its connections are ended', async () => {
  const scope = testScope();
  const { run, url, server } = await open(scope, { headersTimeout: 8000 });
  const attack = run(
    'slowhttptest',
    '-H',
    '-c',
    '200',
    '-r',
    '200',
    '-i',
    '1',
    '-l',
    '30',
    '-u',
    url,
  );
  // Its second table, after five seconds.
  await attack.printed(/closed:[\s\S]*closed:/);
  expect(await run('curl', '-sS', '-m', '5', url).succeeded()).toBe(PAGE);
  await attack.printed(/No open connections left/);
  expect(attack.output).not.toMatch(/service available:[^YN]*NO/);
  expect(server.connections).toBeLessThan(10);
});

/** Echoes by the package websockets of Python. */
const ECHO = `
import asyncio, websockets
async def echo(socket):
    async for message in socket:
        await socket.send(message)
async def main():
    async with websockets.serve(echo, '${ADDRESS[4].kernel}', 8080):
        print('listens', flush=True)
        await asyncio.Future()
asyncio.run(main())
`;

/** Asks a server of ours. */
const ASK = `
import asyncio, websockets
async def main():
    for compression in ('deflate', None):
        async with websockets.connect('ws://${ADDRESS[4].ours}/', compression=compression) as socket:
            for message in ('short', 'long ' * 5000, b'bytes' * 20000, ''):
                await socket.send(message)
                assert await socket.recv() == message
            await (await socket.ping())
            print(socket.extensions)
        assert socket.close_code == 1000
    print('all came back')
asyncio.run(main())
`;

test('python3: websockets asks our server, compressed and not', async () => {
  const scope = testScope();
  const { run } = await open(scope);
  const printed = await run('/usr/bin/python3', '-c', ASK).succeeded();
  expect(printed).toMatch(/PerMessageDeflate[\s\S]*\[\]\nall came back/);
});

test('python3: our client asks websockets, compressed and not', async () => {
  const scope = testScope();
  const { run, http } = await open(scope);
  const server = run('/usr/bin/python3', '-c', ECHO);
  await server.printed(/listens/);
  for (const perMessageDeflate of [true, false]) {
    const url = `ws://${ADDRESS[4].kernel}:8080/`;
    const socket = new http.WebSocket(url, { perMessageDeflate } as unknown as string[]);
    const heard: unknown[] = [];
    const closed = new Promise<CloseEvent>((resolve) => {
      socket.onclose = resolve;
    });
    socket.onopen = () => {
      for (const text of ['short', 'long '.repeat(5000), '']) socket.send(text);
    };
    socket.onmessage = ({ data }) => {
      if (heard.push(data) === 3) socket.close(1000, 'done');
    };
    expect(await closed).toMatchObject({ code: 1000, reason: 'done', wasClean: true });
    expect(heard).toEqual(['short', 'long '.repeat(5000), '']);
    expect(socket.extensions).toMatch(perMessageDeflate ? /^permessage-deflate/ : /^$/);
  }
});
