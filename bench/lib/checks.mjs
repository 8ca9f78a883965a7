// SPDX-License-Identifier: MIT
// checks - what the suite must show: each target beside what one run measured

import { LINK_WINDOW } from '../suite.mjs';
import { mathis } from './stats.mjs';

const MSS = 1448;

/** Medians of a run by cell and metric; undefined where nothing was measured. */
function mediansOf(cells) {
  const byId = new Map(cells.map((cell) => [cell.id, cell]));
  return (id, metric) => byId.get(id)?.metrics[metric]?.median;
}

/** The greatest of what was measured. */
function best(...values) {
  const known = values.filter((value) => value !== undefined);
  return known.length > 0 ? Math.max(...known) : undefined;
}

const ratio = (a, b) => (a === undefined || b === undefined ? undefined : a / b);

const atLeast = (text, value, target, unit = '×') => ({ text, value, target, unit, least: true });
const atMost = (text, value, target, unit = '×') => ({ text, value, target, unit, least: false });

function throughputChecks(get) {
  const gbps = (id) => get(id, 'gbps');
  const net = best(gbps('net/stream1-native'), gbps('net2/stream1-native'));
  const tap = gbps('tap-1500/stream1-byob');
  const unchecked = 'tap-65520-nosum';
  return [
    atLeast('MTU 1500, BYOB ÷ node:net', ratio(tap, net), 1.3),
    atLeast('MTU 1500, default reader ÷ node:net', ratio(gbps('tap-1500/stream1-default'), net), 1),
    atLeast('MTU 1500, ring level', gbps('tap-1500/stream1-ring'), 16, 'Gbit/s'),
    atLeast(
      'MTU 1500, checksum off, ring level',
      gbps('tap-1500-nosum/stream1-ring'),
      20,
      'Gbit/s',
    ),
    atLeast('MTU 65520, checksum off, ring level', gbps(`${unchecked}/stream1-ring`), 50, 'Gbit/s'),
    atLeast(
      'MTU 65520, checksum off, BYOB ÷ node:net',
      ratio(gbps(`${unchecked}/stream1-byob`), net),
      3,
    ),
    atLeast('8 flows ÷ one flow (MTU 1500, BYOB)', ratio(gbps('tap-1500/stream8'), tap), 0.9),
    atLeast(
      "engine: 'worker' ÷ inline (MTU 1500, BYOB)",
      ratio(gbps('engine-1500/stream1-byob'), tap),
      1,
    ),
    atMost(
      "engine: 'worker', longest block of the app's thread",
      get('engine-1500/block', 'blockMs'),
      4,
      'ms',
    ),
  ];
}

function smallChecks(get) {
  const faster = (get('net/rr', 'perS') ?? 0) >= (get('net2/rr', 'perS') ?? 0) ? 'net' : 'net2';
  const writes = (...rows) => {
    const ids = rows.flatMap((row) => [`${row}/small256`, `${row}/small256-await`]);
    return best(...ids.map((id) => get(id, 'writesPerS')));
  };
  const crr = best(get('net/crr', 'perS'), get('net2/crr', 'perS'));
  return [
    atLeast(
      'TCP_RR 64 B per second ÷ node:net',
      ratio(get('tap-1500/rr', 'perS'), get(`${faster}/rr`, 'perS')),
      2,
    ),
    atMost(
      'TCP_RR 64 B p99 ÷ node:net',
      ratio(get('tap-1500/rr', 'p99us'), get(`${faster}/rr`, 'p99us')),
      1,
    ),
    atMost("TCP_RR 64 B p50, engine: 'worker'", get('engine-1500/rr', 'p50us'), 60, 'µs'),
    atLeast('TCP_CRR ÷ node:net', ratio(get('tap-1500/crr', 'perS'), crr), 5),
    atLeast(
      'TCP_CRR at the ring level ÷ node:net',
      ratio(get('tap-1500/crr-ring', 'perS'), crr),
      5,
    ),
    atLeast(
      'writes of 256 B ÷ Duplex.toWeb over node:net (best way of each)',
      ratio(writes('tap-1500'), writes('netweb', 'netweb2')),
      3,
    ),
  ];
}

function scaleChecks(get) {
  const growth = (metric) => ratio(get('open/10000', metric), get('open/1', metric));
  return [
    atMost('ns per packet of a stream, 10,000 open ÷ one', growth('nsPerPacket'), 1.5),
    atMost('64 B at random, 10,000 open ÷ one', growth('randomUsPerExchange'), 1.5),
  ];
}

