// SPDX-License-Identifier: MIT
// attack - what hostile frames cost, against the same frames dropped at the card (make attack)
//
// Each row is a flood of tests/c/test_attacks.c, from a seed, into a tap of a stack in this thread; its baseline is the
// same frames to the MAC of another; at a port of a bridge, to an address that bridges do not forward. Both are offered in turns, ROUNDS times, and the median counts. Frames differ in
// addresses, ports and identifiers, as those of an attacker do. SEED is the first argument.
//
// The table says what one costs and where it was counted. It decides nothing: the test does.

import { createStack } from 'ringstack';

const FRAMES = 60_000;
const ROUNDS = 5;
const BATCH = 64;
const [ICMP, UDP, ICMP6, FRAGMENT] = [1, 17, 58, 44];
const OURS4 = [10, 0, 0, 1];
const OURS6 = [0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
/** A host behind another port. */
const HOST = [2, 0, 0, 0, 0, 7];
const seed = Number(process.argv[2] ?? 1);

/** Pseudo-random numbers from a seed (mulberry32). */
function random(from) {
  let state = from >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

/** The checksum of the internet over the bytes from `start` to `end`, added to `sum`. */
function checksum(bytes, start, end, sum = 0) {
  for (let i = start; i < end; i += 2) sum += (bytes[i] << 8) | (bytes[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

const put16 = (bytes, at, value) => bytes.set([value >>> 8, value & 0xff], at);

/** An Ethernet frame with an IPv4 packet from a source to the stack. */
function ip4(source, protocol, payload, field = 0, id = 0) {
  const frame = new Uint8Array(34 + payload.length);
  frame.set([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45]);
  put16(frame, 16, 20 + payload.length);
  put16(frame, 18, id & 0xffff);
  put16(frame, 20, field);
  frame.set([64, protocol, 0, 0, ...source, ...OURS4], 22);
  put16(frame, 24, checksum(frame, 14, 34));
  frame.set(payload, 34);
  return frame;
}

/** The same over IPv6. */
function ip6(source, next, payload) {
  const frame = new Uint8Array(54 + payload.length);
  frame.set([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x86, 0xdd, 0x60]);
  put16(frame, 18, payload.length);
  frame.set([next, 64, ...source, ...OURS6], 20);
  frame.set(payload, 54);
  return frame;
}

const peer4 = (r) => [10, 0, 0, 2 + r(200)];
const anyone4 = (r) => [11, r(256), r(256), 1 + r(250)];
const peer6 = (r) => [...OURS6.slice(0, 14), 1, 2 + r(200)];

/** A datagram without a checksum: over IPv4 that says there is none. */
function datagram(from, to, length) {
  const udp = new Uint8Array(8 + length);
  put16(udp, 0, from);
  put16(udp, 2, to);
  put16(udp, 4, 8 + length);
  return udp;
}

/** An ICMP error "fragmentation needed" that quotes a datagram of ours. */
function tooBig(r) {
  const quote = ip4(OURS4, UDP, datagram(7, 1 + r(65535), 0)).slice(14);
  quote.set(quote.slice(12, 16), 16);
  const message = new Uint8Array(8 + quote.length);
  message.set([3, 4, 0, 0, 0, 0, 5, 0x14]);
  message.set(quote, 8);
  put16(message, 2, checksum(message, 0, message.length));
  return message;
}

const ROWS = {
  'fragments, IPv4': (r, i) => ip4(peer4(r), UDP, new Uint8Array(1400), 0x2000 | r(100), i),
  'fragments, IPv6': (r, i) => {
    const payload = new Uint8Array(1408);
    payload.set([UDP, 0, r(5), 1, 0, 0, i >>> 8, i & 0xff]);
    return ip6(peer6(r), FRAGMENT, payload);
  },
  'forged ICMP errors': (r) => ip4(peer4(r), ICMP, tooBig(r)),
  'datagrams to closed ports': (r) => ip4(peer4(r), UDP, datagram(9, 1000 + r(60000), 20)),
  'unknown next headers': (r) => ip6(peer6(r), 253, new Uint8Array(16)),
  'ICMPv6 with a wrong checksum': (r) => ip6(peer6(r), ICMP6, new Uint8Array(16).fill(r(256))),
  'datagrams of 100,000 sources': (r) => ip4(anyone4(r), UDP, datagram(1 + r(65535), 7, 20)),
};

/** A frame from a random address (macof), or one that all other ports get. */
function stray(r, to) {
  const frame = new Uint8Array(64).fill(r(256));
  frame.set(to);
  frame.set([2, r(256), r(256), r(256), r(256), r(256)], 6);
  return frame;
}

/** Frames at a port of a bridge that has a host at another one. */
const BRIDGE_ROWS = {
  'random addresses to one host (macof)': (r) => stray(r, HOST),
  broadcasts: (r) => stray(r, [255, 255, 255, 255, 255, 255]),
  'unknown destinations': (r) => stray(r, [2, 9, r(256), r(256), r(256), r(256)]),
  'answers of DHCP servers at a guarded port': (r) =>
    ip4(peer4(r), UDP, datagram(67, 68, 300)).fill(255, 0, 6),
};

/** A datagram for somewhere else. */
function beyond(r, to, ttl = 64) {
  const frame = ip4(peer4(r), UDP, datagram(9, 9, 20));
  frame.set(to, 30);
  frame[22] = ttl;
  put16(frame, 24, 0);
  put16(frame, 24, checksum(frame, 14, 34));
  return frame;
}

/** Frames for a router. */
const ROUTER_ROWS = {
  'packets without a route': (r) => beyond(r, anyone4(r)),
  'packets whose time is over': (r) => beyond(r, [10, 1, 0, 2], 1),
  'packets to multicast and loopback': (r) => beyond(r, [r(2) ? 127 : 224 + r(16), 0, 0, 5]),
  'packets to hosts that are not there': (r) => beyond(r, [10, 1, 0, 3 + r(250)]),
};

/** Offers frames and waits until the stack has taken all. */
async function offer(writer, tap, frames) {
  const target = tap.statistics.rxPackets + frames.length;
  const began = performance.now();
  for (let i = 0; i < frames.length; i++) {
    const frame = frames[i];
    if (i % BATCH === 0) await writer.ready(1514);
    let room = writer.reserve(frame.length);
    while (!room) {
      await writer.ready(frame.length);
      room = writer.reserve(frame.length);
    }
    room.set(frame);
    writer.submit();
  }
  while (tap.statistics.rxPackets < target) await new Promise((done) => setImmediate(done));
  return ((performance.now() - began) * 1e6) / frames.length;
}

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];

/** Counters of a stack and its sockets that have grown, by name. */
function counted(before, after) {
  const grown = Object.keys(after).filter(
    (name) => after[name] > before[name] && !['turns', 'bytesCopied', 'heapBytes'].includes(name),
  );
  return grown.map((name) => `${name} ${after[name] - before[name]}`).join(', ');
}

/** The place of the interface in a stack, and the counters that it has there. */
const PLACES = {
  host: async () => async () => ({}),
  async bridge(stack, tap) {
    const other = await stack.createTapInterface();
    const bridge = await stack.createBridgeInterface({ ports: [tap, other], guarded: [tap] });
    const writer = other.getRingWriter();
    const known = stray(() => 0, [255, 255, 255, 255, 255, 255]);
    known.set(HOST, 6);
    writer.reserve(64).set(known);
    writer.submit();
    const [port] = bridge.ports;
    return async () => port.statistics;
  },
  async router(stack, tap) {
    await tap.setForwarding(true);
    const other = await stack.createTapInterface({ ip: '10.1.0.1/24' });
    await other.setForwarding(true);
    other.readable.pipeTo(new WritableStream()).catch(() => {});
    return () => tap.forwardingStatistics();
  },
};

async function row(name, make, place) {
  const stack = await createStack();
  const tap = await stack.createTapInterface({
    mac: '02:00:00:00:00:01',
    ip: ['10.0.0.1/24', 'fd00::1/64'],
  });
  const socket = await stack.openUdp({ port: 7, receiveBuffer: 16384 });
  const r = random(seed);
  const frames = Array.from({ length: FRAMES }, (_, i) => make(r, i));
  const away = frames.map((frame) => {
    const copy = frame.slice().fill(0x66, 1, 6);
    copy.set(place === 'bridge' ? [1, 0x80, 0xc2, 0, 0, 0] : [2]);
    return copy;
  });
  const more = await PLACES[place](stack, tap);
  const writer = tap.getRingWriter();
  const [cost, base] = [[], []];
  const heap = [stack.statistics.heapBytes];
  const all = async () => ({
    ...stack.statistics,
    rxDropped: socket.statistics.rxDropped,
    ...(await more()),
  });
  let where = '';
  for (let round = 0; round < ROUNDS; round++) {
    base.push(await offer(writer, tap, away));
    const before = await all();
    cost.push(await offer(writer, tap, frames));
    where = counted(before, await all());
    heap.push(stack.statistics.heapBytes);
  }
  await stack.close();
  const grown = Math.round((Math.max(...heap) - heap[0]) / 1024);
  return { attack: name, 'ns a frame': median(cost), 'at the card': median(base), grown, where };
}

console.log(
  `| attack (seed ${seed}) | ns a frame | dropped at the card | heap, KiB | counted, of ${FRAMES} |`,
);
console.log('|---|---:|---:|---:|---|');
for (const [place, rows] of Object.entries({
  host: ROWS,
  bridge: BRIDGE_ROWS,
  router: ROUTER_ROWS,
})) {
  for (const [name, make] of Object.entries(rows)) {
    const it = await row(name, make, place);
    const cells = [it['ns a frame'].toFixed(0), it['at the card'].toFixed(0), it.grown, it.where];
    console.log(`| ${place === 'host' ? '' : `${place}: `}${it.attack} | ${cells.join(' | ')} |`);
  }
}
