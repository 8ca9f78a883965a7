// SPDX-License-Identifier: MIT
// opened_wrong.test - messages when a page is opened as a file, or served on a port that is taken

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import { findBrowser, launch } from '../../tools/page/browsers.mjs';
import { serve } from '../../tools/page/serve.mjs';
import { ROOT } from '../rules/files.ts';

const PAGES = [
  ['web/index.html', 'make web'],
  ['web/vm/index.html', 'make vm-demo'],
  ['bench/page/index.html', 'make bench-page'],
] as const;

/** The page's message that it was opened as a file, or '' if that is hidden. */
const said = (): string => {
  const note = document.getElementById('from-file');
  return !note || note.hidden ? '' : note.innerText;
};

describe.each(['chromium', 'firefox'])('%s', (name) => {
  test.skipIf(!findBrowser(name)).each(PAGES)(
    '%s says what to do as a file, and nothing from a server.',
    async (page, goal) => {
      const browser = await launch(name);
      const server = await serve({ mounts: { '/': ROOT } });
      onTestFinished(async () => {
        await browser.close();
        await server.close();
      });
      const opened = await browser.open(pathToFileURL(join(ROOT, page)).href);
      expect(await opened.evaluate(said)).toContain(`Run ${goal} and open`);
      await opened.close();
      const served = await browser.open(server.url + page);
      expect(await served.evaluate(said)).toBe('');
      await served.close();
    },
  );
});

test('A port that is taken is named, with what to do.', async () => {
  const server = await serve({ mounts: { '/': ROOT } });
  onTestFinished(() => server.close());
  const { port } = new URL(server.url);
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(ROOT, 'tools/page/serve.mjs'), ROOT],
    { encoding: 'utf8', env: { ...process.env, PORT: port } },
  );
  expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
  expect(stderr).toBe(
    `Port ${port} of 127.0.0.1 is in use: end what listens there, or say PORT=${Number(port) + 1}\n`,
  );
});
