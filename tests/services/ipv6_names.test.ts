// SPDX-License-Identifier: MIT
// ipv6_names.test - a DHCP server finds the IPv6 addresses of its clients, and believes no host about another one's

import { Hosts } from 'ringstack/dns';
import { expect, test, vi } from 'vitest';
import { type DhcpPeer, dhcpPeer, fakeTime, macOf, settle } from '../helpers/dhcp_peer.ts';

const OWN = 'fd00::1';
const EUI1 = 'fd00::ff:fe00:1';
const HOST = 'fd00::abcd';

interface Sent {
  readonly host: string;
  readonly local: string;
  readonly data: Uint8Array;
}

/** The link of an interface: the addresses of its hosts, in the table of the stack and in truth. */
class Link {
  readonly iface = {
    mac: '02:00:00:00:01:00',
    addresses: ['10.0.0.1/24', `${OWN}/64`, 'fe80::1/64'],
    mtu: 1500,
  };
  /** MACs of the table of neighbors. */
  readonly table = new Map<string, string>();
  /** Hosts that answer requests to their address, and their MAC: the table learns it. */
  readonly hosts = new Map<string, string>();
  /** Hosts that answer requests to all. */
  readonly callers = new Set<string>();
  readonly sent: Sent[] = [];
  /** Changes what an answer is. */
  change = (message: { host: string; data: Uint8Array }): typeof message | undefined => message;
  /** After the table was read. */
  onRead = async (): Promise<void> => {};
  opened = 0;
  isOpen = false;
  #incoming: { host: string; data: Uint8Array }[] = [];
  #wake = (): void => {};

  receive(message: { host: string; data: Uint8Array }): void {
    this.#incoming.push(message);
    this.#wake();
  }

  /** A host says that it has a new address. */
  announce(address: Uint8Array, flags = 0x20): void {
    const data = new Uint8Array(24);
    data.set([136, 0, 0, 0, flags]);
    data.set(address, 8);
    this.receive({ host: HOST, data });
  }

  #answer({ host, data }: Sent): void {
    const mac = this.hosts.get(host);
    if (mac !== undefined && !this.table.has(host)) this.table.set(host, mac);
    const from = host === 'ff02::1' ? [...this.callers] : mac === undefined ? [] : [host];
    for (const one of from) {
      const reply = data.slice();
      reply[0] = 129;
      const message = this.change({ host: one, data: reply });
      if (message) this.receive(message);
    }
  }

  get stack(): object {
    const link = this;
    return {
      interfaces: [this.iface],
      neighbors: {
        async *[Symbol.asyncIterator]() {
          for (const [address, mac] of link.table) yield { address, mac, interface: link.iface };
          await link.onRead();
        },
      },
      openIcmp: async () => {
        this.opened++;
        this.isOpen = true;
        return {
          writable: new WritableStream<Sent>({
            write: (message) => {
              this.sent.push(message);
              this.#answer(message);
            },
          }),
          close: async () => {
            this.isOpen = false;
            this.#wake();
          },
          async *[Symbol.asyncIterator]() {
            while (link.isOpen) {
              const message = link.#incoming.shift();
              if (message) yield message;
              else {
                await new Promise<void>((resolve) => {
                  link.#wake = resolve;
                });
              }
            }
          },
        };
      },
    };
  }
}

async function open(
  options: Parameters<typeof dhcpPeer>[0] = {},
): Promise<{ link: Link; hosts: Hosts; peer: DhcpPeer }> {
  fakeTime();
  const link = new Link();
  const hosts = new Hosts();
  const peer = await dhcpPeer({ domainName: 'lan', ...options }, { ...link.stack, hosts });
  return { link, hosts, peer };
}

/** Lets rounds pass. */
async function pass(ms: number): Promise<void> {
  for (let t = 0; t < ms; t += 100) {
    await vi.advanceTimersByTimeAsync(100);
    await settle();
  }
}

const addressesOf = (hosts: Hosts, name: string): string[] =>
  hosts.lookup(name).map(({ address }) => address);

test('a name gets the address that its MAC makes, under all its names', async () => {
  const { link, hosts, peer } = await open();
  link.hosts.set(EUI1, macOf(1));
  await peer.lease(1, { hostName: 'one' });
  expect(addressesOf(hosts, 'one')).toEqual(['10.0.0.100']);
  await pass(3_000);
  expect(addressesOf(hosts, 'one')).toEqual(['10.0.0.100', EUI1]);
  expect(addressesOf(hosts, 'one.lan')).toEqual(['10.0.0.100', EUI1]);
  expect([...peer.server.ipv6Addresses]).toEqual([[macOf(1), [EUI1]]]);
  expect(link.sent.every(({ local }) => local === OWN)).toBe(true);
  await peer.say(1, { type: 'RELEASE', ciaddr: '10.0.0.100' });
  expect(addressesOf(hosts, 'one')).toEqual([]);
  expect(peer.server.ipv6Addresses.size).toBe(0);
});

