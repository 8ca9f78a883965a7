// SPDX-License-Identifier: MIT
// abi - generates js/abi.ts anew, and looks for what goes round it

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ts from 'typescript';
import { lineOf, listFiles, parse, read, walk } from '../rules/files.ts';

/** Builds core/abi_gen.c with the native compiler and runs it. @returns What it prints. */
export function generateAbi(root: string): string {
  const { CC = 'cc' } = process.env;
  const dir = mkdtempSync(join(tmpdir(), 'ringstack-abi-'));
  try {
    const program = join(dir, 'abi_gen');
    const core = join(root, 'core');
    const flags = ['-std=c11', '-Wall', '-Wextra', '-Werror', '-I', core, '-o', program];
    // The error has the compiler's output; one test expects it to fail.
    execFileSync(CC, [...flags, join(core, 'abi_gen.c')], { stdio: 'pipe' });
    return execFileSync(program, { encoding: 'utf8' });
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** Keys of `export const NAME = { … }`, with or without `as const`. */
function keysOf(initializer: ts.Expression | undefined): string[] {
  const isCast = initializer !== undefined && ts.isAsExpression(initializer);
  const value = isCast ? initializer.expression : initializer;
  if (value === undefined || !ts.isObjectLiteralExpression(value)) return [];
  return value.properties.flatMap((property) => property.name?.getText() ?? []);
}

/** Names js/abi.ts exports: 'NAME', and 'NAME.KEY' for the keys of an object. */
function exportsOf(root: string): string[] {
  const names: string[] = [];
  for (const statement of parse(root, 'js/abi.ts').statements) {
    const flags = ts.canHaveModifiers(statement) ? ts.getModifiers(statement) : undefined;
    if (!flags?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword)) continue;
    if (ts.isVariableStatement(statement)) {
      for (const { name, initializer } of statement.declarationList.declarations) {
        names.push(name.getText());
        names.push(...keysOf(initializer).map((key) => `${name.getText()}.${key}`));
      }
    } else {
      names.push((statement as ts.DeclarationStatement).name?.getText() ?? 'default');
    }
  }
  return names;
}

/** Exports of js/abi.ts that no other TypeScript or JavaScript file of the tree names in its code. */
export function unusedAbi(root: string): string[] {
  const words = new Set<string>();
  const pairs = new Set<string>();
  for (const path of listFiles(root, ['js', 'tests', 'bench', 'tools'], ['.ts', '.mjs'])) {
    if (path === 'js/abi.ts') continue;
    walk(parse(root, path), (node) => {
      if (ts.isIdentifier(node)) words.add(node.text);
      if (ts.isPropertyAccessExpression(node)) pairs.add(node.getText().replaceAll(/\s/g, ''));
    });
  }
  return exportsOf(root).filter((name) => {
    return name.includes('.') ? ![...pairs].some((pair) => pair.endsWith(name)) : !words.has(name);
  });
}

const VIEW = /^(?:Big)?(?:Int|Uint|Float)\d+(?:Clamped)?Array$|^DataView$/;
const ACCESS = /^[gs]et(?:Big)?(?:Int|Uint|Float)\d+$/;
const SHIFTS = [
  ts.SyntaxKind.LessThanLessThanToken,
  ts.SyntaxKind.GreaterThanGreaterThanToken,
  ts.SyntaxKind.GreaterThanGreaterThanGreaterThanToken,
];

/** Whether an offset contains a number other than 0 that is not the distance of a shift. */
function hasBareNumber(offset: ts.Node): boolean {
  let found = false;
  walk(offset, (node) => {
    if (!ts.isNumericLiteral(node) || node.text === '0') return;
    const { parent } = node;
    const isShift = ts.isBinaryExpression(parent) && SHIFTS.includes(parent.operatorToken.kind);
    if (!isShift || parent.right !== node) found = true;
  });
  return found;
}

/** The byte offset or index a node accesses memory at: Atomics, DataView, a new view. */
function offsetOf(node: ts.Node): ts.Node | undefined {
  if (ts.isNewExpression(node) && VIEW.test(node.expression.getText())) return node.arguments?.[1];
  if (!ts.isCallExpression(node) || !ts.isPropertyAccessExpression(node.expression))
    return undefined;
  const { expression, name } = node.expression;
  if (expression.getText() === 'Atomics') return node.arguments[1];
  return ACCESS.test(name.text) ? node.arguments[0] : undefined;
}

/** Accesses to shared memory by number instead of by a name of js/abi.ts. Only modules that import
 * js/abi.ts are looked at: the others know no shared layout. */
export function bareOffsets(root: string): string[] {
  const violations: string[] = [];
  for (const path of listFiles(root, ['js'], ['.ts'])) {
    if (path === 'js/abi.ts' || !/from '(?:\.\.?\/)+abi\.ts'/.test(read(root, path))) continue;
    walk(parse(root, path), (node) => {
      const offset = offsetOf(node);
      if (offset === undefined || !hasBareNumber(offset)) return;
      violations.push(`${path}:${lineOf(node)}: offset ${offset.getText()} is a bare number`);
    });
  }
  return violations;
}
