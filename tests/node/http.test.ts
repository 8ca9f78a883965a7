// SPDX-License-Identifier: MIT
// http.test - ringstack-node: Node's own http over a stack, and what keeps a process alive

import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { nodeAliases, pageAliases, webpackAliases } from 'ringstack-node/alias';
import { attachHttpServer, StackAgent, undiciConnector } from 'ringstack-node/http';
import { expect, onTestFinished, test } from 'vitest';
import { openStack } from '../helpers/net.ts';
import { ENGINE } from '../helpers/runtime.ts';

const REGISTER = fileURLToPath(new URL('../../packages/node/dist/register.js', import.meta.url));

async function textOf(response: http.IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of response.setEncoding('utf8')) text += chunk;
  return text;
}

test('a server of node:http listens on a stack, and an agent keeps a connection to it', async () => {
  const stack = await openStack();
  const server = http.createServer((request, response) => {
    response.end(`${request.url} ${request.socket.remotePort}`);
  });
  await attachHttpServer(server, stack, { port: 80 });
  expect(server.listening).toBe(true);
  expect((server.address() as AddressInfo).port).toBe(80);
  const agent = new StackAgent(stack, { keepAlive: true });
  const ask = async (path: string): Promise<string[]> => {
    const [response] = await once(http.get({ path, agent }), 'response');
    return (await textOf(response)).split(' ');
  };
  const [first, second] = [await ask('/a'), await ask('/b')];
  expect([first[0], second[0]]).toEqual(['/a', '/b']);
  expect(first[1]).toBe(second[1]);
  await expect(attachHttpServer(http.createServer(), stack, { port: 80 })).rejects.toMatchObject({
    code: 'EADDRINUSE',
  });
  agent.destroy();
  server.close();
  await once(server, 'close');
  expect(server.address()).toBe(null);
});

test("undici's connector gives an open socket, or the error", async () => {
  const stack = await openStack();
  const server = http.createServer((_request, response) => void response.end());
  await attachHttpServer(server, stack, { port: 8080 });
  const connect = undiciConnector(stack);
  const to = (port: string) => ({ hostname: 'localhost', protocol: 'http:', port });
  const socket = await new Promise<import('node:net').Socket | undefined>((resolve) => {
    connect(to('8080'), (_error, opened) => resolve(opened));
  });
  expect(socket?.remotePort).toBe(8080);
  socket?.destroy();
  const error = await new Promise<unknown>((resolve) => connect(to('8081'), resolve));
  expect(error).toMatchObject({ code: 'ECONNREFUSED' });
  server.close();
});

test('aliases name every module, with and without node:', () => {
  expect(nodeAliases()).toMatchObject({
    net: 'ringstack-node/net',
    'node:tls': 'ringstack-node/tls',
  });
  expect(pageAliases()).toMatchObject({
    'node:dgram': 'ringstack-node/dgram',
    'node:events': 'events',
  });
  expect(webpackAliases({ net: 'x' })).toEqual({ net$: 'x' });
});

/** Runs a program under register; gives its output, and how long it ran. */
async function run(name: string, text: string): Promise<{ stdout: string; ms: number }> {
  const folder = await mkdtemp(join(tmpdir(), 'ringstack-register-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const file = join(folder, name);
  await writeFile(file, text);
  const start = performance.now();
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', REGISTER, file]);
  return { stdout, ms: performance.now() - start };
}

const PROGRAM = `
const server = net.createServer((socket) => socket.pipe(socket)).listen(0, () => {
  const socket = net.connect(server.address().port, () => socket.end('echo'));
  socket.on('data', (data) => console.log(String(data)));
  socket.on('close', () => server.close());
});
net.createServer().listen(0).unref();
`;

test.runIf(ENGINE === 'inline')(
  'a program of require() runs on a stack and ends by itself',
  async () => {
    const { stdout, ms } = await run('app.cjs', `const net = require('net');${PROGRAM}`);
    expect(stdout).toBe('echo\n');
    // TIME_WAIT of a stack takes 10 s: it must not keep the process.
    expect(ms).toBeLessThan(9000);
  },
);

test.runIf(ENGINE === 'inline')('a program of import runs on the same stack', async () => {
  const text = `import { createServer } from 'net'; import net from 'node:net';
    console.log(createServer === net.createServer, net.Socket.prototype.connect.name);${PROGRAM}`;
  const { stdout } = await run('app.mjs', text);
  expect(stdout).toBe('true connect\necho\n');
});

test.runIf(ENGINE === 'inline')(
  'pipes and child processes are still those of the system',
  async () => {
    const { stdout } = await run(
      'pipes.cjs',
      `const net = require('net'); const { spawn } = require('child_process');
    const path = require('path').join(__dirname, 'a.sock');
    const server = net.createServer((socket) => socket.end('pipe')).listen(path, () => {
      net.connect(path).on('data', (data) => {
        console.log(String(data), server.address() === path);
        server.close();
        spawn('echo', ['child']).stdout.pipe(process.stdout);
      });
    });`,
    );
    expect(stdout).toBe('pipe true\nchild\n');
  },
);
