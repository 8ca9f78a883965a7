// SPDX-License-Identifier: MIT
// bench_report.test - tables, targets and chart of a made-up result

import { describe, expect, test } from 'vitest';
import { barChart, scaleOf, throughputChart } from '../../bench/lib/chart.mjs';
import { checkTargets } from '../../bench/lib/checks.mjs';
import { summarize } from '../../bench/lib/stats.mjs';
import {
  format,
  fullReport,
  markdown,
  replaceBetween,
  runtimesReport,
  shortReport,
  vmReport,
} from '../../bench/lib/tables.mjs';
import { gatherRows } from '../../bench/lib/vm_rows.mjs';

/** A cell with one or more metrics, three rounds each. */
function cell(id: string, metrics: Record<string, number>, more: object = {}) {
  const [row = '', column = ''] = id.split('/');
  const rounds = Object.entries(metrics).map(([name, value]) => [
    name,
    summarize([value * 0.9, value, value * 1.1]),
  ]);
  const rowLabel = `row ${row}`;
  return { id, row, column, rowLabel, label: column, metrics: Object.fromEntries(rounds), ...more };
}

const resultOf = (cells: object[]) => ({
  date: '2026-01-02T03:04:05.000Z',
  command: 'node bench/run.mjs',
  rounds: 3,
  machine: { cpu: 'CPU', cores: 2, memoryGiB: 4, system: 'linux 6' },
  versions: { node: '20', v8: '11', ringstack: '0', lwip: '2', commit: 'abc', dirty: true },
  cells,
});

describe('targets', () => {
  const targetsOf = (...cells: object[]) =>
    checkTargets(cells as never).filter(({ value }) => value !== undefined);

  test('ratios are of medians, to the better node:net', () => {
    const found = targetsOf(
      cell('tap-1500/stream1-byob', { gbps: 13 }),
      cell('net/stream1-native', { gbps: 8 }),
      cell('net2/stream1-native', { gbps: 10 }),
    );
    expect(found).toMatchObject([{ text: 'MTU 1500, BYOB ÷ node:net', value: 1.3, met: true }]);
  });

  test('a value on the wrong side is not met', () => {
    const found = targetsOf(cell('engine-1500/block', { blockMs: 4.1 }));
    expect(found).toMatchObject([{ value: 4.1, target: 4, met: false }]);
  });

  test('p99 is compared with that of the node:net which answers more often', () => {
    const found = targetsOf(
      cell('tap-1500/rr', { perS: 300, p99us: 10 }),
      cell('net/rr', { perS: 100, p99us: 20 }),
      cell('net2/rr', { perS: 50, p99us: 5 }),
    );
    expect(found).toMatchObject([{ value: 3 }, { value: 0.5, met: true }]);
  });

  test('the link of 20 ms: window ÷ measured RTT', () => {
    const gbps = ((256 * 1024 * 8) / 0.0204 / 1e9) * 0.95;
    const found = targetsOf(
      cell('link20/ping', { p50us: 20_400 }),
      cell('link20/stream', { gbps, retransmits: 0 }),
    );
    expect(found[0]?.value).toBeCloseTo(0.95, 10);
    expect(found[1]).toMatchObject({ value: 0, met: true });
  });

  test('what was not measured has no value', () => {
    expect(
      checkTargets([]).every(({ value, met }) => value === undefined && met === undefined),
    ).toBe(true);
  });
});

