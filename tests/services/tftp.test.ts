// SPDX-License-Identifier: MIT
// tftp.test - our TFTP server: files, options, windows, losses, limits, and forged requests

import fc from 'fast-check';
import type { NetworkStack, UdpDatagram, UdpSocket } from 'ringstack';
import {
  serveTftp,
  type TftpLogEntry,
  type TftpServer,
  type TftpServerOptions,
} from 'ringstack/services';
import { expect, onTestFinished, test } from 'vitest';
import { buildTftp, parseTftp, type TftpPacket } from '../../js/codec/tftp.ts';
import { Deferred } from '../../js/util/deferred.ts';
import { openStack, until } from '../helpers/net.ts';

const HOST = '127.0.0.1';
const fileOf = (length: number): Uint8Array => new Uint8Array(length).map((_, i) => (i * 7) % 251);

/** A client that a test moves by hand. */
class Client {
  readonly socket: UdpSocket;
  port = 69;

  constructor(socket: UdpSocket) {
    this.socket = socket;
  }

  request(file: string, options: Record<string, string> = {}, kind = 'read', mode = 'octet') {
    this.port = 69;
    const all = new Map(Object.entries(options));
    return this.say({ kind: kind as 'read', file, mode, options: all });
  }

  say(packet: TftpPacket, port = this.port): Promise<void> {
    return this.socket.send(buildTftp(packet), { host: HOST, port });
  }

  ack(block: number): Promise<void> {
    return this.say({ kind: 'ack', block: block & 0xffff });
  }

  async next(): Promise<TftpPacket> {
    const { data, port }: UdpDatagram = await this.socket.receive();
    this.port = port;
    const packet = parseTftp(data);
    if (!packet) throw new Error('it is no TFTP');
    return packet;
  }

  /** Block numbers that come next. */
  async blocks(count: number): Promise<number[]> {
    const numbers: number[] = [];
    while (numbers.length < count) {
      const packet = await this.next();
      if (packet.kind !== 'data') throw new Error(`it is ${packet.kind}`);
      numbers.push(packet.block);
    }
    return numbers;
  }

  /** Reads a whole file. */
  async read(file: string, options: Record<string, string> = {}, mode = 'octet') {
    await this.request(file, options, 'read', mode);
    const parts: number[] = [];
    let [size, window, expected, since] = [512, 1, 1, 0];
    const confirmed: Record<string, string> = {};
    for (;;) {
      const packet = await this.next();
      if (packet.kind === 'error') return { error: packet.code, data: undefined, confirmed };
      if (packet.kind === 'options') {
        Object.assign(confirmed, Object.fromEntries(packet.options));
        size = Number(confirmed['blksize'] ?? 512);
        window = Number(confirmed['windowsize'] ?? 1);
        await this.ack(0);
      } else if (packet.kind === 'data' && packet.block === (expected & 0xffff)) {
        parts.push(...packet.data);
        const isLast = packet.data.length < size;
        if (++since === window || isLast) {
          await this.ack(expected);
          since = 0;
        }
        expected++;
        if (isLast) return { error: undefined, data: Uint8Array.from(parts), confirmed };
      }
    }
  }
}

interface Bench {
  readonly stack: NetworkStack;
  readonly server: TftpServer;
  readonly log: TftpLogEntry[];
  client(): Promise<Client>;
}

async function bench(files: TftpServerOptions['files'], more: object = {}): Promise<Bench> {
  const stack = await openStack();
  const log: TftpLogEntry[] = [];
  const server = await serveTftp(stack, { files, log: (entry) => void log.push(entry), ...more });
  onTestFinished(() => server.close());
  return { stack, server, log, client: async () => new Client(await stack.openUdp()) };
}

test('reads files of every length: empty, one byte, whole blocks', async () => {
  const lengths = [0, 1, 511, 512, 513, 1024, 20_000];
  const files = new Map(lengths.map((length) => [`${length}`, fileOf(length)]));
  const { client, server, log } = await bench(files);
  const peer = await client();
  for (const length of lengths) expect((await peer.read(`${length}`)).data).toEqual(fileOf(length));
  await until(() => server.statistics.completed === lengths.length);
  expect(server.statistics).toMatchObject({ active: 0, failed: 0, retransmitted: 0 });
  expect(log.at(-1)).toEqual({ file: '20000', host: HOST, bytes: 20_000, outcome: 'done' });
});

