// SPDX-License-Identifier: MIT
// run - runs native test programs and tests of Vitest, and adds them up
//
// usage: node tools/test/run.mjs [--projects NAMES] [--files NAMES] [--table] PROGRAM...
//
//   --projects  those of vitest.config.ts that run, separated by spaces; default: none
//   --files     only test files whose path contains one of these, separated by spaces
//   --table     shows what ran peer by peer (make test-vm)
//
// Each PROGRAM is built on the library Check. The end of its output is shown when it fails; otherwise one
// line. All of it is in build/test/. Everything runs whatever fails before it. At the end stands what failed,
// and last "N passed, N failed[, N skipped]"; the exit status is 0 only if something ran and nothing failed.
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { checkOutcome, closingLine, statusOf, sumOf, vitestOutcome } from './outcome.mjs';
import { vmTable } from './vm_table.mjs';

const OUT = 'build/test';
const VITEST = fileURLToPath(new URL('../../node_modules/vitest/vitest.mjs', import.meta.url));
const REPORTER = fileURLToPath(new URL('./reporter.mjs', import.meta.url));
/** Lines of a program that failed. */
const LAST_LINES = 60;

/** Environment of the native programs, unless a variable is set already. */
const NATIVE_ENV = {
  // A report of a sanitizer fails the test that caused it.
  ASAN_OPTIONS: 'detect_stack_use_after_return=1:strict_string_checks=1',
  UBSAN_OPTIONS: 'print_stacktrace=1',
  TSAN_OPTIONS: 'halt_on_error=1:second_deadlock_stack=1',
  // Check stops a test after so many seconds; sanitizers make it slow.
  CK_DEFAULT_TIMEOUT: '60',
};

/** Runs a program to its end. Gives its exit status, or the signal or error that ended it. */
function runProgram(command, args, { env, onOutput }) {
  const stdio = ['ignore', ...(onOutput ? ['pipe', 'pipe'] : ['inherit', 'inherit'])];
  const child = spawn(command, args, { env, stdio });
  child.stdout?.on('data', onOutput);
  child.stderr?.on('data', onOutput);
  return new Promise((resolve) => {
    child.once('error', ({ message }) => resolve(message));
    child.once('close', (status, signal) => resolve(status ?? signal));
  });
}

async function runNative(program) {
  const pieces = [];
  const status = await runProgram(program, [], {
    env: { ...NATIVE_ENV, ...process.env },
    onOutput: (bytes) => pieces.push(bytes),
  });
  const output = Buffer.concat(pieces).toString();
  writeFileSync(`${OUT}/${program.replaceAll('/', '-')}.log`, output);
  const outcome = checkOutcome(program, output, status);
  if (outcome.failed > 0) console.log(output.trimEnd().split('\n').slice(-LAST_LINES).join('\n'));
  console.log(
    `  ${'TEST'.padEnd(7)} ${outcome.problems[0] ?? `${program}: ${outcome.passed} passed`}`,
  );
  return outcome;
}

const words = (text) => text?.split(/\s+/).filter(Boolean) ?? [];

async function runVitest(projects, { files, table }) {
  const path = `${OUT}/${projects.join('-')}.json`;
  rmSync(path, { force: true });
  const args = [
    ...['run', '--reporter=default', `--reporter=${REPORTER}`],
    ...projects.flatMap((name) => ['--project', name]),
    ...files,
  ];
  const env = { ...process.env, RINGSTACK_RECORD: path };
  const status = await runProgram(process.execPath, [VITEST, ...args], { env });
  let record;
  try {
    record = JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    // Vitest did not come to its end.
  }
  if (table && record) console.log(vmTable(record));
  return vitestOutcome(record, status);
}

const { values, positionals } = parseArgs({
  options: {
    projects: { type: 'string' },
    files: { type: 'string' },
    table: { type: 'boolean' },
  },
  allowPositionals: true,
});
mkdirSync(OUT, { recursive: true });
const outcomes = [];
for (const program of positionals) outcomes.push(await runNative(program));
const projects = words(values.projects);
if (projects.length > 0) {
  outcomes.push(await runVitest(projects, { ...values, files: words(values.files) }));
}
const outcome = sumOf(outcomes);
if (outcome.problems.length > 0) {
  console.log(`\nfailed:\n${outcome.problems.map((problem) => `  ${problem}`).join('\n')}\n`);
}
console.log(closingLine(outcome));
process.exitCode = statusOf(outcome);
