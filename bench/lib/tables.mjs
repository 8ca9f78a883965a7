// SPDX-License-Identifier: MIT
// tables - a result as Markdown: medians, half of their spread, and the targets

import { spread, summarize } from './stats.mjs';

/** Three digits that count. */
export function format(value) {
  if (value === undefined || Number.isNaN(value)) return '–';
  const size = Math.abs(value);
  if (size >= 1000) return Math.round(value).toLocaleString('en-US');
  if (size >= 100) return value.toFixed(0);
  if (size >= 10) return value.toFixed(1);
  return size >= 1 ? value.toFixed(2) : `${Number(value.toPrecision(3))}`;
}

/** A median with its spread in per cent: `9.70 ±4 %`. */
function formatMetric(metric) {
  if (metric === undefined) return '–';
  const text = format(metric.median);
  return metric.values.length > 1 ? `${text} ±${Math.round(spread(metric) * 100)} %` : text;
}

/** A table of Markdown. */
export function markdown(head, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map((_, i) => (i === 0 ? '---' : '---:'))), ...rows.map(line)].join(
    '\n',
  );
}

function show(cell, metric) {
  if (cell === undefined) return '';
  if (cell.skipped !== undefined)
    return cell.skipped.startsWith('not in this build') ? 'not built' : '–';
  if (cell.metrics[metric] === undefined) return cell.errors ? 'failed' : '–';
  return formatMetric(cell.metrics[metric]);
}

/**
 * One line a row of the suite, its label first. Rows with nothing are left out.
 *
 * @param {object[]} cells
 * @param {string[][]} columns - [title, column id, metric].
 * @returns {string[][]}
 */
export function rowLines(cells, columns) {
  const rows = new Map();
  for (const cell of cells) {
    if (!columns.some(([, column]) => column === cell.column)) continue;
    if (!rows.has(cell.row)) rows.set(cell.row, { label: cell.rowLabel, cells: {} });
    rows.get(cell.row).cells[cell.column] = cell;
  }
  return [...rows.values()].map((row) => [
    row.label,
    ...columns.map(([, column, metric]) => show(row.cells[column], metric)),
  ]);
}

function rowTable(cells, columns) {
  const lines = rowLines(cells, columns);
  if (lines.length === 0) return undefined;
  return markdown(['', ...columns.map(([title]) => title)], lines);
}

const THROUGHPUT = [
  ['native', 'stream1-native', 'gbps'],
  ['default', 'stream1-default', 'gbps'],
  ['BYOB', 'stream1-byob', 'gbps'],
  ['ring level', 'stream1-ring', 'gbps'],
  ['4 flows', 'stream4', 'gbps'],
  ['8 flows', 'stream8', 'gbps'],
  ['both ways', 'both', 'gbps'],
];

const SMALL = [
  ['RR/s', 'rr', 'perS'],
  ['p50 µs', 'rr', 'p50us'],
  ['p99 µs', 'rr', 'p99us'],
  ['RR/s, ring level', 'rr-ring', 'perS'],
  ['CRR/s', 'crr', 'perS'],
  ['CRR/s, ring level', 'crr-ring', 'perS'],
  ['16 B writes/s', 'small16', 'writesPerS'],
  ['256 B writes/s', 'small256', 'writesPerS'],
  ['256 B MB/s', 'small256', 'MBps'],
  ['256 B awaited', 'small256-await', 'writesPerS'],
  ['1 KiB writes/s', 'small1024', 'writesPerS'],
];

/** Columns that are measured in other runtimes too, in Gbit/s unless they say otherwise. */
export const RUNTIME_COLUMNS = [
  ...THROUGHPUT.slice(1, 4),
  ['BYOB ÷ Node', 'ratio', 'ratio'],
  ...SMALL.slice(0, 3),
];

const DATAGRAMS = [
  ['64 B/s', 'd64', 'perS'],
  ['lost %', 'd64', 'lostPercent'],
  ['CPU ns', 'd64', 'cpuNsEach'],
  ['64 B/s, ring level', 'd64-ring', 'perS'],
  ['CPU ns', 'd64-ring', 'cpuNsEach'],
  ['64 B without loss/s', 'ndr', 'perS'],
  ['RR/s', 'drr', 'perS'],
  ['CPU ns', 'drr', 'cpuNsEach'],
  ['p50 µs', 'drr', 'p50us'],
  ['RR/s, ring level', 'drr-ring', 'perS'],
  ['1472 B Gbit/s', 'd1472', 'gbps'],
  ['ring level', 'd1472-ring', 'gbps'],
  ['8 KiB Gbit/s', 'd8192', 'gbps'],
  ['ring level', 'd8192-ring', 'gbps'],
];

