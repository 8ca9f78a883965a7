// SPDX-License-Identifier: MIT
// small_services.test - NTP, echo, discard, daytime: answers, limits, loops, their end

import fc from 'fast-check';
import type { UdpSocket } from 'ringstack';
import {
  type SmallServiceOptions,
  serveDaytime,
  serveDiscard,
  serveEcho,
  serveNtp,
} from 'ringstack/services';
import { expect, test } from 'vitest';
import { parseNtp, readTime, serializeNtp, timeBytes } from '../../js/codec/ntp.ts';
import { bytes, openStack, outcome, readAll, send, text, until } from '../helpers/net.ts';

const HOST = '127.0.0.1';

async function ask(client: UdpSocket, question: Uint8Array, port: number): Promise<Uint8Array> {
  await client.send(question, { host: HOST, port });
  return (await client.receive()).data;
}

/** A question of a client whose time is `ms`. */
function question(ms: number, version = 4): Uint8Array {
  const none = new Uint8Array(8);
  return serializeNtp({
    ...{ leap: 3, version, mode: 3, stratum: 0, poll: 6, precision: -20 },
    ...{ rootDelay: 0, rootDispersion: 0, referenceId: 0 },
    ...{ referenceTime: none, originTime: none, receiveTime: none, transmitTime: timeBytes(ms) },
  });
}

test('NTP tells the time of its clock, and gives the time of the client back', async () => {
  const stack = await openStack();
  const now = Date.UTC(2026, 10, 30, 12) + 250.5;
  const server = await serveNtp(stack, { clock: () => now, stratum: 3 });
  const client = await stack.openUdp();
  const answer = parseNtp(await ask(client, question(1234), 123));
  expect(answer).toMatchObject({ mode: 4, version: 4, leap: 0, stratum: 3, poll: 6 });
  expect(answer?.originTime).toEqual(timeBytes(1234));
  expect(readTime(answer?.transmitTime as Uint8Array, Date.now())).toBeCloseTo(now, 3);
  expect(readTime(answer?.receiveTime as Uint8Array, Date.now())).toBeCloseTo(now, 3);
  expect(parseNtp(await ask(client, question(0, 3), 123))?.version).toBe(3);
  for (const wrong of [new Uint8Array(47), new Uint8Array(48), answer && serializeNtp(answer)]) {
    await client.send(wrong as Uint8Array, { host: HOST, port: 123 });
  }
  await until(() => server.statistics.droppedMalformed === 3);
  expect(server.statistics).toMatchObject({ sent: 2, droppedLimit: 0, droppedSend: 0 });
  await server.close();
  await server.closed;
});

test('times of NTP are read back, before and after 2036', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 8e12 }), (ms) => {
      expect(Math.abs(readTime(timeBytes(ms), ms + 1e11) - ms)).toBeLessThan(1);
    }),
  );
  expect(timeBytes(-2_208_988_800_000)).toEqual(new Uint8Array(8));
});

test('garbage for NTP never throws, and an answer is no longer than its question', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (data) => {
      const packet = parseNtp(data);
      if (packet) expect(serializeNtp(packet).length).toBeLessThanOrEqual(data.length);
    }),
  );
});

test('beyond its rate NTP answers nobody', async () => {
  const stack = await openStack();
  const server = await serveNtp(stack, { maxRate: 5, port: 1123 });
  const client = await stack.openUdp();
  for (let i = 0; i < 50; i++) await client.send(question(i), { host: HOST, port: 1123 });
  const { statistics } = server;
  await until(() => statistics.sent + statistics.droppedLimit === 50);
  expect(statistics.droppedLimit).toBeGreaterThan(40);
});

