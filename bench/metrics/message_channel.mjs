// SPDX-License-Identifier: MIT
// message_channel - MessagePort instead of a network: 64 KiB buffers are filled, transferred, checked
//
// params: threads (2: the receiver is on a worker thread), warm, timed, tail. A buffer goes back when it
// has been read; eight are under way, as much as a socket's buffer holds.

import { once } from 'node:events';
import { isMainThread, MessageChannel, Worker, workerData } from 'node:worker_threads';
import { Check, Content } from '../lib/content.mjs';
import { Meter, PHASE_WORDS, STOP, TIMED } from '../lib/meter.mjs';

const DEPTH = 8;
const BLOCK = 64 * 1024;
const SEED = 0x5eed;

/** Takes buffers and sends them back, until the meter says stop; then tells what it counted. */
function receive(port, phase, params) {
  const check = new Check(new Content(SEED, BLOCK));
  const meter = new Meter(phase, () => ({}), params);
  port.on('message', (buffer) => {
    const bytes = new Uint8Array(buffer);
    check.take(bytes, meter.phase() !== TIMED);
    meter.add(bytes.length);
    if (meter.phase() === STOP) port.postMessage({ ok: check.ok, ...meter.result() });
    else port.postMessage(buffer, [buffer]);
  });
}

/** Fills the buffers that come back and sends them again; returns what the receiver counted. */
function send(port) {
  const next = new Content(SEED, BLOCK).writes();
  const post = (buffer) => {
    new Uint8Array(buffer).set(next());
    port.postMessage(buffer, [buffer]);
  };
  return new Promise((resolve) => {
    port.on('message', (message) => {
      if (message instanceof ArrayBuffer) post(message);
      else resolve(message);
    });
    for (let i = 0; i < DEPTH; i++) post(new ArrayBuffer(BLOCK));
  });
}

export default {
  async run(params) {
    const { port1, port2 } = new MessageChannel();
    const phase = new Int32Array(new SharedArrayBuffer(4 * PHASE_WORDS));
    if (params.threads === 2) {
      const data = { port: port2, phase, params };
      const worker = new Worker(new URL(import.meta.url), {
        workerData: data,
        transferList: [port2],
      });
      await once(worker, 'online');
    } else receive(port2, phase, params);
    const { ok, bytes, ms } = await send(port1);
    if (!ok) throw new Error('what arrived is not what was sent');
    return { gbps: (bytes * 8) / ms / 1e6 };
  },
};

if (!isMainThread && workerData?.port)
  receive(workerData.port, workerData.phase, workerData.params);
