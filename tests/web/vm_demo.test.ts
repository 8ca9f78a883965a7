// SPDX-License-Identifier: MIT
// vm_demo.test - the page of web/vm/ in Chromium: guests start, both ends serve and fetch, people type and click

import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { readPcapng } from '../helpers/pcapng.ts';
import { bytesOf } from './browser.ts';
import { BOOT, go, useVmPage, whyNot } from './vm_page.ts';

describe.skipIf(whyNot !== undefined)('the page of the VMs', () => {
  const open = useVmPage();

  describe('starting', () => {
    test('goes on from a state, the second time out of the cache of the browser', async () => {
      const { page, up, startTime, shown, tab } = await open();
      const loaded: string[] = [];
      page.on('request', (request) => loaded.push(new URL(request.url()).pathname));
      await up();
      await tab('Web');
      await shown.getByRole('heading', { name: 'Hello from alpha' }).waitFor();
      // Both guests want it.
      expect(loaded.filter((path) => /\.state$/.test(path))).toHaveLength(1);
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
      'from scratch boots one guest, while the other one goes on',
      async () => {
        const { page, up, run, sees } = await open();
        await up();
        await page.getByRole('button', { name: 'Boot from scratch: alpha' }).click();
        await page.locator('.guest.alpha .state', { hasText: 'booting' }).waitFor();
        await sees('Linux version');
        await run('wget -q -O - http://page/', 'beta');
        await sees('Hello from the web page around you!', 'beta');
        await page.waitForSelector('[data-state=up]', { timeout: BOOT });
        expect(await page.locator('#status').textContent()).toMatch(/^Linux has booted/);
        await run('ping -c 1 alpha', 'beta');
        await sees('1 packets received, 0% packet loss', 'beta');
      },
      BOOT,
    );

    test('says what is missing, and tries again', async () => {
      const { page, up, complaints } = await open();
      await up();
      await page.context().route(/\.state$/, (route) => route.fulfill({ status: 404, body: '' }));
      await page.getByLabel('Network card').selectOption('ne2k');
      await page.waitForSelector('[data-state=failed]');
      expect(await page.locator('#status').textContent()).toMatch(
        /Cannot load guest\/ne2k-.*\.state: 404/,
      );
      await expect.poll(() => complaints.splice(0).length).toBeGreaterThan(0);
      await page.context().unroute(/\.state$/);
      await page.getByRole('button', { name: 'Try again' }).click();
      await up();
      // The other guest may have met it later.
      complaints.length = 0;
    });
  });

  test('the console has an editor, and the stack is there for ping', async () => {
    const opened = await open();
    const { page, up, run, sees, shown, tab } = opened;
    await up();
    await tab('Web');
    await run('ping -c 2 page');
    await sees('2 packets received, 0% packet loss');
    await run('vi /srv/index.html');
    await sees('<!doctype html>');
    await page.keyboard.type(':1,$d\ni<h1>Written in vi</h1>');
    await page.keyboard.press('Escape');
    // It is back from inserting; what comes too soon after Escape belongs to it.
    await sees(/^- .*Modified/);
    await page.keyboard.type(':wq\n');
    await sees(/^alpha:\/#\s*$/);
    await go(opened, 'alpha');
    await shown.getByRole('heading', { name: 'Written in vi' }).waitFor();
  });

  describe('the web server of the page', () => {
    test('answers the guest, and shows what was asked', async () => {
      const { page, up, run, sees, tab } = await open();
      await up();
      await tab('Web');
      const request = (line: string) => page.locator('#requests li', { hasText: line }).first();
      await run('wget -q -O - http://page/');
      await sees('Hello from the web page around you!');
      await request('GET /').waitFor();
      expect(await request('GET /').textContent()).toMatch(/alpha, Wget200, \d+ B in .*s$/);
      await run('wget -q -O - --post-data "hi there" http://10.0.0.1/');
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
      const { page, up, finish, shown, tab } = opened;
      await up();
      await tab('Web');
      await shown.getByRole('link', { name: 'How alpha is' }).click();
      await shown.getByRole('heading', { name: /^alpha, / }).waitFor();
      expect(await page.getByLabel('Address', { exact: true }).inputValue()).toBe(
        'http://alpha/cgi-bin/status',
      );
      await page.getByRole('button', { name: 'beta', exact: true }).click();
      await shown.getByRole('heading', { name: 'Hello from beta' }).waitFor();
      await finish('echo "<h1>Changed</h1>" >/srv/index.html');
      await go(opened, 'alpha');
      await shown.getByRole('heading', { name: 'Changed' }).waitFor();
      expect(await page.getByLabel('Address', { exact: true }).inputValue()).toBe('http://alpha/');
      await go(opened, 'alpha/nothing');
      await page.locator('#browser-note', { hasText: '404' }).waitFor();
      await go(opened, 'http://alpha:81/');
      await page.locator('#browser-note.bad', { hasText: 'refused' }).waitFor();
      await go(opened, 'https://alpha/');
      await page.locator('#browser-note.bad', { hasText: 'only http:' }).waitFor();
    });

    test('runs no scripts of them and loads nothing from anywhere else', async () => {
      const opened = await open();
      const { page, up, finish, shown, complaints, tab } = opened;
      await up();
      await tab('Web');
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
      await go(opened, 'alpha/a.html');
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
    { card: 'virtio', mtu: '1500', size: '20' },
    { card: 'virtio-64k', mtu: '65520', size: '20' },
    { card: 'ne2k', mtu: '1500', size: '5' },
  ])('network card $card', ({ card, mtu, size }) => {
    test(
      'moves megabytes between page and guest, and from guest to guest, and shows how fast',
      async () => {
        const { page, up, tab, run, sees } = await open({ hash: `#${card}` });
        await up();
        await run('cat /sys/class/net/eth0/mtu', 'beta');
        await sees(new RegExp(`^${mtu}$`), 'beta');
        await tab('Web');
        const row = page.locator('#requests li', { hasText: `GET /${size}MB` });
        await tab('Speed');
        // An NE2000 of v86 now and then begins to lose every other frame of a guest, before they are on the
        // cable: then the page says so, or TCP takes its time.
        const outcome = card === 'ne2k' ? /bit\/s$|Nothing has come/ : /bit\/s$/;
        await page.getByRole('button', { name: `alpha gets ${size} MB from the page` }).click();
        await page.locator('#rate-down[data-done]', { hasText: 'bit/s' }).waitFor();
        expect(await row.textContent()).toMatch(new RegExp(`200, ${size}\\.. MB in .*bit/s`));
        await page.getByRole('button', { name: `The page gets ${size} MB from alpha` }).click();
        await page.locator('#rate-up:not(:empty)', { hasText: outcome }).waitFor();
        await expect
          .poll(() => page.locator('#move-up').isEnabled(), { timeout: 50_000 })
          .toBe(true);
        expect(await page.locator('#rate-up').textContent()).toMatch(outcome);
        await page.getByRole('button', { name: `beta gets ${size} MB from alpha` }).click();
        const across = card === 'ne2k' ? '#rate-across:not(:empty)' : '#rate-across[data-done]';
        await page.locator(across, { hasText: 'bit/s' }).waitFor();
        const label = await page.locator('#throughput svg').getAttribute('aria-label');
        expect(label).toMatch(/alpha .*bit\/s, beta .*bit\/s/);
      },
      BOOT,
    );
  });

  test('another card is another network with other guests', async () => {
    const { page, up, run, sees } = await open();
    await up();
    await page.getByLabel('Network card').selectOption('ne2k');
    await page.waitForSelector('[data-state=starting]');
    await up();
    expect(new URL(page.url()).hash).toBe('#ne2k');
    await run('cat /sys/class/net/eth0/device/vendor', 'beta');
    await sees('0x10ec', 'beta');
  });

  test('a fetch that another card cuts off leaves the next guest alone', async () => {
    const { page, up } = await open();
    await up();
    const next = await page.evaluate(async () => {
      const button = document.getElementById('move-up') as HTMLButtonElement;
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
    expect(await page.locator('#move-up').isEnabled()).toBe(true);
  });

  test('packets can be opened and saved', async () => {
    const { page, up, tab } = await open();
    await up();
    await tab('Packets');
    const packets = page.locator('#packets .packet');
    await packets.filter({ hasText: 'FIN' }).first().waitFor();
    await packets
      .filter({ hasText: /→ 80 \[SYN\]/ })
      .first()
      .click();
    const detail = page.getByRole('region', { name: 'Packet', exact: true });
    expect(await detail.locator('summary').allTextContents()).toEqual(['Ethernet', 'IPv4', 'TCP']);
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Save as pcapng' }).click(),
    ]);
    const capture = readPcapng(await bytesOf(download));
    expect(capture.interfaces.map(({ name }) => name)).toEqual(['alpha', 'beta', 'page']);
    expect(capture.packets).toHaveLength(await packets.count());
  });

  test('works where it is not isolated, in a folder of a host', async () => {
    const { page, up, run, sees } = await open({ isolated: false, under: '/some/folder/' });
    await up();
    expect(await page.locator('#status').textContent()).toMatch(/is not isolated/);
    await run('wget -q -O - http://page/');
    await sees('Hello from the web page around you!');
  });
});
