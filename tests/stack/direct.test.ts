// SPDX-License-Identifier: MIT
// direct.test - reads and writes that go past the streams to the rings: order, locks, turns, ends

import { describe, expect, test } from 'vitest';
import {
  bytes,
  concat,
  ignore,
  loopbackEnds,
  outcome,
  readAll,
  readUpTo,
  send,
  settle,
  text,
  wiredEnds,
} from '../helpers/net.ts';
import { Prng } from '../helpers/prng.ts';
import { sameBytes } from '../helpers/runtime.ts';

const string = ({ value }: ReadableStreamReadResult<Uint8Array>): string =>
  value ? text(value) : 'end';

describe('reads', () => {
  test('that wait are answered in order, and with the end', async () => {
    const { client, server } = await loopbackEnds();
    const reader = server.readable.getReader();
    const reads = [1, 2, 3, 4].map(() => reader.read());
    for (const word of ['one', 'two']) {
      await send(client.writable, bytes(word));
      await settle();
    }
    await client.closeWrite();
    expect((await Promise.all(reads)).map(string)).toEqual(['one', 'two', 'end', 'end']);
    expect(string(await reader.read())).toBe('end');
    await reader.closed;
  });

  test('keep their order when some go through the stream', async () => {
    const { client, server } = await loopbackEnds();
    const reader = server.readable.getReader();
    const { read } = ReadableStreamDefaultReader.prototype;
    await settle();
    const reads = [read.call(reader), reader.read(), read.call(reader), reader.read()];
    for (const [n, word] of ['1', '2', '3', '4'].entries()) {
      await send(client.writable, bytes(word));
      expect(string((await reads[n]) as never)).toBe(word);
    }
  });

  test('fail when the lock is given back, and lose nothing', async () => {
    const { client, server } = await loopbackEnds();
    const reader = server.readable.getReader();
    const reads = [reader.read(), reader.read()];
    reader.releaseLock();
    expect(await Promise.all(reads.map(outcome))).toEqual(['TypeError', 'TypeError']);
    expect(await outcome(reader.read())).toBe('TypeError');
    expect(await outcome(reader.closed)).toBe('TypeError');
    await send(client.writable, bytes('kept'));
    expect(text(await readUpTo(server.readable, 4))).toBe('kept');
  });

  test('end when the stream is cancelled', async () => {
    const { server } = await loopbackEnds();
    const reader = server.readable.getReader();
    const reads = [reader.read(), reader.read()];
    await reader.cancel();
    expect((await Promise.all(reads)).map(string)).toEqual(['end', 'end']);
  });

  test('fail with the error of the connection, behind what had come', async () => {
    const { client, server } = await wiredEnds();
    const reader = server.readable.getReader();
    const reads = [reader.read(), reader.read(), reader.read()];
    await send(client.writable, bytes('last'));
    await settle();
    client.abort();
    expect(await Promise.all(reads.map(outcome))).toEqual(['ok', 'ECONNRESET', 'ECONNRESET']);
    expect(await outcome(reader.read())).toBe('ECONNRESET');
    expect(await outcome(reader.closed)).toBe('ECONNRESET');
  });

  test('take both parts of a ring that wraps', async () => {
    const { client, server } = await loopbackEnds({ listen: { receiveBuffer: 65536 } });
    const data = new Prng(1).bytes(60_000);
    const reader = server.readable.getReader();
    for (let n = 0; n < 20; n++) {
      await send(client.writable, data);
      await settle(3);
      const { value } = await reader.read();
      expect(value?.length).toBe(60_000);
      expect(sameBytes(value, data)).toBe(true);
    }
  });

  test('have buffers of their own, which can be transferred', async () => {
    const { client, server } = await loopbackEnds();
    const reader = server.readable.getReader();
    const chunks: Uint8Array[] = [];
    for (const length of [10, 64, 65, 5000, 5000]) {
      await send(client.writable, new Uint8Array(length).fill(length));
      await settle(3);
      const { value } = await reader.read();
      if (value) chunks.push(value);
    }
    expect(new Set(chunks.map(({ buffer }) => buffer)).size).toBe(5);
    const [first, ...rest] = chunks;
    structuredClone(first, { transfer: [first?.buffer as ArrayBuffer] });
    expect(first?.length).toBe(0);
    expect(rest.every((chunk) => chunk.every((byte) => byte === (chunk.length & 255)))).toBe(true);
  });
});

