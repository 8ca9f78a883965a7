// SPDX-License-Identifier: MIT
// browser - pages of web/ opened in Chromium, for tests that click through them

import type { Download, Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, onTestFinished } from 'vitest';
import { launch } from '../../tools/page/browsers.mjs';
import { serve } from '../../tools/page/serve.mjs';
import { buildPage, PAGE } from '../../tools/page/web.mjs';

/** Functions of an open page. */
export interface TryPage {
  readonly page: Page;
  /** Waits for a state of the page. */
  state(name: string): Promise<void>;
  /** A counter. */
  value(id: string): Promise<number>;
  /** Packets of the list whose line says something. */
  packets(line?: RegExp): Locator;
  /** Waits for a counter to be at least so much. */
  atLeast(id: string, value: number): Promise<void>;
}

/** Ways to open it. */
export interface OpenOptions {
  readonly isolated?: boolean;
  readonly viewport?: { width: number; height: number };
  /** Part of the address behind the slash. */
  readonly hash?: string;
  /** Folder of the host it lies in. */
  readonly under?: string;
  /** A folder with another build of it. */
  readonly build?: string;
}

/**
 * Serves a build of a page and opens it in a browser, until the running test ends. Output of the page on the
 * console counts as complaints; a test that expects some removes them.
 */
export async function openPage(
  browser: Awaited<ReturnType<typeof launch>>,
  { isolated = true, viewport, hash = '', under = '/', build = PAGE }: OpenOptions,
): Promise<{ page: Page; complaints: string[] }> {
  const server = await serve({ mounts: { [under]: build }, isolated });
  onTestFinished(() => server.close());
  const complaints: string[] = [];
  const { page } = await browser.open(new URL(`${under}${hash}`, server.url).href, {
    viewport,
    onConsole: (text: string) => complaints.push(text),
  });
  onTestFinished(async () => {
    await page.close();
    // The page says nothing on the console, and no promise of it goes astray.
    expect(complaints).toEqual([]);
  });
  page.setDefaultTimeout(60_000);
  return { page, complaints };
}

/** Builds the page and starts a browser for the tests of a file; gives what opens the page. */
export function usePage(): (options?: OpenOptions) => Promise<TryPage> {
  let browser: Awaited<ReturnType<typeof launch>>;
  beforeAll(async () => {
    await buildPage();
    browser = await launch('chromium');
  });
  afterAll(() => browser.close());

  return async (options = {}) => {
    const { page } = await openPage(browser, options);
    const value = async (id: string): Promise<number> =>
      Number(await page.locator(`#${id}`).getAttribute('value'));
    return {
      page,
      state: async (name) => void (await page.waitForSelector(`[data-state=${name}]`)),
      packets: (line = /./) => page.locator('#packets .packet', { hasText: line }),
      value,
      atLeast: async (id, least) => {
        await page.waitForFunction(
          ({ id, least }: { id: string; least: number }) =>
            Number(document.getElementById(id)?.getAttribute('value')) >= least,
          { id, least },
        );
      },
    };
  };
}

/** The bytes of a download. */
export async function bytesOf(download: Download): Promise<Uint8Array> {
  const stream = await download.createReadStream();
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return new Uint8Array(Buffer.concat(chunks));
}
