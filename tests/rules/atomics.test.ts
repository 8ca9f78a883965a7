// SPDX-License-Identifier: MIT
// atomics.test - every atomic of the rings names its letter (STYLE.md habit 5)

import { expect, test } from 'vitest';
import { checkAtomics } from './atomics.ts';
import { plant, ROOT } from './files.ts';
import { ATOMICS } from './rules.ts';

const diagram = '/* LOAD head (A)  STORE tail (B)  LOAD tail (C, A); (B) pairs with (C) */\n';

function check(c: string, js = ''): string[] {
  const root = plant({ 'core/ring.h': diagram + c, 'js/ring.ts': js });
  return checkAtomics(root, ['core/ring.h'], ['core/ring.h', 'core/ring.c', 'js/ring.ts']);
}

test.each([
  'atomic_store_explicit(&r->tail, t, memory_order_release); /* B, pairs C */',
  '/* B, matches C */\natomic_store(&r->tail, t);',
  'x = atomic_load(\n  &r->tail,\n  y); // C, pairs with B',
  'x = atomic_load_explicit(&r->tail, memory_order_relaxed); /* our own B */',
  'x = atomic_load_explicit(&r->bell, memory_order_relaxed); /* no order: either bell will do */',
  'atomic_init(&r->tail, 0);',
  '/* atomic_load() is a word here */',
  '__builtin_wasm_memory_atomic_notify(p, 1);',
  'a = atomic_load(x); /* A, pairs B */\nb = atomic_load(y); /* C, pairs B */',
])('accepts %j', (c) => expect(check(c)).toEqual([]));

test.each([
  ['atomic_store(&r->tail, t);', 2, "has no tag such as 'B, pairs C'"],
  ['atomic_store(&r->tail, t); /* see above */', 2, "has no tag such as 'B, pairs C'"],
  [
    'atomic_store(&r->tail, t); /* X, pairs C */',
    2,
    'is tagged X, which core/ring.h does not define',
  ],
  ['/* B, pairs C */\n\n\n\natomic_store(&r->tail, t);', 6, "has no tag such as 'B, pairs C'"],
])('refuses %j', (c, line, message) => {
  expect(check(c)).toEqual([`core/ring.h:${line}: atomic_store ${message}`]);
});

test('one tag does not serve two accesses', () => {
  const c = 'atomic_load(x); /* A, pairs B */\natomic_load(y);';
  expect(check(c)).toEqual(["core/ring.h:3: atomic_load has no tag such as 'B, pairs C'"]);
});

test('TypeScript too', () => {
  const js = 'Atomics.store(u32, i, t); // B, pairs C\n\n\n\n\nAtomics.load(u32, i);';
  expect(check('', js)).toEqual(["js/ring.ts:6: Atomics.load has no tag such as 'B, pairs C'"]);
});

test('this repository', () => {
  expect(checkAtomics(ROOT, ATOMICS.diagrams, ATOMICS.files)).toEqual([]);
});
