// SPDX-License-Identifier: MIT
// ports - ports of this machine, for tests that must know one before anything listens there

import { createSocket, Socket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * Below the ports that a system chooses when asked for any (from 32,768 on Linux, 49,152 elsewhere): one of
 * those, closed to be opened again, may belong to another program by then.
 */
const RANGE = { first: 20_000, count: 12_000 };
/** Test processes that run at the same time begin so far from each other. */
const EACH = 16;

let next = (process.pid * EACH) % RANGE.count;

/** Whether a port of 127.0.0.1 can be bound. */
async function isFree(kind: 'tcp' | 'udp', port: number): Promise<boolean> {
  const holder = kind === 'udp' ? createSocket('udp4') : createServer();
  try {
    if (holder instanceof Socket) holder.bind(port, '127.0.0.1');
    else holder.listen(port, '127.0.0.1');
    await once(holder, 'listening');
  } catch {
    return false;
  }
  holder.close();
  await once(holder, 'close');
  return true;
}

/** A free port of 127.0.0.1, which no program gets unless it asks for the number. */
export async function freePort(kind: 'tcp' | 'udp'): Promise<number> {
  for (let tries = 0; tries < RANGE.count; tries++) {
    const port = RANGE.first + next;
    next = (next + 1) % RANGE.count;
    if (await isFree(kind, port)) return port;
  }
  throw new Error('No port is free');
}
