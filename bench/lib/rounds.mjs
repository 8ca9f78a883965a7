// SPDX-License-Identifier: MIT
// rounds - runs cells round after round, and gathers what they gave

import { summarize } from './stats.mjs';

/** A cell that failed so often is not tried again. */
const MOST_ERRORS = 2;

/** Adds what a round gave to what a cell has. */
function collect(record, { metrics, skipped, error }) {
  if (skipped !== undefined) record.skipped = skipped;
  else if (error !== undefined) record.errors.push(error);
  else {
    for (const [name, value] of Object.entries(metrics)) {
      record.rounds[name] ??= [];
      record.rounds[name].push(value);
    }
  }
}

/**
 * Runs all cells, so many rounds: every round runs each of them once, so that whatever slows the machine
 * for a while slows all rows alike. Every other round goes backwards.
 *
 * @param {any[]} cells
 * @param {number} rounds
 * @param {(cell: any, round: number, outcome: any) => void} tell
 * @param {(cell: any) => Promise<any>} run - Runs a cell once.
 */
export async function runRounds(cells, rounds, tell, run) {
  const records = new Map(cells.map((cell) => [cell.id, { rounds: {}, errors: [] }]));
  for (let round = 0; round < rounds; round++) {
    const order = round % 2 === 0 ? cells : [...cells].reverse();
    for (const cell of order) {
      const record = records.get(cell.id);
      if (record.skipped !== undefined || record.errors.length >= MOST_ERRORS) continue;
      const outcome = await run({ ...cell, round });
      collect(record, outcome);
      tell(cell, round, outcome);
    }
  }
  return cells.map((cell) => {
    const { rounds: values, errors, skipped } = records.get(cell.id);
    const metrics = Object.entries(values).map(([name, list]) => [name, summarize(list)]);
    return {
      ...cell,
      metrics: Object.fromEntries(metrics),
      ...(errors.length > 0 ? { errors } : {}),
      ...(skipped !== undefined ? { skipped } : {}),
    };
  });
}
