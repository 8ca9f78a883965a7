// SPDX-License-Identifier: MIT
// dhcp_client.test - our DHCP client: leases, renewals, refusals, and what it sets up; and against our own server

import {
  createDhcp,
  type DhcpClientOptions,
  type DhcpMessage,
  type DhcpOptionsInit,
  dhcpOptions,
  requestLease,
  serializeDhcpMessage,
} from 'ringstack/dhcp';
import { connect } from 'ringstack/link';
import { expect, test, vi } from 'vitest';
import { fakeTime, HandSocket } from '../helpers/dhcp_peer.ts';
import { openStack } from '../helpers/net.ts';

const MAC = '02:00:00:00:00:07';
const LEASE = {
  serverIdentifier: '10.0.0.1',
  leaseTime: 600,
  subnetMask: '255.255.255.0',
  routers: ['10.0.0.1'],
} as const;

/** A server made by hand, and an interface that notes what it is told. */
class Bench {
  readonly socket = new HandSocket();
  readonly opened: unknown[] = [];
  readonly log: string[] = [];
  readonly iface = {
    mac: MAC,
    addresses: [],
    addAddress: (cidr: string) => void this.log.push(`+${cidr}`),
    removeAddress: (cidr: string) => void this.log.push(`-${cidr}`),
    setGateway: (ip: string | null) => void this.log.push(`gateway ${ip}`),
  };
  readonly stack = {
    openUdp: async (options: unknown) => {
      this.opened.push(options);
      return this.socket;
    },
    routes: {
      add: ({ destination, via }: { destination: string; via: string }) => {
        this.log.push(`route ${destination} via ${via}`);
        return { remove: () => void this.log.push(`no route ${destination}`) };
      },
    },
  };

  request(options: DhcpClientOptions = {}) {
    return requestLease(this.iface, { stack: this.stack, ...options });
  }

  /** The next message of the client. */
  async heard(): Promise<DhcpMessage & { host: string }> {
    for (;;) {
      const sent = this.socket.sent.shift();
      if (sent) return { ...sent.message, host: sent.host };
      await vi.advanceTimersByTimeAsync(50);
    }
  }

  say(type: 'OFFER' | 'ACK' | 'NAK', to: DhcpMessage, more: DhcpOptionsInit = {}, mac = MAC): void {
    const options = dhcpOptions({ ...LEASE, ...more });
    const yiaddr = type === 'NAK' ? '0.0.0.0' : '10.0.0.50';
    const data = serializeDhcpMessage({ op: 2, type, xid: to.xid, mac, yiaddr, options });
    this.socket.receive({ host: '10.0.0.1', port: 67, data });
  }

  /** Answers the next two messages. */
  async serve(more: DhcpOptionsInit = {}): Promise<void> {
    this.say('OFFER', await this.heard(), more);
    this.say('ACK', await this.heard(), more);
  }
}

function bench(): Bench {
  fakeTime();
  return new Bench();
}

test('a lease sets up the interface, and its release takes it back', async () => {
  const peer = bench();
  const asking = peer.request({ hostname: 'ours' });
  const discover = await peer.heard();
  expect(discover).toMatchObject({ type: 'DISCOVER', broadcast: true, host: '255.255.255.255' });
  peer.say('OFFER', discover, {}, '02:00:00:00:00:08'); // for another client
  peer.say('OFFER', { ...discover, xid: discover.xid ^ 1 }); // of another exchange
  peer.say('OFFER', discover);
  const request = await peer.heard();
  expect(request).toMatchObject({ requestedIP: '10.0.0.50', serverIdentifier: '10.0.0.1' });
  peer.say('ACK', request, { routes: [{ destination: '10.9.0.0/16', via: '10.0.0.2' }] });
  const client = await asking;
  expect(client.lease).toMatchObject({ ip: '10.0.0.50', prefix: 24, duration: 600 });
  expect(peer.opened).toEqual([{ port: 68, interface: peer.iface }]);
  await client.release();
  const release = await peer.heard();
  expect(release).toMatchObject({ type: 'RELEASE', ciaddr: '10.0.0.50', host: '10.0.0.1' });
  expect(peer.log).toEqual([
    '+10.0.0.50/24',
    'gateway null', // with routes, the option of routers does not count
    'route 10.9.0.0/16 via 10.0.0.2',
    'no route 10.9.0.0/16',
    '-10.0.0.50/24',
    'gateway null',
  ]);
  expect(peer.socket.isOpen).toBe(false);
});

test('it renews by unicast, rebinds by broadcast, and loses the address in the end', async () => {
  const peer = bench();
  const asking = peer.request();
  await peer.serve();
  const client = await asking;
  const kinds: string[] = [];
  const loop = (async () => {
    for await (const { kind } of client.events) kinds.push(kind);
  })();
  await vi.advanceTimersByTimeAsync(300_000);
  const renew = await peer.heard();
  expect(renew).toMatchObject({ type: 'REQUEST', ciaddr: '10.0.0.50', host: '10.0.0.1' });
  expect([renew.requestedIP, renew.serverIdentifier, renew.broadcast]).toEqual([
    undefined,
    undefined,
    false,
  ]);
  peer.say('ACK', renew);
  await vi.advanceTimersByTimeAsync(526_000); // no answer until the rebinding time
  peer.socket.sent.length = 0;
  const rebind = await peer.heard();
  expect(rebind).toMatchObject({ ciaddr: '10.0.0.50', host: '255.255.255.255' });
  await vi.advanceTimersByTimeAsync(80_000);
  expect(peer.log.at(-2)).toBe('-10.0.0.50/24');
  expect(client.isBound).toBe(false);
  await client.close();
  await loop;
  expect(kinds).toEqual(['renewed', 'lost']);
});

