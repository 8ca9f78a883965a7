// SPDX-License-Identifier: MIT
// bench_pages.test - the cells in browsers: those that are installed, isolated or not; the page by hand

import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { Pages } from '../../bench/lib/pages.mjs';
import { Runtimes } from '../../bench/lib/runtimes.mjs';
import { pageCells, runtimeCells } from '../../bench/suite_runtimes.mjs';
import { findBrowser, launch } from '../../tools/page/browsers.mjs';
import { serve } from '../../tools/page/serve.mjs';
import { ROOT } from '../rules/files.ts';

/** To start a browser on a machine that does much else takes its time. */
const TIMEOUT = 120_000;
const LIMITS = { warm: 20, timed: 40, tail: 65536 };

interface Outcome {
  metrics?: Record<string, number>;
  error?: string;
}

const ids = (cells: readonly { id: string }[]): string[] => cells.map(({ id }) => id);

describe('the cells', () => {
  test("are Node's own first, then the same elsewhere", () => {
    const all = ids(runtimeCells());
    expect(all.slice(0, 2)).toEqual(['net/stream1-native', 'net/rr']);
    expect(new Set(all).size).toBe(all.length);
    const like = runtimeCells().flatMap((cell) => ('like' in cell ? [cell.like] : []));
    expect(like.filter((id) => !all.includes(id as string))).toEqual([]);
  });

  test('of a page that is not isolated have no engine in a thread', () => {
    expect(ids(pageCells(false)).filter((id) => id.startsWith('engine'))).toEqual([]);
    expect(ids(pageCells(true)).filter((id) => id.startsWith('engine'))).not.toEqual([]);
    expect(ids(runtimeCells({ rows: ['chromium-bare', 'firefox-bare'] }))).toHaveLength(8);
  });

  test('of a program that is not there are skipped', async () => {
    const runtimes = new Runtimes();
    vi.stubEnv('DENO', '/nowhere/deno');
    const [cell] = runtimeCells({ rows: ['deno-tap'] });
    expect(await runtimes.run(cell)).toEqual({
      skipped: 'not here: deno; make test-everywhere installs it',
    });
    vi.unstubAllEnvs();
  });
});

describe.each(['chromium', 'firefox'])('%s', (name) => {
  const pages = new Pages();
  afterAll(() => pages.close());

  test.skipIf(!findBrowser(name)).each([
    [`${name}-tap-1500/stream1-byob`, 'gbps'],
    [`${name}-engine-1500/stream1-ring`, 'gbps'],
    [`${name}-bare-tap-1500/rr`, 'perS'],
  ])(
    '%s gives %s',
    async (id, metric) => {
      const cell = runtimeCells().find((one) => one.id === id);
      const task = { ...cell, params: { ...cell?.params, ...LIMITS }, round: 0 };
      const { metrics, error } = (await pages.run(task, TIMEOUT)) as Outcome;
      expect(error).toBeUndefined();
      expect(metrics?.[metric]).toBeGreaterThan(0);
    },
    TIMEOUT,
  );

  test.skipIf(!findBrowser(name))(
    'a cell that hangs ends with the browser, and the next one has another',
    async () => {
      const [cell] = runtimeCells({ rows: [`${name}-tap`] });
      const forever = { ...cell, params: { ...cell?.params, warm: 1e9 } };
      const { error } = (await pages.run(forever, 1000)) as Outcome;
      expect(error).toContain('not done after 1 s');
      const task = { ...cell, params: { ...cell?.params, ...LIMITS } };
      expect((await pages.run(task, TIMEOUT)) as Outcome).toHaveProperty('metrics');
    },
    TIMEOUT,
  );
});

describe.skipIf(!findBrowser('chromium'))('by hand', () => {
  let server: { url: string; close(): Promise<unknown> };
  let browser: Awaited<ReturnType<typeof launch>>;
  beforeAll(async () => {
    server = await serve({ mounts: { '/': ROOT }, isolated: false });
    browser = await launch('chromium');
  }, TIMEOUT);
  afterAll(async () => {
    await browser?.close();
    await server?.close();
  });

  test(
    'one column is measured, shown, and can be kept',
    async () => {
      const page = (await browser.open(`${server.url}bench/page/`)).page as unknown as Page;
      expect(await page.textContent('#where')).toContain('not isolated');
      for (const column of ['stream1-default', 'stream1-byob', 'stream1-ring']) {
        await page.uncheck(`input[value="${column}"]`);
      }
      await page.fill('#rounds', '1');
      await page.click('#run');
      await page.waitForSelector('#results td');
      const cells = await page.locator('#results td').allTextContents();
      expect(cells.filter((text) => text !== '').length).toBeGreaterThanOrEqual(2);
      const [download] = await Promise.all([page.waitForEvent('download'), page.click('#save')]);
      expect(download.suggestedFilename()).toMatch(/^ringstack-[-\d]+\.json$/);
    },
    TIMEOUT,
  );
});