describe('the iterator of a connection', () => {
  test('has the readable locked, made or not, until it is left', async () => {
    const { client, server } = await loopbackEnds();
    const iterator = server[Symbol.asyncIterator]();
    expect(() => server[Symbol.asyncIterator]()).toThrow(TypeError);
    expect(() => server.getRingReader()).toThrow(TypeError);
    const next = iterator.next();
    expect(server.readable.locked).toBe(true);
    expect(() => server.readable.getReader()).toThrow(TypeError);
    await send(client.writable, bytes('one'));
    expect(text((await next).value)).toBe('one');
    const givenUp = iterator.next();
    await iterator.return?.();
    expect(await givenUp).toEqual({ done: true, value: undefined });
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
    expect(server.readable.locked).toBe(false);
    await send(client.writable, bytes('two'));
    expect(text(await readUpTo(server.readable, 3))).toBe('two');
  });

  test.each(['made', 'not made'])('ends and fails as the stream does, %s', async (how) => {
    const { client, server } = await wiredEnds();
    if (how === 'made') expect(client.readable.locked || server.readable.locked).toBe(false);
    await send(client.writable, bytes('last'));
    await client.closeWrite();
    let got = '';
    for await (const chunk of server) got += text(chunk);
    expect(got).toBe('last');
    const next = client[Symbol.asyncIterator]().next();
    await settle();
    server.abort();
    expect(await outcome(next)).toBe('ECONNRESET');
    expect(await outcome(client[Symbol.asyncIterator]().next())).toBe('ECONNRESET');
  });
});

describe('writes', () => {
  test('keep their order when the buffer is full, and across writers', async () => {
    const { client, server } = await wiredEnds({
      stack: { receiveBuffer: 524_288, sendBuffer: 524_288 },
    });
    const data = new Prng(2).bytes(3_000_000);
    const first = client.writable.getWriter();
    const writes = [first.write(data), first.write(bytes('second'))];
    await settle();
    first.releaseLock();
    const second = client.writable.getWriter();
    expect(second.desiredSize).toBeLessThan(1);
    writes.push(second.write(bytes('third')));
    const got = readAll(server.readable);
    await Promise.all(writes);
    expect(second.desiredSize).toBe(1);
    await second.close();
    const all = concat([data, bytes('second'), bytes('third')]);
    expect(sameBytes(await got, all)).toBe(true);
  });

  test('after close(), releaseLock() or an abort are refused', async () => {
    const { client, server } = await loopbackEnds();
    const released = client.writable.getWriter();
    released.releaseLock();
    expect(await outcome(released.write(bytes('x')))).toBe('TypeError');
    const writer = client.writable.getWriter();
    const closed = writer.close();
    expect(await outcome(writer.write(bytes('x')))).toBe('TypeError');
    await closed;
    expect((await readAll(server.readable)).length).toBe(0);
    const aborted = server.writable.getWriter();
    await aborted.abort(new RangeError('enough'));
    expect(await outcome(aborted.write(bytes('x')))).toBe('RangeError');
    expect(await outcome(server.closed)).toBe('RangeError');
  });

  test('of what is no chunk fail the stream', async () => {
    const { client } = await loopbackEnds();
    const writer = client.writable.getWriter();
    expect(await outcome(writer.write('text' as never))).toBe('TypeError');
    expect(await outcome(writer.write(bytes('x')))).toBe('TypeError');
    expect(await outcome(client.closed)).toBe('TypeError');
  });

  test.each(['one by one', 'at once'])('10,000 small ones cost few turns, %s', async (how) => {
    const { a, client, server } = await wiredEnds();
    const count = 10_000 * 256;
    const got = readUpTo(server.readable, count);
    const writer = client.writable.getWriter();
    const chunk = new Uint8Array(256);
    await settle();
    const before = a.statistics.turns;
    for (let n = 0; n < 10_000; n++) {
      const written = writer.write(chunk);
      if (how === 'one by one') await written;
      else written.catch(ignore);
    }
    expect((await got).length).toBe(count);
    expect(a.statistics.turns - before).toBeLessThan(1000);
  });
});

describe('streams that nobody asked for while the connection lived', () => {
  test('are closed after an orderly end', async () => {
    const { client, server } = await loopbackEnds();
    await Promise.all([client.close(), server.close()]);
    expect((await readAll(client.readable)).length).toBe(0);
    const writer = client.writable.getWriter();
    await writer.closed;
    expect(await outcome(writer.write(bytes('x')))).toBe('TypeError');
  });

  test('have failed after an error', async () => {
    const { client, server } = await loopbackEnds();
    client.abort();
    expect(await outcome(server.closed)).toBe('ECONNRESET');
    expect(await outcome(server.readable.getReader().read())).toBe('ECONNRESET');
    const writer = server.writable.getWriter();
    expect(await outcome(writer.write(bytes('x')))).toBe('ECONNRESET');
    expect(await outcome(writer.closed)).toBe('ECONNRESET');
  });

  test('still have the bytes that came', async () => {
    const { client, server } = await loopbackEnds();
    await send(client.writable, bytes('hello'));
    await client.closeWrite();
    await settle();
    expect(text(await readAll(server.readable))).toBe('hello');
  });
});
