// SPDX-License-Identifier: MIT
// udp_streams.test - UDP sockets as streams, loops and rings: backpressure, loss, ends, zero-copy access

import { createArena, type UdpDatagram } from 'ringstack';
import { describe, expect, test } from 'vitest';
import { bytes, ENDS, openStack, outcome, settle, text, until } from '../helpers/net.ts';
import { ENGINE, NO_DISPOSE, testUnless } from '../helpers/runtime.ts';
import { loopbackPair, receiveMany, udpPair } from '../helpers/udp.ts';

const CLOSED = 'udp socket closed';

describe('the readable', () => {
  test('gives what comes, and ends when the socket is closed', async () => {
    const { client, server, to } = await loopbackPair();
    const reader = server.readable.getReader();
    const reading = reader.read();
    await client.send(bytes('one'), to);
    expect(text((await reading).value?.data ?? bytes(''))).toBe('one');
    const last = reader.read();
    await server.close();
    expect((await last).done).toBe(true);
    await reader.closed;
  });

  test('loses nothing when a read is given up', async () => {
    const { client, server, to } = await loopbackPair();
    const first = server.readable.getReader();
    const given = outcome(first.read());
    first.releaseLock();
    expect(await given).toBe('TypeError');
    await client.send(bytes('one'), to);
    await client.send(bytes('two'), to);
    await client.send(bytes('three'), to);
    expect(text((await server.receive()).data)).toBe('one');
    const access = server.getRingReader();
    expect(await access.ready()).toBe(true);
    expect(text(access.peek()?.slice() ?? bytes(''))).toBe('two');
    access.release();
    access.releaseLock();
    const { value } = await server.readable.getReader().read();
    expect(text(value?.data ?? bytes(''))).toBe('three');
  });

  test('can be looped over, and a loop that is left closes nothing', async () => {
    const { client, server, to } = await loopbackPair();
    const words: string[] = [];
    for (const word of ['a', 'b', 'c']) await client.send(bytes(word), to);
    for await (const { data } of server) if (words.push(text(data)) === 2) break;
    for await (const { data } of server) {
      words.push(text(data));
      await server.close();
    }
    expect(words).toEqual(['a', 'b', 'c']);
  });

  test('is locked for a second loop or reader', async () => {
    const { server } = await loopbackPair();
    server.readable.getReader();
    expect(() => server[Symbol.asyncIterator]()).toThrow('readable stream already locked');
    expect(() => server.getRingReader()).toThrow(TypeError);
  });

  test('closes the socket when it is cancelled', async () => {
    const { server } = await loopbackPair();
    await server.readable.cancel();
    await server.closed;
    expect(await outcome(server.receive())).toBe('ESHUTDOWN');
  });

  test('is shared by receive(): each datagram is read once, in order', async () => {
    const { client, server, to } = await loopbackPair();
    const reader = server.readable.getReader();
    const reads = [reader.read(), server.receive(), server.receive(), reader.read()];
    await settle();
    for (const word of ['1', '2', '3', '4']) await client.send(bytes(word), to);
    const all = await Promise.all(reads);
    const words = all.map((one) =>
      text(('value' in one ? one.value : (one as UdpDatagram))?.data ?? bytes('')),
    );
    expect(words.sort()).toEqual(['1', '2', '3', '4']);
  });
});

describe('what finds the receive ring full', () => {
  test('is dropped and counted, the newest first', async () => {
    const { client, server, to } = await loopbackPair({ server: { receiveBuffer: 2048 } });
    for (let n = 0; n < 40; n++) await client.send(Uint8Array.of(n), to);
    await until(() => {
      const { rxDatagrams, rxDropped } = server.statistics;
      return rxDatagrams + rxDropped === 40;
    });
    const { rxDatagrams, rxDropped, rxBytes } = server.statistics;
    expect(rxDropped).toBeGreaterThan(0);
    expect(rxBytes).toBe(rxDatagrams);
    const all = await receiveMany(server, rxDatagrams);
    expect(all.map(({ data }) => data[0])).toEqual(
      Array.from({ length: rxDatagrams }, (_, n) => n),
    );
    await client.send(bytes('later'), to);
    expect(text((await server.receive()).data)).toBe('later');
  });
});

