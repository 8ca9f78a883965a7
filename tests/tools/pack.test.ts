// SPDX-License-Identifier: MIT
// pack.test - tools/pack.mjs: links of what is packed that would lead nowhere

import { expect, test } from 'vitest';
import { withoutDeadLinks } from '../../tools/pack.mjs';

const files = new Set(['README.md', 'docs/a.md', 'docs/b.md']);
const onPage = (text: string) =>
  withoutDeadLinks(text, { path: 'README.md', files, isOnPage: true });
const guide = (text: string) =>
  withoutDeadLinks(text, { path: 'docs/a.md', files, isOnPage: false });

test('On the page of the registry a file of the package is named, and one that is not there is not.', () => {
  expect(onPage('See [the guide](docs/a.md#part) or [bench/](bench/README.md).')).toBe(
    'See the guide (`docs/a.md`) or bench/.',
  );
  expect(onPage('Text.\n\n![A picture](docs/a.png)\n\nMore.')).toBe('Text.\n\nMore.');
});

test('What needs no repository stays: headings, other sites, code.', () => {
  const text =
    '[up](#top) [site](https://a.example/b.md) `[x](docs/a.md)`\n\n```ts\nf[0](docs/a.md)\n```\n';
  expect(onPage(text)).toBe(text);
});

test('A guide keeps the links to files of the package, in either direction.', () => {
  expect(guide('[b](b.md#x) [up](../README.md) [code](../js/index.ts) [`c`](c.md)')).toBe(
    '[b](b.md#x) [up](../README.md) code `c`',
  );
});
