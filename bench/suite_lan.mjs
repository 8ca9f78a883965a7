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

/** All cells of bridges and routers. */
export const lanCells = () => [
  frames(BRIDGE, 'bridge', 64, 2),
  frames(BRIDGE, 'bridge', 1514, 2),
  frames(BRIDGE, 'bridge', 64, 32),
  frames(BRIDGE, 'bridge', 1514, 32),
  frames(ROUTER, 'router', 64, 2),
  frames(ROUTER, 'router', 1500, 2),
  ...['wire', 'bridge', 'router'].map((via) =>
    cell(THROUGH, via, `${THROUGH.label}: through a ${via}`, 'through', { via }),
  ),
];
