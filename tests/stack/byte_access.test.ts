// SPDX-License-Identifier: MIT
// byte_access.test - zero-copy access to connections: bytes, locks, room, errors, and no copy

import { type ByteRingReader, createArena, type TcpConnection } from 'ringstack';
import { describe, expect, test } from 'vitest';
import { StreamHash } from '../helpers/hash.ts';
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
  thrown,
  wiredEnds,
} from '../helpers/net.ts';
import { Prng } from '../helpers/prng.ts';
import { NO_BYOB, SharedBuffer, sameBytes, testUnless } from '../helpers/runtime.ts';

/** Writes random bytes of a seed by zero-copy access, in pieces of random sizes; returns their hash. */
async function writeRandom(connection: TcpConnection, seed: number, size: number): Promise<string> {
  const random = new Prng(seed);
  const hash = new StreamHash();
  const writer = connection.getRingWriter();
  while (hash.length < size) {
    await writer.ready(1 + random.int(5000));
    const room = writer.reserve(Math.min(1 + random.int(100_000), size - hash.length));
    const data = random.bytes(random.int(room.length + 1));
    room.set(data);
    writer.submit(data.length);
    hash.update(data);
  }
  await writer.close();
  return hash.digest();
}

/** Reads to the end by zero-copy access, in pieces of random sizes. */
async function readRandom(connection: TcpConnection, seed: number): Promise<string> {
  const random = new Prng(seed);
  const hash = new StreamHash();
  const reader = connection.getRingReader();
  while (await reader.ready()) {
    const view = reader.peek();
    const length = 1 + random.int(view.length);
    hash.update(view.slice(0, length));
    reader.release(length);
  }
  return hash.digest();
}

/** The next bytes that are there. */
async function take(reader: ByteRingReader): Promise<string> {
  await reader.ready();
  const view = reader.peek();
  const found = text(view.slice());
  reader.release(view.length);
  return found;
}

describe('bytes', () => {
  test.each([1500, 65520])('arrive as they were written, both ways, MTU %d', async (mtu) => {
    const { client, server } = await wiredEnds({ tap: { mtu } });
    const [sent, answered, there, here] = await Promise.all([
      writeRandom(client, 1, 3_000_000),
      writeRandom(server, 2, 3_000_000),
      readRandom(server, 3),
      readRandom(client, 4),
    ]);
    expect(there).toBe(sent);
    expect(here).toBe(answered);
  });

  test('are not copied by JavaScript', async () => {
    const arena = await createArena({ size: 32 * 1024 * 1024 });
    const { client, server } = await wiredEnds({ stack: { arena } });
    const before = arena.bytesCopied;
    const sent = writeRandom(client, 5, 1_000_000);
    const reader = server.getRingReader();
    let count = 0;
    while (await reader.ready()) {
      const { length } = reader.peek();
      count += length;
      reader.release(length);
    }
    await sent;
    expect(count).toBe(1_000_000);
    // Commands have at most 100 bytes each: far fewer than one a segment.
    expect(arena.bytesCopied - before).toBeLessThan(1000);
  });

  test('lie in shared memory, and a view shows what is there', async () => {
    const { client, server } = await loopbackEnds();
    const writer = client.getRingWriter();
    const room = writer.reserve(5);
    expect(room.buffer).toBeInstanceOf(SharedBuffer);
    room.set(bytes('hello'));
    writer.submit(5);
    const reader = server.getRingReader();
    expect(await reader.ready()).toBe(true);
    const view = reader.peek();
    expect(view.buffer).toBeInstanceOf(SharedBuffer);
    expect(text(view.slice())).toBe('hello');
    reader.release(2);
    expect(text(reader.peek().slice())).toBe('llo');
    reader.release(3);
    expect(reader.peek().length).toBe(0);
  });

  test('that were reserved and given up are not sent', async () => {
    const { client, server } = await loopbackEnds();
    const writer = client.getRingWriter();
    writer.reserve(100).fill(1);
    writer.cancel();
    expect(await thrown(() => writer.submit(1))).toBe('RangeError');
    writer.reserve(3).set(bytes('abc'));
    writer.submit(2);
    await writer.close();
    expect(text(await readAll(server.readable))).toBe('ab');
  });
});

