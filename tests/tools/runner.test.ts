// SPDX-License-Identifier: MIT
// runner.test - tools/test/: every way a run can fail is counted as a failure, named, and ends with status 1

import { spawnSync } from 'node:child_process';
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { checkOutcome, closingLine, sumOf, vitestOutcome } from '../../tools/test/outcome.mjs';
import { plant, ROOT } from '../rules/files.ts';

const CONFIG = "export default { test: { name: 'planted', include: ['**/*.test.mjs'] } };";

/** Runs tools/test/run.mjs in a folder with these files. Gives its last lines and its status. */
function run(files: Readonly<Record<string, string>>, ...args: string[]) {
  const root = plant({ 'vitest.config.mjs': CONFIG, ...files });
  symlinkSync(join(ROOT, 'node_modules'), join(root, 'node_modules'));
  // Vitest is run by Vitest here: what the outer one has set is not for the inner one.
  const env = Object.entries(process.env).filter(([name]) => !/^(VITEST|CI$|TEST$)/.test(name));
  const { status, stdout } = spawnSync(
    process.execPath,
    [join(ROOT, 'tools/test/run.mjs'), ...args],
    { cwd: root, encoding: 'utf8', env: Object.fromEntries(env) },
  );
  const lines = stdout.trimEnd().split('\n');
  const failed = lines.lastIndexOf('failed:');
  const problems = failed < 0 ? [] : lines.slice(failed + 1, -2).map((line) => line.trim());
  return { status, closing: lines.at(-1), problems: problems.sort(), stdout };
}

const vitest = (files: Readonly<Record<string, string>>) => run(files, '--projects', 'planted');
const file = (body: string): string =>
  `import { afterAll, beforeAll, describe, test } from 'vitest';\n${body}`;

test('A run in which all is well says so and exits with 0.', () => {
  const skipping = "test('a', () => {}); test('b', ({ skip }) => skip('no peer')); test.skip('c');";
  const { status, closing, problems } = vitest({ 'good.test.mjs': file(skipping) });
  expect({ status, closing, problems }).toEqual({
    status: 0,
    closing: '1 passed, 0 failed, 2 skipped',
    problems: [],
  });
});

test('A file, a suite and a clean-up that fail are failures, and so are the tests they kept from running.', () => {
  const { status, closing, problems } = vitest({
    'file.test.mjs': file(
      "beforeAll(() => { throw new Error('no host'); }); test('a', () => {}); test.skip('b'); describe.skip('c', () => test('d', () => {}));",
    ),
    'suite.test.mjs': file(`
      describe('broken', () => {
        beforeAll(() => { throw new Error('no guest'); });
        test('a', () => {});
        describe('inner', () => test('b', () => {}));
      });
      describe('whole', () => {
        afterAll(() => { throw new Error('not gone'); });
        test('c', () => {});
      });`),
  });
  expect(problems).toEqual([
    'file.test.mjs (planted): a: was not run',
    'file.test.mjs (planted): no host',
    'suite.test.mjs (planted): broken > a: was not run',
    'suite.test.mjs (planted): broken > inner > b: was not run',
    'suite.test.mjs (planted): broken: no guest',
    'suite.test.mjs (planted): whole: not gone',
  ]);
  expect(closing).toBe('1 passed, 6 failed, 2 skipped');
  expect(status).toBe(1);
});

test('A file that cannot be loaded, one without tests, an error outside of tests and a process that dies are failures.', () => {
  const { status, closing, problems } = vitest({
    'dies.test.mjs': file(
      "test('a', () => new Promise(() => process.kill(process.pid, 'SIGKILL')));",
    ),
    'empty.test.mjs': file(''),
    'late.test.mjs': file(
      "test('a', async () => { Promise.reject(new Error('late')); await new Promise((done) => setTimeout(done, 20)); });",
    ),
    'load.test.mjs': "throw new Error('cannot load');",
    'plain.test.mjs': file("test('a', () => { throw new Error('wrong'); });"),
  });
  expect(problems).toEqual([
    'dies.test.mjs (planted): a: was not run',
    expect.stringMatching(/^empty\.test\.mjs \(planted\): No test suite found/),
    'load.test.mjs (planted): cannot load',
    'plain.test.mjs (planted): a: wrong',
    expect.stringMatching(/^vitest: outside of any test: .*Worker/),
    'vitest: outside of any test: late',
  ]);
  expect(closing).toBe('1 passed, 6 failed');
  expect(status).toBe(1);
});

