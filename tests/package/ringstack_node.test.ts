// SPDX-License-Identifier: MIT
// ringstack_node.test - the package ringstack-node in a fresh project of Node, and its declarations

import { join } from 'node:path';
import ts from 'typescript';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { NODE_TARBALL, ownPackage, Project } from './project.ts';

let project: Project;
beforeAll(async () => {
  project = await Project.create('ringstack_node');
  await project.install(NODE_TARBALL);
});
afterAll(() => project.remove());

test('a program runs on a stack with --import, and ends by itself', async () => {
  const printed = await project.run(
    process.execPath,
    '--import',
    'ringstack-node/register',
    'app.js',
  );
  expect(printed).toBe('served stack\n');
});

test('every entry can be imported, and http is that of the stack in use', async () => {
  const printed = await project.run(process.execPath, 'object.js');
  expect(printed).toBe('http 127.0.0.1 2 ringstack-node/net\n');
});

test.each(['nodenext', 'bundler'])('its declarations are strict: %s', async (moduleResolution) => {
  const options = {
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    skipLibCheck: false,
    noEmit: true,
    target: 'ES2022',
    module: moduleResolution === 'nodenext' ? 'nodenext' : 'esnext',
    moduleResolution,
    esModuleInterop: true,
    lib: ['ES2022'],
    types: ['node'],
    typeRoots: [join(ownPackage('@types'))],
    paths: {
      'undici-types': [ownPackage('undici-types')],
      'node:*': [join(ownPackage('@types/node'), '*')],
    },
  };
  const parsed = ts.parseJsonConfigFileContent(
    { compilerOptions: options, files: ['consumer.mts'] },
    ts.sys,
    project.folder,
  );
  const program = ts.createProgram(parsed.fileNames, parsed.options);
  const found = [...parsed.errors, ...ts.getPreEmitDiagnostics(program)];
  expect(
    found.map(
      ({ file, messageText }) =>
        `${file?.fileName}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`,
    ),
  ).toEqual([]);
});
