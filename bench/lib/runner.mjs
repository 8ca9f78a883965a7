// SPDX-License-Identifier: MIT
// runner - runs cells in processes of their own, each with a time-out

import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const ENTRY = fileURLToPath(new URL('../cell.mjs', import.meta.url));
/** ms that a cell may take. */
export const PATIENCE = 20_000;

/**
 * Runs a cell once; never rejects.
 *
 * @param {any} cell
 * @param {{ entry?: string, patience?: number, command?: string[] }} [how] - `command`: what runs the entry.
 * @returns {Promise<any>}
 */
export function runCell(
  { setup, options, metric, params, round, patience: own },
  { entry = ENTRY, patience = own ?? PATIENCE, command = [process.execPath] } = {},
) {
  return new Promise((resolve) => {
    const task = JSON.stringify({ setup, options, metric, params, round });
    const [program, ...args] = command;
    const child = spawn(program, [...args, entry, task], { stdio: ['ignore', 'pipe', 'pipe'] });
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
