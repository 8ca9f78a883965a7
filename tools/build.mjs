// SPDX-License-Identifier: MIT
// build - dist/ from js/: one file of JavaScript for each entry, and the declarations they show
//
// usage: node tools/build.mjs        (after tsc -p tsconfig.build.json, which writes build/types)
//
// What users' bundlers look for stays as it is written: `new URL('./stack.wasm', import.meta.url)` and
// `new Worker(new URL('./workers/engine.js', import.meta.url), …)` are relative to dist/index.js.
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { build } from 'esbuild';
import ts from 'typescript';
import { ENTRIES } from './entries.mjs';

const TYPES = 'build/types';
const DIST = 'dist';
/** Files of their own as well: what several entries must have in common, such as the class of an error. */
const SHARED = ['errors', 'link/sessions'];
/** Threads: each is one self-contained file. */
const WORKERS = readdirSync('js/workers').map((file) => `workers/${file.replace(/\.ts$/, '')}`);
/** What users import and what is no thread's. */
const NAMES = ENTRIES.map(({ name }) => name).filter((name) => !WORKERS.includes(name));
const TAP_HELPER = 'link/adapter/linux_tap/helper.c';

/** A declaration file and all that it imports, each with its text. */
function reachable(entry, found = new Map()) {
  if (found.has(entry)) return found;
  const text = readFileSync(join(TYPES, entry), 'utf8');
  const { importedFiles } = ts.preProcessFile(text);
  const ours = importedFiles.map(({ fileName }) => fileName).filter((name) => name.startsWith('.'));
  // tsc leaves the names of the sources.
  const named = ours.reduce((all, name) => {
    return all.replaceAll(`'${name}'`, `'${name.replace(/\.ts$/, '.js')}'`);
  }, text);
  found.set(entry, named);
  for (const name of ours) {
    reachable(join(dirname(entry), name.replace(/\.[jt]s$/, '.d.ts')), found);
  }
  return found;
}

for (const name of readdirSync(DIST)) {
  if (name !== 'stack.wasm') rmSync(join(DIST, name), { recursive: true });
}

const options = {
  bundle: true,
  format: 'esm',
  platform: 'neutral',
  external: ['node:*'],
  target: 'es2022',
  banner: { js: '// SPDX-License-Identifier: MIT' },
  outbase: 'js',
  outdir: DIST,
  // With the sources in them, 180 kB more in the package and none in a page: to ship js/ beside them would take 155,
  // and be of no use where only dist/ is served.
  sourcemap: true,
  logLevel: 'warning',
};
const source = (name) => `js/${name}.ts`;
const files = [...NAMES, ...SHARED].map(source);
/** What is a file of its own is imported by the others, never bundled into them. */
const apart = (entry) => ({
  name: 'apart',
  setup({ onResolve }) {
    onResolve({ filter: /^\..*\.ts$/ }, ({ kind, path, resolveDir }) => {
      const file = relative('.', join(resolveDir, path));
      if (kind === 'entry-point' || !files.includes(file)) return undefined;
      const name = relative(dirname(entry), file).replace(/\.ts$/, '.js');
      return {
        path: name.startsWith('.') ? name : `./${name}`,
        external: true,
        sideEffects: false,
      };
    });
  },
});
for (const entry of files) {
  await build({ ...options, entryPoints: [entry], plugins: [apart(entry)] });
}
// A program: package.json's "no side effects" is not meant for it. It exports nothing, and says so: some
// tell by the syntax of a file whether it is a module.
const program = { ...options, ignoreAnnotations: true, footer: { js: 'export {};' } };
await build({ ...program, entryPoints: WORKERS.map(source) });

const declared = new Map();
for (const name of [...NAMES, ...WORKERS]) reachable(`${name}.d.ts`, declared);
for (const [file, text] of declared) {
  mkdirSync(dirname(join(DIST, file)), { recursive: true });
  writeFileSync(join(DIST, file), text);
}

// TypeScript reads it only where `allowArbitraryExtensions` is set: elsewhere a declaration of '*.wasm', as bundlers
// bring one, stands. A `types` condition in package.json would hide theirs.
writeFileSync(
  join(DIST, 'stack.d.wasm.ts'),
  `// SPDX-License-Identifier: MIT
/** Where the module of the stack is, as bundlers that take it as a file say: a value of \`createStack({ wasm })\`. */
declare const url: string;
export default url;
`,
);

// ringstack/tap compiles it where it is used.
copyFileSync(join('js', TAP_HELPER), join(DIST, TAP_HELPER));
