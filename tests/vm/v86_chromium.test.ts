// SPDX-License-Identifier: MIT
// v86_chromium.test - Linux in v86 in Chromium: in the page beside the stack, or in a worker on a tap it was handed

import { relative } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { buildGuest, buildState, GUEST, guestOptions } from '../../tools/guest/v86_guest.mjs';
import { findBrowser, launch } from '../../tools/page/browsers.mjs';
import { serve } from '../../tools/page/serve.mjs';
import { needs } from './lib/need.ts';
import { Scope, testScope } from './lib/scope.ts';
import { ADDRESS, BECOME_THE_OTHER, type Card } from './lib/v86.ts';

const BOOT = 300_000;
const SIZE = 20e6;
const whyNot = findBrowser('chromium') ? undefined : 'needs Chromium';
beforeEach((context) => needs(whyNot, context));

/** Functions of the page, called by their names. */
type Call = (name: string, ...args: unknown[]) => Promise<unknown>;

/** A page with a stack and a guest. */
async function openPage(scope: Scope, where: string, isolated: boolean, card: Card): Promise<Call> {
  const { bios, vgaBios } = buildGuest();
  const url = (path: string): string => `/guest/${relative(GUEST, path)}`;
  const guest = {
    module: '/v86/libv86.mjs',
    wasm: '/v86/v86.wasm',
    options: guestOptions(card),
    bios: url(bios),
    vgaBios: url(vgaBios),
    state: url(await buildState(card)),
  };
  const mounts = {
    '/dist/': 'dist',
    '/examples/': 'examples',
    '/tests/vm/lib/': 'tests/vm/lib',
    '/tools/': 'tools',
    '/guest/': GUEST,
    '/v86/': 'node_modules/v86/build',
  };
  const server = await serve({ mounts, isolated });
  scope.defer(() => server.close());
  const browser = await launch('chromium');
  scope.defer(() => browser.close());
  const { page } = await browser.open(new URL('/tests/vm/lib/v86_page.html', server.url).href);
  page.setDefaultTimeout(60_000);
  const setting = { where, ip: `${ADDRESS.ours}/24`, mtu: card.mtu, guest };
  await page.evaluate(
    `openLab(${JSON.stringify(setting)}).then((lab) => void (globalThis.lab = lab))`,
  );
  return (name, ...args) =>
    page.evaluate(`globalThis.lab.${name}(...${JSON.stringify(args)})`) as Promise<unknown>;
}

describe.each([
  { where: 'page', isolated: false, type: 'virtio', mtu: 1500, size: SIZE },
  { where: 'page', isolated: true, type: 'ne2k', mtu: 1500, size: 2e6 },
  { where: 'worker', isolated: true, type: 'virtio', mtu: 65_520, size: SIZE },
] as const)('in Chromium, emulator in the $where, isolated: $isolated, $type, MTU $mtu', (lab) => {
  const scope = new Scope();
  let call: Call;
  beforeAll(async () => {
    if (whyNot === undefined) call = await openPage(scope, lab.where, lab.isolated, lab);
  }, BOOT);
  afterAll(() => scope.close());
  const run = async (command: string): Promise<string> => {
    const { output, status } = (await call('run', command)) as { output: string; status: number };
    expect(status).toBe(0);
    return output;
  };

  test('the guest pings the stack', async () => {
    expect(await run(`ping -c 3 -i 0.1 ${ADDRESS.ours}`)).toContain(' 0% packet loss');
  });

  test(`${lab.size} bytes from the guest`, { timeout: 120_000 }, async () => {
    const count = Math.ceil(lab.size / 2 ** 20);
    await run(`for n in $(seq ${count}); do echo $n; cat /tmp/random; done >/tmp/big`);
    await run(`truncate -s ${lab.size} /tmp/big; ln -s /tmp/big /srv/big`);
    const sha256 = (await run('sha256sum /tmp/big')).split(' ')[0];
    const got = await call('get', ADDRESS.guest, '/big');
    expect(got).toEqual({ status: '200', size: lab.size, sha256 });
  });

  test(`${lab.size} bytes to the guest`, { timeout: 120_000 }, async () => {
    const sha256 = await call('serve', lab.size);
    const sum = await run(`wget -q -O - http://${ADDRESS.ours}/ | sha256sum`);
    expect(sum.split(' ')[0]).toBe(sha256);
  });
});

test('two guests and the page on one network', { timeout: BOOT }, async () => {
  const call = await openPage(testScope(), 'both', true, { type: 'virtio', mtu: 1500 });
  const run = async (command: string, n: number): Promise<string> =>
    ((await call('run', command, n)) as { output: string }).output;
  await run(BECOME_THE_OTHER, 1);
  expect(await run(`wget -q -O - http://${ADDRESS.other}/`, 0)).toContain(
    'Hello from Linux in v86',
  );
  const size = 2e6;
  const sha256 = await call('serve', size);
  const sums = await Promise.all(
    [0, 1].map((n) => run(`wget -q -O - http://${ADDRESS.ours}/ | sha256sum`, n)),
  );
  expect(sums.map((sum) => sum.split(' ')[0])).toEqual([sha256, sha256]);
  for (const host of [ADDRESS.guest, ADDRESS.other]) {
    expect(await call('get', host, '/')).toMatchObject({ status: '200' });
  }
});
