// SPDX-License-Identifier: MIT
// build_package - dist/ of a package in packages/: JavaScript of its entries, files they share, declarations
//
// usage: node tools/build_package.mjs packages/NAME        (after make js)
//
// An entry is an export of package.json: dist/a/b.js is made of src/a/b.ts. Imports from ringstack stay as they are,
// so a program has one copy of it.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { build } from 'esbuild';

const [, program, folder] = process.argv;
if (!folder) throw new Error(`usage: node ${program} FOLDER`);
const { exports, name } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
const entries = Object.values(exports)
  .map((to) => to.default ?? to)
  .filter((to) => to.endsWith('.js'))
  .map((to) => to.replace(/^\.\/dist\/(.*)\.js$/, '$1'));
const types = join('build/types', name);

rmSync(join(folder, 'dist'), { recursive: true, force: true });
await build({
  entryPoints: entries.map((entry) => ({ in: join(folder, 'src', `${entry}.ts`), out: entry })),
  bundle: true,
  splitting: true,
  chunkNames: 'shared/[name]-[hash]',
  format: 'esm',
  platform: 'neutral',
  external: ['node:*', 'ringstack', 'ringstack/*'],
  target: 'es2022',
  minifySyntax: true,
  banner: { js: '// SPDX-License-Identifier: MIT' },
  outdir: join(folder, 'dist'),
  sourcemap: true,
  logLevel: 'warning',
});

// esbuild keeps the order of files by imports of nothing: ours have no side effects, and users' bundlers would warn.
for (const file of readdirSync(join(folder, 'dist'), { recursive: true })) {
  if (!file.endsWith('.js')) continue;
  const path = join(folder, 'dist', file);
  // The empty line stays, for the source map.
  writeFileSync(path, readFileSync(path, 'utf8').replaceAll(/^import "\.[^"]*";$/gm, ''));
}

rmSync(types, { recursive: true, force: true });
execFileSync('node_modules/.bin/tsc', ['-p', folder, '--outDir', types], { stdio: 'inherit' });
for (const file of readdirSync(types, { recursive: true })) {
  if (!file.endsWith('.d.ts')) continue;
  // tsc leaves the names of the sources.
  const text = readFileSync(join(types, file), 'utf8').replaceAll(
    /(['"])(\.{1,2}\/[^'"]*)\.ts\1/g,
    '$1$2.js$1',
  );
  const to = join(folder, 'dist', file);
  mkdirSync(dirname(to), { recursive: true });
  writeFileSync(to, text);
}
