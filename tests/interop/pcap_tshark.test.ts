// SPDX-License-Identifier: MIT
// pcap_tshark.test - tshark reads what ringstack/pcap writes

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'ringstack/link';
import { type Capture, createCapture } from 'ringstack/pcap';
import { expect, onTestFinished } from 'vitest';
import { sentIntact } from '../helpers/links.ts';
import { connectEnds, openPair, openStack, readAll } from '../helpers/net.ts';
import { output, testWith } from '../helpers/programs.ts';

/** A file with a capture, gone when the test ends. */
async function saved(capture: Capture): Promise<string> {
  const dir = mkdtempSync(join(tmpdir(), 'ringstack-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const path = join(dir, 'x.pcapng');
  writeFileSync(path, await readAll(capture.readable));
  return path;
}

/** Fields of each frame that tshark finds in a file. */
async function fields(path: string, filter: string, ...names: string[]): Promise<string[][]> {
  const wanted = names.flatMap((name) => ['-e', name]);
  const lines = await output('tshark', ['-r', path, '-Y', filter, '-T', 'fields', ...wanted]);
  return lines.split('\n').flatMap((line) => (line === '' ? [] : [line.split('\t')]));
}

testWith('tshark')('is read by tshark: handshake, payload, checksums, names', async () => {
  const { a, b, tapA, tapB } = await openPair();
  const capture = createCapture();
  connect(capture.wrap(tapA, { name: 'left' }), capture.wrap(tapB, { name: 'right' }));
  const begin = Date.now() / 1000;
  await sentIntact(a, b, 50_000);
  await capture.close();
  const path = await saved(capture);
  const syns = await fields(path, 'tcp.flags.syn == 1', 'frame.interface_name', 'tcp.flags.ack');
  expect(syns.map((syn) => syn.join())).toEqual(['left,0', 'right,0', 'right,1', 'left,1']);
  const times = await fields(path, 'tcp', 'frame.time_epoch');
  for (const [time] of times) expect(Math.abs(Number(time) - begin)).toBeLessThan(60);
  const sent = await fields(path, 'frame.interface_name == "right"', 'tcp.len');
  const bytes = sent.reduce((sum, [length]) => sum + Number(length ?? 0), 0);
  expect(bytes).toBeGreaterThanOrEqual(100_000);
  const broken = await output('tshark', [
    ...['-r', path, '-o', 'ip.check_checksum:TRUE', '-o', 'tcp.check_checksum:TRUE'],
    ...['-Y', '_ws.malformed || tcp.checksum.status == 0 || ip.checksum.status == 0'],
  ]);
  expect(broken).toBe('');
});

testWith('tshark')('of IP packets is read by tshark', async () => {
  const [a, b] = [await openStack(), await openStack()];
  const tunA = await a.createTunInterface({ ip: 'fd00::1/64' });
  const tunB = await b.createTunInterface({ ip: 'fd00::2/64' });
  const capture = createCapture();
  connect(tunA, capture.wrap(tunB));
  await connectEnds(a, b, { host: 'fd00::2' });
  await capture.close();
  const path = await saved(capture);
  const found = await fields(path, 'tcp.flags.syn == 1', 'frame.encap_type', 'ipv6.dst');
  expect(found.map(([, to]) => to)).toEqual(['fd00::2', 'fd00::1']);
  expect(new Set(found.map(([type]) => type))).toEqual(new Set(['7'])); // WTAP_ENCAP_RAW_IP
});
