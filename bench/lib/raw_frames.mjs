// SPDX-License-Identifier: MIT
// raw_frames - how many frames a transport carries when nobody speaks TCP: what its adapter takes and gives

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { plugEndpoint } from 'ringstack/link';
import { Skip } from './skip.mjs';

const FRAME_END = fileURLToPath(new URL('../../build/native/frame_end', import.meta.url));
/** ms before the timed part, and ms of it. */
const [WARM, TIMED] = [200, 1000];
/** Bytes between two turns of the event loop, where sockets are written to: half of an interface's ring. */
const RUN = 256 * 1024;

/** Frames of these packets on the wire: with the Ethernet header. */
export const frameLength = (mtu) => mtu + 14;

/** A rate of these frames, per second, as columns of a table. */
export const rawColumns = (rate, mtu) => ({
  'Mbit/s': (rate * frameLength(mtu) * 8) / 1e6,
  'frames/s': rate,
});

/**
 * Starts the far end (bench/native/frame_end.c).
 *
 * @param {string[]} args - Its arguments.
 * @param {string[]} before - A program that starts it, such as `ip netns exec`.
 * @returns The process, and `output`, which resolves when it has ended.
 * @throws Skip if it is not built.
 */
export function startFrameEnd(args, before = []) {
  if (!existsSync(FRAME_END)) throw new Skip('not built: `make bench-vm` builds it, on Linux');
  const [program, ...rest] = [...before, FRAME_END, ...args];
  const child = spawn(program, rest, { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.on('error', () => {}); // told by 'close'
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (more) => {
    text += more;
  });
  const output = once(child, 'close').then(([status]) => {
    if (status !== 0) throw new Error(`frame_end ended with ${status}`);
    return text;
  });
  output.catch(() => {});
  return { child, output };
}

/**
 * Counts what comes from an endpoint.
 *
 * @param {import('ringstack/link').LinkEndpoint} endpoint - Whose far end sends.
 * @returns Frames a second.
 */
export async function countFrames(endpoint) {
  let frames = 0;
  const plug = plugEndpoint(endpoint, {
    send: () => {
      frames++;
      return true;
    },
    ready: async () => {},
  });
  await sleep(WARM);
  const [before, began] = [frames, performance.now()];
  await sleep(TIMED);
  const rate = ((frames - before) * 1000) / (performance.now() - began);
  plug.unplug();
  return rate;
}

/**
 * Offers frames to an endpoint as fast as it takes them. The far end counts.
 *
 * @param {import('ringstack/link').LinkEndpoint} endpoint - Where to.
 * @param {number} length - Of each frame, bytes.
 */
export async function offerFrames(endpoint, length) {
  const frame = new Uint8Array(length).fill(0xff, 0, 6);
  frame.set([0x88, 0xb5], 12); // for experiments: counted and dropped
  const plug = plugEndpoint(endpoint, { send: () => true, ready: async () => {} });
  for (const end = performance.now() + TIMED; performance.now() < end; ) {
    for (let bytes = 0; bytes < RUN; bytes += length) {
      while (!plug.sink.send(frame)) await plug.sink.ready();
    }
    await turn();
  }
  plug.unplug();
}