function linkChecks(get) {
  const goodput = (id) => {
    const gbps = get(id, 'gbps');
    return gbps === undefined ? undefined : (gbps * 1e9) / 8;
  };
  const rttMs = get('link20/ping', 'p50us') / 1000;
  const bound = (LINK_WINDOW / rttMs) * 1000;
  const reno = mathis({ mss: MSS, rttMs: 10, loss: 0.01 });
  return [
    atLeast(
      '20 ms RTT: goodput ÷ (256 KiB ÷ measured RTT)',
      ratio(goodput('link20/stream'), bound),
      0.9,
    ),
    atMost('20 ms RTT: segments sent again', get('link20/stream', 'retransmits'), 0, ''),
    atLeast(
      "1 % loss, 10 ms RTT: goodput ÷ Linux's Reno",
      ratio(get('loss/stream', 'gbps'), get('kernel/loss', 'gbps')),
      0.5,
    ),
    atLeast(
      '1 % loss, 10 ms RTT: goodput ÷ Reno by the formula of Mathis',
      ratio(goodput('loss/stream'), reno),
      0.5,
    ),
  ];
}

/** In CPU time, both ends on one thread: what a quiet machine would take, however busy this one is. */
function datagramChecks(get) {
  const cpu = (id) => get(id, 'cpuNsEach');
  const growth = (cell) => ratio(cpu(`udp-scale/${cell}`), cpu('udp-scale/1-1'));
  const rates = best(get('udp-net/ndr', 'perS'), get('udp-net2/ndr', 'perS'));
  return [
    atLeast(
      'UDP, 64 B one way, ring level, a second of CPU time',
      ratio(1e9, cpu('udp-tap/d64-ring')),
      1_000_000,
      '',
    ),
    atLeast(
      'UDP, 64 B one way, web streams ÷ node:dgram, CPU time',
      ratio(cpu('udp-net/d64'), cpu('udp-tap/d64')),
      10,
    ),
    atLeast(
      'UDP_RR 64 B ÷ node:dgram, CPU time',
      ratio(cpu('udp-net/drr'), cpu('udp-tap/drr')),
      1.5,
    ),
    atLeast('UDP, 64 B without loss ÷ node:dgram', ratio(get('udp-tap/ndr', 'perS'), rates), 1),
    atMost('UDP, CPU time of a datagram, 10,000 peers ÷ one', growth('1-10000'), 1.5),
    atMost('UDP, CPU time of a datagram, 10,000 sockets ÷ one', growth('10000-1'), 1.5),
  ];
}

/** Gateways: beside other programs, and beside the sockets that they go out by. */
function gatewayChecks(get) {
  const rivals = [1500, 65_520].flatMap((mtu) =>
    ['slirp4netns', 'pasta'].map((rival) => {
      const [ours, theirs] = ['ringstack', rival].map((one) => get(`guest/${one}-${mtu}`, 'gbps'));
      return atLeast(`a guest's way out ÷ ${rival}'s, MTU ${mtu}`, ratio(ours, theirs), 1);
    }),
  );
  const [alone, out] = ['node', 'gateway'].map((via) => get(`way-out/${via}-stream`, 'gbps'));
  return [
    ...rivals,
    atLeast('a stack to node() ÷ node:net alone', ratio(out, alone), 0.6),
    atMost('flows left behind 10,000', get('flows/10000', 'left'), 0, ''),
  ];
}

/** In CPU time, on one thread, as above. */
function lanChecks(get) {
  const cpu = (id) => get(id, 'cpuNsEach');
  const through = (id) => get(`through/${id}`, 'cpuSPerGB');
  return [
    atLeast(
      'bridge, 64 B between two ports, a second of CPU time',
      ratio(1e9, cpu('bridge/64-2')),
      2_000_000,
      '',
    ),
    atLeast(
      'TCP through a bridge ÷ a wire, CPU time',
      ratio(through('wire'), through('bridge')),
      0.9,
    ),
    atLeast('bridge, 32 ports: least ÷ most of a port', get('bridge/1514-32', 'fair'), 0.9),
    atLeast(
      'bridge, 31 ports that fill another one: least ÷ most of a port',
      get('bridge/1514-32-to-one', 'fair'),
      0.8,
    ),
    atMost('bridge, arena bytes a table entry', get('bridge/memory', 'entryBytes'), 16, 'B'),
    atLeast(
      'router ÷ bridge, 1500 B, CPU time',
      ratio(cpu('bridge/1514-2'), cpu('router/1500-2')),
      0.8,
    ),
  ];
}

/**
 * Every target with what was measured.
 *
 * @param {object[]} cells - Of a result.
 * @returns {{ text: string, value?: number, target: number, unit: string, least: boolean, met?: boolean }[]}
 */
export function checkTargets(cells) {
  const get = mediansOf(cells);
  const all = [
    throughputChecks,
    smallChecks,
    scaleChecks,
    linkChecks,
    datagramChecks,
    lanChecks,
    gatewayChecks,
  ].flatMap((part) => part(get));
  return all.map((check) => {
    const { value, target, least } = check;
    if (value === undefined || Number.isNaN(value)) return { ...check, value: undefined };
    return { ...check, met: least ? value >= target : value <= target };
  });
}
