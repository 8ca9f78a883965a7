// SPDX-License-Identifier: MIT
// addresses.test - addresses, gateway, MTU and state of an interface that change while it is used

import { attach, type TapInterface } from 'ringstack';
import { describe, expect, test } from 'vitest';
import { ETHERTYPE, readArp, readEthernet } from '../helpers/frames.ts';
import {
  bytes,
  connectEnds,
  ENDS,
  ignore,
  openPair,
  openStack,
  outcome,
  plug,
  readUpTo,
  send,
  text,
  wiredPair,
} from '../helpers/net.ts';
import { NO_SHARING, testUnless } from '../helpers/runtime.ts';

describe('addAddress()', () => {
  test('gives an interface that had none both families, and connections', async () => {
    const a = await openStack({ initializeLoopback: false });
    const b = await openStack({ initializeLoopback: false });
    const [one, other] = [await a.createTapInterface(), await b.createTapInterface()];
    plug(one, other);
    expect([one.ip, one.netmask, one.addresses]).toEqual([undefined, undefined, []]);
    await one.addAddress('fd00::1/64');
    expect([one.ip, one.netmask]).toEqual(['fd00::1', undefined]);
    await one.addAddress('10.0.0.1/24');
    expect([one.ip, one.netmask]).toEqual(['10.0.0.1', '255.255.255.0']);
    expect(one.addresses).toEqual(['fd00::1/64', '10.0.0.1/24']);
    await other.addAddress('10.0.0.2/24');
    await other.addAddress('fd00::2/64');
    for (const host of [ENDS[4].b, ENDS[6].b]) {
      const { client, server } = await connectEnds(a, b, { host });
      expect(client.localAddress).toBe(server.remoteAddress);
    }
  });

  test('puts another IPv4 address in the place of that before, and ends what was bound to it', async () => {
    const { a, b, tapA } = await wiredPair();
    const { client, server } = await connectEnds(a, b);
    const listener = await a.listenTcp({ host: ENDS[4].a, port: 80 });
    const accepting = outcome(listener.accept());
    const reading = outcome(client.readable.getReader().read());
    const far = outcome(server.readable.getReader().read());
    const socket = await a.openUdp({ host: ENDS[4].a, port: 7 });
    const receiving = outcome(socket.receive());
    await tapA.addAddress('10.0.0.9/24');
    expect(await accepting).toBe('EADDRNOTAVAIL');
    expect(await reading).toBe('EADDRNOTAVAIL');
    expect(await receiving).toBe('EADDRNOTAVAIL');
    expect(await far).toBe('ECONNRESET');
    expect(tapA.addresses).toEqual(['10.0.0.9/24', 'fd00::1/64']);
    const next = await connectEnds(a, b);
    expect(next.client.localAddress).toBe('10.0.0.9');
  });

  test('gives an address that is there another prefix, and ends nothing', async () => {
    const { a, b, tapA } = await wiredPair();
    const { client, server } = await connectEnds(a, b);
    await tapA.addAddress('10.0.0.1/8');
    expect(tapA.netmask).toBe('255.0.0.0');
    const writer = client.writable.getWriter();
    await writer.write(bytes('still'));
    const { value } = await server.readable.getReader().read();
    expect(text(value as Uint8Array)).toBe('still');
    expect((await a.routes.lookup('10.200.0.1'))?.destination).toBe('10.0.0.0/8');
  });

  test('of a deprecated IPv6 address leaves connections, and takes it no more as a source', async () => {
    const { a, b, tapA } = await wiredPair();
    const before = await connectEnds(a, b, { host: ENDS[6].b });
    await tapA.addAddress('fd00::5/64');
    await tapA.addAddress('fd00::1/64', { deprecated: true });
    expect(tapA.addresses).toEqual(['10.0.0.1/24', 'fd00::1/64', 'fd00::5/64']);
    const { client } = await connectEnds(a, b, { host: ENDS[6].b });
    expect(client.localAddress).toBe('fd00::5');
    const asked = { host: ENDS[6].b, connect: { localAddress: 'fd00::1' } };
    expect((await connectEnds(a, b, asked)).client.localAddress).toBe('fd00::1');
    expect((await connectEnds(b, a, { host: 'fd00::1' })).server.localAddress).toBe('fd00::1');
    await send(before.client.writable, bytes('still'));
    expect(text(await readUpTo(before.server.readable, 5))).toBe('still');
    await tapA.addAddress('fd00::1/64');
    const after = await connectEnds(a, b, { host: ENDS[6].b });
    expect(after.client.localAddress).toBe('fd00::1');
    const refused = tapA.addAddress('10.0.0.7/24', { deprecated: true });
    expect(await outcome(refused)).toBe('EINVAL');
  });

  test('takes three IPv6 addresses and says that there is no room for more', async () => {
    const stack = await openStack();
    const tap = await stack.createTapInterface();
    for (const i of [1, 2, 3]) await tap.addAddress(`fd00:${i}::1/64`);
    await expect(tap.addAddress('fd00:4::1/64')).rejects.toMatchObject({
      code: 'ENOBUFS',
      message: expect.stringContaining('3 IPv6 addresses'),
    });
    await tap.removeAddress('fd00:2::1/64');
    await tap.addAddress('fd00:4::1/64');
    expect(tap.addresses).toEqual(['fd00:1::1/64', 'fd00:3::1/64', 'fd00:4::1/64']);
  });

  test.each([
    ['10.0.0.1', 'a CIDR'],
    ['10.0.0.1/33', 'the prefix must be 0 to 32'],
    ['0.0.0.0/8', 'one host'],
    ['255.255.255.255/32', 'one host'],
    ['224.0.0.1/4', 'one host'],
    ['::/64', 'one host'],
    ['ff02::1/64', 'one host'],
    [7, 'a CIDR'],
  ])('refuses %s', async (cidr, reason) => {
    const stack = await openStack();
    const tap = await stack.createTapInterface();
    const adding = tap.addAddress(cidr as string);
    await expect(adding).rejects.toMatchObject({ code: 'EINVAL' });
    await expect(adding).rejects.toThrow(reason);
    expect(tap.addresses).toEqual([]);
  });

  test('refuses options that there are not', async () => {
    const stack = await openStack();
    const tap = await stack.createTapInterface();
    expect(await outcome(tap.addAddress('10.0.0.1/8', { detekt: true } as object))).toBe('EINVAL');
    expect(await outcome(tap.addAddress('10.0.0.1/8', { detect: 1 } as object))).toBe('EINVAL');
  });

  test('announces the address on the link', async () => {
    const stack = await openStack();
    const tap = await stack.createTapInterface();
    const reader = tap.readable.getReader();
    await tap.addAddress('10.0.0.1/24');
    const frame = readEthernet((await reader.read()).value as Uint8Array);
    expect(frame.type).toBe(ETHERTYPE.arp);
    expect(readArp(frame.payload)).toMatchObject({ ip: '10.0.0.1', asked: '10.0.0.1' });
  });
});

