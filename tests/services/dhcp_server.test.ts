// SPDX-License-Identifier: MIT
// dhcp_server.test - answers of a DHCP server: addresses, destinations and options

import {
  createDhcp,
  type DhcpEvent,
  type DhcpLease,
  DhcpServer,
  readDhcpOption,
} from 'ringstack/dhcp';
import { Hosts } from 'ringstack/dns';
import { describe, expect, test, vi } from 'vitest';
import { BASE, dhcpPeer, fakeTime, IFACE, macOf, settle } from '../helpers/dhcp_peer.ts';

const OTHER = '10.0.0.9';
const OURS = '10.0.0.1';

describe('addresses', () => {
  test('each client gets one of its own, the same one again, and renews it', async () => {
    const peer = await dhcpPeer();
    expect(await peer.lease(1)).toBe('10.0.0.100');
    expect(await peer.lease(2)).toBe('10.0.0.101');
    expect(await peer.lease(1)).toBe('10.0.0.100');
    const renewed = await peer.say(2, { type: 'REQUEST', ciaddr: '10.0.0.101' });
    expect(renewed?.message).toMatchObject({ type: 'ACK', yiaddr: '10.0.0.101' });
    expect(peer.server.leases.get(macOf(2))?.ip).toBe('10.0.0.101');
    expect(peer.opened).toEqual([{ port: 67 }]);
  });

  test('an address that is asked for, and a reservation', async () => {
    const peer = await dhcpPeer({ reservations: { '02-00-00-00-00-05': '10.0.0.50' } });
    expect(await peer.lease(1, { requestedIP: '10.0.0.102' })).toBe('10.0.0.102');
    expect(await peer.lease(5)).toBe('10.0.0.50');
    const stolen = await peer.say(6, { type: 'REQUEST', values: { requestedIP: '10.0.0.50' } });
    expect(stolen?.message.type).toBe('NAK');
  });

  test('a full range: no offer, and one again after a release', async () => {
    const peer = await dhcpPeer();
    for (let n = 1; n <= 4; n++) expect(await peer.lease(n)).toBe(`10.0.0.${99 + n}`);
    expect(await peer.say(5, { type: 'DISCOVER' })).toBeUndefined();
    expect(peer.server.statistics.exhausted).toBe(1);
    await peer.say(2, { type: 'RELEASE', ciaddr: '10.0.0.101' });
    expect(await peer.lease(5)).toBe('10.0.0.101');
  });

  test('the server, the router, network and broadcast are never given away', async () => {
    const peer = await dhcpPeer({
      leaseRange: { start: '10.0.0.0', end: '10.0.0.3' },
      router: '10.0.0.2',
    });
    expect(await peer.lease(1)).toBe('10.0.0.3');
    expect(await peer.lease(2)).toBeUndefined();
  });

  test('a lease ends with its time, and its client gets the address back', async () => {
    fakeTime();
    const peer = await dhcpPeer({ leaseDuration: 60 });
    await peer.lease(1);
    await peer.lease(2);
    await vi.advanceTimersByTimeAsync(70_000);
    expect(peer.server.leases.size).toBe(0);
    expect(await peer.lease(2)).toBe('10.0.0.101');
  });

  test('a released address is used again as late as possible', async () => {
    const peer = await dhcpPeer();
    await peer.lease(1);
    await peer.server.release(macOf(1));
    expect(await peer.lease(2)).toBe('10.0.0.101');
    expect(await peer.lease(1)).toBe('10.0.0.100');
  });

  test('identifiers instead of MACs, if that is asked for', async () => {
    const peer = await dhcpPeer({ clientId: true });
    const id = (byte: number) => ({ clientIdentifier: Uint8Array.of(255, byte) });
    expect(await peer.lease(1, id(1))).toBe('10.0.0.100');
    expect(await peer.lease(1, id(2))).toBe('10.0.0.101');
    expect(await peer.lease(2, id(1))).toBe('10.0.0.100');
    expect([...peer.server.leases.keys()]).toEqual(['ff01', 'ff02']);
  });

  test('a function decides', async () => {
    const peer = await dhcpPeer({
      decide: ({ mac }) => {
        if (mac === macOf(1)) return 'ignore';
        if (mac === macOf(2))
          return { ip: '10.0.0.200', leaseDuration: 120, options: { mtu: 1400 } };
        return undefined;
      },
    });
    expect(await peer.lease(1)).toBeUndefined();
    expect(await peer.lease(2)).toBe('10.0.0.200');
    expect(readDhcpOption(peer.socket.sent.at(-1)?.message.options ?? new Map(), 'mtu')).toBe(1400);
    expect(await peer.lease(3)).toBe('10.0.0.102');
    const again = await peer.say(2, { type: 'REQUEST', ciaddr: '10.0.0.200' });
    expect(again?.message.type).toBe('ACK');
  });

  test('a function that fails is an event, and the client gets no answer', async () => {
    const peer = await dhcpPeer({ decide: () => Promise.reject(new Error('broken')) });
    const seen = peer.server.events[Symbol.asyncIterator]();
    expect(await peer.lease(1)).toBeUndefined();
    expect((await seen.next()).value).toMatchObject({ kind: 'error', mac: macOf(1) });
    expect(peer.server.statistics.failed).toBe(1);
  });
});

