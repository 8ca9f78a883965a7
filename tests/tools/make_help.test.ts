// SPDX-License-Identifier: MIT
// make_help.test - make help names every goal, once, in a group

import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { ROOT } from '../rules/files.ts';

/** Output of make. */
function make(...args: string[]): string {
  // The settings of an outer make are not for this one.
  const env = { ...process.env, MAKEFLAGS: '', MAKELEVEL: '' };
  return spawnSync('make', args, { cwd: ROOT, env, encoding: 'utf8', maxBuffer: 2 ** 26 }).stdout;
}

/** Goals by the groups of make help. */
function groupsOf(help: string): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  let group = '';
  for (const line of help.split('\n').filter(Boolean)) {
    if (line.startsWith(' ')) groups.get(group)?.push(line.trim().split(' ')[0] ?? '');
    else {
      group = line;
      groups.set(group, []);
    }
  }
  return groups;
}

test('Every goal of make is in make help, once.', () => {
  // A goal that others start is called after them.
  const [database = ''] = make('-pn', 'help').match(/^\.PHONY: [^$\n]*$/m) ?? [];
  const phony = database.split(' ').slice(1);
  const goals = phony.filter((name) => name !== 'FORCE' && !name.endsWith('-run'));
  expect(goals.length).toBeGreaterThan(30);
  const told = [...groupsOf(make('help')).values()].flat();
  expect(told.sort()).toEqual([...new Set(goals)].sort());
});

test('They are in groups, of few enough to read.', () => {
  const groups = [...groupsOf(make('help'))].filter(([, goals]) => goals.length > 0);
  expect(groups.map(([name]) => name)).toEqual([
    'Build',
    'Test',
    'Fuzz and soak',
    'Check',
    'Benchmarks',
    'Pages',
    'Other',
  ]);
  for (const [, goals] of groups) expect(goals.length).toBeLessThanOrEqual(10);
});
