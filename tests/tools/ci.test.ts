// SPDX-License-Identifier: MIT
// ci.test - .ci/run: every stage runs, what each came to is shown and added up, and no failure is lost

import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { plant, ROOT } from '../rules/files.ts';

/** Goals of a Makefile: commands by name. */
type Goals = Readonly<Record<string, string>>;

const GOOD: Goals = {
  test: "echo '10 passed, 0 failed, 2 skipped'",
  'test-everywhere': "echo '3 passed, 0 failed'; echo '20 passed, 0 failed'",
  'test-package': "echo '30 passed, 0 failed'",
  'test-vm': "echo '40 passed, 0 failed, 1 skipped'",
  'test-fuzz': "echo '12 passed, 0 failed'",
  check: 'echo no findings',
};

/** Runs a copy of .ci/run where the goals are these. */
function runCi(goals: Goals, setup = 'exit 0') {
  const rules = Object.entries(goals).map(([name, command]) => `${name}:\n\t@${command}\n`);
  const root = plant({
    Makefile: `.PHONY: ${Object.keys(goals).join(' ')}\n${rules.join('')}`,
    'tools/setup.sh': `#!/bin/sh\n${setup}\n`,
  });
  chmodSync(join(root, 'tools/setup.sh'), 0o755);
  mkdirSync(join(root, '.ci'));
  copyFileSync(join(ROOT, '.ci/run'), join(root, '.ci/run'));
  // The settings of an outer make are not for this one.
  const env = { ...process.env, MAKEFLAGS: '', MAKELEVEL: '' };
  const { status, stdout } = spawnSync('bash', ['.ci/run'], { cwd: root, env, encoding: 'utf8' });
  const lines = stdout.trimEnd().split('\n');
  const row = (name: string) => lines.find((line) => line.trim().startsWith(`${name} `));
  return { status, last: lines.at(-1), row };
}

test('Stages that pass are added up, and the last line is the sum.', () => {
  const { status, last, row } = runCi(GOOD);
  expect({ status, last }).toEqual({ status: 0, last: '112 passed, 0 failed, 3 skipped' });
  // The closing line of a stage is the last of its lines.
  expect(row('everywhere')).toMatch(/\d s +20 passed +0 failed +0 skipped$/);
});

test.each([
  ['that counts its failures', "echo '8 passed, 2 failed'; exit 1", '110 passed, 2 failed'],
  ['that says all is well and fails', "echo '10 passed, 0 failed'; exit 1", '112 passed, 1 failed'],
  ['that dies without a count', 'kill -9 $$$$', '102 passed, 1 failed'],
])('A stage %s is a failure, and the others run.', (_, command, sum) => {
  const { status, last, row } = runCi({ ...GOOD, test: command });
  expect({ status, last }).toEqual({ status: 1, last: `${sum}, 1 skipped` });
  expect(row('check')).toMatch(/0 passed +0 failed/);
});

test('Lint that fails is one failure; so is a machine that cannot be set up, where nothing else runs.', () => {
  expect(runCi({ ...GOOD, check: 'exit 2' })).toMatchObject({
    status: 1,
    last: '112 passed, 1 failed, 3 skipped',
  });
  expect(runCi(GOOD, 'exit 1')).toMatchObject({ status: 1, last: '0 passed, 1 failed' });
});
