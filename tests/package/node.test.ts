// SPDX-License-Identifier: MIT
// node.test - the package in a fresh project of Node, by import and by require()

import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Project, ROOT } from './project.ts';

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

test('an example runs as it was copied', async () => {
  await cp(join(ROOT, 'examples'), join(project.folder, 'examples'), { recursive: true });
  const printed = await project.run(process.execPath, 'examples/two_process_bridge.mjs', '1');
  expect(printed).toMatch(/counted 1048576 of 1048576 bytes/);
  expect(await project.run(process.execPath, 'examples/proxy.mjs')).toMatch(/the real network/);
});
