// SPDX-License-Identifier: MIT
// kernel_programs.test - programs that everybody has, over Linux's TCP, against a stack

import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Duplex } from 'node:stream';
import { connect as connectTls, TLSSocket } from 'node:tls';
import type { TcpConnection } from 'ringstack';
import { beforeEach, describe, expect, test } from 'vitest';
import { bytes, concat, text } from '../helpers/net.ts';
import { getHttp, serveHttp } from './lib/http.ts';
import { ADDRESS, type Kernel, openKernel, whyNoKernel } from './lib/kernel.ts';
import { lacksProgram, needs } from './lib/need.ts';
import { digestOf, payload } from './lib/payload.ts';
import { findProgram } from './lib/process.ts';
import { type Scope, testScope } from './lib/scope.ts';
import { relayTcp } from './lib/stack_relay.ts';

beforeEach((context) => {
  const program = /^[\w-]+/.exec(context.task.name)?.[0] ?? '';
  needs(whyNoKernel() ?? lacksProgram(program), context);
});

/** A connection as Node's TLS wants it. */
const duplex = (connection: TcpConnection): Duplex =>
  Duplex.fromWeb(connection as Parameters<typeof Duplex.fromWeb>[0]);

/** A folder that goes with its scope. */
function folder(scope: Scope, files: Readonly<Record<string, string | Uint8Array>>): string {
  const path = mkdtempSync(join(tmpdir(), 'ringstack-vm-'));
  scope.defer(() => rmSync(path, { recursive: true, force: true }));
  for (const [name, content] of Object.entries(files)) writeFileSync(join(path, name), content);
  return path;
}

const SIZE = 20_000_000;
const file = (seed: number): Uint8Array => concat([...payload(seed, SIZE)]);

/** Serves files by nginx until the scope ends. */
async function startNginx(scope: Scope, kernel: Kernel): Promise<void> {
  const dir = folder(scope, { 'file.bin': file(6) });
  const config = `daemon off; master_process off; pid ${dir}/pid; error_log stderr notice;
    events { worker_connections 512; }
    http { access_log off; sendfile on; client_body_temp_path ${dir}/a; proxy_temp_path ${dir}/b;
      fastcgi_temp_path ${dir}/c; uwsgi_temp_path ${dir}/d; scgi_temp_path ${dir}/e;
      server { listen 80; listen [::]:80; root ${dir}; } }`;
  writeFileSync(join(dir, 'nginx.conf'), config);
  const nginx = findProgram('nginx') ?? 'nginx';
  const program = kernel.run(nginx, '-p', dir, '-e', 'stderr', '-c', join(dir, 'nginx.conf'));
  await program.printed(/start worker|using the "epoll"|OS: Linux/);
}

/** A key and a certificate. */
async function certificate(scope: Scope, kernel: Kernel) {
  const dir = folder(scope, {});
  const [key, cert] = [join(dir, 'key.pem'), join(dir, 'cert.pem')];
  const make = 'openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=ringstack -days 2';
  await kernel.run(...make.split(' '), '-keyout', key, '-out', cert).succeeded();
  return { dir, key, cert };
}

