// SPDX-License-Identifier: MIT
// run - Node's own tests of net, http, dgram and dns, on a stack: node --import ringstack-node/register TEST
//
// usage: node tests/node_suite/run.mjs [DIR] [PART,PART] [NAME,NAME]     (DIR: build/node-suite/node, see fetch.sh)
//
// A test counts if it is about sockets of TCP or UDP (FILTERS says what else leaves one out), and if it passes on
// this version of Node without a stack. Each that fails on a stack has its reason in exceptions.json; one without,
// and one that passes although it has one, fails the run.
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const ROOT = resolve(HERE, '../..');
const REGISTER = join(ROOT, 'packages/node/dist/register.js');
/** ms; native tests take one second at most. */
const PATIENCE = 15_000;

const PARTS = {
  net: /^test-net-/,
  http: /^test-http-(?!2)/,
  dgram: /^test-dgram-/,
  dns: /^test-dns-(?!promises-exists|set-default|default-order|memory|perf)/,
};

/** Text of a test that is not about sockets of TCP or UDP. */
const FILTERS = [
  [
    'processes',
    /child_process|require\('cluster'\)|from 'cluster'|runBenchmark|common\.spawnPromisified/,
  ],
  ['threads', /worker_threads/],
  ['pipes', /common\.PIPE|tmpdir\.refresh|\.PIPE\b|pipeName|new Pipe\(/],
  ['internals', /--expose.internals|internalBinding|process\.binding|_handle\b.*fd|internal\/test/],
  ['TLS', /hasCrypto|require\('https'\)|require\('tls'\)|hasOpenSSL/],
  ['the real internet', /common\/internet/],
  [
    'inspector, hooks or heap',
    /require\('async_hooks'\)|require\('inspector'\)|perf_hooks|gc\.js|common\/gc|--expose.gc|diagnostics_channel|require\('trace_events'\)/,
  ],
];

const [, , where = join(ROOT, 'build/node-suite/node'), parts = '', only = ''] = process.argv;
const dir = resolve(where);
const exceptions = JSON.parse(readFileSync(join(HERE, 'exceptions.json'), 'utf8'));

function flagsOf(text) {
  const flags = /^\/\/ Flags: (.*)$/m.exec(text)?.[1].trim().split(/\s+/) ?? [];
  return flags.filter(
    (flag) =>
      process.allowedNodeEnvironmentFlags.has(flag.split('=')[0]) ||
      /^--(expose|no-|allow|trace|max|harmony|stack)/.test(flag),
  );
}

/** Runs one test; resolves with what it printed if it failed. */
function runTest({ path, flags }, isOnStack) {
  const args = [...(isOnStack ? ['--import', REGISTER] : []), ...flags, path];
  const env = {
    ...process.env,
    NODE_SKIP_FLAG_CHECK: '1',
    NODE_TEST_DIR: join(ROOT, 'build/node-suite'),
  };
  const options = { env, timeout: PATIENCE, killSignal: 'SIGKILL', maxBuffer: 1 << 24, cwd: dir };
  return new Promise((settle) => {
    execFile(process.execPath, args, options, (error, stdout, stderr) => {
      if (!error) settle(/^1\.\.0 # Skipped/m.test(stdout) ? 'skipped' : undefined);
      else
        settle(
          `${error.killed ? `still running after ${PATIENCE} ms\n` : ''}${stdout}${stderr}` ||
            `exit ${error.code}`,
        );
    });
  });
}

function select() {
  const left = {};
  const chosen = [];
  for (const folder of ['parallel', 'sequential']) {
    const files = existsSync(join(dir, 'test', folder))
      ? readdirSync(join(dir, 'test', folder))
      : [];
    for (const file of files.sort()) {
      const part = Object.keys(PARTS).find((name) => PARTS[name].test(file));
      if (!part || (parts && !parts.split(',').includes(part))) continue;
      const path = join(dir, 'test', folder, file);
      const name = basename(file).replace(/\.m?js$/, '');
      if (only && !only.split(',').includes(name)) continue;
      const text = readFileSync(path, 'utf8');
      const filter = FILTERS.find(([, says]) => says.test(text));
      if (filter && !only) left[filter[0]] = (left[filter[0]] ?? 0) + 1;
      else chosen.push({ part, name, path, folder, flags: flagsOf(text) });
    }
  }
  return { chosen, left };
}

async function inParallel(tasks, count, run) {
  const waiting = [...tasks];
  const work = async () => {
    for (let task = waiting.shift(); task; task = waiting.shift()) await run(task);
  };
  await Promise.all(Array.from({ length: count }, work));
}

mkdirSync(join(ROOT, 'build/node-suite'), { recursive: true });
const { chosen, left } = select();
const results = new Map();
const judge = async (test) => {
  let said = await runTest(test, true);
  if (said === undefined || said === 'skipped') {
    results.set(test, { state: said ?? 'passed' });
    return;
  }
  const native = await runTest(test, false);
  // A machine that does much else: a test that fails once may have been late.
  if (native === undefined && !(test.name in exceptions)) said = await runTest(test, true);
  const state = said === undefined ? 'passed' : native === undefined ? 'failed' : 'native';
  results.set(test, { state, said });
};
const [parallel, sequential] = ['parallel', 'sequential'].map((folder) =>
  chosen.filter((test) => test.folder === folder),
);
await inParallel(parallel, Math.max(1, Number(process.env.JOBS) || availableParallelism()), judge);
await inParallel(sequential, 1, judge);

let bad = 0;
const log = [];
for (const part of Object.keys(PARTS)) {
  const tests = chosen.filter((test) => test.part === part);
  if (tests.length === 0) continue;
  const of = (state) => tests.filter((test) => results.get(test).state === state);
  const known = of('failed').filter(({ name }) => name in exceptions);
  const unknown = of('failed').filter(({ name }) => !(name in exceptions));
  const stale = of('passed').filter(
    ({ name }) => name in exceptions && !exceptions[name].startsWith('sometimes'),
  );
  const counted = of('passed').length + of('failed').length;
  console.log(
    `${part}: ${of('passed').length} of ${counted} that pass natively (${known.length} exceptions, ${of('native').length} fail natively, ${of('skipped').length} skip themselves)`,
  );
  for (const test of unknown) {
    console.log(`  failed: ${test.name}`);
    log.push(`=== ${test.name}\n${results.get(test).said}`);
  }
  for (const { name } of stale) console.log(`  passes, and is an exception: ${name}`);
  bad += unknown.length + stale.length;
  // Then it is not the stack that fails, and the rest says little.
  if (of('native').length > tests.length / 10) {
    console.log(`  too many fail natively: ${of('native').length} of ${tests.length}`);
    bad++;
  }
}
for (const [what, count] of Object.entries(left)) console.log(`left out: ${count} about ${what}`);
writeFileSync(join(ROOT, 'build/node-suite.log'), log.join('\n'));
const passed = [...results.values()].filter(({ state }) => state === 'passed').length;
console.log(`${passed} passed, ${bad} failed`);
process.exitCode = bad > 0 ? 1 : 0;
