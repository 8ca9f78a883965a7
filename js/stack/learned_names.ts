// SPDX-License-Identifier: MIT
// learned_names - name servers that leases and routers told, as the resolver of a stack that has no other
//
// A resolver that the program sets stays, and ours comes back only when it takes that one away: it is looked at whenever
// something is learned.

import type { NetworkStack } from '../api/stack.ts';
import { DnsClient } from '../dns/client.ts';
import { normalizeName } from '../util/host_name.ts';

/** Names that one source tells. */
export interface LearnedNames {
  readonly dnsServers: readonly string[];
  readonly searchDomains: readonly string[];
}

/** Names that a stack has learned, and the resolver that was made of them. */
class Learned {
  readonly sources = new Map<object, LearnedNames>();
  resolver: NetworkStack['resolver'];
  made = '';
}

const all = new WeakMap<NetworkStack, Learned>();

/** Whether a domain is one: a server may tell anything. */
function isName(domain: string): boolean {
  try {
    return normalizeName(domain) !== '';
  } catch {
    return false;
  }
}

/** Notes what a source tells, undefined: nothing any more; the stack's resolver follows. */
async function learn(
  stack: NetworkStack,
  source: object,
  names: LearnedNames | undefined,
): Promise<void> {
  const learned = all.get(stack) ?? new Learned();
  all.set(stack, learned);
  if (names) learned.sources.set(source, names);
  else learned.sources.delete(source);
  const told = [...learned.sources.values()];
  const nameServers = [...new Set(told.flatMap(({ dnsServers }) => dnsServers))];
  const search = [...new Set(told.flatMap(({ searchDomains }) => searchDomains))].filter(isName);
  const made = [...nameServers, '', ...search].join(' ');
  if (stack.resolver !== learned.resolver || made === learned.made) return;
  learned.made = made;
  if (nameServers.length === 0) {
    learned.resolver = undefined;
  } else {
    const servers = nameServers.map((ip) => ({ ip }));
    learned.resolver = new DnsClient(stack, { nameServers: servers, search });
  }
  stack.resolver = learned.resolver;
}

/** A client that tells names. */
interface Client<Names> {
  readonly events: AsyncIterable<unknown>;
  readonly closed: Promise<void>;
  readonly names: () => Names;
}

/**
 * Has the stack look names up where a client says, for as long as it says so.
 *
 * @param stack - The stack.
 * @param client - The client.
 * @param isWanted - false: does nothing.
 * @throws Never.
 */
export async function follow(
  stack: NetworkStack,
  { events, closed, names }: Client<LearnedNames | undefined>,
  isWanted: boolean | undefined,
): Promise<void> {
  if (isWanted === false) return;
  const loop = events[Symbol.asyncIterator]();
  await learn(stack, events, names());
  void (async () => {
    for (let { done } = await loop.next(); !done; { done } = await loop.next()) {
      await learn(stack, events, names());
    }
    await closed;
    await learn(stack, events, undefined);
  })();
}
