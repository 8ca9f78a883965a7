// SPDX-License-Identifier: MIT
// dhcp_tshark.test - tshark reads the messages of DHCP that js/codec writes: head, options, long and moved ones

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dhcpOptions, serializeDhcpMessage } from 'ringstack/dhcp';
import { writePcapng } from 'ringstack/pcap';
import { expect, onTestFinished } from 'vitest';
import { buildEthernet } from '../../js/codec/ethernet.ts';
import { buildIp } from '../../js/codec/ip.ts';
import { buildUdp } from '../../js/codec/udp.ts';
import { output, testWith } from '../helpers/programs.ts';

const ENDS = { source: '10.0.0.1', destination: '255.255.255.255' };
const MAC = '02:00:00:00:00:07';

/** A message in a frame. */
function framed(message: Uint8Array): Uint8Array {
  const ports = { sourcePort: 67, destinationPort: 68 };
  const payload = buildUdp({ ...ENDS, ...ports, payload: message });
  const packet = buildIp({ ...ENDS, protocol: 17, payload });
  const macs = { destination: 'ff:ff:ff:ff:ff:ff', source: '02:00:00:00:00:01' };
  return buildEthernet({ ...macs, type: 0x0800, payload: packet });
}

testWith('tshark')('reads every field, and finds nothing malformed', async () => {
  const options = dhcpOptions({
    subnetMask: '255.255.255.0',
    routers: ['10.0.0.1', '10.0.0.2'],
    dnsServers: ['10.0.0.53'],
    hostName: 'guest',
    mtu: 1400,
    leaseTime: 3600,
    renewalTime: 1800,
    serverIdentifier: '10.0.0.1',
    searchDomains: ['eng.lan', 'ops.lan'],
    routes: [{ destination: '10.9.0.0/17', via: '10.0.0.3' }],
    captivePortal: 'https://portal.lan/api',
    clientIdentifier: Uint8Array.of(1, 2, 0, 0, 0, 0, 7),
  });
  const head = {
    op: 2,
    mac: MAC,
    xid: 0x12345678,
    yiaddr: '10.0.0.50',
    giaddr: '10.0.0.9',
  } as const;
  const moved = dhcpOptions({ rootPath: 'r'.repeat(50), bootFile: 'b'.repeat(100) });
  const long = dhcpOptions({ 224: new Uint8Array(300).fill(0x61) });
  const messages = [
    serializeDhcpMessage({ ...head, type: 'ACK', broadcast: true, options }),
    serializeDhcpMessage({ ...head, type: 'OFFER', options: moved }, 300),
    serializeDhcpMessage({ ...head, type: 'NAK', file: 'x.efi', sname: 'boot', options: long }),
  ];
  const dir = mkdtempSync(join(tmpdir(), 'dhcp-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  const file = join(dir, 'a.pcapng');
  const all = messages.map((one, n) => ({ interface: 0, time: 1000 + n, bytes: framed(one) }));
  writeFileSync(file, writePcapng(['dhcp'], all));
  const fields = async (filter: string, ...names: string[]): Promise<string[]> => {
    const wanted = names.flatMap((name) => ['-e', name]);
    const args = ['-n', '-r', file, '-Y', filter, '-T', 'fields', ...wanted];
    return (await output('tshark', args)).replace(/\n$/, '').split('\n');
  };
  expect(await fields('dhcp', 'dhcp.option.dhcp', '_ws.malformed')).toEqual(['5\t', '2\t', '6\t']);
  const one = 'dhcp.option.dhcp == 5';
  expect(
    await fields(
      one,
      'dhcp.id',
      'dhcp.flags.bc',
      'dhcp.ip.your',
      'dhcp.ip.relay',
      'dhcp.hw.mac_addr',
    ),
  ).toEqual([
    expect.stringMatching(/^0x12345678\t(1|True)\t10\.0\.0\.50\t10\.0\.0\.9\t02:00:00:00:00:07/),
  ]);
  expect(
    await fields(one, 'dhcp.option.router', 'dhcp.option.hostname', 'dhcp.option.interface_mtu'),
  ).toEqual(['10.0.0.1,10.0.0.2\tguest\t1400']);
  expect((await fields(one, 'dhcp.option.dhcp_dns_domain_search_list_fqdn'))[0]).toMatch(
    /eng\.lan.*ops\.lan/,
  );
  const verbose = await output('tshark', ['-n', '-r', file, '-V', '-Y', 'dhcp']);
  expect(verbose).toMatch(/10\.9\.0\.0\/17-10\.0\.0\.3/);
  expect(verbose).toContain('https://portal.lan/api');
  expect(verbose).toMatch(/Boot file name option overload|overload/i);
  expect(verbose).toContain('b'.repeat(100));
  expect(verbose).toContain('r'.repeat(50));
  expect(verbose).toContain('Boot file name: x.efi');
  expect(verbose).toContain('Server host name: boot');
});
