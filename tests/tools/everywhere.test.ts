// SPDX-License-Identifier: MIT
// everywhere.test - make test-everywhere: lines read, rows added up, failures counted, the part that CI runs

import { spawnSync } from 'node:child_process';
import { join, relative } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ENTRIES } from '../../tools/entries.mjs';
import { bundleTest, listTests } from '../everywhere/bundle.ts';
import { CHOSEN } from '../everywhere/chosen.ts';
import { type Event, type FileResult, Listener, MARK } from '../everywhere/events.ts';
import {
  failuresOf,
  longestOf,
  type Row,
  reasonsOf,
  tableOf,
  totalOf,
} from '../everywhere/table.ts';
import { plant, ROOT, read } from '../rules/files.ts';

const line = (event: Event): string => MARK + JSON.stringify(event);

const rowOf = (more: Partial<Row> = {}, ...results: FileResult[]): Row => ({
  runtime: 'Node 1.2.3',
  engine: 'inline',
  isolated: '',
  results: new Map(results.map((result, n) => [`file${n}`, result])),
  seconds: new Map([
    ['file0', 0.5],
    ['file1', 0.9],
  ]),
  ...more,
});

const result = (passed: number, skipped: [string, number][] = [], ...failed: string[]) => ({
  passed,
  failed: failed.map((name) => ({ name, error: 'Error: no' })),
  skipped: new Map(skipped),
});

describe('Listener', () => {
  test('counts what ended, and passes over what else is printed', () => {
    const listener = new Listener();
    listener.take('hello');
    listener.take(line({ start: 'a' }));
    listener.take(line({ end: 'a', state: 'pass' }));
    listener.take(line({ end: 'b', state: 'skip', reason: 'r' }));
    listener.take(`prefix ${line({ end: 'c', state: 'fail', error: 'e' })}`);
    listener.take(line({ done: true }));
    expect(listener.end('gone')).toEqual({
      passed: 1,
      failed: [{ name: 'c', error: 'e' }],
      skipped: new Map([['r', 1]]),
    });
  });

  test('an end without a word is a failure of the test that was running', () => {
    const listener = new Listener();
    listener.take(line({ start: 'slow' }));
    listener.take('last words');
    expect(listener.end('gone').failed).toEqual([{ name: 'slow', error: 'gone\nlast words' }]);
  });
});

describe('table', () => {
  test('adds up files and rows; what is missing counts only where it must be there', () => {
    const rows = [
      rowOf({}, result(2, [['r', 1]]), result(3, [['r', 2]], 'bad')),
      rowOf({ missing: 'not installed', isRequired: true }),
      rowOf({ missing: 'not installed', isRequired: false }),
    ];
    expect(totalOf(rows)).toMatchObject({ passed: 5, failed: 2, skipped: 3 });
    expect(failuresOf(rows)).toContain('FAIL Node 1.2.3, inline: file1: bad\nError: no');
    expect(failuresOf(rows)).toContain('FAIL Node 1.2.3, inline: not installed');
  });

  test('groups reasons, most first', () => {
    const row = rowOf({}, result(0, [['x', 1]]), result(0, [['x', 1]]), result(0, [['y', 5]]));
    expect(reasonsOf(row)).toEqual([
      ['y', 5],
      ['x', 2],
    ]);
  });

  test('shows a letter for each reason and says below what it means', () => {
    const table = tableOf([
      rowOf({}, result(7, [['no threads', 2]])),
      rowOf({ runtime: 'WebKitGTK', missing: 'not installed' }),
    ]);
    expect(table).toMatch(/^Node 1\.2\.3 +inline +7 +0 +2 +1 +a 2$/m);
    expect(table).toMatch(/^WebKitGTK +inline +0 +not installed$/m);
    expect(table).toMatch(/^ {2}a: no threads$/m);
  });

  test('The files that took longest are named, all rows together.', () => {
    expect(longestOf([rowOf(), rowOf()])).toBe('file1 2 s, file0 1 s');
  });
});

describe('inside', () => {
  /** Runs a file of tests as other runtimes do. */
  async function runInside(body: string): Promise<FileResult> {
    const imports = "import { afterAll, beforeAll, describe, test } from 'vitest';";
    const root = plant({ 'planted.test.js': `${imports}\n${body}` });
    const bundled = join(root, 'bundle.mjs');
    await bundleTest(relative(ROOT, join(root, 'planted.test.js')), bundled);
    const { stdout, status } = spawnSync(process.execPath, [bundled], { encoding: 'utf8' });
    const listener = new Listener();
    stdout.split('\n').forEach((text) => {
      listener.take(text);
    });
    return listener.end(`status ${status}`);
  }
  const namesOf = ({ failed }: FileResult): string[] => failed.map(({ name }) => name);

  test('A set-up that fails is a failure, and so are the tests it kept from running.', async () => {
    const broken = await runInside(`
      describe('broken', () => {
        beforeAll(() => { throw new Error('no host'); });
        test('a', () => {});
        test.skip('b', () => {});
        describe.skip('left out', () => { test('e', () => {}); });
        describe('inner', () => { test('c', () => {}); });
      });
      describe.skipIf(true)('left out', () => { test('f', () => {}); });
      describe('whole', () => {
        afterAll(() => { throw new Error('not gone'); });
        test('d', () => {});
      });`);
    expect(namesOf(broken)).toEqual(['broken > a', 'broken > inner > c', 'broken', 'whole']);
    expect(broken.failed[2]?.error).toContain('no host');
    expect([broken.passed, [...broken.skipped.values()]]).toEqual([1, [3]]);
  });

  test('A file that cannot be loaded, one without tests, and one that fails outside of its tests are failures.', async () => {
    expect(await runInside("throw new Error('cannot load');")).toMatchObject({
      passed: 0,
      failed: [{ error: expect.stringContaining('cannot load') }],
    });
    expect(await runInside('')).toMatchObject({ passed: 0, failed: [{}] });
    const late = "test('a', async () => { Promise.reject(new Error('late')); await 0; });";
    expect(await runInside(late)).toMatchObject({ failed: [{ name: 'outside of any test' }] });
    const gone = await runInside("test('a', () => process.exit(0));");
    expect(gone).toMatchObject({ failed: [{ name: 'a', error: 'status 0' }] });
  });
});

describe('the part that CI runs', () => {
  test('Every name is that of a file, and has a reason.', async () => {
    const files = await listTests();
    expect(Object.keys(CHOSEN).filter((name) => !files.has(name))).toEqual([]);
    for (const reason of Object.values(CHOSEN)) expect(reason.length).toBeGreaterThan(10);
  });

  test('It imports every subpath of the package.', async () => {
    const files = await listTests();
    const sources = Object.keys(CHOSEN).map((name) => read(ROOT, files.get(name) ?? ''));
    const specifiers = ENTRIES.map(({ specifier }) => specifier);
    // The thread of a stack is loaded by its URL, and a service worker is for pages alone (tests/web).
    const threads = ['ringstack/worker', 'ringstack/service-worker'];
    const wanted = specifiers.filter((name) => !threads.includes(name));
    expect(wanted.filter((name) => !sources.some((text) => text.includes(`'${name}'`)))).toEqual(
      [],
    );
  });
});
