// SPDX-License-Identifier: MIT
// vm_network.test - the network of web/vm/ without a browser: cables, the flow table, the way out

import { createHash } from 'node:crypto';
import { createStack } from 'ringstack';
import { createDns } from 'ringstack/dns';
import { connect } from 'ringstack/link';
import { createNetwork } from 'ringstack/network';
import { describe, expect, onTestFinished, test } from 'vitest';
import { buildEthernet, ETHER_TYPE } from '../../js/codec/ethernet.ts';
import { buildIcmpEcho } from '../../js/codec/icmp.ts';
import { buildIpv4, IP_PROTOCOL } from '../../js/codec/ip.ts';
import { buildTcp, TCP_FLAG } from '../../js/codec/tcp.ts';
import { buildUdp } from '../../js/codec/udp.ts';
import { cableEnd } from '../../web/vm/cable.ts';
import { FlowTable } from '../../web/vm/flow_table.ts';
import type { Refusal, WayKind } from '../../web/vm/messages.ts';
import { Outside, RANGE } from '../../web/vm/outside.ts';
import { openStack } from '../helpers/net.ts';
import { Prng } from '../helpers/prng.ts';

const [ALPHA, BETA, PAGE] = ['10.0.0.2', '10.0.0.3', '10.0.0.1'];

describe('a cable between two workers', () => {
  test('carries every byte, at a small MTU and at a large one', async () => {
    for (const mtu of [576, 65_520]) {
      const { port1, port2 } = new MessageChannel();
      const [here, there] = [await createStack(), await createStack()];
      const links = [
        connect(await here.createTapInterface({ ip: `${ALPHA}/24`, mtu }), cableEnd(port1, mtu)),
        connect(await there.createTapInterface({ ip: `${BETA}/24`, mtu }), cableEnd(port2, mtu)),
      ];
      const listener = await there.listenTcp({ port: 80 });
      const client = await here.connectTcp({ host: BETA, port: 80 });
      const server = await listener.accept();
      const data = new Prng(7).bytes(3_000_000);
      const sending = new Blob([data.slice()]).stream().pipeTo(client.writable);
      const hash = createHash('sha256');
      for await (const chunk of server) hash.update(chunk);
      await sending;
      expect(hash.digest('hex')).toBe(createHash('sha256').update(data).digest('hex'));
      for (const link of links) await link.close();
      await here.close();
      await there.close();
      port1.close();
    }
  });

  test('holds the sender off while the other end takes nothing, and goes on in order', async () => {
    const { port1, port2 } = new MessageChannel();
    const [near, far] = [cableEnd(port1, 1500), cableEnd(port2, 1500)];
    const writer = near.writable.getWriter();
    let sent = 0;
    const frame = (n: number): Uint8Array => new Uint8Array(1000).fill(n & 255);
    const sending = (async () => {
      for (; sent < 5000; sent++) await writer.write(frame(sent));
    })();
    const reader = far.readable.getReader();
    for (let n = 0; n < 10; n++) expect((await reader.read()).value?.[0]).toBe(n);
    // 5 MB would be too much to be on the way.
    await new Promise((done) => setTimeout(done, 50));
    expect(sent).toBeLessThan(3000);
    for (let n = 10; n < 5000; n++) expect((await reader.read()).value?.[0]).toBe(n & 255);
    await sending;
    expect(far.statistics.rxDropped).toBe(0);
    await near.close();
    await far.close();
  });
});

