// SPDX-License-Identifier: MIT
// pages_gone.test - what tests/everywhere is told of a page that crashes, closes, loops or waits

import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { launch } from '../../tools/page/browsers.mjs';
import { explainSilence } from '../everywhere/hosts.ts';

let browser: Awaited<ReturnType<typeof launch>>;
beforeAll(async () => {
  browser = await launch('chromium');
});
afterAll(() => browser.close());

test('A page that crashes or is closed says so.', async () => {
  const page = await browser.open('about:blank');
  onTestFinished(() => page.close());
  // It never settles: no page is there that has loaded.
  page.page.goto('chrome://crash').catch(() => {});
  expect(await page.gone).toBe('The page crashed');
  const other = await browser.open('about:blank');
  await other.close();
  expect(await other.gone).toBe('The page was closed');
});

test('A silent page is told from one whose event loop stands still.', async () => {
  const page = await browser.open('about:blank');
  onTestFinished(() => page.close());
  expect(await explainSilence(page)).toBe('the event loop of the page turns');
  await page.evaluate(() => {
    const loop = () => {
      for (;;);
    };
    setTimeout(loop, 0);
  });
  expect(await explainSilence(page, 500)).toBe('the event loop of the page stands still');
});
