// SPDX-License-Identifier: MIT
// netboot.test - a QEMU without a disk boots a kernel of ours: its iPXE takes a lease, and its files over TFTP or HTTP

import { existsSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createStack } from 'ringstack';
import { createDhcp, type DhcpServerOptions } from 'ringstack/dhcp';
import { createHttp } from 'ringstack/http';
import { connect } from 'ringstack/link';
import { listenQemu } from 'ringstack/qemu';
import { serveTftp, type TftpLogEntry } from 'ringstack/services';
import { expect, test } from 'vitest';
import { bytes } from '../helpers/net.ts';
import { GUEST, Guest, QEMU } from './lib/guest.ts';
import { guestFile, lacksGuest, lacksProgram, needs } from './lib/need.ts';
import { type Scope, testScope } from './lib/scope.ts';

/** The firmware that QEMU's card has by default. */
const ROM = '/usr/lib/ipxe/qemu/efi-virtio.rom';
const why =
  lacksProgram(QEMU) ??
  lacksGuest('guest', 'the guest') ??
  (existsSync(ROM) ? undefined : `needs ${ROM} of ipxe-qemu`);

/** Files that the guest boots from; the script's mark stays in the kernel's command line. */
const script = (mark: string): string =>
  `#!ipxe\nkernel vmlinuz console=ttyS0 quiet panic=-1 ${mark}\ninitrd initrd\nboot\n`;
const files = (mark: string): Record<string, Uint8Array> => ({
  'boot.ipxe': bytes(script(mark)),
  vmlinuz: readFileSync(guestFile('guest/vmlinuz')),
  initrd: readFileSync(guestFile('guest/initrd')),
});

/** A stack with a DHCP server, and a machine with nothing but a network card on its cable. */
async function open(scope: Scope, options: Partial<DhcpServerOptions>) {
  const stack = await createStack({ engine: 'inline' });
  scope.defer(() => stack.close());
  const tap = await stack.createTapInterface({ ip: `${GUEST.ours}/24` });
  const { serve } = await createDhcp(stack);
  const leaseRange = { start: '10.79.0.50', end: '10.79.0.59' };
  const dhcp = await serve({ leaseRange, ...options });
  scope.defer(() => dhcp.close());
  /** Starts it; settles when the kernel has booted. */
  const boot = async (): Promise<Guest> => {
    const path = join(tmpdir(), `ringstack-netboot-${process.pid}`);
    const listener = await listenQemu({ path, mtu: 1500 });
    scope.defer(() => listener.close());
    const guest = new Guest(scope, [
      ...[QEMU, '-nodefaults', '-no-user-config', '-nographic', '-m', '384', '-serial', 'stdio'],
      ...['-netdev', `stream,id=n,server=off,addr.type=unix,addr.path=${path}`],
      ...['-device', `virtio-net-pci,netdev=n,mac=${GUEST.mac},bootindex=1`],
    ]);
    connect(tap, await listener.accept());
    await guest.program.printed(/guest is ready/);
    return guest;
  };
  return { stack, dhcp, boot };
}

test('over TFTP: options 66 and 67 of the lease name the server and its file', {
  timeout: 240_000,
}, async (context) => {
  needs(why, context);
  const scope = testScope();
  const { stack, dhcp, boot } = await open(scope, { bootFile: 'boot.ipxe' });
  const log: TftpLogEntry[] = [];
  const all = files('came=tftp');
  const tftp = await serveTftp(stack, { files: all, log: (entry) => void log.push(entry) });
  scope.defer(() => tftp.close());
  const guest = await boot();
  expect(await guest.run('cat /proc/cmdline')).toContain('came=tftp');
  expect(await guest.run('uname -r')).toMatch(/cloud-amd64/);
  const taken = log.filter(({ outcome }) => outcome === 'done');
  expect(taken.map(({ file, bytes }) => [file, bytes])).toEqual(
    Object.entries(all).map(([file, content]) => [file, content.length]),
  );
  expect(tftp.statistics).toMatchObject({ active: 0, droppedLimit: 0, droppedForeign: 0 });
  expect([...dhcp.leases.values()]).toMatchObject([{ ip: '10.79.0.50', mac: GUEST.mac }]);
});

test('over HTTP: a boot file that is a URL, for iPXE alone', {
  timeout: 240_000,
}, async (context) => {
  needs(why, context);
  const scope = testScope();
  const { stack, boot } = await open(scope, {
    bootFile: ({ userClass }) =>
      userClass === 'iPXE' ? `http://${GUEST.ours}/boot.ipxe` : undefined,
  });
  const all = files('came=http');
  const paths: string[] = [];
  const http = await createHttp(stack);
  const server = await http.serve({ port: 80 }, (request) => {
    const { pathname } = new URL(request.url);
    paths.push(pathname);
    const body = all[pathname.slice(1)];
    return new Response(body as Uint8Array<ArrayBuffer>, { status: body ? 200 : 404 });
  });
  scope.defer(() => server.close());
  const guest = await boot();
  expect(await guest.run('cat /proc/cmdline')).toContain('came=http');
  expect(paths).toEqual(['/boot.ipxe', '/vmlinuz', '/initrd']);
});
