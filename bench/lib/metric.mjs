// SPDX-License-Identifier: MIT
// metric - measures one cell where it is called: in a process (cell), in a page (page/frame)

async function measure({ setup, options, metric: name, params, round = 0 }) {
  const all = { ...params, round };
  const { default: metric } = await import(`../metrics/${name}.mjs`);
  if (!setup) return metric.run(all);
  const { open } = await import(`../setups/${setup}.mjs`);
  const fixture = await open({ ...options, round });
  if (metric.run) return metric.run(fixture, all);
  return metric.merge(await fixture.run(name, all), all);
}

/** An error as an entry of a table: the reason why nothing was measured, or a failure. */
export function outcomeOf(error) {
  if (error?.name === 'Skip') return { skipped: error.message };
  const { stack = '' } = error ?? {};
  // Only V8's stacks begin with the message.
  return { error: stack.includes(error?.message) ? stack : `${error}\n${stack}` };
}

/**
 * Measures a cell; never rejects.
 *
 * @param {any} cell
 * @returns {Promise<{ metrics?: Record<string, number>, skipped?: string, error?: string }>}
 */
export async function measureCell(cell) {
  try {
    return { metrics: await measure(cell) };
  } catch (error) {
    return outcomeOf(error);
  }
}
