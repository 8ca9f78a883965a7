// SPDX-License-Identifier: MIT
// qemu - iperf3 in a Linux guest and a stack on one cable, beside the frames that the cable can carry

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createStack } from 'ringstack';
import { connect } from 'ringstack/link';
import { listenQemu } from 'ringstack/qemu';
import { iperf3BothWays, runIperf3 } from '../lib/iperf3.mjs';
import { needGuest, QemuGuest, qemuVersion } from '../lib/qemu_guest.mjs';
import {
  countFrames,
  frameLength,
  offerFrames,
  rawColumns,
  startFrameEnd,
} from '../lib/raw_frames.mjs';

export const title =
  'QEMU (emulated, no KVM) over -netdev stream: iperf3 3.12 in the guest, one connection, in Node';

const MTUS = [1500, 9000, 65_520];
const [GUEST, OURS] = ['10.79.0.1', '10.79.0.2'];
/** Of the guest and the machine in libslirp's network. */
const [SLIRP_GUEST, MACHINE] = ['10.0.2.15', '10.0.2.2'];
const socketPath = join(tmpdir(), `ringstack-bench-${process.pid}`);

/** Frames a second each way, with a program in QEMU's place. */
async function measureRaw(listener, mtu) {
  const length = frameLength(mtu);
  const source = startFrameEnd(['source', socketPath, `${length}`]);
  const from = await listener.accept();
  const up = await countFrames(from);
  await from.close();
  await source.output;
  const sink = startFrameEnd(['sink', socketPath]);
  const to = await listener.accept();
  await offerFrames(to, length);
  await to.close();
  const { frames, ms } = JSON.parse(await sink.output);
  return { up, down: (frames * 1000) / ms };
}

/** All of one MTU. */
async function* measure(mtu) {
  const listener = await listenQemu({ path: socketPath, mtu });
  const stack = await createStack({ engine: 'inline' });
  let guest;
  try {
    const raw = await measureRaw(listener, mtu);
    const label = `MTU ${mtu}`;
    yield { label: `${label}, frames alone, socket to us`, columns: rawColumns(raw.up, mtu) };
    yield { label: `${label}, frames alone, us to socket`, columns: rawColumns(raw.down, mtu) };
    guest = new QemuGuest(`stream,id=n,server=off,addr.type=unix,addr.path=${socketPath}`, mtu);
    const tap = await stack.createTapInterface({ ip: `${OURS}/24`, mtu });
    connect(tap, await listener.accept());
    await guest.boot(GUEST, mtu);
    const run = (command) => guest.run(command);
    yield* iperf3BothWays({ stack, tap, host: OURS, peer: 'guest', run, raw }, label);
  } finally {
    await guest?.close();
    await stack.close();
    await listener.close();
  }
}

/** The same guest on QEMU's own user network, with iperf3 of the machine at its other end. */
async function* measureSlirp() {
  const server = spawn('iperf3', ['-s', '--forceflush', '-B', '127.0.0.1']);
  const ended = once(server, 'close');
  await once(server.stdout, 'data'); // it listens
  server.stdout.resume();
  const guest = new QemuGuest('user,id=n', 1500);
  try {
    await guest.boot(SLIRP_GUEST, 1500);
    const run = (command) => guest.run(command);
    for (const [reverse, way] of [
      [false, 'guest to machine'],
      [true, 'machine to guest'],
    ]) {
      const columns = await runIperf3(run, MACHINE, { reverse });
      yield { label: `MTU 1500, iperf3, ${way} by libslirp, QEMU's own`, columns };
    }
  } finally {
    await guest.close();
    server.kill();
    await ended;
  }
}

/** The rows of the table. */
export async function* rows() {
  needGuest();
  for (const mtu of MTUS) yield* measure(mtu);
  yield* measureSlirp();
}

/** Programs that take part, with versions. */
export const versions = () => [qemuVersion()];
