// SPDX-License-Identifier: MIT
// suite_udp - the cells of UDP: its rows, beside node:dgram over the kernel's loopback
//
// See suite, which has them with the others.

const ROWS = [
  { id: 'udp-net', label: 'node:dgram, one thread', setup: 'node_dgram', options: {} },
  {
    id: 'udp-net2',
    label: 'node:dgram, receiver on a worker',
    setup: 'node_dgram',
    options: { threads: 2 },
  },
  {
    id: 'udp-loopback',
    label: 'UDP: loopback, one stack, MTU 65520',
    setup: 'loopback',
    options: { mtu: 65520 },
  },
  {
    id: 'udp-tap',
    label: 'UDP: tap–tap wire, inline, one thread, MTU 1500',
    setup: 'pair',
    options: { mtu: 1500 },
  },
  {
    id: 'udp-engine',
    label: "UDP: tap–tap wire, app thread and two engine threads (engine: 'worker'), MTU 1500",
    setup: 'pair',
    options: { mtu: 1500, engine: 'worker' },
  },
];

const KINDS = {
  native: "send() and 'message'",
  stream: 'web streams',
  ring: 'ring level: getRingReader() and getRingWriter()',
};

/** Bytes of a datagram, by the name of the column. */
const SIZES = [64, 1472, 8192];
const MANY = 10_000;
/** CPU time is told, so the code must be compiled before: `least` is so many datagrams. */
const LIMITS = { warm: 200, timed: 400, tail: 64 * 1024, least: 20_000 };

function cell(row, column, label, metric, params) {
  const { id, label: rowLabel, setup, options } = row;
  return {
    id: `${id}/${column}`,
    row: id,
    column,
    rowLabel,
    label,
    setup,
    options,
    metric,
    params: { ...LIMITS, ...params },
  };
}

/** Columns of a row with each way to use it. */
function rowCells(row) {
  const isNative = row.setup === 'node_dgram';
  const kinds = isNative ? ['native'] : ['stream', 'ring'];
  const named = (column, kind) => (kind === 'ring' ? `${column}-ring` : column);
  const cells = kinds.flatMap((kind) => [
    ...SIZES.map((size) =>
      cell(
        row,
        named(`d${size}`, kind),
        `datagrams of ${size} B one way, ${KINDS[kind]}`,
        'datagrams',
        { kind, size },
      ),
    ),
    cell(row, named('drr', kind), `UDP_RR, 64 B, ${KINDS[kind]}`, 'datagram_rr', {
      kind,
      least: 2000,
    }),
  ]);
  // Both ends must be on the thread that searches.
  if (row.options.threads === 2) return cells;
  const search = { kind: kinds[0], size: 64, trial: 60 };
  const label = `64 B: greatest rate without loss (RFC 2544), ${isNative ? KINDS.native : 'trySend() and web streams'}`;
  return [...cells, cell(row, 'ndr', label, 'datagram_ndr', search)];
}

/** The cost of many sockets, and of many peers. */
function scaleCells() {
  const row = { ...ROWS.find(({ id }) => id === 'udp-tap'), id: 'udp-scale' };
  return [
    [1, 1],
    [1, MANY],
    [MANY, 1],
  ].map(([sockets, peers]) =>
    cell(
      row,
      `${sockets}-${peers}`,
      `${peers} peers send to ${sockets} sockets at random, 64 B, ring level`,
      'datagram_sockets',
      { kind: 'ring', sockets, peers },
    ),
  );
}

/** All cells of UDP. */
export const udpCells = () => [...ROWS.flatMap(rowCells), ...scaleCells()];
