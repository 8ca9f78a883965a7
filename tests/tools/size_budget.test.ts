// SPDX-License-Identifier: MIT
// size_budget.test - tools/size.mjs: what is over budget, and what has none

import { expect, test } from 'vitest';
import { checkSizes } from '../../tools/size.mjs';
import { plant } from '../rules/files.ts';

const PACKAGE = {
  'package.json': JSON.stringify({
    exports: {
      '.': { types: './index.d.ts', default: './index.js' },
      './data': './data.bin',
      './package.json': './package.json',
    },
  }),
  'index.js': 'export const answer = 6 * 7; // a comment is not shipped',
  'data.bin': 'x'.repeat(1000),
};

const WHY = 'because';

test('within budget: every subpath is a row, sums are rows too', async () => {
  const budget = {
    '.': { raw: 1100, with: ['./data'], why: WHY },
    './data': { raw: 1001, why: WHY },
  };
  const { rows, wrong } = await checkSizes(plant(PACKAGE), budget);
  expect(wrong).toEqual([]);
  expect(rows.map(({ name }) => name)).toEqual(['.', './data', '. + ./data']);
  const [index, data, both] = rows;
  expect(data?.raw).toBe(1000);
  expect(index?.raw).toBeLessThan(40);
  expect(both?.raw).toBe((index?.raw ?? 0) + 1000);
  expect(data?.brotli).toBeLessThan(100);
  const limits = rows.map(({ limit }) => limit);
  expect(limits).toEqual([undefined, '< 1001 raw: because', '< 1100 raw: because']);
});

const FITS = { '.': { raw: 1000, why: WHY }, './data': { raw: 2000, why: WHY } };

test.for([
  ['a limit that is reached', { './data': { raw: 1000, why: WHY } }, /^\.\/data: 1000 /],
  ['a sum', { '.': { raw: 1000, with: ['./data'], why: WHY } }, /^\. \+ \.\/data: /],
  ['no line', { './data': undefined }, /^\.\/data has no budget/],
  ['a line without a limit', { './data': { why: WHY } }, /^\.\/data has no budget/],
  ['a line without a reason', { './data': { raw: 2000 } }, /^\.\/data does not say why/],
  ['a line for nothing', { './old': { raw: 1, why: WHY } }, /^\.\/old has a budget and is not/],
] as const)('fails: %s', async ([, lines, message]) => {
  const { wrong } = await checkSizes(plant(PACKAGE), { ...FITS, ...lines });
  expect(wrong).toEqual([expect.stringMatching(message)]);
});