const DATAGRAM_SOCKETS = [
  ['ns a datagram', 'nsEach'],
  ['CPU ns', 'cpuNsEach'],
  ['arena bytes a socket', 'bytesEach'],
  ['peak MiB', 'peakMiB'],
];

const LAN = [
  ['a second', 'perS'],
  ['Gbit/s', 'gbps'],
  ['CPU ns', 'cpuNsEach'],
  ['CPU s/GB', 'cpuSPerGB'],
  ['least ÷ most of a port', 'fair'],
  ['arena bytes a port', 'bytesEach'],
  ['heap bytes a port', 'heapEach'],
  ['arena bytes a table entry', 'entryBytes'],
];

const GATEWAY = [
  ['Gbit/s', 'gbps'],
  ['Gbit/s back', 'back'],
  ['CPU s/GB', 'cpuSPerGB'],
  ['connects/s', 'perS'],
  ['arena bytes a flow', 'arenaEach'],
  ['heap bytes a flow', 'heapEach'],
  ['left behind', 'left'],
];

const LIMITS = [
  ['Gbit/s', 'gbps'],
  ['ns/packet', 'nsPerPacket'],
];
const OPEN = [
  ['arena bytes each, both ends', 'bytesPerConnection'],
  ['ns/packet of a stream', 'nsPerPacket'],
  ['µs an exchange at random', 'randomUsPerExchange'],
  ['peak MiB', 'peakMiB'],
];
const LINKS = [
  ['Gbit/s', 'gbps'],
  ['p50 µs', 'p50us'],
  ['sent again', 'retransmits'],
];
const START = [
  ['first ms', 'firstMs'],
  ['next ms', 'nextMs'],
];
const BLOCK = [
  ['longest ms', 'blockMs'],
  ['p99 ms', 'blockP99Ms'],
  ['Gbit/s', 'gbps'],
];

/** Cost of one flow: with a BYOB reader, or the one kind that a baseline has. */
function costTable(cells) {
  const hasByob = new Set(cells.filter((c) => c.column === 'stream1-byob').map((c) => c.row));
  const isMain = ({ column, row }) =>
    hasByob.has(row)
      ? column === 'stream1-byob'
      : column === 'stream1-native' || column === 'stream1-default';
  const main = cells.filter(isMain).map((cell) => ({ ...cell, column: 'main' }));
  return rowTable(main, [
    ['CPU s/GB', 'main', 'cpuPerGB'],
    ['copies/byte', 'main', 'copiesPerByte'],
    ['ns/packet', 'main', 'nsPerPacket'],
    ['peak MiB', 'main', 'peakMiB'],
  ]);
}

/** Cells one a line, with some of their metrics. */
function cellTable(cells, rows, columns) {
  const chosen = cells.filter((cell) => rows.includes(cell.row) || rows.includes(cell.id));
  if (chosen.length === 0) return undefined;
  const body = chosen.map((cell) => [
    `${cell.rowLabel}: ${cell.label}`,
    ...columns.map(([, metric]) => show(cell, metric)),
  ]);
  return markdown(['', ...columns.map(([title]) => title)], body);
}

/** The targets as a table. */
function targetTable(checks) {
  if (checks.length === 0) return undefined;
  const unitOf = (unit) => (unit === '' ? '' : ` ${unit}`);
  const rows = checks.map(({ text, value, target, unit, least, met }) => [
    text,
    `${least ? '≥' : '≤'} ${target}${unitOf(unit)}`,
    value === undefined ? '–' : `${format(value)}${unitOf(unit)}`,
    value === undefined ? 'not measured' : met ? 'met' : '**not met**',
  ]);
  return markdown(['target', 'wanted', 'measured', ''], rows);
}

/** One line that says where, when and with what. */
function origin({ date, machine, versions, command, rounds }) {
  const others = (versions.runtimes ?? []).map((version) => `${version}, `).join('');
  return (
    `${date.slice(0, 10)}, ${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB, ${machine.system}; ` +
    `${others}Node ${versions.node}, V8 ${versions.v8}, ringstack ${versions.ringstack} (${versions.commit}` +
    `${versions.dirty ? ', changed' : ''}), lwIP ${versions.lwip}; median of ${rounds} interleaved rounds, ` +
    `± half the distance from least to greatest; \`${command}\``
  );
}

/** Cells that gave an error, with its first line. */
function errorList(cells) {
  const failed = cells.filter((cell) => cell.errors);
  const lines = failed.map((cell) => `- ${cell.id}: ${cell.errors[0].split('\n')[0]}`);
  return lines.length > 0 ? lines.join('\n') : undefined;
}

