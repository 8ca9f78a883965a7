// SPDX-License-Identifier: MIT
// files - what the checkers of this folder share: listing, reading and planting files

import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { onTestFinished } from 'vitest';

/** The repository. */
export const ROOT = fileURLToPath(new URL('../../', import.meta.url));

const SKIPPED = new Set(['node_modules', 'build', 'dist', 'fixtures', 'results', 'snapshots']);

/** Files below some folders of a tree, as sorted paths relative to it. */
export function listFiles(root: string, dirs: readonly string[], extensions: readonly string[]) {
  const found: string[] = [];
  const visit = (dir: string): void => {
    for (const entry of readdirSync(join(root, dir), { withFileTypes: true })) {
      const path = dir === '.' ? entry.name : `${dir}/${entry.name}`;
      if (entry.isFile() && extensions.includes(extname(entry.name))) found.push(path);
      const isHidden = entry.name.startsWith('.') || SKIPPED.has(entry.name);
      if (entry.isDirectory() && !isHidden) visit(path);
    }
  };
  for (const dir of dirs) if (existsSync(join(root, dir))) visit(dir);
  return found.sort();
}

/** Single files that are there, and all Markdown of some folders. */
export function listDocuments(
  root: string,
  { files, dirs }: { readonly files: readonly string[]; readonly dirs: readonly string[] },
): string[] {
  const single = files.filter((path) => existsSync(join(root, path)));
  return [...single, ...listFiles(root, dirs, ['.md'])];
}

/** Text of a file of a tree. */
export function read(root: string, path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

/** Syntax tree of a TypeScript file, with parents set. */
export function parse(root: string, path: string): ts.SourceFile {
  return ts.createSourceFile(path, read(root, path), ts.ScriptTarget.Latest, true);
}

/** Line of a node, counted from 1, its doc comment left out. */
export function lineOf(node: ts.Node): number {
  const file = node.getSourceFile();
  return file.getLineAndCharacterOfPosition(node.getStart(file)).line + 1;
}

/** Calls back for a node and everything in it. */
export function walk(node: ts.Node, visit: (node: ts.Node) => void): void {
  visit(node);
  ts.forEachChild(node, (child) => walk(child, visit));
}

/** Whether a name fits a pattern in which '*' stands for anything. */
export function fits(name: string, pattern: string): boolean {
  const [first = '', ...rest] = pattern.split('*');
  if (rest.length === 0) return name === pattern;
  return name.startsWith(first) && name.endsWith(rest.join('*'));
}

/** Source of C or TypeScript with its comments blanked, every place kept. */
export function blankComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, (comment) => comment.replace(/[^\n]/g, ' '));
}

/** A tree in a temporary folder that goes when the running test ends. */
export function plant(files: Readonly<Record<string, string>>): string {
  const root = mkdtempSync(join(tmpdir(), 'ringstack-tree-'));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
}
