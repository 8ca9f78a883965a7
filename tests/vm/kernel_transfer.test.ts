// SPDX-License-Identifier: MIT
// kernel_transfer.test - bytes both ways between Linux's TCP and ours: MTUs, families, options

import { readFileSync } from 'node:fs';
import { beforeEach, describe, expect, test } from 'vitest';
import { type Kernel, openKernel, whyNoKernel } from './lib/kernel.ts';
import { openPeerEnds } from './lib/kernel_sockets.ts';
import { needs, skipIf } from './lib/need.ts';
import { digestOf, receiveDigest, sendPayload } from './lib/payload.ts';
import { testScope } from './lib/scope.ts';

beforeEach((context) => needs(whyNoKernel(), context));

/** Bytes both ways at once on one connection, both hashes compared. */
async function bothWays(
  kernel: Kernel,
  size: number,
  ends: Awaited<ReturnType<typeof openPeerEnds>>,
): Promise<void> {
  const { connection, conn, peer } = ends;
  const [ours, theirs] = await Promise.all([
    receiveDigest(connection.readable),
    peer('receive', { conn }),
    sendPayload(connection.writable, 1, size),
    peer('send', { conn, seed: 2, size }).then(() => peer('end', { conn })),
  ]);
  expect([ours, theirs]).toEqual([digestOf(2, size), digestOf(1, size)]);
  expect(await peer('ended', { conn })).toBe('closed');
  await connection.closed;
  expect(kernel.stack.statistics.checksumErrors).toBe(0);
}

const CONGESTION = '/proc/sys/net/ipv4/tcp_allowed_congestion_control';

const SIZES = { 1500: 50_000_000, 9000: 20_000_000, 65520: 50_000_000 } as const;

describe('Linux kernel', () => {
  for (const mtu of [1500, 9000, 65520] as const) {
    for (const family of [4, 6] as const) {
      for (const opener of ['ours', 'kernel'] as const) {
        const size = SIZES[mtu];
        test(`${size / 1e6} MB both ways, MTU ${mtu}, IPv${family}, opened by ${opener}`, async () => {
          const scope = testScope();
          const kernel = await openKernel(scope, { mtu });
          await bothWays(kernel, size, await openPeerEnds(scope, kernel, { family, opener }));
          expect(kernel.device.statistics.tooLong).toBe(0);
        });
      }
    }
  }

  for (const sack of [0, 1]) {
    for (const timestamps of [0, 1]) {
      for (const scaling of [0, 1]) {
        const name = `SACK ${sack}, timestamps ${timestamps}, window scaling ${scaling}`;
        test(`10 MB both ways: ${name}`, async () => {
          const scope = testScope();
          const kernel = await openKernel(scope, {
            sysctls: {
              'net.ipv4.tcp_sack': sack,
              'net.ipv4.tcp_timestamps': timestamps,
              'net.ipv4.tcp_window_scaling': scaling,
            },
          });
          const size = 10_000_000;
          await bothWays(kernel, size, await openPeerEnds(scope, kernel, { opener: 'ours' }));
          await bothWays(kernel, size, await openPeerEnds(scope, kernel, { opener: 'kernel' }));
        });
      }
    }
  }

  for (const congestion of ['reno', 'cubic', 'bbr']) {
    test(`10 MB both ways: ${congestion}`, async (context) => {
      const scope = testScope();
      const allowed = readFileSync(CONGESTION, 'utf8');
      if (!allowed.split(/\s/).includes(congestion))
        skipIf(`this kernel allows no ${congestion}`, context);
      const kernel = await openKernel(scope, {
        sysctls: { 'net.ipv4.tcp_congestion_control': congestion },
      });
      await bothWays(kernel, 10_000_000, await openPeerEnds(scope, kernel, {}));
    });
  }
});
