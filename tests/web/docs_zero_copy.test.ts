// SPDX-License-Identifier: MIT
// docs_zero_copy.test - the table of docs/zero-copy.md: what browsers and Node do with views over shared memory

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { findBrowser, launch } from '../../tools/page/browsers.mjs';
import { serve } from '../../tools/page/serve.mjs';

/** Tries everything of the table; returns the name of the error of each, or what came of it. */
async function tryAll(): Promise<Record<string, string>> {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
  const view = new Uint8Array(memory.buffer).subarray(0, 4);
  view.set([116, 101, 120, 116]);
  const any = view as unknown as Uint8Array<ArrayBuffer>;
  const tries: Record<string, () => unknown> = {
    decode: () => new TextDecoder().decode(any),
    encodeInto: () => new TextEncoder().encodeInto('text', view).written,
    random: () => crypto.getRandomValues(any).length,
    subtle: () => crypto.subtle.digest('SHA-256', any),
    blob: () => new Blob([any]).text(),
    response: () => new Response(any).text(),
    enqueue: () =>
      new ReadableStream({ type: 'bytes', start: (controller) => controller.enqueue(any) }),
    byob: () =>
      new ReadableStream({
        type: 'bytes',
        pull: (controller) => controller.enqueue(new Uint8Array(1)),
      })
        .getReader({ mode: 'byob' })
        .read(any),
    post: () => structuredClone(view).buffer.constructor.name,
    set: () => String.fromCharCode(...new Uint8Array(view)),
    slice: () => new TextDecoder().decode(view.slice()),
  };
  const found: Record<string, string> = {};
  for (const [name, run] of Object.entries(tries)) {
    view.set([116, 101, 120, 116]);
    try {
      found[name] = String(await run());
    } catch (error) {
      found[name] = (error as Error).name;
    }
  }
  return found;
}

const EVERYWHERE = {
  subtle: 'TypeError',
  enqueue: 'TypeError',
  byob: 'TypeError',
  set: 'text',
  slice: 'text',
};
const BROWSERS = {
  ...EVERYWHERE,
  decode: 'TypeError',
  encodeInto: 'TypeError',
  random: 'TypeError',
  blob: 'TypeError',
};

test('Node', async () => {
  expect(await tryAll()).toEqual({
    ...EVERYWHERE,
    decode: 'text',
    encodeInto: '4',
    random: '4',
    blob: 'text',
    response: 'TypeError',
    post: 'SharedArrayBuffer',
  });
});

describe.each([
  ['chromium', 'text'],
  ['firefox', 'TypeError'],
])('%s', (name, response) => {
  test.skipIf(!findBrowser(name)).each([true, false])('isolated: %s', async (isolated) => {
    const folder = mkdtempSync(join(tmpdir(), 'ringstack-pages-'));
    writeFileSync(join(folder, 'index.html'), '<!doctype html>');
    const server = await serve({ mounts: { '/': folder }, isolated });
    const browser = await launch(name);
    onTestFinished(async () => {
      await browser.close();
      await server.close();
      rmSync(folder, { recursive: true });
    });
    const page = await browser.open(server.url);
    const post = isolated ? 'SharedArrayBuffer' : 'DataCloneError';
    expect(await page.evaluate(tryAll)).toEqual({ ...BROWSERS, response, post });
  });
});
