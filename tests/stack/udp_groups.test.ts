// SPDX-License-Identifier: MIT
// udp_groups.test - broadcast and multicast, sockets of one interface, interfaces without an address

import { describe, expect, test } from 'vitest';
import { ETHERTYPE, readEthernet, readUdp, STRANGER } from '../helpers/frames.ts';
import { bytes, ENDS, openStack, outcome, settle, text, until } from '../helpers/net.ts';
import { loopbackPair, udpPair } from '../helpers/udp.ts';

const GROUP = { 4: '239.1.2.3', 6: 'ff05::1:3' } as const;

describe('broadcast', () => {
  test.each(['255.255.255.255', '10.0.0.255'])('to %s reaches every socket', async (host) => {
    const { client, b, server } = await udpPair({ server: { port: 67, reuseAddress: true } });
    const other = await b.openUdp({ port: 67, reuseAddress: true });
    await client.send(bytes('all'), { host, port: 67 });
    for (const socket of [server, other]) {
      const datagram = await socket.receive();
      expect(text(datagram.data)).toBe('all');
      expect(datagram.local).toEqual({ address: host, port: 67 });
      expect(datagram.host).toBe(ENDS[4].a);
    }
  });

  test('leaves by every tap', async () => {
    const { a, client, server } = await udpPair({ server: { port: 67 } });
    const second = await a.createTapInterface({ ip: '10.1.0.1/24' });
    const reading = second.readable.getReader();
    await client.send(bytes('all'), { host: '255.255.255.255', port: 67 });
    expect((await server.receive()).host).toBe(ENDS[4].a);
    for (;;) {
      const { value } = await reading.read();
      const frame = readEthernet(value ?? bytes(''));
      const datagram = frame.type === ETHERTYPE.ipv4 ? readUdp(frame.payload) : undefined;
      if (!datagram) continue;
      expect(frame.to).toBe('ff:ff:ff:ff:ff:ff');
      expect(datagram.from).toBe('10.1.0.1');
      return;
    }
  });

  test('is refused where the socket may not, and counted', async () => {
    const { a, server, to } = await udpPair();
    const client = await a.openUdp({ broadcast: false });
    await client.send(bytes('x'), { host: '255.255.255.255', port: to.port });
    await client.send(bytes('x'), { host: '10.0.0.255', port: to.port });
    await until(() => client.statistics.txDropped === 2);
    await client.send(bytes('one'), to);
    expect(text((await server.receive()).data)).toBe('one');
    const connected = await a.openUdp({
      broadcast: false,
      remote: { host: '10.0.0.255', port: to.port },
    });
    const received = connected.receive();
    await connected.send(bytes('x'));
    expect(await outcome(received)).toBe('EACCES');
  });
});

describe('a socket of one interface', () => {
  test('sends and receives there alone', async () => {
    const { a, tapA, client, server, to } = await udpPair();
    const other = await a.createTapInterface({ ip: '10.1.0.1/24' });
    const here = await a.openUdp({ interface: tapA, port: 500, reuseAddress: true });
    const there = await a.openUdp({ interface: other, port: 500 });
    await server.send(bytes('x'), { host: ENDS[4].a, port: 500 });
    expect(text((await here.receive()).data)).toBe('x');
    expect(there.statistics.rxDatagrams).toBe(0);
    await here.send(bytes('y'), to);
    expect((await server.receive()).port).toBe(500);
    expect(client.statistics.rxDatagrams).toBe(0);
  });

  test('needs no address: what a DHCP client and its server do', async () => {
    const [client, server] = [await openStack(), await openStack()];
    const tapC = await client.createTapInterface();
    const tapS = await server.createTapInterface({ ip: '10.0.0.1/24' });
    void tapC.readable.pipeTo(tapS.writable);
    void tapS.readable.pipeTo(tapC.writable);
    const c = await client.openUdp({ interface: tapC, port: 68 });
    const s = await server.openUdp({ interface: tapS, port: 67 });
    await c.send(bytes('discover'), { host: '255.255.255.255', port: 67 });
    const discover = await s.receive();
    expect(discover.host).toBe('0.0.0.0');
    expect(discover.port).toBe(68);
    const writer = s.writable.getWriter();
    // To an address that the client does not have yet: no ARP could find it.
    const offer = { host: '10.0.0.9', port: 68, data: bytes('offer'), linkAddress: tapC.mac };
    await writer.write(offer);
    const received = await c.receive();
    expect(text(received.data)).toBe('offer');
    expect(received.local?.address).toBe('10.0.0.9');
    expect(received.host).toBe('10.0.0.1');
    await writer.write({ ...offer, host: '255.255.255.255', data: bytes('ack') });
    expect(text((await c.receive()).data)).toBe('ack');
  });

  test('sends to the MAC that a datagram names, without ARP', async () => {
    const stack = await openStack();
    const tap = await stack.createTapInterface({ ip: '10.0.0.1/24' });
    const reader = tap.readable.getReader();
    const socket = await stack.openUdp();
    const writer = socket.writable.getWriter();
    await writer.write({ host: '10.0.0.7', port: 1, data: bytes('x'), linkAddress: STRANGER });
    for (;;) {
      const { value } = await reader.read();
      const frame = readEthernet(value ?? bytes(''));
      const isAsked = frame.type === ETHERTYPE.arp && frame.payload[27] === 7;
      expect(isAsked).toBe(false);
      if (frame.type !== ETHERTYPE.ipv4) continue;
      expect(frame.to).toBe(STRANGER);
      return;
    }
  });
});

