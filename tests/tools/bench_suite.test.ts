// SPDX-License-Identifier: MIT
// bench_suite.test - the cells: each has a setup and a metric that exist, and a label that says its options

import { existsSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { cellsOf } from '../../bench/suite.mjs';
import { ROOT } from '../rules/files.ts';

interface Cell {
  readonly id: string;
  readonly row: string;
  readonly rowLabel: string;
  readonly label: string;
  readonly setup?: string;
  readonly metric: string;
  readonly options?: {
    readonly mtu?: number;
    readonly checksum?: boolean;
    readonly engine?: string;
    readonly window?: number;
    readonly web?: boolean;
  };
  readonly params: {
    readonly kind?: string;
    readonly checksum?: boolean;
    readonly both?: boolean;
  };
}

const cells = cellsOf({ peer: '/peer/index.js' }) as unknown as readonly Cell[];
const text = (cell: Cell): string => `${cell.rowLabel}: ${cell.label}`;

test('ids are unique', () => {
  expect(new Set(cells.map(({ id }) => id)).size).toBe(cells.length);
});

test('setups and metrics exist', () => {
  const files = cells.flatMap(({ setup, metric }) => [
    `metrics/${metric}.mjs`,
    ...(setup === undefined ? [] : [`setups/${setup}.mjs`]),
  ]);
  const missing = [...new Set(files)].filter((file) => !existsSync(`${ROOT}bench/${file}`));
  expect(missing).toEqual([]);
});

describe('labels', () => {
  const unnamed = (is: (cell: Cell) => boolean, words: RegExp): string[] =>
    cells.filter((cell) => is(cell) && !words.test(text(cell))).map(({ id }) => id);

  test.each([
    ['checksum off', (c: Cell) => c.options?.checksum === false, /checksum off/],
    ['checksum off, native', (c: Cell) => c.params.checksum === false, /checksum off/],
    ['the engine', (c: Cell) => c.options?.engine === 'worker', /engine: 'worker'/],
    ['BYOB', (c: Cell) => c.params.kind === 'byob', /BYOB/],
    ['the ring level', (c: Cell) => c.params.kind === 'ring', /ring level/],
    ['both directions', (c: Cell) => c.params.both === true, /both directions/],
    ['larger windows', (c: Cell) => c.options?.window !== undefined, /buffers of 256 KiB/],
    ['toWeb', (c: Cell) => c.options?.web === true, /Duplex\.toWeb/],
    ['awaited writes', (c: Cell) => c.params.kind === 'await', /awaited/],
  ])('name %s', (_what, is, words) => {
    expect(cells.some(is)).toBe(true);
    expect(unnamed(is, words)).toEqual([]);
  });

  test('name the MTU', () => {
    const wrong = cells.filter(
      (cell) => cell.options?.mtu !== undefined && !text(cell).includes(`MTU ${cell.options.mtu}`),
    );
    expect(wrong.map(({ id }) => id)).toEqual([]);
  });
});

describe('a choice', () => {
  const ids = (wanted: object): string[] => cellsOf(wanted).map(({ id }: { id: string }) => id);

  test('of rows and columns, by their beginnings', () => {
    expect(ids({ rows: ['memory', 'tap-9000'], columns: ['sh', 'stream1-by'] })).toEqual([
      'tap-9000/stream1-byob',
      'tap-9000-plain/stream1-byob',
      'memory/shared',
    ]);
  });

  test('of what the targets need', () => {
    const quick = ids({ quick: true });
    expect(quick).toContain('tap-1500/stream1-byob');
    expect(quick.length).toBeLessThan(80);
  });

  test('without a peer has no peer', () => {
    expect(ids({}).filter((id) => id.startsWith('peer'))).toEqual([]);
  });
});
