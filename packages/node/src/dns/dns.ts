// SPDX-License-Identifier: MIT
// dns - createNodeDns(): node:dns over the names and the resolver of a stack

import { checkPort } from '../checks.ts';
import { invalidArgValue, missingArgs } from '../errors.ts';
import type { StackSource } from '../net/context.ts';
import { isIP } from '../net/ip.ts';
import { nextTick } from '../runtime.ts';
import { createLookup, type LookupOptions, lookupOrder } from './lookup.ts';
import { NodeResolver, QUERIES, queryError, type ResolverOptions } from './resolver.ts';

type Callback = (error: Error | null, ...found: unknown[]) => void;
type Method = (...args: unknown[]) => unknown;

/** Codes of c-ares, as dns has them. */
const CODES = {
  NODATA: 'ENODATA',
  FORMERR: 'EFORMERR',
  SERVFAIL: 'ESERVFAIL',
  NOTFOUND: 'ENOTFOUND',
  NOTIMP: 'ENOTIMP',
  REFUSED: 'EREFUSED',
  BADQUERY: 'EBADQUERY',
  BADNAME: 'EBADNAME',
  BADFAMILY: 'EBADFAMILY',
  BADRESP: 'EBADRESP',
  CONNREFUSED: 'ECONNREFUSED',
  TIMEOUT: 'ETIMEOUT',
  EOF: 'EOF',
  FILE: 'EFILE',
  NOMEM: 'ENOMEM',
  DESTRUCTION: 'EDESTRUCTION',
  BADSTR: 'EBADSTR',
  BADFLAGS: 'EBADFLAGS',
  NONAME: 'ENONAME',
  BADHINTS: 'EBADHINTS',
  NOTINITIALIZED: 'ENOTINITIALIZED',
  LOADIPHLPAPI: 'ELOADIPHLPAPI',
  ADDRGETNETWORKPARAMS: 'EADDRGETNETWORKPARAMS',
  CANCELLED: 'ECANCELLED',
} as const;

/** Names of the services that a port is known by. */
const SERVICES: Readonly<Record<number, string>> = {
  22: 'ssh',
  25: 'smtp',
  53: 'domain',
  80: 'http',
  443: 'https',
};

/** resolve4() and its kin, of a resolver. */
function queriesOf(resolver: NodeResolver): Record<string, Method> {
  const all: Record<string, Method> = {};
  for (const [type, syscall] of Object.entries(QUERIES)) {
    const name =
      type === 'A'
        ? 'resolve4'
        : type === 'AAAA'
          ? 'resolve6'
          : syscall.replace('query', 'resolve');
    all[name] = (host, ...args) => resolver.query(type, host, args);
  }
  all['resolve'] = (...args) => resolver.resolve(args[0], args[1], args[2]);
  all['reverse'] = (...args) => resolver.reverse(args[0], args[1]);
  return all;
}

/** Functions that return promises, of those that take a callback as their last argument. */
function promised(functions: Record<string, Method>): Record<string, Method> {
  const wrap =
    (run: Method): Method =>
    (...args) => {
      let settle: (error: Error | null, found: unknown) => void = () => {};
      const result = new Promise((resolve, reject) => {
        settle = (error, found) => (error ? reject(error) : resolve(found));
      });
      // Wrong arguments throw.
      run(...args, (error: Error | null, found: unknown) => settle(error, found));
      return result;
    };
  return Object.fromEntries(Object.entries(functions).map(([name, run]) => [name, wrap(run)]));
}

/** dns.Resolver and dns.promises.Resolver. */
function resolverClass(source: StackSource, options: LookupOptions, isPromised: boolean) {
  return class Resolver {
    constructor(init?: ResolverOptions) {
      const inner = new NodeResolver(source, init, options.dns);
      const queries = queriesOf(inner);
      Object.assign(this, isPromised ? promised(queries) : queries, {
        getServers: () => inner.getServers(),
        setServers: (servers: unknown) => inner.setServers(servers),
        setLocalAddress: (...args: [unknown, unknown?]) => inner.setLocalAddress(...args),
        cancel: () => inner.cancel(),
      });
    }
  };
}

function lookupServiceOf(resolver: NodeResolver): Method {
  return (...args) => {
    if (args.length < 3) throw missingArgs('address', 'port', 'callback');
    const [address, given, callback] = args as [string, unknown, Callback];
    if (isIP(address) === 0) throw invalidArgValue('address', `'${address}'`);
    const port = checkPort(given);
    const service = SERVICES[port] ?? String(port);
    if (address === '127.0.0.1' || address === '::1') {
      nextTick(callback, null, 'localhost', service);
      return {};
    }
    return resolver.reverse(address, (error: Error | null, names?: string[]) => {
      if (error) callback(queryError({ code: 'ENOTFOUND' }, 'getnameinfo', address));
      else callback(null, names?.[0], service);
    });
  };
}

/**
 * Makes a module with the face of node:dns that looks names up in the hosts and with the resolver of a stack.
 *
 * @param stack - A stack, or the promise of one.
 * @param options - Another resolver.
 * @returns The module.
 * @throws Never.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { createStack } from 'ringstack';
 * import { createNodeDns } from 'ringstack-node';
 *
 * const stack = await createStack({ hosts: '10.0.0.2 db.internal' });
 * const dns = createNodeDns(stack);
 * assert.deepEqual(await dns.promises.lookup('db.internal'), { address: '10.0.0.2', family: 4 });
 * await stack.close();
 * ```
 */
export function createNodeDns(
  stack: StackSource,
  options: LookupOptions = {},
): typeof import('node:dns') {
  const lookup = createLookup(stack, options) as unknown as Method;
  const resolver = new NodeResolver(stack, {}, options.dns);
  const queries = queriesOf(resolver);
  const lookupService = lookupServiceOf(resolver);
  const getServers = (): string[] => resolver.getServers();
  const setServers = (servers: unknown): void => resolver.setServers(servers, true);
  const getDefaultResultOrder = (): string => lookupOrder.value;
  const setDefaultResultOrder = (order: unknown): void => {
    if (order !== 'verbatim' && order !== 'ipv4first' && order !== 'ipv6first') {
      throw invalidArgValue(
        'dnsOrder',
        String(order),
        "must be one of: 'verbatim', 'ipv4first', 'ipv6first'",
      );
    }
    lookupOrder.value = order;
  };
  const common = { getServers, setServers, getDefaultResultOrder, setDefaultResultOrder, ...CODES };
  const promises = {
    ...common,
    ...promised(queries),
    lookup: (host: unknown, given?: unknown) =>
      new Promise((resolve, reject) => {
        lookup(host, given, (error: Error | null, found: unknown, family: number) => {
          if (error) reject(error);
          else resolve(Array.isArray(found) ? found : { address: found, family });
        });
      }),
    lookupService: (address: unknown, port: unknown) =>
      new Promise((resolve, reject) => {
        lookupService(address, port, (error: Error | null, hostname: string, service: string) => {
          if (error) reject(error);
          else resolve({ hostname, service });
        });
      }),
    Resolver: resolverClass(stack, options, true),
  };
  const dns = {
    ...common,
    ...queries,
    lookup,
    lookupService,
    Resolver: resolverClass(stack, options, false),
    ADDRCONFIG: 0x20,
    ALL: 0x10,
    V4MAPPED: 0x08,
    promises,
  };
  return dns as unknown as typeof import('node:dns');
}
