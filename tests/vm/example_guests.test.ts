// SPDX-License-Identifier: MIT
// example_guests.test - the examples that need root or a guest print what they should

import { expect, test } from 'vitest';
import { buildGuest } from '../../tools/guest/v86_guest.mjs';
import { ROOT } from '../rules/files.ts';
import { QEMU } from './lib/guest.ts';
import { whyNoKernel } from './lib/kernel.ts';
import { lacksGuest, lacksProgram, needs } from './lib/need.ts';
import { Program } from './lib/process.ts';
import { testScope } from './lib/scope.ts';

/** Runs an example as a person would. Returns what it printed. */
const run = (name: string, ...args: string[]): Promise<string> =>
  new Program(testScope(), [process.execPath, `${ROOT}examples/${name}.mjs`, ...args]).succeeded();

test('kernel_tap: curl of the kernel is answered', async (context) => {
  needs(whyNoKernel() ?? lacksProgram('curl') ?? lacksProgram('cc'), context);
  const printed = await run('kernel_tap');
  expect(printed).toBe(
    [
      'kernel: tap0, MTU 1500',
      'server: GET /hello from curl',
      'curl: Hello from a stack in JavaScript',
      'frames: both ways\n',
    ].join('\n'),
  );
});

/** Of both guests. */
const BOTH_WAYS = /^guest: has booted\nguest: wget says: Hello from a stack in JavaScript\n/;

test('qemu_guest: HTTP both ways', async (context) => {
  needs(lacksProgram(QEMU) ?? lacksGuest('guest', 'the guest'), context);
  const printed = await run('qemu_guest');
  expect(printed).toMatch(BOTH_WAYS);
  expect(printed).toMatch(/^we: the guest serves: Hello from the guest$/m);
});

test('v86_http: HTTP both ways', async () => {
  const { kernel, initrd, bios, vgaBios } = buildGuest();
  const printed = await run('v86_http', kernel, initrd, bios, vgaBios);
  expect(printed).toMatch(BOTH_WAYS);
  expect(printed).toMatch(/^we: the guest serves: .*Hello from Linux in v86/m);
}, 120_000);
