// SPDX-License-Identifier: MIT
// ipxe.test - the boot firmware iPXE, whose TCP is its own, takes a script from a web server of ours and runs it

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createStack, type TcpConnection } from 'ringstack';
import { connect } from 'ringstack/link';
import { listenQemu } from 'ringstack/qemu';
import { expect, test } from 'vitest';
import { bytes, text } from '../helpers/net.ts';
import { Prng } from '../helpers/prng.ts';
import { GUEST, QEMU } from './lib/guest.ts';
import { guestFile, lacksGuest, lacksProgram, needs } from './lib/need.ts';
import { Program } from './lib/process.ts';
import { testScope } from './lib/scope.ts';

const why = lacksProgram(QEMU) ?? lacksGuest('ipxe', 'iPXE');

/** Answers one request; returns its path. */
async function answer(
  connection: TcpConnection,
  bodyOf: (path: string) => string,
): Promise<string> {
  let head = '';
  const reader = connection.readable.getReader();
  while (!head.includes('\r\n\r\n')) {
    const { done, value } = await reader.read();
    if (done) break;
    head += text(value);
  }
  const path = /^GET (\S+)/.exec(head)?.[1] ?? '';
  const body = bodyOf(path);
  const writer = connection.writable.getWriter();
  await writer.write(bytes(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`));
  await writer.close();
  return path;
}

test('iPXE boots, takes a script of ours, and sums up all of its lines', {
  timeout: 120_000,
}, async (context) => {
  needs(why, context);
  const scope = testScope();
  const folder = mkdtempSync(join(tmpdir(), 'ringstack-ipxe-'));
  scope.defer(() => rmSync(folder, { recursive: true }));
  const first = join(folder, 'first.ipxe');
  const web = `http://${GUEST.ours}`;
  writeFileSync(
    first,
    `#!ipxe\nset net0/ip ${GUEST.ip}\nset net0/netmask 255.255.255.0\nifopen net0\nchain ${web}/script\n`,
  );
  // Its last output is right only if every line came as it was sent.
  const random = new Prng(7);
  const steps = Array.from({ length: 5000 }, () => random.between(1, 100_000));
  const lines = steps.map((step) => `inc sum ${step}\n`).join('');
  const script = `#!ipxe\nset sum:int32 0\n${lines}imgfetch ${web}/sum/\${sum:int32}\npoweroff\n`;
  const total = steps.reduce((sum, step) => sum + step, 0);

  const stack = await createStack();
  scope.defer(() => stack.close());
  const tap = await stack.createTapInterface({ ip: `${GUEST.ours}/24` });
  const listener = await stack.listenTcp({ port: 80 });
  const path = join(folder, 'socket');
  const qemu = await listenQemu({ path, mtu: 1500 });
  scope.defer(() => qemu.close());
  const program = new Program(scope, [
    ...[QEMU, '-nodefaults', '-no-user-config', '-nographic', '-serial', 'stdio', '-m', '128'],
    ...['-kernel', guestFile('ipxe/ipxe.lkrn'), '-initrd', first],
    ...['-netdev', `stream,id=n,server=off,addr.type=unix,addr.path=${path}`],
    ...['-device', `virtio-net-pci,netdev=n,mac=${GUEST.mac},romfile=`],
  ]);
  connect(tap, await qemu.accept());
  const paths: string[] = [];
  for await (const connection of listener) {
    paths.push(await answer(connection, (asked) => (asked === '/script' ? script : '#!ipxe\n')));
    if (paths.at(-1)?.startsWith('/sum')) break;
  }
  expect(paths).toEqual(['/script', `/sum/${total}`]);
  await program.stop();
});