test('takes options: block size, file size, window, timeout', async () => {
  const { client } = await bench({ kernel: fileOf(30_000) });
  const peer = await client();
  const asked = { blksize: '1428', tsize: '0', windowsize: '8', timeout: '3', other: 'x' };
  const { data, confirmed } = await peer.read('kernel', asked);
  expect(data).toEqual(fileOf(30_000));
  expect(confirmed).toEqual({ blksize: '1428', tsize: '30000', windowsize: '8', timeout: '3' });
  const most = await peer.read('kernel', { BLKSIZE: '65464', windowsize: '999' });
  expect(most.confirmed).toEqual({ blksize: '1448', windowsize: '16' });
  expect(most.data).toEqual(fileOf(30_000));
  const wrong = await peer.read('kernel', { blksize: '7', windowsize: '0', timeout: '-1' });
  expect(wrong).toMatchObject({ confirmed: {}, data: fileOf(30_000) });
});

test('block numbers wrap', async () => {
  const { client } = await bench({ big: fileOf(8 * 65_600) }, { maxWindowSize: 256 });
  const peer = await client();
  const { data } = await peer.read('big', { blksize: '8', windowsize: '256' });
  expect(data?.length).toBe(8 * 65_600);
  expect(data?.every((byte, i) => byte === (i * 7) % 251)).toBe(true);
});

test('names: slashes, a function, text, netascii, and what is refused', async () => {
  const asked: string[] = [];
  const { client, log } = await bench(({ file, remote }) => {
    asked.push(`${file} ${remote.host}`);
    if (file === 'fails') throw new Error('no disk');
    return file.startsWith('boot') ? `a\r\n${file}\n` : undefined;
  });
  const peer = await client();
  const { data } = await peer.read('\\/boot/./x');
  expect(new TextDecoder().decode(data)).toBe('a\r\nboot/x\n');
  const lines = await peer.read('boot', {}, 'NetASCII');
  expect(new TextDecoder().decode(lines.data)).toBe('a\r\0\r\nboot\r\n');
  expect(asked).toEqual([`boot/x ${HOST}`, `boot ${HOST}`]);
  expect((await peer.read('missing')).error).toBe(1);
  expect((await peer.read('../etc/passwd')).error).toBe(4);
  expect((await peer.read('a/../../b')).error).toBe(4);
  expect((await peer.read('/')).error).toBe(4);
  expect((await peer.read('boot', {}, 'mail')).error).toBe(4);
  expect((await peer.read('fails')).error).toBe(0);
  await peer.request('boot', {}, 'write');
  expect(await peer.next()).toMatchObject({ kind: 'error', code: 2 });
  await until(() => log.length === 9);
  const outcomes = ['done', 'done', 'missing', ...Array(4).fill('refused'), 'failed', 'refused'];
  expect(log.map(({ outcome }) => outcome)).toEqual(outcomes);
  const { client: other } = await bench({ toString2: 'x' });
  expect((await (await other()).read('toString')).error).toBe(1); // no name of Object
});

test('what is lost is sent again, and an acknowledgement that comes twice is not', async () => {
  const { client, server } = await bench({ file: fileOf(512 * 6) }, { timeout: 30 });
  const peer = await client();
  await peer.request('file', { windowsize: '4' });
  expect(await peer.next()).toMatchObject({ kind: 'options' });
  expect(await peer.next()).toMatchObject({ kind: 'options' }); // again, since it was not answered
  await peer.ack(0);
  expect(await peer.blocks(4)).toEqual([1, 2, 3, 4]);
  await peer.ack(2); // 3 was lost
  expect(await peer.blocks(4)).toEqual([3, 4, 5, 6]);
  await peer.ack(2); // a copy of it
  await peer.ack(1);
  await peer.ack(60_000);
  expect(await peer.blocks(4)).toEqual([3, 4, 5, 6]); // only the timeout sends them again
  await peer.ack(6);
  expect(await peer.blocks(1)).toEqual([7]);
  await peer.ack(7);
  await until(() => server.statistics.completed === 1);
  expect(server.statistics.retransmitted).toBeGreaterThanOrEqual(4);
});

test('a client that goes away is given up, one that gives up is believed', async () => {
  const { client, server, log } = await bench({ file: fileOf(2000) }, { timeout: 10 });
  const peer = await client();
  await peer.request('file');
  expect(await peer.blocks(1)).toEqual([1]);
  await peer.ack(1);
  expect(await peer.blocks(6)).toEqual([2, 2, 2, 2, 2, 2]);
  await until(() => log.length === 1);
  await peer.request('file');
  await peer.blocks(1);
  await peer.say({ kind: 'error', code: 0, message: 'enough' });
  await until(() => log.length === 2);
  expect(log.map(({ outcome, bytes }) => [outcome, bytes])).toEqual([
    ['timeout', 512],
    ['aborted', 0],
  ]);
  expect(server.statistics).toMatchObject({ active: 0, failed: 2 });
});

