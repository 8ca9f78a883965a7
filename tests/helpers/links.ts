// SPDX-License-Identifier: MIT
// links - what tests of links and adapters share: an endpoint by hand, a transfer both ways

import type { NetworkStack } from 'ringstack';
import { type EndpointController, type EndpointOptions, FrameEndpoint } from 'ringstack/link';
import { expect } from 'vitest';
import { StreamHash } from './hash.ts';
import { connectEnds } from './net.ts';
import { Prng } from './prng.ts';

/** An endpoint, the controller of its driver, and what was sent to it. */
export function endpointPair(options?: EndpointOptions) {
  let port: EndpointController | undefined;
  const sent: Uint8Array[] = [];
  let resumed = 0;
  const endpoint = new FrameEndpoint(
    {
      start: (controller) => {
        port = controller;
      },
      send: (frame) => sent.push(frame.slice()) > 0,
      ready: async () => {},
      resume: () => void resumed++,
    },
    options,
  );
  return { endpoint, port: port as EndpointController, sent, resumed: () => resumed };
}

/** Sends so many bytes each way at once; every one must arrive. Returns how many that were, each way. */
export async function sentIntact(
  a: NetworkStack,
  b: NetworkStack,
  size: number,
  host?: string,
): Promise<number> {
  const ends = await connectEnds(a, b, host === undefined ? {} : { host });
  const pour = async ({ writable }: typeof ends.client, seed: number): Promise<string> => {
    const random = new Prng(seed);
    const hash = new StreamHash();
    const writer = writable.getWriter();
    while (hash.length < size) {
      const chunk = random.bytes(Math.min(50_000, size - hash.length));
      hash.update(chunk);
      await writer.write(chunk);
    }
    await writer.close();
    return hash.digest();
  };
  const take = async (connection: typeof ends.client): Promise<string> => {
    const hash = new StreamHash();
    for await (const chunk of connection) hash.update(chunk);
    return hash.digest();
  };
  const [sent, answered, there, here] = await Promise.all([
    pour(ends.client, 1),
    pour(ends.server, 2),
    take(ends.server),
    take(ends.client),
  ]);
  expect([there, here]).toEqual([sent, answered]);
  await Promise.all([ends.client.closed, ends.server.closed]);
  await ends.listener.close();
  return size;
}
