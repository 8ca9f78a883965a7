// SPDX-License-Identifier: MIT
// build_wireguard - dist/ of a package below packages/, from its src/: one file of JavaScript, and declarations
//
// usage: node tools/build_wireguard.mjs FOLDER        (after tsc -p FOLDER/tsconfig.json, which writes build/types-NAME)
//
// A package uses the public API of ringstack, and is given small helpers of its js/util and js/sched, which are bundled. The
// class of errors is not: it must be that of ringstack, so js/errors.ts is taken from there.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { build } from 'esbuild';
import ts from 'typescript';

const [, program, folder] = process.argv;
if (!folder) throw new Error(`usage: node ${program} FOLDER`);
const types = join('build', `types-${basename(folder)}`);

const peer = {
  name: 'peer',
  setup({ onResolve }) {
    onResolve({ filter: /\/errors\.ts$/ }, () => ({ path: 'ringstack', external: true }));
  },
};

mkdirSync(join(folder, 'dist'), { recursive: true });
for (const name of readdirSync(join(folder, 'dist'))) {
  if (!name.endsWith('.wasm')) rmSync(join(folder, 'dist', name), { recursive: true });
}
await build({
  entryPoints: [join(folder, 'src/index.ts')],
  outdir: join(folder, 'dist'),
  bundle: true,
  format: 'esm',
  platform: 'neutral',
  external: ['node:*', 'ringstack'],
  target: 'es2022',
  minifySyntax: true,
  banner: { js: '// SPDX-License-Identifier: MIT' },
  sourcemap: true,
  logLevel: 'warning',
  plugins: [peer],
});

/** Writes a declaration file and all that it imports of its own folder. */
function declare(path, seen = new Set()) {
  if (seen.has(path)) return;
  seen.add(path);
  const text = readFileSync(join(types, folder, 'src', path), 'utf8');
  const { importedFiles } = ts.preProcessFile(text);
  let named = text;
  for (const { fileName } of importedFiles.filter(({ fileName }) => fileName.startsWith('.'))) {
    named = named.replaceAll(`'${fileName}'`, `'${fileName.replace(/\.ts$/, '.js')}'`);
    declare(join(dirname(path), fileName.replace(/\.[jt]s$/, '.d.ts')), seen);
  }
  const to = join(folder, 'dist', path);
  mkdirSync(dirname(to), { recursive: true });
  writeFileSync(to, named);
}
declare('index.d.ts');
// As tools/build.mjs does for stack.wasm.
writeFileSync(
  join(folder, 'dist', `${basename(folder)}.d.wasm.ts`),
  `// SPDX-License-Identifier: MIT
/** Where the module is, as bundlers that take it as a file say: a value of the option \`wasm\`. */
declare const url: string;
export default url;
`,
);
