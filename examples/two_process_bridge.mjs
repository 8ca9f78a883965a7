// SPDX-License-Identifier: MIT
// two_process_bridge - a stack in each of two processes, and a unix socket as the cable between them
//
// usage: node examples/two_process_bridge.mjs [MiB]
//
// The cable carries Ethernet frames in the form of QEMU's -netdev stream, so either end could as well be
// a QEMU, a container2wasm or a passt.
// @ts-check
import { fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createStack } from 'ringstack';
import { connect } from 'ringstack/link';
import { connectQemu, listenQemu } from 'ringstack/qemu';

const MIB = 2 ** 20;
const SERVER = '10.0.0.1';
const CLIENT = '10.0.0.2';

/** The first process: counts what comes, and answers with the sum. @param {number} mib */
async function serve(mib) {
  const folder = mkdtempSync(join(tmpdir(), 'ringstack-'));
  const path = join(folder, 'cable');
  const cable = await listenQemu({ path });
  const child = fork(fileURLToPath(import.meta.url), [`${mib}`, path]);

  const stack = await createStack();
  const tap = await stack.createTapInterface({ ip: `${SERVER}/24` });
  connect(tap, await cable.accept());
  const listener = await stack.listenTcp({ port: 9000 });
  const connection = await listener.accept();
  console.log(`server: ${connection.remoteAddress} has connected`);
  let received = 0;
  for await (const chunk of connection.readable) received += chunk.length;
  const writer = connection.writable.getWriter();
  await writer.write(new TextEncoder().encode(`${received}`));
  await writer.close();

  await new Promise((resolve) => child.once('exit', resolve));
  await stack.close();
  await cable.close();
  rmSync(folder, { recursive: true });
}

/** The second process: sends, and reads the answer. @param {number} mib @param {string} path */
async function send(mib, path) {
  const stack = await createStack();
  const tap = await stack.createTapInterface({ ip: `${CLIENT}/24` });
  const cable = await connectQemu({ path });
  connect(tap, cable);
  const connection = await stack.connectTcp({ host: SERVER, port: 9000 });
  const began = performance.now();
  const writer = connection.writable.getWriter();
  for (let n = 0; n < mib; n++) await writer.write(new Uint8Array(MIB).fill(n));
  await writer.close();
  let answer = '';
  for await (const chunk of connection.readable) answer += new TextDecoder().decode(chunk);
  const seconds = (performance.now() - began) / 1000;
  console.log(`client: the server has counted ${answer} of ${mib * MIB} bytes`);
  console.log(`client: ${((mib * MIB * 8) / seconds / 1e9).toFixed(2)} Gbit/s`);
  await stack.close();
  await cable.close();
}

const [mib = '64', path] = process.argv.slice(2);
await (path === undefined ? serve(Number(mib)) : send(Number(mib), path));
