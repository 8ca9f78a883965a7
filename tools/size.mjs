// SPDX-License-Identifier: MIT
// size.mjs - bytes that a page downloads, against the limits this project has set itself
//
// usage: node tools/size.mjs        (after make)
//
// Prints each part raw, with gzip and with brotli; exits with 1 where a limit is passed.
import { readFileSync } from 'node:fs';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { build } from 'esbuild';

const WASM_RAW_LIMIT = 100_000;
const TOTAL_BROTLI_LIMIT = 60_000;

const measure = (name, bytes) => ({
  name,
  raw: bytes.length,
  gzip: gzipSync(bytes, { level: 9 }).length,
  brotli: brotliCompressSync(bytes, {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: 11,
      [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
    },
  }).length,
});

const bundle = await build({
  entryPoints: ['dist/index.js'],
  bundle: true,
  minify: true,
  format: 'esm',
  target: 'es2022',
  write: false,
  logLevel: 'error',
  external: ['node:*', '*.wasm'],
  // What is loaded only on demand is a file of its own.
  splitting: true,
  outdir: 'out',
});
const entry = bundle.outputFiles.filter((file) => file.path.endsWith('/index.js'));
const parts = [
  measure('stack.wasm', readFileSync('dist/stack.wasm')),
  ...entry.map((file) => measure('index.js, minified', file.contents)),
];
const total = { name: 'both' };
for (const key of ['raw', 'gzip', 'brotli']) {
  total[key] = parts.reduce((sum, part) => sum + part[key], 0);
}

const columns = (name, ...cells) =>
  name.padEnd(20) + cells.map((cell) => `${cell}`.padStart(10)).join('');
console.log(columns('', 'raw', 'gzip', 'brotli'));
for (const part of [...parts, total]) {
  console.log(columns(part.name, part.raw, part.gzip, part.brotli));
}

const over = [];
if (parts[0].raw >= WASM_RAW_LIMIT) over.push(`stack.wasm is not under ${WASM_RAW_LIMIT} bytes`);
if (total.brotli >= TOTAL_BROTLI_LIMIT)
  over.push(`both are not under ${TOTAL_BROTLI_LIMIT} bytes with brotli`);
for (const line of over) console.error(`size: ${line}`);
process.exitCode = over.length > 0 ? 1 : 0;
