// SPDX-License-Identifier: MIT
// wireguard - one flow through a tunnel of ringstack-wireguard, handshakes a second, and wireguard-go at the other end
//
// usage: node bench/wireguard.mjs          (make bench-wireguard; the last row needs Linux, root, wireguard-go and wg)
//
// Everything of ours runs in this thread, both ends of the first three rows too. Each row is taken ROUNDS times, in turns,
// and the median counts. "of processor time" divides by what this process used, so that a busy machine does not count; for
// wireguard-go it is what that process used in the same transfer. Ours does TCP besides, and UDP and a tap below.

import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createStack } from 'ringstack';
import { connect } from 'ringstack/link';
import { openTap } from 'ringstack/tap';
import { createWireGuard, generateKey, publicKey } from 'ringstack-wireguard';

const ROUNDS = 3;
const BYTES = 100e6;
const HANDSHAKES = 300;
const [IP_A, IP_B] = ['10.9.0.1', '10.9.0.2'];

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];
const cpu = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};

/** Two transports that pass datagrams to each other; each waits for the tun of the other. */
function directPair() {
  const sinks = [];
  const end = (own) => ({
    isSession: true,
    start: (sink) => sinks.splice(own, 1, sink),
    send(data) {
      sinks[1 - own].receive(data);
      return true;
    },
    room: () => sinks[1 - own]?.room(),
    stop: () => {},
  });
  return [end(0), end(1)];
}

/** Two stacks with a tunnel over two transports. */
async function tunnel(a, b, endpoint, options = {}) {
  const stacks = [await createStack({ engine: 'inline' }), await createStack({ engine: 'inline' })];
  const keys = [generateKey(), generateKey()];
  const peer = async (side, ip) => ({
    publicKey: await publicKey(keys[side]),
    allowedIps: [`${ip}/32`],
    ...(side === 1 && endpoint ? { endpoint } : {}),
  });
  const open = async (side, transport, ip, theirs) =>
    createWireGuard(stacks[side], {
      privateKey: keys[side],
      ip: `${ip}/24`,
      transport,
      peers: [await peer(1 - side, theirs)],
      ...options,
    });
  const wgs = [await open(0, a, IP_A, IP_B), await open(1, b, IP_B, IP_A)];
  return { stacks, wgs };
}

/** Sends and reads BYTES over a connection. Returns Gbit/s, and Gbit for a second of processor time. */
async function flow(from, to) {
  const [writer, reader] = [from.getRingWriter(), to.getRingReader()];
  const [start, used] = [performance.now(), cpu()];
  const sending = (async () => {
    for (let left = BYTES; left > 0; ) {
      await writer.ready(Math.min(left, 65536));
      const room = writer.reserve(left);
      writer.submit(room.length);
      left -= room.length;
    }
  })();
  for (let got = 0; got < BYTES; ) {
    await reader.ready();
    const { length } = reader.peek();
    reader.release(length);
    got += length;
  }
  await sending;
  const gigabits = (BYTES * 8) / 1e9;
  const result = {
    rate: (gigabits * 1000) / (performance.now() - start),
    perCpu: gigabits / (cpu() - used),
  };
  writer.releaseLock();
  reader.releaseLock();
  return result;
}

async function connected({ stacks: [a, b] }) {
  const listener = await b.listenTcp({ port: 80 });
  const client = await a.connectTcp({ host: IP_B, port: 80 });
  return [client, await listener.accept()];
}

async function direct() {
  const [client, server] = await connected(await tunnel(...directPair()));
  return () => flow(client, server);
}

async function overUdp() {
  const [a, b] = [await createStack({ engine: 'inline' }), await createStack({ engine: 'inline' })];
  connect(
    await a.createTunInterface({ ip: '192.0.2.1/24' }),
    await b.createTunInterface({ ip: '192.0.2.2/24' }),
  );
  const large = { receiveBuffer: 4 << 20, sendBuffer: 4 << 20 };
  const ends = [await a.openUdp({ port: 1, ...large }), await b.openUdp({ port: 2, ...large })];
  const [client, server] = await connected(await tunnel(...ends, '192.0.2.2:2'));
  return () => flow(client, server);
}

/** Handshakes of both ends, each begun by a packet for a session that is old enough to be replaced. */
async function handshakes() {
  let clock = 0;
  const options = { now: () => clock, handshakeRate: 10_000 };
  const { stacks, wgs } = await tunnel(...directPair(), undefined, options);
  const [sender, receiver] = [await stacks[0].openUdp(), await stacks[1].openUdp({ port: 9 })];
  return async () => {
    const [start, used, before] = [performance.now(), cpu(), wgs[0].statistics.initiations];
    for (let i = 0; i < HANDSHAKES; i++) {
      clock += 130_000;
      await sender.send(new Uint8Array(1), { host: IP_B, port: 9 });
      await receiver.receive();
    }
    const count = wgs[0].statistics.initiations - before;
    return { rate: (count * 1000) / (performance.now() - start), perCpu: count / (cpu() - used) };
  };
}

