// SPDX-License-Identifier: MIT
// v86_page - a stack in a page, and guests in it or one in a worker of it; transfers, told by their SHA-256

import { createStack } from 'ringstack';
import { connectV86, createV86NetworkStream } from 'ringstack/v86';
import { hub } from '../../../examples/hub.mjs';
import { startGuest } from './v86_start.mjs';

/** For a worker, which has no import map. */
const OURS = {
  index: '/dist/index.js',
  link: '/dist/link/link.js',
  v86: '/dist/link/adapter/v86.js',
};
const text = (bytes) => new TextDecoder().decode(bytes);
const bytes = (string) => new TextEncoder().encode(string);

const sha256 = async (data) => {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', data));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
};

/** A guest in a worker, on a tap that it is handed. Returns what runs commands. */
async function openInWorker(tap, guest) {
  const worker = new Worker(new URL('./v86_thread.mjs', import.meta.url), { type: 'module' });
  const call = (message, transfer = []) =>
    new Promise((resolve, reject) => {
      worker.onmessage = ({ data }) =>
        'error' in data ? reject(new Error(data.error)) : resolve(data);
      worker.postMessage(message, transfer);
    });
  const { bios, vgaBios, state } = guest;
  const message = { ours: OURS, guest, handle: await tap.share() };
  await call(message, [bios, vgaBios, state]);
  return (command) => call({ command });
}

/** Two guests of the page and a tap on one network. */
async function openTwo(tap, guest) {
  const both = [await startGuest(guest), await startGuest(guest)];
  hub(tap, ...both.map(({ emulator }) => createV86NetworkStream(emulator)));
  return (command, n = 0) => both[n].serial.run(command);
}

/**
 * Opens both.
 *
 * @param setting - `where` the guest is: 'page', 'worker', or 'both' for two in the page; `ip` of the stack; the `guest`, with URLs of its files.
 * @returns Functions for the test.
 */
export async function openLab({ where, ip, mtu, guest: urls }) {
  const load = async (url) => (await fetch(url)).arrayBuffer();
  const [bios, vgaBios, state] = await Promise.all([urls.bios, urls.vgaBios, urls.state].map(load));
  const guest = { ...urls, bios, vgaBios, state };
  const stack = await createStack();
  let run;
  if (where === 'page') {
    const { emulator, serial } = await startGuest(guest);
    await connectV86(stack, emulator, { ip });
    run = (command) => serial.run(command);
  } else {
    const open = where === 'worker' ? openInWorker : openTwo;
    run = await open(await stack.createTapInterface({ ip, mtu }), guest);
  }
  return {
    run,

    /** GET of the guest's web server: status and body's length and hash. */
    async get(host, path) {
      const connection = await stack.connectTcp({ host, port: 80 });
      const writer = connection.writable.getWriter();
      await writer.write(bytes(`GET ${path} HTTP/1.0\r\n\r\n`));
      const chunks = [];
      for await (const chunk of connection) chunks.push(chunk);
      await writer.close();
      const all = new Uint8Array(await new Blob(chunks).arrayBuffer());
      const head = text(all.subarray(0, 4096)).split('\r\n\r\n')[0];
      const body = all.subarray(head.length + 4);
      return { status: head.split(' ')[1], size: body.length, sha256: await sha256(body) };
    },

    /** Answers every request on port 80 with so many bytes; returns their hash. */
    async serve(size) {
      const content = Uint8Array.from({ length: size }, (_, n) => (n * 31) ^ (n >>> 8));
      const listener = await stack.listenTcp({ port: 80 });
      void (async () => {
        for await (const connection of listener) {
          const writer = connection.writable.getWriter();
          await writer.write(bytes(`HTTP/1.0 200 OK\r\nContent-Length: ${size}\r\n\r\n`));
          await writer.write(content);
          await writer.close();
          await connection.close();
        }
      })();
      return sha256(content);
    },
  };
}
