// SPDX-License-Identifier: MIT
// table - what all runs came to: a table, the reasons of skips, the failures, the closing line

import { sumOf as addUp } from '../../tools/test/outcome.mjs';
import type { FileResult } from './events.ts';

/** One row: a runtime, an engine, and in browsers with or without isolation. */
export interface Row {
  readonly runtime: string;
  readonly engine: string;
  /** 'yes', 'no', or '' outside of browsers. */
  readonly isolated: string;
  /** By file. */
  readonly results: Map<string, FileResult>;
  /** Seconds that each file took. */
  readonly seconds: Map<string, number>;
  /** Why nothing ran. */
  readonly missing?: string;
  /** Whether that is a failure. */
  readonly isRequired?: boolean;
}

/** Sums of rows. */
export interface Sums {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** Adds up one row. */
export function sumOf({ results, missing, isRequired }: Row): Sums {
  let [passed, failed, skipped] = [0, missing !== undefined && isRequired ? 1 : 0, 0];
  for (const result of results.values()) {
    passed += result.passed;
    failed += result.failed.length;
    for (const count of result.skipped.values()) skipped += count;
  }
  return { passed, failed, skipped };
}

/** Adds up all rows. */
export const totalOf = (rows: readonly Row[]): Sums => addUp(rows.map(sumOf));

/** The files that took longest, and how many seconds in all rows together. */
export function longestOf(rows: readonly Row[]): string {
  const sums = new Map<string, number>();
  for (const { seconds } of rows) {
    for (const [file, time] of seconds) sums.set(file, (sums.get(file) ?? 0) + time);
  }
  const sorted = [...sums].sort(([, one], [, other]) => other - one).slice(0, 5);
  return sorted.map(([file, time]) => `${file} ${time.toFixed(0)} s`).join(', ');
}

/** Reasons of a row's skips and how many tests each stands for, most first. */
export function reasonsOf({ results }: Row): [reason: string, count: number][] {
  const counts = new Map<string, number>();
  for (const { skipped } of results.values()) {
    for (const [reason, count] of skipped) counts.set(reason, (counts.get(reason) ?? 0) + count);
  }
  return [...counts].sort(([one, a], [other, b]) => b - a || (one < other ? -1 : 1));
}

const HEADER = ['runtime', 'engine', 'isolated', 'passed', 'failed', 'skipped', 'seconds', 'skips'];

function cellsOf(row: Row, letters: Map<string, string>): string[] {
  const { passed, failed, skipped } = sumOf(row);
  const name = [row.runtime, row.engine, row.isolated];
  if (row.missing !== undefined) return [...name, '', `${failed}`, '', '', row.missing];
  const skips = reasonsOf(row).map(([reason, count]) => `${letters.get(reason)} ${count}`);
  return [
    ...name,
    `${passed}`,
    `${failed}`,
    `${skipped}`,
    [...row.seconds.values()].reduce((sum, one) => sum + one, 0).toFixed(0),
    skips.join(', '),
  ];
}

/** A letter for each reason, in the order in which they appear. */
function lettersOf(rows: readonly Row[]): Map<string, string> {
  const reasons = new Set(rows.flatMap((row) => reasonsOf(row).map(([reason]) => reason)));
  return new Map([...reasons].map((reason, n) => [reason, String.fromCodePoint(97 + n)]));
}

/** The table, and below it what its letters stand for. */
export function tableOf(rows: readonly Row[]): string {
  const letters = lettersOf(rows);
  const lines = [HEADER, ...rows.map((row) => cellsOf(row, letters))];
  const widths = HEADER.map((_, n) => Math.max(...lines.map((cells) => cells[n]?.length ?? 0)));
  const isNumber = (n: number): boolean => n >= 3 && n <= 6;
  const table = lines.map((cells) =>
    cells
      .map((cell, n) => (isNumber(n) ? cell.padStart(widths[n] ?? 0) : cell.padEnd(widths[n] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
  const legend = [...letters].map(([reason, letter]) => `  ${letter}: ${reason}`);
  return [...table, ...(legend.length > 0 ? ['', 'skipped because', ...legend] : [])].join('\n');
}

/** Every failure, with the row, the file and the test. */
export function failuresOf(rows: readonly Row[]): string {
  const texts: string[] = [];
  for (const row of rows) {
    const where = [row.runtime, row.engine, row.isolated && `isolated: ${row.isolated}`];
    const prefix = where.filter(Boolean).join(', ');
    if (row.missing !== undefined && row.isRequired) texts.push(`FAIL ${prefix}: ${row.missing}`);
    for (const [file, { failed }] of row.results) {
      for (const { name, error } of failed)
        texts.push(`FAIL ${prefix}: ${file}: ${name}\n${error}`);
    }
  }
  return texts.join('\n\n');
}