test('a forged request costs three packets, and others do not disturb a transfer', async () => {
  const { client, server, stack } = await bench({ file: fileOf(2000) }, { timeout: 10 });
  const victim = await client();
  await victim.request('file');
  await until(() => server.statistics.failed === 1);
  expect(victim.socket.statistics.rxDatagrams).toBe(3);
  const peer = await client();
  await peer.request('file');
  await peer.blocks(1);
  await peer.request('file').then(() => undefined); // the same request again
  const attacker = new Client(await stack.openUdp());
  for (const port of [69]) await attacker.say({ kind: 'ack', block: 1 }, port);
  peer.port = 0;
  const { port } = await peer.socket.receive();
  await attacker.say({ kind: 'ack', block: 1 }, port);
  await attacker.say({ kind: 'error', code: 0, message: '' }, port);
  await until(() => server.statistics.droppedForeign === 2);
  expect(server.statistics).toMatchObject({ active: 1, droppedMalformed: 1, requests: 2 });
});

test('requests are limited in all, per host and per second', async () => {
  const never = (): Promise<undefined> => new Promise(() => {});
  const { stack, server } = await bench(never, { maxPerClient: 3, maxTransfers: 4, maxRate: 50 });
  const flood = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) {
      const client = new Client(await stack.openUdp());
      await client.request('x');
    }
  };
  await flood(10);
  await until(() => server.statistics.droppedLimit === 7);
  expect(server.statistics).toMatchObject({ active: 3, requests: 3 });
  await server.close();
  expect(server.statistics.active).toBe(0);
});

test('close() ends transfers and frees all sockets', async () => {
  const { client, server, stack, log } = await bench({ file: fileOf(5000) });
  const peer = await client();
  await peer.request('file');
  await peer.blocks(1);
  await server.close();
  await server.closed;
  expect(log).toMatchObject([{ outcome: 'aborted' }]);
  await peer.socket.close();
  await until(() => stack.statistics.sockets === 0);
});

test('a transfer whose socket opens while the server closes ends at once', async () => {
  const stack = await openStack();
  const opening = new Deferred();
  const opened = new Deferred();
  const transport = {
    async open(options: { port?: number } = {}) {
      const socket = await stack.udp.open(options);
      if (options.port === undefined) {
        opening.resolve();
        await opened.promise;
      }
      return socket;
    },
  };
  const log: TftpLogEntry[] = [];
  const files = { file: fileOf(5000) };
  const server = await serveTftp(transport, { files, log: (entry) => void log.push(entry) });
  const peer = new Client(await stack.openUdp());
  await peer.request('file');
  await opening.promise;
  const closed = server.close();
  opened.resolve();
  await closed;
  expect(log).toMatchObject([{ outcome: 'aborted', bytes: 0 }]);
  expect(server.statistics).toMatchObject({ active: 0, failed: 1 });
  await peer.socket.close();
  await until(() => stack.statistics.sockets === 0);
});

test('close() ends many transfers, and Node warns of no leak', async () => {
  const warnings: unknown[] = [];
  const warn = (warning: unknown): void => void warnings.push(warning);
  const node = (globalThis as { process?: NodeJS.Process }).process;
  node?.on?.('warning', warn);
  onTestFinished(() => void node?.off?.('warning', warn));
  const { server, client, log } = await bench({ file: fileOf(5000) }, { maxPerClient: 20 });
  for (let i = 0; i < 20; i++) {
    const peer = await client();
    await peer.request('file');
    await peer.blocks(1);
  }
  expect(server.statistics.active).toBe(20);
  await server.close();
  expect(log.map(({ outcome }) => outcome)).toEqual(Array(20).fill('aborted'));
  expect(warnings).toEqual([]);
});

test('garbage is no packet, and what is built is read back', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 700 }), (bytes) => {
      for (const code of [0, 1, 2, 3, 4, 5, 6, 7]) parseTftp(Uint8Array.of(0, code, ...bytes));
      parseTftp(bytes);
    }),
  );
  const word = fc.stringMatching(/^[a-z\d/.]{1,20}$/);
  const options = fc.array(fc.tuple(word, word), { maxLength: 8 }).map((all) => new Map(all));
  const request = fc.record({ file: word, mode: word, options });
  fc.assert(
    fc.property(request, (fields) => {
      const packet: TftpPacket = { kind: 'read', ...fields };
      expect(parseTftp(buildTftp(packet))).toEqual(packet);
    }),
  );
});

test('refuses options that are out of range', async () => {
  const stack = await openStack();
  const refused = (options: object) =>
    expect(serveTftp(stack, options as never)).rejects.toMatchObject({ code: 'EINVAL' });
  await refused({});
  await refused({ files: 5 });
  await refused({ files: {}, maxBlockSize: 511 });
  await refused({ files: {}, maxTransfers: 0 });
  const server = await serveTftp(stack, { files: {} });
  await expect(serveTftp(stack, { files: {} })).rejects.toMatchObject({ code: 'EADDRINUSE' });
  await server.close();
});
