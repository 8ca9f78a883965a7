// SPDX-License-Identifier: MIT
// doc_examples - collects the code of doc comments and Markdown, to be run or type-checked
//
// A ts block that says `assert` runs, and so does the first one of README.md that imports nothing but the package.
// All others are type-checked, as are those that run, and the module scripts of html blocks; js blocks are parsed. Examples of public
// exports import from 'ringstack'; those of internal modules from '../js/x.ts'. Both are rewritten to the
// sources when a block becomes a file.

import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { nameOf } from '../../tools/entries.mjs';
import { type Block, blocksOf, scriptsOf } from './blocks.ts';
import { listDocuments, listFiles, ROOT, read } from './files.ts';
import { DOCUMENTS } from './rules.ts';

/** One block. */
export interface Example {
  /** File and line of its fence: 'js/util/address.ts:31'. */
  readonly origin: string;
  readonly source: string;
  readonly language: 'ts' | 'js';
  readonly runs: boolean;
}

const DOC = /^[ \t]*\/\*\*[\s\S]*?\*\//gm;

function examplesOf(blocks: readonly Block[]): Example[] {
  const code = blocks.flatMap((block) => (block.language === 'html' ? scriptsOf(block) : [block]));
  return code.flatMap(({ origin, source, language }) => {
    if (language !== 'ts' && language !== 'js') return [];
    return [{ origin, source, language, runs: language === 'ts' && /\bassert\b/.test(source) }];
  });
}

/** Whether a block is TypeScript that needs only the package. */
function isSelfContained({ language, source }: Example): boolean {
  const imports = [...source.matchAll(/(?:from |import )'([^']+)'/g)].map(([, name = '']) => name);
  return language === 'ts' && imports.every((name) => /^ringstack(?:\/|$)/.test(name));
}

/** All code of js/, packages/, README.md, docs/ and bench/, each with the line its fence stands on. */
export function collectExamples(root: string): Example[] {
  const found: Example[] = [];
  for (const path of listFiles(root, ['js', 'packages'], ['.ts'])) {
    const text = read(root, path);
    for (const match of text.matchAll(DOC)) {
      const before = text.slice(0, match.index).split('\n').length - 1;
      const plain = match[0].replace(/^[ \t]*\* ?/gm, '');
      found.push(...examplesOf(blocksOf(path, plain, before)));
    }
  }
  for (const path of listDocuments(root, DOCUMENTS)) {
    const examples = examplesOf(blocksOf(path, read(root, path)));
    const first = path === 'README.md' ? examples.findIndex(isSelfContained) : -1;
    found.push(
      ...examples.map((example, i) => (i === first ? { ...example, runs: true } : example)),
    );
  }
  return found;
}

/** Points the imports of a block at the sources, from build/examples/. */
function rewrite(source: string): string {
  return source
    .replace(/(?<=(?:from |import |import\()(['"]))ringstack(?:\/[\w/-]+)?(?=\1)/g, (specifier) => {
      return `../../js/${nameOf(specifier) ?? specifier}.ts`;
    })
    .replace(/(['"])ringstack-wireguard\1/g, '$1../../packages/wireguard/src/index.ts$1')
    .replace(/(['"])\.\.\/js\//g, '$1../../js/');
}

/** Declares the well-known names that a fragment uses and does not declare itself. */
function prelude(source: string, names: Readonly<Record<string, string>>): string {
  const used = Object.entries(names).filter(([name]) => {
    const isDeclared = new RegExp(`\\b(?:const|let|using|function)\\s+${name}\\b`).test(source);
    return !isDeclared && new RegExp(`\\b${name}\\b`).test(source);
  });
  return used
    .map(([name, type]) => `declare const ${name}: import('../../js/index.ts').${type};\n`)
    .join('');
}

/** Writes every block to build/examples/ of its tree. Returns the paths in the same order. */
export function writeExamples(
  root: string,
  examples: readonly Example[],
  names: Readonly<Record<string, string>> = {},
): string[] {
  const dir = join(root, 'build/examples');
  rmSync(dir, { recursive: true, force: true });
  mkdirSync(dir, { recursive: true });
  return examples.map(({ origin, source, language, runs }) => {
    const name = origin.replace(/\.(?:ts|md):/, '_').replace(/\W/g, '_');
    const path = join(dir, `${name}.${language}`);
    const declared = runs || language === 'js' ? '' : prelude(source, names);
    writeFileSync(path, `// from ${origin}\n${declared}${rewrite(source)}\nexport {};\n`);
    return path;
  });
}

/** Those of the tree's tsconfig.json, or of this repository's, or plain strict ones. */
function compilerOptions(root: string): ts.CompilerOptions {
  const dir = [root, ROOT].find((place) => existsSync(join(place, 'tsconfig.json'))) ?? root;
  const json = ts.readConfigFile(join(dir, 'tsconfig.json'), ts.sys.readFile).config;
  const plain = { compilerOptions: { target: 'es2024', module: 'nodenext', strict: true } };
  const host = { ...ts.sys, readDirectory: () => [] };
  return {
    ...ts.parseJsonConfigFileContent(json ?? plain, host, dir).options,
    noEmit: true,
    noUnusedLocals: false,
    noUnusedParameters: false,
    skipLibCheck: true,
    allowJs: true,
    allowImportingTsExtensions: true,
    typeRoots: [join(ROOT, 'node_modules/@types')],
    types: ['node'],
  };
}

/** Type-checks files of examples, and parses those that are JavaScript. Returns '<file>:<line>: <message>' of each mistake in them. */
export function typeCheck(root: string, paths: readonly string[]): string[] {
  const program = ts.createProgram([...paths], compilerOptions(root));
  return paths.flatMap((path) => {
    const file = program.getSourceFile(path);
    const found = [
      ...program.getSyntacticDiagnostics(file),
      ...program.getSemanticDiagnostics(file),
    ];
    return found.map(({ start = 0, messageText }) => {
      const line = file ? file.getLineAndCharacterOfPosition(start).line + 1 : 0;
      return `${path.slice(root.length)}:${line}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`;
    });
  });
}
