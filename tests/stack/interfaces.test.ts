// SPDX-License-Identifier: MIT
// interfaces.test - when interfaces listen, what they show, how they come and go

import type { NetworkStack, TunInterface } from 'ringstack';
import { describe, expect, test } from 'vitest';
import { ping, readIpv4 } from '../helpers/frames.ts';
import {
  bytes,
  connectEnds,
  ENDS,
  ignore,
  openStack,
  outcome,
  send,
  settle,
  until,
  wiredPair,
} from '../helpers/net.ts';
import { NO_LOOPS, NO_PIPE_ABORT, testUnless } from '../helpers/runtime.ts';

describe('listening', () => {
  /** A tun interface that can be made to send: every echo request it takes is answered. */
  async function echoing() {
    const stack = await openStack({ initializeLoopback: false });
    const tun = await stack.createTunInterface({ ip: '10.0.0.1/24' });
    const writer = tun.writable.getWriter();
    let sequence = 0;
    const write = () => writer.write(ping('10.0.0.2', '10.0.0.1', ++sequence, bytes('hello')));
    return {
      tun,
      ping: write,
      /** Makes it send a packet, which must be dropped. */
      async expectDropped() {
        const before = tun.statistics;
        await write();
        await until(() => tun.statistics.dropped > before.dropped);
        expect(tun.statistics.dropped - before.dropped).toBe(1);
        expect(tun.statistics.txPackets).toBe(before.txPackets);
      },
      /** Makes it send a packet, which must not be dropped. */
      async expectSent() {
        const before = tun.statistics;
        await write();
        await until(() => tun.statistics.txPackets > before.txPackets);
        expect(tun.statistics.dropped).toBe(before.dropped);
        expect(tun.statistics.txPackets - before.txPackets).toBe(1);
      },
    };
  }

  const isReply = (packet: Uint8Array | undefined): boolean =>
    packet !== undefined && readIpv4(packet).protocol === 1 && readIpv4(packet).payload[0] === 0;

  test('nothing is sent before the readable is locked', async () => {
    const { tun, expectDropped } = await echoing();
    await expectDropped();
    await expectDropped();
    expect(tun.readable.locked).toBe(false);
  });

  test('packets dropped before are not delivered later', async () => {
    const { tun, ping, expectDropped } = await echoing();
    await expectDropped();
    const reader = tun.readable.getReader();
    await ping();
    const { value } = await reader.read();
    expect(value && readIpv4(value).payload[7]).toBe(2);
  });

  test('getReader() listens until releaseLock()', async () => {
    const { tun, ping, expectDropped, expectSent } = await echoing();
    const reader = tun.readable.getReader();
    await ping();
    expect(isReply((await reader.read()).value)).toBe(true);
    reader.releaseLock();
    await expectDropped();
    const second = tun.readable.getReader();
    await expectSent();
    expect(isReply((await second.read()).value)).toBe(true);
  });

  test('a read that waits when the lock is released takes nothing from the next reader', async () => {
    const { tun, expectDropped, expectSent } = await echoing();
    const reader = tun.readable.getReader();
    const read = reader.read();
    reader.releaseLock();
    expect(await outcome(read)).toBe('TypeError');
    await expectDropped();
    const second = tun.readable.getReader();
    await expectSent();
    expect(isReply((await second.read()).value)).toBe(true);
  });

  test.each(['listen()', 'for await'])('%s listens until the loop is left', async (way) => {
    const { tun, ping, expectDropped, expectSent } = await echoing();
    for (let round = 0; round < 2; round++) {
      const packets = way === 'listen()' ? tun.listen() : tun;
      const sending = settle(1).then(ping);
      for await (const packet of packets) {
        expect(isReply(packet)).toBe(true);
        break;
      }
      await sending;
      await expectDropped();
    }
    const packets = tun.listen();
    await expectSent();
    expect(isReply((await packets.next()).value)).toBe(true);
  });

  testUnless(NO_LOOPS)('for await on the readable cancels it when it is left', async () => {
    const { tun, ping, expectDropped } = await echoing();
    const sending = settle(1).then(ping);
    for await (const packet of tun.readable) {
      expect(isReply(packet)).toBe(true);
      break;
    }
    await sending;
    await expectDropped();
    expect(await tun.listen().next()).toMatchObject({ done: true });
  });

  test('an iterator that was left stays done', async () => {
    const { tun } = await echoing();
    const packets = tun.listen();
    await packets.return?.();
    expect(await packets.next()).toEqual({ done: true, value: undefined });
    expect(await packets.return?.()).toEqual({ done: true, value: undefined });
    expect(tun.readable.locked).toBe(false);
  });

  testUnless(NO_PIPE_ABORT)('pipeTo() listens until it is aborted', async () => {
    const { tun, ping, expectDropped } = await echoing();
    const abort = new AbortController();
    const packets: Uint8Array[] = [];
    const sink = new WritableStream<Uint8Array>({ write: (packet) => void packets.push(packet) });
    const piping = tun.readable.pipeTo(sink, { signal: abort.signal, preventCancel: true });
    await ping();
    await until(() => packets.length === 1);
    abort.abort();
    expect(await outcome(piping)).toBe('AbortError');
    await expectDropped();
  });

  testUnless(NO_PIPE_ABORT)('pipeThrough() listens until it is aborted', async () => {
    const { tun, ping, expectDropped } = await echoing();
    const abort = new AbortController();
    const reader = tun.readable
      .pipeThrough(new TransformStream(), { signal: abort.signal, preventCancel: true })
      .getReader();
    await ping();
    expect(isReply((await reader.read()).value)).toBe(true);
    abort.abort();
    await until(() => !tun.readable.locked);
    await expectDropped();
  });

  test('tee() listens', async () => {
    const { tun, ping } = await echoing();
    const [one, other] = tun.readable.tee();
    await ping();
    const read = (stream: ReadableStream<Uint8Array>) => stream.getReader().read();
    expect(isReply((await read(one)).value)).toBe(true);
    expect(isReply((await read(other)).value)).toBe(true);
  });

  testUnless(NO_LOOPS)('values() listens until it is left', async () => {
    const { tun, ping, expectDropped } = await echoing();
    const values = tun.readable.values({ preventCancel: true });
    await ping();
    expect(isReply((await values.next()).value ?? undefined)).toBe(true);
    await values.return?.();
    expect(tun.readable.locked).toBe(false);
    await expectDropped();
  });

  test('a readable that was cancelled drops again, though it is still locked', async () => {
    const { tun, expectDropped } = await echoing();
    const reader = tun.readable.getReader();
    await reader.cancel();
    expect(tun.readable.locked).toBe(true);
    await expectDropped();
  });
});

