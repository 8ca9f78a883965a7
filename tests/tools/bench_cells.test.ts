// SPDX-License-Identifier: MIT
// bench_cells.test - cells run and check what they carry; our own build stands in for a peer

import { describe, expect, test } from 'vitest';
import { runCell } from '../../bench/lib/runner.mjs';
import { cellsOf } from '../../bench/suite.mjs';
import { ROOT } from '../rules/files.ts';

/** Most of it is for a machine that does much else. */
const TIMEOUT = 60_000;
const LIMITS = { warm: 20, timed: 40, tail: 65536, least: 100, trial: 5 };

interface Outcome {
  metrics?: { gbps?: number; perS?: number; peakMiB: number };
  skipped?: string;
  error?: string;
}

/** Runs a cell of the suite for a moment. */
async function run(id: string, peer?: string): Promise<Outcome> {
  const cell = cellsOf(peer === undefined ? {} : { peer }).find((one) => one.id === id);
  if (cell === undefined) throw new Error(`no cell ${id}`);
  return (await runCell({ ...cell, params: { ...cell.params, ...LIMITS } })) as Outcome;
}

test.each([
  ['net/stream1-native', 'gbps'],
  ['net2/both', 'gbps'],
  ['netweb2/stream1-default', 'gbps'],
  ['netweb/rr', 'perS'],
  ['net/crr', 'perS'],
  ['net/small256', 'writesPerS'],
  ['loopback-1500/stream1-default', 'copiesPerByte'],
  ['tap-1500/stream1-byob', 'nsPerPacket'],
  ['tap-65520-nosum/stream8', 'gbps'],
  ['tun-9000/stream1-byob', 'cpuPerGB'],
  ['tap-1500/both', 'gbps'],
  ['tap-1500/rr', 'p99us'],
  ['tap-1500/rr', 'clockUs'],
  ['tap-1500/crr', 'perS'],
  ['tap-1500/small16', 'writesPerS'],
  ['tap-1500/block', 'blockMs'],
  ['engine-1500/rr', 'p50us'],
  ['engine-9000/stream1-byob', 'copiesPerByte'],
  ['workers-1500/stream1-default', 'nsPerPacket'],
  ['workers2-1500/stream4', 'gbps'],
  ['transform-1500/stream1-default', 'gbps'],
  ['memory/shared', 'gbps'],
  ['port/two-threads', 'gbps'],
  ['port/one-thread', 'gbps'],
  ['ring/bytes', 'gbps'],
  ['ring/frames', 'nsPerPacket'],
  ['open/100', 'bytesPerConnection'],
  ['start/inline', 'nextMs'],
  ['link20/ping', 'p50us'],
  ['udp-net/d64', 'cpuNsEach'],
  ['udp-net2/d1472', 'gbps'],
  ['udp-net/drr', 'perS'],
  ['udp-net/ndr', 'perS'],
  ['udp-tap/d64', 'perS'],
  ['udp-tap/d8192-ring', 'gbps'],
  ['udp-tap/drr', 'p50us'],
  ['udp-tap/drr-ring', 'cpuNsEach'],
  ['udp-loopback/ndr', 'perS'],
  ['udp-engine/d64-ring', 'perS'],
  ['udp-scale/1-1', 'bytesEach'],
])(
  '%s gives %s',
  async (id, metric) => {
    const { metrics, error } = await run(id);
    expect(error).toBeUndefined();
    expect(new Map(Object.entries(metrics ?? {})).get(metric)).toBeGreaterThan(0);
    expect(metrics?.peakMiB).toBeGreaterThan(10);
  },
  TIMEOUT,
);

describe('a peer', () => {
  const ours = `${ROOT}dist/index.js`;

  test.each([
    'peer-tap/stream1-default',
    'peer-tap/rr',
    'peer-tap/crr',
    'peer-loopback/stream4',
    'peer-loopback/small256',
  ])(
    '%s',
    async (id) => {
      const { metrics, error } = await run(id, ours);
      expect(error).toBeUndefined();
      expect(metrics?.gbps ?? metrics?.perS).toBeGreaterThan(0);
    },
    TIMEOUT,
  );

  test('that cannot be loaded is an error, not the end of the run', async () => {
    const { error } = await run('peer-tap/rr', '/nowhere/index.js');
    expect(error).toContain('/nowhere/index.js');
  });
});

test('readers that a baseline does not have are skipped with the reason', async () => {
  const cell = cellsOf({ rows: ['netweb'], columns: ['stream1'] })[0];
  const params = { ...cell?.params, ...LIMITS, kind: 'byob' };
  expect(await runCell({ ...cell, params })).toEqual({
    skipped: 'its readables are no byte streams',
  });
});
