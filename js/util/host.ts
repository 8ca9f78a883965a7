// SPDX-License-Identifier: MIT
// host - the `host` option: an address, or a name of this host

import { NetError } from '../errors.ts';
import { type IpAddress, parseIp } from './address.ts';
import { show } from './check.ts';

/** What a program may write by mistake, and what to tell it. */
const MISTAKES: readonly (readonly [RegExp, string])[] = [
  [/\/\//, 'must be a host alone, without a scheme such as http://'],
  [/^[^:]*:\d*$|^\[.*\]:\d*$/, 'must be a host alone; the port is an option of its own'],
  [/[/\s]|^$/, 'must be a host alone, without spaces and path'],
];

/** A name, as RFC 1123 section 2.1 allows it. */
const NAME = /^[a-z\d_-]+(?:\.[a-z\d_-]+)*\.?$/i;
const DIGITS = /^[\d.]+$/;

/**
 * Reads a host.
 *
 * @param host - An IPv4 or IPv6 address, with a zone or in brackets if it is IPv6; or `localhost`.
 * @param action - What cannot be done with a bad one, such as "Cannot connect to".
 * @returns The address; localhost is 127.0.0.1.
 * @throws {NetError} EINVAL; the message says what a host is.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { formatIp } from '../js/util/address.ts';
 * import { parseHost } from '../js/util/host.ts';
 *
 * assert.equal(formatIp(parseHost('[::1]', 'Cannot connect to')), '::1');
 * assert.throws(() => parseHost('10.0.0.2:80', 'Cannot connect to'), {
 *   message: "Cannot connect to '10.0.0.2:80': must be a host alone; the port is an option of its own",
 * });
 * ```
 */
export function parseHost(host: string, action: string): IpAddress {
  const refuse = (reason: string): NetError =>
    new NetError('EINVAL', `${action} ${show(host)}`, { reason });
  if (typeof host !== 'string') throw refuse('must be a string');
  if (/^localhost\.?$/i.test(host)) return parseIp('127.0.0.1');
  const mistake = MISTAKES.find(([pattern]) => pattern.test(host));
  if (mistake) throw refuse(mistake[1]);
  if (NAME.test(host) && !DIGITS.test(host)) {
    throw refuse("must be an IP address or 'localhost': names are not resolved");
  }
  return parseIp(host.replace(/^\[(.*)\]$/, '$1'), { zone: true });
}