describe('the flow table', () => {
  const names: Readonly<Record<string, string>> = {
    [ALPHA]: 'alpha',
    [BETA]: 'beta',
    [PAGE]: 'page',
  };
  const nameOf = (address: string): string => names[address] ?? address;
  const frame = (source: string, destination: string, protocol: number, payload: Uint8Array) =>
    buildEthernet({
      destination: '02:00:00:00:00:02',
      source: '02:00:00:00:00:01',
      type: ETHER_TYPE.ipv4,
      payload: buildIpv4({ source, destination, protocol, payload }),
    });
  const tcp = (from: string, to: string, flags: number, size = 0) => {
    const [source, sourcePort = 0] = from.split(':');
    const [destination, destinationPort = 0] = to.split(':');
    const ends = { source: source as string, destination: destination as string };
    const ports = {
      ...{ sourcePort: Number(sourcePort), destinationPort: Number(destinationPort) },
      sequence: 1,
    };
    const segment = buildTcp({ ...ends, ...ports, flags, payload: new Uint8Array(size) });
    return frame(ends.source, ends.destination, IP_PROTOCOL.tcp, segment);
  };
  const { syn, ack, fin, rst } = TCP_FLAG;
  const [CLIENT, SERVER] = [`${ALPHA}:40000`, `${BETA}:80`];

  test('follows a connection from its SYN to its end, with the bytes of each side', () => {
    const table = new FlowTable();
    const states: string[] = [];
    const see = (bytes: Uint8Array, now: number): void => {
      table.see(bytes, now);
      states.push(table.list(now, nameOf)[0]?.state ?? 'none');
    };
    see(tcp(CLIENT, SERVER, syn), 0);
    see(tcp(SERVER, CLIENT, syn | ack), 10);
    see(tcp(CLIENT, SERVER, ack, 100), 20);
    see(tcp(SERVER, CLIENT, ack, 900), 30);
    see(tcp(SERVER, CLIENT, fin | ack, 50), 40);
    see(tcp(CLIENT, SERVER, fin | ack), 50);
    expect(states).toEqual(['opening', 'open', 'open', 'open', 'closing', 'closed']);
    expect(table.list(1050, nameOf)).toEqual([
      {
        ...{ id: 1, protocol: 'HTTP', source: 'alpha', destination: 'beta', state: 'closed' },
        ...{ isBad: false, bytesOut: 100, bytesIn: 950, age: 1050, idle: 1000 },
      },
    ]);
  });

  test('says of a connection that is reset whether it was open before', () => {
    const table = new FlowTable();
    table.see(tcp(CLIENT, SERVER, syn), 0);
    table.see(tcp(SERVER, CLIENT, rst | ack), 1);
    expect(table.list(1, nameOf)[0]).toMatchObject({ state: 'refused', isBad: true });
    // The same port again is another flow.
    table.see(tcp(CLIENT, SERVER, syn), 2);
    table.see(tcp(SERVER, CLIENT, syn | ack), 3);
    table.see(tcp(CLIENT, SERVER, rst), 4);
    const [flow, ...more] = table.list(4, nameOf);
    expect([flow?.id, flow?.state, more.length]).toEqual([2, 'reset', 0]);
  });

  test('marks a connection that the way out refuses', () => {
    const table = new FlowTable();
    table.see(tcp(CLIENT, '198.18.0.1:8080', syn), 0);
    const ends = {
      source: { address: ALPHA, port: 40_000 },
      destination: { address: '198.18.0.1', port: 8080 },
    };
    table.refuse(ends, 'blocked');
    expect(table.list(0, nameOf)[0]).toMatchObject({
      destination: '198.18.0.1:8080',
      state: 'blocked',
    });
  });

  test('knows questions by datagram, and pings, by their service', () => {
    const table = new FlowTable();
    const [source, destination] = [ALPHA, PAGE];
    const ports = { sourcePort: 5000, destinationPort: 53 };
    const query = buildUdp({ source, destination, ...ports, payload: new Uint8Array(30) });
    table.see(frame(source, destination, IP_PROTOCOL.udp, query), 0);
    const echo = { version: 4, identifier: 7, sequence: 1, data: new Uint8Array(56) } as const;
    for (const isReply of [false, true]) {
      const [source = '', destination = ''] = isReply ? [BETA, ALPHA] : [ALPHA, BETA];
      const message = buildIcmpEcho({ ...echo, source, destination, isReply });
      table.see(frame(source, destination, IP_PROTOCOL.icmp, message), isReply ? 2 : 1);
    }
    const flows = table.list(2, nameOf);
    expect(
      flows.map(({ protocol, source, destination, bytesOut, bytesIn }) => [
        protocol,
        source,
        destination,
        bytesOut,
        bytesIn,
      ]),
    ).toEqual([
      ['Ping', 'alpha', 'beta', 56, 56],
      ['DNS', 'alpha', 'page', 30, 0],
    ]);
  });

  test('forgets what is over or idle, and the oldest of too many; a scan does not fill it', () => {
    const table = new FlowTable();
    table.see(tcp(CLIENT, SERVER, syn), 0);
    table.see(tcp(SERVER, CLIENT, rst), 1);
    expect(table.list(60_000, nameOf)).toHaveLength(1);
    expect(table.list(60_002, nameOf)).toHaveLength(0);
    for (let port = 1; port <= 2000; port++) table.see(tcp(CLIENT, `${BETA}:${port}`, syn), port);
    const listed = table.list(2000, nameOf);
    expect(listed.length).toBeLessThanOrEqual(40);
    expect(listed[0]?.destination).toBe('beta:2000');
    expect(table.list(302_001, nameOf)).toHaveLength(0);
  });

  test('leaves out groups, fragments behind the first, and garbage', () => {
    const table = new FlowTable();
    const payload = buildUdp({
      ...{ source: ALPHA, destination: '224.0.0.251', sourcePort: 5353, destinationPort: 5353 },
      payload: new Uint8Array(4),
    });
    table.see(frame(ALPHA, '224.0.0.251', IP_PROTOCOL.udp, payload), 0);
    const fragment = tcp(CLIENT, SERVER, syn);
    fragment[14 + 7] = 8;
    table.see(fragment, 0);
    const prng = new Prng(3);
    for (let n = 0; n < 2000; n++) {
      const bytes = prng.bytes(n % 80);
      if (n % 2 === 0)
        bytes.subarray(12).set([8, 0, 0x45].slice(0, Math.max(0, bytes.length - 12)));
      table.see(bytes, 0);
    }
    expect(table.list(0, nameOf).filter(({ source }) => source === 'alpha')).toEqual([]);
  });
});

