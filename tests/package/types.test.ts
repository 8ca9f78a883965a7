// SPDX-License-Identifier: MIT
// types - the declarations in projects with strict settings and as little library as they may have
//
// Streams, URL and AbortSignal must come from somewhere: DOM, WebWorker, or the types of Node.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ownPackage, Project } from './project.ts';

const STRICT = {
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  skipLibCheck: false,
  noEmit: true,
  target: 'ES2022',
};
const NODE = { module: 'nodenext', moduleResolution: 'nodenext' };
const BUNDLER = { module: 'esnext', moduleResolution: 'bundler' };

let project: Project;
beforeAll(async () => {
  const names = ['@types/node', 'undici-types'];
  project = await Project.create('types', Object.fromEntries(names.map((n) => [n, ownPackage(n)])));
});
afterAll(() => project.remove());

test.for([
  ['nodenext, the DOM', { ...NODE, lib: ['ES2022', 'DOM'], types: [] }],
  ["nodenext, Node's types without the DOM", { ...NODE, lib: ['ES2022'], types: ['node'] }],
  ["nodenext, Node's types and the DOM", { ...NODE, lib: ['ES2022', 'DOM'], types: ['node'] }],
  ['bundler, the DOM', { ...BUNDLER, lib: ['ES2022', 'DOM'], types: [] }],
  ['bundler, a worker', { ...BUNDLER, lib: ['ES2022', 'WebWorker'], types: [] }],
  ['bundler, the oldest library', { ...BUNDLER, lib: ['ES2018', 'DOM'], types: [] }],
] as const)('%s', async ([, options]) => {
  const compilerOptions = { ...STRICT, ...options };
  const config = JSON.stringify({ compilerOptions, files: ['consumer.ts'] });
  await writeFile(join(project.folder, 'tsconfig.json'), config);
  const said = await project.run(process.execPath, join(ownPackage('typescript'), 'bin/tsc'));
  expect(said).toBe('');
});
