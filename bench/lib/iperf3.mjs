// SPDX-License-Identifier: MIT
// iperf3 - one test by iperf3's client, as columns of a table

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
