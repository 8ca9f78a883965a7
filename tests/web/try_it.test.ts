// SPDX-License-Identifier: MIT
// try_it.test - the page of web/, clicked and typed through in Chromium

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { buildPage } from '../../tools/page/web.mjs';
import { readPcapng } from '../helpers/pcapng.ts';
import type { TryPage } from './browser.ts';
import { bytesOf, usePage } from './browser.ts';

const open = usePage();

/** Starts a transfer, sees bytes arrive, stops it, and sees that the count rests. */
async function expectTransfer({ page, state, value, atLeast }: TryPage): Promise<void> {
  const before = await value('received');
  await page.getByRole('button', { name: 'Start' }).click();
  await state('running');
  await atLeast('received', before + 2 ** 26);
  await page.getByRole('button', { name: 'Stop' }).click();
  await state('ready');
  await page.locator('#status', { hasText: 'has arrived' }).waitFor();
}

async function echo({ page }: TryPage, line: string): Promise<void> {
  await page.getByLabel('Line to send').fill(line);
  await page.keyboard.press('Enter');
  await page.locator('#echo-log .back .text', { hasText: line }).waitFor();
}

describe('a transfer', () => {
  test.each(['up', 'down', 'both'])('starts, flows and stops, %s', async (direction) => {
    const opened = await open({ hash: `#direction=${direction}` });
    await opened.state('ready');
    await expectTransfer(opened);
    const label = await opened.page.locator('#throughput svg').getAttribute('aria-label');
    expect(label).toMatch(/A to B .*bit\/s, B to A .*bit\/s/);
  });

  test('goes on while the cable loses frames, which are sent again', async () => {
    const { page, state, value, atLeast } = await open();
    await state('ready');
    await page.getByRole('button', { name: 'Start' }).click();
    await atLeast('received', 2 ** 20);
    const before = await value('retransmits');
    await page.getByLabel('Loss').fill('5');
    await atLeast('lost', 20);
    await atLeast('retransmits', before + 10);
    await page.locator('.packet.lost').first().waitFor();
    await page.getByLabel('Loss').fill('0');
    await atLeast('received', (await value('received')) + 2 ** 24);
  });

  test('goes on over new stacks when MTU, engine and protocol change', async () => {
    const { page, state, atLeast, packets } = await open();
    await state('ready');
    await page.getByRole('button', { name: 'Start' }).click();
    await atLeast('received', 2 ** 20);
    const rebuilt = async (saying: RegExp): Promise<void> => {
      await page.locator('#status', { hasText: saying }).waitFor();
      await state('running');
      await atLeast('received', 2 ** 20);
    };
    await page.getByLabel('MTU').press('ArrowRight');
    await rebuilt(/MTU 4,000, IPv4, turned by the threads of their apps. The transfer goes on/);
    await page.getByLabel('Engine').selectOption('worker');
    await rebuilt(/turned by threads of their own/);
    await page.getByLabel('Protocol').selectOption('6');
    await rebuilt(/IPv6/);
    expect(new URL(page.url()).hash).toBe('#engine=worker&ip=6&mtu=4000');
    // An MSS of 4000 less the headers of IPv6 and TCP.
    await packets(/4014.*Len=3940 /)
      .first()
      .waitFor();
  });

  test('changes over to a direct cable and back', async () => {
    const { page, state, value, atLeast } = await open();
    await state('ready');
    await page.getByRole('button', { name: 'Start' }).click();
    for (const wire of ['direct', 'inspected', 'direct']) {
      await page.getByLabel('Cable', { exact: true }).selectOption(wire);
      const saying = wire === 'direct' ? 'joined in C now' : 'inspected now';
      await page.locator('#status', { hasText: saying }).waitFor();
      await atLeast('received', (await value('received')) + 2 ** 24);
    }
    await expect.poll(() => page.locator('#packets-note').textContent()).toMatch(/joined in C/);
    expect(await page.getByLabel('Loss').isDisabled()).toBe(true);
  });
});

describe('the echo console', () => {
  test('gets back what was typed', async () => {
    const opened = await open();
    await opened.state('ready');
    await echo(opened, 'hello');
    await echo(opened, 'grüße, 世界');
    expect(await opened.page.locator('#echo-log .back .note').last().textContent()).toMatch(/ ms$/);
  });

  test('does so over IPv6, at the least MTU, while frames are lost', async () => {
    const opened = await open({ hash: '#ip=6&mtu=1280&loss=10&engine=worker' });
    await opened.state('ready');
    for (let n = 0; n < 5; n++) await echo(opened, `line ${n}`);
    await opened
      .packets(/Neighbor solicitation/)
      .first()
      .waitFor();
  });
});

