// SPDX-License-Identifier: MIT
// vm_page - the page of web/vm/ opened in Chromium, for tests that click and type
//
// The guests are made of packages of Debian; where they cannot be fetched the tests are skipped, and the
// report says why. CI fails instead.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { guestFiles } from '../../tools/guest/vm_demo_guest.mjs';
import { launch } from '../../tools/page/browsers.mjs';
import { buildVmPage } from '../../tools/page/vm_demo.mjs';
import { type OpenOptions, openPage } from './browser.ts';

/** ms for fetching the guest and booting it once with each card. */
const BUILD = 600_000;
export const BOOT = 300_000;

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

/** Why the page cannot be had here; undefined: it can. */
export const whyNot = findWhyNot();
if (whyNot !== undefined) test.skip(`the page of the VMs: ${whyNot}`);

type Name = 'alpha' | 'beta';

/** An open page. */
export interface Opened {
  readonly page: Page;
  /** Output on the console of the browser. */
  readonly complaints: string[];
  /** Waits for both guests to have answered. */
  up(): Promise<void>;
  /** ms that took, as the page shows them. */
  startTime(): Promise<number>;
  /** Shows a panel. */
  tab(name: string): Promise<void>;
  /** Types a line into the console of a guest. */
  run(line: string, guest?: Name): Promise<void>;
  /** Does that, and waits until the command has ended. */
  finish(line: string, guest?: Name): Promise<void>;
  /** Waits for a line of the console of a guest. */
  sees(line: string | RegExp, guest?: Name): Promise<void>;
  /** The document in the page's browser. */
  readonly shown: ReturnType<Page['frameLocator']>;
}

/** Builds the page and starts a browser for the tests of a file; gives what opens the page. */
export function useVmPage(): (options?: OpenOptions) => Promise<Opened> {
  let browser: Awaited<ReturnType<typeof launch>>;
  let out: string;
  beforeAll(async () => {
    // Test files run side by side.
    out = await mkdtemp(join(tmpdir(), 'ringstack-vm-'));
    await buildVmPage({ out });
    browser = await launch('chromium');
  }, BUILD);
  afterAll(async () => {
    await browser?.close();
    await rm(out, { recursive: true });
  });

  return async (options = {}) => {
    const { page, complaints } = await openPage(browser, { ...options, build: out });
    const run = async (line: string, guest: Name = 'alpha'): Promise<void> => {
      await page.getByRole('textbox', { name: `Console of ${guest}` }).focus();
      await page.keyboard.type(line);
      await page.keyboard.press('Enter');
    };
    const sees = (line: string | RegExp, guest: Name = 'alpha'): Promise<void> =>
      page
        .locator(`.guest.${guest} .history > div, .guest.${guest} .rows > div`)
        .filter({ hasText: line })
        .first()
        .waitFor();
    let commands = 0;
    const opened: Opened = {
      page,
      complaints,
      up: async () => {
        await page.waitForSelector('[data-state=up], [data-state=failed]');
        expect(await page.locator('#status').textContent()).toMatch(/^Linux /);
      },
      startTime: async () => Number(await page.locator('#time').getAttribute('value')),
      tab: (name) => page.getByRole('tab', { name }).click(),
      run,
      sees,
      finish: async (line, guest = 'alpha') => {
        commands++;
        await run(`${line}; echo "ended $((100 + ${commands}))"`, guest);
        await sees(`ended ${100 + commands}`, guest);
      },
      shown: page.frameLocator('#browser-frame'),
    };
    return opened;
  };
}

/** Opens an address in the browser of the page. */
export async function go({ page }: Opened, address: string): Promise<void> {
  await page.getByLabel('Address', { exact: true }).fill(address);
  await page.keyboard.press('Enter');
}
