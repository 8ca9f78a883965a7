// SPDX-License-Identifier: MIT
// kernel_tap - iperf3 over Linux's own TCP and a stack on one cable, beside the frames that the cable can carry

import { execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';
import { createStack } from 'ringstack';
import { connect } from 'ringstack/link';
import { openTap } from 'ringstack/tap';
import { iperf3BothWays, runIperf3 } from '../lib/iperf3.mjs';
import {
  countFrames,
  frameLength,
  offerFrames,
  rawColumns,
  startFrameEnd,
} from '../lib/raw_frames.mjs';
import { Skip } from '../lib/skip.mjs';

export const title = 'Linux kernel over a tap device: iperf3 3.12, one connection, in Node';

const MTUS = [1500, 9000, 65_520];
const [KERNEL, OURS] = ['10.77.0.1', '10.77.0.2'];
const execute = promisify(execFile);

/** Makes a namespace with a device of the kernel in it. */
async function openNamespace(name, mtu, ip) {
  execFileSync('ip', ['netns', 'add', name]);
  const remove = () => execFileSync('ip', ['netns', 'delete', name]);
  try {
    const device = await openTap({ namespace: name, name: 'tap0', mtu });
    execFileSync('ip', ['-n', name, 'addr', 'add', `${ip}/24`, 'dev', 'tap0']);
    const inside = ['netns', 'exec', name];
    return {
      device,
      inside,
      run: async (command) => (await execute('ip', [...inside, ...command])).stdout,
      async close() {
        await device.close();
        remove();
      },
    };
  } catch (error) {
    remove();
    throw error;
  }
}

/** Frames that the device has taken from us. */
const taken = async ({ run }) =>
  Number(await run(['cat', '/sys/class/net/tap0/statistics/rx_packets']));

/** Frames a second each way, without TCP. */
async function measureRaw(space, mtu) {
  const length = frameLength(mtu);
  const { child, output } = startFrameEnd(['device', 'tap0', `${length}`], ['ip', ...space.inside]);
  const up = await countFrames(space.device);
  child.stdin.end();
  await output;
  const before = await taken(space);
  const began = performance.now();
  await offerFrames(space.device, length);
  const down = ((await taken(space)) - before) / ((performance.now() - began) / 1000);
  return { up, down };
}

/** All of one MTU. */
async function* measure(mtu) {
  const space = await openNamespace(`ringstack-${process.pid}`, mtu, KERNEL);
  const stack = await createStack({ engine: 'inline' });
  try {
    const raw = await measureRaw(space, mtu);
    const label = `MTU ${mtu}`;
    yield { label: `${label}, frames alone, kernel to us`, columns: rawColumns(raw.up, mtu) };
    yield { label: `${label}, frames alone, us to kernel`, columns: rawColumns(raw.down, mtu) };
    const tap = await stack.createTapInterface({ ip: `${OURS}/24`, mtu });
    connect(tap, space.device);
    const cable = { stack, tap, host: OURS, peer: 'kernel', run: space.run, raw };
    yield* iperf3BothWays(cable, label);
  } finally {
    await stack.close();
    await space.close();
  }
}

/** Two kernels over two of these devices, joined by connect(): the baseline without a stack of ours. */
async function* measureKernels(mtu) {
  const a = await openNamespace(`ringstack-${process.pid}a`, mtu, KERNEL);
  try {
    const b = await openNamespace(`ringstack-${process.pid}b`, mtu, OURS);
    try {
      connect(a.device, b.device);
      const server = spawn('ip', [...b.inside, 'iperf3', '-s', '-1', '--forceflush']);
      const ended = once(server, 'close');
      await once(server.stdout, 'data'); // it listens
      server.stdout.resume();
      const columns = await runIperf3(a.run, OURS);
      await ended;
      yield { label: `MTU ${mtu}, iperf3, kernel to kernel, two such devices joined`, columns };
    } finally {
      await b.close();
    }
  } finally {
    await a.close();
  }
}

/** The rows of the table. */
export async function* rows() {
  if (process.platform !== 'linux' || process.getuid() !== 0) throw new Skip('needs root on Linux');
  if (!existsSync('/dev/net/tun')) throw new Skip('needs /dev/net/tun');
  for (const mtu of MTUS) {
    yield* measure(mtu);
    yield* measureKernels(mtu);
  }
}
