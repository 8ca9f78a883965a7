// SPDX-License-Identifier: MIT
// peers - runs the two ends of a measurement, at least one of them on a thread of its own (Node); see fixture

import { Worker } from 'node:worker_threads';
import { PHASE_WORDS } from './meter.mjs';

const ENTRY = new URL('./peer_worker.mjs', import.meta.url);

const newPhase = () => new Int32Array(new SharedArrayBuffer(4 * PHASE_WORDS));

/** A peer on a thread of its own: its setup's openPeer() makes the host there. */
export class RemotePeer {
  #worker;
  #next = 1;
  #calls = new Map();
  #ready = () => {};

  constructor(setup, side, options) {
    this.#worker = new Worker(ENTRY, { workerData: { setup, side, options } });
    this.#worker.on('message', (message) => this.#settle(message));
    this.#worker.on('error', (error) => this.#fail(error));
  }

  #settle({ id, ready, result, error, skip }) {
    if (ready !== undefined) return this.#ready(ready);
    const { resolve, reject } = this.#calls.get(id);
    this.#calls.delete(id);
    if (error === undefined) resolve(result);
    else reject(Object.assign(new Error(error), skip ? { name: 'Skip' } : {}));
  }

  #fail(error) {
    for (const { reject } of this.#calls.values()) reject(error);
    this.#calls.clear();
  }

  /** Calls a method of the host over there. */
  call(method, ...args) {
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#calls.set(id, { resolve, reject });
      this.#worker.postMessage({ id, method, args });
    });
  }

  /** Runs this side of a metric; returns when it is ready, and its result. */
  start(metric, params, phase, port) {
    let result;
    const ready = new Promise((resolve, reject) => {
      this.#ready = resolve;
      result = this.call('run', metric, params, phase, port);
      result.catch(reject);
    });
    return { ready, result };
  }
}

/** A peer on this thread, with the methods of a remote one. */
export class LocalPeer {
  constructor(side, host) {
    this.side = side;
    this.host = host;
  }

  start(metric, params, phase, port) {
    let ready = () => {};
    const whenReady = new Promise((resolve) => {
      ready = resolve;
    });
    const result = import(`../metrics/${metric}.mjs`).then((peers) =>
      peers.default[this.side](this.host, params, { phase, port, ready }),
    );
    // A server that fails never gets ready; a client is never asked.
    return { ready: Promise.race([whenReady, result]), result };
  }
}

/** Two peers, at least one of them on another thread. */
export function peerFixture(client, server) {
  return {
    async run(metric, params) {
      const phase = newPhase();
      const serving = server.start(metric, params, phase, 0);
      const port = await serving.ready;
      const connected = client.start(metric, params, phase, port);
      connected.ready.catch(() => {});
      const [clientResult, serverResult] = await Promise.all([connected.result, serving.result]);
      return { client: clientResult, server: serverResult };
    },
  };
}