describe('the packet list', () => {
  test('shows ARP, then the handshake; keys open a packet, and a file holds them all', async () => {
    const opened = await open();
    const { page, packets } = opened;
    await opened.state('ready');
    await echo(opened, 'hello');
    await packets(/Len=6/).nth(1).waitFor();
    await page.getByRole('button', { name: 'Pause' }).click();
    const lines = await page.locator('#packets .info').allTextContents();
    const arp = lines.indexOf('Who has 10.0.0.2? Tell 10.0.0.1');
    const handshake = lines.slice(arp).filter((line) => / → /.test(line));
    expect(arp).toBeGreaterThanOrEqual(0);
    expect(handshake[0]).toMatch(/^\d+ → 7 \[SYN\] Len=0 MSS=1460 WS=/);
    expect(handshake[1]).toMatch(/^7 → \d+ \[ACK, SYN\] /);
    expect(handshake[2]).toMatch(/^\d+ → 7 \[ACK\] /);

    const list = page.getByRole('listbox', { name: /Packets/ });
    await list.focus();
    await page.keyboard.press('Home');
    for (let at = 0; at < lines.findIndex((line) => /\[SYN\]/.test(line)); at++) {
      await page.keyboard.press('ArrowDown');
    }
    const detail = page.getByRole('region', { name: 'Packet', exact: true });
    const layers = await detail.locator('summary').allTextContents();
    expect(layers).toEqual(['Ethernet', 'IPv4', 'TCP']);
    const field = (name: string) =>
      detail
        .locator('dl > div')
        .filter({ has: page.getByText(name, { exact: true }) })
        .locator('dd');
    expect(await field('Destination port').textContent()).toBe('7 (echo)');
    expect(await field('Maximum segment size').textContent()).toBe('1460');
    expect(await field('Header checksum').textContent()).toMatch(/correct/);

    await page.keyboard.press('Enter');
    await page.keyboard.press('Tab');
    expect(await detail.locator('.marked').count()).toBe(14);
    await page.keyboard.press('Escape');
    expect(await list.evaluate((element) => element === document.activeElement)).toBe(true);

    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Save as pcapng' }).click(),
    ]);
    expect(download.suggestedFilename()).toBe('ringstack.pcapng');
    const capture = readPcapng(await bytesOf(download));
    expect(capture.interfaces.map(({ name }) => name)).toEqual(['A', 'B']);
    const lengths = await page.locator('#packets .length').allTextContents();
    expect(capture.packets.map(({ length }) => `${length}`)).toEqual(lengths);
    expect(
      capture.packets.every(({ bytes, length }) => bytes.length === Math.min(length, 128)),
    ).toBe(true);
  });

  test('is a sample of what goes by, says so, and can be cleared', async () => {
    const { page, state, atLeast, packets } = await open();
    await state('ready');
    await page.getByRole('button', { name: 'Start' }).click();
    await atLeast('received', 2 ** 26);
    await page.locator('#packets-note', { hasText: /\d+ more went by/ }).waitFor();
    await page.getByRole('button', { name: 'Stop' }).click();
    await state('ready');
    expect(await packets().count()).toBeLessThanOrEqual(400);
    await packets().last().click();
    await page.getByRole('button', { name: 'Clear' }).click();
    expect(await packets().count()).toBe(0);
    expect(await page.getByRole('button', { name: 'Save as pcapng' }).isDisabled()).toBe(true);
    await page.getByRole('button', { name: 'Resume' }).click();
    await page.getByRole('button', { name: 'Start' }).click();
    await packets(/SYN/).first().waitFor();
  });
});

describe('a page that is not isolated', () => {
  test('says so and works, with both stacks in one worker', async () => {
    const opened = await open({ isolated: false, hash: '#engine=worker' });
    const { page } = opened;
    await opened.state('ready');
    expect(await page.getByText('not cross-origin isolated').isVisible()).toBe(true);
    expect(await page.getByLabel('Engine').inputValue()).toBe('inline');
    await echo(opened, 'hello');
    await expectTransfer(opened);
    await page.getByLabel('MTU').press('ArrowRight');
    await page.locator('#status', { hasText: 'MTU 4,000' }).waitFor();
    await page.getByLabel('Cable', { exact: true }).selectOption('direct');
    await page.locator('#status', { hasText: 'joined in C now' }).waitFor();
    await expectTransfer(opened);
  });
});

test('a page with a service worker isolates itself, from a folder of a host', async () => {
  const build = await mkdtemp(join(tmpdir(), 'ringstack-page-'));
  onTestFinished(() => rm(build, { recursive: true }));
  await buildPage({ out: build, serviceWorker: true });
  const opened = await open({ isolated: false, build, under: '/some/folder/' });
  // It begins without, and is loaded again.
  await opened.page.waitForFunction(() => crossOriginIsolated);
  await opened.state('ready');
  expect(await opened.page.getByText('not cross-origin isolated').isVisible()).toBe(false);
  await expectTransfer(opened);
});

describe('the page', () => {
  test('fits a phone, and Tab reaches every control', async () => {
    const { page, state } = await open({ viewport: { width: 360, height: 740 } });
    await state('ready');
    const overflow = await page.evaluate(
      () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
    );
    expect(overflow).toBe(0);
    const reached = new Set<string>();
    for (let n = 0; n < 20; n++) {
      await page.keyboard.press('Tab');
      reached.add(await page.evaluate(() => document.activeElement?.id ?? ''));
    }
    const wanted = ['direction', 'wire', 'engine', 'ip', 'mtu', 'loss', 'start', 'pause', 'clear'];
    expect([...reached]).toEqual(expect.arrayContaining([...wanted, 'packets', 'echo-line']));
    expect([...reached].indexOf('start')).toBeLessThan([...reached].indexOf('packets'));
  });

  test('works from a folder of a host', async () => {
    const opened = await open({ under: '/some/folder/' });
    await opened.state('ready');
    await echo(opened, 'hello');
  });

  test('gives every control a name', async () => {
    const { page, state } = await open();
    await state('ready');
    const nameless = await page.evaluate(() =>
      Array.from(document.querySelectorAll<HTMLInputElement>('button, input, select'))
        .filter((one) => !one.textContent?.trim() && !one.labels?.length)
        .map(({ id }) => id),
    );
    expect(nameless).toEqual([]);
  });
});
