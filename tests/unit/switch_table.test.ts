// SPDX-License-Identifier: MIT
// switch_table.test - the forwarding table of switches, with times of the test

import { expect, test } from 'vitest';
import { ForwardingTable, macAt } from '../../js/link/switch_table.ts';
import { Prng } from '../helpers/prng.ts';

test('an address is its 48 bits', () => {
  expect(macAt(Uint8Array.of(9, 0xff, 0xfe, 0xfd, 0xfc, 0xfb, 0xfa), 1)).toBe(0xfffefdfcfbfa);
});

test('learns, moves, and forgets after the ageing time', () => {
  const table = new ForwardingTable<string>(1000, 10);
  expect(table.learn(1, 'a', 0)).toBe('new');
  expect(table.learn(1, 'a', 900)).toBe('known');
  expect(table.find(1, 1900)).toBe('a');
  expect(table.learn(1, 'b', 1900)).toBe('moved');
  expect(table.find(1, 1900)).toBe('b');
  expect(table.find(1, 2901)).toBeUndefined();
  expect(table.size).toBe(0);
  expect(table.learn(1, 'a', 3000)).toBe('new');
  expect([...table.list(4001)]).toEqual([]);
});

test('fixed addresses stay and cannot be taken over', () => {
  const table = new ForwardingTable<string>(1000, 10);
  table.learn(1, 'b', 0);
  expect(table.fix(1, 'a', 0)).toBe(true);
  expect(table.fix(1, 'b', 0)).toBe(false);
  expect(table.learn(1, 'b', 0)).toBe('refused');
  expect(table.learn(1, 'a', 0)).toBe('known');
  expect(table.find(1, 1e9)).toBe('a');
  table.clear('a', false);
  expect(table.find(1, 1e9)).toBe('a');
  table.clear('a', true);
  expect(table.find(1, 1e9)).toBeUndefined();
});

test('random addresses from one port only replace each other (macof)', () => {
  const table = new ForwardingTable<string>(300_000, 100);
  for (let n = 0; n < 10; n++) table.learn(n, `honest${n % 3}`, 0);
  const random = new Prng(1);
  let now = 0;
  for (let n = 0; n < 50_000; n++) table.learn(2 ** 40 + random.u32(), 'attacker', now++ / 100);
  expect(table.size).toBe(100);
  for (let n = 0; n < 10; n++) expect(table.find(n, now / 100)).toBe(`honest${n % 3}`);
  expect(table.learn(77, 'honest0', now / 100)).toBe('new');
  expect(table.find(77, now / 100)).toBe('honest0');
  expect(table.size).toBe(100);
});

test('two attackers share the table, and one port alone has all of it', () => {
  const table = new ForwardingTable<string>(300_000, 100);
  for (let n = 0; n < 1000; n++) table.learn(n, 'one', n);
  const count = (port: string): number =>
    [...table.list(2000)].filter(([, entry]) => entry.port === port).length;
  expect(count('one')).toBe(100);
  expect(table.find(0, 2000)).toBeUndefined();
  expect(table.find(999, 2000)).toBe('one');
  for (let n = 1000; n < 2000; n++) table.learn(n, 'two', n);
  expect([count('one') + count('two'), Math.abs(count('one') - count('two')) <= 1]).toEqual([
    100,
    true,
  ]);
});

test('a full table makes room by what is too old first', () => {
  const table = new ForwardingTable<string>(1000, 4);
  for (const mac of [1, 2, 3]) table.learn(mac, 'busy', 1000);
  table.learn(4, 'gone', 0);
  table.learn(5, 'new', 1500);
  expect([1, 2, 3, 5].map((mac) => table.find(mac, 1500))).toEqual(['busy', 'busy', 'busy', 'new']);
});
