// SPDX-License-Identifier: MIT
// peer_worker - entry of a thread that is one end of a measurement (see peers)

import { parentPort, workerData } from 'node:worker_threads';

const { setup, role, options } = workerData;
const host = import(`../setups/${setup}.mjs`).then((module) => module.openRole(role, options));
host.catch(() => {}); // told by the first call

async function run(measure, params, phase, port) {
  const { default: roles } = await import(`../metrics/${measure}.mjs`);
  const ready = (value) => parentPort.postMessage({ ready: value });
  return roles[role](await host, params, { phase, port, ready });
}

parentPort.on('message', async ({ id, method, args }) => {
  try {
    const result = method === 'run' ? await run(...args) : await (await host)[method](...args);
    parentPort.postMessage({ id, result });
  } catch (error) {
    parentPort.postMessage({ id, error: error.message, skip: error.name === 'Skip' });
  }
});
