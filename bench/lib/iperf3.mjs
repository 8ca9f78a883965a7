// SPDX-License-Identifier: MIT
// iperf3 - tests by iperf3's client, as columns of a table

import { serveIperf3 } from './iperf3_server.mjs';

const SECONDS = 4;

/**
 * Runs iperf3 and gives what it has measured, at the receiver.
 *
 * @param {(command: string[]) => Promise<string>} run - Runs a program on the client's machine; returns its output.
 * @param {string} host - Of the server.
 * @param {object} [options]
 * @param {boolean} [options.reverse] - The server sends.
 * @param {() => number} [options.frames] - Counts the frames of the direction of the data.
 * @param {number} [options.raw] - Frames a second that can pass that way when nobody speaks TCP.
 */
export async function runIperf3(run, host, { reverse = false, frames, raw } = {}) {
  const before = frames?.();
  const args = ['-J', '-t', `${SECONDS}`, '-c', host, ...(reverse ? ['-R'] : [])];
  const { error, end } = JSON.parse(await run(['iperf3', ...args]));
  if (error !== undefined) throw new Error(`iperf3: ${error}`);
  const { bits_per_second, seconds } = end.sum_received;
  const columns = { 'Mbit/s': bits_per_second / 1e6 };
  if (frames) columns['frames/s'] = (frames() - before) / seconds;
  if (raw) columns['% of the frames alone'] = (columns['frames/s'] / raw) * 100;
  return columns;
}

/**
 * A peer's iperf3 against a stack, to it and from it, beside the frames that the cable can carry.
 *
 * @param {object} cable
 * @param {import('ringstack').NetworkStack} cable.stack - Serves.
 * @param {import('ringstack').TapInterface} cable.tap - Its end of the cable.
 * @param {string} cable.host - Its address.
 * @param {string} cable.peer - What the rows call the peer.
 * @param {(command: string[]) => Promise<string>} cable.run - Runs a program there.
 * @param {{ up: number, down: number }} cable.raw - Frames alone a second, from the peer and to it.
 * @param {string} label - Of the rows, before what they are.
 */
export async function* iperf3BothWays({ stack, tap, host, peer, run, raw }, label) {
  const listener = await stack.listenTcp({ port: 5201 });
  const serving = serveIperf3(listener);
  const up = { raw: raw.up, frames: () => tap.statistics.rxPackets };
  yield { label: `${label}, iperf3, ${peer} to stack`, columns: await runIperf3(run, host, up) };
  const down = { raw: raw.down, frames: () => tap.statistics.txPackets, reverse: true };
  yield { label: `${label}, iperf3, stack to ${peer}`, columns: await runIperf3(run, host, down) };
  await listener.close();
  await serving;
}
