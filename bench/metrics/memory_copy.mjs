// SPDX-License-Identifier: MIT
// memory_copy - what one copy of the same bytes costs: the physical limit of anything that copies
//
// params: shared (into a SharedArrayBuffer; else into private memory), warm, timed. Copies 64 KiB at a
// time into a buffer of 512 KiB, as large as a socket's ring.

import { Content } from '../lib/content.mjs';
import { gbps, repeat } from '../lib/timed.mjs';

const BLOCK = 64 * 1024;
const SIZE = 512 * 1024;

export default {
  run({ shared, warm, timed }) {
    const content = new Content(0x5eed, BLOCK);
    const next = content.writes();
    const target = new Uint8Array(shared ? new SharedArrayBuffer(SIZE) : new ArrayBuffer(SIZE));
    let at = 0;
    const step = (whole) => {
      const block = next();
      target.set(block, at);
      if (whole && Buffer.compare(block, target.subarray(at, at + BLOCK)) !== 0) {
        throw new Error('a copy is not what was copied');
      }
      at = (at + BLOCK) % SIZE;
      return BLOCK;
    };
    return { gbps: gbps(repeat(step, { warm, timed })) };
  },
};
