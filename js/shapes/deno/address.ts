// SPDX-License-Identifier: MIT
// address - ports and host names as Deno's calls take them

import type { NetworkStack } from '../../api/stack.ts';
import { formatIp, parseIp } from '../../util/address.ts';
import { addressScope } from '../../util/address_scope.ts';
import { isHostName, parseHost } from '../../util/host.ts';
import { denoErrorOf, systemError } from './errors.ts';
import type { NetAddr } from './types.ts';

/**
 * A port, or text that is one.
 *
 * @param given - Of the program.
 * @param least - 0 for a server, which may leave it out; 1 for a client.
 * @returns The port.
 * @throws {TypeError} If it is no whole number.
 * @throws {RangeError} If it is out of range.
 */
export function checkedPort(given: unknown, least: 0 | 1): number {
  if (given === undefined || given === null) {
    if (least === 0) return 0;
    throw new TypeError(`Invalid port (expected number): ${given}`);
  }
  const isText = typeof given === 'string';
  if (!isText && typeof given !== 'number') {
    throw new TypeError(`Invalid port (expected number): ${String(given)}`);
  }
  const port = given === '' ? Number.NaN : Number(given);
  if (!Number.isInteger(port))
    throw new TypeError(`Invalid port: ${isText ? `'${given}'` : given}`);
  if (port < least || port > 65_535) throw new RangeError(`Invalid port (out of range): ${given}`);
  return port;
}

/** Refuses what is not TCP, or not UDP. */
export function checkTransport(given: unknown, expected: 'tcp' | 'udp'): void {
  if (given === expected || (given === undefined && expected === 'tcp')) return;
  throw new TypeError(`Unsupported transport: '${String(given)}'`);
}

/** A host to reach: no address is this host, as in Linux. */
export function reachable(hostname: string): string {
  if (hostname === '0.0.0.0') return '127.0.0.1';
  return hostname === '::' || hostname === '[::]' ? '::1' : hostname;
}

/** Whether a stack has an address. */
function isOwn(stack: NetworkStack, address: string): boolean {
  for (const { addresses, linkLocalAddress } of stack.interfaces) {
    for (const cidr of [...addresses, linkLocalAddress ?? '']) {
      if (cidr.split('/')[0] === address) return true;
    }
  }
  return false;
}

/**
 * An address to listen at.
 *
 * @param stack - The stack.
 * @param hostname - An address, or a name in its hosts: others cannot be looked up in a synchronous call.
 * @param isDatagram - A group will do as well.
 * @returns The address, numeric.
 * @throws AddrNotAvailable if the stack does not have it, Error if the name is not known, TypeError if it is malformed.
 */
export function localHost(stack: NetworkStack, hostname: string, isDatagram: boolean): string {
  let address: string;
  try {
    const [found] = isHostName(hostname) ? stack.hosts.lookup(hostname) : [];
    if (isHostName(hostname) && !found) {
      throw new Error('failed to lookup address information: Name or service not known');
    }
    address = found?.address ?? formatIp(parseHost(hostname, 'Cannot listen at'));
  } catch (error) {
    throw denoErrorOf(error);
  }
  if (address === '0.0.0.0' || address === '::') return address;
  const [plain = ''] = address.split('%');
  if (isDatagram && addressScope(parseIp(plain)) === 'multicast') return address;
  if (!isOwn(stack, plain)) throw systemError('EADDRNOTAVAIL');
  return address;
}

/** An address of a TCP connection. */
export const tcpAddr = (hostname: string | undefined, port: number | undefined): NetAddr => ({
  transport: 'tcp',
  hostname: hostname ?? '',
  port: port ?? 0,
});
