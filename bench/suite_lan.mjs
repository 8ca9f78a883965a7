// SPDX-License-Identifier: MIT
// suite_lan - the cells of bridges and routers: frames from ring to ring, and TCP through them beside a wire
//
// See suite, which has them with the others.

const LIMITS = { warm: 300, timed: 600 };
const BRIDGE = { id: 'bridge', label: 'bridge: frames from port to port, inline, ring level' };
const ROUTER = { id: 'router', label: 'router: packets from tun to tun, inline, ring level' };
const THROUGH = { id: 'through', label: 'TCP between two stacks, MTU 1500, largeSend: false' };

function cell(row, column, label, metric, params) {
  const { id, label: rowLabel } = row;
  const all = { ...LIMITS, ...params };
  return { id: `${id}/${column}`, row: id, column, rowLabel, label, metric, params: all };
}

const frames = (row, via, size, ports) =>
  cell(row, `${size}-${ports}`, `${row.label}: ${size} B, ${ports} ports`, 'frames', {
    via,
    size,
    ports,
  });

/** Long: each turn serves some ports alone, and they take turns. */
const shares = (row, via, size, ports) => {
  const label = `${row.label}: ${size} B, ${ports - 1} ports that fill another one`;
  const params = { via, size, ports, timed: 5000 };
  return cell(row, `${size}-${ports}-to-one`, label, 'shares', params);
};

/** All cells of bridges and routers. */
export const lanCells = () => [
  frames(BRIDGE, 'bridge', 64, 2),
  frames(BRIDGE, 'bridge', 1514, 2),
  frames(BRIDGE, 'bridge', 64, 32),
  frames(BRIDGE, 'bridge', 1514, 32),
  shares(BRIDGE, 'bridge', 1514, 32),
  cell(BRIDGE, 'memory', 'bridge: memory, 32 ports, a table of 65,536', 'bridge_memory', {
    ports: 32,
    entries: 65_536,
  }),
  frames(ROUTER, 'router', 64, 2),
  frames(ROUTER, 'router', 1500, 2),
  shares(ROUTER, 'router', 1500, 32),
  ...['wire', 'bridge', 'router'].map((via) =>
    cell(THROUGH, via, `${THROUGH.label}: through a ${via}`, 'through', { via }),
  ),
];
