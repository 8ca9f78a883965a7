// SPDX-License-Identifier: MIT
// vitest.config - how the TypeScript tests run

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { ENTRIES } from './tools/entries.mjs';

/** Both literals are as seen from dist/index.js; the sources take what was built there. */
const built = {
  name: 'built',
  enforce: 'pre' as const,
  transform(code: string, id: string): string | undefined {
    if (id.endsWith('/packages/wireguard/src/load.ts')) {
      return code.replace("'./wireguard.wasm'", "'./../dist/wireguard.wasm'");
    }
    if (!/\/js\/(runtime\/(load|thread)|stack\/start)\.ts$/.test(id)) return undefined;
    return code.replace(/'\.\/(stack\.wasm|workers\/)/g, "'./../../dist/$1");
  },
};

/** What a name of the package is in the sources. */
const source = (name: string): string =>
  fileURLToPath(new URL('./js/', import.meta.url)).concat(name);

/** The same for ringstack-node. */
function nodeEntries() {
  const root = new URL('./packages/node/', import.meta.url);
  const { exports } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'));
  return Object.entries(exports as Record<string, { default?: string }>).flatMap(([name, to]) => {
    const file = to.default?.replace('/dist/', '/src/').replace(/\.js$/, '.ts');
    const find = new RegExp(`^${name.replace('.', 'ringstack-node')}$`);
    return file ? [{ find, replacement: fileURLToPath(new URL(file, root)) }] : [];
  });
}

/** The public API is tested once for each engine. */
const engine = (name: string) => ({
  extends: true as const,
  test: {
    name,
    include: ['tests/{stack,link,services,mocked,node,wireguard/stacks}/**/*.test.ts'],
    env: { RINGSTACK_ENGINE: name },
  },
});

export default defineConfig({
  plugins: [built],
  resolve: {
    alias: [
      {
        find: /^ringstack-wireguard$/,
        replacement: fileURLToPath(new URL('./packages/wireguard/src/index.ts', import.meta.url)),
      },
      ...ENTRIES.map(({ specifier, name }) => ({
        find: new RegExp(`^${specifier}$`),
        replacement: source(`${name}.ts`),
      })),
      ...nodeEntries(),
    ],
  },
  test: {
    environment: 'node',
    // A process for every file: a test may block its thread in Atomics.wait, start workers over
    // shared memory, and measure the memory of its process.
    pool: 'forks',
    execArgv: ['--expose-gc'],
    // For a machine that does much else: no test ends by the clock.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Most tests wait for a timer: two take a quarter of two cores.
    maxWorkers: 4,
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: [
            'tests/{unit,interop,rules,tools,helpers}/**/*.test.ts',
            'tests/wireguard/*.test.ts',
          ],
        },
      },
      engine('inline'),
      engine('worker'),
      {
        extends: true,
        // In browsers, and only when asked for: make test-web.
        test: {
          name: 'web',
          include: ['tests/web/**/*.test.ts'],
          testTimeout: 90_000,
          hookTimeout: 90_000,
        },
      },
      // The packed tarball; only `make test-package` names it.
      {
        extends: true,
        test: {
          name: 'package',
          include: ['tests/package/**/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      // Real machines on the other end of the wire; only `make test-vm` names it.
      {
        extends: true,
        test: {
          name: 'vm',
          include: ['tests/vm/**/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