describe('detection', () => {
  test.each([4, 6] as const)('IPv%i: a host that has the address is named', async (family) => {
    const { tapA, tapB } = await wiredPair();
    const taken = `${ENDS[family].b}/${family === 4 ? 24 : 64}`;
    await expect(tapA.addAddress(taken, { detect: true })).rejects.toMatchObject({
      code: 'EADDRINUSE',
      message: `Cannot add the address '${taken}': ${tapB.mac} has it`,
    });
    expect(tapA.addresses).toEqual(['10.0.0.1/24', 'fd00::1/64']);
    await tapA.addAddress(family === 4 ? '10.0.0.1/24' : 'fd00::1/64', { detect: true });
  });

  test('IPv6: a free address is taken', async () => {
    const { a, b, tapA } = await wiredPair();
    await tapA.addAddress('fd00::9/64', { detect: true });
    const { client } = await connectEnds(a, b, {
      host: ENDS[6].b,
      connect: { localAddress: 'fd00::9' },
    });
    expect(client.localAddress).toBe('fd00::9');
  });

  test('fails where nobody can be asked, and needs nobody without Ethernet', async () => {
    const { a, tapA } = await openPair();
    expect(await outcome(tapA.addAddress('10.0.0.9/24', { detect: true }))).toBe('ENODEV');
    const tun = await a.createTunInterface();
    await tun.addAddress('10.5.0.1/24', { detect: true });
    expect(tun.ip).toBe('10.5.0.1');
  });

  test.each(['removeInterface', 'close'] as const)('ends with %s()', async (way) => {
    const { a, tapA } = await wiredPair();
    const adding = outcome(tapA.addAddress('10.0.0.9/24', { detect: true }));
    const queued = outcome(tapA.removeAddress('10.0.0.1'));
    await tapA.statistics;
    await (way === 'close' ? a.close() : a.removeInterface(tapA));
    expect(await adding).toBe(way === 'close' ? 'ESHUTDOWN' : 'ENODEV');
    expect(await queued).toBe(way === 'close' ? 'ESHUTDOWN' : 'ENODEV');
  });
});