describe('a group', () => {
  test.each([4, 6] as const)('is received by members alone, IPv%i', async (family) => {
    const { b, client, server } = await udpPair({ server: { port: 5000, reuseAddress: true } });
    const outsider = await b.openUdp({ port: 5000, reuseAddress: true });
    await server.join(GROUP[family]);
    await client.send(bytes('x'), { host: GROUP[family], port: 5000 });
    const datagram = await server.receive();
    expect(datagram.local?.address).toBe(GROUP[family]);
    expect(datagram.ttl).toBe(1);
    expect(datagram.host).toBe(ENDS[family].a);
    expect(outsider.statistics.rxDatagrams).toBe(0);
    await server.send(bytes('answer'), datagram);
    expect((await client.receive()).host).toBe(ENDS[family].b);
    await server.leave(GROUP[family]);
    await client.send(bytes('no'), { host: GROUP[family], port: 5000 });
    await client.send(bytes('yes'), { host: ENDS[family].b, port: 5000 });
    const either = await Promise.race([server.receive(), outsider.receive()]);
    expect(text(either.data)).toBe('yes');
  });

  test('is received only from the source that was asked for', async () => {
    const { tapB, client, server } = await udpPair({ server: { port: 5000 } });
    await server.join(GROUP[4], { source: '10.0.0.77', interface: tapB });
    await client.send(bytes('no'), { host: GROUP[4], port: 5000 });
    await client.send(bytes('now'), { host: ENDS[4].b, port: 5000 });
    expect(text((await server.receive()).data)).toBe('now');
    await server.join(GROUP[4], { source: ENDS[4].a });
    await client.send(bytes('yes'), { host: GROUP[4], port: 5000 });
    expect(text((await server.receive()).data)).toBe('yes');
  });

  test('has the time to live of the socket', async () => {
    const { client, server } = await udpPair({ client: { multicastTtl: 5 } });
    await server.join(GROUP[4]);
    const to = { host: GROUP[4], port: server.localPort };
    expect(client.multicastTtl).toBe(5);
    await client.send(bytes('x'), to);
    expect((await server.receive()).ttl).toBe(5);
    client.multicastTtl = 9;
    await client.send(bytes('x'), to);
    expect((await server.receive()).ttl).toBe(9);
    expect(() => {
      client.multicastTtl = 256;
    }).toThrow('from 0 to 255');
  });

  test('comes back to members on the same stack, unless the socket says no', async () => {
    const { a, client } = await udpPair();
    const member = await a.openUdp({ port: 5000 });
    await member.join(GROUP[4]);
    await client.send(bytes('loop'), { host: GROUP[4], port: 5000 });
    expect(text((await member.receive()).data)).toBe('loop');
    const quiet = await a.openUdp({ multicastLoopback: false });
    await quiet.send(bytes('no'), { host: GROUP[4], port: 5000 });
    await until(() => quiet.statistics.txDatagrams === 1);
    await settle();
    expect(member.statistics.rxDatagrams).toBe(1);
  });

  test('leaves by the interface of the socket or of the datagram', async () => {
    const { a, server } = await udpPair({ server: { port: 5000 } });
    const second = await a.createTapInterface({ ip: '10.1.0.1/24' });
    const reader = second.readable.getReader();
    await server.join(GROUP[4]);
    const bound = await a.openUdp({ interface: second });
    await bound.send(bytes('x'), { host: GROUP[4], port: 5000 });
    const open = await a.openUdp();
    const writer = open.writable.getWriter();
    await writer.write({ host: GROUP[4], port: 5000, data: bytes('y'), interface: second });
    for (const word of ['x', 'y']) {
      let datagram: ReturnType<typeof readUdp>;
      while (!datagram) {
        const { value } = await reader.read();
        const frame = readEthernet(value ?? bytes(''));
        if (frame.type === ETHERTYPE.ipv4) datagram = readUdp(frame.payload);
      }
      expect(text(datagram.data)).toBe(word);
      expect(datagram.from).toBe('10.1.0.1');
    }
    expect(server.statistics.rxDatagrams).toBe(0);
  });

  test('is refused where it is none, and where the socket is or is not a member', async () => {
    const { server, tapA } = await udpPair();
    expect(await outcome(server.join('10.0.0.9'))).toBe('EINVAL');
    expect(await outcome(server.join('nobody.test'))).toBe('EINVAL');
    expect(await outcome(server.join(GROUP[4], { source: '::1' }))).toBe('EINVAL');
    expect(await outcome(server.join(GROUP[4], { interface: tapA }))).toBe('ENODEV');
    expect(await outcome(server.leave(GROUP[4]))).toBe('EADDRNOTAVAIL');
    await server.join(GROUP[4]);
    expect(await outcome(server.join(GROUP[4]))).toBe('EADDRINUSE');
    await expect(server.join(GROUP[4])).rejects.toThrow(`Cannot join ${GROUP[4]}`);
    await server.leave(GROUP[4]);
    await server.join(GROUP[4]);
    const { server: alone } = await loopbackPair();
    expect(await outcome(alone.join(GROUP[4]))).toBe('ENODEV');
  });

  test('is forgotten with its interface, and the socket stays', async () => {
    const { b, tapB, server } = await udpPair({ server: { port: 5000 } });
    await server.join(GROUP[4]);
    await b.removeInterface(tapB);
    expect(await outcome(server.leave(GROUP[4]))).toBe('ENODEV');
    expect(await outcome(server.send(bytes('x'), { host: ENDS[4].a, port: 1 }))).toBe('ok');
  });
});
