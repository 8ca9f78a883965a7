// SPDX-License-Identifier: MIT
// streams.test - a connection's web streams: views, chunks, backpressure, bytes intact both ways

import type { TcpConnection } from 'ringstack';
import { describe, expect, test } from 'vitest';
import { hashOf, StreamHash } from '../helpers/hash.ts';
import {
  bytes,
  concat,
  connectEnds,
  ignore,
  loopbackEnds,
  outcome,
  readAll,
  readUpTo,
  send,
  settle,
  text,
  until,
  wiredEnds,
  wiredPair,
} from '../helpers/net.ts';
import { Prng } from '../helpers/prng.ts';
import {
  ENGINE,
  NO_BYOB,
  NO_LOOPS,
  SharedBuffer,
  skipAll,
  testUnless,
} from '../helpers/runtime.ts';

/** Sends bytes and ends; settles when all has arrived, and need not be waited for. */
function sendAll(connection: TcpConnection, ...chunks: Uint8Array[]): Promise<void> {
  const writer = connection.writable.getWriter();
  for (const chunk of chunks) writer.write(chunk).catch(ignore);
  const closing = writer.close();
  closing.catch(ignore);
  return closing;
}

describe('a BYOB reader', () => {
  skipAll(NO_BYOB);

  test("honours the view's own offset and length", async () => {
    const { client, server } = await loopbackEnds();
    const data = new Prng(3).bytes(1000);
    void sendAll(client, data);
    const reader = server.readable.getReader({ mode: 'byob' });
    const got: Uint8Array[] = [];
    for (let n = 0; ; n++) {
      const buffer = new ArrayBuffer(64);
      new Uint8Array(buffer).fill(0xee);
      const { done, value } = await reader.read(new Uint8Array(buffer, n % 17, 1 + (n % 29)));
      if (done) break;
      expect(value.byteOffset).toBe(n % 17);
      expect(value.length).toBeLessThanOrEqual(1 + (n % 29));
      const whole = new Uint8Array(value.buffer);
      expect(whole.subarray(0, value.byteOffset).every((byte) => byte === 0xee)).toBe(true);
      const after = whole.subarray(value.byteOffset + (n % 29) + 1);
      expect(after.every((byte) => byte === 0xee)).toBe(true);
      got.push(value.slice());
    }
    expect(concat(got)).toEqual(data);
  });

  test.each([
    ['Uint8Array', Uint8Array],
    ['Uint16Array', Uint16Array],
    ['Int32Array', Int32Array],
    ['Float64Array', Float64Array],
    ['BigUint64Array', BigUint64Array],
  ] as const)('reads whole elements into a %s', async (_, Kind) => {
    const { client, server } = await loopbackEnds();
    const data = new Prng(4).bytes(Kind.BYTES_PER_ELEMENT * 1000);
    // Cut so that elements lie across chunks.
    void sendAll(client, data.subarray(0, 1), data.subarray(1, 1234), data.subarray(1234));
    const reader = server.readable.getReader({ mode: 'byob' });
    const got: Uint8Array[] = [];
    for (;;) {
      const buffer = new ArrayBuffer(8 + Kind.BYTES_PER_ELEMENT * 100);
      const view = new Kind(buffer, 8, 100) as unknown as DataView<ArrayBuffer>;
      const { done, value } = await reader.read(view);
      if (done) break;
      expect(value).toBeInstanceOf(Kind);
      got.push(new Uint8Array(value.buffer, value.byteOffset, value.byteLength).slice());
    }
    expect(concat(got)).toEqual(data);
  });

  test('reads into a DataView', async () => {
    const { client, server } = await loopbackEnds();
    await send(client.writable, Uint8Array.of(1, 2, 3, 4));
    const reader = server.readable.getReader({ mode: 'byob' });
    const { value } = await reader.read(new DataView(new ArrayBuffer(16), 8, 4));
    expect(value?.getUint32(0)).toBe(0x01020304);
  });

  test('fails alone when the stream ends within an element', async () => {
    const { client, server } = await loopbackEnds();
    await send(client.writable, new Uint8Array(7));
    const reader = server.readable.getReader({ mode: 'byob' });
    const view = (): DataView<ArrayBuffer> =>
      new Uint32Array(1) as unknown as DataView<ArrayBuffer>;
    expect((await reader.read(view())).value).toHaveLength(1);
    const reading = outcome(reader.read(view()));
    await settle();
    await client.closeWrite();
    expect(await reading).toBe('TypeError');
    await server.close();
    await client.closed;
  });

  test('with a min waits until so much has come, or the end', async () => {
    const { client, server } = await loopbackEnds();
    const reader = server.readable.getReader({ mode: 'byob' });
    const read = (min: number): Promise<ReadableStreamReadResult<Uint8Array>> =>
      Reflect.apply(reader.read, reader, [new Uint8Array(100_000), { min }]);
    const reading = read(50_000);
    let sent = 0;
    for (; sent < 50_000; sent += 1000) {
      expect(await Promise.race([reading.then(() => 'read'), settle(1)])).toBe(undefined);
      await send(client.writable, new Uint8Array(1000).fill(sent / 1000));
    }
    const { value } = await reading;
    expect(value).toHaveLength(50_000);
    expect(value?.[49_999]).toBe(49);
    const last = read(10);
    await sendAll(client, bytes('short'));
    expect(text((await last).value ?? new Uint8Array())).toBe('short');
    expect(await read(10)).toMatchObject({ done: true });
  });

  test('and a default reader may take turns', async () => {
    const { client, server } = await loopbackEnds();
    const data = new Prng(5).bytes(300_000);
    void sendAll(client, data);
    const got: Uint8Array[] = [];
    for (let n = 0, length = 0; length < data.length; n++) {
      const options = n & 1 ? undefined : { mode: 'byob' };
      const reader = server.readable.getReader(options as { mode: 'byob' });
      const { value = new Uint8Array() } = await reader.read(new Uint8Array(1001));
      got.push(value);
      length += value.length;
      reader.releaseLock();
    }
    expect(hashOf(concat(got))).toBe(hashOf(data));
  });

  test('whose read was given up loses nothing to it', async () => {
    const { client, server } = await loopbackEnds();
    for (const mode of ['byob', undefined] as const) {
      const reader = server.readable.getReader({ mode } as { mode: 'byob' });
      const reading = outcome(reader.read(new Uint8Array(10)));
      reader.releaseLock();
      expect(await reading).toBe('TypeError');
      await send(client.writable, bytes('0123456789'));
      await settle();
      expect(text(await readUpTo(server.readable, 10))).toBe('0123456789');
    }
  });

  test.each(['byob', undefined] as const)(
    'whose read was given up, then a reader of mode %s waits',
    async (mode) => {
      const { client, server } = await loopbackEnds();
      for (let round = 0; round < 3; round++) {
        const first = server.readable.getReader({ mode: 'byob' });
        const given = outcome(first.read(new Uint8Array(4)));
        first.releaseLock();
        expect(await given).toBe('TypeError');
        const second = server.readable.getReader({ mode } as { mode: 'byob' });
        const reading = second.read(new Uint8Array(10));
        await settle(2);
        await send(client.writable, bytes('0123456789'));
        const chunks = [(await reading).value as Uint8Array];
        while (concat(chunks).length < 10) {
          chunks.push((await second.read(new Uint8Array(10))).value as Uint8Array);
        }
        expect(text(concat(chunks))).toBe('0123456789');
        second.releaseLock();
      }
    },
  );
});