describe('the way out', () => {
  /** A guest behind a network as the page makes it; the far side is another stack. */
  async function open() {
    const refusals: Refusal[] = [];
    const outside = new Outside(
      (address) => address,
      (refusal) => refusals.push(refusal),
    );
    const net = await createNetwork({
      tcp: (flow) => outside.connect(flow),
      icmp: 'drop',
      policy: { override: [RANGE] },
      dns: { request: (request) => outside.resolve(request) },
    });
    onTestFinished(() => net.close());
    const guest = await openStack();
    const card = await guest.createTapInterface({ ip: '10.0.0.9/24', gateway: net.address });
    net.plug(card);
    const { lookup } = await createDns(guest, {
      client: { nameServer: { ip: net.address }, cache: false },
    });
    const set = (kind: WayKind, allowed: string[], url = 'wss://wisp.invalid/'): void =>
      outside.set({ kind, url, allowed });
    return { outside, refusals, guest, lookup, set };
  }

  test('is closed at first: no name is looked up, no address reached, and that is told', async () => {
    const { guest, lookup, refusals } = await open();
    await expect(lookup('example.com')).rejects.toThrow();
    await expect(guest.connectTcp({ host: '9.9.9.9', port: 80 })).rejects.toThrow();
    expect(refusals.map(({ host, canAllow }) => [host, canAllow])).toEqual(
      expect.arrayContaining([
        ['example.com', true],
        ['9.9.9.9:80', true],
      ]),
    );
    expect(refusals.every(({ reason }) => reason === 'there is no way out')).toBe(true);
  });

  test('gives a name that is allowed an address of its own, always the same one', async () => {
    const { outside, lookup, set } = await open();
    set('wisp', ['example.com', '*.debian.org:80']);
    expect(await lookup('example.com')).toBe('198.18.0.1');
    expect(await lookup('deb.debian.org')).toBe('198.18.0.2');
    expect(await lookup('example.com')).toBe('198.18.0.1');
    expect(outside.nameOf('198.18.0.2')).toBe('deb.debian.org');
    await expect(lookup('www.example.com')).rejects.toThrow();
    set('wisp', ['deb.debian.org']);
    await expect(lookup('example.com')).rejects.toThrow();
  });

  test('refuses an address of a private network even if it is on the list', async () => {
    const { guest, set } = await open();
    set('wisp', ['192.168.7.0/24', '127.0.0.1']);
    await expect(guest.connectTcp({ host: '192.168.7.1', port: 80 })).rejects.toThrow();
  });

  test('refuses a port that is not on the list', async () => {
    const { guest, lookup, set, refusals } = await open();
    set('wisp', ['example.com:80']);
    const host = await lookup('example.com');
    await expect(guest.connectTcp({ host, port: 22 })).rejects.toThrow();
    expect(refusals.at(-1)).toMatchObject({ host: 'example.com:22', reason: 'not on the list' });
  });

  test('by fetch() needs no address', async () => {
    const { lookup, set } = await open();
    set('fetch', ['example.com'], '');
    expect(await lookup('example.com')).toBe('198.18.0.1');
  });

  test('takes no malformed host and no bad URL, and changes nothing then', async () => {
    const { lookup, set } = await open();
    set('wisp', ['example.com']);
    expect(() => set('wisp', ['exa mple'])).toThrow(/exa mple/);
    expect(() => set('wisp', ['1.2.3'])).toThrow(/1\.2\.3/);
    for (const url of ['', 'example.com', 'https://example.com/']) {
      expect(() => set('wisp', ['other.example'], url)).toThrow(/must be a URL/);
    }
    expect(await lookup('example.com')).toBe('198.18.0.1');
  });
});
