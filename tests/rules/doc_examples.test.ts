// SPDX-License-Identifier: MIT
// doc_examples.test - the examples of the documentation run, or at least compile (STYLE.md habit 15)

import { describe, expect, test } from 'vitest';
import { collectExamples, typeCheck, writeExamples } from './doc_examples.ts';
import { plant, ROOT } from './files.ts';
import { EXAMPLE_NAMES } from './rules.ts';

const runIt = (path: string | undefined): Promise<unknown> => import(/* @vite-ignore */ `${path}`);

const doc = (...lines: string[]): string =>
  ['/**', ' * Brief.', ' * ```ts', ...lines.map((line) => ` * ${line}`), ' * ```', ' */'].join(
    '\n',
  );

describe('collectExamples', () => {
  test('finds blocks of doc comments with their lines', () => {
    const text = `// top\n${doc('assert(1);', '', 'x();')}\nconst s = \`\n\`;\n  ${doc('y();')}\n`;
    const root = plant({ 'js/a.ts': text });
    expect(collectExamples(root)).toEqual([
      { origin: 'js/a.ts:4', source: 'assert(1);\n\nx();\n', language: 'ts', runs: true },
      { origin: 'js/a.ts:14', source: 'y();\n', language: 'ts', runs: false },
    ]);
  });

  test('runs the first block of README.md that needs only the package, and those that assert', () => {
    const block = (code: string, lang = 'ts'): string => `\`\`\`${lang}\n${code}\n\`\`\`\n`;
    const root = plant({
      'README.md': `# T\n${block('make', 'sh')}${block("import 'v86';")}${block('a();')}text\n${block('b();')}`,
      'docs/x.md': block('c();') + block('assert(d);') + block('assert(e);', 'js'),
      'docs/y.md': block('<script type="module">\nf();\n</script>', 'html'),
      'bench/README.md': block('g();'),
    });
    const found = collectExamples(root).map(({ origin, source, runs }) => [origin, source, runs]);
    expect(found).toEqual([
      ['README.md:5', "import 'v86';\n", false],
      ['README.md:8', 'a();\n', true],
      ['README.md:12', 'b();\n', false],
      ['bench/README.md:1', 'g();\n', false],
      ['docs/x.md:1', 'c();\n', false],
      ['docs/x.md:4', 'assert(d);\n', true],
      ['docs/x.md:7', 'assert(e);\n', false],
      ['docs/y.md:2', '\nf();\n', false],
    ]);
  });
});

describe('planted examples', () => {
  const assert = "import assert from 'node:assert/strict';";

  /** One block in a tree whose js/index.ts exports two and Stack. */
  function planted(...lines: string[]): { root: string; paths: string[] } {
    const index = 'export const two = 2;\nexport interface Stack { close(): void }';
    const root = plant({
      'package.json': '{ "type": "module" }',
      'js/a.ts': `${doc(...lines)}\nexport const one = 1;`,
      'js/index.ts': index,
    });
    return { root, paths: writeExamples(root, collectExamples(root), { stack: 'Stack' }) };
  }

  test('run against the sources, public and internal', async () => {
    const lines = [assert, "import { two } from 'ringstack';", "import { one } from '../js/a.ts';"];
    const { root, paths } = planted(...lines, 'assert.equal(one + 1, await two);');
    await runIt(paths[0]);
    expect(typeCheck(root, paths)).toEqual([]);
  });

  test('an assertion that fails is seen', async () => {
    const { paths } = planted(assert, 'assert.equal(1, 2);');
    await expect(runIt(paths[0])).rejects.toThrow('1 !== 2');
  });

  test('a type that is wrong is seen, with its place', () => {
    const { root, paths } = planted("import { two } from 'ringstack';", 'const s: string = two;');
    expect(typeCheck(root, paths)).toEqual([
      "/build/examples/js_a_3.ts:3: Type 'number' is not assignable to type 'string'.",
    ]);
  });

  test('syntax that is wrong is seen', () => {
    const { root, paths } = planted('const = 1;');
    expect(typeCheck(root, paths).length).toBeGreaterThan(0);
  });

  test('JavaScript is parsed, its types are not looked at', () => {
    const block = (code: string): string => `\`\`\`js\n${code}\n\`\`\`\n`;
    const root = plant({
      'README.md': block('let a = 1; a.b;') + block('let a: number;') + block('let ='),
    });
    const found = typeCheck(root, writeExamples(root, collectExamples(root)));
    expect(found.map((line) => line.split(':')[0])).toEqual([
      '/build/examples/README_4.js',
      '/build/examples/README_7.js',
    ]);
  });

  test('a fragment may use the well-known names, and no others', () => {
    const { root, paths } = planted('stack.close();', 'tap.close();');
    expect(typeCheck(root, paths)).toEqual([
      "/build/examples/js_a_3.ts:4: Cannot find name 'tap'.",
    ]);
  });
});

describe('this repository', () => {
  const examples = collectExamples(ROOT);
  const paths = writeExamples(ROOT, examples, EXAMPLE_NAMES);
  const running = examples.flatMap(({ origin, runs }, i) => (runs ? [[origin, paths[i]]] : []));

  test.each(running)('%s runs', async (_, path) => {
    await runIt(path);
  });

  test('all blocks compile', () => expect(typeCheck(ROOT, paths)).toEqual([]), 60_000);
});
