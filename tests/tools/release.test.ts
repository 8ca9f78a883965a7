// SPDX-License-Identifier: MIT
// release.test - tools/release.sh: what it refuses before it builds anything

import { execFileSync, spawnSync } from 'node:child_process';
import { appendFileSync, copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { plant, ROOT } from '../rules/files.ts';

const hasGit = spawnSync('git', ['--version']).status === 0;

const CHANGELOG = '# Changelog\n\n## [Unreleased]\n\n## [1.2.3] - 2026-01-31\n';

/** A repository with the script and one commit; gives its folder and git in it. */
function repository(changelog = CHANGELOG) {
  const root = plant({ 'package.json': '{ "version": "1.2.3" }', 'CHANGELOG.md': changelog });
  mkdirSync(join(root, 'tools'));
  copyFileSync(join(ROOT, 'tools/release.sh'), join(root, 'tools/release.sh'));
  const git = (...args: string[]) => {
    const who = ['-c', 'user.name=test', '-c', 'user.email=test@localhost'];
    execFileSync('git', [...who, '-c', 'commit.gpgsign=false', ...args], { cwd: root });
  };
  git('init', '--quiet');
  git('add', '.');
  git('commit', '--quiet', '--message', 'test');
  return { root, git };
}

function release(root: string, ...args: string[]) {
  const { status, stderr } = spawnSync('tools/release.sh', args, { cwd: root, encoding: 'utf8' });
  return { status, stderr };
}

test.runIf(hasGit)('refuses an option it does not know', () => {
  expect(release(repository().root, '--skip-tests')).toEqual({
    status: 1,
    stderr: expect.stringContaining('unknown option --skip-tests'),
  });
});

test.runIf(hasGit)('refuses a dirty tree, in a dry run too', () => {
  const { root, git } = repository();
  git('tag', 'v1.2.3');
  appendFileSync(join(root, 'CHANGELOG.md'), 'and more\n');
  for (const args of [[], ['--dry-run']]) {
    const { status, stderr } = release(root, ...args);
    expect(status).toBe(1);
    expect(stderr).toContain('the tree is not clean');
  }
});

test.runIf(hasGit)('refuses a commit without the tag of its version', () => {
  const { root, git } = repository();
  git('tag', 'v1.2.2');
  const { status, stderr } = release(root);
  expect(status).toBe(1);
  expect(stderr).toContain('HEAD has no tag v1.2.3');
});

test.runIf(hasGit)('refuses a version that the changelog does not have', () => {
  const { root, git } = repository(CHANGELOG.replace('1.2.3', '1.2.30'));
  git('tag', 'v1.2.3');
  const { status, stderr } = release(root);
  expect(status).toBe(1);
  expect(stderr).toContain("CHANGELOG.md has no section '## [1.2.3] - YYYY-MM-DD'");
});
