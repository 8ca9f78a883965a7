// SPDX-License-Identifier: MIT
// links.test - links between the documents lead somewhere

import { describe, expect, test } from 'vitest';
import { listDocuments, plant, ROOT } from './files.ts';
import { checkLinks } from './links.ts';
import { DOCUMENTS } from './rules.ts';

describe('planted links', () => {
  /** Violations in docs/a.md. */
  const check = (text: string): string[] => {
    const other = '# One, `two` & [three](x)\n## Again\n## Again\n```sh\n# no heading\n```\n';
    const root = plant({ 'docs/a.md': text, 'docs/b.md': other, 'README.md': '# R' });
    return checkLinks(root, ['docs/a.md']);
  };

  test.each([
    '[b](b.md) [r](../README.md) ![d](.) [site](https://example.com/x#y)',
    '[b](b.md#one-two--three) [r](../README.md#r) [again](b.md#again-1)',
    '# Here it is\n[up](#here-it-is "title")',
    'Code: `[x](y.md)`\n```ts\nx[1](y)\n```\n',
  ])('%j', (text) => expect(check(text)).toEqual([]));

  test.each([
    ['\n[x](c.md)', 'docs/a.md:2: c.md does not exist'],
    ['[x](../../etc)', 'docs/a.md:1: ../../etc does not exist'],
    ['```ts\nx\n```\n[x](b.md#no-heading)', 'docs/a.md:4: b.md#no-heading names no heading'],
    ['[x](#nothing)', 'docs/a.md:1: #nothing names no heading'],
  ])('%j', (text, message) => expect(check(text)).toEqual([message]));
});

test('this repository', () => expect(checkLinks(ROOT, listDocuments(ROOT, DOCUMENTS))).toEqual([]));
