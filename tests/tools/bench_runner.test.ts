// SPDX-License-Identifier: MIT
// bench_runner.test - rounds, errors, skipped cells, and cells that hang

import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { runRounds } from '../../bench/lib/rounds.mjs';
import { runCell } from '../../bench/lib/runner.mjs';
import { plant } from '../rules/files.ts';

type Outcome = { metrics?: Record<string, number>; skipped?: string; error?: string };

const cells = ['a', 'b', 'c'].map((id) => ({ id, metric: id }));

/** Runs three cells three times; the outcome of a cell depends on how often it ran. */
async function rounds(outcome: (id: string, nth: number) => Outcome) {
  const order: string[] = [];
  const seeds: number[] = [];
  const run = async ({ id, round }: { id: string; round: number }): Promise<Outcome> => {
    seeds.push(round);
    order.push(id);
    return outcome(id, order.filter((name) => name === id).length);
  };
  const results = await runRounds(cells, 3, () => {}, run);
  return { order: order.join(''), rounds: seeds.join(''), results };
}

describe('rounds', () => {
  test('interleave, every other one backwards', async () => {
    const {
      order,
      rounds: told,
      results,
    } = await rounds((_id, nth) => ({ metrics: { gbps: nth * 10 } }));
    expect(order).toBe('abccbaabc');
    expect(told).toBe('000111222');
    expect(results[0]).toEqual({
      id: 'a',
      metric: 'a',
      metrics: { gbps: { values: [10, 20, 30], median: 20, min: 10, max: 30 } },
    });
  });

  test('what is skipped is not run again', async () => {
    const { order, results } = await rounds((id) =>
      id === 'b' ? { skipped: 'not in this build' } : { metrics: {} },
    );
    expect(order).toBe('abccaac');
    expect(results[1]).toMatchObject({ id: 'b', skipped: 'not in this build' });
  });

  test('errors are kept, and two are enough', async () => {
    const { order, results } = await rounds((id) =>
      id === 'c' ? { error: 'E' } : { metrics: {} },
    );
    expect(order).toBe('abccbaab');
    expect(results[2]).toMatchObject({ id: 'c', errors: ['E', 'E'] });
  });

  test('one error does not spoil the other rounds', async () => {
    const { results } = await rounds((_id, nth) =>
      nth === 2 ? { error: 'E' } : { metrics: { gbps: nth } },
    );
    expect(results[0]).toMatchObject({ errors: ['E'], metrics: { gbps: { values: [1, 3] } } });
  });
});

describe('a process', () => {
  const cell = { metric: 'x', params: {} };

  function run(text: string, patience = 20_000): Promise<Outcome> {
    const entry = join(plant({ 'cell.mjs': text }), 'cell.mjs');
    return runCell(cell, { entry, patience });
  }

  test('gives its outcome', async () => {
    const text = 'console.log(JSON.stringify({ metrics: JSON.parse(process.argv[2]) }))';
    expect(await run(text)).toEqual({ metrics: cell });
  });

  test('that hangs is ended', async () => {
    expect(await run('for (;;) {}', 300)).toEqual({ error: 'not done after 0.3 s' });
  });

  test('that dies without a word', async () => {
    expect(await run('process.exit(3)')).toEqual({ error: 'ended with 3: no word' });
  });

  test('that dies with a complaint', async () => {
    const { error } = await run('console.error("oh"); process.exit(1)');
    expect(error).toBe('ended with 1: oh');
  });
});