test('an address that answers the request to all hosts is found', async () => {
  const { link, hosts, peer } = await open();
  link.hosts.set(HOST, macOf(1));
  link.callers.add(HOST);
  await peer.lease(1, { hostName: 'one' });
  await pass(4_000);
  expect(addressesOf(hosts, 'one')).toEqual(['10.0.0.100', HOST]);
});

test('an address that a host says is new is found', async () => {
  const { link, hosts, peer } = await open();
  link.hosts.set(HOST, macOf(1));
  await peer.lease(1, { hostName: 'one' });
  const bytes = new Uint8Array(16);
  bytes.set([0xfd, 0, ...new Array(12).fill(0), 0xab, 0xcd]);
  link.announce(bytes, 0x60); // an answer, which is no news
  await pass(2_500);
  expect(addressesOf(hosts, 'one')).toEqual(['10.0.0.100']);
  link.announce(bytes);
  await pass(4_000);
  expect(addressesOf(hosts, 'one')).toEqual(['10.0.0.100', HOST]);
});

test('a neighbor with the MAC of a client that does not answer is not believed', async () => {
  const { link, hosts, peer } = await open();
  link.table.set(HOST, macOf(1));
  await peer.lease(1, { hostName: 'one' });
  await pass(8_000);
  expect(link.sent.some(({ host }) => host === HOST)).toBe(true);
  expect(addressesOf(hosts, 'one')).toEqual(['10.0.0.100']);
});

test('an answer with another payload, or from elsewhere, is none', async () => {
  const { link, hosts, peer } = await open();
  link.hosts.set(EUI1, macOf(1));
  link.change = ({ host, data }) => ({ host, data: data.fill(7, 8) });
  await peer.lease(1, { hostName: 'one' });
  await pass(8_000);
  link.change = ({ data }) => ({ host: HOST, data });
  await pass(8_000);
  expect(addressesOf(hosts, 'one')).toEqual(['10.0.0.100']);
  link.change = (message) => message;
  await pass(20_000);
  expect(addressesOf(hosts, 'one')).toEqual(['10.0.0.100', EUI1]);
});

test.each([
  ['before', macOf(2), macOf(1)],
  ['after', macOf(1), macOf(2)],
])(
  'an address whose neighbor has another MAC %s it answers is not believed',
  async (_, first, then) => {
    const { link, hosts, peer } = await open();
    link.table.set(HOST, first);
    link.hosts.set(HOST, macOf(2));
    let answers = 0;
    link.change = (message) => {
      if (message.host === HOST) answers++;
      link.table.set(HOST, then);
      return message;
    };
    link.onRead = async () => void link.table.set(HOST, first);
    await peer.lease(1, { hostName: 'one' });
    link.callers.add(HOST);
    await pass(8_000);
    expect(answers).toBeGreaterThan(0);
    expect(addressesOf(hosts, 'one')).toEqual(['10.0.0.100']);
  },
);

test('an answer that comes too late to be a proof counts neither way', async () => {
  const { link, hosts, peer } = await open();
  link.hosts.set(EUI1, macOf(1));
  link.onRead = () => new Promise((resolve) => setTimeout(resolve, 500));
  await peer.lease(1, { hostName: 'one' });
  await pass(10_000);
  expect(link.sent.filter(({ host }) => host === EUI1).length).toBeGreaterThan(1);
  expect(addressesOf(hosts, 'one')).toEqual(['10.0.0.100']);
  link.onRead = async () => {};
  await pass(3_000);
  expect(addressesOf(hosts, 'one')).toEqual(['10.0.0.100', EUI1]);
});

test('an address that the MAC of a client makes is for no other client', async () => {
  const { link, hosts, peer } = await open();
  link.hosts.set(EUI1, macOf(2));
  link.table.set(EUI1, macOf(2));
  await peer.lease(2, { hostName: 'two' });
  await pass(8_000);
  expect(addressesOf(hosts, 'two')).toEqual(['10.0.0.100']);
});

