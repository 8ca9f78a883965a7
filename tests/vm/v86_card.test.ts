// SPDX-License-Identifier: MIT
// v86_card.test - the adapter against the cards of the real v86, without a guest: the test plays the driver

import { createStack } from 'ringstack';
import { connectV86, createV86NetworkStream } from 'ringstack/v86';
import { V86, type V86Options } from 'v86';
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { Prng } from '../helpers/prng.ts';

/** Fields of the emulated ne2k that the tests set, as a driver would through its registers. */
interface Ne2k {
  cr: number;
  rxcr: number;
  curpg: number;
  boundary: number;
  pstart: number;
  pstop: number;
  tcnt: number;
  tpsr: number;
  memory: Uint8Array;
  bus: { send(event: string, data: Uint8Array): void };
  constructor: new (
    cpu: object,
    bus: object,
    keep: boolean,
    translate: boolean,
    id: number,
  ) => Ne2k;
}

interface VirtioNet {
  virtio: { queues: { enabled: boolean; count_requests(): number }[] };
}

interface Inside {
  v86: { cpu: { devices: { net: Ne2k; virtio_net: VirtioNet } } };
  bus: { listeners: Record<string, unknown[]>; send(event: string, data: unknown): void };
}

/** An emulator that never runs. */
async function loadV86(net_device: V86Options['net_device'] = { type: 'ne2k' }) {
  const emulator = new V86({
    wasm_path: 'node_modules/v86/build/v86.wasm',
    autostart: false,
    disable_speaker: true,
    net_device,
  });
  await new Promise<void>((done) => emulator.add_listener('emulator-ready', () => done()));
  onTestFinished(() => emulator.destroy());
  const inside = emulator as unknown as Inside;
  return { emulator, inside, devices: inside.v86.cpu.devices };
}

/** Switches the card on as Linux's driver does, with an empty ring. */
function switchOn(net: Ne2k): void {
  Object.assign(net, { cr: 2, rxcr: 16, pstart: 76, pstop: 128, curpg: 77, boundary: 76 });
}

/** The driver reads all frames: the boundary is the page before the next one. */
function readAll(net: Ne2k): void {
  net.boundary = net.curpg === net.pstart ? net.pstop - 1 : net.curpg - 1;
}

afterEach(() => {
  vi.useRealTimers();
});

describe('ne2k', () => {
  test('a frame from the guest is copied within the callback', async () => {
    const { emulator, devices } = await loadV86();
    const card = createV86NetworkStream(emulator);
    const reader = card.readable.getReader();
    const { net } = devices;
    net.memory.fill(1, 64 << 8, (64 << 8) + 61);
    net.bus.send('net0-send', net.memory.subarray(64 << 8, (64 << 8) + 60));
    net.bus.send('net0-send', net.memory.subarray(64 << 8, (64 << 8) + 61));
    net.memory.fill(2);
    expect((await reader.read()).value).toEqual(new Uint8Array(60).fill(1));
    expect((await reader.read()).value).toEqual(new Uint8Array(61).fill(1));
  });

  test('a card that is off drops, and counts', async () => {
    const { emulator } = await loadV86();
    const card = createV86NetworkStream(emulator);
    const writer = card.writable.getWriter();
    await writer.write(new Uint8Array(60));
    expect(card.statistics).toMatchObject({ txDropped: 1 });
  });

  test('takes every frame that is offered while there is room, and keeps a page free', async () => {
    const random = new Prng(86);
    const { emulator, inside, devices } = await loadV86();
    const { net } = devices;
    switchOn(net);
    vi.spyOn(inside.bus, 'send');
    const card = createV86NetworkStream(emulator);
    const plug = card.plug({ send: () => true, ready: async () => {} });
    for (let round = 0; round < 300; round++) {
      for (;;) {
        const before = net.curpg;
        if (!plug.sink.send(random.bytes(random.between(14, 1514)))) break;
        // The card moves on when it has stored a frame; at the boundary it would seem empty.
        expect(net.curpg).not.toBe(before);
        expect(net.curpg).not.toBe(net.boundary);
      }
      readAll(net);
      await plug.sink.ready();
    }
    expect(card.statistics.txDropped).toBe(0);
    expect(card.statistics.txFrames).toBeGreaterThan(2000);
  });

  test('a writer waits for the guest to read', async () => {
    const { emulator, devices } = await loadV86();
    switchOn(devices.net);
    const card = createV86NetworkStream(emulator);
    const writer = card.writable.getWriter();
    // Of the 52 pages, eight frames of 6 pages fit.
    for (let n = 0; n < 8; n++) await writer.write(new Uint8Array(1514));
    const ninth = writer.write(new Uint8Array(1514));
    const first = await Promise.race([ninth.then(() => 'taken'), afterTurns(20)]);
    expect(first).toBe('waits');
    readAll(devices.net);
    // It is not running: its start says that it may have read.
    devices.net.bus.send('emulator-started', new Uint8Array());
    await ninth;
    devices.net.bus.send('emulator-stopped', new Uint8Array());
    expect(card.statistics.txFrames).toBe(9);
  });

  test('a ring that stays full while the guest runs is not in use: frames are dropped', async () => {
    const { emulator, devices } = await loadV86();
    const { net } = devices;
    switchOn(net);
    emulator.is_running = () => true;
    const card = createV86NetworkStream(emulator);
    const writer = card.writable.getWriter();
    for (let n = 0; n < 8; n++) await writer.write(new Uint8Array(1514));
    vi.useFakeTimers({ toFake: ['performance', 'setTimeout'] });
    const ninth = writer.write(new Uint8Array(1514));
    let isTaken = false;
    ninth.then(() => {
      isTaken = true;
    });
    for (let ms = 0; ms < 5000 && !isTaken; ms += 10) {
      vi.advanceTimersByTime(10);
      await afterTurns(2);
    }
    expect(isTaken).toBe(true);
    expect(card.statistics.txDropped).toBe(1);
    await writer.write(new Uint8Array(1514));
    expect(card.statistics.txDropped).toBe(2);
    readAll(net);
    await writer.write(new Uint8Array(1514));
    expect(card.statistics.txDropped).toBe(2);
  });

  test('closing lets go of the emulator, also while it waits', async () => {
    const { emulator, inside, devices } = await loadV86();
    switchOn(devices.net);
    const card = createV86NetworkStream(emulator);
    const writer = card.writable.getWriter();
    for (let n = 0; n < 8; n++) await writer.write(new Uint8Array(1514));
    const ninth = writer.write(new Uint8Array(1514)).then(
      () => 'taken',
      () => 'refused',
    );
    const started = inside.bus.listeners['emulator-started']?.length ?? 0;
    await card.close();
    expect(await Promise.race([ninth, afterTurns(1000)])).not.toBe('waits');
    expect(inside.bus.listeners['net0-send']).toEqual([]);
    expect(inside.bus.listeners['emulator-started']).toHaveLength(started - 1);
  });

  test('has an MTU of 1500, and no larger one', async () => {
    const { emulator } = await loadV86();
    expect(createV86NetworkStream(emulator).mtu).toBe(1500);
    expect(createV86NetworkStream(emulator, { mtu: 1400 }).mtu).toBe(1400);
    expect(() => createV86NetworkStream(emulator, { mtu: 9000 })).toThrow(
      expect.objectContaining({ code: 'EMSGSIZE' }),
    );
  });
});