describe('locks', () => {
  test('whoever has the verbs has the streams locked, until releaseLock()', async () => {
    const { client } = await loopbackEnds();
    const reader = client.getRingReader();
    const writer = client.getRingWriter();
    expect([client.readable.locked, client.writable.locked]).toEqual([true, true]);
    for (const second of [
      () => client.getRingReader(),
      () => client.readable.getReader(),
      () => client.getRingWriter(),
      () => client.writable.getWriter(),
    ]) {
      expect(second).toThrow(TypeError);
    }
    reader.releaseLock();
    reader.releaseLock();
    writer.releaseLock();
    writer.releaseLock();
    expect([client.readable.locked, client.writable.locked]).toEqual([false, false]);
    const streamReader = client.readable.getReader();
    expect(() => client.getRingReader()).toThrow(TypeError);
    streamReader.releaseLock();
    const streamWriter = client.writable.getWriter();
    expect(() => client.getRingWriter()).toThrow(TypeError);
    streamWriter.releaseLock();
  });

  test('after releaseLock() every verb throws a TypeError', async () => {
    const { client } = await loopbackEnds();
    const reader = client.getRingReader();
    const writer = client.getRingWriter();
    const [readable, writable] = [reader.ready(), writer.ready(2 ** 40)];
    reader.releaseLock();
    writer.reserve(10);
    writer.releaseLock();
    expect(await outcome(readable)).toBe('TypeError');
    expect(await outcome(writable)).toBe('ok'); // there was room
    for (const call of [
      () => reader.ready(),
      () => reader.peek(),
      () => reader.release(0),
      () => writer.ready(),
      () => writer.reserve(1),
      () => writer.submit(0),
      () => writer.close(),
    ]) {
      expect(await thrown(call)).toBe('TypeError');
    }
    expect(() => writer.cancel()).not.toThrow();
  });

  testUnless(NO_BYOB)('the streams go on where the verbs stop, and back', async () => {
    const { client, server } = await loopbackEnds();
    const writer = client.getRingWriter();
    writer.reserve(4).set(bytes('1234'));
    writer.submit(4);
    writer.reserve(4).set(bytes('lost'));
    writer.releaseLock();
    await send(client.writable, bytes('5678'));
    const again = client.getRingWriter();
    again.reserve(2).set(bytes('90'));
    again.submit(2);
    await again.close();
    await settle();
    const reader = server.getRingReader();
    await reader.ready();
    expect(text(reader.peek().slice(0, 3))).toBe('123');
    reader.release(3);
    reader.releaseLock();
    const byob = server.readable.getReader({ mode: 'byob' });
    const { value } = await byob.read(new Uint8Array(3));
    byob.releaseLock();
    expect(text(value ?? bytes(''))).toBe('456');
    const last = server.getRingReader();
    // Bytes that arrive after the ring has grown are not contiguous with earlier ones.
    let rest = '';
    while (rest.length < 4) rest += await take(last);
    expect(rest + (await last.ready()) + (await last.ready())).toBe('7890falsefalse');
    expect(last.peek().length).toBe(0);
  });

  testUnless(NO_BYOB)('what an earlier reader left in the stream comes first', async () => {
    const { client, server } = await loopbackEnds();
    const byob = server.readable.getReader({ mode: 'byob' });
    const givenUp = byob.read(new Uint16Array(1));
    await send(client.writable, bytes('a'));
    await settle();
    byob.releaseLock();
    expect(await outcome(givenUp)).toBe('TypeError');
    await send(client.writable, bytes('bc'));
    await settle();
    const peek = server.getRingReader();
    await peek.ready();
    peek.releaseLock();
    const reader = server.getRingReader();
    let got = '';
    while (got.length < 3) got += await take(reader);
    expect(got).toBe('abc');
    reader.releaseLock();
    await send(client.writable, bytes('d'));
    expect(text(await readUpTo(server.readable, 1))).toBe('d');
  });

  test('a writer waits for the writes that came before it', async () => {
    const { client, server } = await wiredEnds({ connect: { sendBuffer: 4096 } });
    const data = new Prng(7).bytes(2_000_000);
    const stream = client.writable.getWriter();
    stream.write(data).catch(ignore);
    stream.releaseLock();
    const writer = client.getRingWriter();
    expect(writer.reserve(1).length).toBe(0);
    const ready = writer.ready();
    const got = readAll(server.readable);
    await ready;
    writer.reserve(1)[0] = 7;
    writer.submit(1);
    await writer.close();
    expect(sameBytes(await got, concat([data, new Uint8Array([7])]))).toBe(true);
  });
});

describe('room', () => {
  test('a full buffer gives none until the peer has read', async () => {
    const { client, server } = await wiredEnds({
      stack: { receiveBuffer: 524_288, sendBuffer: 524_288 },
    });
    const writer = client.getRingWriter();
    let sent = 0;
    for (let idle = 0; idle < 3; ) {
      const { length } = writer.reserve(1_000_000);
      writer.submit(length);
      sent += length;
      idle = length === 0 ? idle + 1 : 0;
      await settle();
    }
    // As much as send and receive buffer take: it has grown to them.
    expect(sent).toBeLessThanOrEqual(2 * 524_288);
    expect(sent).toBeGreaterThan(1_000_000);
    let isReady = false;
    const ready = writer.ready(100_000).then(() => {
      isReady = true;
    });
    await settle();
    expect(isReady).toBe(false);
    const reader = server.getRingReader();
    let left = sent;
    while (left > 0 && (await reader.ready())) {
      const { length } = reader.peek();
      reader.release(length);
      left -= length;
    }
    await ready;
    expect(writer.reserve(100_000).length).toBeGreaterThan(0);
  });

  test.each([[-1], [1.5], [Number.NaN], [11], [Number.POSITIVE_INFINITY]])(
    '%d bytes of 10 are a RangeError and change nothing',
    async (length) => {
      const { client, server } = await loopbackEnds();
      const writer = client.getRingWriter();
      writer.reserve(10).fill(65);
      expect(() => writer.submit(length)).toThrow(RangeError);
      writer.submit(10);
      const reader = server.getRingReader();
      await reader.ready();
      expect(() => reader.release(1)).toThrow(RangeError); // before peek()
      reader.peek();
      expect(() => reader.release(length)).toThrow(RangeError);
      expect(await take(reader)).toBe('A'.repeat(10));
      if (length !== 11) {
        expect(() => writer.reserve(length)).toThrow(RangeError);
        expect(await outcome(writer.ready(length))).toBe('RangeError');
      }
    },
  );
});

