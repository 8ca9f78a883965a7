// SPDX-License-Identifier: MIT
// everywhere.test - the table of make test-everywhere: lines read, rows added up, reasons grouped

import { describe, expect, test } from 'vitest';
import { type Event, type FileResult, Listener, MARK } from '../everywhere/events.ts';
import {
  closingLine,
  failuresOf,
  type Row,
  reasonsOf,
  tableOf,
  totalOf,
} from '../everywhere/table.ts';

const line = (event: Event): string => MARK + JSON.stringify(event);

const rowOf = (more: Partial<Row> = {}, ...results: FileResult[]): Row => ({
  runtime: 'Node 1.2.3',
  engine: 'inline',
  isolated: '',
  results: new Map(results.map((result, n) => [`file${n}`, result])),
  seconds: 1.4,
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
    expect(totalOf(rows)).toEqual({ passed: 5, failed: 2, skipped: 3 });
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

  test('closes as tools/test.sh does', () => {
    expect(closingLine({ passed: 1, failed: 2, skipped: 0 })).toBe('1 passed, 2 failed');
    expect(closingLine({ passed: 1, failed: 2, skipped: 3 })).toBe('1 passed, 2 failed, 3 skipped');
  });
});
