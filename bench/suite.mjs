// SPDX-License-Identifier: MIT
// suite - every cell of the table: its row, its column, and what is measured, as data
//
// A row says how two ends come to be joined (setups/), a column what is done with them (metrics/).
// The id of a cell is row/column. Labels name every option that is not the default.

import { gatewayCells } from './suite_gateway.mjs';
import { lanCells } from './suite_lan.mjs';
import { udpCells } from './suite_udp.mjs';

const WARM = 200;
const TIMED = 400;
/** Bytes at the end of a stream, every one checked. */
const TAIL = 4 * 1024 * 1024;
const MTUS = [1500, 9000, 65520];
const WINDOW = 256 * 1024;

/** Ways to join two ends that have an MTU. */
const WIRES = [
  { id: 'loopback', label: 'loopback, one stack', setup: 'loopback', options: {} },
  { id: 'tap', label: 'tap–tap wire, inline, one thread', setup: 'pair', options: {} },
  { id: 'tun', label: 'tun–tun wire, inline, one thread', setup: 'pair', options: { kind: 'tun' } },
  {
    id: 'transform',
    label: 'tap–tap through an identity TransformStream (no wire), inline, one thread',
    setup: 'pair',
    options: { through: 'transform' },
  },
  {
    id: 'workers',
    label: 'tap–tap wire, two worker threads, one arena',
    setup: 'workers',
    options: { arenas: 1 },
  },
  {
    id: 'workers2',
    label: 'tap–tap, two worker threads, two arenas (runs of frames copied)',
    setup: 'workers',
    options: { arenas: 2 },
  },
  {
    id: 'engine',
    label: "tap–tap wire, app thread and two engine threads (engine: 'worker')",
    setup: 'pair',
    options: { engine: 'worker' },
  },
];

/** Those that are measured with checksums off as well. */
const UNCHECKED = ['tap-1500', 'tap-65520', 'workers-65520', 'engine-1500', 'engine-65520'];

/** Those that are measured with TCP keeping to the MTU as well. */
const PLAIN = ['tap-1500', 'tap-9000'];

/** Those that show how long they keep the app's thread. */
const BLOCKED = ['tap-1500', 'engine-1500', 'engine-65520'];

const NET = [
  { id: 'net', label: 'node:net, native sockets, one thread', options: {} },
  { id: 'net2', label: 'node:net, native sockets, server on a worker', options: { threads: 2 } },
  {
    id: 'netstack',
    label: 'net of ringstack-node, loopback interface of a stack, one thread',
    options: { stack: true },
  },
  { id: 'netweb', label: 'node:net through Duplex.toWeb, one thread', options: { web: true } },
  {
    id: 'netweb2',
    label: 'node:net through Duplex.toWeb, server on a worker',
    options: { web: true, threads: 2 },
  },
];

const KINDS = {
  default: 'default reader',
  await: 'default reader, each write awaited',
  byob: 'BYOB reader',
  ring: 'ring level: JavaScript copies 64 KiB blocks into reserve()d and out of peek()ed bytes',
  native: "socket.write() and 'data'",
};

/** Rows with an MTU, checksums on or off. */
function wireRows() {
  return WIRES.flatMap((wire) =>
    MTUS.flatMap((mtu) => {
      const options = { ...wire.options, mtu };
      const id = `${wire.id}-${mtu}`;
      const row = { ...wire, id, label: `${wire.label}, MTU ${mtu}`, options };
      const varied = (suffix, what, option) => ({
        ...row,
        id: `${id}-${suffix}`,
        label: `${row.label}, ${what}`,
        options: { ...options, ...option },
      });
      return [
        row,
        ...(UNCHECKED.includes(id) ? [varied('nosum', 'checksum off', { checksum: false })] : []),
        ...(PLAIN.includes(id)
          ? [varied('plain', 'no segment above the MTU (largeSend: false)', { largeSend: false })]
          : []),
      ];
    }),
  );
}

function cell(row, column, label, metric, params, more = {}) {
  const { setup, options = {} } = row;
  const id = `${row.id}/${column}`;
  const limits = { warm: WARM, timed: TIMED, tail: TAIL };
  return {
    id,
    row: row.id,
    column,
    rowLabel: row.label,
    label,
    ...(setup ? { setup, options } : {}),
    metric,
    params: { ...limits, ...params },
    ...more,
  };
}

const stream = (row, column, kind, flows, more = {}) => {
  const flowLabel = flows === 1 ? 'one flow' : `${flows} flows`;
  const label = `TCP_STREAM, ${flowLabel}${more.both ? ', both directions at once' : ''}, ${KINDS[kind]}`;
  return cell(row, column, label, 'stream', { kind, flows, ...more });
};

/** Columns of throughput with more flows than one. */
function wideCells(row, kind) {
  return [
    stream(row, 'stream4', kind, 4),
    stream(row, 'stream8', kind, 8),
    ...(row.options.web ? [] : [stream(row, 'both', kind, 1, { both: true })]),
  ];
}