describe('what an interface shows', () => {
  async function make(
    type: 'tun' | 'tap',
    options: Parameters<NetworkStack['createTapInterface']>[0],
  ) {
    const stack = await openStack({ initializeLoopback: false });
    return type === 'tun' ? stack.createTunInterface(options) : stack.createTapInterface(options);
  }

  test('type, mac, ip, netmask and MTU as given', async () => {
    const tap = await make('tap', { mac: '02:23:45:67:89:AB', ip: '192.168.1.1/22', mtu: 9000 });
    expect(tap).toMatchObject({
      type: 'tap',
      mac: '02:23:45:67:89:ab',
      ip: '192.168.1.1',
      netmask: '255.255.252.0',
      addresses: ['192.168.1.1/22'],
      mtu: 9000,
    });
  });

  test('a tap without a mac has a random locally administered one', async () => {
    const one = await make('tap', {});
    const other = await make('tap', {});
    if (one.type !== 'tap' || other.type !== 'tap') throw new Error('not taps');
    expect(one.mac).toMatch(/^[\da-f][26ae](:[\da-f]{2}){5}$/);
    expect(one.mac).not.toBe(other.mac);
  });

  test('no ip, no netmask', async () => {
    const tap = await make('tap', {});
    expect([tap.ip, tap.netmask, tap.addresses]).toEqual([undefined, undefined, []]);
    expect(tap.mtu).toBe(1500);
  });

  test('IPv6 only: no netmask', async () => {
    const tun = await make('tun', { ip: 'FD00::0:1/64' });
    expect(tun).toMatchObject({ type: 'tun', ip: 'fd00::1', netmask: undefined });
    expect(tun.addresses).toEqual(['fd00::1/64']);
  });

  test('a list of addresses: the IPv4 one is its ip', async () => {
    const ip = ['fd00::1/64', '10.1.2.3/8', 'fd01::1/48', 'fe80::5/64'];
    const tun = await make('tun', { ip });
    expect(tun).toMatchObject({ ip: '10.1.2.3', netmask: '255.0.0.0', addresses: ip });
  });

  test.each([576, 1280, 65520])('an MTU of %d', async (mtu) => {
    expect(await make('tap', { mtu })).toMatchObject({ mtu });
  });

  test.each([
    ['MTU 575', { mtu: 575 }],
    ['MTU 65521', { mtu: 65521 }],
    ['MTU 1500.5', { mtu: 1500.5 }],
    ['MTU NaN', { mtu: Number.NaN }],
    ['two IPv4 addresses', { ip: ['10.0.0.1/24', '10.0.1.1/24'] }],
    ['four IPv6 addresses', { ip: ['fd00::1/64', 'fd01::1/64', 'fd02::1/64', 'fd03::1/64'] }],
    ['no prefix length', { ip: '10.0.0.1' }],
    ['prefix /33', { ip: '10.0.0.1/33' }],
    ['a bad address', { ip: '10.0.0.256/24' }],
    ['a bad MAC', { mac: '01:02:03:04:05' }],
    ['a bad gateway', { gateway: '10.0.0' }],
    ['a gateway on another network', { ip: '10.0.0.1/24', gateway: '10.0.1.1' }],
    ['a gateway of IPv6 on another network', { ip: 'fd00::1/64', gateway: 'fd01::1' }],
    ['its own address as gateway', { ip: '10.0.0.1/24', gateway: '10.0.0.1' }],
    ['two gateways of a family', { gateway: ['10.0.0.1', '10.0.0.2'] }],
    ['ringSize 0', { ringSize: 0 }],
    ['ringSize 2 GiB', { ringSize: 2 ** 31 }],
  ])('%s is refused with EINVAL', async (_, options) => {
    expect(await outcome(make('tap', options))).toBe('EINVAL');
  });
});

