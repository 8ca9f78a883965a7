// SPDX-License-Identifier: MIT
// names - the public interfaces of names: hosts and resolvers

/** An address that a resolver found. */
export interface ResolvedAddress {
  /** Numeric. */
  readonly address: string;
  /** 4 or 6. */
  readonly family: 4 | 6;
}

/**
 * Finds the addresses of names: the type of `stack.resolver`. A `Dns` of `ringstack/dns` is one.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { createStack } from 'ringstack';
 *
 * const stack = await createStack();
 * stack.resolver = { lookupAll: async () => [{ address: '127.0.0.1', family: 4 }] };
 * assert.equal((await stack.createPingSession({ host: 'any.name' })).host, '127.0.0.1');
 * await stack.close();
 * ```
 */
export interface Resolver {
  /**
   * Finds all addresses of a name.
   *
   * @param name - A name of a host.
   * @param options - Only of this family; until the signal is aborted.
   * @returns The addresses, best first.
   * @throws Any error; the call that asked fails with it.
   */
  lookupAll(
    name: string,
    options?: { family?: 4 | 6; signal?: AbortSignal },
  ): Promise<readonly ResolvedAddress[]>;
}

/**
 * The hosts of a stack, which every `host` option knows; changes count at once.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { createStack } from 'ringstack';
 *
 * const stack = await createStack({ hosts: '127.0.0.1 db.internal' });
 * stack.hosts.set('www.internal', '127.0.0.1');
 * assert.deepEqual([...stack.hosts.entries()].map(([name]) => name), ['db.internal', 'www.internal']);
 * const session = await stack.createPingSession({ host: 'www.internal' });
 * assert.equal(session.host, '127.0.0.1');
 * await stack.close();
 * ```
 */
export interface StackHosts {
  /**
   * Gives a name its addresses, in place of those it has.
   *
   * @param name - A name of a host.
   * @param addresses - Of either family, at least one.
   * @throws {NetError} EINVAL if the name or an address is malformed.
   */
  set(name: string, addresses: string | readonly string[]): void;
  /**
   * Forgets a name.
   *
   * @param name - A name of a host.
   * @returns Whether it was known.
   * @throws Never.
   */
  delete(name: string): boolean;
  /**
   * The addresses of a name.
   *
   * @param name - A name of a host.
   * @returns Addresses and families, none if the name is not known.
   * @throws {NetError} EINVAL if the name is malformed.
   */
  lookup(name: string): readonly ResolvedAddress[];
  /**
   * All names and their addresses.
   *
   * @returns Pairs, in the order in which they were set.
   * @throws Never.
   */
  entries(): IterableIterator<[string, string[]]>;
}
