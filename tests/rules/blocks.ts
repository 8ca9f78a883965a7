// SPDX-License-Identifier: MIT
// blocks - collects the fenced blocks of Markdown and checks those that are no TypeScript (examples.ts)
//
// Every block has a language that rules.ts knows. Of shell, the syntax is checked, and that the goals of
// make and the scripts of npm that it names exist; of JSON, that it parses. A block that names one of the
// two isolation headers names both, with the values that tools/page/serve.mjs sends.

import { spawnSync } from 'node:child_process';
import ts from 'typescript';
import { ISOLATION } from '../../tools/page/serve.mjs';
import { listFiles, read } from './files.ts';

/** One fenced block. */
export interface Block {
  /** File and line of its fence: 'README.md:31'. */
  readonly origin: string;
  /** The word behind the fence; '' if there is none. */
  readonly language: string;
  readonly source: string;
}

const FENCE = /^([ \t]*)```(\S*)[^\n]*\n([\s\S]*?)^[ \t]*```[ \t]*$/gm;
const HEADER = /(cross-origin-(?:opener|embedder)-policy)\W{1,12}(?:value\W{1,6})?([\w-]+)/gi;
/** Scripts of a page that are not fetched: what stands in the tag, and the code. */
const SCRIPT = /<script\b([^>]*)>([\s\S]*?)<\/script>/g;

/** The blocks of one text; firstLine is what the lines before it amount to. */
export function blocksOf(path: string, text: string, firstLine = 0): Block[] {
  return [...text.matchAll(FENCE)].map(
    ({ 1: indent = '', 2: language = '', 3: body = '', index }) => {
      const line = firstLine + text.slice(0, index).split('\n').length;
      const source = indent === '' ? body : body.replaceAll(new RegExp(`^${indent}`, 'gm'), '');
      return { origin: `${path}:${line}`, language, source };
    },
  );
}

/** The scripts that stand in a page, each as a block of js or json at the line of its tag. */
export function scriptsOf({ origin, source }: Block): Block[] {
  const [path = '', fence = ''] = origin.split(/:(?=\d+$)/);
  return [...source.matchAll(SCRIPT)]
    .filter(([, attributes = '']) => !/\bsrc=/.test(attributes))
    .map(({ 1: attributes = '', 2: code = '', index }) => {
      const line = Number(fence) + source.slice(0, index).split('\n').length;
      const language = /\btype="importmap"/.test(attributes) ? 'json' : 'ts';
      return { origin: `${path}:${line}`, language, source: code };
    });
}

function checkHeaders({ origin, source }: Block): string[] {
  const wanted: Readonly<Record<string, string>> = ISOLATION;
  const found = [...source.matchAll(HEADER)].map(([, name = '', value]) => [
    name.toLowerCase(),
    value,
  ]);
  if (found.length === 0) return [];
  const wrong = found.filter(([name = '', value]) => wanted[name] !== value);
  const lacking = Object.keys(wanted).filter((name) => !found.some((pair) => pair[0] === name));
  return [
    ...wrong.map((pair) => `${origin}: ${pair.join(': ')} is not what tools/page/serve.mjs sends`),
    ...lacking.map((name) => `${origin}: lacks ${name}`),
  ];
}

/** JSON, or with comments: an object, as in every file of settings. */
function checkJson({ origin, language, source }: Block): string[] {
  if (language === 'jsonc') {
    const { error } = ts.parseConfigFileTextToJson(origin, source);
    return error ? [`${origin}: ${ts.flattenDiagnosticMessageText(error.messageText, ' ')}`] : [];
  }
  try {
    JSON.parse(source);
    return [];
  } catch (error) {
    return [`${origin}: ${(error as Error).message}`];
  }
}

/** Goals of make that `make help` names. */
function goalsOf(root: string): Set<string> {
  const files = listFiles(root, ['mk'], ['.mk']);
  const lines = ['Makefile', ...files].flatMap((path) => read(root, path).split('\n'));
  return new Set(lines.flatMap((line) => /^## ([a-z][\w-]*) /.exec(line)?.[1] ?? []));
}

function scriptNames(root: string): Set<string> {
  return new Set(Object.keys(JSON.parse(read(root, 'package.json')).scripts ?? {}));
}

/** Commands of make and npm in some lines: those whose goal or script does not exist. */
function checkCommands(root: string, origin: string, lines: string): string[] {
  const violations: string[] = [];
  for (const [, words = ''] of lines.matchAll(/(?:^|[;&|]|\$)\s*make((?: +[\w.=/-]+)*)/gm)) {
    const goals = words.split(/\s+/).filter((word) => /^[a-z][\w-]*$/.test(word));
    for (const goal of goals) {
      if (!goalsOf(root).has(goal)) violations.push(`${origin}: make has no goal ${goal}`);
    }
  }
  for (const [, name = ''] of lines.matchAll(/(?:^|[;&|]|\$)\s*npm run ([\w:-]+)/gm)) {
    if (!scriptNames(root).has(name)) violations.push(`${origin}: npm has no script ${name}`);
  }
  return violations;
}

function checkShell(root: string, { origin, source }: Block): string[] {
  const { status, stderr } = spawnSync('bash', ['-n'], { input: source, encoding: 'utf8' });
  const syntax = status === 0 ? [] : [`${origin}: ${stderr.trim()}`];
  return [...syntax, ...checkCommands(root, origin, source)];
}

/** Checks every block of some documents, and the commands of make that their prose names. */
export function checkBlocks(
  root: string,
  paths: readonly string[],
  languages: Readonly<Record<string, string>>,
): string[] {
  return paths.flatMap((path) => {
    const text = read(root, path);
    const spans = [...text.matchAll(/`(make [^`\n]+)`/g)].map(([, command]) => command);
    const blocks = blocksOf(path, text);
    const scripts = blocks.filter(({ language }) => language === 'html').flatMap(scriptsOf);
    const found = [...blocks, ...scripts].flatMap((block) => {
      const rule = languages[block.language];
      if (rule === undefined) return [`${block.origin}: no rule for language '${block.language}'`];
      const own =
        rule === 'json' ? checkJson(block) : rule === 'shell' ? checkShell(root, block) : [];
      return [...own, ...checkHeaders(block)];
    });
    return [...found, ...checkCommands(root, path, spans.join('\n'))];
  });
}
