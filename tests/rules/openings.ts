// SPDX-License-Identifier: MIT
// openings - whether source files open with their licence, then 'name - role'

import { basename } from 'node:path';
import { listFiles, read } from './files.ts';

const EXTENSIONS = ['.c', '.h', '.ts', '.js', '.mjs', '.sh', '.py'];
const COMMENT = /^(?:\/\/|\/\*|#) ?/;

/** Checks the first two lines of every source file below some folders; '#!' may come before. */
export function checkOpenings(root: string, dirs: readonly string[]): string[] {
  const violations: string[] = [];
  for (const path of listFiles(root, dirs, EXTENSIONS)) {
    const lines = read(root, path).split('\n').slice(0, 3);
    if (lines[0]?.startsWith('#!')) lines.shift();
    const [licence = '', title = ''] = lines.map((line) => line.replace(/ ?\*\/$/, ''));
    if (!COMMENT.test(licence) || !licence.endsWith('SPDX-License-Identifier: MIT')) {
      violations.push(`${path}: does not open with 'SPDX-License-Identifier: MIT'`);
      continue;
    }
    const [name, role] = title.replace(COMMENT, '').split(/ - (.*)/);
    const full = basename(path);
    const isNamed = name === path || name === full || name === full.replace(/\.[^.]+$/, '');
    if (!COMMENT.test(title) || !isNamed || !role) {
      violations.push(`${path}: does not say '${full.replace(/\.[^.]+$/, '')} - role' next`);
    }
  }
  return violations;
}
