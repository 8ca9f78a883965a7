// SPDX-License-Identifier: MIT
// attack - what hostile frames cost, against the same frames dropped at the card (make attack)
//
// Each row is a flood from a seed, into a tap of a stack in this thread; its baseline is the same frames to the MAC of
// another; at a port of a bridge, to an address that bridges do not forward. Both are offered in turns, ROUNDS times, and
// the median counts. Frames differ in addresses, ports and identifiers, as those of an attacker do. SEED is the first
// argument; others choose rows by a part of their names.
//
// Times are those of the processor. "ns a frame" is measured without other work. Then an honest host on a tap of its own sends a stream while BATCH frames
// come in each turn of the event loop; its rate is shown against that beside frames that are dropped at the card, and its
// bytes are compared.
//
// The table says what one costs and where it was counted. It decides nothing: tests do (tests/c/test_attacks.c,
// test_tcp_hostile.c, test_neighbors_hostile.c, test_admit.c).

import { createStack } from 'ringstack';
import { ALL, HOST_MAC, random, stray } from './attack/frames.mjs';
import { honestHost } from './attack/honest.mjs';
import { acknowledgements, CONNECTION_ROWS, give, Puppet } from './attack/puppet.mjs';
import { BRIDGE_ROWS, HOST_ROWS, ROUTER_ROWS } from './attack/rows.mjs';

const FRAMES = 60_000;
const ROUNDS = 5;
const HONEST_ROUNDS = 9;
/** Of a round beside the honest flow. */
const HONEST_FRAMES = 20_000;
const BATCH = 64;
const MIB = 1 << 20;
const SYN_ROW = 'TCP: SYNs of 65,000 neighbors';
const SYN_RATE = 20_000;
const seed = Number(process.argv[2] || 1);
const chosen = process.argv.slice(3);

const nextTurn = () => new Promise((done) => setImmediate(done));
const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];

/** Processor time of this process, ms: other programs of the machine do not count. */
function processorTime() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** Offers frames and waits until the stack has taken all; ms of the processor. */
async function offer(writer, tap, frames, isPaced) {
  const target = tap.statistics.rxPackets + frames.length;
  const began = processorTime();
  for (let i = 0; i < frames.length; i++) {
    if (i % BATCH === 0) await (isPaced ? nextTurn() : writer.ready(1514));
    const waits = give(writer, frames.at(i));
    if (waits) await waits;
  }
  while (tap.statistics.rxPackets < target) await nextTurn();
  return processorTime() - began;
}

/** Counters of a stack and its sockets that have grown, by name. */
function counted(before, after) {
  const boring = [
    'turns',
    'bytesCopied',
    'heapBytes',
    'ringBytes',
    'tcpTxSegments',
    'tcpRxSegments',
  ];
  const grown = Object.keys(after).filter(
    (name) => after[name] > before[name] && !boring.includes(name),
  );
  return grown.map((name) => `${name} ${after[name] - before[name]}`).join(', ');
}

