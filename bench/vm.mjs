// SPDX-License-Identifier: MIT
// vm - measures the stack with real machines on the other end, keeps the result in bench/results/
//
// usage: node bench/vm.mjs [--only A,B] [--rounds N] [--out FILE] [--list]
//
// Every vm/NAME.mjs is one table. It is run in a process of its own, once a round, and has:
//
//   title       the heading of its table
//   rows()      an async generator of rows, one as soon as it is measured, in the order of the table:
//                 { label, columns: { 'Mbit/s': 87.1, 'frames/s': 7700 } }   numbers, with their units in
//                                                                           the titles
//                 { label, skipped: 'no root' }                 cannot be measured here, with the reason
//               A label is the same in every round, and says all that is not the default. Titles of columns
//               are shared by the rows of a table; a row may lack some. It throws Skip (lib/skip.mjs)
//               when nothing of the table can be measured here, any other error when it fails. It ends what it
//               started in a finally. A hash that does not match is an error.
//   versions()  optional: programs that take part, as texts such as 'QEMU 7.2.22'; asked for after rows(), in its process
//
// A table is killed after LIMIT. `make bench-vm` passes ONLY and ROUNDS, `make bench-report` writes the newest
// result between the marks `bench-vm` of bench/README.md.

import { fork } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { describeMachine, describeVersions } from './lib/machine.mjs';
import { Skip } from './lib/skip.mjs';
import { format, vmReport } from './lib/tables.mjs';
import { gatherRows } from './lib/vm_rows.mjs';

const RESULTS = fileURLToPath(new URL('./results/', import.meta.url));
const SELF = fileURLToPath(import.meta.url);
/** ms for one round of one table. */
const LIMIT = 15 * 60_000;

/** Names of all tables. */
function tableNames() {
  return readdirSync(new URL('./vm/', import.meta.url))
    .filter((name) => name.endsWith('.mjs'))
    .map((name) => name.slice(0, -4))
    .sort();
}

/** Measures a table in this process, and reports to the parent process. */
async function measure(name) {
  const tell = (message) => new Promise((done) => process.send(message, done));
  try {
    const table = await import(`./vm/${name}.mjs`);
    await tell({ title: table.title });
    for await (const row of table.rows()) await tell({ row });
    await tell({ versions: (await table.versions?.()) ?? [] });
  } catch (error) {
    await tell(error instanceof Skip ? { skipped: error.message } : { error: `${error.stack}` });
  }
  process.exit(0);
}

/** A line for each row. */
function progress(name, round, { label, columns, skipped }) {
  const figures = Object.entries(columns ?? {}).map(
    ([title, value]) => `${format(value)} ${title}`,
  );
  const text = skipped === undefined ? figures.join(', ') : `skipped: ${skipped}`;
  console.error(`round ${round + 1}  ${name}: ${label}  ${text}`);
}

/** One round of a table: what its process has told. */
function runTable(name, round) {
  const told = { name, rows: [], versions: [] };
  return new Promise((resolve) => {
    const child = fork(SELF, ['--table', name], { execArgv: ['--expose-gc'] });
    const timer = setTimeout(() => {
      told.error = `not done after ${LIMIT / 60_000} minutes`;
      child.kill('SIGKILL');
    }, LIMIT);
    child.on('message', ({ row, ...more }) => {
      Object.assign(told, more);
      if (!row) return;
      told.rows.push(row);
      progress(name, round, row);
    });
    child.on('close', (status, signal) => {
      clearTimeout(timer);
      if (status !== 0) told.error ??= `its process ended with ${signal ?? status}`;
      if (told.error) console.error(`${name} FAILED: ${told.error}`);
      resolve(told);
    });
  });
}

async function main({ only, rounds, out, list }) {
  const wanted = only.split(',').filter((name) => name !== '');
  const names = tableNames().filter(
    (name) => wanted.length === 0 || wanted.some((start) => name.startsWith(start)),
  );
  if (list) return console.log(names.join('\n'));
  if (names.length === 0) throw new Error('no table has such a name');
  const date = new Date().toISOString();
  const begin = performance.now();
  const command = `node bench/vm.mjs ${process.argv.slice(2).join(' ')}`.trim();
  const versions = describeVersions();
  const result = {
    format: 1,
    suite: 'vm',
    date,
    command,
    rounds,
    machine: describeMachine(),
    versions,
  };
  const told = [];
  for (let round = 0; round < rounds; round++) {
    const order = round % 2 === 0 ? names : [...names].reverse();
    for (const name of order) told.push(await runTable(name, round));
  }
  result.tables = names.map((name) => gatherRows(told.filter((table) => table.name === name)));
  versions.runtimes = [...new Set(told.flatMap((table) => table.versions))];
  result.seconds = Math.round((performance.now() - begin) / 1000);
  const path =
    out ?? join(RESULTS, `${date.slice(0, 16).replace(':', '')}-${versions.commit}-vm.json`);
  mkdirSync(RESULTS, { recursive: true });
  writeFileSync(path, `${JSON.stringify(result, null, 1)}\n`);
  console.log(`${vmReport(result)}\n\n${result.seconds} s; kept in ${path}`);
  if (result.tables.some(({ errors }) => errors.length > 0)) process.exitCode = 1;
}

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    rounds: { type: 'string', default: '3' },
    out: { type: 'string' },
    list: { type: 'boolean', default: false },
    table: { type: 'string' },
  },
});
if (values.table === undefined) await main({ ...values, rounds: Number(values.rounds) });
else await measure(values.table);
