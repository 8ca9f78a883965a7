// SPDX-License-Identifier: MIT
// vm_table - peer by case, what passed, failed or was skipped and why: from the record of a run of Vitest

/**
 * Lines of the table.
 *
 * @param record - The file that tools/test/reporter.mjs has written.
 */
export function vmTable({ files }) {
  const peers = new Map();
  for (const { suites, name, state, seconds, why, figure } of files.flatMap(({ tests }) => tests)) {
    const notes = [why, figure].filter(Boolean).join(', ');
    const isRun = state === 'passed' || state === 'failed';
    const time = isRun ? `${seconds.toFixed(1)} s` : '';
    const row = `  ${state.padEnd(9)}${time.padStart(7)}  ${name}${notes ? `  (${notes})` : ''}`;
    const peer = suites.join(' ');
    peers.set(peer, [...(peers.get(peer) ?? []), row]);
  }
  return [...peers].map(([peer, rows]) => `${peer}\n${rows.join('\n')}`).join('\n');
}
