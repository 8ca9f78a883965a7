// SPDX-License-Identifier: MIT
// size.test - files and functions stay short (STYLE.md habit 16)

import { describe, expect, test } from 'vitest';
import { plant, ROOT } from './files.ts';
import { GENERATED, MAX_LINES, SENT_AS_TEXT } from './rules.ts';
import { checkSizes } from './size.ts';

const rules = { c: 10, ts: 8, function: 4 };
const check = (path: string, lines: readonly string[]): string[] =>
  checkSizes(plant({ [path]: `${lines.join('\n')}\n` }), ['.'], rules);

describe('files', () => {
  test('at the limit and past it', () => {
    expect(check('core/a.c', Array(10).fill('int x;'))).toEqual([]);
    expect(check('core/a.c', Array(11).fill('int x;'))).toEqual([
      'core/a.c: has 11 lines, more than 10',
    ]);
    expect(check('js/a.ts', Array(8).fill(';'))).toEqual([]);
    expect(check('js/a.ts', Array(9).fill(';'))).toEqual(['js/a.ts: has 9 lines, more than 8']);
  });

  test('generated files are exempt', () => {
    const root = plant({ 'js/abi.ts': ';\n'.repeat(99) });
    expect(checkSizes(root, ['js'], rules, ['js/abi.ts'])).toEqual([]);
  });
});

describe('functions', () => {
  const c = (...body: string[]): string[] => check('core/a.c', body);
  const js = (...body: string[]): string[] => check('js/a.ts', body);

  test.each([
    [['int f(int a)', '{', '  a++; }', '}'], []],
    [['int f(void)', '{', '#if 1', 'out:', '}'], ['core/a.c:1: f has 5 lines, more than 4']],
    [['static int f(void) {', '', '', '', '}'], ['core/a.c:1: f has 5 lines, more than 4']],
    [['', 'void f(int a,', '       int b)', '{', '}', ''], []],
    [['void f(int a,', '       int b)', '{', ';', '}'], ['core/a.c:1: f has 5 lines, more than 4']],
    [['int f(void);', 'struct s {', '  int a;', '  int b;', '  int c;', '};'], []],
    [['int f(int a,', '      int b);', 'int x[] = {', '1,', '2,', '};'], []],
    [['/* f(', ' *', ' *', ' *', ' *', '}', '*/'], []],
  ])('C %j', (body, expected) => expect(c(...body)).toEqual(expected));

  test.each([
    [['/**', ' * Long.', ' */', 'function f() {', '', '', '}'], []],
    [['function f() {', '', '', '', '}'], ['js/a.ts:1: f has 5 lines, more than 4']],
    [['class A {', '  m() {', '', '', '', '  }', '}'], ['js/a.ts:2: m has 5 lines, more than 4']],
    [['const g = () => {', '', '', '', '};'], ['js/a.ts:1: g has 5 lines, more than 4']],
    [["test('x', () => {", '', '', '', '});'], []],
    [['class A {', '  a = 1;', '  b = 1;', '  c = 1;', '  d = 1;', '}'], []],
  ])('TypeScript %j', (body, expected) => expect(js(...body)).toEqual(expected));
});

test('this repository', () => {
  const dirs = ['core', 'lwip', 'js', 'bench', 'tests', 'tools', 'web', 'examples', 'packages'];
  expect(checkSizes(ROOT, dirs, MAX_LINES, [...GENERATED, ...SENT_AS_TEXT])).toEqual([]);
});
