// SPDX-License-Identifier: MIT
// frame_access.test - zero-copy access to interfaces: forwarding, locks, room, errors, and no copy

import { createArena, type TapInterface } from 'ringstack';
import { describe, expect, test } from 'vitest';
import { hashOf } from '../helpers/hash.ts';
import {
  connectEnds,
  ignore,
  openPair,
  openStack,
  outcome,
  plug,
  readAll,
  settle,
} from '../helpers/net.ts';
import { Prng } from '../helpers/prng.ts';
import { SharedBuffer } from '../helpers/runtime.ts';

/** The error of a call, as outcome() reports it. */
const thrown = (call: () => unknown): Promise<string> => outcome((async () => call())());

/** Carries frames from one interface to another by zero-copy access, until one of them is gone. */
async function carry(from: TapInterface, to: TapInterface): Promise<number> {
  const reader = from.getRingReader();
  const writer = to.getRingWriter();
  let frames = 0;
  while (await reader.ready()) {
    for (let frame = reader.peek(); frame; frame = reader.peek()) {
      let room = writer.reserve(frame.length);
      while (!room) {
        await writer.ready(frame.length);
        room = writer.reserve(frame.length);
      }
      room.set(frame);
      writer.submit();
      reader.release();
      frames++;
    }
  }
  return frames;
}

/** A tap of a stack of its own. */
async function openTap(): Promise<TapInterface> {
  const stack = await openStack({ initializeLoopback: false });
  return stack.createTapInterface({ ip: '10.0.0.1/24' });
}

test.each([1500, 65520])('two stacks joined by them, MTU %d', async (mtu) => {
  const arena = await createArena({ size: 64 * 1024 * 1024 });
  const { a, b, tapA, tapB } = await openPair({ stack: { arena }, tap: { mtu } });
  const carried = [carry(tapA, tapB), carry(tapB, tapA)];
  const { client, server } = await connectEnds(a, b);
  const data = new Prng(1).bytes(2_000_000);
  const writer = client.writable.getWriter();
  const before = arena.bytesCopied;
  writer.write(data).catch(ignore);
  const closing = writer.close();
  const got = await readAll(server.readable);
  await closing;
  expect(hashOf(got)).toBe(hashOf(data));
  // In and out of the connection, a detour each at most; the frames' own bytes are not among them.
  expect(arena.bytesCopied - before).toBeLessThan(4 * data.length + 1000);
  expect([tapA, tapB].map(({ statistics: { lost, invalid } }) => lost + invalid)).toEqual([0, 0]);
  const { txPackets } = tapA.statistics;
  await a.removeInterface(tapA);
  expect(await carried[0]).toBe(txPackets);
  await b.removeInterface(tapB);
  expect(await carried[1]).toBeGreaterThan(0);
});

test('frames are not copied by JavaScript', async () => {
  const arena = await createArena({ size: 32 * 1024 * 1024 });
  const stack = await openStack({ arena, initializeLoopback: false });
  const tap = await stack.createTapInterface({ ip: '10.0.0.1/24' });
  const reader = tap.getRingReader();
  const writer = tap.getRingWriter();
  stack.connectTcp({ host: '10.0.0.2', port: 80 }).catch(ignore);
  await reader.ready();
  const before = arena.bytesCopied;
  for (let n = 0; n < 100; n++) {
    await writer.ready(1500);
    writer.reserve(1500)?.fill(n);
    writer.submit(1514 - 14 - n);
  }
  expect(reader.peek()?.buffer).toBeInstanceOf(SharedBuffer);
  reader.release();
  expect(arena.bytesCopied - before).toBe(0);
  await settle();
  expect(tap.statistics.rxPackets + tap.statistics.invalid).toBe(100);
});