describe('ends', () => {
  test('a reset fails the reader behind what had arrived, and the writer at once', async () => {
    const { client, server } = await wiredEnds();
    const [reader, writer] = [server.getRingReader(), server.getRingWriter()];
    await send(client.writable, bytes('last'));
    await reader.ready();
    const view = reader.peek();
    client.abort();
    expect(await outcome(server.closed)).toBe('ECONNRESET');
    expect(await thrown(() => writer.reserve(1))).toBe('ECONNRESET');
    expect(await thrown(() => writer.submit(0))).toBe('ECONNRESET');
    expect(await outcome(writer.ready())).toBe('ECONNRESET');
    expect(text(view.slice())).toBe('last');
    reader.release(4);
    expect(await outcome(reader.ready())).toBe('ECONNRESET');
    expect(await thrown(() => reader.peek())).toBe('ECONNRESET');
    expect(await thrown(() => reader.release(0))).toBe('ECONNRESET');
    expect(() => writer.cancel()).not.toThrow();
    reader.releaseLock();
    writer.releaseLock();
  });

  test('closing the connection ends both', async () => {
    const { client, server } = await wiredEnds();
    const [reader, writer] = [client.getRingReader(), client.getRingWriter()];
    const waiting = reader.ready();
    await send(server.writable, bytes('unread'));
    expect(await waiting).toBe(true);
    reader.peek();
    writer.reserve(9).set(bytes('submitted'));
    writer.submit(9);
    const closed = client.close();
    expect(await thrown(() => reader.release(1))).toBe('ECONNABORTED');
    expect(reader.peek().length).toBe(0);
    expect(await reader.ready()).toBe(false);
    expect(text(await readAll(server.readable))).toBe('submitted');
    await server.close();
    await closed;
    expect(await outcome(writer.ready())).toBe('EPIPE');
    expect(await thrown(() => writer.reserve(1))).toBe('EPIPE');
  });

  test('abort() fails what waits with its reason', async () => {
    const { client } = await wiredEnds();
    const [reader, writer] = [client.getRingReader(), client.getRingWriter()];
    while (writer.reserve(1_000_000).length > 0) {
      writer.submit(writer.reserve(1_000_000).length);
      await settle();
    }
    const waiting = [reader.ready(), writer.ready()];
    client.abort(new RangeError('enough'));
    expect(await Promise.all(waiting.map(outcome))).toEqual(['RangeError', 'RangeError']);
  });

  test('closing the stack fails what waits, and what comes later, with ESHUTDOWN', async () => {
    const { a, client } = await wiredEnds();
    const [reader, writer] = [client.getRingReader(), client.getRingWriter()];
    const waiting = reader.ready();
    writer.reserve(10);
    await a.close();
    expect(await outcome(waiting)).toBe('ESHUTDOWN');
    for (const call of [
      () => reader.ready(),
      () => reader.peek(),
      () => reader.release(0),
      () => writer.ready(),
      () => writer.reserve(1),
      () => writer.submit(1),
    ]) {
      expect(await thrown(call)).toBe('ESHUTDOWN');
    }
  });

  test('close() of the writer sends FIN and settles when all is acknowledged', async () => {
    const { client, server } = await wiredEnds();
    const writer = client.getRingWriter();
    writer.reserve(1)[0] = 1;
    writer.submit(1);
    const closed = writer.close();
    const reader = server.getRingReader();
    expect(await reader.ready()).toBe(true);
    reader.release(reader.peek().length);
    expect(await reader.ready()).toBe(false);
    await closed;
    expect(await thrown(() => writer.reserve(1))).toBe('EPIPE');
    expect(await outcome(writer.close())).toBe('TypeError');
    await send(server.writable, bytes('still open'));
    expect(await take(client.getRingReader())).toBe('still open');
  });

  test('a connection that failed before anybody asked still tells by its verbs', async () => {
    const { client, server } = await wiredEnds();
    client.abort();
    expect(await outcome(server.closed)).toBe('ECONNRESET');
    expect(await outcome(server.getRingReader().ready())).toBe('ECONNRESET');
    expect(await outcome(server.getRingWriter().ready())).toBe('ECONNRESET');
  });
});
