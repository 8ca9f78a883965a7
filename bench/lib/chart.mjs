// SPDX-License-Identifier: MIT
// chart - bars of throughput as an SVG that needs no style of the page it is shown on

const WIDTH = 760;
const LABEL = 330;
const RIGHT = 70;
const BAR = 16;
const GAP = 8;
const TOP = 44;
const COLORS = { ours: '#2563a8', theirs: '#9aa3ad' };

const escapeXml = (text) =>
  text.replace(
    /[&<>"]/g,
    (char) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[char],
  );

/** A round number at or above the greatest value, and steps to it. */
export function scaleOf(most) {
  const power = 10 ** Math.floor(Math.log10(Math.max(most, 1e-9)));
  const top = [1, 2, 5, 10].map((step) => step * power).find((value) => value >= most);
  return { top, ticks: [0, 1, 2, 3, 4, 5].map((i) => (top * i) / 5) };
}

function barOf({ label, color, median, min, max }, y, x) {
  const middle = y + BAR / 2;
  return [
    `<text x="${LABEL - 8}" y="${middle + 4}" text-anchor="end">${escapeXml(label)}</text>`,
    `<rect x="${LABEL}" y="${y}" width="${(x(median) - LABEL).toFixed(1)}" height="${BAR}" fill="${COLORS[color]}"/>`,
    `<path d="M${x(min).toFixed(1)} ${middle}H${x(max).toFixed(1)}" stroke="#222" stroke-width="1.5"/>`,
    `<text x="${(x(Math.max(median, max)) + 6).toFixed(1)}" y="${middle + 4}">${median.toFixed(1)}</text>`,
  ].join('\n');
}

/**
 * A chart of bars with their spread.
 *
 * @param {string} title
 * @param {{ label: string, color: 'ours' | 'theirs', median: number, min: number, max: number }[]} bars
 */
export function barChart(title, bars) {
  const { top, ticks } = scaleOf(Math.max(...bars.map(({ max }) => max)));
  const x = (value) => LABEL + (value / top) * (WIDTH - LABEL - RIGHT);
  const bottom = TOP + bars.length * (BAR + GAP);
  const grid = ticks.flatMap((tick) => [
    `<path d="M${x(tick).toFixed(1)} ${TOP - 6}V${bottom}" stroke="#ddd"/>`,
    `<text x="${x(tick).toFixed(1)}" y="${bottom + 14}" text-anchor="middle" fill="#555">${Number(tick.toPrecision(3))}</text>`,
  ]);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${bottom + 24}" viewBox="0 0 ${WIDTH} ${bottom + 24}" font-family="sans-serif" font-size="12" fill="#111">`,
    `<title>${escapeXml(title)}</title>`,
    '<rect width="100%" height="100%" fill="#fff"/>',
    `<text x="12" y="22" font-size="14" font-weight="bold">${escapeXml(title)}</text>`,
    ...grid,
    ...bars.map((bar, i) => barOf(bar, TOP + i * (BAR + GAP), x)),
    '</svg>\n',
  ].join('\n');
}

const BARS = [
  ['net/stream1-native', 'node:net, native sockets', 'theirs'],
  ['net2/stream1-native', 'node:net, native, server on a worker', 'theirs'],
  ['netweb/stream1-default', 'node:net through Duplex.toWeb', 'theirs'],
  ['peer-tap/stream1-default', 'peer, default reader', 'theirs'],
  ['transform-1500/stream1-byob', 'through a TransformStream (no wire)', 'ours'],
  ['tap-1500/stream1-default', 'MTU 1500, default reader', 'ours'],
  ['tap-1500/stream1-byob', 'MTU 1500, BYOB', 'ours'],
  ['tap-1500/stream1-ring', 'MTU 1500, ring level', 'ours'],
  ['engine-1500/stream1-byob', 'MTU 1500, BYOB, engine workers', 'ours'],
  ['workers-1500/stream1-byob', 'MTU 1500, BYOB, two workers', 'ours'],
  ['tap-1500-nosum/stream1-ring', 'MTU 1500, checksum off, ring level', 'ours'],
  ['core/mtu1500', 'MTU 1500, the core built natively', 'theirs'],
  ['tap-65520/stream1-byob', 'MTU 65520, BYOB', 'ours'],
  ['tap-65520-nosum/stream1-byob', 'MTU 65520, checksum off, BYOB', 'ours'],
  ['tap-65520-nosum/stream1-ring', 'MTU 65520, checksum off, ring level', 'ours'],
  ['core/mtu65520-nosum', 'MTU 65520, checksum off, core built natively', 'theirs'],
];

/** The chart of a result, of what was measured of the bars above. */
export function throughputChart({ cells }) {
  const byId = new Map(cells.map((cell) => [cell.id, cell.metrics.gbps]));
  const bars = BARS.filter(([id]) => byId.get(id)).map(([id, label, color]) => ({
    label,
    color,
    ...byId.get(id),
  }));
  return barChart('One TCP flow, Gbit/s (median, line: least to greatest round)', bars);
}
