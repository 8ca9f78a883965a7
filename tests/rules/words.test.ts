// SPDX-License-Identifier: MIT
// words.test - our prose uses plain words: those of word_list.ts are found, and this repository has none

import { describe, expect, test } from 'vitest';
import { plant, ROOT } from './files.ts';
import {
  ALLOWED_WORDS,
  type AllowedWord,
  BANNED_OPENINGS,
  BANNED_WORDS,
  PROSE,
} from './word_list.ts';
import { checkWords } from './words.ts';

const RULES = {
  words: [
    { pattern: /\bgizmos?\b/, better: 'device' },
    { pattern: /\bfor ever\b/, better: 'forever' },
    { pattern: /\bpump\b/, better: 'workload', only: ['bench'] },
  ],
  openings: ['What'],
};

/** Violations in one file. */
function check(path: string, text: string, allowed: readonly AllowedWord[] = []): string[] {
  const root = plant({ [path]: text });
  return checkWords(root, [path], { ...RULES, allowed });
}

const GIZMO = (line: number): string[] => [`:${line}: 'gizmo': device`];
const found = (path: string, text: string): string[] =>
  check(path, text).map((violation) => violation.slice(path.length));

describe('Markdown', () => {
  test('words of paragraphs, headings, lists and tables, with their lines', () => {
    expect(found('a.md', '# A gizmo\n')).toEqual(GIZMO(1));
    expect(found('a.md', 'Two\ngizmo lines.\n')).toEqual(GIZMO(2));
    expect(found('a.md', '- one\n- gizmo\n')).toEqual(GIZMO(2));
    expect(found('a.md', '| a | b |\n|---|---|\n| c | gizmo |\n')).toEqual(GIZMO(3));
  });

  test('a phrase is found across a line end', () => {
    expect(found('a.md', 'It runs for\n  ever.\n')).toEqual([":1: 'for ever': forever"]);
  });

  test('a word at the start of a sentence has a capital', () => {
    expect(found('a.md', 'Gizmos run.\n')).toEqual([":1: 'Gizmos': device"]);
  });

  test.each([
    '```ts\ngizmo();\n```\n',
    'Call `gizmo()`, or `a\ngizmo`.\n',
    'A [link](gizmo.md).\n',
    'See https://gizmo.example/gizmo now.\n',
    '<!-- bench:begin -->\ngizmo\n<!-- bench:end -->\n',
    'The gizmology of pump.\n',
  ])('no prose: %j', (text) => expect(found('a.md', text)).toEqual([]));
});

describe('openings', () => {
  test.each([
    'What it does is good.\n',
    'First. What it does\nis good.\n',
    '- What it does.\n',
    '1. **What it does.** More.\n',
    'Why? What it does.\n',
  ])('refuses %j', (text) => {
    expect(found('a.md', text)[0]).toMatch(/^:\d: a sentence opens with 'What'$/);
  });

  test.each([
    '# What it does\n',
    '| What it does | b |\n',
    'What does it do?\n',
    'Whatever.\n',
    'See what it does. Do what it says.\n',
  ])('accepts %j', (text) => expect(found('a.md', text)).toEqual([]));
});

describe('source files', () => {
  test('comments, not code and strings', () => {
    const code =
      'const gizmo = "gizmo"; const r = /"gizmo/;' +
      ` const t = \`// gizmo \${gizmo /* a gizmo */}\`;`;
    expect(found('a.ts', `${code}\n// a gizmo\n`)).toEqual([...GIZMO(1), ...GIZMO(2)]);
  });

  test('line comments in a row are one text', () => {
    expect(found('a.mjs', '// it runs for\n// ever\n')).toEqual([":1: 'for ever': forever"]);
    expect(found('a.mjs', '// it runs for\nf();\n// ever\n')).toEqual([]);
  });

  test('doc comments: each tag, no examples', () => {
    const doc = [
      '/**',
      ' * Brief.',
      ' * @param a - What it is.',
      ' * @example',
      ' * ```ts',
      ' * gizmo();',
      ' * ```',
      ' */',
    ];
    expect(found('a.ts', `${doc.join('\n')}\nf();\n`)).toEqual([
      ":3: a sentence opens with 'What'",
    ]);
  });

  test('C, shell, styles and pages', () => {
    expect(found('a.c', 'char *s = "/* gizmo */";\n/* a\n * gizmo */\n')).toEqual(GIZMO(3));
    expect(found('a.sh', '#!/bin/gizmo\necho "$#" # a gizmo\n')).toEqual(GIZMO(2));
    expect(found('a.css', '.gizmo { top: 0; } /* gizmo */\n')).toEqual(GIZMO(1));
    const page = '<p class="gizmo">a\n<b>gizmo</b></p><script>gizmo()</script><!-- gizmo -->\n';
    expect(found('a.html', page)).toEqual(GIZMO(2));
  });
});

describe('rules', () => {
  test('may hold for some folders only', () => {
    expect(check('bench/a.md', 'A pump.\n')).toHaveLength(1);
    expect(check('docs/a.md', 'A pump.\n')).toEqual([]);
  });

  test('an exception is for one text in one place, and must be needed', () => {
    const allowed = { path: 'docs', text: 'a gizmo of 1950', reason: 'its name' };
    expect(check('docs/a.md', 'It is a gizmo of\n1950.\n', [allowed])).toEqual([]);
    expect(check('docs/a.md', 'A gizmo of 1950, a gizmo.\n', [allowed])).toHaveLength(1);
    expect(check('a.md', 'A gizmo of 1950.\n', [allowed])).toEqual([
      "a.md:1: 'gizmo': device",
      "docs: nothing needs the exception for 'a gizmo of 1950'",
    ]);
  });
});

test('this repository', () => {
  const rules = { words: BANNED_WORDS, openings: BANNED_OPENINGS, allowed: ALLOWED_WORDS };
  expect(checkWords(ROOT, PROSE, rules)).toEqual([]);
}, 60_000);
