// SPDX-License-Identifier: MIT
// check.test - options and arguments that do not fit are refused with action, value and range

import { expect, test } from 'vitest';
import {
  any,
  checkCount,
  checkOptions,
  checkValue,
  flag,
  oneOf,
  type Rules,
  range,
  show,
  text,
  whole,
} from '../../js/util/check.ts';

interface Options {
  readonly host: string;
  readonly port: number;
  readonly size?: number;
  readonly engine?: string;
  readonly noDelay?: boolean;
  readonly signal?: unknown;
}

const RULES: Rules<Options> = {
  host: text,
  port: whole(1, 65535),
  size: range(1, 4096, ' bytes'),
  engine: oneOf('inline', 'worker'),
  noDelay: flag,
  signal: any,
};

const GOOD = { host: 'a', port: 80 };

/** The message of what checkOptions() throws. */
function refused(options: unknown): string {
  try {
    checkOptions<Options>('Cannot connect', options, RULES, ['host', 'port']);
  } catch (error) {
    expect(error).toMatchObject({ name: 'NetError', code: 'EINVAL' });
    return (error as Error).message;
  }
  return 'accepted';
}

test.each([
  [GOOD],
  [{ ...GOOD, size: 1.5, engine: 'worker', noDelay: false, signal: {} }],
  [{ ...GOOD, size: undefined, engine: undefined }],
  [Object.create(GOOD)],
])('%j fits', (options) => {
  expect(refused(options)).toBe('accepted');
});

test.each([
  [undefined, 'undefined'],
  [null, 'null'],
  ['10.0.0.2', "'10.0.0.2'"],
  [80, '80'],
])('%j is no options object', (options, shown) => {
  expect(refused(options)).toBe(`Cannot connect with the options ${shown}: must be an object`);
});

test.each([
  [{ ...GOOD, prot: 1 }, "the option 'prot': must be one of 'host', 'port'"],
  [{ port: 80 }, 'host undefined: must be a string'],
  [{ ...GOOD, host: 7 }, 'host 7: must be a string'],
  [{ host: 'a' }, 'port undefined: must be a whole number from 1 to 65535'],
  [{ ...GOOD, port: 65536 }, 'port 65536: must be a whole number from 1 to 65535'],
  [{ ...GOOD, port: 1.5 }, 'port 1.5: must be a whole number from 1 to 65535'],
  [{ ...GOOD, port: '80' }, "port '80': must be a whole number from 1 to 65535"],
  [{ ...GOOD, size: 99000000000 }, 'size 99000000000: must be from 1 to 4096 bytes'],
  [{ ...GOOD, size: Number.NaN }, 'size NaN: must be from 1 to 4096 bytes'],
  [{ ...GOOD, size: null }, 'size null: must be from 1 to 4096 bytes'],
  [{ ...GOOD, engine: 'fast' }, "engine 'fast': must be one of 'inline', 'worker'"],
  [{ ...GOOD, noDelay: 1 }, 'noDelay 1: must be true or false'],
])('%j is refused', (options, message) => {
  expect(refused(options)).toContain(`Cannot connect with ${message}`);
});

test('an option that only an object above has is checked too', () => {
  expect(refused(Object.create({ ...GOOD, port: 0 }))).toContain('port 0');
});

test('a value is shown escaped and cut', () => {
  expect(show('a\n"b"')).toBe('\'a\\n\\"b\\"\'');
  expect(show('x'.repeat(100))).toBe(`'${'x'.repeat(60)}…'`);
  expect([show({}), show([1]), show(undefined)]).toEqual(['an object', 'a list', 'undefined']);
});

test('a single value', () => {
  checkValue('Cannot listen', 'backlog', 1, whole(1, 9));
  expect(() => checkValue('Cannot listen', 'backlog', 10, whole(1, 9))).toThrow(
    'Cannot listen with backlog 10: must be a whole number from 1 to 9',
  );
});

test.each([-1, 5, 1.5, Number.NaN, undefined])('count %s is not 0 to 4', (count) => {
  expect(() => checkCount('release', count as number, 0, 4)).toThrow(
    new RangeError(`Cannot release ${count} bytes: must be a whole number from 0 to 4`),
  );
});
