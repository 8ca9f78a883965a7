// SPDX-License-Identifier: MIT
// vm_demo.test - the page of web/vm/ in Chromium: Linux starts, both ends serve and fetch, people type and click
//
// The guest is made of packages of Debian; where they cannot be fetched the tests are skipped, and the
// report says why. CI fails instead.

import { createHash } from 'node:crypto';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { guestFiles } from '../../tools/guest/vm_demo_guest.mjs';
import { launch } from '../../tools/page/browsers.mjs';
import { buildVmPage, VM_PAGE } from '../../tools/page/vm_demo.mjs';
import { readPcapng } from '../helpers/pcapng.ts';
import { bytesOf, type OpenOptions, openPage } from './browser.ts';

/** ms for fetching the guest and booting it once with each card. */
const BUILD = 600_000;
const BOOT = 300_000;

function findWhyNot(): string | undefined {
  try {
    guestFiles();
    return undefined;
  } catch (error) {
    // In CI everything must run, so this is no reason to skip.
    if (process.env['CI']) throw error;
    return (error as Error).message;
  }
}

const whyNot = findWhyNot();
if (whyNot !== undefined) test.skip(`the page of the VM: ${whyNot}`);

interface Opened {
  readonly page: Page;
  /** Output on the console of the browser. */
  readonly complaints: string[];
  /** Waits for the guest's web server to have answered. */
  up(): Promise<void>;
  /** ms that took, as the page shows them. */
  startTime(): Promise<number>;
  /** Types a line into the guest's console. */
  run(line: string): Promise<void>;
  /** Does that, and waits until the command has ended. */
  finish(line: string): Promise<void>;
  /** Waits for a line of the guest's console. */
  sees(line: string | RegExp): Promise<void>;
  /** The document in the page's browser. */
  readonly shown: ReturnType<Page['frameLocator']>;
}