describe('messages', () => {
  test('a request for another server takes our offer back', async () => {
    const peer = await dhcpPeer({ leaseRange: { start: '10.0.0.100', end: '10.0.0.100' } });
    await peer.say(1, { type: 'DISCOVER' });
    const values = { requestedIP: '10.0.0.100', serverIdentifier: OTHER };
    expect(await peer.say(1, { type: 'REQUEST', values })).toBeUndefined();
    expect(await peer.lease(2)).toBe('10.0.0.100');
    expect(peer.server.statistics.droppedOther).toBe(1);
  });

  test('NAK is broadcast, and a server that is not authoritative does not refuse strangers', async () => {
    const wrong = { type: 'REQUEST', values: { requestedIP: '10.0.0.200' } } as const;
    const peer = await dhcpPeer();
    const nak = await peer.say(1, { ...wrong, iface: IFACE });
    expect(nak).toMatchObject({ host: '255.255.255.255', message: { type: 'NAK' } });
    expect(nak?.message.options.has(51)).toBe(false);
    const shy = await dhcpPeer({ authoritative: false });
    expect(await shy.say(1, wrong)).toBeUndefined();
    const elsewhere = { requestedIP: '192.168.7.7' };
    expect((await shy.say(1, { type: 'REQUEST', values: elsewhere }))?.message.type).toBe('NAK');
  });

  test('only the client of a lease can release or decline it', async () => {
    const peer = await dhcpPeer();
    await peer.lease(1);
    await peer.say(2, { type: 'RELEASE', ciaddr: '10.0.0.100' });
    const values = { requestedIP: '10.0.0.100', serverIdentifier: OURS };
    await peer.say(2, { type: 'DECLINE', values });
    expect(peer.server.leases.size).toBe(1);
    await peer.say(1, { type: 'RELEASE', ciaddr: '10.0.0.99' });
    expect(peer.server.leases.size).toBe(1);
    await peer.say(1, { type: 'DECLINE', values });
    expect(peer.server.leases.size).toBe(0);
    expect(await peer.lease(1)).toBe('10.0.0.101');
  });

  test('INFORM gets options and no lease', async () => {
    const peer = await dhcpPeer({ dnsServers: ['10.0.0.53'] });
    const ack = await peer.say(1, { type: 'INFORM', ciaddr: '10.0.0.7' });
    expect(ack).toMatchObject({ host: '10.0.0.7', message: { type: 'ACK', yiaddr: '0.0.0.0' } });
    expect(ack?.message.options.has(51)).toBe(false);
    expect(readDhcpOption(ack?.message.options ?? new Map(), 'dnsServers')).toEqual(['10.0.0.53']);
    expect(peer.server.leases.size).toBe(0);
    expect(await peer.say(1, { type: 'INFORM', ciaddr: '10.9.0.7' })).toBeUndefined();
  });

  test('answers go to the MAC, to all, to the address, or to the relay', async () => {
    const peer = await dhcpPeer();
    const to = async (said: Parameters<typeof peer.say>[1]) => {
      const { host, port, linkAddress } = (await peer.say(1, said)) ?? {};
      return { host, port, linkAddress };
    };
    const type = 'DISCOVER';
    const ip = '10.0.0.100';
    const mac = macOf(1);
    expect(await to({ type, iface: IFACE })).toEqual({ host: ip, port: 68, linkAddress: mac });
    const all = { host: '255.255.255.255', port: 68 };
    expect(await to({ type, iface: IFACE, broadcast: true })).toEqual(all);
    expect(await to({ type })).toEqual(all);
    expect(await to({ type: 'REQUEST', ciaddr: ip })).toEqual({ host: ip, port: 68 });
    const relay = { type, giaddr: '10.0.0.2' } as const;
    expect(await to(relay)).toEqual({ host: '10.0.0.2', port: 67 });
    const relayAgent = Uint8Array.of(1, 2, 7, 7);
    const answer = await peer.say(1, { ...relay, values: { relayAgent } });
    expect(answer?.message.options.get(82)).toEqual(relayAgent);
    expect(await peer.say(1, { type, giaddr: '10.9.0.2' })).toBeUndefined();
  });

  test('clients behind a relay alone: the server is not in their network, their router is', async () => {
    const network = { leaseRange: { start: '10.9.0.100', end: '10.9.0.103' }, router: '10.9.0.1' };
    const peer = await dhcpPeer(network);
    const giaddr = '10.9.0.1';
    const offer = await peer.say(1, { type: 'DISCOVER', giaddr, iface: IFACE });
    expect(offer).toMatchObject({ host: giaddr, port: 67, message: { yiaddr: '10.9.0.100' } });
    expect(await peer.say(1, { type: 'DISCOVER', iface: IFACE })).toBeUndefined();
    const values = { requestedIP: '10.9.0.100', serverIdentifier: OURS };
    await peer.say(1, { type: 'REQUEST', giaddr, iface: IFACE, values });
    expect(peer.server.leases.get(macOf(1))?.ip).toBe('10.9.0.100');
    // Its packets pass the relay, which is its router.
    const renewal = { type: 'REQUEST', ciaddr: '10.9.0.100', iface: IFACE } as const;
    expect(await peer.say(1, renewal)).toMatchObject({ host: '10.9.0.100', port: 68 });
    await peer.say(1, { type: 'RELEASE', ciaddr: '10.9.0.100', iface: IFACE });
    expect(peer.server.leases.size).toBe(0);
    expect(peer.server.statistics.droppedOther).toBe(1);
    await expect(dhcpPeer({ ...network, router: OURS })).rejects.toMatchObject({ code: 'EINVAL' });
  });

  test('messages of interfaces on another network are not answered', async () => {
    const peer = await dhcpPeer();
    const iface = { ...IFACE, addresses: ['192.168.1.1/24'] };
    expect(await peer.say(1, { type: 'DISCOVER', iface })).toBeUndefined();
    expect(peer.server.statistics.droppedOther).toBe(1);
  });

  test('an address that a probe finds in use is not offered', async () => {
    const asked: string[] = [];
    const peer = await dhcpPeer({
      probe: async (ip) => {
        asked.push(ip);
        return ip !== '10.0.0.102';
      },
    });
    const offer = await peer.say(1, { type: 'DISCOVER' });
    expect(offer?.message.yiaddr).toBe('10.0.0.102');
    expect(asked).toEqual(['10.0.0.100', '10.0.0.101', '10.0.0.102']);
  });
});

