// SPDX-License-Identifier: MIT
// pcap.test - ringstack/pcap: what is captured, and what is not

import { connect } from 'ringstack/link';
import { createCapture } from 'ringstack/pcap';
import { describe, expect, test } from 'vitest';
import { endpointPair, sentIntact } from '../helpers/links.ts';
import { openPair, readAll } from '../helpers/net.ts';

/** Blocks of a file, by type. */
function blocksOf(file: Uint8Array): { type: number; block: DataView }[] {
  const view = new DataView(file.buffer, file.byteOffset, file.length);
  const found = [];
  for (let at = 0; at < file.length; ) {
    const size = view.getUint32(at + 4, true);
    found.push({
      type: view.getUint32(at, true),
      block: new DataView(file.buffer, file.byteOffset + at, size),
    });
    at += size;
  }
  return found;
}

/** Captured and original length of each frame. */
const lengthsOf = (file: Uint8Array): number[][] =>
  blocksOf(file)
    .filter(({ type }) => type === 6)
    .map(({ block }) => [block.getUint32(20, true), block.getUint32(24, true)]);

describe('a capture', () => {
  test('has all that passes, in order, and the link does not notice', async () => {
    const { a, b, tapA, tapB } = await openPair();
    const capture = createCapture({ queue: 2 ** 26 });
    const link = connect(tapA, capture.wrap(tapB));
    await sentIntact(a, b, 300_000);
    await capture.close();
    const { aToB, bToA } = link.statistics;
    const lengths = lengthsOf(await readAll(capture.readable));
    expect(capture.statistics).toEqual({
      seen: lengths.length,
      captured: lengths.length,
      dropped: 0,
    });
    const bytes = lengths.reduce((sum, [kept = 0]) => sum + kept, 0);
    expect([lengths.length, bytes]).toEqual([aToB.frames + bToA.frames, aToB.bytes + bToA.bytes]);
    await sentIntact(a, b, 10_000);
    expect(() => capture.wrap(tapA)).toThrow(expect.objectContaining({ code: 'EBADF' }));
  });

  test('keeps as much of a frame as it is told to', async () => {
    const { endpoint, port } = endpointPair();
    const capture = createCapture({ snapLength: 96 });
    const plug = capture.wrap(endpoint).plug?.({ send: () => true, ready: async () => {} });
    for (const length of [60, 96, 97, 1514]) port.push(new Uint8Array(length));
    await capture.close();
    expect(lengthsOf(await readAll(capture.readable))).toEqual([
      [60, 60],
      [96, 96],
      [96, 97],
      [96, 1514],
    ]);
    plug?.unplug();
  });

  test('has only what its filter wants, by interface and direction', async () => {
    const [one, other] = [endpointPair(), endpointPair()];
    const capture = createCapture({
      filter: ({ interface: name, direction, frame }) =>
        name === 'one' && direction === 'incoming' && frame.length > 60,
    });
    connect(
      capture.wrap(one.endpoint, { name: 'one' }),
      capture.wrap(other.endpoint, { name: 'other' }),
    );
    one.port.push(new Uint8Array(60));
    one.port.push(new Uint8Array(61));
    other.port.push(new Uint8Array(62));
    await capture.close();
    expect(lengthsOf(await readAll(capture.readable))).toEqual([[61, 61]]);
  });

  test('drops and counts what does not fit while nobody reads; then it goes on', async () => {
    const { endpoint, port } = endpointPair();
    const capture = createCapture({ queue: 3000 });
    connect(capture.wrap(endpoint), endpointPair().endpoint);
    for (let n = 0; n < 10; n++) port.push(new Uint8Array(1000));
    const { captured, dropped } = capture.statistics;
    expect([captured, dropped]).toEqual([2, 8]);
    const reader = capture.readable.getReader();
    await reader.read();
    port.push(new Uint8Array(1000));
    expect(capture.statistics).toMatchObject({ captured: 3, dropped: 8 });
    reader.releaseLock();
    await capture.close();
    const blocks = blocksOf(await readAll(capture.readable));
    expect(blocks.map(({ type }) => type)).toEqual([6, 5]);
  });

  test('whose reader leaves costs nothing more', async () => {
    const { endpoint, port } = endpointPair();
    const capture = createCapture();
    const link = connect(capture.wrap(endpoint), endpointPair().endpoint);
    await capture.readable.cancel();
    port.push(new Uint8Array(60));
    expect([link.statistics.aToB.frames, capture.statistics.seen]).toEqual([1, 0]);
    await capture.close();
  });
});

test.each([{ snapLength: 0 }, { queue: -1 }])('createCapture() refuses %j', (options) => {
  expect(() => createCapture(options)).toThrow(expect.objectContaining({ code: 'EINVAL' }));
});
