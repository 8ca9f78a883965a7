// SPDX-License-Identifier: MIT
// run - runs the targets of libFuzzer (make fuzz, make test-fuzz)
//
// usage: node tests/fuzz/run.mjs [--seconds N | --runs N] [--seed N] TARGET...
//
//   --seconds  of each target: what it finds is kept in build/fuzz/corpus/TARGET
//   --runs     executions of each target, behind all of its committed corpus: the same whenever it is run
//   --seed     of the mutations, by default 1
//
// The committed corpus is tests/fuzz/corpus/TARGET. An input that ends a target is kept in build/fuzz/found/, and a line
// says how to repeat it. The last line is "N passed, N failed": a replay and a run of each target.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { closingLine, statusOf, sumOf } from '../../tools/test/outcome.mjs';

/** Inputs that a run of a given length finds are not kept: the next one begins as it did. */
const SCRATCH = 'build/fuzz/scratch';
const FOUND = 'build/fuzz/found/';
/** An input takes milliseconds; one that takes so many seconds hangs. */
const TIMEOUT = 20;
const ENV = {
  ASAN_OPTIONS: 'detect_stack_use_after_return=1:strict_string_checks=1',
  UBSAN_OPTIONS: 'print_stacktrace=1',
};
const COMMON = [
  `-timeout=${TIMEOUT}`,
  '-max_len=4096',
  '-rss_limit_mb=2048',
  '-print_final_stats=1',
];

const { values, positionals: targets } = parseArgs({
  options: {
    seconds: { type: 'string' },
    runs: { type: 'string' },
    seed: { type: 'string', default: '1' },
  },
  allowPositionals: true,
});

/** Runs a target; gives its outcome, and what it printed. */
function run(target, what, args) {
  const program = `build/fuzz/fuzz_${target}`;
  const prefix = `-artifact_prefix=${FOUND}${target}-`;
  const { status, signal, stderr } = spawnSync(program, [...COMMON, prefix, ...args], {
    encoding: 'utf8',
    env: { ...ENV, ...process.env },
    maxBuffer: 1 << 30,
  });
  if (status === 0) return { passed: 1, failed: 0, skipped: 0, output: stderr };
  console.log(stderr.split('\n').slice(-80).join('\n'));
  const file = stderr.match(/Test unit written to (\S+)/)?.[1];
  const repeat = file ? `; again: ${program} ${file}` : '';
  const problem = `${target}, ${what}: ended with ${status ?? signal}${repeat}`;
  return { passed: 0, failed: 1, skipped: 0, problems: [problem], output: stderr };
}

const number = (output, pattern) => Number(output.match(pattern)?.at(-1)?.match(/\d+/)?.[0] ?? 0);

/** A line about a run: executions, how many a second, edges of the core reached, inputs that reach them. */
function tell(target, { output }) {
  const count = number(output, /number_of_executed_units: \d+/g);
  const rate = number(output, /average_exec_per_sec: +\d+/g);
  const edges = number(output, /cov: \d+/g);
  const inputs = number(output, /corp: \d+/g);
  const cells = [`${count} executions`, `${rate}/s`, `${edges} edges`, `${inputs} inputs`];
  console.log(`  ${'FUZZ'.padEnd(7)} ${target.padEnd(9)} ${cells.join(', ')}`);
}

const outcomes = [];
mkdirSync(FOUND, { recursive: true });
for (const target of targets) {
  const committed = `tests/fuzz/corpus/${target}`;
  const own = `build/fuzz/corpus/${target}`;
  mkdirSync(own, { recursive: true });
  const seeds = existsSync(committed)
    ? readdirSync(committed).map((name) => `${committed}/${name}`)
    : [];
  if (seeds.length > 0) outcomes.push(run(target, 'replay', seeds));
  rmSync(SCRATCH, { recursive: true, force: true });
  mkdirSync(SCRATCH, { recursive: true });
  const args = [
    values.runs ? `-runs=${values.runs}` : `-max_total_time=${values.seconds ?? 60}`,
    `-seed=${values.seed}`,
    values.runs ? SCRATCH : own,
    ...(seeds.length > 0 ? [committed] : []),
  ];
  const outcome = run(target, 'run', args);
  tell(target, outcome);
  outcomes.push(outcome);
}
const outcome = sumOf(outcomes);
for (const problem of outcome.problems) console.log(`failed: ${problem}`);
console.log(closingLine(outcome));
process.exitCode = statusOf(outcome);
