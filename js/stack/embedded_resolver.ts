// SPDX-License-Identifier: MIT
// embedded_resolver - the resolver of a stack that has no other: a DNS client, loaded with the first name that is looked up
//
// Without `nameServer` the stack itself is asked, at 127.0.0.1:53. Whether a server is there is seen by trying to bind
// that port: to wait for an answer that cannot come would take seconds. Names of .local are asked for on the links, by
// mDNS, which is open only for that time.

import type { Resolver } from '../api/names.ts';
import type { NetworkStack, StackOptions } from '../api/stack.ts';
import { DnsClient } from '../dns/client.ts';
import type { LocalNames } from '../dns/client_options.ts';
import { NetError } from '../errors.ts';
import { show } from '../util/check.ts';

const OWN = { host: '127.0.0.1', port: 53 };

/** Whether something on the stack answers at 127.0.0.1:53. */
async function hasServer(stack: NetworkStack): Promise<boolean> {
  try {
    await (await stack.openUdp(OWN)).close();
    return false;
  } catch (error) {
    return (error as NetError).code === 'EADDRINUSE';
  }
}

/** Looks up one name of .local on the links of a stack. */
const localNames = (stack: NetworkStack): LocalNames => ({
  lookup: async (name, options) => {
    const { createMdns } = await import('../mdns/create.ts');
    const mdns = await createMdns(stack);
    try {
      return await mdns.lookup(name, options);
    } finally {
      await mdns.close();
    }
  },
});

/**
 * Makes the resolver that createStack() has options for.
 *
 * @param stack - The stack.
 * @param options - Its options.
 * @returns The resolver; it opens a socket for each query, and needs no end.
 * @throws {NetError} EINVAL if a name server or a domain is malformed.
 */
export function embeddedResolver(stack: NetworkStack, options: StackOptions): Resolver {
  const { nameServer, nameServers, search = [] } = options;
  const servers = nameServers ?? (nameServer && [nameServer]);
  const mdns = localNames(stack);
  const client = new DnsClient(stack, { search, mdns, ...(servers && { nameServers: servers }) });
  if (servers) return client;
  return {
    lookupAll: async (name, how) => {
      if (/\.local\.?$/i.test(name) || (await hasServer(stack))) return client.lookupAll(name, how);
      throw new NetError('ENOTFOUND', `Cannot resolve ${show(name)}`, {
        reason:
          'it is not in the hosts of the stack, which has no name server (nameServer, stack.resolver)',
      });
    },
  };
}