/** Processor time of another process, s. */
function cpuOf(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/.*\) /, '').split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** A flow to a program behind wireguard-go, in a namespace with a tap of ours. */
async function wireguardGo(atEnd) {
  const name = `wgb${process.pid % 100_000}`;
  const ip = (...args) => execFileSync('ip', args);
  ip('netns', 'add', name);
  atEnd.push(() => ip('netns', 'delete', name));
  const inside = (command, ...args) =>
    execFileSync('ip', ['netns', 'exec', name, command, ...args], { encoding: 'utf8' });
  const start = (command, ...args) => {
    const child = spawn('ip', ['netns', 'exec', name, command, ...args], { stdio: 'ignore' });
    atEnd.push(() => child.kill('SIGKILL'));
    return child;
  };
  const device = await openTap({ namespace: name, name: 'tap0' });
  atEnd.push(() => device.close());
  ip('-n', name, 'addr', 'add', '192.0.2.2/24', 'dev', 'tap0');
  const uapi = `/var/run/wireguard/${name}.sock`;
  atEnd.push(() => rmSync(uapi, { force: true }));
  const go = start('wireguard-go', '-f', name);
  while (!existsSync(uapi)) await sleep(20);
  const [ourKey, theirKey] = [generateKey(), generateKey()];
  const folder = mkdtempSync(join(tmpdir(), 'ringstack-wg-'));
  atEnd.push(() => rmSync(folder, { recursive: true }));
  const peer = `[Peer]\nPublicKey = ${await publicKey(ourKey)}\nAllowedIPs = ${IP_A}/32\n`;
  writeFileSync(
    join(folder, 'conf'),
    `[Interface]\nPrivateKey = ${theirKey}\nListenPort = 2\n${peer}`,
  );
  inside('wg', 'setconf', name, join(folder, 'conf'));
  ip('-n', name, 'addr', 'add', `${IP_B}/24`, 'dev', name);
  ip('-n', name, 'link', 'set', name, 'mtu', '1420', 'up');
  start(process.execPath, '-e', "require('net').createServer((s) => s.resume()).listen(80)");
  const outer = await createStack({ engine: 'inline' });
  connect(await outer.createTapInterface({ ip: '192.0.2.1/24' }), device);
  const stack = await createStack({ engine: 'inline' });
  await createWireGuard(stack, {
    privateKey: ourKey,
    ip: `${IP_A}/24`,
    transport: await outer.openUdp({ port: 1 }),
    peers: [{ publicKey: await publicKey(theirKey), allowedIps: [IP_B], endpoint: '192.0.2.2:2' }],
  });
  await sleep(500);
  const client = await stack.connectTcp({ host: IP_B, port: 80 });
  return async () => {
    const writer = client.getRingWriter();
    const [begin, used, theirs] = [performance.now(), cpu(), cpuOf(go.pid)];
    for (let left = BYTES; left > 0; ) {
      await writer.ready(Math.min(left, 65536));
      const room = writer.reserve(left);
      writer.submit(room.length);
      left -= room.length;
    }
    const gigabits = (BYTES * 8) / 1e9;
    const rate = (gigabits * 1000) / (performance.now() - begin);
    const result = {
      rate,
      perCpu: gigabits / (cpu() - used),
      theirs: gigabits / (cpuOf(go.pid) - theirs),
    };
    writer.releaseLock();
    return result;
  };
}

const canHavePeer =
  process.platform === 'linux' &&
  process.getuid() === 0 &&
  ['wireguard-go', 'wg'].every((name) => existsSync(`/usr/bin/${name}`));

const atEnd = [];
try {
  const rows = [
    ['two stacks, messages passed directly', 'Gbit/s', await direct()],
    ['two stacks, over UDP of two more on a wire', 'Gbit/s', await overUdp()],
    ['handshakes, both ends', '1/s', await handshakes()],
  ];
  if (canHavePeer)
    rows.push(['to wireguard-go, over UDP on a tap', 'Gbit/s', await wireguardGo(atEnd)]);
  const results = rows.map(() => []);
  for (const [, , run] of rows) await run(); // the compiler's turn
  for (let round = 0; round < ROUNDS; round++) {
    for (const [i, [, , run]] of rows.entries()) results[i].push(await run());
  }
  console.log('| | unit | a second | of processor time | wireguard-go, of its |');
  console.log('|---|---|---:|---:|---:|');
  for (const [i, [name, unit]] of rows.entries()) {
    const of = (key) => median(results[i].map((result) => result[key])).toPrecision(3);
    const theirs = results[i][0].theirs === undefined ? '' : of('theirs');
    console.log(`| ${name} | ${unit} | ${of('rate')} | ${of('perCpu')} | ${theirs} |`);
  }
} finally {
  for (const undo of atEnd.reverse()) await undo();
}
process.exit();
