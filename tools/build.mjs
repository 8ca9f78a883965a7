// SPDX-License-Identifier: MIT
// build - dist/ from js/: a file of JavaScript for each entry, files that entries share, and the declarations they show
//
// usage: node tools/build.mjs        (after tsc -p tsconfig.build.json, which writes build/types)
//
// Every module of js/ is in one file of dist/. Modules that the same entries need form a shared file, which is
// named after one of them ('errors.js', 'link/endpoint.js'): so an adapter and ringstack/link have one
// class of endpoints, and a page that imports both downloads it once. The names change only when modules do.
//
// Users' bundlers look for literals: `new URL('./stack.wasm', import.meta.url)` and
// `new Worker(new URL('./workers/engine.js', import.meta.url), …)`, relative to dist/index.js. So a module with
// import.meta.url must be in the file of an entry: the build fails otherwise.
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { build } from 'esbuild';
import { declareWasm, reachable, writeDeclarations } from './declarations.mjs';
import { ENTRIES } from './entries.mjs';

const TYPES = 'build/types';
const DIST = 'dist';
/** Threads: each is one self-contained file. */
const WORKERS = readdirSync('js/workers').map((file) => `workers/${file.replace(/\.ts$/, '')}`);
const SERVICE_WORKER = 'workers/service_worker';
/** Entries that users import, except those of threads. */
const NAMES = ENTRIES.map(({ name }) => name).filter((name) => !WORKERS.includes(name));
/** Programs that package.json names. */
const BINS = Object.values(JSON.parse(readFileSync('package.json', 'utf8')).bin).map((path) =>
  path.replace(/^dist\/(.*)\.js$/, '$1'),
);
const TAP_HELPER = 'link/adapter/linux_tap/helper.c';

for (const name of readdirSync(DIST)) {
  if (name !== 'stack.wasm') rmSync(join(DIST, name), { recursive: true });
}

const options = {
  bundle: true,
  format: 'esm',
  platform: 'neutral',
  external: ['node:*'],
  target: 'es2022',
  // Only so does esbuild put the constants of js/abi.ts where they are used. Users' bundlers cannot: in a file of dist/
  // they would be variables, 1,650 bytes more of the main entry's brotli. Names and lines stay as they are.
  minifySyntax: true,
  banner: { js: '// SPDX-License-Identifier: MIT' },
  outbase: 'js',
  outdir: DIST,
  // With the sources in them, 180 kB more in the package and none in a page: to ship js/ beside them would take 155,
  // and be of no use where only dist/ is served.
  sourcemap: true,
  logLevel: 'warning',
};
const source = (name) => `js/${name}.ts`;

/** The module that a shared file is named after: errors.ts, otherwise the first one that has no file of its name. */
function leaderOf(inputs, taken) {
  const modules = Object.keys(inputs)
    .filter((module) => !taken.has(module))
    .sort();
  const leader = modules.includes(source('errors')) ? source('errors') : modules[0];
  return leader.replace(/^js\/(.*)\.ts$/, '$1.js');
}

/** Paths below dist/ by those that esbuild gives: entries keep their own. */
function namesOf(outputs) {
  const names = new Map();
  const taken = new Set(Object.values(outputs).map(({ entryPoint }) => entryPoint));
  for (const [path, { entryPoint, inputs }] of Object.entries(outputs)) {
    if (path.endsWith('.map')) continue;
    // A file that is loaded on first use is an entry as well, for esbuild.
    const isEntry = entryPoint && NAMES.map(source).includes(entryPoint);
    const name = isEntry
      ? relative(DIST, path)
      : entryPoint
        ? `${entryPoint.replace(/^js\/|\.ts$/g, '')}.js`
        : leaderOf(inputs, taken);
    names.set(path, name).set(`${path}.map`, `${name}.map`);
  }
  if (new Set(names.values()).size === names.size) return names;
  throw new Error(`build: two files of one name: ${[...names.values()].sort().join(', ')}`);
}

/** JavaScript of an output, with the new names of the files that it imports, and of its map. */
function renamed(text, path, names) {
  const own = names.get(path);
  // esbuild keeps the order of files by imports of nothing. Ours have no side effects, and users' bundlers would warn.
  // The empty line stays, for the source map.
  const needed = text.replaceAll(/^import "\.[^"]*";$/gm, '');
  const imports = needed.replaceAll(/(\bfrom |\bimport\()"(\.[^"]*)"/g, (_, before, specifier) => {
    const to = relative(dirname(own), names.get(join(dirname(path), specifier)));
    return `${before}"${to.startsWith('.') ? to : `./${to}`}"`;
  });
  return imports.replace(
    /^\/\/# sourceMappingURL=.*$/m,
    `//# sourceMappingURL=${basename(own)}.map`,
  );
}