/** The place of the interface in a stack, and the counters that it has there. */
const PLACES = {
  host: async () => async () => ({}),
  connections: async () => async () => ({}),
  async bridge(stack, tap) {
    const other = await stack.createTapInterface();
    const bridge = await stack.createBridgeInterface({ ports: [tap, other], guarded: [tap] });
    const writer = other.getRingWriter();
    const known = stray(() => 0, ALL);
    known.set(HOST_MAC, 6);
    await give(writer, known);
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

/** The same frames to another MAC. */
function toAnother(frames, place) {
  const change = (frame) => {
    const copy = frame.slice().fill(0x66, 1, 6);
    copy.set(place === 'bridge' ? [1, 0x80, 0xc2, 0, 0, 0] : [2]);
    return copy;
  };
  return frames.map(change);
}

/** Frames of one round after the other: those of a connection go on where the last ones ended. */
async function source(make, place, tap, writer, honest) {
  const r = random(seed);
  if (place !== 'connections') {
    const frames = Array.from({ length: FRAMES }, (_, i) => make(r, i, { honest }));
    return (count) => frames.slice(0, count);
  }
  const [count, build] = make;
  const puppet = new Puppet(tap, writer);
  const all = [];
  for (let i = 0; i < count; i++) all.push(await puppet.open(81, 2000 + i));
  return (count) => build(all, count, r);
}

/** Servers of the stack that is attacked: one that takes connections, one that reads. */
async function serve(stack) {
  const open = await stack.listenTcp({ port: 80 });
  const reading = await stack.listenTcp({ port: 81, receiveBuffer: MIB, backlog: 300 });
  (async () => {
    for await (const connection of open) connection.close().catch(() => {});
  })().catch(() => {});
  const writing = await stack.listenTcp({ port: 82 });
  (async () => {
    for await (const connection of writing) {
      const writer = connection.writable.getWriter();
      for (;;) await writer.write(new Uint8Array(1 << 16));
    }
  })().catch(() => {});
  (async () => {
    for await (const connection of reading) {
      connection.readable.pipeTo(new WritableStream()).catch(() => {});
    }
  })().catch(() => {});
}

/** Gives bytes a ms of an honest flow while frames come. */
const flowOf = (honest, writer, tap) => async (frames) => {
  const before = honest.bytes;
  const took = await offer(writer, tap, frames, true);
  return (honest.bytes - before) / took;
};

async function row(name, make, place) {
  const stack = await createStack();
  const tap = await stack.createTapInterface({
    mac: '02:00:00:00:00:01',
    ip: ['10.0.0.1/16', 'fd00::1/64'],
  });
  const socket = await stack.openUdp({ port: 7, receiveBuffer: 16384 });
  await serve(stack);
  const honest = await honestHost(stack);
  const more = await PLACES[place](stack, tap);
  const writer = tap.getRingWriter();
  const frames = await source(make, place, tap, writer, honest);
  const all = async () => ({
    ...stack.statistics,
    rxDropped: socket.statistics.rxDropped,
    ...(await more()),
  });
  const [cost, base, beside, alone, share] = [[], [], [], [], []];
  const heap = [stack.statistics.heapBytes];
  let where = '';
  for (let round = 0; round < ROUNDS; round++) {
    const these = frames(FRAMES);
    base.push(await offer(writer, tap, toAnother(these, place)));
    const before = await all();
    cost.push(await offer(writer, tap, these));
    where = counted(before, await all());
    heap.push(stack.statistics.heapBytes);
  }
  honest.run(true);
  while (honest.bytes < 32 * MIB) await nextTurn();
  const flow = flowOf(honest, writer, tap);
  for (let round = 0; round < HONEST_ROUNDS; round++) {
    const these = frames(HONEST_FRAMES);
    alone.push(await flow(toAnother(these, place)));
    beside.push(await flow(these));
    share.push(beside.at(-1) / alone.at(-1));
    heap.push(stack.statistics.heapBytes);
  }
  honest.run(false);
  await stack.close();
  await honest.close();
  return {
    attack: place === 'host' ? name : `${place === 'connections' ? 'TCP' : place}: ${name}`,
    ns: (median(cost) * 1e6) / FRAMES,
    card: (median(base) * 1e6) / FRAMES,
    alone: (median(alone) * 1000) / MIB,
    beside: (median(beside) * 1000) / MIB,
    share: median(share),
    wrong: honest.wrong,
    heap: Math.round((Math.max(...heap) - heap[0]) / 1024),
    where,
  };
}

/** Connects of the honest host, one after the other, while so many SYNs come in a second; how many, and the slowest. */
async function connectsBeside(rate, isDropped) {
  const stack = await createStack();
  const tap = await stack.createTapInterface({ mac: '02:00:00:00:00:01', ip: '10.0.0.1/16' });
  await serve(stack);
  const honest = await honestHost(stack);
  const writer = tap.getRingWriter();
  const r = random(seed);
  const make = HOST_ROWS[SYN_ROW];
  const frames = Array.from({ length: FRAMES }, (_, i) => make(r, i));
  const offered = isDropped ? toAnother(frames) : frames;
  const times = [];
  let isOver = false;
  const connecting = (async () => {
    while (!isOver) times.push(await honest.connects(80).catch(() => Number.POSITIVE_INFINITY));
  })();
  const began = performance.now();
  for (let sent = 0; sent < FRAMES; await nextTurn()) {
    const due = Math.min(FRAMES, Math.floor(((performance.now() - began) * rate) / 1000));
    for (; sent < due; sent++) await give(writer, offered[sent]);
  }
  isOver = true;
  await connecting;
  await stack.close();
  await honest.close();
  const failed = times.filter((time) => time === Number.POSITIVE_INFINITY).length;
  return `${times.length} connects, ${failed} failed, median ${median(times).toFixed(1)} ms, slowest ${Math.max(...times).toFixed(1)} ms`;
}

/** The honest flow beside a download whose peer says an MSS, in percent of that beside frames dropped at the card. */
async function downloadBeside(mss) {
  const stack = await createStack();
  const tap = await stack.createTapInterface({ mac: '02:00:00:00:00:01', ip: '10.0.0.1/16' });
  await serve(stack);
  const honest = await honestHost(stack);
  const writer = tap.getRingWriter();
  const puppet = new Puppet(tap, writer);
  const flow = flowOf(honest, writer, tap);
  const dropped = toAnother(Array.from({ length: HONEST_FRAMES }, () => stray(() => 0, ALL)));
  const [alone, beside] = [[], []];
  honest.run(true);
  while (honest.bytes < 32 * MIB) await nextTurn();
  for (let round = 0; round < HONEST_ROUNDS; round++) alone.push(await flow(dropped));
  const download = await puppet.open(82, 2000, [2, 4, mss >> 8, mss & 255]);
  const began = processorTime();
  for (let round = 0; round < HONEST_ROUNDS; round++) {
    beside.push(await flow(acknowledgements(download, HONEST_FRAMES)));
  }
  const rate = (download.received * 1000) / (processorTime() - began) / MIB;
  honest.run(false);
  await stack.close();
  await honest.close();
  const share = (100 * median(beside)) / median(alone);
  const segments = download.received / download.segments;
  return `MSS ${mss}: ${share.toFixed(0)} %, ${rate.toFixed(1)} MiB/s of the download in segments of ${segments.toFixed(0)} bytes`;
}

console.log(
  `| attack (seed ${seed}) | ns a frame | dropped at the card | honest flow, MiB/s | beside frames dropped at the card | wrong bytes | heap, KiB | counted, of ${FRAMES} |`,
);
console.log('|---|---:|---:|---:|---:|---:|---:|---|');
for (const [place, rows] of Object.entries({
  host: HOST_ROWS,
  connections: CONNECTION_ROWS,
  bridge: BRIDGE_ROWS,
  router: ROUTER_ROWS,
})) {
  for (const [name, make] of Object.entries(rows)) {
    if (chosen.length > 0 && !chosen.some((part) => name.includes(part))) continue;
    const it = await row(name, make, place);
    const cells = [
      it.ns.toFixed(0),
      it.card.toFixed(0),
      `${it.beside.toFixed(0)} (${(100 * it.share).toFixed(0)} %)`,
      it.alone.toFixed(0),
      it.wrong,
      it.heap,
      it.where,
    ];
    console.log(`| ${it.attack} | ${cells.join(' | ')} |`);
  }
}
if (chosen.length === 0 || chosen.includes('connects')) {
  console.log(`\n${SYN_RATE} SYNs a second, and the honest host connects to the same port:`);
  console.log(`- ${await connectsBeside(SYN_RATE, false)};`);
  console.log(`- beside SYNs dropped at the card: ${await connectsBeside(SYN_RATE, true)}.`);
}
if (chosen.length === 0 || chosen.includes('downloads')) {
  console.log('\nThe honest flow beside a download that is acknowledged in each turn:');
  for (const mss of [1, 48, 1460]) console.log(`- ${await downloadBeside(mss)}`);
}
