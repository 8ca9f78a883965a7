// SPDX-License-Identifier: MIT
// build_package - dist/ of a package in packages/: JavaScript of its entries, files they share, declarations
//
// usage: node tools/build_package.mjs packages/NAME        (after make js)
//
// An entry is an export of package.json: dist/a/b.js is made of src/a/b.ts. Imports from ringstack stay as they are, so a
// program has one copy of it. A package may be given small helpers of js/ (tests/rules/rules.ts), which are bundled. The
// class of errors is not: it must be that of ringstack. A module of WebAssembly in dist/ is made before or after.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';
import { declareWasm, reachable, writeDeclarations } from './declarations.mjs';

const [, program, folder] = process.argv;
if (!folder) throw new Error(`usage: node ${program} FOLDER`);
const { exports, name } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
const dist = join(folder, 'dist');
const files = Object.values(exports).map((to) => to.default ?? to);
const namesOf = (ending) =>
  files
    .filter((file) => file.endsWith(ending))
    .map((file) => file.slice('./dist/'.length, -ending.length));
const entries = namesOf('.js');
const types = join('build/types', name);

const errors = {
  name: 'errors',
  setup({ onResolve }) {
    onResolve({ filter: /\/errors\.ts$/ }, ({ path, resolveDir }) =>
      resolve(resolveDir, path) === resolve('js/errors.ts')
        ? { path: 'ringstack', external: true }
        : undefined,
    );
  },
};

mkdirSync(dist, { recursive: true });
for (const file of readdirSync(dist)) {
  if (!file.endsWith('.wasm')) rmSync(join(dist, file), { recursive: true });
}
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
  outdir: dist,
  sourcemap: true,
  logLevel: 'warning',
  plugins: [errors],
});

// esbuild keeps the order of files by imports of nothing: ours have no side effects, and users' bundlers would warn.
for (const file of readdirSync(dist, { recursive: true })) {
  if (!file.endsWith('.js')) continue;
  const path = join(dist, file);
  // The empty line stays, for the source map.
  writeFileSync(path, readFileSync(path, 'utf8').replaceAll(/^import "\.[^"]*";$/gm, ''));
}

rmSync(types, { recursive: true, force: true });
execFileSync('node_modules/.bin/tsc', ['-p', folder, '--outDir', types], { stdio: 'inherit' });
const declared = new Map();
for (const entry of entries) reachable(join(types, folder, 'src'), `${entry}.d.ts`, declared);
writeDeclarations(dist, declared);
for (const module of namesOf('.wasm')) {
  declareWasm(join(dist, module), 'the module', 'the option `wasm`');
}