describe('options', () => {
  test('all of them, those that are asked for first', async () => {
    const peer = await dhcpPeer({
      domainName: 'lan',
      searchDomains: ['eng.lan', 'lan'],
      dnsServers: ['10.0.0.1'],
      ntpServers: ['10.0.0.2'],
      mtu: 1400,
      routes: [{ destination: '10.1.0.0/16', via: '10.0.0.3' }],
      captivePortal: 'https://portal.lan/api',
      nextServer: '10.0.0.4',
      bootFile: ({ architecture }) => (architecture === 7 ? 'x.efi' : 'x.kpxe'),
      options: { 224: 'site', tftpServers: ['10.0.0.4'] },
    });
    const parameterRequestList = Uint8Array.of(119, 26);
    const offer = await peer.say(1, {
      type: 'DISCOVER',
      values: { parameterRequestList, clientArchitecture: 7, maxMessageSize: 1500 },
    });
    const { options, file, siaddr } = offer?.message ?? {};
    const read = (name: Parameters<typeof readDhcpOption>[1]) =>
      readDhcpOption(options ?? new Map(), name);
    expect({ file, siaddr }).toEqual({ file: 'x.efi', siaddr: '10.0.0.4' });
    expect(read('searchDomains')).toEqual(['eng.lan', 'lan']);
    expect(read('mtu')).toBe(1400);
    expect(read('ntpServers')).toEqual(['10.0.0.2']);
    expect(read('captivePortal')).toBe('https://portal.lan/api');
    expect(read('bootFile')).toBe('x.efi');
    expect(read('tftpServerName')).toBe('10.0.0.4');
    expect(read('renewalTime')).toBe(43_200);
    expect(read('rebindingTime')).toBe(75_600);
    expect(read('routes')).toEqual([
      { destination: '10.1.0.0/16', via: '10.0.0.3' },
      { destination: '0.0.0.0/0', via: '10.0.0.1' },
    ]);
    const order = [...(options?.keys() ?? [])];
    expect(order.indexOf(119)).toBeLessThan(order.indexOf(15));
    expect(order.indexOf(26)).toBeLessThan(order.indexOf(15));
  });

  test('defaults come from the interface whose network holds the range', async () => {
    const iface = { mac: macOf(9), addresses: ['fd00::1/64', '10.0.0.1/16'], mtu: 1400 };
    const interfaces = [{ addresses: ['127.0.0.1/8'] }, iface];
    const peer = await dhcpPeer({ serverIdentifier: undefined, netmask: undefined } as never, {
      interfaces,
    });
    const offer = await peer.say(1, { type: 'DISCOVER' });
    const read = (name: Parameters<typeof readDhcpOption>[1]) =>
      readDhcpOption(offer?.message.options ?? new Map(), name);
    expect(read('subnetMask')).toBe('255.255.0.0');
    expect(read('serverIdentifier')).toBe(OURS);
    expect(read('routers')).toEqual([OURS]);
    expect(read('mtu')).toBe(1400);
  });

  test.each([
    [{ leaseRange: { start: '10.0.0.9', end: '10.0.0.1' } }, /the start must not be behind/],
    [{ leaseRange: { start: 'x', end: '10.0.0.1' } }, /must be IPv4 addresses/],
    [{ leaseRange: { start: '10.0.0.9', end: '10.0.9.1' } }, /one network of 255\.255\.255\.0/],
    [{ leaseDuration: 1 }, /leaseDuration 1: must be a whole number from 60 to 4294967295 s/],
    [{ router: 'fd00::1' }, /router 'fd00::1': must be an IPv4 address/],
    [{ dnsServers: ['x'] }, /'x' as the DHCP option 'dnsServers': must be an IPv4 address/],
    [{ searchDomains: ['a b'] }, /option 'searchDomains'/],
    [{ options: { leaseTime: 1 } }, /option 51: the server sets it itself/],
    [{ options: { nothing: 1 } }, /option 'nothing'/],
    [{ reservations: { [macOf(1)]: '10.9.0.1' } }, /must be an IPv4 address of the network/],
    [{ probe: true }, /the transport cannot ping/],
    [{ prot: 1 }, /option 'prot'/],
  ])('refuses %j', (wrong, message) => {
    const stack = { openUdp: () => Promise.reject(new Error('not opened')) };
    expect(() => new DhcpServer(stack, { ...BASE, ...wrong } as never)).toThrow(message);
  });

  test('refuses a transport that is none, and a range without an interface', async () => {
    await expect(createDhcp({} as never)).rejects.toMatchObject({ code: 'EINVAL' });
    const { serve } = await createDhcp({ openUdp: () => Promise.reject(new Error('never')) });
    const { leaseRange } = BASE;
    await expect(serve({ leaseRange })).rejects.toThrow(/no interface has an address/);
  });
});

