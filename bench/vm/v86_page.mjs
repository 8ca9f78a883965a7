// SPDX-License-Identifier: MIT
// v86_page - how long the page of `make vm-demo` takes until the guests in it answer, in Chromium

import { launch } from '../../tools/page/browsers.mjs';
import { serve } from '../../tools/page/serve.mjs';
import { buildVmPage, VM_PAGE } from '../../tools/page/vm_demo.mjs';
import { Skip } from '../lib/skip.mjs';

export const title =
  'v86 in a page (`make vm-demo`): from opening it to the answers of both guests’ web servers, in Chromium';

/** ms, as the page shows it. */
async function startTime(page) {
  await page.waitForSelector('[data-state=up], [data-state=failed]', { timeout: 120_000 });
  const status = await page.locator('#status').textContent();
  if (!status.startsWith('Linux ')) throw new Error(`the guest did not start: ${status}`);
  return Number(await page.locator('#time').getAttribute('value'));
}

let version = '';

/** The rows of the table. */
export async function* rows() {
  await buildVmPage().catch((error) => {
    throw new Skip(error.message);
  });
  const browser = await launch('chromium').catch((error) => {
    throw new Skip(error.message);
  });
  version = browser.version;
  const server = await serve({ mounts: { '/': VM_PAGE }, isolated: true });
  try {
    const { page } = await browser.open(server.url, {});
    yield {
      label: 'the first time: its state is loaded',
      columns: { s: (await startTime(page)) / 1000 },
    };
    // It keeps the state when it has started.
    await page.waitForFunction(async () => {
      const keys = await (await caches.open('ringstack-vm')).keys();
      return keys.some(({ url }) => url.endsWith('.state'));
    });
    await page.reload();
    yield {
      label: 'the second time: out of the browser’s cache',
      columns: { s: (await startTime(page)) / 1000 },
    };
    await page.getByRole('button', { name: 'Boot from scratch: alpha' }).click();
    await page.waitForSelector('[data-state=starting]');
    yield {
      label: 'booting one guest from scratch',
      columns: { s: (await startTime(page)) / 1000 },
    };
  } finally {
    await browser.close();
    await server.close();
  }
}

/** Programs that take part, with versions. */
export const versions = () => [version];
