// SPDX-License-Identifier: MIT
// docs_isolation.test - what docs/isolation.md says, in browsers: its page and its service worker as they
// stand there, the headers, frames
//
// A page tells how it went on its console, which the tests wait for.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { findBrowser, launch } from '../../tools/page/browsers.mjs';
import { ISOLATION, serve } from '../../tools/page/serve.mjs';
import { freePort } from '../helpers/ports.ts';
import { blocksOf } from '../rules/blocks.ts';
import { ROOT, read } from '../rules/files.ts';

type Headers = Readonly<Record<string, string>>;

const BLOCKS = blocksOf('docs/isolation.md', read(ROOT, 'docs/isolation.md'));
const blockWith = (language: string, part: string): string => {
  const block = BLOCKS.find((one) => one.language === language && one.source.includes(part));
  if (!block) throw new Error(`docs/isolation.md has no block of ${language} with ${part}`);
  return block.source;
};
const WORKER = blockWith('js', 'isolate.js');
const PAGE = blockWith('html', 'isolate.js');
const FRAME = '<script>parent.postMessage(crossOriginIsolated, "*")</script>';
const CREDENTIALLESS = { ...ISOLATION, 'cross-origin-embedder-policy': 'credentialless' };
const DOCUMENT_POLICY = { 'document-isolation-policy': 'isolate-and-require-corp' };
const WORKS = 'hello, engine';

let site = '';
beforeAll(() => {
  site = mkdtempSync(join(tmpdir(), 'ringstack-pages-'));
  const files = {
    'static/index.html': PAGE,
    'static/isolate.js': WORKER,
    // Without the service worker.
    'plain/index.html': PAGE.replace('<script src="isolate.js"></script>', ''),
    'inner/index.html': FRAME,
    'refused/index.html': PAGE.replace('<script src="isolate.js"></script>', '').replace(
      'await createStack()',
      "await createStack({ engine: 'worker' }).catch(({ code, message }) => console.log(code, message))",
    ),
  };
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(site, path, '..'), { recursive: true });
    writeFileSync(join(site, path), text);
  }
});
afterAll(() => rmSync(site, { recursive: true, force: true }));

/** Serves a folder of the site, and the package. Returns the address. */
async function host(folder: string, headers: Headers): Promise<string> {
  const mounts = { '/': join(site, folder), '/ringstack/': join(ROOT, 'dist') };
  const server = await serve({ mounts, isolated: false, headers });
  onTestFinished(() => server.close());
  return server.url;
}

test('The server of Node listens where it says, and sends the headers.', async () => {
  const port = await freePort('tcp');
  const source = blockWith('ts', 'createServer').replaceAll('8080', `${port}`);
  const program = spawn(process.execPath, ['--input-type=module', '-e', source]);
  onTestFinished(() => void program.kill());
  const [line] = await once(program.stdout.setEncoding('utf8'), 'data');
  const response = await fetch(`${line}`.trim());
  expect(await response.text()).toBe('You asked for /\n');
  for (const [name, value] of Object.entries(ISOLATION)) {
    expect(response.headers.get(name)).toBe(value);
  }
});

describe.each(['chromium', 'firefox'])('%s', (name) => {
  let browser: Awaited<ReturnType<typeof launch>>;
  const isThere = findBrowser(name) !== undefined;
  beforeAll(async () => {
    if (isThere) browser = await launch(name);
  }, 60_000);
  afterAll(() => browser?.close());

  /** Opens a page; waits for a line of its console that has some text in it. */
  async function lineOf(url: string, wanted: string | RegExp): Promise<string> {
    let found = (_line: string): void => {};
    const line = new Promise<string>((resolve) => {
      found = resolve;
    });
    const onConsole = (text: string): void => {
      if (typeof wanted === 'string' ? text.includes(wanted) : wanted.test(text)) found(text);
    };
    const page = await browser.open(url, { onConsole });
    onTestFinished(() => page.close());
    return line;
  }

  describe.skipIf(!isThere)('the page', () => {
    test('isolates itself by the service worker, and has a thread', async () => {
      // It may have said "engine inline" before it was reloaded.
      expect(await lineOf(await host('static', {}), `${WORKS} worker`)).toContain('hello');
    });

    test('without it, and without headers, works inline', async () => {
      expect(await lineOf(await host('plain', {}), WORKS)).toBe('hello, engine inline');
    });

    test.each([
      ['the two headers', ISOLATION],
      ['credentialless', CREDENTIALLESS],
    ])('%s: has a thread', async (_, headers) => {
      expect(await lineOf(await host('plain', headers), WORKS)).toBe('hello, engine worker');
    });

    test('one header alone is not enough', async () => {
      const { 'cross-origin-opener-policy': _, ...headers } = ISOLATION;
      expect(await lineOf(await host('plain', headers), WORKS)).toBe('hello, engine inline');
    });

    test('Document-Isolation-Policy: Chromium has a thread, Firefox works inline', async () => {
      const line = await lineOf(await host('plain', DOCUMENT_POLICY), WORKS);
      expect(line).toBe(`hello, engine ${name === 'chromium' ? 'worker' : 'inline'}`);
    });

    test("engine 'worker' rejects with ENOTSUP and names the headers", async () => {
      const line = await lineOf(await host('refused', {}), 'ENOTSUP');
      for (const header of ['Cross-Origin-Opener-Policy', 'Cross-Origin-Embedder-Policy']) {
        expect(line).toContain(header);
      }
    });
  });

  describe.skipIf(!isThere)('a frame', () => {
    const FROM_ELSEWHERE = {
      'cross-origin-embedder-policy': 'require-corp',
      'cross-origin-resource-policy': 'cross-origin',
    };

    /** Whether a frame of another origin is isolated in a page with some headers. */
    async function inside(headers: Headers, inner: Headers, allow = ''): Promise<string> {
      const url = await host('inner', inner);
      const page = `<script>onmessage = ({ data }) => console.log('frame', data)</script>
        <iframe ${allow} src="${url}"></iframe>`;
      mkdirSync(join(site, 'outer'), { recursive: true });
      writeFileSync(join(site, 'outer/index.html'), page);
      return lineOf(await host('outer', headers), /^frame/);
    }
    const ALLOW = 'allow="cross-origin-isolated"';

    test('of another origin is isolated with its headers and the attribute', async () => {
      expect(await inside(ISOLATION, FROM_ELSEWHERE, ALLOW)).toBe('frame true');
    });

    test.skipIf(name !== 'chromium')('without the attribute is not', async () => {
      expect(await inside(ISOLATION, FROM_ELSEWHERE)).toBe('frame false');
    });

    test('in a page that is not isolated is not', async () => {
      expect(await inside({}, FROM_ELSEWHERE, ALLOW)).toBe('frame false');
    });

    test('with a policy of its own is, in Chromium', async () => {
      const line = await inside({}, DOCUMENT_POLICY, ALLOW);
      expect(line).toBe(`frame ${name === 'chromium'}`);
    });
  });
});
