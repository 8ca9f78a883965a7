// SPDX-License-Identifier: MIT
// size.mjs - bytes that a page downloads for each subpath of the packages, against their budgets in size.json
//
// usage: node tools/size.mjs        (after make)
//
// Prints each subpath of package.json's `exports` raw, with gzip and with brotli; JavaScript is minified
// first, as users do it, together with the shared files of dist/ that it imports. A budget is for one of these
// numbers and must not be reached; `with` names subpaths whose bytes count as well, and `why` says what the
// bytes are for. Packages below packages/ have a size.json of their own. Exits with 1 where a budget is reached, and where a subpath has none or does not say why.
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { build } from 'esbuild';

const KINDS = ['raw', 'gzip', 'brotli'];

function measure(name, bytes) {
  const params = {
    [constants.BROTLI_PARAM_QUALITY]: 11,
    [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
  };
  return {
    name,
    raw: bytes.length,
    gzip: gzipSync(bytes, { level: 9 }).length,
    brotli: brotliCompressSync(bytes, { params }).length,
  };
}

/** An output and those that it imports, not on first use, as one. */
function staticBytes(entry, outputFiles, { outputs }) {
  const wanted = new Set();
  const add = (path) => {
    if (wanted.has(path)) return;
    wanted.add(path);
    for (const { path: next, kind } of outputs[path].imports) {
      if (kind === 'import-statement' && outputs[next]) add(next);
    }
  };
  add(Object.keys(outputs).find((path) => outputs[path].entryPoint === relative('.', entry)));
  const files = outputFiles.filter(({ path }) => wanted.has(relative('.', path)));
  return Buffer.concat(files.map(({ contents }) => contents));
}

/** Sizes of a file as a page downloads it: without files that are loaded on first use. */
async function shipped(path) {
  if (!path.endsWith('.js')) return readFileSync(path);
  const { outputFiles, metafile } = await build({
    entryPoints: [path],
    bundle: true,
    splitting: true,
    outdir: 'build/size',
    metafile: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    write: false,
    logLevel: 'error',
    external: ['node:*', 'ringstack'],
    // A worker's entry counts although nothing is imported from it.
    ignoreAnnotations: true,
  });
  return staticBytes(path, outputFiles, metafile);
}

/** Files by the subpaths that users import; package.json itself is for tools. */
function subpaths(root) {
  const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const files = Object.entries(exports).map(([name, to]) => [name, to.default ?? to]);
  return files.filter(([name]) => name !== './package.json');
}

/**
 * Measures a package and holds it against a budget.
 *
 * @param root - Folder of its package.json.
 * @param budget - By subpath: `raw`, `gzip` or `brotli`, `with`, and `why`.
 * @returns `rows` to print, those with a budget say so in `limit`, and what is wrong, in words.
 */
export async function checkSizes(root, budget) {
  const parts = new Map();
  for (const [name, path] of subpaths(root)) {
    parts.set(name, measure(name, await shipped(join(root, path))));
  }
  const rows = [...parts.values()];
  const wrong = Object.keys(budget)
    .filter((name) => !parts.has(name))
    .map((name) => `${name} has a budget and is not exported`);
  for (const [name, part] of parts) {
    const { with: others = [], why, ...limits } = budget[name] ?? {};
    const kinds = Object.keys(limits).filter((kind) => KINDS.includes(kind));
    if (kinds.length === 0) wrong.push(`${name} has no budget in tools/size.json`);
    else if (!why) wrong.push(`${name} does not say why in tools/size.json`);
    const total = { name: [name, ...others].join(' + ') };
    for (const kind of KINDS) {
      total[kind] = others.reduce((sum, other) => sum + parts.get(other)[kind], part[kind]);
    }
    const row = others.length > 0 ? total : part;
    if (row === total) rows.push(total);
    row.limit = kinds.map((kind) => `< ${limits[kind]} ${kind}: ${why}`).join(', ');
    for (const kind of kinds) {
      if (total[kind] < limits[kind]) continue;
      wrong.push(`${total.name}: ${total[kind]} bytes ${kind}, not under ${limits[kind]}`);
    }
  }
  return { rows, wrong };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const budgetOf = (path) => JSON.parse(readFileSync(path, 'utf8'));
  const { rows, wrong } = await checkSizes('.', budgetOf('tools/size.json'));
  for (const { name } of readdirSync('packages', { withFileTypes: true })) {
    const folder = join('packages', name);
    const checked = await checkSizes(folder, budgetOf(join(folder, 'size.json')));
    const named = (text) => text.replaceAll(/(^|(?<= ))\.(?=$|[ /:])/g, `${name}`);
    rows.push(...checked.rows.map((row) => ({ ...row, name: named(row.name) })));
    wrong.push(...checked.wrong.map(named));
  }
  const columns = (name, ...cells) =>
    name.padEnd(36) + cells.map((cell) => `${cell}`.padStart(10)).join('');
  console.log(columns('', ...KINDS));
  for (const row of rows) {
    const { name, limit = '' } = row;
    console.log(`${columns(name, ...KINDS.map((kind) => row[kind]))}  ${limit}`.trimEnd());
  }
  for (const line of wrong) console.error(`size: ${line}`);
  process.exitCode = wrong.length > 0 ? 1 : 0;
}
