// SPDX-License-Identifier: MIT
// errors.test - codes, messages and causes of NetError

import { describe, expect, test } from 'vitest';
import { ERROR_REASONS, NetError, type NetErrorCode, netErrorFromTable } from '../../js/errors.ts';

const codes = Object.keys(ERROR_REASONS) as NetErrorCode[];

describe('NetError', () => {
  test('names the action, the value and the reason', () => {
    const error = new NetError('ECONNREFUSED', 'Cannot connect to 10.0.0.2:80');
    expect(error.message).toBe('Cannot connect to 10.0.0.2:80: connection refused');
    expect(error.code).toBe('ECONNREFUSED');
  });

  test('is an Error with its own name and a stack', () => {
    const error = new NetError('EINVAL', 'Cannot use port 65536');
    expect(error).toBeInstanceOf(Error);
    expect(error.name).toBe('NetError');
    expect(String(error)).toBe('NetError: Cannot use port 65536: invalid argument');
    expect(error.stack).toContain('errors.test');
    expect(Object.keys(error)).toEqual(['code']);
  });

  test('takes a closer reason', () => {
    const error = new NetError('EINVAL', 'Cannot parse x', { reason: 'a digit is expected' });
    expect(error.message).toBe('Cannot parse x: a digit is expected');
  });

  test('keeps the cause, and has none when none was given', () => {
    const cause = new TypeError('inner');
    expect(new NetError('EPROTO', 'Cannot read', { cause }).cause).toBe(cause);
    expect('cause' in new NetError('EPROTO', 'Cannot read')).toBe(false);
  });

  test.each(codes)('%s looks like a Node code and its text can end a sentence', (code) => {
    expect(code).toMatch(/^E[A-Z0-9]+$/);
    expect(ERROR_REASONS[code]).toMatch(/^[a-z].*[a-z]$/);
  });

  test('no two codes share a text', () => {
    expect(new Set(Object.values(ERROR_REASONS)).size).toBe(codes.length);
  });
});

describe('netErrorFromTable', () => {
  const table = { [-1]: 'ENOMEM', [-2]: 'ETIMEDOUT' } as const;

  test('a known number gives its code', () => {
    const error = netErrorFromTable(table, -2, 'Cannot connect to [::1]:80');
    expect(error.code).toBe('ETIMEDOUT');
    expect(error.message).toBe('Cannot connect to [::1]:80: timed out');
  });

  test.each([-3, 0, 1, Number.NaN, -(2 ** 31)])('%d is not in the table and is named', (code) => {
    const error = netErrorFromTable(table, code, 'Cannot connect');
    expect(error.code).toBe('EPROTO');
    expect(error.message).toBe(`Cannot connect: unknown error code ${code}`);
  });
});
