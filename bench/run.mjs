// SPDX-License-Identifier: MIT
// run - runs the benchmark suite, keeps the result in bench/results/, prints tables and targets
//
// usage: node bench/run.mjs [--rows A,B] [--columns A,B] [--rounds N] [--quick] [--peer PATH] [--list]
//                           [--out FILE] [--browsers]
//
// Rows and columns are named by the beginning of their ids (--list shows them). --peer measures a package
// with the API of tcpip.js beside ours; --browsers some of our rows in browsers and other runtimes beside
// Node's. `make bench` and `make bench-browsers` pass ROWS, COLUMNS, ROUNDS, QUICK and PEER.

import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { checkTargets } from './lib/checks.mjs';
import { describeMachine, describeVersions } from './lib/machine.mjs';
import { runRounds } from './lib/rounds.mjs';
import { Runtimes } from './lib/runtimes.mjs';
import { format, fullReport, runtimesReport } from './lib/tables.mjs';
import { cellsOf } from './suite.mjs';
import { runtimeCells } from './suite_runtimes.mjs';

const RESULTS = fileURLToPath(new URL('./results/', import.meta.url));
/** How the names of results end that are not of the whole suite. */
const ENDS = { all: '', browsers: '-browsers', udp: '-udp' };
const HEADLINES = ['gbps', 'perS', 'firstMs'];

function readOptions() {
  const { values } = parseArgs({
    options: {
      rows: { type: 'string', default: '' },
      columns: { type: 'string', default: '' },
      rounds: { type: 'string' },
      quick: { type: 'boolean', default: false },
      peer: { type: 'string' },
      list: { type: 'boolean', default: false },
      out: { type: 'string' },
      browsers: { type: 'boolean', default: false },
    },
  });
  const names = (text) => text.split(',').filter((name) => name !== '');
  return {
    ...values,
    rows: names(values.rows),
    columns: names(values.columns),
    rounds: Number(values.rounds ?? (values.quick ? 1 : 5)),
    ...(values.peer ? { peer: entryOf(resolve(values.peer)) } : {}),
  };
}

/** The module of a package folder, or the file itself. */
function entryOf(path) {
  if (!statSync(path).isDirectory()) return path;
  const description = join(path, 'package.json');
  const { exports, main } = existsSync(description)
    ? JSON.parse(readFileSync(description, 'utf8'))
    : {};
  let entry = exports?.['.'] ?? exports;
  while (entry && typeof entry === 'object') entry = entry.import ?? entry.default;
  return join(path, entry ?? main ?? 'index.js');
}

/** A line for each cell that was measured. */
function progress(total) {
  let done = 0;
  return (cell, round, { metrics, skipped, error }) => {
    done++;
    const name = HEADLINES.find((key) => metrics?.[key] !== undefined);
    const value = name ? `${format(metrics[name])} ${name}` : 'ok';
    const text = error ? `FAILED ${error.split('\n')[0]}` : (skipped ?? value);
    console.error(
      `${`${done}/${total}`.padStart(9)}  round ${round + 1}  ${cell.id.padEnd(34)} ${text}`,
    );
  };
}

/** The targets: of a part of the suite, those that it says something about. */
function targetsOf({ cells }) {
  const isPart = options.quick || options.rows.length + options.columns.length > 0;
  return checkTargets(cells).filter(({ value }) => !isPart || value !== undefined);
}

/** The suite that some cells are: UDP alone has tables of its own. */
function suiteOf(some) {
  if (options.browsers) return 'browsers';
  return some.every(({ row }) => row.startsWith('udp-')) ? 'udp' : 'all';
}

const options = readOptions();
const cells = options.browsers ? runtimeCells(options) : cellsOf(options);
if (options.list) {
  for (const cell of cells) console.log(`${cell.id.padEnd(34)} ${cell.rowLabel}: ${cell.label}`);
  process.exit(0);
}
if (cells.length === 0) throw new Error('no cell has such a row and column');

const date = new Date().toISOString();
const start = performance.now();
const result = {
  format: 1,
  suite: suiteOf(cells),
  date,
  command: `node bench/run.mjs ${process.argv.slice(2).join(' ')}`.trim(),
  rounds: options.rounds,
  machine: describeMachine(),
  versions: describeVersions(),
};
if (result.machine.load > 1) {
  console.error(
    `The machine is busy (load ${result.machine.load.toFixed(1)}): expect figures to differ.`,
  );
}
const runtimes = new Runtimes();
const tell = progress(cells.length * options.rounds);
result.cells = await runRounds(cells, options.rounds, tell, (cell) => runtimes.run(cell));
await runtimes.close();
result.versions.runtimes = runtimes.versions;
result.seconds = Math.round((performance.now() - start) / 1000);

const name = `${date.slice(0, 16).replace(':', '')}-${result.versions.commit}`;
const out = options.out ?? join(RESULTS, `${name}${ENDS[result.suite]}.json`);
mkdirSync(RESULTS, { recursive: true });
writeFileSync(out, `${JSON.stringify(result, null, 1)}\n`);
if (options.browsers) console.log(runtimesReport(result));
else console.log(fullReport(result, targetsOf(result)));
console.log(`\n${result.seconds} s; kept in ${out}\n`);
