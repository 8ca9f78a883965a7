// SPDX-License-Identifier: MIT
// honest - a second stack on a link of its own, which sends a stream that is compared byte by byte, and connects
//
// Both stacks are in this thread, and so is the attacker: what an attack costs the honest flow loses.

import { createStack } from 'ringstack';
import { connect } from 'ringstack/link';
import { random } from './frames.mjs';

/** The stream is this block again and again. It stands here twice, so that any part of it is in one piece. */
const BLOCK = 1 << 16;
const r = random(77);
const pattern = Buffer.from(Uint8Array.from({ length: BLOCK }, () => r(256)));
const twice = Buffer.concat([pattern, pattern]);

/** Bytes of a chunk that are not those of the stream at a position. */
function wrongBytes(chunk, position) {
  let wrong = 0;
  for (let at = 0; at < chunk.length; at += BLOCK) {
    const piece = chunk.subarray(at, at + BLOCK);
    const start = (position + at) % BLOCK;
    if (Buffer.compare(piece, twice.subarray(start, start + piece.length)) === 0) continue;
    for (let i = 0; i < piece.length; i++) if (piece[i] !== twice[start + i]) wrong++;
  }
  return wrong;
}

/** The honest host of a stack: its flow runs until close(). */
export async function honestHost(stack) {
  const peer = await createStack();
  const near = await stack.createTapInterface({ ip: ['10.9.0.1/24', 'fd09::1/64'] });
  const far = await peer.createTapInterface({ ip: ['10.9.0.2/24', 'fd09::2/64'] });
  const link = connect(near, far);
  const listener = await stack.listenTcp({ port: 5001 });
  const sending = await peer.connectTcp({ host: '10.9.0.1', port: 5001 });
  const receiving = await listener.accept();
  const host = {
    from: sending.localPort,
    to: 5001,
    bytes: 0,
    wrong: 0,
    running: false,
    /** Tries to connect to a port once; ms it took. */
    async connects(port) {
      const began = performance.now();
      const connection = await peer.connectTcp({
        host: '10.9.0.1',
        port,
        signal: AbortSignal.timeout(5000),
      });
      const took = performance.now() - began;
      await connection.close();
      return took;
    },
    /** Lets the flow run, or not. */
    run(isRunning) {
      host.running = isRunning;
      if (isRunning) wake();
    },
    async close() {
      sending.abort();
      await peer.close();
      await link.closed.catch(() => {});
    },
  };
  let wake = () => {};
  (async () => {
    const writer = sending.writable.getWriter();
    for (;;) {
      if (!host.running)
        await new Promise((resolve) => {
          wake = resolve;
        });
      await writer.write(pattern.slice());
    }
  })().catch(() => {});
  (async () => {
    for await (const chunk of receiving) {
      host.wrong += wrongBytes(chunk, host.bytes);
      host.bytes += chunk.length;
    }
  })().catch(() => {});
  return host;
}