describe('chunks', () => {
  test('of a default reader are what has come, up to 64 KiB, not one a segment', async () => {
    const { client, server } = await wiredEnds();
    await send(client.writable, new Uint8Array(400_000));
    await settle();
    const reader = server.readable.getReader();
    const lengths: number[] = [];
    for (let left = 400_000; left > 0; left -= lengths.at(-1) ?? 0) {
      lengths.push((await reader.read()).value?.length ?? 0);
    }
    expect(Math.max(...lengths)).toBeLessThanOrEqual(64 * 1024);
    expect(lengths.length).toBeLessThanOrEqual(8);
  });

  test('are never over shared memory, whatever their size', async () => {
    const { client, server } = await wiredEnds();
    const reader = server.readable.getReader();
    for (const size of [1, 63, 64, 1000, 100_000]) {
      await send(client.writable, new Uint8Array(size).fill(size));
      for (let left = size; left > 0; ) {
        const { value = new Uint8Array() } = await reader.read();
        expect(value.buffer).toBeInstanceOf(ArrayBuffer);
        await crypto.subtle.digest('SHA-1', value as Uint8Array<ArrayBuffer>);
        new TextDecoder().decode(value);
        structuredClone(value, { transfer: [value.buffer as ArrayBuffer] });
        left -= value.length || left; // detached by the transfer
      }
    }
  });

  test('of any kind of bytes can be written, empty ones too', async () => {
    const { client, server } = await loopbackEnds();
    const shared = new Uint8Array(new SharedBuffer(4));
    shared.set(bytes('four'));
    void sendAll(
      client,
      new Uint8Array(0),
      bytes('one '),
      bytes('two ').buffer as unknown as Uint8Array,
      new DataView(bytes('xthree x').buffer, 1, 6) as unknown as Uint8Array,
      new Uint16Array(0) as unknown as Uint8Array,
      shared,
    );
    expect(text(await readAll(server.readable))).toBe('one two three four');
  });

  test('may be changed as soon as their write has settled', async () => {
    const { client, server } = await wiredEnds();
    const chunk = new Uint8Array(100_000);
    const reading = readAll(server.readable);
    const writer = client.writable.getWriter();
    for (let n = 0; n < 20; n++) await writer.write(chunk.fill(n));
    chunk.fill(255);
    await writer.close();
    const got = await reading;
    expect(got.every((byte, i) => byte === Math.floor(i / 100_000))).toBe(true);
  });
});

