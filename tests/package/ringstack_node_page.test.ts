// SPDX-License-Identifier: MIT
// ringstack_node_page.test - ringstack-node in a page: bundled by esbuild with its aliases, run in Chromium

import { copyFile, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launch } from '../../tools/page/browsers.mjs';
import { bundlerPackage, NODE_TARBALL, Project, type Site } from './project.ts';

/** As docs/node.md has it. */
const PROCESS =
  'globalThis.process ??= { env: {}, nextTick: (run, ...args) => queueMicrotask(() => run(...args)) };';

let project: Project;
let site: Site;
let browser: Awaited<ReturnType<typeof launch>>;

beforeAll(async () => {
  const names = ['readable-stream', 'events', 'buffer'];
  project = await Project.create('ringstack_node_page');
  await project.install(NODE_TARBALL);
  const { folder } = project;
  for (const name of names) await symlink(bundlerPackage(name), join(folder, 'node_modules', name));
  const alias = pathToFileURL(join(folder, 'node_modules/ringstack-node/dist/alias.js')).href;
  const { pageAliases } = (await import(alias)) as typeof import('ringstack-node/alias');
  await build({
    absWorkingDir: folder,
    entryPoints: ['page.js'],
    bundle: true,
    format: 'esm',
    outfile: join(folder, 'site/page.js'),
    mainFields: ['module', 'main'],
    alias: pageAliases(),
    define: { global: 'globalThis' },
    banner: { js: PROCESS },
    logLevel: 'error',
  });
  const wasm = join(folder, 'node_modules/ringstack/dist/stack.wasm');
  await copyFile(wasm, join(folder, 'site/stack.wasm'));
  await copyFile(join(folder, 'index.html'), join(folder, 'site/index.html'));
  site = await project.serve('site');
  browser = await launch('chromium');
});

afterAll(async () => {
  await browser?.close();
  await site?.close();
  await project.remove();
});

test('a server and a client of node:net exchange a megabyte in a page', async () => {
  const said: string[] = [];
  const tab = await browser.open(site.url, { onConsole: (text: string) => said.push(text) });
  await tab.page
    .waitForFunction('globalThis.echo', undefined, { timeout: 20_000 })
    .catch((error: Error) => {
      // The console of the page explains why it does not work.
      throw new Error(`${error}\nThe page said: ${said.join('\n')}`, { cause: error });
    });
  const run = (length: number): Promise<number> =>
    (globalThis as unknown as { echo(length: number): Promise<number> }).echo(length);
  expect(await tab.evaluate(run, 1_000_000)).toBe(1_000_000);
  await tab.close();
});
