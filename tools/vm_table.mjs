// SPDX-License-Identifier: MIT
// vm_table - peer by case, what passed, failed or was skipped and why: from Vitest's JSON report
//
// usage: node tools/vm_table.mjs REPORT
import { readFileSync } from 'node:fs';

const report = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const counts = { passed: 0, failed: 0, skipped: 0 };
const peers = new Map();
for (const file of report.testResults) {
  if (file.status === 'failed' && file.assertionResults.length === 0) counts.failed++;
  for (const { ancestorTitles, title, status, duration, meta } of file.assertionResults) {
    const kind = status === 'passed' || status === 'failed' ? status : 'skipped';
    counts[kind]++;
    const peer = ancestorTitles.join(' ');
    const notes = [meta?.why, meta?.figure].filter(Boolean).join(', ');
    const seconds = kind === 'skipped' ? '' : `${((duration ?? 0) / 1000).toFixed(1)} s`;
    const row = `  ${kind.padEnd(8)}${seconds.padStart(7)}  ${title}${notes ? `  (${notes})` : ''}`;
    peers.set(peer, [...(peers.get(peer) ?? []), row]);
  }
}
for (const [peer, rows] of peers) console.log(`${peer}\n${rows.join('\n')}`);
const { passed, failed, skipped } = counts;
console.log(`${passed} passed, ${failed} failed${skipped ? `, ${skipped} skipped` : ''}`);
process.exit(failed === 0 && passed + skipped > 0 ? 0 : 1);