describe('standard consumers', () => {
  test('an echo by piping the readable onto its own writable', async () => {
    const { client, server } = await wiredEnds();
    const echoing = server.readable.pipeTo(server.writable);
    const data = new Prng(6).bytes(2_000_000);
    const reading = readAll(client.readable);
    await sendAll(client, data);
    expect(hashOf(await reading)).toBe(hashOf(data));
    await echoing;
    await Promise.all([client.closed, server.closed]);
  });

  test('DecompressionStream', async () => {
    const { client, server } = await wiredEnds();
    const data = new Uint8Array(1_000_000).map((_, i) => (i * i) >> 8);
    const packed = new Blob([data]).stream().pipeThrough(new CompressionStream('gzip'));
    const sending = packed.pipeTo(client.writable);
    const unpacked = server.readable.pipeThrough(
      new DecompressionStream('gzip') as ReadableWritablePair<Uint8Array, Uint8Array>,
    );
    expect(hashOf(await readAll(unpacked))).toBe(hashOf(data));
    await sending;
  });

  testUnless(NO_LOOPS)('TextDecoderStream, over characters cut in two', async () => {
    const { client, server } = await wiredEnds();
    const story = 'größer 🚀 '.repeat(1000);
    const raw = bytes(story);
    void sendAll(
      client,
      ...Array.from({ length: 131 }, (_, n) => raw.subarray(n * 131, (n + 1) * 131)),
    );
    let heard = '';
    const decoder = new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>;
    for await (const part of server.readable.pipeThrough(decoder)) heard += part;
    expect(heard).toBe(story);
  });

  test('Response', async () => {
    const { client, server } = await wiredEnds();
    void sendAll(client, bytes('{"answer":42}'));
    expect(await new Response(server.readable).json()).toEqual({ answer: 42 });
  });

  test('tee()', async () => {
    const { client, server } = await wiredEnds();
    const data = new Prng(7).bytes(300_000);
    void sendAll(client, data);
    const both = await Promise.all(server.readable.tee().map(readAll));
    expect(both.map(hashOf)).toEqual([hashOf(data), hashOf(data)]);
  });

  test('for await on the connection, left and taken up again', async () => {
    const { client, server } = await loopbackEnds();
    const heard: string[] = [];
    for (const word of ['one', 'two', 'three']) {
      await send(client.writable, bytes(word));
      for await (const chunk of server) {
        heard.push(text(chunk));
        break;
      }
      expect(server.readable.locked).toBe(false);
    }
    await client.closeWrite();
    for await (const chunk of server) heard.push(text(chunk));
    expect(heard).toEqual(['one', 'two', 'three']);
    await send(server.writable, bytes('still open'));
    expect(text(await readUpTo(client.readable, 10))).toBe('still open');
  });
});

