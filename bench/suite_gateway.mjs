// SPDX-License-Identifier: MIT
// suite_gateway - the cells of gateways: a Linux guest's way out beside other programs', a stack's way out to node:net
//
// See suite, which has them with the others.

const TAP = { id: 'guest', label: "a Linux guest's way out by a tap, iperf3" };
const NODE = { id: 'way-out', label: 'TCP to a server of node:net, one thread' };
const FLOWS = { id: 'flows', label: 'flows of a gateway, open at once' };

const PROGRAMS = {
  ringstack: 'ringstack net',
  slirp4netns: 'slirp4netns',
  pasta: 'pasta',
};

function cell(row, column, label, metric, params) {
  const { id, label: rowLabel } = row;
  // Namespaces and 10,000 connections take their time.
  const patience = 120_000;
  return { id: `${id}/${column}`, row: id, column, rowLabel, label, metric, params, patience };
}

/** All cells of gateways. */
export const gatewayCells = () => [
  ...[1500, 65_520].flatMap((mtu) =>
    Object.entries(PROGRAMS).map(([program, name]) =>
      cell(TAP, `${program}-${mtu}`, `${TAP.label}: ${name}, MTU ${mtu}`, 'guest_out', {
        program,
        mtu,
        seconds: 3,
      }),
    ),
  ),
  ...['node', 'gateway'].flatMap((via) => {
    const by = via === 'node' ? 'node:net alone' : 'a stack, a gateway and node()';
    const params = { via, warm: 300, timed: 1500 };
    return [
      cell(NODE, `${via}-stream`, `${NODE.label}: ${by}`, 'way_out', params),
      cell(NODE, `${via}-connect`, `${NODE.label}: ${by}, connects`, 'way_out', {
        ...params,
        connects: true,
      }),
    ];
  }),
  cell(FLOWS, '10000', `${FLOWS.label}: 10,000`, 'gateway_flows', { count: 10_000 }),
];
