// SPDX-License-Identifier: MIT
// options - arguments of connect(), checked

import { isHostName, parseHost } from '../../util/host.ts';
import { socketError } from './error.ts';
import type { SocketAddress, SocketOptions } from './types.ts';

const KINDS = ['off', 'on', 'starttls'] as const;
/** `host:port`, where an IPv6 address is in brackets. */
const TEXT = /^(\[[^\]]+\]|[^:]+):(\d{1,5})$/;

/** Options with their defaults. */
export interface Settings {
  readonly kind: (typeof KINDS)[number];
  readonly allowHalfOpen: boolean;
  readonly sni: string | undefined;
  readonly alpn: readonly string[];
  readonly highWaterMark: number | undefined;
}

/** A value in a message. */
const shown = (value: unknown): string => JSON.stringify(value)?.slice(0, 80) ?? String(value);

/**
 * Reads an address.
 *
 * @param given - Text or parts.
 * @returns Host and port.
 * @throws {TypeError} A SocketError if it is malformed.
 */
export function addressOf(given: string | SocketAddress): { host: string; port: number } {
  const refuse = (why: string, cause?: unknown): never => {
    throw socketError(`Cannot connect to ${shown(given)}: ${why}`, cause);
  };
  let host: unknown;
  let port: unknown;
  if (typeof given === 'string') {
    const [, name, digits] = TEXT.exec(given) ?? refuse('must be a host and a port, as host:port');
    [host, port] = [name, Number(digits)];
  } else {
    ({ hostname: host, port } = given ?? {});
  }
  if (typeof host !== 'string') return refuse('hostname must be a string');
  if (!Number.isInteger(port) || (port as number) < 1 || (port as number) > 65_535) {
    return refuse('port must be a whole number from 1 to 65535');
  }
  try {
    if (!isHostName(host)) parseHost(host, 'Cannot connect to');
  } catch (error) {
    return refuse('the host is malformed', error);
  }
  return { host, port: port as number };
}

/**
 * Checks options.
 *
 * @param options - Of connect().
 * @returns All of them.
 * @throws {TypeError} A SocketError if one is out of range.
 */
export function settingsOf(options: SocketOptions): Settings {
  const { secureTransport = 'off', allowHalfOpen = false, sni, alpn = [], highWaterMark } = options;
  if (!KINDS.includes(secureTransport)) {
    throw socketError(`Unsupported value in secureTransport socket option: ${secureTransport}`);
  }
  if (secureTransport === 'off' && (sni !== undefined || alpn.length > 0)) {
    throw socketError("sni and alpn are for secureTransport 'on' or 'starttls'");
  }
  if (highWaterMark !== undefined && !(highWaterMark >= 0)) {
    throw socketError(`highWaterMark ${highWaterMark} must be a number from 0`);
  }
  return { kind: secureTransport, allowHalfOpen: Boolean(allowHalfOpen), sni, alpn, highWaterMark };
}
