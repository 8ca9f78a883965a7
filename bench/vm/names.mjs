// SPDX-License-Identifier: MIT
// names - answers of the DNS server, cached look-ups of the resolver, leases of the DHCP server
//
// dnsperf is a program of Linux on the other end of a tap. The generator of the ring level is a second stack of this
// thread, which writes questions into the ring of a UDP socket and reads the answers there: what it costs is in the
// figure. Seconds of a row: SECONDS in the environment, 3 by default.

import { execFile, execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createStack } from 'ringstack';
import { createDhcp, parseDhcpMessage, serializeDhcpMessage } from 'ringstack/dhcp';
import { createDns, createZone, DnsServer, serializeDnsMessage } from 'ringstack/dns';
import { connect } from 'ringstack/link';
import { openTap } from 'ringstack/tap';

export const title = 'Names and leases: DNS and DHCP servers, one thread, in Node';

const MS = 1000 * Number(process.env['SECONDS'] ?? 3);
const [KERNEL, OURS] = ['10.77.0.1', '10.77.0.2'];
const ZONE = { 'a.ring.test': ['10.0.0.1', 'fd00::1'], 'b.ring.test': 'a.ring.test' };
const QUERIES = ['a.ring.test A', 'b.ring.test A', 'no.ring.test A'];
const LEASES = 10_000;
/** Questions of the ring level that wait for an answer at a time. */
const OPEN = 64;
const execute = promisify(execFile);

const zones = () => [createZone(ZONE, { origin: 'ring.test' })];
const questions = () =>
  QUERIES.map((query, id) => {
    const [name, type] = query.split(' ');
    return serializeDnsMessage({ id, questions: [{ name, type }] });
  });

/** Why the kernel cannot take part; undefined: it can. */
function lacks() {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'needs root on Linux';
  return ['/usr/bin/dnsperf', '/dev/net/tun'].find((path) => !existsSync(path));
}

async function measureDnsperf() {
  const name = `ringstack-names-${process.pid}`;
  const folder = mkdtempSync(join(tmpdir(), 'ringstack-names-'));
  writeFileSync(join(folder, 'queries'), `${QUERIES.join('\n')}\n`);
  execFileSync('ip', ['netns', 'add', name]);
  const stack = await createStack({ engine: 'inline' });
  try {
    const device = await openTap({ namespace: name, name: 'tap0', mtu: 1500 });
    execFileSync('ip', ['-n', name, 'addr', 'add', `${KERNEL}/24`, 'dev', 'tap0']);
    const tap = await stack.createTapInterface({ ip: `${OURS}/24` });
    connect(tap, device);
    const dns = await createDns(stack);
    const limits = { pending: 10_000, pendingPerClient: 10_000 };
    await dns.serve({ zones: zones(), limits });
    const load = ['-d', join(folder, 'queries'), '-l', `${MS / 1000}`, '-q', '500', '-c', '8'];
    const command = ['netns', 'exec', name, 'dnsperf', '-s', OURS, ...load];
    const { stdout } = await execute('ip', command);
    await device.close();
    const [, lost = ''] = /Queries lost:\s+(\d+)/.exec(stdout) ?? [];
    return {
      'answers/s': Number(/Queries per second:\s+([\d.]+)/.exec(stdout)?.[1]),
      lost: Number(lost),
    };
  } finally {
    await stack.close();
    execFileSync('ip', ['netns', 'delete', name]);
    rmSync(folder, { recursive: true });
  }
}

/** Answers a second over the rings of two stacks on a wire, in one thread. */
async function measureRings() {
  const [server, client] = [await createStack(), await createStack()];
  const ends = [await server.createTapInterface({ ip: `${OURS}/24` })];
  ends.push(await client.createTapInterface({ ip: `${KERNEL}/24` }));
  void ends[0].readable.pipeTo(ends[1].writable);
  void ends[1].readable.pipeTo(ends[0].writable);
  const dns = await createDns(server);
  const limits = { pending: 10_000, pendingPerClient: 10_000 };
  await dns.serve({ zones: zones(), limits });
  const socket = await client.openUdp({ remote: { host: OURS, port: 53 } });
  const [reader, writer] = [socket.getRingReader(), socket.getRingWriter()];
  const all = questions();
  let [open, sent, answers] = [0, 0, 0];
  const start = performance.now();
  let now = start;
  while (now - start < MS) {
    for (; open < OPEN; open++) {
      const query = all[sent++ % all.length];
      const room = writer.reserve(query.length);
      if (!room) break;
      room.set(query);
      writer.submit();
    }
    await reader.ready();
    for (let data = reader.peek(); data; data = reader.peek()) {
      if (data[0] !== 0 || data[1] >= all.length) throw new Error('it is no answer');
      reader.release();
      answers++;
      open--;
    }
    now = performance.now();
  }
  await client.close();
  await server.close();
  return { 'answers/s': (1000 * answers) / (now - start) };
}

