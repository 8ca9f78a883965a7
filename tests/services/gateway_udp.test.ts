// SPDX-License-Identifier: MIT
// gateway_udp.test - datagrams and pings of guests through a gateway, and names that they look up

import { createZone, DnsServer } from 'ringstack/dns';
import type { Datagram, DatagramSocket } from 'ringstack/gateway';
import { describe, expect, test } from 'vitest';
import { FAR, gatewayNetwork } from '../helpers/gateway.ts';
import { bytes, outcome, text, until } from '../helpers/net.ts';

describe('datagrams', () => {
  test.each([4, 6] as const)('over IPv%i go out and come back', async (family) => {
    const { guest, outside, gateway, events, inside } = await gatewayNetwork();
    const server = await outside.openUdp({ port: 5000 });
    const ours = await guest.openUdp({ port: 4000 });
    await ours.send(bytes('ping'), { host: FAR[family], port: 5000 });
    const request = await server.receive();
    expect(text(request.data)).toBe('ping');
    await server.send(bytes('pong'), request);
    expect(await ours.receive()).toMatchObject({
      host: FAR[family],
      port: 5000,
      data: bytes('pong'),
    });
    const [flow] = [...gateway.flows()];
    expect(flow).toMatchObject({ protocol: 'udp', state: 'open', bytesOut: 4, bytesIn: 4 });
    expect(events.map((event) => event.kind)).toEqual(['open']);
    await gateway.close();
    expect(gateway.statistics.udpMappings).toBe(0);
    await until(() => inside.statistics.sockets === 0);
  });

  test('of one socket leave from one port, whatever they are sent to', async () => {
    const { guest, outside, gateway } = await gatewayNetwork();
    const one = await outside.openUdp({ port: 5000 });
    const two = await outside.openUdp({ port: 5001 });
    const ours = await guest.openUdp({ port: 4000 });
    await ours.send(bytes('1'), { host: FAR[4], port: 5000 });
    await ours.send(bytes('2'), { host: FAR[4], port: 5001 });
    const [first, second] = [await one.receive(), await two.receive()];
    expect(first.port).toBe(second.port);
    const other = await guest.openUdp({ port: 4001 });
    await other.send(bytes('3'), { host: FAR[4], port: 5000 });
    expect((await one.receive()).port).not.toBe(first.port);
    expect(gateway.statistics.udpMappings).toBe(2);
  });

  test.each([
    ['address', 1],
    ['any', 2],
  ] as const)('from outside are filtered by %s', async (filtering, arrive) => {
    let push = (_: Datagram): void => {};
    const socket: DatagramSocket = {
      writable: new WritableStream(),
      close: async () => {},
      async *[Symbol.asyncIterator]() {
        for (;;) yield await new Promise<Datagram>((resolve) => (push = resolve));
      },
    };
    const { guest, gateway } = await gatewayNetwork({ udp: () => socket, filtering });
    const ours = await guest.openUdp({ port: 4000 });
    await ours.send(bytes('1'), { host: FAR[4], port: 5000 });
    await until(() => gateway.statistics.udpOpened === 1);
    push({ host: '203.0.113.99', port: 9, data: bytes('stranger') });
    await until(
      () => gateway.statistics.filtered === 2 - arrive || ours.statistics.rxDatagrams > 0,
    );
    await new Promise((resolve) => setTimeout(resolve, 0));
    // Another port of an address that the guest knows.
    push({ host: FAR[4], port: 9, data: bytes('known') });
    await until(() => ours.statistics.rxDatagrams === arrive);
    expect(gateway.statistics.filtered).toBe(2 - arrive);
  });

  test('to what the policy refuses get an ICMP error, at most 100 a second', async () => {
    const { guest, gateway } = await gatewayNetwork({ policy: {} });
    const ours = await guest.openUdp({ remote: { host: '192.168.1.1', port: 9 } });
    const told = outcome(ours.receive());
    await ours.send(bytes('1'));
    expect(await told).toBe('EHOSTUNREACH');
    for (let n = 0; n < 300; n++) await ours.send(bytes('again'));
    await until(() => gateway.statistics.denied === 301);
    expect(ours.statistics.errors).toBeLessThan(150);
    expect(gateway.statistics.udpMappings).toBe(0);
  });

  test('without a way out are unreachable', async () => {
    const { guest } = await gatewayNetwork({ udp: undefined } as never);
    const ours = await guest.openUdp({ remote: { host: FAR[4], port: 9 } });
    const told = outcome(ours.receive());
    await ours.send(bytes('1'));
    expect(await told).toBe('EHOSTUNREACH');
  });

  test('of ten times as many sockets as there are mappings: the rest is dropped and counted', async () => {
    const { guest, outside, gateway } = await gatewayNetwork({
      limits: { mappings: 8, mappingsPerSource: 8 },
    });
    const server = await outside.openUdp({ port: 5000 });
    for (let n = 0; n < 80; n++) {
      const one = await guest.openUdp();
      await one.send(bytes('x'), { host: FAR[4], port: 5000 });
    }
    await until(() => gateway.statistics.limited === 72);
    expect(gateway.statistics.udpMappings).toBe(8);
    await until(() => server.statistics.rxDatagrams === 8);
  });
});

