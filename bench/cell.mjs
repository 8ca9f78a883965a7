// SPDX-License-Identifier: MIT
// cell - measures one cell of the table in a process of its own, and prints its numbers as JSON
//
// usage: node bench/cell.mjs '{"setup": …, "options": …, "metric": …, "params": …}'
//
// A process of its own: no cell runs on code or memory that another one warmed up, a cell that hangs
// can be killed, and peak memory is that of the cell.

import { measureCell, outcomeOf } from './lib/metric.mjs';

/** Prints one line for the parent process, then exits, even if something still runs. */
function tell(outcome) {
  process.stdout.write(`${JSON.stringify(outcome)}\n`, () => process.exit(outcome.metrics ? 0 : 1));
}

process.on('uncaughtException', (error) => tell(outcomeOf(error)));

const outcome = await measureCell(JSON.parse(process.argv[2]));
// In KiB on Linux and macOS alike, as libuv has it.
if (outcome.metrics) outcome.metrics.peakMiB = process.resourceUsage().maxRSS / 1024;
tell(outcome);
