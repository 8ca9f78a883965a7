// SPDX-License-Identifier: MIT
// vm_rows - the rounds of one table of bench/vm as rows with medians

import { summarize } from './stats.mjs';

/** The record of a label, made when it first comes. */
function recordOf(records, label) {
  if (!records.has(label)) records.set(label, { label, columns: {}, skipped: undefined });
  return records.get(label);
}

/**
 * Gathers what the rounds of a table have told.
 *
 * @param {{ name: string, title?: string, rows: any[], skipped?: string, error?: string }[]} rounds
 * @returns One table: `name`, `title`, `rows` of `{ label, metrics, skipped }`, why it was `skipped`, and its
 *   `errors`.
 */
export function gatherRows(rounds) {
  const records = new Map();
  for (const { label, columns = {}, skipped } of rounds.flatMap(({ rows }) => rows)) {
    const record = recordOf(records, label);
    record.skipped ??= skipped;
    for (const [title, value] of Object.entries(columns)) {
      record.columns[title] ??= [];
      record.columns[title].push(value);
    }
  }
  const last = rounds.find(({ title }) => title !== undefined) ?? rounds[0];
  return {
    name: last?.name ?? '',
    title: last?.title ?? last?.name ?? '',
    rows: [...records.values()].map(({ label, columns, skipped }) => ({
      label,
      metrics: Object.fromEntries(
        Object.entries(columns).map(([title, values]) => [title, summarize(values)]),
      ),
      ...(skipped === undefined ? {} : { skipped }),
    })),
    skipped: rounds.find(({ skipped }) => skipped !== undefined)?.skipped,
    errors: rounds.flatMap(({ error }) => (error === undefined ? [] : [error])),
  };
}