describe('backpressure', () => {
  test.each([
    [undefined, undefined, (ENGINE === 'worker' ? 2_097_152 : 524_288) * 2],
    [65_536, 65_536, 65_536 * 2],
    [65_536, 4096, 65_536 + 4096],
    [1_048_576, 2_097_152, 1_048_576 * 3],
  ])('receiveBuffer %s, sendBuffer %s', async (receiveBuffer, sendBuffer, most) => {
    const { a, b } = await wiredPair();
    const { client, server } = await connectEnds(a, b, {
      listen: receiveBuffer === undefined ? {} : { receiveBuffer },
      connect: sendBuffer === undefined ? {} : { sendBuffer },
    });
    const chunk = new Prng(8).bytes(8000);
    const hash = new StreamHash();
    const writer = client.writable.getWriter();
    let accepted = 0;
    let stop = false;
    const writing = (async () => {
      while (!stop) {
        await writer.write(chunk);
        hash.update(chunk);
        accepted += chunk.length;
      }
      await writer.close();
    })();
    // Nobody reads: it stops when both buffers are full.
    await until(() => accepted > most / 2);
    let before: number;
    do {
      before = accepted;
      await new Promise((resolve) => setTimeout(resolve, 100));
    } while (accepted > before);
    expect(accepted).toBeLessThanOrEqual(most);
    // A ring that grew holds its former storage until that is empty.
    expect(a.statistics.ringBytes + b.statistics.ringBytes).toBeLessThanOrEqual(
      1.5 * most + 65_536,
    );
    const reader = server.readable.getReader();
    const got = new StreamHash();
    while (got.length < 3 * most) got.update((await reader.read()).value ?? new Uint8Array());
    stop = true;
    for (let end = false; !end; ) {
      const { done, value } = await reader.read();
      if (value) got.update(value);
      end = done;
    }
    await writing;
    expect(got.digest()).toBe(hash.digest());
  });

  test('one connection that is not read does not hold up others', async () => {
    const { a, b } = await wiredPair();
    const stuck = await connectEnds(a, b);
    stuck.client.writable
      .getWriter()
      .write(new Uint8Array(2 ** 24))
      .catch(ignore);
    await settle();
    const { client, server } = await connectEnds(a, b);
    const data = new Prng(9).bytes(2_000_000);
    const reading = readAll(server.readable);
    await sendAll(client, data);
    expect(hashOf(await reading)).toBe(hashOf(data));
  });

  test('many small writes become few segments', async () => {
    const { a, client, server } = await wiredEnds();
    const before = a.statistics.tcpTxSegments;
    const reading = readUpTo(server.readable, 20_000);
    const writer = client.writable.getWriter();
    const writes = Array.from({ length: 20_000 }, (_, n) => writer.write(Uint8Array.of(n)));
    await Promise.all(writes);
    expect((await reading).every((byte, n) => byte === (n & 255))).toBe(true);
    expect(a.statistics.tcpTxSegments - before).toBeLessThan(1000);
  });
});
