// SPDX-License-Identifier: MIT
// tarball.test - what is in the package, and what its linters say of it

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ENTRIES } from '../../tools/entries.mjs';
import { fits, listDocuments } from '../rules/files.ts';
import { checkLinks } from '../rules/links.ts';
import { ownPackage, Project, ROOT, TARBALL } from './project.ts';

const run = promisify(execFile);
/** Files that the package may hold: '*' stands for any part of a path. */
const CONTENTS = [
  'package.json',
  'README.md',
  'CHANGELOG.md',
  'LICENSE',
  'LICENSE.lwip',
  'docs/*.md',
  'examples/README.md',
  'examples/*.mjs',
  'dist/stack.wasm',
  'dist/stack.d.wasm.ts',
  'dist/*.js',
  'dist/*.js.map',
  'dist/*.d.ts',
  'dist/link/adapter/linux_tap/helper.c',
];

/** Paths in the tarball by their modes. */
async function list(): Promise<Map<string, string>> {
  const { stdout } = await run('tar', ['tvzf', TARBALL]);
  const lines = stdout.trimEnd().split('\n');
  return new Map(lines.map((line) => [line.replace(/.* package\//, ''), line.slice(0, 10)]));
}

test('It holds what CONTENTS says, all of it, and nothing that others may write; programs alone may be run.', async () => {
  const files = await list();
  const paths = [...files.keys()];
  expect(paths.filter((path) => !CONTENTS.some((pattern) => fits(path, pattern)))).toEqual([]);
  expect(CONTENTS.filter((pattern) => !paths.some((path) => fits(path, pattern)))).toEqual([]);
  const { bin } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8'));
  const programs = Object.values<string>(bin).map((path) => path.replace(/^\.\//, ''));
  for (const [path, mode] of files) {
    expect(`${mode} ${path}`).toBe(
      `${programs.includes(path) ? '-rwxr-xr-x' : '-rw-r--r--'} ${path}`,
    );
  }
});

test('dist/ mirrors js/: every file is made of the source of its name, and every subpath is there.', async () => {
  const paths = [...(await list()).keys()];
  const made = paths.filter((path) => /^dist\/.*\.(js|d\.ts)$/.test(path));
  const sourceOf = (path: string): string =>
    path.replace(/^dist/, 'js').replace(/\.(js|d\.ts)$/, '.ts');
  expect(made.filter((path) => !existsSync(join(ROOT, sourceOf(path))))).toEqual([]);
  const { exports } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8'));
  const targets = Object.values<string | object>(exports).flatMap((to) =>
    typeof to === 'string' ? [to] : Object.values<string>(to as Record<string, string>),
  );
  expect(targets.filter((to) => !paths.includes(to.slice(2)))).toEqual([]);
  for (const path of made) if (path.endsWith('.js')) expect(paths).toContain(`${path}.map`);
});

test('publint has nothing to say', async () => {
  const { stdout } = await run(join(ownPackage('.bin'), 'publint'), ['run', TARBALL, '--strict'], {
    cwd: ROOT,
  });
  expect(stdout).toMatch(/All good!/);
});

test('are the types wrong? No', async () => {
  const args = [TARBALL, '--profile', 'esm-only', '--format', 'ascii', '--no-color', '--no-emoji'];
  const { stdout } = await run(join(ownPackage('.bin'), 'attw'), args, { cwd: ROOT });
  for (const name of [...ENTRIES.map(({ specifier }) => specifier), 'ringstack/stack.wasm']) {
    expect(stdout).toMatch(new RegExp(`"${name}"\\n\\nnode16 \\(from ESM\\): OK`));
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

  test('The README of the page has no link that needs the repository; links of the guides lead to files of the package.', async () => {
    const root = join(project.folder, 'node_modules/ringstack');
    const readme = await read('README.md');
    expect(readme.match(/\]\((?!https?:|#)[^)]*\)/g)).toBeNull();
    const documents = { files: ['README.md', 'CHANGELOG.md'], dirs: ['docs', 'examples'] };
    expect(checkLinks(root, listDocuments(root, documents))).toEqual([]);
    for (const [, path = ''] of readme.matchAll(/\(`((?:docs|examples)\/[\w./-]+)`\)/g)) {
      expect([path, existsSync(join(root, path))]).toEqual([path, true]);
    }
  });

  test('It says nothing of the machine it was built on, and every source map has its sources.', async () => {
    const made = (await list()).keys();
    for (const path of [...made].filter((one) => /^dist\/.*\.(js|map|wasm)$/.test(one))) {
      const text = await read(path);
      expect([path, text.includes(ROOT)]).toEqual([path, false]);
      expect([path, /\/home\/|\/root\//.exec(text)?.[0]]).toEqual([path, undefined]);
      if (!path.endsWith('.map')) continue;
      const { sources, sourcesContent } = JSON.parse(text);
      expect(sourcesContent).toHaveLength(sources.length);
    }
  });
});
