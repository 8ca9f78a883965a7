// SPDX-License-Identifier: MIT
// docs.test - every public export is documented in full (STYLE.md habit 15)

import { describe, expect, test } from 'vitest';
import { ENTRIES } from '../../tools/entries.mjs';
import { checkDocs } from './docs.ts';
import { plant, ROOT } from './files.ts';

const EXAMPLE = ' * @example\n * ```ts\n * assert(true);\n * ```\n';
const full = `/**\n * Brief.\n * @param a - Bytes.\n * @returns More.\n * @throws Never.\n${EXAMPLE} */\n`;

/** Missing parts in a module whose exports are all public. */
function check(text: string): string[] {
  const root = plant({ 'js/index.ts': "export * from './a.ts';", 'js/a.ts': text });
  return checkDocs(root).map((violation) => violation.replace(/^js\/a\.ts:\d+: /, ''));
}

describe('functions', () => {
  const head = 'export function f(a: number): number { return a; }';

  test('complete', () => expect(check(full + head)).toEqual([]));

  test.each([
    ['Brief.', 'brief'],
    ['@param a - Bytes.', '@param a'],
    ['- Bytes.', '@param a'],
    ['@returns More.', '@returns'],
    ['@throws Never.', '@throws'],
    ['@example', '@example'],
    ['```ts', '@example'],
  ])('without %j', (part, name) => {
    expect(check(full.replace(part, '') + head)).toContain(`f lacks ${name}`);
  });

  test('no comment at all', () => {
    expect(check(head)).toEqual(['f lacks brief', 'f lacks @example']);
  });

  test('a parameter that does not exist, and one without a comment', () => {
    const renamed = 'export function f(b: number): number { return b; }';
    expect(check(full + renamed)).toEqual(['f lacks @param b', 'f lacks parameter a']);
  });

  test('no @returns is needed where nothing comes back, but the type is', () => {
    const silent = full.replace('@returns More.', '');
    expect(check(`${silent}export async function f(a: number): Promise<void> {}`)).toEqual([]);
    expect(check(`${silent}export function f(a: number) {}`)).toEqual(['f lacks return type']);
  });

  test('overloads: those that have a comment', () => {
    const text = `${full}export function f(a: number): number;\n${full.replace('a -', 'b -')}export function f(b: string): string;\nexport function f(x: never) { return x; }`;
    expect(check(text)).toEqual([]);
  });
});

describe('classes', () => {
  const open = `/** Brief.\n${EXAMPLE} */\nexport class A {\n`;

  test('members, but not private ones', () => {
    const body = ' #x = 1; static { } private y = 2;\n /** Size. */ n = 1; z = 2;\n m(): void {}';
    expect(check(`${open}${body} }`)).toEqual(['A.z lacks brief', 'A.m lacks brief']);
  });

  test('constructor', () => {
    expect(check(`${open} /** Brief. */ constructor(n: number) { n; } }`)).toEqual([
      'A.constructor lacks @param n',
      'A.constructor lacks @throws',
    ]);
  });
});

describe('types', () => {
  test('an interface of properties', () => {
    const text = '/** Brief. */\nexport interface I {\n/** One. */ a: number; b: number }';
    expect(check(text)).toEqual(['I.b lacks brief']);
  });

  test('an interface with methods', () => {
    const method = '/** Brief. */ m(a: number): number;';
    expect(check(`/** Brief. */\nexport interface I {\n${method} }`)).toEqual([
      'I lacks @example',
      'I.m lacks @param a',
      'I.m lacks @returns',
      'I.m lacks @throws',
    ]);
  });

  test('aliases and constants', () => {
    const text = '/** Brief. */\nexport type T = 1;\nexport type U = 2;\nexport const c = 1;';
    expect(check(text)).toEqual(['U lacks brief', 'c lacks brief']);
  });

  test('what is not exported, or not reached, is not public', () => {
    expect(check('interface I { a: number }\nfunction f() {}\nexport {};')).toEqual([]);
    const root = plant({
      'js/index.ts': "export { a } from './a.ts';",
      'js/a.ts': '/** A. */\nexport const a = 1;\nexport const b = 1;',
    });
    expect(checkDocs(root)).toEqual([]);
  });
});

describe('this repository', () => {
  test.each(ENTRIES.map(({ specifier, name }) => [specifier, name]))('%s', (_, name) => {
    expect(checkDocs(ROOT, `js/${name}.ts`)).toEqual([]);
  });
  test('ringstack-wireguard', () => {
    expect(checkDocs(ROOT, 'packages/wireguard/src/index.ts')).toEqual([]);
  });
  const codecs = ['arp', 'checksum', 'ethernet', 'icmp', 'ip', 'ndp', 'tcp', 'udp'];
  test.each(['js/errors.ts', 'js/util/address.ts', ...codecs.map((name) => `js/codec/${name}.ts`)])(
    '%s, public or not',
    (entry) => {
      expect(checkDocs(ROOT, entry)).toEqual([]);
    },
  );
});
