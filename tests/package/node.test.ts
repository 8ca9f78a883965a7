// SPDX-License-Identifier: MIT
// node.test - the package in a fresh project of Node, by import and by require()

import { afterAll, beforeAll, expect, test } from 'vitest';
import { Project } from './project.ts';

let project: Project;
beforeAll(async () => {
  project = await Project.create('node');
});
afterAll(() => project.remove());

test('import, both engines, files from subpaths', async () => {
  expect(JSON.parse(await project.run(process.execPath, 'esm.js'))).toEqual([
    { echo: 'from import', engines: 'inline inline' },
    { echo: 'from import', engines: 'worker worker' },
    { echo: 'from subpaths', engines: 'worker worker' },
  ]);
});

// Node 20.19, 22.12 and later.
const canRequire = (process.features as { require_module?: boolean }).require_module === true;
test.runIf(canRequire)('require(), both engines, the same module as by import', async () => {
  expect(JSON.parse(await project.run(process.execPath, 'require.cjs'))).toEqual({
    isSame: true,
    results: [
      { echo: 'from require', engines: 'inline inline' },
      { echo: 'from require', engines: 'worker worker' },
    ],
  });
});