describe('the writable', () => {
  test('holds a writer off while nothing takes what is sent, and loses none', async () => {
    const { client, server, to } = await udpPair({
      client: { sendBuffer: 4096 },
      server: { receiveBuffer: 2 ** 20 },
    });
    const writer = client.writable.getWriter();
    for (let n = 0; n < 500; n++) await writer.write({ ...to, data: new Uint8Array(1000).fill(n) });
    const all = await receiveMany(server, 500);
    expect(all.map(({ data }) => data[999])).toEqual(
      Array.from({ length: 500 }, (_, n) => n & 255),
    );
  });

  test('settles writes in order, whoever waits for room', async () => {
    const { client, server, to } = await loopbackPair({ client: { sendBuffer: 4096 } });
    const order: number[] = [];
    const writes = Array.from({ length: 20 }, (_, n) =>
      client.send(new Uint8Array(1500).fill(n), to).then(() => order.push(n)),
    );
    // An engine of another thread may have sent them by now.
    if (ENGINE === 'inline') expect(client.trySend(new Uint8Array(1500), to)).toBe(false);
    await Promise.all(writes);
    const ascending = Array.from({ length: 20 }, (_, n) => n);
    expect(order).toEqual(ascending);
    const all = await receiveMany(server, 20);
    expect(all.map(({ data }) => data[0])).toEqual(ascending);
  });

  test('is not ended by a datagram that cannot be sent', async () => {
    const { client, server, to } = await loopbackPair();
    const writer = client.writable.getWriter();
    await writer.write({ ...to, data: new Uint8Array(65_508) });
    await writer.write({ ...to, port: 0, data: bytes('x') });
    await writer.write({ ...to, host: 'nobody.test', data: bytes('x') });
    await writer.write({ ...to, host: '1.2.3', data: bytes('x') });
    await writer.write({ ...to, data: bytes('x'), linkAddress: 'no mac' });
    await writer.write({ data: bytes('x') } as never);
    await writer.write({ host: '192.0.2.1', port: 9, data: bytes('x') });
    await until(() => client.statistics.txDropped === 7);
    await writer.write({ ...to, data: bytes('still') });
    expect(text((await server.receive()).data)).toBe('still');
  });

  test('is ended by what is no datagram', async () => {
    const { client, to } = await loopbackPair();
    const writer = client.writable.getWriter();
    expect(await outcome(writer.write({ ...to, data: 'text' } as never))).toBe('TypeError');
    expect(await outcome(writer.write({ ...to, data: bytes('x') }))).toBe('TypeError');
    await client.send(bytes('x'), to);
  });

  test('closes the socket when it is closed, and all that was written arrives', async () => {
    const { client, server, to } = await loopbackPair();
    const writer = client.writable.getWriter();
    for (let n = 0; n < 600; n++) writer.write({ ...to, data: Uint8Array.of(n) });
    await writer.close();
    await client.closed;
    expect((await receiveMany(server, 600)).length).toBe(600);
  });

  test('closes the socket when it is aborted', async () => {
    const { client, to } = await loopbackPair();
    await client.writable.abort();
    await client.closed;
    expect(await outcome(client.send(bytes('x'), to))).toBe('ESHUTDOWN');
  });
});

describe('a closed socket', () => {
  test('ends readers and refuses what is sent', async () => {
    const { client, server, to } = await loopbackPair();
    const received = outcome(server.receive());
    const looped = server[Symbol.asyncIterator]().next();
    await server.close();
    await server.close();
    expect(await received).toBe('ESHUTDOWN');
    expect((await looped).done).toBe(true);
    await expect(server.receive()).rejects.toThrow(CLOSED);
    await expect(server.send(bytes('x'), to)).rejects.toThrow(CLOSED);
    expect(() => server.trySend(bytes('x'), to)).toThrow(CLOSED);
    await expect(server.join('224.0.0.9')).rejects.toThrow(CLOSED);
    const writer = server.writable.getWriter();
    await expect(writer.write({ ...to, data: bytes('x') })).rejects.toThrow(CLOSED);
    server.ttl = 9;
    await client.close();
  });

  test('refuses writers that wait for room', async () => {
    const { client, to } = await udpPair({ client: { sendBuffer: 4096 } });
    const sends = Array.from({ length: 50 }, () => outcome(client.send(new Uint8Array(1500), to)));
    await client.close();
    const codes = await Promise.all(sends);
    expect(codes.at(-1)).toBe('ESHUTDOWN');
    expect(codes.every((code) => code === 'ok' || code === 'ESHUTDOWN')).toBe(true);
  });

  test('keeps its counters', async () => {
    const { client, server, to } = await loopbackPair();
    await client.send(bytes('four'), to);
    await server.receive();
    await client.close();
    expect(client.statistics).toEqual({
      rxDatagrams: 0,
      rxBytes: 0,
      txDatagrams: 1,
      txBytes: 4,
      rxDropped: 0,
      txDropped: 0,
      errors: 0,
    });
  });

  test('is one whose signal is aborted', async () => {
    const stack = await openStack();
    const abort = new AbortController();
    const socket = await stack.openUdp({ port: 9, signal: abort.signal });
    abort.abort(new Error('enough'));
    await socket.closed;
    await stack.openUdp({ port: 9 });
    await expect(stack.openUdp({ signal: abort.signal })).rejects.toThrow('enough');
  });

  testUnless(NO_DISPOSE)('is one that was disposed of', async () => {
    const { server } = await loopbackPair();
    await server[Symbol.asyncDispose]();
    await server.closed;
  });

  test('is one whose interface or address is gone, and it says so', async () => {
    const { a, tapA, to } = await udpPair();
    const bound = await a.openUdp({ interface: tapA });
    const local = await a.openUdp({ host: ENDS[4].a });
    const open = await a.openUdp({ port: 99 });
    const received = [bound, local].map((socket) => outcome(socket.receive()));
    await a.removeInterface(tapA);
    expect(await outcome(bound.closed)).toBe('ENODEV');
    expect(await outcome(local.closed)).toBe('EADDRNOTAVAIL');
    expect(await Promise.all(received)).toEqual(['ENODEV', 'EADDRNOTAVAIL']);
    expect(await outcome(bound.send(bytes('x'), to))).toBe('ENODEV');
    expect(await outcome(open.send(bytes('x'), to))).toBe('ok');
  });

  test('is each one of a stack that is closed', async () => {
    const { a, client, to } = await udpPair();
    const received = outcome(client.receive());
    const looped = client[Symbol.asyncIterator]().next();
    await a.close();
    expect(await received).toBe('ESHUTDOWN');
    expect((await looped).done).toBe(true);
    await client.closed;
    expect(await outcome(client.send(bytes('x'), to))).toBe('ESHUTDOWN');
    expect(await outcome(a.openUdp())).toBe('ESHUTDOWN');
  });

  test('has given its memory back', async () => {
    const arena = await createArena();
    const stack = await openStack({ arena });
    const open = async () => {
      const server = await stack.openUdp({ port: 9 });
      const client = await stack.openUdp();
      await client.send(bytes('x'), { host: '127.0.0.1', port: 9 });
      await server.receive();
      await Promise.all([server.close(), client.close()]);
      await (await stack.openUdp({ port: 9 })).close();
    };
    await open();
    await until(() => stack.statistics.sockets === 0);
    const { freeBytes } = arena;
    for (let n = 0; n < 20; n++) await open();
    await until(() => stack.statistics.sockets === 0 && stack.statistics.ringBytes === 0);
    expect(arena.freeBytes).toBe(freeBytes);
  });
});