/** A part of the report, if there is anything in it. */
function section(title, ...parts) {
  const known = parts.filter((part) => part !== undefined);
  return known.length > 0 ? [`### ${title}`, ...known] : [];
}

/**
 * All tables of a result.
 *
 * @param {object} result
 * @param {object[]} checks - From checkTargets().
 */
export function fullReport(result, checks) {
  const { cells } = result;
  const blocks = cells.filter((cell) => cell.column === 'block').map((cell) => cell.id);
  return [
    origin(result),
    ...section('Targets', targetTable(checks)),
    ...section('TCP_STREAM, Gbit/s', rowTable(cells, THROUGHPUT)),
    ...section('What a flow costs', costTable(cells)),
    ...section('Small messages', rowTable(cells, SMALL)),
    ...section(
      'Limits and other ways',
      cellTable(cells, ['memory', 'port', 'ring', 'core'], LIMITS),
    ),
    ...section('Open connections', cellTable(cells, ['open'], OPEN)),
    ...section('UDP', rowTable(cells, DATAGRAMS)),
    ...section('Many UDP sockets', cellTable(cells, ['udp-scale'], DATAGRAM_SOCKETS)),
    ...section('Bridges and routers', cellTable(cells, ['bridge', 'router', 'through'], LAN)),
    ...section('Gateways', cellTable(cells, ['guest', 'way-out', 'flows'], GATEWAY)),
    ...section('Links', cellTable(cells, ['link20', 'loss', 'kernel'], LINKS)),
    ...section('Start of a stack', cellTable(cells, ['start'], START)),
    ...section("Blocks of the app's thread", cellTable(cells, blocks, BLOCK)),
    ...section('Failed', errorList(cells)),
  ].join('\n\n');
}

/** The short table of the README: four rows, one flow. */
export function shortReport(result) {
  const rows = ['net', 'tap-1500', 'workers-1500', 'engine-1500'];
  const cells = result.cells.filter((cell) => rows.includes(cell.row));
  const columns = [
    ...THROUGHPUT.slice(0, 4).map(([title, ...rest]) => [`${title}, Gbit/s`, ...rest]),
    SMALL[1],
  ];
  return [rowTable(cells, columns), origin(result)].join('\n\n');
}

/** Throughput of the other runtimes as a fraction of Node's, with BYOB readers, round by round. */
function ratioCells(cells) {
  const rounds = (id) => cells.find((cell) => cell.id === id)?.metrics.gbps?.values ?? [];
  return cells.flatMap((cell) => {
    const base = rounds(cell.like);
    const own = cell.column === 'stream1-byob' ? rounds(cell.id) : [];
    const ratios = own.slice(0, base.length).map((value, i) => value / base[i]);
    if (ratios.length === 0) return [];
    return [{ ...cell, column: 'ratio', metrics: { ratio: summarize(ratios) } }];
  });
}

/** The table of other runtimes, with Node's rows of the same run. */
export function runtimesReport(result) {
  const cells = [...result.cells, ...ratioCells(result.cells)];
  const table = rowTable(cells, [THROUGHPUT[0], ...RUNTIME_COLUMNS]);
  return [table, errorList(result.cells), origin(result)]
    .filter((part) => part !== undefined)
    .join('\n\n');
}

/** One table of bench/vm/. */
function vmTable({ title, rows, skipped, errors }) {
  const titles = [...new Set(rows.flatMap(({ metrics }) => Object.keys(metrics)))];
  const body = rows.map((row) => [
    row.label,
    ...titles.map((name) => (row.metrics[name] ? formatMetric(row.metrics[name]) : '')),
  ]);
  const notes = rows
    .filter((row) => row.skipped !== undefined)
    .map((row) => `- ${row.label}: not measured, ${row.skipped}`);
  if (skipped !== undefined) notes.push(`- not measured: ${skipped}`);
  notes.push(...errors.map((error) => `- failed: ${error.split('\n')[0]}`));
  return section(
    title,
    titles.length > 0 ? markdown(['', ...titles], body) : undefined,
    notes.length > 0 ? notes.join('\n') : undefined,
  );
}

/** The tables of a result of bench/vm.mjs. */
export function vmReport(result) {
  return [...result.tables.flatMap(vmTable), origin(result)].join('\n\n');
}

/** Replaces what stands between `<!-- NAME:begin -->` and `<!-- NAME:end -->`. */
export function replaceBetween(text, name, content) {
  const begin = `<!-- ${name}:begin -->`;
  const end = `<!-- ${name}:end -->`;
  const from = text.indexOf(begin);
  const to = text.indexOf(end);
  if (from < 0 || to < from) throw new Error(`no ${begin} and ${end}`);
  return `${text.slice(0, from + begin.length)}\n${content}\n${text.slice(to)}`;
}