/** 'waits', after the event loop has gone round some times. */
async function afterTurns(turns: number): Promise<string> {
  for (let n = 0; n < turns; n++) await new Promise((done) => setImmediate(done));
  return 'waits';
}

describe('virtio', () => {
  test.each([
    [1500, 1500],
    [9000, 9000],
    [65_520, 65_520],
    [65_535, 65_520],
  ])('shows its MTU: %i', async (mtu, ours) => {
    const { emulator } = await loadV86({ type: 'virtio', mtu });
    expect(createV86NetworkStream(emulator).mtu).toBe(ours);
  });

  test('drops before the guest has a driver, and never gives more frames than there are buffers', async () => {
    const { emulator, devices } = await loadV86({ type: 'virtio' });
    const [queue] = devices.virtio_net.virtio.queues;
    const card = createV86NetworkStream(emulator);
    const { sink } = card.plug({ send: () => true, ready: async () => {} });
    expect(sink.send(new Uint8Array(60))).toBe(true);
    expect(card.statistics.txDropped).toBe(1);
    Object.assign(queue ?? {}, { enabled: true, count_requests: () => 0 });
    expect(sink.send(new Uint8Array(60))).toBe(false);
  });
});

describe('connectV86', () => {
  test('waits for an emulator that loads, or gives up with the signal', async () => {
    const stack = await createStack();
    onTestFinished(() => stack.close());
    // Last, so that it has not loaded yet when the signal is aborted.
    const emulator = new V86({
      wasm_path: 'node_modules/v86/build/v86.wasm',
      autostart: false,
      net_device: { type: 'virtio', mtu: 9000 },
    });
    onTestFinished(() => emulator.destroy());
    const reason = new Error('enough');
    const abort = new AbortController();
    const gaveUp = connectV86(stack, emulator, { signal: abort.signal });
    abort.abort(reason);
    await expect(gaveUp).rejects.toBe(reason);
    const tap = await connectV86(stack, emulator, { ip: '10.0.0.1/24' });
    expect(tap).toMatchObject({ type: 'tap', mtu: 9000, ip: '10.0.0.1' });
  });

  test('removing the interface lets go of the emulator, and another can be made', async () => {
    const { emulator, inside } = await loadV86();
    const stack = await createStack();
    onTestFinished(() => stack.close());
    const tap = await connectV86(stack, emulator, { ip: '10.0.0.1/24' });
    expect(inside.bus.listeners['net0-send']).toHaveLength(1);
    await stack.removeInterface(tap);
    await vi.waitFor(() => expect(inside.bus.listeners['net0-send']).toEqual([]));
    await connectV86(stack, emulator, { ip: '10.0.0.1/24' });
    expect(inside.bus.listeners['net0-send']).toHaveLength(1);
  });

  test('two cards of one emulator are two interfaces', async () => {
    const { emulator, inside, devices } = await loadV86();
    const { cpu } = inside.v86;
    // v86's options make one card; its class makes more.
    const second = new devices.net.constructor(cpu, devices.net.bus, false, false, 1);
    switchOn(devices.net);
    const stack = await createStack();
    onTestFinished(() => stack.close());
    await connectV86(stack, emulator, { ip: '10.0.0.1/24' });
    const other = await connectV86(stack, emulator, { ip: '10.0.1.1/24', nic: 1, mtu: 1500 });
    switchOn(second);
    // Each has announced its address.
    await vi.waitFor(() => expect(other.statistics.txPackets).toBe(1));
    await new Promise((resolve) => setTimeout(resolve, 20));
    const pages = [devices.net.curpg, second.curpg] as [number, number];
    stack.connectTcp({ host: '10.0.1.2', port: 80 }).catch(() => {});
    await vi.waitFor(() => expect(second.curpg).toBe(pages[1] + 1)); // who has 10.0.1.2?
    expect(devices.net.curpg).toBe(pages[0]);
    expect(other.statistics.txPackets).toBe(2);
  });
});