describe('tables', () => {
  test.each([
    [Number.NaN, '–'],
    [undefined, '–'],
    [0.012345, '0.0123'],
    [0, '0'],
    [1.234, '1.23'],
    [45.67, '45.7'],
    [456.7, '457'],
    [1234567, '1,234,567'],
  ])('%d as %s', (value, text) => expect(format(value as number)).toBe(text));

  test('Markdown', () => {
    expect(markdown(['a', 'b'], [['1', '2']])).toBe('| a | b |\n| --- | ---: |\n| 1 | 2 |');
  });

  const cells = [
    cell('tap-1500/stream1-byob', { gbps: 10, cpuPerGB: 0.5 }),
    cell('tap-1500/stream1-ring', {}, { skipped: 'not in this build: zero-copy access' }),
    cell('net/stream1-native', {}, { errors: ['Error: no\n  at x'] }),
  ];

  test('medians with their spread, what is missing, what failed, and where it was', () => {
    const report = fullReport(resultOf(cells) as never, []);
    expect(report).toContain('| row tap-1500 |  |  | 10.0 ±10 % | not built |  |  |  |');
    expect(report).toContain('| row net | failed |  |  |  |  |  |  |');
    expect(report).toContain('- net/stream1-native: Error: no');
    expect(report).toContain('Node 20, V8 11, ringstack 0 (abc, changed)');
    expect(report).not.toContain('### Links');
  });

  test('the short one has four rows of the many', () => {
    const rows = ['net', 'netweb', 'tap-1500', 'tap-65520', 'workers-1500', 'engine-1500'];
    const many = rows.map((row) => cell(`${row}/stream1-byob`, { gbps: 10 }));
    const lines = shortReport(resultOf(many) as never).split('\n');
    expect(lines.filter((line) => line.startsWith('| row '))).toEqual(
      ['net', 'tap-1500', 'workers-1500', 'engine-1500'].map(
        (row) => `| row ${row} |  |  | 10.0 ±10 % |  |  |`,
      ),
    );
  });

  test('of other runtimes, with the ratio to Node round by round', () => {
    const base = cell('tap-1500/stream1-byob', { gbps: 10 });
    const like = { like: base.id, rowLabel: 'Firefox: row tap-1500' };
    const other = cell('firefox-tap-1500/stream1-byob', { gbps: 5 }, like);
    const result = resultOf([base, other]);
    Object.assign(result.versions, { runtimes: ['Firefox 9'] });
    const report = runtimesReport(result as never);
    expect(report).toContain('| row tap-1500 |  |  | 10.0 ±10 % |  |  |  |  |  |');
    expect(report).toContain('| Firefox: row tap-1500 |  |  | 5.00 ±10 % |  | 0.5 ±0 % |  |  |  |');
    expect(report).toContain('; Firefox 9, Node 20');
  });

  test('of other runtimes, without Node in the run, has no ratio', () => {
    const other = cell('bun-tap-1500/stream1-byob', { gbps: 5 }, { like: 'tap-1500/stream1-byob' });
    expect(runtimesReport(resultOf([other]) as never)).toContain('| 5.00 ±10 % |  |  |  |  |  |');
  });

  test('with real machines: a median over the rounds for each row, and why one was not measured', () => {
    const row = (rate: number) => ({ label: 'ne2k', columns: { 'Mbit/s': rate } });
    const skipped = { label: 'tap', skipped: 'no root' };
    const table = gatherRows([
      { name: 'x', title: 'X', rows: [row(9), skipped] },
      { name: 'x', title: 'X', rows: [row(11), skipped], error: 'Error: gone\n at y' },
    ]);
    const result = { ...resultOf([]), tables: [table] };
    const report = vmReport(result as never);
    expect(report).toContain('### X\n\n|  | Mbit/s |\n| --- | ---: |\n| ne2k | 10.0 ±10 % |');
    expect(report).toContain('- tap: not measured, no root');
    expect(report).toContain('- failed: Error: gone\n');
  });

  test('with real machines: a table that was skipped as a whole', () => {
    const table = gatherRows([{ name: 'x', title: 'X', rows: [], skipped: 'no emulator' }]);
    const report = vmReport({ ...resultOf([]), tables: [table] } as never);
    expect(report).toContain('### X\n\n- not measured: no emulator');
  });

  test('between its marks', () => {
    const text = 'a\n<!-- x:begin -->\nold\n<!-- x:end -->\nb';
    expect(replaceBetween(text, 'x', 'new')).toBe('a\n<!-- x:begin -->\nnew\n<!-- x:end -->\nb');
    expect(() => replaceBetween(text, 'y', 'new')).toThrow('no <!-- y:begin -->');
  });
});

describe('the chart', () => {
  test.each([
    [0.8, 1],
    [1, 1],
    [13, 20],
    [21, 50],
    [67, 100],
  ])('a scale for %d ends at %d', (most, top) => expect(scaleOf(most).top).toBe(top));

  test('has a bar for each, as long as its median', () => {
    const bar = { label: 'a & b', color: 'ours' as const, median: 5, min: 4, max: 10 };
    const svg = barChart('title', [bar, { ...bar, median: 10 }]);
    const widths = [...svg.matchAll(/<rect x="\d+" y="\d+" width="([\d.]+)"/g)].map(([, w]) =>
      Number(w),
    );
    expect(widths).toHaveLength(2);
    expect(widths[1]).toBeCloseTo(2 * (widths[0] ?? 0), 0);
    expect(svg).toContain('a &amp; b');
  });

  test('shows what was measured', () => {
    const svg = throughputChart(resultOf([cell('tap-1500/stream1-byob', { gbps: 10 })]) as never);
    expect(svg).toContain('MTU 1500, BYOB');
    expect(svg).not.toContain('node:net');
  });
});
