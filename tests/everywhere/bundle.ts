// SPDX-License-Identifier: MIT
// bundle - the files of tests/stack, link and services as modules for any runtime, in build/everywhere
//
// They import the package from dist/, since what ships is what is tested. Their folder is as deep as that of
// the sources, so that what a test finds by its own URL is where it expects it.

import { existsSync } from 'node:fs';
import { copyFile, mkdir, readdir } from 'node:fs/promises';
import { posix } from 'node:path';
import { build, type Plugin } from 'esbuild';
import { nameOf as entryOf } from '../../tools/entries.mjs';

/** Folder of the bundles. */
export const OUT = 'build/everywhere';

const resolveOurs: Plugin = {
  name: 'ours',
  setup({ onResolve, resolve }) {
    onResolve({ filter: /^ringstack(\/[\w-]+)?$/ }, ({ path }) => ({
      path: `../../dist/${entryOf(path)}.js`,
      external: true,
    }));
    // In the bundle, so that its own import of ringstack is resolved here: a page has no node_modules.
    onResolve({ filter: /^ringstack-wireguard$/ }, () => ({
      path: posix.resolve('packages/wireguard/dist/index.js'),
    }));
    onResolve({ filter: /^vitest$/ }, ({ resolveDir, kind }) =>
      resolve('./tests/everywhere/vitest.ts', { resolveDir: process.cwd() || resolveDir, kind }),
    );
  },
};

/** Files that are of no use in a page, and why. */
export const NO_PAGES: Readonly<Record<string, string>> = {
  link_qemu: 'a page has no sockets',
  link_websocket: 'a page has no server: link_relay is for it',
  services_dns_ask: 'a page has no server',
  services_gateway_fetch_node: 'a page has no server',
  services_gateway_node: 'a page has no sockets',
  services_gateway_wisp: 'a page has no server',
  services_network: 'a page has no sockets',
  services_http_fetch: 'a page has no zlib of Node',
  services_http_node: 'a page has no sockets',
  services_http_node_oracle: 'a page has no sockets',
  tap: 'a page has no devices',
  wireguard_stacks_transports: 'a page has no sockets',
};

/** Folders with tests of the public API only. */
const FOLDERS = [
  ...['tests/stack', 'tests/link', 'tests/services', 'tests/wireguard/stacks'],
].filter((name) => existsSync(name));

/** Those of tests/stack by their name alone, all others behind that of their folder. */
const nameOf = (file: string): string =>
  posix
    .relative('tests', file)
    .replace(/\.test\.ts$/, '')
    .replace(/^(stack|vm)\//, '')
    .replaceAll('/', '_');

/** Packages that programs find in node_modules. */
const EXTERNAL = ['node:*', 'ws'];

/**
 * Bundles one file of tests, with all that runs it.
 *
 * @param file - Its path from the root of the repository.
 * @param outfile - Path of the bundle.
 */
export async function bundleTest(file: string, outfile: string): Promise<void> {
  await build({
    stdin: {
      contents: `import { runFile } from './tests/everywhere/inside.ts';
        runFile('${file}', () => import('./${file}'));`,
      resolveDir: process.cwd(),
      loader: 'ts',
    },
    outfile,
    bundle: true,
    platform: 'neutral',
    mainFields: ['module', 'main'],
    format: 'esm',
    target: 'es2022',
    external: EXTERNAL,
    sourcemap: 'inline',
    sourcesContent: false,
    plugins: [resolveOurs],
    // package.json says that our modules do nothing when imported; programs do.
    ignoreAnnotations: true,
    logLevel: 'error',
  });
}

/**
 * The tests that run everywhere: every file of those folders, and that of tests/vm which is about an adapter alone.
 *
 * @returns Their paths by their names in the table.
 */
export async function listTests(): Promise<Map<string, string>> {
  const listed = await Promise.all(
    FOLDERS.map(async (folder) => {
      const names = await readdir(folder, { recursive: true });
      return names.map((name) => `${folder}/${name}`);
    }),
  );
  const files = listed.flat().filter((name) => name.endsWith('.test.ts'));
  files.push('tests/vm/tap.test.ts');
  return new Map(files.map((file) => [nameOf(file), file]));
}

/**
 * Bundles all of them.
 *
 * @returns Their names.
 */
export async function bundleTests(): Promise<string[]> {
  const tests = await listTests();
  await mkdir(`${OUT}/workers`, { recursive: true });
  await copyFile('tests/stack/workers/thread.mjs', `${OUT}/workers/thread.mjs`);
  await copyFile('packages/wireguard/dist/wireguard.wasm', `${OUT}/wireguard.wasm`);
  await Promise.all([...tests].map(([name, file]) => bundleTest(file, `${OUT}/${name}.js`)));
  return [...tests.keys()];
}