test('echo sends back what comes, over UDP and TCP, to the end', async () => {
  const stack = await openStack();
  const service = await serveEcho(stack);
  const client = await stack.openUdp();
  expect(text(await ask(client, bytes('hello'), 7))).toBe('hello');
  const connection = await stack.connectTcp({ host: HOST, port: 7 });
  const data = new Uint8Array(300_000).map((_, i) => i % 251);
  const [echoed] = await Promise.all([
    readAll(connection.readable),
    send(connection.writable, data).then(() => connection.writable.close()),
  ]);
  expect(echoed).toEqual(data);
  await until(() => service.statistics.active === 0);
  expect(service.statistics).toMatchObject({ connections: 1, datagrams: 1, bytes: 300_005 });
});

test('discard answers nothing, daytime tells the time and ends the connection', async () => {
  const stack = await openStack();
  const discard = await serveDiscard(stack);
  const daytime = await serveDaytime(stack, { clock: () => 86_400_000 });
  const said = 'Fri, 02 Jan 1970 00:00:00 GMT\r\n';
  const client = await stack.openUdp();
  await client.send(bytes('gone'), { host: HOST, port: 9 });
  expect(text(await ask(client, bytes(''), 13))).toBe(said);
  const connection = await stack.connectTcp({ host: HOST, port: 13 });
  expect(text(await readAll(connection.readable))).toBe(said);
  await connection.close();
  expect(discard.statistics).toMatchObject({ datagrams: 1, bytes: 4 });
  await until(() => daytime.statistics.active === 0);
});

test('a server is never answered, so that two of them cannot answer each other', async () => {
  const stack = await openStack();
  const service = await serveEcho(stack);
  const other = await stack.openUdp({ port: 19 });
  await other.send(bytes('x'), { host: HOST, port: 7 });
  await until(() => service.statistics.droppedLoop === 1);
  expect(other.statistics.rxDatagrams).toBe(0);
});

test('connections are limited, and end when nothing comes', async () => {
  const stack = await openStack();
  const service = await serveEcho(stack, { maxConnections: 2, idleTimeout: 50, udp: false });
  const open = () => stack.connectTcp({ host: HOST, port: 7 });
  const [one, two] = [await open(), await open()];
  await until(() => service.statistics.active === 2);
  const third = await open();
  expect(await outcome(readAll(third.readable))).toBe('ECONNRESET');
  const ends = await Promise.all([one, two].map(({ readable }) => outcome(readAll(readable))));
  expect(ends).toEqual(['ECONNRESET', 'ECONNRESET']);
  await until(() => service.statistics.active === 0);
  expect(service.statistics).toMatchObject({ droppedLimit: 1, idle: 2 });
});

test('close() ends connections and frees the ports', async () => {
  const stack = await openStack();
  const before = stack.statistics.sockets;
  for (const serve of [serveEcho, serveDiscard, serveDaytime, serveNtp]) {
    const options: SmallServiceOptions = {};
    const service = await serve(stack, options);
    expect(await outcome(serve(stack, options))).toBe('EADDRINUSE');
    await service.close();
    await service.closed;
    await (await serve(stack, options)).close();
  }
  const service = await serveEcho(stack);
  const connection = await stack.connectTcp({ host: HOST, port: 7 });
  await until(() => service.statistics.active === 1);
  await service.close();
  expect(await outcome(readAll(connection.readable))).toBe('ECONNRESET');
  await until(() => stack.statistics.sockets === before);
});

test('refuses what cannot work, and runs over transports alone', async () => {
  const stack = await openStack();
  const refused = async (promise: Promise<unknown>) => expect(promise).rejects.toThrow(/must be/);
  await refused(serveEcho(stack, { port: 65_536 }));
  await refused(serveEcho(stack, { idleTimeout: 0 }));
  await refused(serveNtp(stack, { stratum: 0 }));
  await refused(serveNtp({} as never));
  await refused(serveDaytime(null as never));
  const udp = await serveEcho(stack.udp, { port: 77 });
  const both = await serveDaytime({ udp: stack.udp, tcp: stack.tcp }, { port: 78 });
  const connection = await stack.connectTcp({ host: HOST, port: 78 });
  expect(text(await readAll(connection.readable))).toMatch(/GMT/);
  await Promise.all([udp.close(), both.close()]);
});
