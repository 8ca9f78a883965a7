// SPDX-License-Identifier: MIT
// host - the `host` option: an address, or a name of this host

import { NetError } from '../errors.ts';
import { type IpAddress, parseIp } from './address.ts';
import { show } from './check.ts';

/** A scheme, a path or spaces; a port behind a host; nothing. */
const MISTAKE = /[/\s]|^[^:]*:\d*$|^\[.*\]:\d*$|^$/;
/** A name, as RFC 1123 section 2.1 allows it. */
const NAME = /^[a-z\d_-]+(?:\.[a-z\d_-]+)*\.?$/i;
const DIGITS = /^[\d.]+$/;

/**
 * Whether a host is a name that has to be looked up.
 *
 * @param host - Anything a program gave as one.
 * @returns false for an address, `localhost`, and what is malformed.
 * @throws Never.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { isHostName } from '../js/util/host.ts';
 *
 * assert.equal(isHostName('db.internal'), true);
 * assert.equal(isHostName('10.0.0.2'), false);
 * ```
 */
export function isHostName(host: string): boolean {
  if (typeof host !== 'string' || /^localhost\.?$/i.test(host)) return false;
  return NAME.test(host) && !DIGITS.test(host);
}

/**
 * Reads a host.
 *
 * @param host - An IPv4 or IPv6 address, with a zone or in brackets if it is IPv6; or `localhost`.
 * @param action - The action that fails with a bad one, such as "Cannot connect to".
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
 *   message: "Cannot connect to '10.0.0.2:80': must be a host alone, without scheme, port and path",
 * });
 * ```
 */
export function parseHost(host: string, action: string): IpAddress {
  const refuse = (reason: string): NetError =>
    new NetError('EINVAL', `${action} ${show(host)}`, { reason });
  if (typeof host !== 'string') throw refuse('must be a string');
  if (/^localhost\.?$/i.test(host)) return parseIp('127.0.0.1');
  if (MISTAKE.test(host)) throw refuse('must be a host alone, without scheme, port and path');
  if (isHostName(host)) throw refuse("must be an IP address or 'localhost'");
  return parseIp(host.replace(/^\[(.*)\]$/, '$1'), { zone: true });
}