test('a refusal begins anew', async () => {
  const peer = bench();
  const asking = peer.request({ requestedIP: '10.0.0.9' });
  const discover = await peer.heard();
  expect(discover.requestedIP).toBe('10.0.0.9');
  peer.say('OFFER', discover);
  peer.say('NAK', await peer.heard());
  await peer.serve();
  const client = await asking;
  const renewing = client.renew();
  renewing.catch(() => {});
  peer.say('NAK', await peer.heard());
  await expect(renewing).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  await peer.serve();
  await vi.advanceTimersByTimeAsync(100);
  expect(client.isBound).toBe(true);
  expect(peer.log.filter((line) => line.startsWith('+'))).toHaveLength(2);
  await client.close();
  await expect(client.renew()).rejects.toMatchObject({ code: 'ESHUTDOWN' });
});

test('renew() asks at once', async () => {
  const peer = bench();
  const asking = peer.request();
  await peer.serve();
  const client = await asking;
  const renewing = client.renew();
  peer.say('ACK', await peer.heard(), { leaseTime: 1200 });
  expect((await renewing).duration).toBe(1200);
  await client.close();
});

test('an address of another host is declined', async () => {
  const peer = bench();
  const answers = [true, false];
  const asking = peer.request({ isInUse: async () => answers.shift() as boolean });
  await peer.serve();
  expect(await peer.heard()).toMatchObject({ type: 'DECLINE', requestedIP: '10.0.0.50' });
  await peer.serve();
  const client = await asking;
  expect(peer.log).toEqual(['+10.0.0.50/24', 'gateway 10.0.0.1']);
  await client.close();
});

test('no server, garbage, an abort: it rejects and closes the socket', async () => {
  const peer = bench();
  const asking = peer.request({ timeout: 5000 });
  asking.catch(() => {});
  peer.socket.receive({ host: '10.0.0.1', port: 67, data: Uint8Array.of(1, 2, 3) });
  const discover = await peer.heard();
  peer.say('OFFER', discover, { leaseTime: 0 });
  peer.say('ACK', await peer.heard(), { leaseTime: 0 });
  await vi.advanceTimersByTimeAsync(5000);
  await expect(asking).rejects.toMatchObject({ code: 'ETIMEDOUT' });
  expect(peer.socket.isOpen).toBe(false);
  const again = bench();
  const abort = new AbortController();
  const aborted = again.request({ signal: abort.signal });
  aborted.catch(() => {});
  await again.heard();
  abort.abort(new Error('enough'));
  await expect(aborted).rejects.toThrow('enough');
  expect(vi.getTimerCount()).toBe(0);
});

test('refuses what cannot work', async () => {
  const { iface, stack } = new Bench();
  const refused = (options: object) => requestLease(iface, { stack, ...options } as never);
  await expect(refused({ timeout: 0 })).rejects.toThrow(/timeout 0: must be a whole number/);
  await expect(refused({ clientId: new Uint8Array(1) })).rejects.toMatchObject({ code: 'EINVAL' });
  await expect(requestLease(iface)).rejects.toThrow(/must be a tap of a stack/);
  const fixed = { mac: MAC, addresses: [] };
  await expect(requestLease(fixed, { stack })).rejects.toMatchObject({ code: 'ENOTSUP' });
});

/** Two stacks on a link: `a` serves `leaseRange`, `tap` is b's. */
async function openLan() {
  const a = await openStack();
  const b = await openStack();
  const server = await a.createTapInterface({ ip: '10.0.0.1/24' });
  const tap = await b.createTapInterface();
  connect(server, tap);
  const { serve } = await createDhcp(a);
  return { a, b, tap, serve, leaseRange: { start: '10.0.0.100', end: '10.0.0.110' } };
}

test('against our own server, over two stacks', async () => {
  const { a, tap, serve, leaseRange } = await openLan();
  const dhcp = await serve({ leaseRange, domainName: 'lan', dnsServers: ['10.0.0.1'] });
  const client = await requestLease(tap, { hostname: 'guest', configure: false });
  expect(client.lease).toMatchObject({
    ip: '10.0.0.100',
    hostname: 'guest',
    routers: ['10.0.0.1'],
    domainName: 'lan',
  });
  expect(dhcp.leases.get(tap.mac)?.ip).toBe('10.0.0.100');
  expect(a.hosts.lookup('guest.lan')).toEqual([{ address: '10.0.0.100', family: 4 }]);
  await client.close();
  await dhcp.close();
  expect([...a.hosts.entries()]).toEqual([]);
});

test('gives the interface the lease, and takes it back', async () => {
  const { a, b, tap, serve, leaseRange } = await openLan();
  const routes = [
    { destination: '10.1.0.0/16', via: '10.0.0.2' },
    { destination: '0.0.0.0/0', via: '10.0.0.1' },
  ];
  await serve({ leaseRange, routes });
  const via = async (to: string): Promise<string | undefined> => (await b.routes.lookup(to))?.via;
  const client = await requestLease(tap);
  expect(tap.addresses).toEqual(['10.0.0.100/24']);
  expect([await via('192.0.2.1'), await via('10.1.2.3')]).toEqual(['10.0.0.1', '10.0.0.2']);
  const listener = await a.listenTcp({ port: 80 });
  const connection = await b.connectTcp({ host: '10.0.0.1', port: 80 });
  expect(connection.localAddress).toBe('10.0.0.100');
  connection.abort();
  await listener.close();
  await client.release();
  expect(tap.addresses).toEqual([]);
  expect([await via('192.0.2.1'), await via('10.1.2.3')]).toEqual([undefined, undefined]);
});