test('A run of Vitest that does not begin, and one that chooses nothing, are failures.', () => {
  const broken = vitest({ 'vitest.config.mjs': "throw new Error('bad configuration');" });
  expect(broken).toMatchObject({ status: 1, closing: '0 passed, 1 failed' });
  const nothing = run(
    { 'a.test.mjs': file("test('a', () => {});") },
    '--projects',
    'planted',
    '--files',
    'zzz',
  );
  expect(nothing).toMatchObject({ status: 1, closing: '0 passed, 1 failed' });
});

test('The table of peers shows what was not run and why something was skipped.', () => {
  const body = `
    describe('peer', () => {
      beforeAll(() => { throw new Error('no peer'); });
      test('a', () => {});
    });
    test('b', ({ task, skip }) => { task.meta.why = 'needs it'; skip('needs it'); });`;
  const { stdout } = run({ 'a.test.mjs': file(body) }, '--projects', 'planted', '--table');
  expect(stdout).toMatch(/^peer\n {2}unreached +a$/m);
  expect(stdout).toMatch(/^ {2}skipped +b {2}\(needs it\)$/m);
});

test('A native program that fails, dies or runs no test is a failure; what it did before counts.', () => {
  const script = (...lines: string[]): string => ['#!/bin/sh', ...lines].join('\n');
  const files = {
    good: script("echo '100%: Checks: 3, Failures: 0, Errors: 0'"),
    bad: script("echo '50%: Checks: 4, Failures: 1, Errors: 1'", 'exit 1'),
    leaks: script("echo '100%: Checks: 2, Failures: 0, Errors: 0'", 'echo leak', 'exit 23'),
    dies: script('kill -9 $$'),
    empty: script("echo '100%: Checks: 0, Failures: 0, Errors: 0'"),
  };
  const names = [...Object.keys(files), 'missing'];
  const runner = join(ROOT, 'tools/test/run.mjs');
  const root = plant(files);
  const { stdout, status } = spawnSync(
    'sh',
    ['-c', `chmod +x * && "$0" "$@"`, process.execPath, runner, ...names.map((n) => `./${n}`)],
    { cwd: root, encoding: 'utf8' },
  );
  expect(stdout.trimEnd().split('\n').slice(-8)).toEqual([
    'failed:',
    '  ./bad: 50%: Checks: 4, Failures: 1, Errors: 1',
    '  ./leaks: exit status 23',
    '  ./dies: exit status SIGKILL',
    '  ./empty: ran no test',
    expect.stringMatching(/^ {2}\.\/missing: exit status .*ENOENT/),
    '',
    '7 passed, 6 failed',
  ]);
  expect(status).toBe(1);
});

test('Outcomes of a native program and of Vitest add up.', () => {
  const native = checkOutcome('p', '100%: Checks: 3, Failures: 0, Errors: 0\n', 0);
  const good = { suites: [], name: 'a', state: 'passed', errors: [] };
  const record = { files: [{ project: 'p', file: 'f', errors: [], tests: [good] }], unhandled: [] };
  expect(closingLine(sumOf([native, vitestOutcome(record, 0)]))).toBe('4 passed, 0 failed');
  // Nothing in the record says why.
  expect(vitestOutcome(record, 'SIGTERM')).toMatchObject({ passed: 1, failed: 1 });
  expect(vitestOutcome(undefined, 0)).toMatchObject({ passed: 0, failed: 1 });
});
