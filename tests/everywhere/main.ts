// SPDX-License-Identifier: MIT
// main - runs tests/stack and tests/link in every runtime and browser that is there, both engines, and prints a table
//
// usage: make test-everywhere [RUNTIMES=node,firefox] [FILES=close,tcp] [CHOSEN=1]
//
// CHOSEN=1 runs the part that tests/everywhere/chosen.ts names. A name that fits nothing is a failure.
//
// Every file has a process or a page of its own; several of them run at a time, since most tests wait for a
// timer. Hosts come one after another, so that few browsers are open at once. A host that is not installed is a row
// that says so; with CI in the environment it is a failure, unless the host is optional.

import { closingLine, statusOf } from '../../tools/test/outcome.mjs';
import { openRelay } from '../helpers/relay.ts';
import { bundleTests, NO_PAGES } from './bundle.ts';
import { CHOSEN } from './chosen.ts';
import { Listener } from './events.ts';
import { HOSTS, type Host, type OpenHost, type Setting } from './hosts.ts';
import { failuresOf, longestOf, type Row, tableOf, totalOf } from './table.ts';

const PROGRAMS_AT_ONCE = 5;
const PAGES_AT_ONCE = 4;
/** ms without a word after which a file is stopped: longer than any test may take. */
const SILENCE = 330_000;
const SILENT = `Nothing was heard for ${SILENCE} ms`;

interface Job {
  readonly row: Row;
  readonly setting: Setting;
  readonly host: Host;
  readonly file: string;
}

/** Runs one file; every word it says gives it more time. */
async function runJob({ row, setting, file }: Job, host: OpenHost): Promise<void> {
  const listener = new Listener();
  const began = performance.now();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let settle = (_: string): void => {};
  const over = new Promise<string>((resolve) => {
    settle = resolve;
  });
  const word = (): void => {
    clearTimeout(timer);
    timer = setTimeout(() => settle(SILENT), SILENCE);
  };
  word();
  try {
    const running = await host.start(file, setting, (line) => {
      word();
      listener.take(line);
      if (listener.isDone) settle('done');
    });
    running.ended.then(settle);
    let how = await over;
    if (how === SILENT) how += `: ${await running.explain()}`;
    await running.stop();
    row.results.set(file, listener.end(how));
  } catch (error) {
    row.results.set(file, listener.end(`Cannot run it: ${error}`));
  }
  clearTimeout(timer);
  row.seconds.set(file, (performance.now() - began) / 1000);
}

/** Files that take longest go first, so that none is left alone at the end. */
const LONG = ['lossy', 'tcp', 'resources', 'stack', 'idle', 'listener'];
const order = (file: string): number => (LONG.indexOf(file) + LONG.length + 1) % (LONG.length + 1);

function rowsOf(host: Host, missing: string | undefined, version: string): Row[] {
  return host.settings.map(({ engine, isolated }) => ({
    runtime: version,
    engine,
    isolated: isolated === undefined ? '' : isolated ? 'yes' : 'no',
    results: new Map(),
    seconds: new Map(),
    ...(missing === undefined ? {} : { missing }),
    isRequired: !!process.env['CI'] && !host.isOptional,
  }));
}

/** Counts a file that a page has no use for, as one skip. */
function skipFile({ results }: Row, file: string): boolean {
  const reason = NO_PAGES[file];
  if (reason === undefined) return false;
  results.set(file, { passed: 0, failed: [], skipped: new Map([[reason, 1]]) });
  return true;
}

/** Runs all files in one host. */
async function runHost(host: Host, files: readonly string[]): Promise<Row[]> {
  const missing = host.missing();
  if (missing !== undefined) return rowsOf(host, missing, host.name);
  let open: OpenHost;
  try {
    open = await host.open();
  } catch (error) {
    return rowsOf(host, `cannot be started: ${String(error).split('\n')[0]}`, host.name);
  }
  const rows = rowsOf(host, undefined, open.version);
  const isPage = host.settings.some(({ isolated }) => isolated !== undefined);
  const jobs = host.settings
    .flatMap((setting, n) =>
      files.map((file): Job => ({ row: rows[n] as Row, setting, host, file })),
    )
    .filter(({ row, file }) => !isPage || !skipFile(row, file));
  jobs.sort((one, other) => order(one.file) - order(other.file));
  const work = async (): Promise<void> => {
    for (let job = jobs.shift(); job; job = jobs.shift()) await runJob(job, open);
  };
  const length = isPage ? PAGES_AT_ONCE : PROGRAMS_AT_ONCE;
  await Promise.all(Array.from({ length }, work));
  await open.close();
  return rows;
}

/**
 * Those whose names begin with one of some names, commas between.
 *
 * @throws If one of the names fits nothing.
 */
function choose<T>(all: readonly T[], names: string | undefined, nameOf: (one: T) => string): T[] {
  const wanted = (names ?? '').toLowerCase().split(',').filter(Boolean);
  const fits = (one: T, name: string): boolean => nameOf(one).toLowerCase().startsWith(name);
  const stray = wanted.find((name) => !all.some((one) => fits(one, name)));
  if (stray !== undefined) {
    throw new Error(`Cannot find ${stray} among ${all.map(nameOf).join(', ')}`);
  }
  return all.filter((one) => wanted.length === 0 || wanted.some((name) => fits(one, name)));
}

const { RUNTIMES, FILES, CHOSEN: isPart } = process.env as Record<string, string | undefined>;
const hosts = choose(HOSTS, RUNTIMES, ({ name }) => name);
const files = choose(await bundleTests(), FILES, (name) => name).filter(
  (name) => !isPart || name in CHOSEN,
);
const relay = await openRelay();
process.env['RINGSTACK_RELAY'] = relay.url; // programs inherit it, pages are told
const rows: Row[] = [];
for (const host of hosts) {
  const began = performance.now();
  const done = await runHost(host, files);
  rows.push(...done);
  const seconds = ((performance.now() - began) / 1000).toFixed(0);
  const name = (done[0]?.runtime ?? host.name).padEnd(20);
  console.log(`  ${'RUN'.padEnd(7)} ${name} ${closingLine(totalOf(done))} (${seconds} s)`);
  console.log(`  ${''.padEnd(28)} longest: ${longestOf(done)}`);
  const failures = failuresOf(done);
  if (failures) console.log(`\n${failures}\n`);
}
relay.close();
console.log(`\n${tableOf(rows)}\n`);
const sums = totalOf(rows);
console.log(closingLine(sums));
process.exitCode = statusOf(sums);
