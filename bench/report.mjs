// SPDX-License-Identifier: MIT
// report - writes results into bench/README.md, a few rows into README.md, and the chart that both show
//
// usage: node bench/report.mjs [RESULT.json]        (default: the newest of bench/results/, of each suite; of the
//        tables with real machines, the newest result that has each)

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { throughputChart } from './lib/chart.mjs';
import { checkTargets } from './lib/checks.mjs';
import {
  fullReport,
  replaceBetween,
  runtimesReport,
  shortReport,
  vmReport,
} from './lib/tables.mjs';

const here = (path) => new URL(path, import.meta.url);

/** How the names of results end that are not of the whole suite in Node. */
const ENDS = ['-browsers.json', '-udp.json', '-vm.json'];

const resultNames = () => readdirSync(here('results/')).filter((name) => name.endsWith('.json'));
const readResult = (path) => JSON.parse(readFileSync(path, 'utf8'));

/** Everything that was measured with real machines, newest first. */
const vmResults = () =>
  resultNames()
    .filter((name) => name.endsWith('-vm.json'))
    .sort()
    .reverse()
    .map((name) => readResult(here(`results/${name}`)));

/** The newest result of each suite: their names begin with the date, and end with the suite. */
function newest() {
  const names = resultNames();
  const others = ENDS.map((end) => names.filter((name) => name.endsWith(end)));
  const last = [names.filter((name) => !others.flat().includes(name)), ...others]
    .map((some) => some.sort().at(-1))
    .filter((name) => name !== undefined);
  if (last.length === 0) throw new Error('no result in bench/results/: run `make bench` first');
  return last.map((name) => here(`results/${name}`));
}

function rewrite(path, name, content) {
  const url = here(path);
  writeFileSync(url, replaceBetween(readFileSync(url, 'utf8'), name, content));
}

/** Results with real machines, newest first, each with those of its tables that no newer one has. */
function latestTables(results) {
  const seen = new Set();
  return results.map((result) => ({
    ...result,
    tables: result.tables.filter(({ name }) => !seen.has(name) && seen.add(name)),
  }));
}

/** The tables with real machines. */
function writeVm(results) {
  const tables = latestTables(results).filter(({ tables }) => tables.length > 0);
  rewrite('README.md', 'bench-vm', `\n${tables.map(vmReport).join('\n\n')}\n`);
}

/** Tables and chart of the whole suite in Node. */
function writeAll(result) {
  writeFileSync(here('throughput.svg'), throughputChart(result));
  const chart = (path) => `![One TCP flow, Gbit/s](${path})`;
  const full = fullReport(result, checkTargets(result.cells));
  rewrite('README.md', 'bench', `\n${chart('throughput.svg')}\n\n${full}\n`);
  rewrite(
    '../README.md',
    'bench',
    `\n${chart('bench/throughput.svg')}\n\n${shortReport(result)}\n`,
  );
}

/** The table of browsers and other runtimes. */
function writeRuntimes(result) {
  rewrite('README.md', 'bench-browsers', `\n${runtimesReport(result)}\n`);
}

/** The tables of UDP. */
function writeUdp(result) {
  const targets = checkTargets(result.cells).filter(({ value }) => value !== undefined);
  rewrite('README.md', 'bench-udp', `\n${fullReport(result, targets)}\n`);
}

for (const path of process.argv[2] ? [process.argv[2]] : newest()) {
  const result = readResult(path);
  if (result.suite === 'browsers') writeRuntimes(result);
  else if (result.suite === 'udp') writeUdp(result);
  else if (result.suite === 'vm') writeVm(process.argv[2] ? [result] : vmResults());
  else writeAll(result);
}
