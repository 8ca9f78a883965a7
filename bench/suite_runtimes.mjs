// SPDX-License-Identifier: MIT
// suite_runtimes - the same cells in other runtimes: browsers, isolated or not, and programs like Node
//
// A cell of the suite, with where it runs: `runtime` (see lib/runtimes), `isolated` (of a page: whether
// it has the headers that give it SharedArrayBuffer, without which it has no worker engine), `like` (the
// id of Node's own).

import { cellsOf } from './suite.mjs';

/** Rows of the suite that other runtimes have as well; the last one only where threads share memory. */
const INLINE = 'tap-1500';
const ENGINE = 'engine-1500';
const BASELINE = 'net';
const COLUMNS = ['stream1-native', 'stream1-default', 'stream1-byob', 'stream1-ring', 'rr'];

const PAGES = [
  { id: 'chromium', runtime: 'chromium', label: 'Chromium', isolated: true },
  { id: 'chromium-bare', runtime: 'chromium', label: 'Chromium, not isolated', isolated: false },
  { id: 'firefox', runtime: 'firefox', label: 'Firefox', isolated: true },
  { id: 'firefox-bare', runtime: 'firefox', label: 'Firefox, not isolated', isolated: false },
];

const PROGRAMS = [
  { id: 'node22', runtime: 'node22', label: 'Node 22' },
  { id: 'node24', runtime: 'node24', label: 'Node 24' },
  { id: 'deno', runtime: 'deno', label: 'Deno' },
  { id: 'bun', runtime: 'bun', label: 'Bun' },
];

/** Cells of some rows, in the order of COLUMNS. */
function cellsOfRows(rows) {
  return cellsOf({ rows: [BASELINE, INLINE, ENGINE] }).filter(
    ({ row, column }) => rows.includes(row) && COLUMNS.includes(column),
  );
}

/** The same cells elsewhere. */
function moved(place) {
  const rows = place.isolated === false ? [INLINE] : [INLINE, ENGINE];
  return cellsOfRows(rows).map((cell) => ({
    ...cell,
    id: `${place.id}-${cell.id}`,
    row: `${place.id}-${cell.row}`,
    rowLabel: `${place.label}: ${cell.rowLabel}`,
    like: cell.id,
    runtime: place.runtime,
    ...(place.isolated === undefined ? {} : { isolated: place.isolated }),
  }));
}

/**
 * The cells that can be measured in the page that asks.
 *
 * @param {boolean} isolated
 */
export function pageCells(isolated) {
  return cellsOfRows(isolated ? [INLINE, ENGINE] : [INLINE]);
}

/**
 * The cells of a run: Node's own first, then the same in other runtimes.
 *
 * @param {object} [wanted]
 * @param {string[]} [wanted.rows] - Beginnings of row ids; none: all.
 * @param {string[]} [wanted.columns] - Beginnings of column ids; none: all.
 */
export function runtimeCells({ rows = [], columns = [] } = {}) {
  const isNamed = (name, names) =>
    names.length === 0 || names.some((start) => name.startsWith(start));
  return [
    ...cellsOfRows([BASELINE, INLINE, ENGINE]),
    ...[...PROGRAMS, ...PAGES].flatMap(moved),
  ].filter(({ row, column }) => isNamed(row, rows) && isNamed(column, columns));
}
