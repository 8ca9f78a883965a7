// SPDX-License-Identifier: MIT
// size - whether files and functions are short enough to read

import { extname } from 'node:path';
import ts from 'typescript';
import { blankComments, lineOf, listFiles, parse, read, walk } from './files.ts';

/** Lines at the most. */
export interface SizeRules {
  readonly c: number;
  readonly ts: number;
  readonly function: number;
}

interface Measured {
  readonly name: string;
  readonly line: number;
  readonly lines: number;
}

/** Functions of a C file. A head and its closing brace stand in the first column, as do all others. */
function cFunctions(text: string): Measured[] {
  const found: Measured[] = [];
  let head: { name: string; line: number } | undefined;
  for (const [i, line] of blankComments(text).split('\n').entries()) {
    const name = /^\w.*?(\w+)\s*\(/.exec(line)?.[1];
    if (name !== undefined) head = { name, line: i };
    if (line.trimEnd() === '}' && head !== undefined) {
      found.push({ name: head.name, line: head.line + 1, lines: i - head.line + 1 });
    }
    const isOther = name === undefined && /^(?:\w+[^\w:]|})/.test(line); // not a label, not #if
    if (isOther) head = undefined;
  }
  return found;
}

/** Functions of a TypeScript file; callbacks, such as the bodies of tests, are part of their caller. */
function tsFunctions(file: ts.SourceFile): Measured[] {
  const found: Measured[] = [];
  walk(file, (node) => {
    if (!ts.isFunctionLike(node) || !('body' in node) || node.body === undefined) return;
    const isExpression = ts.isArrowFunction(node) || ts.isFunctionExpression(node);
    const owner = isExpression ? node.parent : node;
    if (ts.isCallExpression(owner) || ts.isNewExpression(owner)) return;
    const named = owner as { name?: ts.Node };
    const line = lineOf(node);
    const last = file.getLineAndCharacterOfPosition(node.end).line + 1;
    found.push({ name: named.name?.getText() ?? 'function', line, lines: last - line + 1 });
  });
  return found;
}

/** Checks the lines of every C and TypeScript file below some folders, and of their functions. */
export function checkSizes(
  root: string,
  dirs: readonly string[],
  rules: SizeRules,
  exempt: readonly string[] = [],
): string[] {
  const violations: string[] = [];
  for (const path of listFiles(root, dirs, ['.c', '.h', '.ts'])) {
    if (exempt.includes(path)) continue;
    const text = read(root, path);
    const isTs = extname(path) === '.ts';
    const lines = text.replace(/\n$/, '').split('\n').length;
    const limit = isTs ? rules.ts : rules.c;
    if (lines > limit) violations.push(`${path}: has ${lines} lines, more than ${limit}`);
    for (const one of isTs ? tsFunctions(parse(root, path)) : cFunctions(text)) {
      if (one.lines <= rules.function) continue;
      const what = `${path}:${one.line}: ${one.name}`;
      violations.push(`${what} has ${one.lines} lines, more than ${rules.function}`);
    }
  }
  return violations;
}
