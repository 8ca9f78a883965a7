// SPDX-License-Identifier: MIT
// kernel_link - Linux's own TCP over the same seeded link as our stacks: two namespaces, two taps
//
// params: link (see lib/link), congestion, warm, timed. Needs Linux, root and /dev/net/tun.

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { join, roundLink } from '../lib/link.mjs';
import { Skip } from '../lib/skip.mjs';
import { gbps } from '../lib/timed.mjs';

const PROGRAM = fileURLToPath(new URL('../../build/native/kernel_end', import.meta.url));
const NOT_HERE = 77;
const ADDRESSES = { send: '10.0.0.1', receive: '10.0.0.2' };

/** Cuts a byte stream into frames, each after its length. */
function framesOf(stdout) {
  let rest = Buffer.alloc(0);
  return new ReadableStream({
    start(controller) {
      stdout.on('data', (bytes) => {
        rest = rest.length > 0 ? Buffer.concat([rest, bytes]) : bytes;
        while (rest.length >= 4 && rest.length >= 4 + rest.readUInt32BE(0)) {
          const end = 4 + rest.readUInt32BE(0);
          controller.enqueue(rest.subarray(4, end));
          rest = rest.subarray(end);
        }
      });
    },
  });
}

function framesTo(stdin) {
  return new WritableStream({
    write(frame) {
      const length = Buffer.alloc(4);
      length.writeUInt32BE(frame.length);
      stdin.write(length);
      stdin.write(frame);
    },
  });
}

/** One end: a process with a namespace, its frames, and what it says. */
function openEnd(side, { congestion, warm, timed }) {
  const { [side]: own, ...others } = ADDRESSES;
  const [peer] = Object.values(others);
  const child = spawn(PROGRAM, [side, own, peer, congestion, `${warm}`, `${timed}`]);
  let words = '';
  const said = new Promise((resolve, reject) => {
    child.stderr.on('data', (text) => {
      words += text;
      if (words.startsWith('{') && words.endsWith('\n')) resolve(words);
    });
    child.on('close', (code) => {
      if (code === NOT_HERE) reject(new Skip(`not allowed here: ${words.trim()}`));
      else reject(new Error(`kernel_end ended with ${code}: ${words.trim()}`));
    });
  });
  child.stdin.on('error', () => {}); // told by 'close'
  /** It ends with its standard input. */
  const close = () =>
    new Promise((resolve) => {
      child.on('close', resolve);
      child.stdin.destroy();
    });
  return { readable: framesOf(child.stdout), writable: framesTo(child.stdin), said, close };
}

export default {
  async run({ link, ...params }) {
    if (!existsSync(PROGRAM)) throw new Skip('not built: `make bench` builds it, on Linux');
    const sender = openEnd('send', params);
    const receiver = openEnd('receive', params);
    join(sender, receiver, roundLink(link, params.round));
    const result = await Promise.race([receiver.said, sender.said]);
    sender.said.catch(() => {}); // it is ended now
    await Promise.all([sender.close(), receiver.close()]);
    return { gbps: gbps(JSON.parse(result)) };
  },
};