/** Columns of throughput: one flow with each kind of reader, then more flows with one kind. */
function streamCells(row, kinds, main, isWide) {
  const cells = kinds.map((kind) => stream(row, `stream1-${kind}`, kind, 1));
  return isWide ? [...cells, ...wideCells(row, main)] : cells;
}

/** Looks at the clock more often, and a shorter tail: some write few bytes a second so. */
const SMALL = { flows: 1, grain: 4096, tail: 16 * 1024 };

const WRITES = {
  native: "until write() says false, then 'drain', native socket",
  default: 'when writer.ready, web streams, default reader',
  await: 'each awaited, web streams, default reader',
};

/**
 * Columns of many small things.
 *
 * @param {object} row
 * @param {string} kind - See lib/workloads.
 * @param {string} writing - The same, for the writes.
 */
function smallCells(row, kind, writing = kind) {
  const label = kind === 'native' ? 'native sockets' : 'web streams, default reader';
  const small = (write, how, column = `small${write}`) => {
    const text = `writes of ${write} B, ${WRITES[how]}`;
    return cell(row, column, text, 'stream', { ...SMALL, kind: how, write });
  };
  return [
    cell(row, 'rr', `TCP_RR, 64 B, ${label}`, 'rr', { kind }),
    cell(row, 'crr', `TCP_CRR, 64 B, ${label}`, 'crr', { kind }),
    ...[16, 256, 1024].map((write) => small(write, writing)),
    ...(writing === 'default' ? [small(256, 'await', 'small256-await')] : []),
  ];
}

/** The same at the ring level, which needs no web streams. */
function ringCells(row) {
  const label = 'ring level: getRingReader() and getRingWriter()';
  return [
    cell(row, 'rr-ring', `TCP_RR, 64 B, ${label}`, 'rr', { kind: 'ring' }),
    cell(row, 'crr-ring', `TCP_CRR, 64 B, ${label}`, 'crr', { kind: 'ring' }),
  ];
}

function blockCell(row, kind) {
  const label = `longest block of the app's thread during TCP_STREAM, one flow, ${KINDS[kind]}`;
  return cell(row, 'block', label, 'block', { kind, flows: 1, timed: 2 * TIMED });
}

function wireCells() {
  return wireRows().flatMap((row) => {
    const { mtu, checksum, largeSend, through } = row.options;
    const hasRings = through !== 'transform';
    const kinds = ['default', 'byob', ...(hasRings ? ['ring'] : [])];
    const isMain = mtu === 1500 && checksum !== false && largeSend !== false;
    return [
      ...streamCells(row, kinds, 'byob', mtu !== 9000 && largeSend !== false),
      ...(isMain ? smallCells(row, 'default') : []),
      ...(isMain && hasRings ? ringCells(row) : []),
      ...(BLOCKED.includes(row.id) ? [blockCell(row, 'byob')] : []),
    ];
  });
}

/**
 * On toWeb() each write is awaited. Its high-water mark (Node 20) counts chunks as if they were bytes: a
 * writer that only looks at writer.ready queues 16,384 chunks before it has to wait, which is slower.
 */
function netCells() {
  return NET.map((row) => ({ ...row, setup: 'node_net' })).flatMap((row) => {
    const web = row.options.web === true;
    const kind = web ? 'await' : 'native';
    return [
      stream(row, web ? 'stream1-default' : 'stream1-native', kind, 1),
      ...wideCells(row, kind),
      ...(web ? smallCells(row, 'default', 'await') : smallCells(row, 'native')),
      ...(row.id === 'net2' ? [blockCell(row, kind)] : []),
    ];
  });
}

/** Other baselines: copies, messages, the same core without JavaScript. */
function limitCells() {
  const memory = { id: 'memory', label: 'memory copy, 64 KiB at a time, one thread' };
  const port = { id: 'port', label: 'MessagePort, 64 KiB buffers filled and transferred' };
  const ring = { id: 'ring', label: 'rings alone (js/ring.ts), one thread, copied in and out' };
  const core = {
    id: 'core',
    label: 'the same core built natively (-O3), two stacks on a wire, one thread, no JavaScript',
  };
  const native = [
    [1500, true],
    [1500, false],
    [9000, true],
    [65520, true],
    [65520, false],
  ].map(([mtu, checksum]) =>
    cell(
      core,
      `mtu${mtu}${checksum ? '' : '-nosum'}`,
      `TCP_STREAM, one flow, MTU ${mtu}${checksum ? '' : ', checksum off'}`,
      'native_core',
      { mtu, checksum },
    ),
  );
  return [
    cell(memory, 'private', 'private to private', 'memory_copy', { shared: false }),
    cell(memory, 'shared', 'private to shared', 'memory_copy', { shared: true }),
    cell(port, 'one-thread', 'both ends on one thread', 'message_channel', { threads: 1 }),
    cell(port, 'two-threads', 'receiver on a worker', 'message_channel', { threads: 2 }),
    cell(ring, 'bytes', 'byte ring, 64 KiB blocks', 'rings', { frame: 0 }),
    cell(ring, 'frames', 'frame ring, frames of 1514 B', 'rings', { frame: 1514 }),
    ...native,
  ];
}

