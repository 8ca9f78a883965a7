// SPDX-License-Identifier: MIT
// v86_thread - the thread of an emulator that plugs its card into an interface of a stack of another thread
//
// The first message is { ours, guest, handle }: URLs of our modules, what startGuest() wants, the interface. Then
// each { command } is run in the guest; the answer is { output, status }, or { error }. It is a worker of Node or
// of the web.

import { startGuest } from './v86_start.mjs';

const port =
  typeof postMessage === 'function'
    ? globalThis
    : process.getBuiltinModule('node:worker_threads').parentPort;

let serial;

async function open({ ours, guest, handle }) {
  const [{ attach }, { connect }, { createV86NetworkStream }] = await Promise.all([
    import(ours.index),
    import(ours.link),
    import(ours.v86),
  ]);
  const started = await startGuest(guest);
  connect(await attach(handle), createV86NetworkStream(started.emulator));
  serial = started.serial;
  return { output: '', status: 0 };
}

port.addEventListener('message', async ({ data }) => {
  try {
    port.postMessage(await ('command' in data ? serial.run(data.command) : open(data)));
  } catch (error) {
    port.postMessage({ error: `${error.stack ?? error}` });
  }
});
port.start?.();
