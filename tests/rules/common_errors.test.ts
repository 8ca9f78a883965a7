// SPDX-License-Identifier: MIT
// common_errors.test - docs/common-errors.md has every code of js/errors.ts that is used, with its text

import { expect, test } from 'vitest';
import { ERROR_REASONS, type NetErrorCode, netErrorFromCode } from '../../js/errors.ts';
import { listFiles, ROOT, read } from './files.ts';

/** Codes that C reports: its numbers go down from -1 without a gap. */
function codesOfC(): NetErrorCode[] {
  const found: NetErrorCode[] = [];
  for (let number = -1; ; number--) {
    const error = netErrorFromCode(number, 'Cannot test');
    if (error.message.includes('unknown error code')) return found;
    found.push(error.code);
  }
}

/** Codes that TypeScript throws: those that stand as strings in js/, and those of the tap helper. */
function codesOfJs(): string[] {
  const files = listFiles(ROOT, ['js', 'packages'], ['.ts', '.c']).filter(
    (path) => path !== 'js/errors.ts',
  );
  return files.flatMap((path) =>
    [...read(ROOT, path).matchAll(/['"](E[A-Z]+)['"]|\b(E[A-Z]{3,})\b/g)].map(
      ([, quoted, bare]) => quoted ?? bare ?? '',
    ),
  );
}

/** Rows of the table of codes. */
function documented(): Record<string, string> {
  const rows = read(ROOT, 'docs/common-errors.md').matchAll(/^\| (E[A-Z]+) \| ([^|]+?) \|/gm);
  return Object.fromEntries([...rows].map(([, code = '', text = '']) => [code, text]));
}

test('every code that is used has a row with its text, and no other code has one', () => {
  const used = new Set<string>([...codesOfC(), ...codesOfJs()]);
  const expected = Object.entries(ERROR_REASONS).filter(([code]) => used.has(code));
  expect(documented()).toEqual(Object.fromEntries(expected));
});