/** Before the imports that the build adds to a module; source maps have the text in front of it. */
const ADDED = '// Added by the build.\n';

/** The source map of an output, with the paths of its sources as seen from its new place. */
function moved(text, path, names) {
  const map = JSON.parse(text);
  const to = dirname(join(DIST, names.get(path)));
  map.sources = map.sources.map((file) => relative(to, join(dirname(path), file)));
  map.sourcesContent = map.sourcesContent.map((source) => source.split(ADDED)[0]);
  return `${JSON.stringify(map, null, 2)}\n`;
}

/** Builds the entries; each lazy module, one that is loaded on first use, is said to need the common ones. */
function bundle({ lazy, common } = { lazy: [], common: [] }) {
  const imports = common.map((path) => `import ${JSON.stringify(resolve(path))};\n`).join('');
  const plugin = {
    name: 'shared',
    setup({ onLoad }) {
      onLoad({ filter: /\.ts$/ }, ({ path }) => {
        if (!lazy.includes(relative('.', path))) return undefined;
        return { contents: `${readFileSync(path, 'utf8')}${ADDED}${imports}`, loader: 'ts' };
      });
    },
  };
  return build({
    ...options,
    entryPoints: NAMES.map(source),
    splitting: true,
    metafile: true,
    write: false,
    plugins: [plugin],
    logOverride: { 'ignored-bare-import': 'silent' },
  });
}

/** The modules that are loaded on first use, and those that they and the main entry have in common. */
function lazyOf({ inputs, outputs }) {
  const reached = (from, found = new Set()) => {
    if (found.has(from)) return found;
    found.add(from);
    for (const { path, kind } of inputs[from]?.imports ?? []) {
      if (kind === 'import-statement') reached(path, found);
    }
    return found;
  };
  const entries = Object.values(outputs).flatMap(({ entryPoint }) => entryPoint ?? []);
  const lazy = entries.filter((path) => !NAMES.map(source).includes(path));
  const main = reached(source('index'));
  const common = new Set(lazy.flatMap((path) => [...reached(path)].filter((one) => main.has(one))));
  return { lazy, common: [...common].sort() };
}

// A file that is loaded on first use comes behind the main entry. Modules that several of them share with it would be a
// file for each combination, all of which the main entry downloads. So each is said to need all: they are one file.
const { metafile, outputFiles } = await bundle(lazyOf((await bundle()).metafile));
const names = namesOf(metafile.outputs);
for (const { path, text } of outputFiles) {
  const output = relative('.', path);
  const file = join(DIST, names.get(output));
  const isMap = output.endsWith('.map');
  if (!isMap && text.includes('import.meta.url') && !metafile.outputs[output].entryPoint) {
    throw new Error(`build: ${file} is shared, and its import.meta.url is not that of an entry`);
  }
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, isMap ? moved(text, output, names) : renamed(text, output, names));
}
// A program: package.json's "no side effects" is not meant for it. It exports nothing, and says so: some
// tell by the syntax of a file whether it is a module.
const program = { ...options, ignoreAnnotations: true, footer: { js: 'export {};' } };
await build({
  ...program,
  entryPoints: WORKERS.filter((name) => name !== SERVICE_WORKER).map(source),
});
// It runs as a module and as a classic script.
await build({ ...options, entryPoints: [source(SERVICE_WORKER)], format: 'iife' });

// The command: it imports entries as they are in dist/.
const entries = {
  name: 'entries',
  setup({ onResolve }) {
    onResolve({ filter: /^\.\.\/.*\.ts$/ }, ({ path, resolveDir }) => {
      const to = relative('js', resolve(resolveDir, path)).replace(/\.ts$/, '');
      return NAMES.includes(to)
        ? { path: path.replace(/\.ts$/, '.js'), external: true }
        : undefined;
    });
  },
};
await build({ ...program, entryPoints: BINS.map(source), plugins: [entries] });

const declared = new Map();
for (const name of [...NAMES, ...WORKERS]) reachable(TYPES, `${name}.d.ts`, declared);
writeDeclarations(DIST, declared);
declareWasm(join(DIST, 'stack'), 'the module of the stack', '`createStack({ wasm })`');

// ringstack/tap compiles it where it is used.
copyFileSync(join('js', TAP_HELPER), join(DIST, TAP_HELPER));
