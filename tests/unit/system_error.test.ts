// SPDX-License-Identifier: MIT
// system_error.test - which code an error of the system gets

import { expect, test } from 'vitest';
import { NetError } from '../../js/errors.ts';
import { netErrorOf } from '../../js/util/system_error.ts';

/** An error as Node makes it. */
const system = (code: string): Error => Object.assign(new Error(`connect ${code}`), { code });

test.each([
  ['ECONNREFUSED', 'ECONNREFUSED', 'connection refused'],
  ['ENOENT', 'ENOENT', 'not found'],
  ['ENOTDIR', 'ENOENT', 'not found'],
  ['EAI_AGAIN', 'ENOTFOUND', 'name not found'],
  ['ENETDOWN', 'ENETUNREACH', 'network is unreachable'],
  ['ENFILE', 'EMFILE', 'too many open sockets'],
  ['EXDEV', 'ECONNRESET', 'connect EXDEV'],
  ['toString', 'ECONNRESET', 'connect toString'],
])('%s is %s', (code, expected, reason) => {
  const cause = system(code);
  const error = netErrorOf(cause, 'Cannot connect to x');
  expect(error).toMatchObject({ code: expected, message: `Cannot connect to x: ${reason}`, cause });
});

test('a NetError stays what it is', () => {
  const error = new NetError('EPIPE', 'Cannot write');
  expect(netErrorOf(error, 'Cannot connect')).toBe(error);
});

test.each([[undefined], [null], ['text'], [7]])('%s, which is no error', (thrown) => {
  const error = netErrorOf(thrown, 'Cannot connect', 'EPROTO', '; see there');
  expect(error.code).toBe('EPROTO');
  expect(error.message).toBe(`Cannot connect: ${thrown}; see there`);
});