describe('removeAddress()', () => {
  test.each([4, 6] as const)('IPv%i: ends what was bound to it', async (family) => {
    const { a, b, tapA } = await wiredPair();
    const { client } = await connectEnds(a, b, { host: ENDS[family].b });
    const writing = client.writable.getWriter();
    const closed = outcome(writing.closed);
    await tapA.removeAddress(ENDS[family].a);
    expect(await closed).toBe('EADDRNOTAVAIL');
    expect(await outcome(a.connectTcp({ host: ENDS[family].b, port: 1 }))).toBe('EHOSTUNREACH');
    expect(tapA.addresses).toEqual([family === 4 ? 'fd00::1/64' : '10.0.0.1/24']);
  });

  test('tells which addresses there are', async () => {
    const { tapA } = await openPair();
    for (const wrong of ['10.0.0.7', '10.0.0.1/25']) {
      await expect(tapA.removeAddress(wrong)).rejects.toMatchObject({
        code: 'EADDRNOTAVAIL',
        message: `Cannot remove the address '${wrong}': must be one of 10.0.0.1/24, fd00::1/64`,
      });
    }
    expect(await outcome(tapA.removeAddress('10.0.0'))).toBe('EINVAL');
  });

  test('leaves no memory behind', async () => {
    const { a, b, tapA } = await wiredPair();
    const round = async (): Promise<void> => {
      const { client, server, listener } = await connectEnds(a, b);
      const ends = [client, server].map((end) => outcome(end.closed));
      await tapA.removeAddress('10.0.0.1');
      await tapA.addAddress('10.0.0.1/24');
      await Promise.all(ends);
      await listener.close();
    };
    await round();
    const before = [a.statistics.heapBytes, a.statistics.sockets];
    for (let i = 0; i < 10; i++) await round();
    expect([a.statistics.heapBytes, a.statistics.sockets]).toEqual(before);
  });
});

describe('setMtu()', () => {
  test('frames of the new size pass, on both ends', async () => {
    const { a, b, tapA, tapB } = await openPair();
    for (const tap of [tapA, tapB]) await tap.setMtu(9000);
    expect([tapA.mtu, tapB.mtu]).toEqual([9000, 9000]);
    const relay = async (from: TapInterface, to: TapInterface): Promise<number> => {
      const writer = to.writable.getWriter();
      let most = 0;
      for await (const frame of from) {
        most = Math.max(most, frame.length);
        await writer.write(frame);
        if (frame.length > 8000) break;
      }
      writer.releaseLock();
      return most;
    };
    const largest = relay(tapA, tapB);
    void relay(tapB, tapA).catch(ignore);
    const server = await b.openUdp({ port: 9 });
    const client = await a.openUdp();
    await client.send(new Uint8Array(8900), { host: ENDS[4].b, port: 9 });
    expect((await server.receive()).data.length).toBe(8900);
    expect(await largest).toBe(8900 + 42);
  });

  test.each([575, 65521, 1.5, '1500'])('refuses %s', async (mtu) => {
    const { tapA } = await openPair();
    await expect(tapA.setMtu(mtu as number)).rejects.toMatchObject({
      code: 'EINVAL',
      message: expect.stringMatching(/from 576 to 65520/),
    });
    expect(tapA.mtu).toBe(1500);
  });

  test('refuses more than the rings have room for', async () => {
    const stack = await openStack();
    const tap = await stack.createTapInterface({ ringSize: 65_536 });
    await expect(tap.setMtu(14_337)).rejects.toThrow(/from 576 to 14336/);
    await tap.setMtu(14_336);
    expect(tap.mtu).toBe(14_336);
  });

  test('a connection goes on over a smaller MTU', async () => {
    const { a, b, tapA } = await wiredPair({ tap: { largeSend: false } });
    const { client, server } = await connectEnds(a, b);
    await tapA.setMtu(600);
    const sending = client.writable.getWriter();
    const sent = sending.write(new Uint8Array(20_000)).then(() => sending.close());
    let total = 0;
    for await (const chunk of server) total += chunk.length;
    expect(total).toBe(20_000);
    await sent;
  });
});

describe('down() and up()', () => {
  test('what is sent in between waits', async () => {
    const { a, b, tapA } = await wiredPair();
    const { client, server } = await connectEnds(a, b);
    await tapA.down();
    expect([tapA.isUp, JSON.parse(JSON.stringify(tapA)).isUp]).toEqual([false, false]);
    expect(await outcome(a.connectTcp({ host: ENDS[4].b, port: 1 }))).toBe('EHOSTUNREACH');
    const writing = client.writable.getWriter().write(bytes('late'));
    await tapA.up();
    expect(tapA.isUp).toBe(true);
    const { value } = await server.readable.getReader().read();
    expect(text(value as Uint8Array)).toBe('late');
    await writing;
  });
});

