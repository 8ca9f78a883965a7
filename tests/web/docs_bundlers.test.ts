// SPDX-License-Identifier: MIT
// docs_bundlers.test - the page without a bundler of docs/bundlers.md, and its security policy
//
// The bundlers themselves: tests/package/.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { findBrowser, launch } from '../../tools/page/browsers.mjs';
import { serve } from '../../tools/page/serve.mjs';
import { blocksOf } from '../rules/blocks.ts';
import { ROOT, read } from '../rules/files.ts';

const blocks = blocksOf('docs/bundlers.md', read(ROOT, 'docs/bundlers.md'));
const PAGE = blocks.find(({ language }) => language === 'html')?.source ?? '';

describe.each(['chromium', 'firefox'])('%s', (name) => {
  let browser: Awaited<ReturnType<typeof launch>>;
  const isThere = findBrowser(name) !== undefined;
  beforeAll(async () => {
    if (isThere) browser = await launch(name);
  }, 60_000);
  afterAll(() => browser?.close());

  /** Last output of the page: the engine, or an error. */
  async function run(headers: Readonly<Record<string, string>> = {}): Promise<string> {
    const folder = mkdtempSync(join(tmpdir(), 'ringstack-pages-'));
    const catching = PAGE.replace(
      'await createStack()',
      "await createStack().catch(() => ({ engine: 'error' }))",
    );
    writeFileSync(join(folder, 'index.html'), catching);
    const dist = join(ROOT, 'dist');
    const mounts = { '/': folder, '/node_modules/ringstack/dist/': dist };
    const server = await serve({ mounts, headers });
    let found = (_line: string): void => {};
    const line = new Promise<string>((resolve) => {
      found = resolve;
    });
    const onConsole = (text: string): void => {
      if (/^(?:inline|worker|error)$/.test(text)) found(text);
    };
    const page = await browser.open(server.url, { onConsole });
    onTestFinished(async () => {
      await page.close();
      await server.close();
      rmSync(folder, { recursive: true });
    });
    return line;
  }

  const policy = (...parts: readonly string[]): Readonly<Record<string, string>> => ({
    'content-security-policy': ["default-src 'none'", ...parts].join('; '),
  });
  const SCRIPT = "script-src 'self' 'unsafe-inline'";
  const MODULE = `${SCRIPT} 'wasm-unsafe-eval'`;
  const FETCH = "connect-src 'self'";

  describe.skipIf(!isThere)('the page', () => {
    test('runs', async () => expect(await run()).toBe('worker'));

    test('runs under a policy with all three sources', async () => {
      expect(await run(policy(MODULE, FETCH, "worker-src 'self'"))).toBe('worker');
    });

    test('works inline where the worker may not be loaded', async () => {
      expect(await run(policy(MODULE, FETCH, "worker-src 'none'"))).toBe('inline');
    });

    test.each([
      ["'wasm-unsafe-eval'", policy(SCRIPT, FETCH)],
      ['connect-src', policy(MODULE)],
    ])('fails without %s', async (_, headers) => expect(await run(headers)).toBe('error'));
  });
});
