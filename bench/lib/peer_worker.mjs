// SPDX-License-Identifier: MIT
// peer_worker - entry of a thread that is one end of a measurement (see peers)

import { parentPort, workerData } from 'node:worker_threads';

const { setup, side, options } = workerData;
const host = import(`../setups/${setup}.mjs`).then((module) => module.openPeer(side, options));
host.catch(() => {}); // told by the first call

async function run(metric, params, phase, port) {
  const { default: peers } = await import(`../metrics/${metric}.mjs`);
  const ready = (value) => parentPort.postMessage({ ready: value });
  return peers[side](await host, params, { phase, port, ready });
}

parentPort.on('message', async ({ id, method, args }) => {
  try {
    const result = method === 'run' ? await run(...args) : await (await host)[method](...args);
    parentPort.postMessage({ id, result });
  } catch (error) {
    parentPort.postMessage({ id, error: error.message, skip: error.name === 'Skip' });
  }
});
