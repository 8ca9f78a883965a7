// SPDX-License-Identifier: MIT
// direct.test - two stacks joined by connect(): a wire, the direct form, streams; how links end

import { createArena, type NetworkStack, type TapInterface } from 'ringstack';
import { connect, FrameEndpoint, type LinkEndpoint, wrapEndpoint } from 'ringstack/link';
import { describe, expect, test } from 'vitest';
import { hashOf } from '../helpers/hash.ts';
import { endpointPair, sentIntact } from '../helpers/links.ts';
import { connectEnds, ignore, openPair, openStack, outcome, until } from '../helpers/net.ts';
import { ENGINE } from '../helpers/runtime.ts';

/** An interface as streams alone. */
const streamsOf = ({ readable, writable, mtu }: TapInterface): LinkEndpoint => ({
  readable,
  writable,
  mtu,
});

/** Something between that does nothing: the interface then has its direct form. */
const direct = (tap: TapInterface): LinkEndpoint => wrapEndpoint(tap, {});

const WAYS: [string, (tap: TapInterface) => LinkEndpoint][] = [
  ['a wire', (tap) => tap],
  ['the direct form', direct],
  ['streams', streamsOf],
  ['the streams of a wrapper', (tap) => ({ ...streamsOf(tap), ...pick(wrapEndpoint(tap, {})) })],
];

const pick = ({ readable, writable }: LinkEndpoint) => ({ readable, writable });

describe.each(WAYS)('a link over %s', (_, form) => {
  test.each([1500, 9000, 65520])('carries both ways what is sent, MTU %d', async (mtu) => {
    const { a, b, tapA, tapB } = await openPair({ tap: { mtu } });
    const link = connect(form(tapA), form(tapB));
    const size = await sentIntact(a, b, 2_000_000);
    const { aToB, bToA } = link.statistics;
    expect(aToB.bytes).toBeGreaterThan(size);
    expect(bToA.bytes).toBeGreaterThan(size);
    expect([aToB.tooLong, bToA.tooLong]).toEqual([0, 0]);
    // In a thread of its own a stack fills its ring while we do not run, and then loses an acknowledgement.
    if (ENGINE === 'inline') expect([aToB.dropped, bToA.dropped]).toEqual([0, 0]);
    await until(() => link.statistics.aToB.frames === tapA.statistics.txPackets);
  });

  test('loses nothing with the smallest rings', async () => {
    const { a, b, tapA, tapB } = await openPair({ tap: { ringSize: 1 } });
    const link = connect(form(tapA), form(tapB));
    await sentIntact(a, b, 500_000);
    expect([tapA, tapB].map(({ statistics: s }) => s.invalid)).toEqual([0, 0]);
    if (ENGINE === 'inline') expect(link.statistics.aToB.dropped).toBe(0);
  });

  test('close() leaves both ends as they were, for another link', async () => {
    const { a, b, tapA, tapB } = await openPair();
    for (let n = 0; n < 3; n++) {
      const link = connect(form(tapA), form(tapB));
      await sentIntact(a, b, 50_000);
      await link.close();
      await link.closed;
      if (form === WAYS[3]?.[1]) return; // its wrapper holds the interface
      expect([tapA.readable.locked, tapB.writable.locked]).toEqual([false, false]);
    }
  });

  test('a signal closes it, also one that is aborted before', async () => {
    const { tapA, tapB } = await openPair();
    const stop = new AbortController();
    const link = connect(form(tapA), form(tapB), { signal: stop.signal });
    stop.abort();
    await link.closed;
    if (form === WAYS[3]?.[1]) return;
    const late = connect(form(tapA), form(tapB), { signal: stop.signal });
    await late.closed;
    expect(tapA.readable.locked).toBe(false);
  });

  test.each(['a', 'b'] as const)(
    'an interface that goes (%s) ends it, the other stays',
    async (side) => {
      const pair = await openPair();
      const { tapA, tapB } = pair;
      const link = connect(form(tapA), form(tapB));
      await pair[side].removeInterface(side === 'a' ? tapA : tapB);
      expect(await outcome(link.closed)).toBe('ok');
      if (form === WAYS[3]?.[1]) return;
      const left = side === 'a' ? tapB : tapA;
      expect([left.readable.locked, left.writable.locked]).toEqual([false, false]);
      const c = await openStack();
      const tapC = await c.createTapInterface({ ip: '10.0.0.3/24' });
      connect(form(left), form(tapC));
      await expect(c.connectTcp({ host: left.ip as string, port: 9 })).rejects.toMatchObject({
        code: 'ECONNREFUSED',
      });
    },
  );
});