describe('pings', () => {
  test.each([4, 6] as const)(
    'over IPv%i are answered where the policy allows it',
    async (family) => {
      const { guest, gateway } = await gatewayNetwork();
      const session = await guest.createPingSession({ host: FAR[family], timeout: 20_000 });
      expect((await session.ping()).host).toBe(FAR[family]);
      expect(gateway.statistics.echoes).toBe(1);
      const other = await guest.createPingSession({
        host: family === 4 ? '192.168.1.1' : 'fd01::1',
        timeout: 200,
      });
      expect(await outcome(other.ping())).toBe('ETIMEDOUT');
      expect(gateway.statistics.denied).toBe(1);
    },
  );

  test('are dropped, or a function decides', async () => {
    const { guest } = await gatewayNetwork({
      icmp: ({ destination }) => destination.address === FAR[4],
    });
    const yes = await guest.createPingSession({ host: FAR[4], timeout: 20_000 });
    await yes.ping();
    const no = await guest.createPingSession({ host: FAR[6], timeout: 200 });
    expect(await outcome(no.ping())).toBe('ETIMEDOUT');
  });
});

describe('names', () => {
  const zone = createZone({
    'allowed.example.com': [FAR[4], FAR[6]],
    'other.example.com': '203.0.113.8',
  });
  const network = () =>
    gatewayNetwork((outside) => ({
      dns: new DnsServer(null, { zones: [zone] }),
      tcp: outside.tcp,
      policy: { allow: ['allowed.example.com'], override: ['reserved'] },
    }));

  /** A query of a guest to a name server that it made up. */
  async function resolver(
    guest: Awaited<ReturnType<typeof network>>['guest'],
  ): Promise<(name: string) => Promise<string>> {
    const { createDns } = await import('ringstack/dns');
    const dns = await createDns(guest, {
      client: { nameServer: { ip: '198.51.100.53', port: 53 }, timeout: 20_000 },
    });
    return (name) => dns.lookup(name);
  }

  test('that a guest looked up decide, and are those of that guest', async () => {
    const { guest, outside, gateway, events } = await network();
    await outside.listenTcp({ port: 443 });
    const before = outcome(guest.connectTcp({ host: FAR[4], port: 443 }));
    expect(await before).toBe('EHOSTUNREACH');
    const lookup = await resolver(guest);
    expect(await lookup('allowed.example.com')).toBe(FAR[4]);
    await guest.connectTcp({ host: FAR[4], port: 443 });
    const [flow] = [...gateway.flows()];
    expect(flow?.destination).toEqual({
      address: FAR[4],
      port: 443,
      name: 'allowed.example.com',
    });
    expect(events.find((event) => event.kind === 'deny')).toMatchObject({ rule: 'default' });
    expect(gateway.statistics.queries).toBeGreaterThan(0);
  });

  test('that the policy refuses are not looked up', async () => {
    const { guest, events } = await network();
    const lookup = await resolver(guest);
    expect(await outcome(lookup('other.example.com'))).toBe('EREFUSED');
    expect(events).toContainEqual(
      expect.objectContaining({ kind: 'deny', protocol: 'dns', rule: 'default' }),
    );
  });

  test('are asked over TCP at any server too; other ports of name servers are refused', async () => {
    const { guest } = await network();
    const { serializeDnsMessage, parseDnsMessage } = await import('ringstack/dns');
    const query = serializeDnsMessage({ questions: [{ name: 'allowed.example.com', type: 'A' }] });
    const connection = await guest.connectTcp({ host: '198.51.100.53', port: 53 });
    const frame = Uint8Array.of(query.length >> 8, query.length, ...query);
    await connection.writable.getWriter().write(frame);
    const { value } = await connection.readable.getReader().read();
    const { answers } = parseDnsMessage((value as Uint8Array).subarray(2));
    expect(answers[0]).toMatchObject({ type: 'A', ip: FAR[4] });
    await connection.close();
    const tls = outcome(guest.connectTcp({ host: '198.51.100.53', port: 853 }));
    expect(await tls).toBe('EHOSTUNREACH');
  });
});
