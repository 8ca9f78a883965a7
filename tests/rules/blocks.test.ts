// SPDX-License-Identifier: MIT
// blocks.test - every fenced block of the documents is of a language that is checked, and right

import { describe, expect, test } from 'vitest';
import { blocksOf, checkBlocks, scriptsOf } from './blocks.ts';
import { listDocuments, plant, ROOT } from './files.ts';
import { BLOCK_LANGUAGES, DOCUMENTS } from './rules.ts';

const fence = (language: string, ...lines: string[]): string =>
  `\`\`\`${language}\n${lines.join('\n')}\n\`\`\`\n`;

/** Violations in a document of a tree with one goal and one script. */
function check(text: string): string[] {
  const root = plant({
    'a.md': text,
    Makefile: '## all    everything\nall: x.c\n\techo\n',
    'mk/more.mk': '## demo   one of them\n',
    'package.json': '{ "scripts": { "build": "make" } }',
  });
  return checkBlocks(root, ['a.md'], BLOCK_LANGUAGES);
}

describe('blocksOf', () => {
  test('takes language, line and text, without the indent of a list', () => {
    const text = `# A\n${fence('sh', 'make')}- item\n\n  \`\`\`js\n  f();\n\n  \`\`\`\n${fence('', 'x')}`;
    expect(blocksOf('a.md', text)).toEqual([
      { origin: 'a.md:2', language: 'sh', source: 'make\n' },
      { origin: 'a.md:7', language: 'js', source: 'f();\n\n' },
      { origin: 'a.md:11', language: '', source: 'x\n' },
    ]);
  });

  test('scripts of a page: those that stand in it', () => {
    const page = [
      '<p>',
      '<script src="a.js"></script>',
      '<script type="importmap">{}</script>',
      '<script type="module">f();</script>',
    ];
    const [block] = blocksOf('a.md', fence('html', ...page));
    expect(block && scriptsOf(block)).toEqual([
      { origin: 'a.md:4', language: 'json', source: '{}' },
      { origin: 'a.md:5', language: 'ts', source: 'f();' },
    ]);
  });
});

describe('planted blocks', () => {
  test('a language without a rule', () => {
    expect(check(fence('cobol', 'x'))).toEqual(["a.md:1: no rule for language 'cobol'"]);
  });

  test('JSON, with comments or broken, also in a page', () => {
    expect(check(fence('jsonc', '{ // why', '"a": 1 }'))).toEqual([]);
    expect(check(fence('json', '[1]'))).toEqual([]);
    expect(check(fence('json', '{ // why', '"a": 1 }'))).toHaveLength(1);
    expect(check(fence('jsonc', '{ "a": }'))).toHaveLength(1);
    expect(check(fence('html', '<script type="importmap">{</script>'))).toHaveLength(1);
  });

  test('shell: syntax, goals and scripts', () => {
    expect(check(fence('sh', 'make && make demo SIZE=1 # fast', 'npm run build'))).toEqual([]);
    expect(check(fence('sh', 'if true; then'))[0]).toMatch(/^a.md:1: .*syntax error/);
    expect(check(fence('sh', 'cd x && make dmeo'))).toEqual(['a.md:1: make has no goal dmeo']);
    expect(check(fence('sh', 'npm run dmeo'))).toEqual(['a.md:1: npm has no script dmeo']);
  });

  test('goals in prose', () => {
    expect(check('Run `make demo` or `make`.')).toEqual([]);
    expect(check('Run `make dmeo`.')).toEqual(['a.md: make has no goal dmeo']);
  });

  test.each([
    ['nginx', 'add_header Cross-Origin-Opener-Policy same-origin always;'],
    ['text', 'Cross-Origin-Opener-Policy: same-origin'],
    ['json', '[{ "key": "Cross-Origin-Opener-Policy", "value": "same-origin" }]'],
    ['js', "headers.set('Cross-Origin-Opener-Policy', 'same-origin');"],
  ])('headers in %s: both, with their values', (language, line) => {
    const other = line.replace('Opener', 'Embedder').replace('same-origin', 'require-corp');
    const both = language === 'json' ? `[${line}, ${other}]` : `${line}\n${other}`;
    expect(check(fence(language, both))).toEqual([]);
    expect(check(fence(language, line))).toEqual(['a.md:1: lacks cross-origin-embedder-policy']);
    expect(check(fence(language, both.replace('same-origin', 'unsafe-none')))).toEqual([
      'a.md:1: cross-origin-opener-policy: unsafe-none is not what tools/page/serve.mjs sends',
    ]);
  });
});

test('this repository', () => {
  expect(checkBlocks(ROOT, listDocuments(ROOT, DOCUMENTS), BLOCK_LANGUAGES)).toEqual([]);
});