describe('Linux kernel', () => {
  for (const family of [4, 6] as const) {
    const host = family === 4 ? ADDRESS[4].ours : `[${ADDRESS[6].ours}]`;

    test(`curl gets 20 MB from us, IPv${family}`, async () => {
      const scope = testScope();
      const kernel = await openKernel(scope);
      await serveHttp(kernel.stack);
      const path = join(folder(scope, {}), 'got');
      await kernel.run('curl', '-gsS', '-o', path, `http://${host}/5/${SIZE}`).succeeded();
      const sum = await kernel.run('sha256sum', path).succeeded();
      expect(`${SIZE}-${sum.split(' ')[0]}`).toBe(digestOf(5, SIZE));
    });

    test(`curl posts 20 MB to us, IPv${family}`, async () => {
      const scope = testScope();
      const kernel = await openKernel(scope);
      await serveHttp(kernel.stack);
      const dir = folder(scope, { up: file(5) });
      const url = `http://${host}/`;
      const curl = kernel.run('curl', '-gsS', '--data-binary', `@${dir}/up`, url);
      expect(await curl.succeeded()).toBe(digestOf(5, SIZE));
    });

    test(`nginx gives us 20 MB, IPv${family}`, async () => {
      const scope = testScope();
      const kernel = await openKernel(scope);
      await startNginx(scope, kernel);
      const got = await getHttp(kernel.stack, ADDRESS[family].kernel, '/file.bin');
      expect(got).toEqual({ status: 200, digest: digestOf(6, SIZE) });
      const twenty = Array.from({ length: 20 }, () =>
        getHttp(kernel.stack, ADDRESS[family].kernel, '/nothing'),
      );
      expect((await Promise.all(twenty)).map(({ status }) => status)).toEqual(
        twenty.map(() => 404),
      );
    });
  }

  test('wrk keeps 100 connections busy', async () => {
    const scope = testScope();
    const kernel = await openKernel(scope);
    await serveHttp(kernel.stack);
    const url = `http://${ADDRESS[4].ours}/1/100`;
    const report = await kernel.run('wrk', '-t1', '-c100', '-d3s', url).succeeded();
    expect(report).not.toMatch(/Socket errors|Non-2xx/);
    expect(Number(/(\d+) requests in/.exec(report)?.[1])).toBeGreaterThan(100);
  });

  for (const [way, args] of [
    ['one way', []],
    ['the other way', ['-R']],
    ['both ways, four streams', ['--bidir', '-P', '4']],
  ] as const) {
    for (const mtu of [1500, 65520]) {
      test(`iperf3 through us, ${way}, MTU ${mtu}`, async ({ task }) => {
        const scope = testScope();
        const kernel = await openKernel(scope, { mtu });
        await relayTcp(kernel.stack, 5201, { host: ADDRESS[4].kernel, port: 5201 });
        const server = kernel.run('iperf3', '-s', '-1', '--forceflush');
        await server.printed(/Server listening/);
        const command = ['iperf3', '-J', '-t', '2', '-c', ADDRESS[4].ours, ...args];
        const report = JSON.parse(await kernel.run(...command).succeeded());
        const rate = report.end.sum_received.bits_per_second;
        task.meta.figure = `${(rate / 1e9).toFixed(2)} Gbit/s`;
        expect(rate).toBeGreaterThan(0);
        expect(await server.ended).toBe(0);
      });
    }
  }

  test('redis-server takes 20,000 commands of ours in one pipeline', async () => {
    const scope = testScope();
    const kernel = await openKernel(scope);
    const server = kernel.run('redis-server', '--protected-mode', 'no', '--save', '');
    await server.printed(/Ready to accept connections/);
    const connection = await kernel.stack.connectTcp({ host: ADDRESS[4].kernel, port: 6379 });
    const count = 10_000;
    const numbers = Array.from({ length: count }, (_, n) => n);
    const commands = numbers.map((n) => `SET k${n} v${n}\r\n`).join('');
    const gets = numbers.map((n) => `GET k${n}\r\n`).join('');
    const writer = connection.writable.getWriter();
    void writer.write(bytes(`${commands}${gets}QUIT\r\n`));
    let reply = '';
    for await (const chunk of connection) reply += text(chunk);
    const values = numbers.map((n) => `$${`v${n}`.length}\r\nv${n}\r\n`).join('');
    const expected = `${'+OK\r\n'.repeat(count)}${values}+OK\r\n`;
    expect(createHash('sha256').update(reply).digest('hex')).toBe(
      createHash('sha256').update(expected).digest('hex'),
    );
  });

  test('redis-benchmark through us', async () => {
    const scope = testScope();
    const kernel = await openKernel(scope);
    await relayTcp(kernel.stack, 6379, { host: ADDRESS[4].kernel, port: 6379 });
    const server = kernel.run('redis-server', '--protected-mode', 'no', '--save', '');
    await server.printed(/Ready to accept connections/);
    const args = [
      '-h',
      ADDRESS[4].ours,
      '-n',
      '5000',
      '-c',
      '50',
      '-t',
      'set,get,lrange_100',
      '-q',
    ];
    const report = await kernel.run('redis-benchmark', ...args).succeeded();
    expect(report.match(/requests per second/g)).toHaveLength(4);
  });

  test('openssl s_server: TLS by Node over our connection', async () => {
    const scope = testScope();
    const kernel = await openKernel(scope);
    const { dir, key, cert } = await certificate(scope, kernel);
    writeFileSync(join(dir, 'file.bin'), file(9));
    const command = ['openssl', 's_server', '-WWW', '-accept', '443', '-key', key, '-cert', cert];
    const server = kernel.run('sh', '-c', `cd ${dir} && exec ${command.join(' ')}`);
    await server.printed(/ACCEPT/);
    const connection = await kernel.stack.connectTcp({ host: ADDRESS[4].kernel, port: 443 });
    const socket = connectTls({ socket: duplex(connection), rejectUnauthorized: false });
    socket.write('GET /file.bin HTTP/1.0\r\n\r\n');
    const chunks: Buffer[] = [];
    for await (const chunk of socket) chunks.push(chunk);
    const all = Buffer.concat(chunks);
    const body = all.subarray(all.indexOf('\r\n\r\n') + 4);
    const sum = createHash('sha256').update(body).digest('hex');
    expect(`${body.length}-${sum}`).toBe(digestOf(9, SIZE));
  });

  test('openssl s_client: TLS by Node over a connection we accept', async () => {
    const scope = testScope();
    const kernel = await openKernel(scope);
    const { dir, key, cert } = await certificate(scope, kernel);
    const listener = await kernel.stack.listenTcp({ port: 443 });
    writeFileSync(join(dir, 'up'), file(9));
    const target = `${ADDRESS[4].ours}:443`;
    const client = kernel.run(
      ...[
        'sh',
        '-c',
        `openssl s_client -quiet -no_ign_eof -nocommands -connect ${target} <${dir}/up`,
      ],
    );
    const socket = new TLSSocket(duplex(await listener.accept()), {
      isServer: true,
      key: readFileSync(key),
      cert: readFileSync(cert),
    });
    const hash = createHash('sha256');
    let length = 0;
    for await (const chunk of socket) {
      hash.update(chunk);
      length += chunk.length;
      if (length === SIZE) break;
    }
    expect(`${length}-${hash.digest('hex')}`).toBe(digestOf(9, SIZE));
    await client.stop();
  });
});
