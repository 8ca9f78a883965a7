// SPDX-License-Identifier: MIT
// tarball.test - what is in the package, and what its linters say of it

import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ownPackage, Project, ROOT, TARBALL } from './project.ts';

const run = promisify(execFile);
const CONTENTS = join(ROOT, 'tests/package/contents.txt');

/** Lines of `tar tv` without owner and time: mode and path. */
async function list(): Promise<string[]> {
  const { stdout } = await run('tar', ['tvzf', TARBALL]);
  const lines = stdout.trimEnd().split('\n');
  return lines.map((line) => `${line.slice(0, 10)} ${line.replace(/.* package\//, '')}`).sort();
}

test('holds the files of contents.txt and no others', async () => {
  const expected = (await readFile(CONTENTS, 'utf8')).trimEnd().split('\n');
  expect(await list()).toEqual(expected.filter((line) => !line.startsWith('#')));
});

test('publint has nothing to say', async () => {
  const { stdout } = await run(join(ownPackage('.bin'), 'publint'), ['run', TARBALL, '--strict'], {
    cwd: ROOT,
  });
  expect(stdout).toMatch(/All good!/);
});

test('are the types wrong? No', async () => {
  // The wasm is a file whose type depends on the bundler: declarations of ours would hide theirs.
  const asset = ['--exclude-entrypoints', './stack.wasm'];
  const args = [TARBALL, '--profile', 'esm-only', '--format', 'ascii', '--no-color', '--no-emoji'];
  const { stdout } = await run(join(ownPackage('.bin'), 'attw'), [...args, ...asset], {
    cwd: ROOT,
  });
  expect(stdout).toMatch(/"ringstack"\n\nnode16 \(from ESM\): OK/);
  for (const name of ['link', 'fault', 'pcap', 'qemu', 'tap', 'v86', 'websocket', 'worker']) {
    expect(stdout).toMatch(new RegExp(`"ringstack/${name}"\\n\\nnode16 \\(from ESM\\): OK`));
  }
});

describe('installed', () => {
  let project: Project;
  const read = (path: string) =>
    readFile(join(project.folder, 'node_modules/ringstack', path), 'utf8');
  beforeAll(async () => {
    project = await Project.create('plain');
  });
  afterAll(() => project.remove());

  test('brings no other package', async () => {
    const tree = JSON.parse(await project.run('npm', 'ls', '--all', '--json'));
    expect(Object.keys(tree.dependencies)).toEqual(['ringstack']);
    expect(tree.dependencies.ringstack.dependencies).toBeUndefined();
  });

  test('has the licences that package.json names', async () => {
    const { license } = JSON.parse(await read('package.json'));
    expect(license).toBe('MIT AND BSD-3-Clause');
    expect(await read('LICENSE')).toMatch(/^MIT License/);
    expect(await read('LICENSE.lwip')).toMatch(/Swedish Institute of Computer Science/);
  });

  test('says nothing of the machine it was built on', async () => {
    for (const path of ['dist/index.js', 'dist/workers/engine.js', 'dist/stack.wasm']) {
      const text = await read(path);
      expect(text).not.toContain(ROOT);
      expect(text).not.toMatch(/\/home\/|\/root\//);
    }
  });
});