describe('coming and going', () => {
  test('the default loopback interface has 127.0.0.1/8 and ::1/128', async () => {
    const stack = await openStack();
    expect([...stack.interfaces]).toHaveLength(1);
    const [loopback] = stack.interfaces;
    expect(loopback).toMatchObject({
      type: 'loopback',
      ip: '127.0.0.1',
      netmask: '255.0.0.0',
      addresses: ['127.0.0.1/8', '::1/128'],
    });
  });

  test('initializeLoopback: false leaves it out, and one can be made', async () => {
    const stack = await openStack({ initializeLoopback: false });
    expect([...stack.interfaces]).toEqual([]);
    expect(await outcome(stack.connectTcp({ host: '127.0.0.1', port: 1 }))).toBe('EHOSTUNREACH');
    const loopback = await stack.createLoopbackInterface();
    expect([...stack.interfaces]).toEqual([loopback]);
    expect(loopback.addresses).toEqual(['127.0.0.1/8']);
    await connectEnds(stack, stack, { host: '127.0.0.1' });
  });

  test('interfaces are iterable in the order of their creation', async () => {
    const stack = await openStack();
    const tun = await stack.createTunInterface();
    const tap = await stack.createTapInterface();
    expect([...stack.interfaces].map(({ type }) => type)).toEqual(['loopback', 'tun', 'tap']);
    await stack.removeInterface(tun);
    expect([...stack.interfaces].slice(1)).toEqual([tap]);
  });

  test('removing one of another stack, or one twice, is ENODEV', async () => {
    const [one, other] = [await openStack(), await openStack()];
    const tun = await one.createTunInterface();
    expect(await outcome(other.removeInterface(tun))).toBe('ENODEV');
    await one.removeInterface(tun);
    expect(await outcome(one.removeInterface(tun))).toBe('ENODEV');
  });

  test('pending reads end and writes fail with ENODEV when it is removed', async () => {
    const stack = await openStack();
    const tun = await stack.createTunInterface({ ip: '10.0.0.1/24' });
    const reader = tun.readable.getReader();
    const read = reader.read();
    const writer = tun.writable.getWriter();
    await stack.removeInterface(tun);
    expect(await read).toEqual({ done: true, value: undefined });
    expect(await outcome(writer.write(new Uint8Array(20)))).toBe('ENODEV');
    expect(await outcome(writer.closed)).toBe('ENODEV');
    reader.releaseLock();
    expect(await tun.listen().next()).toMatchObject({ done: true });
  });

  test('frames that wait for room fail with ENODEV when it is removed', async () => {
    const stack = await openStack();
    const tun = await stack.createTunInterface({ ip: '10.0.0.1/24', ringSize: 1 });
    const writer = tun.writable.getWriter();
    const writes = Array.from({ length: 500 }, () => outcome(writer.write(new Uint8Array(1000))));
    await stack.removeInterface(tun);
    expect(new Set(await Promise.all(writes))).toEqual(new Set(['ok', 'ENODEV']));
  });

  test('its counters stay readable', async () => {
    const stack = await openStack();
    const tun = await stack.createTunInterface({ ip: '10.0.0.1/24' });
    await send(tun.writable, ping('10.0.0.2', '10.0.0.1', 1, bytes('hello')));
    await until(() => tun.statistics.dropped === 1);
    const before = tun.statistics;
    await stack.removeInterface(tun);
    expect(tun.statistics).toEqual(before);
  });

  test('connections over it fail with ENODEV, those of others go on', async () => {
    const { a, b, tapB } = await wiredPair({ stackB: { initializeLoopback: true } });
    const over = await connectEnds(a, b);
    const beside = await connectEnds(b, b, { host: '127.0.0.1' });
    const read = outcome(over.server.readable.getReader().read());
    await b.removeInterface(tapB);
    expect(await read).toBe('ENODEV');
    expect(await outcome(over.server.closed)).toBe('ENODEV');
    expect(await outcome(send(over.server.writable, bytes('x')))).toBe('ENODEV');
    await send(beside.client.writable, bytes('still here'));
    const { value } = await beside.server.readable.getReader().read();
    expect(value).toEqual(bytes('still here'));
  });

  test('listeners bound to its address fail with ENODEV, others go on', async () => {
    const { b, tapB } = await wiredPair({ stackB: { initializeLoopback: true } });
    const bound = await b.listenTcp({ host: ENDS[4].b, port: 80 });
    const bound6 = await b.listenTcp({ host: ENDS[6].b, port: 80 });
    const all = await b.listenTcp({ port: 81 });
    const accepts = Promise.all([bound.accept(), bound6.accept()].map(outcome));
    const loop = outcome(bound[Symbol.asyncIterator]().next());
    await b.removeInterface(tapB);
    expect(await accepts).toEqual(['ENODEV', 'ENODEV']);
    expect(await loop).toBe('ENODEV');
    expect(await outcome(bound.accept())).toBe('ENODEV');
    await Promise.all([all.accept(), b.connectTcp({ host: '127.0.0.1', port: 81 })]);
  });

  test('connecting over it is EHOSTUNREACH when it is gone', async () => {
    const { a, tapA } = await wiredPair();
    await a.removeInterface(tapA);
    expect(await outcome(a.connectTcp({ host: ENDS[4].b, port: 80 }))).toBe('EHOSTUNREACH');
  });

  test('a connect that waits fails with ENODEV', async () => {
    const stack = await openStack();
    const tun = await stack.createTunInterface({ ip: '10.0.0.1/24' });
    const connecting = outcome(stack.connectTcp({ host: '10.0.0.2', port: 80 }));
    await until(() => tun.statistics.dropped > 0);
    await stack.removeInterface(tun);
    expect(await connecting).toBe('ENODEV');
  });

  test('one that is made while the stack closes comes to nothing', async () => {
    const stack = await openStack();
    const making = stack.createTunInterface({ ip: '10.0.0.1/24' });
    const closing = stack.close();
    const made = await making.catch(ignore);
    await closing;
    // Either it was refused, or it is as dead as those that were there.
    const tun = made as TunInterface | undefined;
    expect(tun && (await outcome(tun.writable.getWriter().write(new Uint8Array(20))))).toBe(
      tun && 'ESHUTDOWN',
    );
    expect(await outcome(stack.createTapInterface())).toBe('ESHUTDOWN');
    expect([...stack.interfaces]).toEqual([]);
  });
});