function openCells() {
  const row = { id: 'open', label: 'tap–tap wire, inline, one thread, MTU 1500', setup: 'pair' };
  return [1, 100, 1000, 10000].map((open) =>
    cell(
      row,
      `${open}`,
      `${open} open connections, one stream (BYOB), then 64 B at random`,
      'idle',
      {
        kind: 'byob',
        open,
      },
    ),
  );
}

function startCells() {
  const row = { id: 'start', label: 'createStack()' };
  return [
    cell(row, 'inline', 'inline engine', 'startup', {}),
    cell(row, 'worker', "engine: 'worker'", 'startup', { engine: 'worker' }),
  ];
}

/** Links made in JavaScript between two taps of inline stacks. */
function linkCells() {
  const row = (id, label, link, window) => ({
    id,
    label: `tap–tap over a seeded link in JavaScript, ${label}`,
    setup: 'pair',
    options: {
      through: 'link',
      link: { seed: 11, loss: 0, ...link },
      ...(window ? { window } : {}),
    },
  });
  const delay = row('link20', '20 ms RTT, buffers of 256 KiB', { rttMs: 20 }, WINDOW);
  const loss = row('loss', '10 ms RTT, 1 % of frames lost each way', { rttMs: 10, loss: 0.01 });
  const kernel = {
    id: 'kernel',
    label: "Linux's TCP (Reno) in two namespaces, two taps, over the same link in JavaScript",
  };
  const bulk = 'TCP_STREAM, one flow, default reader';
  const small = { kind: 'default', flows: 1, tail: 65536 };
  return [
    cell(delay, 'ping', 'TCP_RR, 64 B', 'rr', { kind: 'default', warm: 100, timed: 400 }),
    cell(delay, 'stream', bulk, 'stream', { ...small, warm: 600, timed: 1500 }),
    cell(loss, 'stream', bulk, 'stream', { ...small, warm: 500, timed: 4000 }),
    cell(kernel, 'loss', '10 ms RTT, 1 % of frames lost each way, one flow', 'kernel_link', {
      link: loss.options.link,
      congestion: 'reno',
      warm: 500,
      timed: 4000,
    }),
  ];
}

/** A package compatible with tcpip.js, measured with what its API has. */
function peerCells(peer) {
  const seed = { dist: peer, seedApi: true };
  const tap = { id: 'peer-tap', label: 'peer: tap–tap by pipeTo()', setup: 'pair', options: seed };
  const loopback = {
    id: 'peer-loopback',
    label: 'peer: loopback',
    setup: 'loopback',
    options: { dist: peer, seedApi: true },
  };
  return [tap, loopback].flatMap((row) => [
    ...streamCells(row, ['default', 'byob'], 'default', true),
    ...smallCells(row, 'default'),
  ]);
}

const QUICK = [
  /^(tap-1500|tap-1500-nosum|tap-1500-plain|tap-65520-nosum|engine-1500|workers-1500)\/stream1/,
  /^(tap-1500|engine-1500|net|net2)\/(rr|rr-ring|crr|crr-ring|stream8|stream1-native|block)$/,
  /^(tap-1500|netweb)\/(small256|stream1-default)/,
  /^udp-(net|net2|tap)\/(d64|d64-ring|drr|ndr)$/,
  /^udp-scale\//,
  /^(memory|ring|core|open|link20|loss|kernel|start|peer-tap)\//,
];

/**
 * The cells of a run.
 *
 * @param {object} wanted
 * @param {string} [wanted.peer] - Path of a package to compare with.
 * @param {boolean} [wanted.quick] - Only what the targets need.
 * @param {string[]} [wanted.rows] - Beginnings of row ids; none: all.
 * @param {string[]} [wanted.columns] - Beginnings of column ids; none: all.
 */
export function cellsOf({ peer, quick = false, rows = [], columns = [] } = {}) {
  const all = [
    ...netCells(),
    ...wireCells(),
    ...limitCells(),
    ...openCells(),
    ...startCells(),
    ...linkCells(),
    ...udpCells(),
    ...lanCells(),
    ...gatewayCells(),
    ...(peer ? peerCells(peer) : []),
  ];
  const isNamed = (name, names) =>
    names.length === 0 || names.some((start) => name.startsWith(start));
  return all
    .filter(({ row, column }) => isNamed(row, rows) && isNamed(column, columns))
    .filter(({ id }) => !quick || QUICK.some((pattern) => pattern.test(id)));
}

/** Bytes of the window of the link20 row. */
export const LINK_WINDOW = WINDOW;
