// SPDX-License-Identifier: MIT
// links - whether links and pictures between the documents lead somewhere: files, and headings in them

import { existsSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { read } from './files.ts';

const LINK = /\]\(([^()\s]+)(?:\s+"[^"]*")?\)/g;

/** Text without what stands in code, where a bracket is no link. */
function proseOf(text: string): string {
  return text
    .replace(/^[ \t]*```[\s\S]*?^[ \t]*```[ \t]*$/gm, (code) => code.replace(/[^\n]/g, ''))
    .replace(/`[^`\n]*`/g, '``');
}

/** The names that web sites of repositories give headings. */
function anchorsOf(text: string): Set<string> {
  const code = text.replace(/^[ \t]*```[\s\S]*?^[ \t]*```[ \t]*$/gm, '');
  const seen = new Map<string, number>();
  const names = [...code.matchAll(/^#+ +(.+?) *$/gm)].map(([, heading = '']) => {
    const words = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase();
    const name = words.replace(/[^\p{L}\p{N}_ -]/gu, '').replaceAll(' ', '-');
    const count = seen.get(name) ?? 0;
    seen.set(name, count + 1);
    return count === 0 ? name : `${name}-${count}`;
  });
  return new Set(names);
}

/** Checks the links of some documents. Those to other sites are not followed. */
export function checkLinks(root: string, paths: readonly string[]): string[] {
  return paths.flatMap((path) => {
    const prose = proseOf(read(root, path));
    return [...prose.matchAll(LINK)].flatMap(({ 1: target = '', index }) => {
      if (/^[a-z]+:/.test(target)) return [];
      const origin = `${path}:${prose.slice(0, index).split('\n').length}`;
      const [file = '', anchor] = target.split('#');
      const place = file === '' ? path : normalize(join(dirname(path), file));
      if (place.startsWith('..') || !existsSync(join(root, place))) {
        return [`${origin}: ${target} does not exist`];
      }
      if (anchor === undefined) return [];
      const isThere = place.endsWith('.md') && anchorsOf(read(root, place)).has(anchor);
      return isThere ? [] : [`${origin}: ${target} names no heading`];
    });
  });
}
