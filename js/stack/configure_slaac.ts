// SPDX-License-Identifier: MIT
// configure_slaac - the option `ip: 'slaac'` of a tap, loaded by the first that has it

import type { TapSlaacOptions } from '../api/configuration.ts';
import type { TapInterface } from '../api/interface.ts';
import type { NetworkStack } from '../api/stack.ts';
import { type RouterClient, solicitRouter } from '../dhcp/solicit.ts';
import { follow, type LearnedNames } from './learned_names.ts';

/** Names of routers; a link-local server is on the link of this tap. */
function routedNames(stack: NetworkStack, tap: TapInterface, client: RouterClient): LearnedNames {
  const zone = [...stack.interfaces].indexOf(tap) + 1;
  const dnsServers = client.dnsServers.map((ip) => (/^fe[89ab]/i.test(ip) ? `${ip}%${zone}` : ip));
  return { dnsServers, searchDomains: client.searchDomains };
}

/**
 * Gets IPv6 addresses for a tap, and keeps them.
 *
 * @param stack - The stack.
 * @param tap - The tap.
 * @param options - Of the program.
 * @throws {NetError} As solicitRouter() of ringstack/dhcp.
 */
export async function useSlaac(
  stack: NetworkStack,
  tap: TapInterface,
  { resolver, ...options }: TapSlaacOptions,
): Promise<void> {
  const client = await solicitRouter(tap, options);
  Object.defineProperty(tap, 'slaac', { value: client, enumerable: true });
  const { events, closed } = client;
  await follow(stack, { events, closed, names: () => routedNames(stack, tap, client) }, resolver);
}
