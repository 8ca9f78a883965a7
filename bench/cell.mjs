// SPDX-License-Identifier: MIT
// cell - measures one cell of the table in a process of its own, and prints its numbers as JSON
//
// usage: node bench/cell.mjs '{"setup": …, "options": …, "measure": …, "params": …}'
//
// A process of its own: no cell runs on code or memory that another one warmed up, a cell that hangs
// can be killed, and peak memory is that of the cell.

const cell = JSON.parse(process.argv[2]);
const { round = 0 } = cell;
const params = { ...cell.params, round };

/** One line for who started this, then the end: nothing that still runs may hold it up. */
function tell(outcome) {
  process.stdout.write(`${JSON.stringify(outcome)}\n`, () => process.exit(outcome.metrics ? 0 : 1));
}

function fail(error) {
  if (error.name === 'Skip') tell({ skipped: error.message });
  else tell({ error: `${error.stack ?? error}` });
}

process.on('uncaughtException', fail);

async function measure() {
  if (!cell.setup) {
    const { default: alone } = await import(`./measures/${cell.measure}.mjs`);
    return alone.run(params);
  }
  const { open } = await import(`./setups/${cell.setup}.mjs`);
  const bed = await open({ ...cell.options, round });
  const { default: roles } = await import(`./measures/${cell.measure}.mjs`);
  if (roles.run) return roles.run(bed, params);
  return roles.merge(await bed.run(cell.measure, params), params);
}

try {
  const metrics = await measure();
  // In KiB on Linux and macOS alike, as libuv has it.
  tell({ metrics: { ...metrics, peakMiB: process.resourceUsage().maxRSS / 1024 } });
} catch (error) {
  fail(error);
}