describe('zero-copy access', () => {
  test('reads and writes where the rings lie, with nothing copied in JavaScript', async () => {
    const arena = await createArena();
    const stack = await openStack({ arena });
    const server = await stack.openUdp({ port: 9 });
    const client = await stack.openUdp();
    const [writer, reader] = [client.getRingWriter(), server.getRingReader()];
    const before = arena.bytesCopied;
    writer.to({ host: '127.0.0.1', port: 9 });
    for (const length of [0, 5, 1000]) {
      await writer.ready(length);
      writer.reserve(length)?.fill(7);
      writer.submit();
    }
    for (const length of [0, 5, 1000]) {
      expect(await reader.ready()).toBe(true);
      const payload = reader.peek();
      expect(payload?.length).toBe(length);
      expect(payload?.every((byte) => byte === 7)).toBe(true);
      expect(reader.remoteAddress).toBe('127.0.0.1');
      expect(reader.remotePort).toBe(client.localPort);
      expect(reader.localAddress).toBe('127.0.0.1');
      expect(reader.ttl).toBe(64);
      reader.release();
    }
    expect(reader.peek()).toBeUndefined();
    expect(reader.remoteAddress).toBe('');
    expect(arena.bytesCopied - before).toBe(0);
    const waiting = reader.ready();
    await server.close();
    expect(await waiting).toBe(false);
  });

  test('locks and unlocks the streams', async () => {
    const { client, server, to } = await loopbackPair();
    const reader = server.getRingReader();
    expect(server.readable.locked).toBe(true);
    expect(await outcome(server.receive())).toBe('TypeError');
    const waiting = outcome(reader.ready());
    reader.releaseLock();
    reader.releaseLock();
    expect(await waiting).toBe('TypeError');
    expect(() => reader.peek()).toThrow(TypeError);
    expect(() => reader.release()).toThrow(TypeError);
    const writer = client.getRingWriter();
    expect(client.writable.locked).toBe(true);
    writer.releaseLock();
    expect(() => writer.reserve(1)).toThrow(TypeError);
    await client.send(bytes('x'), to);
    expect(text((await server.receive()).data)).toBe('x');
  });

  test('sends less than was reserved, or nothing, and keeps others off meanwhile', async () => {
    const { client, server, to } = await loopbackPair();
    const writer = client.getRingWriter();
    writer.to(to);
    writer.reserve(10)?.fill(1);
    const sending = client.send(bytes('later'), to);
    expect(client.trySend(bytes('no'), to)).toBe(false);
    writer.submit(3);
    await sending;
    writer.reserve(10);
    writer.cancel();
    expect(() => writer.submit(1)).toThrow(RangeError);
    const all = await receiveMany(server, 2);
    expect(all.map(({ data }) => data.length)).toEqual([3, 5]);
  });

  test('refuses what can never be sent', async () => {
    const { client, to } = await loopbackPair();
    const writer = client.getRingWriter();
    expect(() => writer.to({ host: 'nobody.test', port: 1 })).toThrow('nobody.test');
    expect(() => writer.to({ ...to, port: 0 })).toThrow('port');
    expect(() => writer.reserve(65_508)).toThrow('65507');
    expect(await outcome(writer.ready(65_508))).toBe('EMSGSIZE');
    expect(() => writer.reserve(-1)).toThrow(RangeError);
    await client.close();
    expect(await outcome(writer.ready(1))).toBe('ESHUTDOWN');
  });
});