test('an address stays with the client that proved it first, as long as it answers', async () => {
  const { link, hosts, peer } = await open();
  link.hosts.set(HOST, macOf(1));
  link.table.set(HOST, macOf(1));
  await peer.lease(1, { hostName: 'one' });
  await pass(8_000);
  expect(addressesOf(hosts, 'one')).toEqual(['10.0.0.100', HOST]);
  // Another client has become the neighbor with it; the first one is not due.
  link.table.set(HOST, macOf(2));
  await peer.lease(2, { hostName: 'two' });
  await pass(2_700);
  expect(link.sent.filter(({ host }) => host === HOST).length).toBeGreaterThan(1);
  expect(addressesOf(hosts, 'two')).toEqual(['10.0.0.101']);
  await pass(60_000);
  expect(addressesOf(hosts, 'one')).toEqual(['10.0.0.100']);
  expect(addressesOf(hosts, 'two')).toEqual(['10.0.0.101', HOST]);
});

test('an address that does not answer three times is removed', async () => {
  const { link, hosts, peer } = await open();
  link.hosts.set(EUI1, macOf(1));
  await peer.lease(1, { hostName: 'one' });
  await pass(3_000);
  expect(addressesOf(hosts, 'one')).toHaveLength(2);
  link.hosts.delete(EUI1);
  link.table.delete(EUI1);
  await pass(40_000);
  expect(addressesOf(hosts, 'one')).toEqual(['10.0.0.100']);
  expect(peer.server.ipv6Addresses.size).toBe(0);
});

test('a client with another address of DHCP keeps those of IPv6', async () => {
  const { link, hosts, peer } = await open();
  link.hosts.set(EUI1, macOf(1));
  await peer.lease(1, { hostName: 'one' });
  await pass(3_000);
  const requestedIP = '10.0.0.103';
  await peer.say(1, { type: 'REQUEST', values: { requestedIP, hostName: 'one' } });
  expect(addressesOf(hosts, 'one')).toEqual([requestedIP, EUI1]);
});

test('only addresses of our networks count, and four of a client', async () => {
  const { link, hosts, peer } = await open();
  for (let n = 1; n <= 9; n++) {
    link.hosts.set(`fd00::${n}0`, macOf(1));
    link.table.set(`fd00::${n}0`, macOf(1));
  }
  for (const address of ['2001:db8::5', 'fe80::5']) {
    link.hosts.set(address, macOf(1));
    link.table.set(address, macOf(1));
    link.callers.add(address);
  }
  await peer.lease(1, { hostName: 'one' });
  await pass(30_000);
  expect(addressesOf(hosts, 'one').slice(1)).toEqual([
    'fd00::10',
    'fd00::20',
    'fd00::30',
    'fd00::40',
  ]);
});

test('what is sent for clients without IPv6 is bounded, and becomes rare', async () => {
  const leaseRange = { start: '10.0.0.2', end: '10.0.0.250' };
  const { link, peer } = await open({ leaseRange });
  for (let n = 1; n <= 100; n++) await peer.lease(n, { hostName: `vm${n}` });
  await pass(1_100);
  expect(link.sent.length).toBeLessThanOrEqual(33);
  await pass(600_000);
  const before = link.sent.length;
  await pass(60_000);
  // A quarter of the clients or so is looked for in a minute, by their own address and the group.
  expect(link.sent.length - before).toBeLessThan(100);
}, 60_000);

test('addresses that hosts make up cost little', async () => {
  const { link, peer } = await open();
  await peer.lease(1, { hostName: 'one' });
  await settle();
  for (let n = 0; n < 5_000; n++) {
    const bytes = new Uint8Array(16);
    bytes.set([0xfd, 0, ...new Array(12).fill(0), n >> 8, n & 255]);
    link.announce(bytes);
  }
  await pass(2_500);
  expect(link.sent.length).toBeLessThan(50);
});

test('without a name, a network of IPv6, or with ipv6Names false nothing is asked', async () => {
  const { link, peer } = await open();
  await peer.lease(1);
  await pass(3_000);
  const off = await open({ ipv6Names: false });
  await off.peer.lease(1, { hostName: 'one' });
  const four = await open();
  four.link.iface.addresses.splice(1);
  await four.peer.lease(1, { hostName: 'one' });
  await pass(5_000);
  expect([link.opened, off.link.opened, four.link.opened]).toEqual([0, 0, 0]);
});

test('close() closes the socket, in the middle of a round too', async () => {
  const { link, hosts, peer } = await open();
  await peer.lease(1, { hostName: 'one' });
  await pass(1_200);
  expect(link.isOpen).toBe(true);
  await peer.server.close();
  expect(link.isOpen).toBe(false);
  expect(hosts.size).toBe(0);
  const { length } = link.sent;
  await pass(5_000);
  expect(link.sent.length).toBe(length);
});
