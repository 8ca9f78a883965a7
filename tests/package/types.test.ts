// SPDX-License-Identifier: MIT
// types.test - the declarations in projects with strict settings and as little library as they may have
//
// Streams, URL and AbortSignal must come from somewhere: DOM, WebWorker, or the types of Node.

import ts from 'typescript';
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

/** TypeScript's own library, parsed once for all. */
const library = new Map<string, ts.SourceFile | undefined>();

/** Output of the compiler for files with the options of a tsconfig.json. */
function check(compilerOptions: object, files: readonly string[] = ['consumer.ts']): string[] {
  const config = { compilerOptions, files };
  const { options, fileNames, errors } = ts.parseJsonConfigFileContent(
    config,
    ts.sys,
    project.folder,
  );
  const host = ts.createCompilerHost(options);
  host.getCurrentDirectory = () => project.folder;
  const { getSourceFile } = host;
  host.getSourceFile = (name, ...rest) => {
    if (!/\/typescript\/lib\/lib\.[^/]+$/.test(name)) return getSourceFile(name, ...rest);
    if (!library.has(name)) library.set(name, getSourceFile(name, ...rest));
    return library.get(name);
  };
  const program = ts.createProgram(fileNames, options, host);
  const found = [...errors, ...ts.getPreEmitDiagnostics(program)];
  return found.map(({ file, messageText }) => {
    const text = ts.flattenDiagnosticMessageText(messageText, '\n');
    return `${file?.fileName.slice(project.folder.length) ?? ''}: ${text}`;
  });
}

test('the compiler does find what is wrong', () => {
  const options = { ...STRICT, ...NODE, lib: ['ES2022'], types: [] };
  expect(check(options).join('\n')).toContain("Cannot find name 'ReadableStream'");
});

test.for([
  ['nodenext, the DOM', { ...NODE, lib: ['ES2022', 'DOM'], types: [] }],
  ["nodenext, Node's types without the DOM", { ...NODE, lib: ['ES2022'], types: ['node'] }],
  ["nodenext, Node's types and the DOM", { ...NODE, lib: ['ES2022', 'DOM'], types: ['node'] }],
  ['bundler, the DOM', { ...BUNDLER, lib: ['ES2022', 'DOM'], types: [] }],
  ['bundler, a worker', { ...BUNDLER, lib: ['ES2022', 'WebWorker'], types: [] }],
  ['bundler, the oldest library', { ...BUNDLER, lib: ['ES2018', 'DOM'], types: [] }],
] as const)('%s', ([, options]) => {
  expect(check({ ...STRICT, ...options })).toEqual([]);
});

const PAGE = { ...STRICT, ...BUNDLER, lib: ['ES2022', 'DOM'], types: [] };

test('With allowArbitraryExtensions the module is a file, and what is imported its URL.', () => {
  expect(check({ ...PAGE, allowArbitraryExtensions: true }, ['wasm_url.ts'])).toEqual([]);
});

test('Without it, what a bundler declares of modules stands.', () => {
  expect(check(PAGE, ['bundler.d.ts', 'wasm_init.ts'])).toEqual([]);
  expect(check(PAGE, ['wasm_url.ts']).join('\n')).toContain('--allowArbitraryExtensions');
});
