// SPDX-License-Identifier: MIT
// runner - runs cells in processes of their own, round after round, each with a time-out

import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { summarize } from './stats.mjs';

const ENTRY = fileURLToPath(new URL('../cell.mjs', import.meta.url));
const PATIENCE = 20_000;
/** A cell that failed so often is not tried again. */
const MOST_ERRORS = 2;

/**
 * Runs a cell once; never rejects.
 *
 * @param {any} cell
 * @param {{ entry?: string, patience?: number }} [how]
 * @returns {Promise<any>}
 */
export function runCell(
  { setup, options, measure, params, round },
  { entry = ENTRY, patience = PATIENCE } = {},
) {
  return new Promise((resolve) => {
    const task = JSON.stringify({ setup, options, measure, params, round });
    const child = spawn(process.execPath, [entry, task], { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    let complaint = '';
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      child.kill('SIGKILL');
    }, patience);
    child.stdout.on('data', (text) => {
      output += text;
    });
    child.stderr.on('data', (text) => {
      complaint = (complaint + text).slice(-2000);
    });
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      if (isLate) return resolve({ error: `not done after ${patience / 1000} s` });
      try {
        resolve(JSON.parse(output));
      } catch {
        resolve({ error: `ended with ${signal ?? code}: ${complaint.trim() || 'no word'}` });
      }
    });
  });
}

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
 * @param {(cell: any) => Promise<any>} [run]
 */
export async function runRounds(cells, rounds, tell, run = runCell) {
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