describe.skipIf(whyNot !== undefined)('the page of the VM', () => {
  let browser: Awaited<ReturnType<typeof launch>>;
  beforeAll(async () => {
    await buildVmPage();
    browser = await launch('chromium');
  }, BUILD);
  afterAll(() => browser?.close());

  async function open(options: OpenOptions = {}) {
    const { page, complaints } = await openPage(browser, { ...options, build: VM_PAGE });
    const lines = page.locator('#terminal-history > div, #terminal-rows > div');
    const run = async (line: string): Promise<void> => {
      await page.getByRole('textbox', { name: 'Console' }).focus();
      await page.keyboard.type(line);
      await page.keyboard.press('Enter');
    };
    const sees = (line: string | RegExp): Promise<void> =>
      lines.filter({ hasText: line }).first().waitFor();
    let commands = 0;
    const opened: Opened = {
      page,
      complaints,
      up: async () => {
        await page.waitForSelector('[data-state=up], [data-state=failed]');
        expect(await page.locator('#status').textContent()).toMatch(/^Linux /);
      },
      startTime: async () => Number(await page.locator('#time').getAttribute('value')),
      run,
      sees,
      finish: async (line) => {
        commands++;
        await run(`${line}; echo "ended $((100 + ${commands}))"`);
        await sees(`ended ${100 + commands}`);
      },
      shown: page.frameLocator('#browser-frame'),
    };
    return opened;
  }

  async function go({ page }: Opened, address: string): Promise<void> {
    await page.getByLabel('Address').fill(address);
    await page.keyboard.press('Enter');
  }

  describe('starting', () => {
    test('goes on from a state, the second time out of the cache of the browser', async () => {
      const { page, up, startTime, shown } = await open();
      const loaded: string[] = [];
      page.on('request', (request) => loaded.push(new URL(request.url()).pathname));
      await up();
      await shown.getByRole('heading', { name: 'Hello from Linux in v86' }).waitFor();
      expect(await page.locator('#status').textContent()).toContain('keeps it for the next time');
      loaded.length = 0;
      await page.reload();
      await up();
      // How long it takes is measured by bench/vm/v86_page.mjs.
      expect(await startTime()).toBeGreaterThan(0);
      expect(await page.locator('#status').textContent()).toContain('has kept (Cache API)');
      expect(loaded.filter((path) => /\.state$/.test(path))).toEqual([]);
    });

    test(
      'from scratch shows the kernel boot, and the time it takes',
      async () => {
        const { page, up, run, sees, startTime } = await open();
        await up();
        await page.getByRole('button', { name: 'Boot from scratch' }).click();
        await page.locator('#status', { hasText: 'Booting' }).waitFor();
        await sees('Linux version');
        const before = await startTime();
        await page.waitForFunction(
          (before) => Number(document.getElementById('time')?.getAttribute('value')) > before,
          before,
        );
        await page.waitForSelector('[data-state=up]', { timeout: BOOT });
        expect(await page.locator('#status').textContent()).toMatch(/^Linux has booted/);
        await run('echo "$((6 * 7)) is up"');
        await sees('42 is up');
      },
      BOOT,
    );

    test('says what is missing', async () => {
      const { page, up, complaints } = await open();
      await up();
      await page.context().route(/\.state$/, (route) => route.fulfill({ status: 404, body: '' }));
      await page.getByLabel('Network card').selectOption('ne2k');
      await page.waitForSelector('[data-state=failed]');
      expect(await page.locator('#status').textContent()).toMatch(
        /Cannot load guest\/ne2k-.*\.state: 404/,
      );
      await expect.poll(() => complaints.splice(0).length).toBe(1);
    });
  });

  test('the console has an editor, and the stack is there for ping', async () => {
    const opened = await open();
    const { page, up, run, sees, shown } = opened;
    await up();
    await run('ping -c 2 page');
    await sees('2 packets received, 0% packet loss');
    await run('vi /srv/index.html');
    await sees('<!doctype html>');
    await page.keyboard.type(':1,$d\ni<h1>Written in vi</h1>');
    await page.keyboard.press('Escape');
    // It is back from inserting; what comes too soon after Escape belongs to it.
    await sees(/^- .*Modified/);
    await page.keyboard.type(':wq\n');
    await sees(/^guest:\/#\s*$/);
    await go(opened, 'guest');
    await shown.getByRole('heading', { name: 'Written in vi' }).waitFor();
  });

  describe('the web server of the page', () => {
    test('answers the guest, and shows what was asked', async () => {
      const { page, up, run, sees } = await open();
      await up();
      const request = (line: string) => page.locator('#requests li', { hasText: line }).first();
      await run('wget -q -O - http://page/');
      await sees('Hello from the web page around you!');
      await request('GET /').waitFor();
      expect(await request('GET /').textContent()).toMatch(/Wget200, \d+ B in .* ms$/);
      await run('wget -q -O - --post-data "hi there" http://192.168.1.1/');
      await sees('Thank you for 8 bytes.');
      await page.locator('#requests li .body', { hasText: 'hi there' }).waitFor();
      await run('wget http://page/nothing');
      await sees('404 Not Found');
      expect(await request('/nothing').getAttribute('class')).toBe('bad');
      await run("printf 'DELETE / HTTP/1.0\\r\\n\\r\\n' | nc page 80");
      await sees('HTTP/1.1 405 Method Not Allowed');
      await run("printf 'nonsense\\r\\n\\r\\n' | nc page 80");
      await sees('HTTP/1.1 400 Bad Request');
    });

    test('sends every byte', async () => {
      const { up, run, sees } = await open();
      await up();
      const chunk = Uint8Array.from({ length: 65_536 }, (_, i) => (i * 167 + (i >> 8)) & 255);
      const hash = createHash('sha256');
      for (let left = 3e6; left > 0; left -= chunk.length) hash.update(chunk.subarray(0, left));
      await run('wget -q -O - http://page/3MB | sha256sum');
      await sees(hash.digest('hex'));
    });
  });

  describe('the browser of the page', () => {
    test('shows pages of the guest and follows their links', async () => {
      const opened = await open();
      const { page, up, finish, shown } = opened;
      await up();
      await shown.getByRole('link', { name: 'How the guest is' }).click();
      await shown.getByRole('heading', { name: /^guest, / }).waitFor();
      expect(await page.getByLabel('Address').inputValue()).toBe(
        'http://192.168.1.2/cgi-bin/status',
      );
      await finish('echo "<h1>Changed</h1>" >/srv/index.html');
      await go(opened, 'guest');
      await shown.getByRole('heading', { name: 'Changed' }).waitFor();
      expect(await page.getByLabel('Address').inputValue()).toBe('http://guest/');
      await go(opened, 'guest/nothing');
      await page.locator('#browser-note', { hasText: '404' }).waitFor();
      await go(opened, 'http://guest:81/');
      await page.locator('#browser-note.bad', { hasText: 'refused' }).waitFor();
      await go(opened, 'https://guest/');
      await page.locator('#browser-note.bad', { hasText: 'only http:' }).waitFor();
    });

    test('runs no scripts of them and loads nothing from anywhere else', async () => {
      const opened = await open();
      const { page, up, finish, shown, complaints } = opened;
      await up();
      const loaded: string[] = [];
      page.on('requestfinished', (request) => loaded.push(request.url()));
      const there = new URL('style.css', page.url()).href;
      const parts = [
        '<h1>Still</h1>',
        '<script>document.body.textContent = 1</script>',
        `<img src=${there}>`,
        `<meta http-equiv=refresh content=0;url=${there}>`,
        `<a href=${there}>away</a>`,
      ];
      await finish(`echo '${parts.join('')}' >/srv/a.html`);
      await go(opened, 'guest/a.html');
      await shown.getByRole('heading', { name: 'Still' }).waitFor();
      await expect.poll(() => complaints.length).toBe(3);
      const said = complaints.splice(0).join('\n');
      expect(said).toMatch(/Blocked script execution/);
      expect(said).toMatch(/Content Security Policy directive: "img-src data:"/);
      // A link goes through the stack, which knows no such host.
      await shown.getByRole('link', { name: 'away' }).click();
      await page.locator('#browser-note.bad').waitFor();
      await shown.getByRole('heading', { name: 'Still' }).waitFor();
      expect(loaded).toEqual([]);
    });
  });

  describe.each([
    { card: 'virtio', cable: 'virtio, MTU 1,500', size: '20' },
    { card: 'virtio-64k', cable: 'virtio, MTU 65,520', size: '20' },
    { card: 'ne2k', cable: 'NE2000, MTU 1,500', size: '5' },
  ])('network card $card', ({ card, cable, size }) => {
    test('moves megabytes both ways and shows how fast', async () => {
      const { page, up } = await open({ hash: `#${card}` });
      await up();
      expect(await page.locator('#cable').textContent()).toBe(cable);
      await page.getByRole('button', { name: `Download ${size} MB in the guest` }).click();
      await page.locator('#rate-down[data-done]', { hasText: 'bit/s' }).waitFor();
      const row = page.locator('#requests li', { hasText: `GET /${size}MB` });
      expect(await row.textContent()).toMatch(new RegExp(`200, ${size}\\..* MB in .*bit/s`));
      await page.getByRole('button', { name: `Fetch ${size} MB from the guest` }).click();
      // An NE2000 of v86 now and then begins to lose every other frame of the guest, before they are on the
      // cable: then the page says so.
      const outcome = card === 'ne2k' ? /bit\/s$|Nothing has come/ : /bit\/s$/;
      await page.locator('#rate-up:not(:empty)', { hasText: outcome }).waitFor();
      await expect
        .poll(() => page.locator('#fetch-guest').isEnabled(), { timeout: 50_000 })
        .toBe(true);
      expect(await page.locator('#rate-up').textContent()).toMatch(outcome);
      const label = await page.locator('#throughput svg').getAttribute('aria-label');
      expect(label).toMatch(/to guest .*bit\/s, from guest .*bit\/s/);
    });
  });

  test('another card is another guest', async () => {
    const { page, up, run, sees } = await open();
    await up();
    await page.getByLabel('Network card').selectOption('ne2k');
    await page.locator('#cable', { hasText: 'NE2000' }).waitFor();
    await up();
    expect(new URL(page.url()).hash).toBe('#ne2k');
    await run('cat /sys/class/net/eth0/device/vendor');
    await sees('0x10ec');
  });

  test('a fetch that another card cuts off leaves the next guest alone', async () => {
    const { page, up } = await open();
    await up();
    const next = await page.evaluate(async () => {
      const button = document.getElementById('fetch-guest') as HTMLButtonElement;
      const card = document.getElementById('card') as HTMLSelectElement;
      button.click();
      card.value = 'ne2k';
      card.dispatchEvent(new Event('change'));
      // The fetch has failed by the next turn; the guest takes longer than that.
      await new Promise((done) => setTimeout(done));
      return {
        state: document.body.getAttribute('data-state'),
        canFetch: !button.disabled,
        rate: document.getElementById('rate-up')?.textContent,
      };
    });
    expect(next).toEqual({ state: 'starting', canFetch: false, rate: '' });
    await up();
    expect(await page.locator('#fetch-guest').isEnabled()).toBe(true);
  });

  test('packets can be opened and saved', async () => {
    const { page, up } = await open();
    await up();
    const packets = page.locator('#packets .packet');
    await packets.filter({ hasText: 'FIN' }).first().waitFor();
    await packets.filter({ hasText: /→ 80 \[SYN\]/ }).click();
    const detail = page.getByRole('region', { name: 'Packet', exact: true });
    expect(await detail.locator('summary').allTextContents()).toEqual(['Ethernet', 'IPv4', 'TCP']);
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Save as pcapng' }).click(),
    ]);
    const capture = readPcapng(await bytesOf(download));
    expect(capture.interfaces.map(({ name }) => name)).toEqual(['page', 'guest']);
    expect(capture.packets).toHaveLength(await packets.count());
  });

  test('works where it is not isolated, in a folder of a host', async () => {
    const { up, run, sees } = await open({ isolated: false, under: '/some/folder/' });
    await up();
    await run('wget -q -O - http://page/');
    await sees('Hello from the web page around you!');
  });

  test('fits a phone, and every control has a name and can be reached by keyboard', async () => {
    const { page, up } = await open({ viewport: { width: 390, height: 844 } });
    await up();
    const [overflow, nameless] = await page.evaluate(() => [
      document.documentElement.scrollWidth - document.documentElement.clientWidth,
      Array.from(
        document.querySelectorAll<HTMLInputElement>('button, input, select, textarea, iframe'),
      )
        .filter((one) => !one.textContent?.trim() && !one.labels?.length)
        .filter((one) => !one.ariaLabel && !one.title)
        .map(({ id }) => id),
    ]);
    expect(overflow).toBe(0);
    expect(nameless).toEqual([]);
    const reached = new Set<string>();
    for (let n = 0; n < 24; n++) {
      await page.keyboard.press('Tab');
      const id = await page.evaluate(() => document.activeElement?.id ?? '');
      reached.add(id);
      // Tab is the shell's; Escape lets it go.
      if (id === 'terminal-input') await page.keyboard.press('Escape');
    }
    const transfers = ['download-guest', 'fetch-guest'];
    const list = ['pause', 'clear', 'download', 'packets'];
    expect([...reached]).toEqual(
      expect.arrayContaining(['card', 'boot', 'terminal-input', 'browser-address']),
    );
    expect([...reached]).toEqual(expect.arrayContaining([...transfers, ...list]));
  });
});
