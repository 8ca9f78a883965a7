// SPDX-License-Identifier: MIT
// codec_tshark.test - tshark reads what js/codec builds: every field, every checksum

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writePcapng } from 'ringstack/pcap';
import { expect, onTestFinished } from 'vitest';
import { buildArp } from '../../js/codec/arp.ts';
import { buildEthernet } from '../../js/codec/ethernet.ts';
import { buildIcmpEcho, buildIcmpError } from '../../js/codec/icmp.ts';
import { buildIp, buildIpv6 } from '../../js/codec/ip.ts';
import { buildNdp } from '../../js/codec/ndp.ts';
import { buildTcp, TCP_FLAG } from '../../js/codec/tcp.ts';
import { buildUdp } from '../../js/codec/udp.ts';
import { output, testWith } from '../helpers/programs.ts';

const V4 = { source: '10.0.0.1', destination: '10.0.0.2' };
const V6 = { source: 'fe80::1', destination: 'fe80::2' };
const MACS = { destination: '02:00:00:00:00:02', source: '02:00:00:00:00:01' };
const DATA = Uint8Array.of(1, 2, 3, 4, 5);

const framed = (packet: Uint8Array): Uint8Array => {
  const type = (packet[0] ?? 0) >>> 4 === 4 ? 0x0800 : 0x86dd;
  return buildEthernet({ ...MACS, type, payload: packet });
};

/** One frame of every kind. */
function frames(): Uint8Array[] {
  const ports = { sourcePort: 1000, destinationPort: 2000 };
  const options = { maximumSegmentSize: 1460, windowScale: 7, isSackPermitted: true };
  const carried = [V4, V6].flatMap((ends) => {
    const icmp = ends === V4 ? 1 : 58;
    const udp = buildIp({
      ...ends,
      protocol: 17,
      payload: buildUdp({ ...ends, ...ports, payload: DATA }),
    });
    const flags = TCP_FLAG.syn;
    return [
      udp,
      buildIp({
        ...ends,
        protocol: 6,
        payload: buildTcp({ ...ends, ...ports, sequence: 1, flags, options }),
      }),
      buildIp({
        ...ends,
        protocol: icmp,
        payload: buildIcmpEcho({ ...ends, identifier: 7, sequence: 8, data: DATA }),
      }),
      buildIp({
        ...ends,
        protocol: icmp,
        payload: buildIcmpError({ ...ends, kind: 'packetTooBig', mtu: 1400, packet: udp }),
      }),
    ];
  });
  const advertisement = buildNdp(V6, {
    kind: 'routerAdvertisement',
    lifetime: 1800,
    preference: 'high',
    options: {
      sourceMac: MACS.source,
      mtu: 1400,
      prefixes: [{ prefix: 'fd00::', length: 64 }],
      dnsServers: { lifetime: 600, values: ['fd00::53'] },
      searchDomains: { lifetime: 600, values: ['lan.example'] },
    },
  });
  const arp = { operation: 1, senderMac: MACS.source, senderIp: '10.0.0.1', targetIp: '10.0.0.2' };
  return [
    buildEthernet({ ...MACS, vlan: { id: 5 }, type: 0x0806, payload: buildArp(arp) }),
    ...carried.map(framed),
    framed(buildIpv6({ ...V6, protocol: 58, hopLimit: 255, payload: advertisement })),
  ];
}

testWith('tshark')('every kind of packet is read, and no checksum is wrong', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'ringstack-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const path = join(dir, 'x.pcapng');
  const all = frames().map((bytes, n) => ({ interface: 0, time: 1000 + n, bytes }));
  writeFileSync(path, writePcapng(['codec'], all));
  const checks = ['ip', 'tcp', 'udp'].flatMap((name) => ['-o', `${name}.check_checksum:TRUE`]);
  const read = (...args: string[]): Promise<string> =>
    output('tshark', ['-r', path, ...checks, ...args]);
  const bad = ['ip', 'tcp', 'udp', 'icmp', 'icmpv6'].map((name) => `${name}.checksum.status == 0`);
  expect(await read('-Y', ['_ws.malformed', ...bad].join(' || '))).toBe('');
  const fields = async (filter: string, ...names: string[]): Promise<string[]> => {
    const wanted = names.flatMap((name) => ['-e', name]);
    const lines = await read('-Y', filter, '-T', 'fields', ...wanted);
    return lines.trimEnd().split('\n');
  };
  expect(await fields('arp', 'vlan.id', 'arp.dst.proto_ipv4')).toEqual(['5\t10.0.0.2']);
  const tcp = ['tcp.options.mss_val', 'tcp.options.wscale.shift', 'tcp.options.sack_perm'];
  expect((await fields('tcp', ...tcp)).map((line) => line.split('\t').slice(0, 2))).toEqual([
    ['1460', '7'],
    ['1460', '7'],
  ]);
  expect(await fields('icmp.type == 3', 'icmp.code', 'icmp.mtu')).toEqual(['4\t1400']);
  expect(await fields('icmpv6.type == 2', 'icmpv6.mtu')).toEqual(['1400']);
  expect(await fields('icmpv6.type == 128', 'icmpv6.echo.identifier')).toEqual(['0x0007']);
  const advertised = ['icmpv6.nd.ra.router_lifetime', 'icmpv6.opt.mtu', 'icmpv6.opt.prefix'];
  expect(await fields('icmpv6.type == 134', ...advertised)).toEqual(['1800\t1400\tfd00::']);
  const dns = await fields('icmpv6.type == 134', 'icmpv6.opt.rdnss', 'icmpv6.opt.dnssl');
  expect(dns).toEqual(['fd00::53\tlan.example']);
});