/** Answers a second of the server alone: bytes in, bytes out. */
async function measureAnswers() {
  const server = new DnsServer(null, { zones: zones() });
  const all = questions();
  let answers = 0;
  const start = performance.now();
  while (performance.now() - start < MS) {
    for (let i = 0; i < 300; i++) {
      const answer = await server.answer(all[i % all.length], { transport: 'udp' });
      if (answer.length < 12) throw new Error('it is no answer');
      answers++;
    }
  }
  const ms = performance.now() - start;
  await server.close();
  return { 'answers/s': (1000 * answers) / ms };
}

/** Look-ups a second of names that the resolver has. */
async function measureLookups() {
  const server = new DnsServer(null, { zones: zones() });
  let asked = 0;
  const nameServer = (query) => {
    asked++;
    return server.answer(query);
  };
  const { lookup, close } = await createDns(null, { client: { nameServer } });
  let lookups = 0;
  const start = performance.now();
  while (performance.now() - start < MS) {
    for (let i = 0; i < 300; i++) {
      if ((await lookup('b.ring.test')) !== '10.0.0.1') throw new Error('it is another address');
      lookups++;
    }
  }
  const ms = performance.now() - start;
  await close();
  if (asked > 1 + 2 * Math.ceil(ms / 60_000)) throw new Error(`${asked} questions were asked`);
  return { 'look-ups/s': (1000 * lookups) / ms };
}

/** A transport whose only socket is fed by hand. */
function handTransport(take) {
  const waiting = [];
  let wake = () => {};
  return {
    put(datagram) {
      waiting.push(datagram);
      wake();
    },
    async open() {
      return {
        writable: new WritableStream({ write: take }),
        async *[Symbol.asyncIterator]() {
          for (;;) {
            const datagram = waiting.shift();
            if (datagram) yield datagram;
            else {
              await new Promise((resolve) => {
                wake = resolve;
              });
            }
          }
        },
        close: async () => {},
      };
    },
  };
}

const macOf = (n) =>
  `02:00:00:00:${[n >> 8, n & 255].map((b) => b.toString(16).padStart(2, '0')).join(':')}`;

/** Clients that take a lease by four messages, one after the other. */
async function measureLeases() {
  let answered;
  const transport = handTransport(({ data }) => answered(parseDhcpMessage(data)));
  const ask = (fields) =>
    new Promise((resolve) => {
      answered = resolve;
      const data = serializeDhcpMessage({ op: 1, xid: 7, ...fields });
      transport.put({ host: '0.0.0.0', port: 68, data });
    });
  const { serve } = await createDhcp(transport);
  const server = await serve({
    leaseRange: { start: '10.0.1.0', end: '10.0.63.255' },
    ...{ serverIdentifier: '10.0.0.1', netmask: '255.255.192.0', maxRate: 1_000_000 },
  });
  globalThis.gc?.();
  const before = process.memoryUsage().heapUsed;
  const start = performance.now();
  for (let n = 0; n < LEASES; n++) {
    const mac = macOf(n);
    const { yiaddr } = await ask({ type: 'DISCOVER', mac });
    const options = new Map([[50, Uint8Array.from(yiaddr.split('.').map(Number))]]);
    const { type } = await ask({ type: 'REQUEST', mac, options });
    if (type !== 'ACK') throw new Error(`it is ${type}`);
  }
  const ms = performance.now() - start;
  globalThis.gc?.();
  const bytes = process.memoryUsage().heapUsed - before;
  if (server.leases.size !== LEASES) throw new Error(`there are ${server.leases.size} leases`);
  await server.close();
  return { 'leases/s': (1000 * LEASES) / ms, 'bytes a lease': globalThis.gc ? bytes / LEASES : 0 };
}

/** Rows of the table. */
export async function* rows() {
  const why = lacks();
  const label = 'DNS server, dnsperf through a tap, 8 clients, 500 questions open';
  if (why) yield { label, skipped: why };
  else yield { label, columns: await measureDnsperf() };
  yield {
    label: `DNS server, ring level: a generator on a second stack of the same thread, ${OPEN} questions open`,
    columns: await measureRings(),
  };
  yield { label: 'DNS server, answer(): no transport', columns: await measureAnswers() };
  yield { label: 'resolver, a name that it has', columns: await measureLookups() };
  yield {
    label: `DHCP server, ${LEASES} leases of as many clients, no transport`,
    columns: await measureLeases(),
  };
}
