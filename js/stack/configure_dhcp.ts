// SPDX-License-Identifier: MIT
// configure_dhcp - the option `ip: 'dhcp'` of a tap, loaded by the first that has it

import type { TapDhcpOptions } from '../api/configuration.ts';
import type { TapInterface } from '../api/interface.ts';
import type { NetworkStack } from '../api/stack.ts';
import type { DhcpClient } from '../dhcp/client.ts';
import { requestLease } from '../dhcp/request.ts';
import type { NetError } from '../errors.ts';
import { follow, type LearnedNames } from './learned_names.ts';

function leasedNames(client: DhcpClient): LearnedNames | undefined {
  if (!client.isBound) return undefined;
  const { dnsServers, searchDomains, domainName } = client.lease;
  const isListed = searchDomains.length > 0 || domainName === undefined;
  return { dnsServers, searchDomains: isListed ? searchDomains : [domainName] };
}

/**
 * Gets a lease for a tap, and keeps it.
 *
 * @param stack - The stack.
 * @param tap - The tap.
 * @param options - Of the program.
 * @throws {NetError} As requestLease() of ringstack/dhcp.
 */
export async function useDhcp(
  stack: NetworkStack,
  tap: TapInterface,
  { detect, resolver, ...options }: TapDhcpOptions,
): Promise<void> {
  const isInUse = async (ip: string): Promise<boolean> => {
    try {
      await tap.addAddress(`${ip}/32`, { detect: true });
      return false;
    } catch (error) {
      if ((error as NetError).code === 'EADDRINUSE') return true;
      throw error;
    }
  };
  const client = await requestLease(tap, { ...options, ...(detect && { isInUse }) });
  Object.defineProperty(tap, 'dhcp', { value: client, enumerable: true });
  const { events, closed } = client;
  await follow(stack, { events, closed, names: () => leasedNames(client) }, resolver);
}