describe('leases', () => {
  test('names are made harmless, belong to the first client, and come into hosts', async () => {
    const hosts = new Hosts({ gateway: OURS });
    const peer = await dhcpPeer({ domainName: 'lan' }, { hosts });
    await peer.lease(1, { hostName: 'My Printer.evil.example' });
    expect(peer.server.leases.get(macOf(1))?.hostname).toBe('my-printer');
    expect(hosts.lookup('my-printer.lan')).toMatchObject([{ address: '10.0.0.100' }]);
    await peer.lease(2, { hostName: 'MY_PRINTER' });
    expect(hosts.lookup('my-printer')).toMatchObject([{ address: '10.0.0.100' }]);
    for (const hostName of ['gateway', 'localhost', 'wpad', '10', '...']) {
      await peer.lease(3, { hostName });
    }
    expect(hosts.lookup('gateway')).toMatchObject([{ address: OURS }]);
    expect(hosts.size).toBe(3); // gateway, and both of the printer
    await peer.say(1, { type: 'RELEASE', ciaddr: '10.0.0.100' });
    expect(hosts.lookup('my-printer')).toEqual([]);
    await peer.server.close();
    expect(hosts.size).toBe(1);
  });

  test('the store has them before they are acknowledged, and gives them back', async () => {
    let saved: DhcpLease[] = [];
    let open = (): void => {};
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    const store = {
      load: () => [{ ip: '10.0.0.103', mac: macOf(9), expiresAt: Date.now() + 60_000 }],
      save: async (leases: DhcpLease[]) => {
        await gate;
        saved = leases;
      },
    };
    const peer = await dhcpPeer({ store });
    expect(peer.server.leases.get(macOf(9))?.ip).toBe('10.0.0.103');
    expect(await peer.lease(1)).toBeUndefined();
    expect(await peer.lease(2)).toBeUndefined();
    open();
    await settle();
    expect(peer.socket.sent.filter(({ message }) => message.type === 'ACK')).toHaveLength(2);
    expect(saved).toHaveLength(3);
  });

  test('events tell what happens; a loop ends with the server', async () => {
    const peer = await dhcpPeer();
    const seen: DhcpEvent[] = [];
    const loop = (async () => {
      for await (const event of peer.server.events) seen.push(event);
    })();
    await peer.lease(1);
    await peer.say(1, { type: 'REQUEST', ciaddr: '10.0.0.100' });
    await peer.say(1, { type: 'RELEASE', ciaddr: '10.0.0.100' });
    await peer.server.close();
    await loop;
    expect(seen.map(({ kind }) => kind)).toEqual(['offer', 'lease', 'renew', 'release']);
    expect(seen[1]?.lease).toMatchObject({ ip: '10.0.0.100', mac: macOf(1) });
    await peer.server.closed;
    expect(peer.socket.isOpen).toBe(false);
    await expect(peer.server.listen()).rejects.toMatchObject({ code: 'EBADF' });
  });
});
