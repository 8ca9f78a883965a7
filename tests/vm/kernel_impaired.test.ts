// SPDX-License-Identifier: MIT
// kernel_impaired.test - Linux's TCP and ours over a bad cable, and over one with a thousand connections

import type { FaultOptions, FaultStatistics } from 'ringstack/fault';
import { beforeEach, describe, expect, test } from 'vitest';
import { ADDRESS, openKernel, whyNoKernel } from './lib/kernel.ts';
import { openPeerEnds, startPeer } from './lib/kernel_sockets.ts';
import { needs } from './lib/need.ts';
import { digestOf, receiveDigest, sendPayload } from './lib/payload.ts';
import { testScope } from './lib/scope.ts';

beforeEach((context) => needs(whyNoKernel(), context));

const DELAY = 25;

/** Faults of the link, and how much is sent. */
const CABLES: Readonly<Record<string, FaultOptions & { readonly size: number }>> = {
  'loss 1 %': { drop: 0.01, size: 5_000_000 },
  'loss 5 %': { drop: 0.05, size: 1_000_000 },
  'reorder 5 %': { reorder: 0.05, size: 5_000_000 },
  'duplicate 5 %': { duplicate: 0.05, size: 5_000_000 },
  'corrupt 1 %, one bit': { corrupt: 0.01, corruptBits: 1, size: 2_000_000 },
  'delay 50 ms there and back': { delay: DELAY, size: 5_000_000 },
  '50 ms, loss 1 %, reorder 1 %, duplicate 1 %': {
    delay: DELAY,
    drop: 0.01,
    reorder: 0.01,
    duplicate: 0.01,
    size: 1_000_000,
  },
};

describe('Linux kernel', () => {
  for (const [name, { size, ...impairment }] of Object.entries(CABLES)) {
    for (const [family, sack] of [
      [4, 1],
      [6, 1],
      [4, 0],
    ] as const) {
      test(`${size / 1e6} MB both ways, ${name}, IPv${family}, SACK ${sack}`, async () => {
        const scope = testScope();
        const kernel = await openKernel(scope, {
          impairment: { seed: 11, ...impairment },
          sysctls: { 'net.ipv4.tcp_sack': sack },
        });
        const { connection, conn, peer } = await openPeerEnds(scope, kernel, { family });
        const [ours, theirs] = await Promise.all([
          receiveDigest(connection.readable),
          peer('receive', { conn }),
          sendPayload(connection.writable, 1, size),
          peer('send', { conn, seed: 2, size }).then(() => peer('end', { conn })),
        ]);
        expect([ours, theirs]).toEqual([digestOf(2, size), digestOf(1, size)]);
        const { incoming, outgoing } = kernel.fault.statistics;
        const hit = (counts: FaultStatistics): number =>
          counts.dropped + counts.duplicated + counts.reordered + counts.corrupted;
        const isDelayOnly = impairment.delay !== undefined && impairment.drop === undefined;
        if (!isDelayOnly) expect(Math.min(hit(incoming), hit(outgoing))).toBeGreaterThan(0);
      });
    }
  }
});

const COUNT = 1000;
const EACH = 10_000;
const DIGESTS = Array.from({ length: COUNT }, (_, seed) => digestOf(seed, EACH));

describe('Linux kernel: 1,000 connections at once', () => {
  for (const family of [4, 6] as const) {
    test(`opened by the kernel, IPv${family}`, async () => {
      const scope = testScope();
      const kernel = await openKernel(scope);
      const peer = startPeer(scope, kernel);
      const listener = await kernel.stack.listenTcp({ port: 7 });
      const serving = (async () => {
        for await (const { readable, writable } of listener) void readable.pipeTo(writable);
      })();
      const host = ADDRESS[family].ours;
      expect(await peer('many', { host, port: 7, count: COUNT, size: EACH })).toEqual(DIGESTS);
      expect(kernel.stack.statistics.noMemoryDrops).toBe(0);
      await listener.close();
      await serving;
    });

    test(`opened by us, IPv${family}`, async () => {
      const scope = testScope();
      const kernel = await openKernel(scope);
      const peer = startPeer(scope, kernel);
      const host = ADDRESS[family].kernel;
      const { port } = await peer('echo', { host });
      const one = async (_: unknown, seed: number): Promise<string> => {
        const connection = await kernel.stack.connectTcp({ host, port });
        void sendPayload(connection.writable, seed, EACH);
        return receiveDigest(connection.readable);
      };
      expect(await Promise.all(Array.from({ length: COUNT }, one))).toEqual(DIGESTS);
      expect(kernel.stack.statistics.noMemoryDrops).toBe(0);
    });
  }
});
