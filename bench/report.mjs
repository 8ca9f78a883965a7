// SPDX-License-Identifier: MIT
// report - writes a result into bench/README.md, README.md and the chart that both show
//
// usage: node bench/report.mjs [RESULT.json]        (default: the newest of bench/results/)

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { throughputChart } from './lib/chart.mjs';
import { checkTargets } from './lib/checks.mjs';
import { fullReport, replaceBetween, shortReport } from './lib/tables.mjs';

const here = (path) => new URL(path, import.meta.url);

function newest() {
  const names = readdirSync(here('results/')).filter((name) => name.endsWith('.json'));
  const last = names.sort().at(-1);
  if (!last) throw new Error('no result in bench/results/: run `make bench` first');
  return here(`results/${last}`);
}

function rewrite(path, content) {
  const url = here(path);
  writeFileSync(url, replaceBetween(readFileSync(url, 'utf8'), 'bench', content));
}

const result = JSON.parse(readFileSync(process.argv[2] ?? newest(), 'utf8'));
writeFileSync(here('throughput.svg'), throughputChart(result));
const chart = (path) => `![One TCP flow, Gbit/s](${path})`;
rewrite(
  'README.md',
  `\n${chart('throughput.svg')}\n\n${fullReport(result, checkTargets(result.cells))}\n`,
);
rewrite('../README.md', `\n${chart('bench/throughput.svg')}\n\n${shortReport(result)}\n`);
