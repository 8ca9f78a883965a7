// SPDX-License-Identifier: MIT
// compare - times whole transfers of two builds, or two commands, with hyperfine
//
// usage: node bench/compare.mjs A B
//
// A and B are folders with a build (DIR/dist/index.js or DIR/index.js); what is no folder is a command.
// Environment: SIZE (default 1G), MTU, READER (default, byob, ring), CHECKSUM (on, off), RUNS (10). Each
// run of a build is a process: start, connect, transfer with every byte checked, close. The figures stay
// in build/bench-compare.json.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const { env } = process;
const here = (path) => fileURLToPath(new URL(path, import.meta.url));

function fail(message) {
  console.error(`compare: ${message}`);
  process.exit(1);
}

function parseSize(text) {
  const match = /^(\d+)([KMG]?)$/i.exec(text);
  if (!match) fail(`SIZE=${text} is not a size such as 512M or 2G`);
  return Number(match[1]) * 1024 ** ' KMG'.indexOf(match[2].toUpperCase() || ' ');
}

/** The index.js of a folder with a build; undefined: not a folder. */
function buildOf(path) {
  if (!existsSync(path) || !statSync(path).isDirectory()) return undefined;
  const places = ['dist/index.js', 'index.js'].map((name) => resolve(path, name));
  return places.find((place) => existsSync(place)) ?? fail(`no build in ${path}`);
}

/** The command that hyperfine runs for a side. */
function commandOf(side) {
  const dist = buildOf(side);
  if (dist === undefined) return side;
  const cell = {
    setup: 'pair',
    options: { dist, mtu: Number(env.MTU || 1500), checksum: env.CHECKSUM !== 'off' },
    metric: 'transfer',
    params: { kind: env.READER || 'default', bytes: parseSize(env.SIZE || '1G') },
  };
  return `node '${here('cell.mjs')}' '${JSON.stringify(cell)}'`;
}

const sides = process.argv.slice(2);
if (sides.length !== 2) fail('wants A and B: folders with a build, or commands');
mkdirSync(here('../build'), { recursive: true });
const names = sides.flatMap((side) => ['--command-name', side]);
const { status, error } = spawnSync(
  'hyperfine',
  [
    ...['--warmup', '1', '--runs', env.RUNS || '10'],
    ...['--export-json', here('../build/bench-compare.json')],
    ...names,
    ...sides.map(commandOf),
  ],
  { stdio: 'inherit' },
);
if (error)
  fail(error.code === 'ENOENT' ? 'hyperfine is not there: make bench-compare' : error.message);
process.exitCode = status ?? 1;
