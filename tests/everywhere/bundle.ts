// SPDX-License-Identifier: MIT
// bundle - the files of tests/net as modules for any runtime, in build/everywhere
//
// They import the package from dist/, since what ships is what is tested. Their folder is as deep as that of
// the sources, so that what a test finds by its own URL is where it expects it.

import { copyFile, mkdir, readdir } from 'node:fs/promises';
import { build, type Plugin } from 'esbuild';

/** Where the bundles lie. */
export const OUT = 'build/everywhere';

const resolveOurs: Plugin = {
  name: 'ours',
  setup({ onResolve, resolve }) {
    onResolve({ filter: /^ringstack$/ }, () => ({ path: '../../dist/index.js', external: true }));
    onResolve({ filter: /^ringstack\/\w+$/ }, ({ path }) => ({
      path: path.replace('ringstack/', '../../dist/link/').concat('.js'),
      external: true,
    }));
    onResolve({ filter: /^vitest$/ }, ({ resolveDir, kind }) =>
      resolve('./tests/everywhere/vitest.ts', { resolveDir: process.cwd() || resolveDir, kind }),
    );
  },
};

/** Tests of adapters, most of whose peers only Node can be: their own suite is to say where they run. */
const ADAPTERS = /^link_/;

/**
 * Bundles every file of tests/net but those of adapters.
 *
 * @returns Their names, without '.test.ts'.
 */
export async function bundleTests(): Promise<string[]> {
  const names = (await readdir('tests/net'))
    .filter((name) => name.endsWith('.test.ts') && !ADAPTERS.test(name))
    .map((name) => name.slice(0, -'.test.ts'.length));
  await mkdir(`${OUT}/workers`, { recursive: true });
  await copyFile('tests/net/workers/thread.mjs', `${OUT}/workers/thread.mjs`);
  await Promise.all(
    names.map((name) =>
      build({
        stdin: {
          contents: `import { runFile } from './tests/everywhere/inside.ts';
            runFile('tests/net/${name}.test.ts', () => import('./tests/net/${name}.test.ts'));`,
          resolveDir: process.cwd(),
          loader: 'ts',
        },
        outfile: `${OUT}/${name}.js`,
        bundle: true,
        platform: 'neutral',
        mainFields: ['module', 'main'],
        format: 'esm',
        target: 'es2022',
        external: ['node:*'],
        sourcemap: 'inline',
        sourcesContent: false,
        plugins: [resolveOurs],
        // package.json says that our modules do nothing when imported; programs do.
        ignoreAnnotations: true,
        logLevel: 'error',
      }),
    ),
  );
  return names;
}
