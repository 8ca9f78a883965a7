// SPDX-License-Identifier: MIT
// atomics - whether every atomic access of the rings carries the letter of the barrier diagram

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { blankComments, read } from './files.ts';

const CALL = /\batomic_(?!init\b)\w+\s*\(|\bAtomics\.\w+\s*\(/g;
/** 'B, pairs C', 'B, matches C', 'B, before N', 'before B', 'our own B'; or 'no order: reason'. */
const TAG =
  /\b([A-Z]), (?:pairs|matches|before|after)\b|\b(?:before|after|our own) ([A-Z])\b|\bno order: \w/;
const WITHIN = 3;

/** Tags of a file in order: line, counted from 0, and letter if it has one. */
function tagsOf(
  text: string,
  code: readonly string[],
): { line: number; letter: string | undefined }[] {
  return text.split('\n').flatMap((whole, line) => {
    const comment = Array.from(whole, (char, i) => (char === code[line]?.[i] ? ' ' : char)).join(
      '',
    );
    const tag = TAG.exec(comment);
    return tag === null ? [] : [{ line, letter: tag[1] ?? tag[2] }];
  });
}

/** Letters that stand in parentheses in the diagrams, such as (A) or (C, A). */
function lettersOf(diagrams: string): Set<string> {
  const groups = diagrams.matchAll(/\(([A-Z](?:, [A-Z])*)\)/g);
  return new Set([...groups].flatMap(([, letters = '']) => letters.split(', ')));
}

/** Checks that each call has a tag of its own within three lines, and that a diagram defines its letter. */
export function checkAtomics(
  root: string,
  diagrams: readonly string[],
  files: readonly string[],
): string[] {
  const violations: string[] = [];
  const present = files.filter((path) => existsSync(join(root, path)));
  const heads = diagrams.filter((path) => existsSync(join(root, path)));
  const letters = lettersOf(heads.map((path) => read(root, path)).join('\n'));
  for (const path of present) {
    const text = read(root, path);
    const code = blankComments(text).split('\n');
    const tags = tagsOf(text, code);
    for (const [line, statement] of code.entries()) {
      for (const [call] of statement.matchAll(CALL)) {
        const where = `${path}:${line + 1}: ${call.replace(/\s*\($/, '')}`;
        const at = tags.findIndex((tag) => Math.abs(tag.line - line) <= WITHIN);
        const [tag] = at < 0 ? [] : tags.splice(at, 1);
        if (tag === undefined) violations.push(`${where} has no tag such as 'B, pairs C'`);
        else if (tag.letter !== undefined && !letters.has(tag.letter)) {
          violations.push(
            `${where} is tagged ${tag.letter}, which ${diagrams.join(', ')} does not define`,
          );
        }
      }
    }
  }
  return violations;
}
