// SPDX-License-Identifier: MIT
// abi.test - js/abi.ts is what core/abi.h says, all of it is used, and nothing goes round it

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { plant, ROOT, read } from '../rules/files.ts';
import { bareOffsets, generateAbi, unusedAbi } from './abi.ts';

const imports = "import * as abi from './abi.ts';\n";

describe('generateAbi', () => {
  const header = '#include <stddef.h>\nstruct s { int a, b; };\n';
  const source =
    '#include <stdio.h>\n#include "abi.h"\nint main(void) { printf("B = %d", (int)offsetof(struct s, b)); }';

  test('prints what the header says', () => {
    const root = plant({ 'core/abi.h': header, 'core/abi_gen.c': source });
    expect(generateAbi(root)).toBe('B = 4');
  });

  test('throws when it does not compile', () => {
    const root = plant({ 'core/abi.h': '', 'core/abi_gen.c': source });
    expect(() => generateAbi(root)).toThrow(/offsetof/);
  });
});

describe('unusedAbi', () => {
  test('constants, keys of objects, and a name that only a comment says', () => {
    const root = plant({
      'js/abi.ts':
        'export const A = 1;\nexport const B = 2, C = 3;\nexport const R = { X: 1, Y: 2 } as const;',
      'js/b.ts': `${imports}// C\nabi.A + abi.R.X;`,
      'tests/c.ts': "import { B } from '../js/abi.ts';\nB;",
    });
    expect(unusedAbi(root)).toEqual(['C', 'R.Y']);
  });
});

describe('bareOffsets', () => {
  const check = (line: string): string[] =>
    bareOffsets(plant({ 'js/abi.ts': 'new Int32Array(m, 4)', 'js/a.ts': imports + line }));

  test.each([
    'Atomics.load(u32, (at + abi.TAIL) >>> 2);',
    'Atomics.store(u32, 0, 12);',
    'view.setUint32(at + abi.TAIL, 12, true);',
    'new Int32Array(memory, at + abi.TAIL, 4);',
    'new Uint8Array(16);',
    'list.set(bytes, 4);',
  ])('accepts %s', (line) => expect(check(line)).toEqual([]));

  test.each([
    ['Atomics.load(u32, (at + 64) >>> 2);', '(at + 64) >>> 2'],
    ['Atomics.load(u32, 3);', '3'],
    ['view.getBigUint64(at + 8, true);', 'at + 8'],
    ['new BigInt64Array(memory, 0x40, 4);', '0x40'],
    ['x(4 << at); Atomics.load(u32, 4 << at);', '4 << at'],
  ])('refuses %s', (line, offset) => {
    expect(check(line)).toEqual([`js/a.ts:2: offset ${offset} is a bare number`]);
  });

  test('modules that do not know the layout are free', () => {
    expect(bareOffsets(plant({ 'js/wire/ip.ts': 'view.getUint16(2);' }))).toEqual([]);
  });
});

describe('this repository', () => {
  const has = (path: string): boolean => existsSync(join(ROOT, path));

  test.skipIf(!has('core/abi_gen.c'))('js/abi.ts is up to date', () => {
    expect(read(ROOT, 'js/abi.ts'), 'run make js/abi.ts and commit it').toBe(generateAbi(ROOT));
  });

  test.skipIf(!has('js/abi.ts'))('every entry of js/abi.ts is used', () => {
    expect(unusedAbi(ROOT)).toEqual([]);
  });

  test('no offset is a bare number', () => expect(bareOffsets(ROOT)).toEqual([]));
});