describe('connect()', () => {
  test('refuses different MTUs, unless they may differ', async () => {
    const { a, b } = await openPair();
    const tapA = await a.createTapInterface({ ip: '10.1.0.1/24', mtu: 9000 });
    const tapB = await b.createTapInterface({ ip: '10.1.0.2/24', mtu: 1500 });
    expect(() => connect(tapA, tapB)).toThrow(
      expect.objectContaining({
        code: 'EMSGSIZE',
        message: 'Cannot connect the two endpoints: their MTUs are 9000 and 1500',
      }),
    );
    connect(direct(tapA), tapB, { allowMtuMismatch: true });
    await connectEnds(a, b, { host: '10.1.0.2' });
  });

  test('refuses Ethernet frames for IP packets, and one endpoint twice', async () => {
    const stack = await openStack();
    const tap = await stack.createTapInterface();
    const tun = await stack.createTunInterface();
    expect(() => connect(tap, tun)).toThrow(expect.objectContaining({ code: 'EINVAL' }));
    expect(() => connect(tap, tap)).toThrow(expect.objectContaining({ code: 'EINVAL' }));
    expect(tap.readable.locked).toBe(false);
  });

  test.each([
    ['a wire', (tap: TapInterface): LinkEndpoint => tap],
    ['directly', direct],
  ])('refuses a locked stream and leaves the other end alone, %s', async (_, form) => {
    const { tapA, tapB } = await openPair();
    tapB.writable.getWriter();
    expect(() => connect(form(tapA), form(tapB))).toThrow(TypeError);
    expect(() => connect(form(tapB), form(tapA))).toThrow(TypeError);
    expect([tapA.readable.locked, tapA.writable.locked, tapB.readable.locked]).toEqual([
      false,
      false,
      false,
    ]);
  });

  test('counts what is too long for the other end, and passes what fits', async () => {
    const stack = await openStack();
    const tap = await stack.createTapInterface({ mtu: 1500 });
    const { port, endpoint } = endpointPair();
    const link = connect(tap, endpoint);
    for (const length of [1514, 1515, 60]) port.push(new Uint8Array(length));
    expect(link.statistics.bToA).toMatchObject({ frames: 2, bytes: 1574, tooLong: 1 });
    await until(() => tap.statistics.rxPackets + tap.statistics.invalid >= 0);
  });

  test('a failed endpoint rejects closed, and the interface can be used again', async () => {
    const stack = await openStack();
    const tap = await stack.createTapInterface();
    const { port, endpoint } = endpointPair();
    const link = connect(tap, endpoint);
    port.end(new RangeError('broken'));
    await expect(link.closed).rejects.toThrow('broken');
    expect([tap.readable.locked, tap.writable.locked]).toEqual([false, false]);
  });

  test('streams that fail and streams that end do the same', async () => {
    const stack = await openStack();
    const tap = await stack.createTapInterface();
    const failing = {
      readable: new ReadableStream<Uint8Array>({ start: (c) => c.error(new RangeError('bad')) }),
      writable: new WritableStream<Uint8Array>(),
    };
    expect(await outcome(connect(tap, failing).closed)).toBe('RangeError');
    const broken = {
      readable: new ReadableStream<Uint8Array>(),
      writable: new WritableStream<Uint8Array>({ start: (c) => c.error(new RangeError('bad')) }),
    };
    expect(await outcome(connect(tap, broken).closed)).toBe('RangeError');
    const ending = {
      readable: new ReadableStream<Uint8Array>({ start: (c) => c.close() }),
      writable: new WritableStream<Uint8Array>(),
    };
    expect(await outcome(connect(tap, ending).closed)).toBe('ok');
    expect(tap.readable.locked).toBe(false);
    expect(ending.writable.locked).toBe(false);
  });

  test('between arenas, with three stacks on two links', async () => {
    const stacks: NetworkStack[] = [];
    for (let n = 0; n < 2; n++) {
      stacks.push(await openStack({ arena: await createArena({ size: 32 * 2 ** 20 }) }));
    }
    const [a, b] = stacks as [NetworkStack, NetworkStack];
    const tapA = await a.createTapInterface({ ip: '10.0.0.1/24' });
    const tapB = await b.createTapInterface({ ip: '10.0.0.2/24' });
    const link = connect(tapA, tapB);
    await sentIntact(a, b, 1_000_000);
    await a.close();
    await link.closed;
    expect(link.statistics.aToB.bytes).toBeGreaterThan(1_000_000);
  });
});

describe('an endpoint of a driver', () => {
  test('holds a source off that offers, and loses nothing', async () => {
    const { a, b, tapA, tapB } = await openPair({ tap: { ringSize: 1 } });
    // Two endpoints back to back, with room for one frame: each offers what the other was sent.
    const [left, right] = backToBack();
    connect(tapA, left);
    connect(tapB, right);
    await sentIntact(a, b, 300_000);
    expect([left.statistics.rxDropped, right.statistics.rxDropped]).toEqual([0, 0]);
    expect(left.statistics.txFrames).toBe(right.statistics.rxFrames);
    expect(hashOf(new Uint8Array())).toBe('0-811c9dc5');
    await left.close();
    await right.close();
  });
});

/** Two endpoints joined by a slot of one frame each way. */
function backToBack(): [FrameEndpoint, FrameEndpoint] {
  const slots = [slot(), slot()] as const;
  const make = (mine: ReturnType<typeof slot>, theirs: ReturnType<typeof slot>): FrameEndpoint =>
    new FrameEndpoint({
      start: (controller) => theirs.to((frame) => controller.offer(frame)),
      send: (frame) => mine.put(frame),
      ready: () => mine.free(),
      resume: () => theirs.give(),
    });
  return [make(slots[0], slots[1]), make(slots[1], slots[0])];
}

function slot() {
  let frame: Uint8Array | undefined;
  let offer: (frame: Uint8Array) => boolean = () => false;
  let waiting: (() => void)[] = [];
  const give = (): void => {
    if (!frame || !offer(frame)) return;
    frame = undefined;
    const tell = waiting;
    waiting = [];
    for (const one of tell) one();
  };
  return {
    give,
    to: (given: typeof offer): void => {
      offer = given;
    },
    put: (given: Uint8Array): boolean => {
      if (frame) return false;
      frame = given.slice();
      queueMicrotask(give);
      return true;
    },
    free: (): Promise<void> =>
      frame ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(),
  };
}

void ignore;