describe('setGateway()', () => {
  test('is a default route of each family, until it is removed', async () => {
    const stack = await openStack();
    const tap = await stack.createTapInterface({
      ip: ['10.0.0.1/24', 'fd00::1/64'],
      gateway: '10.0.0.254',
    });
    const via = async () => {
      const found = await Promise.all(
        ['192.0.2.1', '2001:db8::1'].map((to) => stack.routes.lookup(to)),
      );
      return found.map((route) => route?.via);
    };
    expect(await via()).toEqual(['10.0.0.254', undefined]);
    await tap.setGateway('fd00::fe');
    expect(await via()).toEqual(['10.0.0.254', 'fd00::fe']);
    await tap.setGateway(['10.0.0.253', 'fe80::1']);
    expect(await via()).toEqual(['10.0.0.253', 'fe80::1']);
    await tap.setGateway(null, 4);
    expect(await via()).toEqual([undefined, 'fe80::1']);
    await tap.setGateway(null);
    expect(await via()).toEqual([undefined, undefined]);
    for (const bad of ['10.0.0', ['10.0.0.1', '10.0.0.2'], 7]) {
      expect(await outcome(tap.setGateway(bad as string))).toBe('EINVAL');
    }
    expect(await outcome(tap.setGateway(null, 5 as 4))).toBe('EINVAL');
  });

  test('of an interface that cannot be made leaves no interface', async () => {
    const stack = await openStack();
    expect(await outcome(stack.createTapInterface({ gateway: '10.0.0' }))).toBe('EINVAL');
    expect(stack.interfaces.size).toBe(1);
  });
});

describe('an interface', () => {
  test('that is gone changes no more', async () => {
    const { a, tapA } = await openPair();
    await a.removeInterface(tapA);
    for (const change of [
      tapA.addAddress('10.0.0.9/24'),
      tapA.removeAddress('10.0.0.1'),
      tapA.setMtu(1400),
      tapA.setGateway('10.0.0.254'),
      tapA.up(),
      tapA.down(),
    ]) {
      expect(await outcome(change)).toBe('ENODEV');
    }
  });

  testUnless(NO_SHARING)(
    'that another thread has is changed by the thread of its stack',
    async () => {
      const { tapA } = await openPair();
      const there = await attach(structuredClone(await tapA.share()));
      expect(await outcome(there.addAddress('10.0.0.9/24'))).toBe('EBADF');
      expect(await outcome(tapA.setMtu(1400))).toBe('EBADF');
      await tapA.addAddress('10.0.0.9/24');
      expect(tapA.ip).toBe('10.0.0.9');
    },
  );

  test('of loopback kind takes addresses too', async () => {
    const stack = await openStack();
    const [loopback] = stack.interfaces;
    await loopback?.addAddress('fd00::5/128');
    const listener = await stack.listenTcp({ host: 'fd00::5', port: 80 });
    const connecting = stack.connectTcp({ host: 'fd00::5', port: 80 });
    expect((await listener.accept()).localAddress).toBe('fd00::5');
    await connecting;
  });

  test('without an address speaks DHCP, and goes on when it gets one', async () => {
    const { a, b, tapB } = await wiredPair();
    await tapB.removeAddress(ENDS[4].b);
    const client = await b.openUdp({ host: '0.0.0.0', port: 68, interface: tapB });
    const server = await a.openUdp({ port: 67 });
    await client.send(bytes('discover'), { host: '255.255.255.255', port: 67 });
    const asked = await server.receive();
    expect([asked.host, asked.port]).toEqual(['0.0.0.0', 68]);
    const offer = { host: '10.0.0.77', port: 68, linkAddress: tapB.mac, data: bytes('offer') };
    const writer = server.writable.getWriter();
    await writer.write(offer);
    expect(text((await client.receive()).data)).toBe('offer');
    await tapB.addAddress('10.0.0.77/24');
    await writer.write({ host: '10.0.0.77', port: 68, data: bytes('ack') });
    expect(text((await client.receive()).data)).toBe('ack');
    await writer.write({ host: '255.255.255.255', port: 68, data: bytes('all') });
    expect(text((await client.receive()).data)).toBe('all');
    await client.send(bytes('renew'), { host: ENDS[4].a, port: 67 });
    expect((await server.receive()).host).toBe('10.0.0.77');
  });
});
