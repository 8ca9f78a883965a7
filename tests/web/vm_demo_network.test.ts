// SPDX-License-Identifier: MIT
// vm_demo_network.test - the page of web/vm/ in Chromium: guests find each other, the way out, phone, desktop, keyboard

import { describe, expect, test } from 'vitest';
import { useVmPage, whyNot } from './vm_page.ts';
import { hostServer, wispServer } from './wisp_server.ts';

describe.skipIf(whyNot !== undefined)('the network of the page of the VMs', () => {
  const open = useVmPage();

  describe('two guests on one network', () => {
    test('have addresses by DHCP, and ping and fetch from each other by name', async () => {
      const { page, up, run, sees, tab } = await open();
      await up();
      expect(await page.locator('#node-alpha .address').textContent()).toBe('10.0.0.2');
      expect(await page.locator('#node-beta .address').textContent()).toBe('10.0.0.3');
      await run('ip -4 addr show dev eth0; cat /sys/class/net/eth0/address', 'beta');
      await sees('inet 10.0.0.3/24', 'beta');
      await sees('02:00:00:00:00:0b', 'beta');
      await run('ping -c 2 beta');
      await sees('2 packets received, 0% packet loss');
      await run('ping -c 2 alpha.internal', 'beta');
      await sees('2 packets received, 0% packet loss', 'beta');
      await run('wget -q -O - http://beta/ | grep h1');
      await sees('Hello from beta');
      await run('wget -q -O - http://alpha/ | grep h1', 'beta');
      await sees('Hello from alpha', 'beta');

      const row = (table: string, ...texts: string[]) =>
        texts.reduce(
          (rows, text) => rows.filter({ hasText: text }),
          page.locator(`#${table} tbody tr`),
        );
      await tab('Network');
      await row('leases', 'alpha', '10.0.0.2', '02:00:00:00:00:0a').waitFor();
      await row('leases', 'beta', '10.0.0.3').waitFor();
      await row('queries', 'beta.internal', 'alpha', '10.0.0.3').first().waitFor();
      await row('queries', 'alpha.internal', 'beta', '10.0.0.2').first().waitFor();
      await row('flows', 'alpha → beta', 'Ping', '112 B / 112 B').waitFor();
      await row('flows', 'beta → alpha', 'HTTP', 'closed').waitFor();

      await tab('Packets');
      const packets = page.locator('#packets .packet');
      const seen = (way: string, protocol: string, info: RegExp) =>
        packets
          .filter({ hasText: way })
          .filter({ hasText: protocol })
          .filter({ hasText: info })
          .first()
          .waitFor();
      await seen('beta → all', 'DHCP', /Request from 02:00:00:00:00:0b/);
      await seen('alpha → page', 'DNS', /Query A beta/);
      await seen('alpha → beta', 'ICMP', /Echo request/);
      await seen('beta → alpha', 'TCP', /→ 80 \[SYN\]/);
    });

    test('show their rates on the map', async () => {
      const { page, up, run } = await open();
      await up();
      await run('wget -q -O /dev/null http://alpha/20MB', 'beta');
      await page.locator('#wire-beta .to', { hasText: 'Mbit/s' }).waitFor();
      await page.locator('#wire-alpha .from', { hasText: 'Mbit/s' }).waitFor();
    });
  });

  describe('the way out', () => {
    test('is closed until a host is allowed through a Wisp server; then a guest reaches it by name', async () => {
      const { page, up, run, sees, tab } = await open();
      const server = await wispServer(await hostServer());
      await up();
      await run('wget -O - http://www.example.com/');
      await sees("bad address 'www.example.com'");
      await page.getByRole('button', { name: 'Allow a host' }).click();
      const refusals = page.getByRole('list', { name: 'Refused lately' });
      await refusals.getByText('www.example.com').waitFor();
      await page.getByLabel('Through').selectOption('wisp');
      await page.getByLabel('Its address').fill(server.url);
      await page.keyboard.press('Enter');
      await page.locator('#way-note', { hasText: server.url }).waitFor();
      // Named and refused: one click allows it.
      await refusals.getByRole('button', { name: 'Allow www.example.com' }).click();
      const allowed = page.getByRole('list', { name: 'Allowed hosts' });
      await allowed.getByText('www.example.com').waitFor();
      await page.locator('#node-outside', { hasText: '1 host allowed' }).waitFor();
      await run('wget -q -O - http://www.example.com/');
      await sees('You have reached www.example.com');
      expect(server.hosts).toEqual(['www.example.com:80']);
      await tab('Network');
      const flow = page.locator('#flows tbody tr', { hasText: 'alpha → www.example.com' });
      await flow.filter({ hasText: 'HTTP' }).waitFor();
      await run('wget -O - http://other.example.com/');
      await sees("bad address 'other.example.com'");
      await tab('Way out');
      await page.getByRole('button', { name: 'Remove www.example.com' }).click();
      await page.locator('#node-outside', { hasText: '0 hosts allowed' }).waitFor();
      await run('wget -O /tmp/no http://www.example.com/');
      await sees("bad address 'www.example.com'");
      expect(server.hosts).toHaveLength(1);
    });

    test('is fetch() of the browser, for HTTP of an allowed host', async () => {
      const { page, up, run, sees, tab } = await open();
      await page.context().route('http://www.example.com/**', (route) =>
        route.fulfill({
          headers: { 'access-control-allow-origin': '*' },
          body: `Fetched ${new URL(route.request().url()).pathname}\n`,
        }),
      );
      await up();
      await tab('Way out');
      await page.getByLabel('Through').selectOption('fetch');
      await page.locator('#way-note', { hasText: 'fetch()' }).waitFor();
      await page.getByLabel('Host', { exact: true }).fill('www.example.com');
      await page.keyboard.press('Enter');
      await page.locator('#node-outside', { hasText: '1 host allowed, by fetch()' }).waitFor();
      await run('wget -q -O - http://www.example.com/some/file', 'beta');
      await sees('Fetched /some/file', 'beta');
      await run('nc www.example.com 25 </dev/null || echo "port 25: $((20 + 5))"', 'beta');
      await sees('port 25: 25', 'beta');
      const refusals = page.getByRole('list', { name: 'Refused lately' });
      await refusals.getByText('fetch() reaches HTTP alone').waitFor();
    });

    test('says what is wrong with a host or an address', async () => {
      const { page, up, tab } = await open();
      await up();
      await tab('Way out');
      await page.getByLabel('Host', { exact: true }).fill('10.0.0');
      await page.keyboard.press('Enter');
      await page.locator('#allow-note.bad', { hasText: '10.0.0' }).waitFor();
      await page.getByLabel('Through').selectOption('wisp');
      await page.getByLabel('Its address').fill('example.com');
      await page.getByRole('button', { name: 'Use it' }).click();
      await page.locator('#way-note.bad', { hasText: 'must be a URL' }).waitFor();
      expect(await page.locator('#node-outside').textContent()).toContain('nothing leaves');
    });
  });

  test('fits a phone, in every panel, and every control has a name', async () => {
    const { page, up, tab } = await open({ viewport: { width: 360, height: 740 } });
    await up();
    for (const name of ['Network', 'Packets', 'Web', 'Way out', 'Speed']) {
      await tab(name);
      const [overflow, nameless] = await page.evaluate(() => [
        document.documentElement.scrollWidth - document.documentElement.clientWidth,
        Array.from(
          document.querySelectorAll<HTMLInputElement>('button, input, select, textarea, iframe'),
        )
          .filter((one) => !one.textContent?.trim() && !one.labels?.length)
          .filter((one) => !one.ariaLabel && !one.title)
          .map(({ id }) => id),
      ]);
      expect(overflow, name).toBe(0);
      expect(nameless).toEqual([]);
    }
  });

  test('fits one screen of a desktop, in every panel', async () => {
    const { page, up, tab } = await open({ viewport: { width: 1366, height: 768 } });
    await up();
    for (const name of ['Network', 'Packets', 'Web', 'Way out', 'Speed']) {
      await tab(name);
      const overflow = await page.evaluate(() => [
        document.documentElement.scrollHeight - document.documentElement.clientHeight,
        document.documentElement.scrollWidth - document.documentElement.clientWidth,
      ]);
      expect(overflow, name).toEqual([0, 0]);
    }
  });

  test('is used by keyboard alone: consoles are left, tabs are moved through, a host is allowed', async () => {
    const { page, up, sees } = await open();
    await up();
    const focused = () =>
      page.evaluate(() => {
        const { id, ariaLabel, textContent } = document.activeElement ?? {};
        return id || ariaLabel || textContent?.trim() || '';
      });
    /** Moves on by Tab until something has the focus; returns what had it on the way. */
    const tabTo = async (wanted: string): Promise<string[]> => {
      const passed: string[] = [];
      for (let n = 0; n < 30; n++) {
        await page.keyboard.press('Tab');
        const at = await focused();
        passed.push(at);
        if (at === wanted) return passed;
        // Tab is the shell's; Escape lets it go.
        if (at.startsWith('Console of')) await page.keyboard.press('Escape');
      }
      throw new Error(`${wanted} is not reached: ${passed.join(', ')}`);
    };
    expect(await tabTo('Console of alpha')).toEqual([
      ...['card', 'open-outside', 'Boot from scratch: alpha', 'Console of alpha'],
    ]);
    await page.keyboard.type('echo "$((6 * 7)) typed"\n');
    await sees('42 typed');
    // Backwards without Escape, then on.
    await page.keyboard.press('Shift+Tab');
    expect(await focused()).toBe('Boot from scratch: alpha');
    expect(await tabTo('tab-network')).toContain('Console of beta');
    const order = ['tab-packets', 'tab-web', 'tab-outside', 'tab-speed', 'tab-network'];
    for (const name of order) {
      await page.keyboard.press('ArrowRight');
      expect(await focused()).toBe(name);
      const panel = name.replace('tab', '#panel');
      expect(await page.locator(panel).isVisible()).toBe(true);
    }
    expect(await tabTo('flows')).toEqual(['leases', 'queries', 'flows']);
    await page.keyboard.press('Shift+Tab');
    await page.keyboard.press('Shift+Tab');
    await page.keyboard.press('Shift+Tab');
    await page.keyboard.press('End');
    await page.keyboard.press('ArrowLeft');
    expect(await focused()).toBe('tab-outside');
    await tabTo('allow-host');
    await page.keyboard.type('example.com:80\n');
    await page.getByRole('list', { name: 'Allowed hosts' }).getByText('example.com:80').waitFor();
    // The focus can be seen.
    const outline = await page.evaluate(() => {
      const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement as Element);
      return `${outlineStyle} ${outlineWidth}`;
    });
    expect(outline).toBe('solid 2px');
  });
});
