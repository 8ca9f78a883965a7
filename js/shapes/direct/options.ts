// SPDX-License-Identifier: MIT
// options - arguments of the constructors, converted and checked as Web IDL does

import type { NetworkStack } from '../../api/stack.ts';
import { parseIp } from '../../util/address.ts';
import { isHostName } from '../../util/host.ts';
import type { SocketDnsQueryType } from './types.ts';

const UINT_MAX = 0xffff_ffff;
const MOST = 16 * 1024 * 1024;

/**
 * A whole number of an option.
 *
 * @param name - Of the option.
 * @param value - The value given.
 * @param least - Smallest value that is taken.
 * @param most - Largest one.
 * @returns The number without its fraction; undefined: it is not set.
 * @throws {TypeError} If it is out of range, or no number.
 */
export function numberOf(
  name: string,
  value: unknown,
  least: number,
  most: number,
): number | undefined {
  if (value === undefined) return undefined;
  const number = Math.trunc(Number(value));
  if (number >= least && number <= most) return number;
  throw new TypeError(`${name} must be a whole number from ${least} to ${most}`);
}

/**
 * A port.
 *
 * @param name - Of the option.
 * @param value - The value given.
 * @returns The port; undefined: it is not set.
 * @throws {TypeError} If it is out of range.
 */
export const portOf = (name: string, value: unknown): number | undefined =>
  numberOf(name, value, 1, 65_535);

/** A number of bytes as a stack takes it. */
function sizeOf(name: string, value: unknown, least: number): number | undefined {
  const size = numberOf(name, value, 1, UINT_MAX);
  return size === undefined ? undefined : Math.min(Math.max(size, least), MOST);
}

/**
 * The buffer sizes of a socket, for the stack.
 *
 * @param options - Of the constructor.
 * @param leastSend - Smallest size of a send buffer that the stack takes.
 * @param leastReceive - The same of a receive buffer.
 * @returns Those that are set.
 * @throws {TypeError} If one is 0 or out of range.
 */
export function buffersOf(
  options: { sendBufferSize?: number; receiveBufferSize?: number },
  leastSend: number,
  leastReceive: number,
): { sendBuffer?: number; receiveBuffer?: number } {
  const sendBuffer = sizeOf('sendBufferSize', options.sendBufferSize, leastSend);
  const receiveBuffer = sizeOf('receiveBufferSize', options.receiveBufferSize, leastReceive);
  return {
    ...(sendBuffer !== undefined && { sendBuffer }),
    ...(receiveBuffer !== undefined && { receiveBuffer }),
  };
}

/** Refuses what is no IP address, with a TypeError. */
export function checkIp(name: string, value: unknown): void {
  try {
    parseIp(value as string, { zone: true });
  } catch {
    throw new TypeError(`${name} must be an IP address`);
  }
}

/** Refuses a dnsQueryType that does not exist, with a TypeError. */
export function checkQueryType(value: unknown): void {
  if (value !== undefined && value !== 'ipv4' && value !== 'ipv6') {
    throw new TypeError(`dnsQueryType must be 'ipv4' or 'ipv6'`);
  }
}

/**
 * The host to reach: of a name with a dnsQueryType, an address of that family.
 *
 * @param stack - Knows names.
 * @param host - A name or an address.
 * @param type - Of the program.
 * @returns The host, or its address.
 * @throws Error if the name has no such address, or nobody can be asked.
 */
export async function hostOf(
  stack: NetworkStack,
  host: string,
  type: SocketDnsQueryType | undefined,
): Promise<string> {
  if (type === undefined) return host;
  const family = type === 'ipv4' ? 4 : 6;
  if (/^localhost\.?$/i.test(host)) return family === 4 ? '127.0.0.1' : '::1';
  if (!isHostName(host)) return host;
  const known = stack.hosts.lookup(host).find((one) => one.family === family);
  if (known) return known.address;
  const [found] = (await stack.resolver?.lookupAll(host, { family })) ?? [];
  if (!found) {
    throw new Error(
      `Cannot resolve '${host}' to ${type}: neither stack.hosts nor stack.resolver can`,
    );
  }
  return found.address;
}