describe('locks', () => {
  test('a reader makes the interface listen, as long as it has the lock', async () => {
    const stack = await openStack({ initializeLoopback: false });
    const tun = await stack.createTunInterface({ ip: '10.0.0.1/24' });
    const connect = async (): Promise<void> => {
      stack.connectTcp({ host: '10.0.0.2', port: 80 }).catch(ignore);
      await settle();
    };
    await connect();
    expect(tun.statistics).toMatchObject({ dropped: 1, txPackets: 0 });
    const reader = tun.getRingReader();
    expect(() => tun.getRingReader()).toThrow(TypeError);
    expect(() => tun.readable.getReader()).toThrow(TypeError);
    await connect();
    expect(tun.statistics).toMatchObject({ dropped: 1, txPackets: 1 });
    expect(reader.peek()?.[9]).toBe(6);
    reader.releaseLock();
    await connect();
    expect(tun.statistics).toMatchObject({ dropped: 2, txPackets: 1 });
    // Frames that were not released are still there.
    const { value } = await tun.readable.getReader().read();
    expect(value?.[9]).toBe(6);
  });

  test('after releaseLock() every verb throws a TypeError, and the streams go on', async () => {
    // Without an address, it has nothing to announce.
    const tap = await (await openStack()).createTapInterface();
    const [reader, writer] = [tap.getRingReader(), tap.getRingWriter()];
    expect(() => tap.getRingWriter()).toThrow(TypeError);
    expect(() => tap.writable.getWriter()).toThrow(TypeError);
    const waiting = reader.ready();
    writer.reserve(100);
    reader.releaseLock();
    reader.releaseLock();
    writer.releaseLock();
    writer.releaseLock();
    expect(await outcome(waiting)).toBe('TypeError');
    for (const call of [
      () => reader.ready(),
      () => reader.peek(),
      () => reader.release(),
      () => writer.ready(1),
      () => writer.reserve(1),
      () => writer.submit(1),
    ]) {
      expect(await thrown(call)).toBe('TypeError');
    }
    expect(() => writer.cancel()).not.toThrow();
    await tap.writable.getWriter().write(new Uint8Array(60));
    await settle();
    expect(tap.statistics.rxPackets).toBe(1);
  });

  test('a wire may follow them', async () => {
    const { a, b, tapA, tapB } = await openPair();
    tapA.getRingReader().releaseLock();
    tapA.getRingWriter().releaseLock();
    plug(tapA, tapB);
    const { client } = await connectEnds(a, b);
    expect(client.remoteAddress).toBe('10.0.0.2');
  });
});

describe('room', () => {
  test('a full ring gives none until the stack has taken frames', async () => {
    const tap = await openTap();
    const writer = tap.getRingWriter();
    let frames = 0;
    while (writer.reserve(1500)) {
      writer.submit();
      frames++;
    }
    expect(frames).toBeGreaterThan(100);
    await writer.ready(1500);
    expect(writer.reserve(1500)?.length).toBe(1500);
    writer.cancel();
    expect(() => writer.submit()).toThrow(RangeError);
    await settle();
    expect(tap.statistics.rxPackets + tap.statistics.invalid).toBe(frames);
  });

  test('a frame that can never fit is an EMSGSIZE, a bad length a RangeError', async () => {
    const tap = await openTap();
    const writer = tap.getRingWriter();
    expect(writer.reserve(1518)?.length).toBe(1518);
    expect(await thrown(() => writer.reserve(1519))).toBe('EMSGSIZE');
    expect(await outcome(writer.ready(1519))).toBe('EMSGSIZE');
    for (const length of [0, -1, 1.5, Number.NaN]) {
      expect(() => writer.reserve(length)).toThrow(RangeError);
      expect(await outcome(writer.ready(length))).toBe('RangeError');
    }
    writer.reserve(100);
    for (const length of [101, -1, 1.5, 0]) expect(() => writer.submit(length)).toThrow(RangeError);
    writer.submit();
  });
});

test.each([
  ['removing the interface', 'ENODEV'],
  ['closing the stack', 'ESHUTDOWN'],
])('%s ends the reader and fails the writer with %s', async (what, code) => {
  const stack = await openStack({ initializeLoopback: false });
  const tap = await stack.createTapInterface({ ip: '10.0.0.1/24' });
  const [reader, writer] = [tap.getRingReader(), tap.getRingWriter()];
  // The address is announced: nothing else comes.
  if (await reader.ready()) while (reader.peek()) reader.release();
  const waiting = reader.ready();
  while (writer.reserve(1500)) writer.submit();
  const full = writer.ready(1500);
  full.catch(ignore);
  await (what === 'closing the stack' ? stack.close() : stack.removeInterface(tap));
  expect(await waiting).toBe(false);
  expect(await reader.ready()).toBe(false);
  expect(reader.peek()).toBe(undefined);
  expect(await thrown(() => reader.release())).toBe(code);
  expect(await outcome(writer.ready(1))).toBe(code);
  expect(await thrown(() => writer.reserve(1))).toBe(code);
  expect(await thrown(() => writer.submit(1))).toBe(code);
  expect(() => writer.cancel()).not.toThrow();
  reader.releaseLock();
  writer.releaseLock();
});
