// SPDX-License-Identifier: MIT
// lookup - dns.lookup(): addresses and localhost, the hosts of a stack, then its resolver

import type { NetworkStack, ResolvedAddress, Resolver } from 'ringstack';
import { Hold } from '../../../../js/util/process.ts';
import { checkFunction, checkInteger } from '../checks.ts';
import { codeOf, invalidArgType, invalidArgValue } from '../errors.ts';
import type { Lookup, StackSource } from '../net/context.ts';
import { isIP } from '../net/ip.ts';
import { nextTick } from '../runtime.ts';

/** Options of what looks names up. */
export interface LookupOptions {
  /** Finds names that are not in `stack.hosts`. @default stack.resolver */
  readonly dns?: Resolver | undefined;
}

const LOCALHOST: readonly ResolvedAddress[] = [
  { address: '127.0.0.1', family: 4 },
  { address: '::1', family: 6 },
];

/** dns.ADDRCONFIG, V4MAPPED and ALL. */
const HINTS = 0x20 | 0x08 | 0x10;

/** The addresses of a name, all of them. */
export async function addressesOf(
  stack: NetworkStack,
  name: string,
  family: 0 | 4 | 6,
  dns?: Resolver,
): Promise<readonly ResolvedAddress[]> {
  const fits = (one: ResolvedAddress): boolean => family === 0 || one.family === family;
  if (/^localhost\.?$/i.test(name) || /\.localhost\.?$/i.test(name)) return LOCALHOST.filter(fits);
  const known = stack.hosts.lookup(name).filter(fits);
  if (known.length > 0) return known;
  const resolver = dns ?? stack.resolver;
  if (!resolver) return [];
  const found = await resolver.lookupAll(name, family === 0 ? {} : { family });
  return found.filter(fits);
}

/** The error of a name that was not found. */
export function notFound(code: string, hostname: string, cause?: unknown): Error {
  const isKnown = code === 'EAI_AGAIN' || code === 'ENOTFOUND';
  const shown = isKnown ? code : 'ENOTFOUND';
  const error = new Error(`getaddrinfo ${shown} ${hostname}`, { cause });
  return Object.assign(error, {
    errno: shown === 'EAI_AGAIN' ? -3001 : -3008,
    code: shown,
    syscall: 'getaddrinfo',
    hostname,
  });
}

/** The family of options: 0 is any. */
function checkFamily(family: unknown): 0 | 4 | 6 {
  if (family === undefined || family === null || family === 0) return 0;
  if (family === 4 || family === 'IPv4') return 4;
  if (family === 6 || family === 'IPv6') return 6;
  throw invalidArgValue('options.family', String(family), 'must be one of: 0, 4, 6');
}

interface Query {
  readonly family: 0 | 4 | 6;
  readonly isAll: boolean;
  readonly order: 'verbatim' | 'ipv4first' | 'ipv6first';
}

function checkQuery(options: unknown): Query {
  if (typeof options !== 'object' || options === null) {
    return { family: checkFamily(options), isAll: false, order: lookupOrder.value };
  }
  const { family, all = false, hints = 0, verbatim, order } = options as Record<string, unknown>;
  if (hints != null && hints !== 0) {
    if (typeof hints !== 'number') throw invalidArgType('options.hints', ['number'], hints);
    checkInteger(hints, 'options.hints', 0, 2 ** 31 - 1);
    if ((hints & ~HINTS) !== 0) throw invalidArgValue('hints', String(hints));
  }
  if (typeof all !== 'boolean') throw invalidArgType('options.all', ['boolean'], all);
  const said = typeof verbatim === 'boolean' ? (verbatim ? 'verbatim' : 'ipv4first') : undefined;
  return {
    family: checkFamily(family),
    isAll: all,
    order: (order ?? said ?? lookupOrder.value) as Query['order'],
  };
}

/** dns.setDefaultResultOrder(). */
export const lookupOrder: { value: Query['order'] } = { value: 'verbatim' };

function sorted(found: readonly ResolvedAddress[], order: Query['order']): ResolvedAddress[] {
  if (order === 'verbatim') return [...found];
  const first = order === 'ipv4first' ? 4 : 6;
  return [...found].sort(
    (one, other) => Number(other.family === first) - Number(one.family === first),
  );
}

/**
 * Makes dns.lookup() over a stack.
 *
 * @param source - The stack.
 * @param options - A resolver.
 * @returns The function.
 */
export function createLookup(source: StackSource, options: LookupOptions = {}): Lookup {
  const lookup = (hostname: unknown, given: unknown, done?: unknown): object => {
    if (hostname && typeof hostname !== 'string') {
      throw invalidArgType('hostname', ['string'], hostname);
    }
    const callback = (done ?? given) as (
      error: Error | null,
      found?: unknown,
      family?: number,
    ) => void;
    checkFunction(callback, 'callback');
    const query = checkQuery(done === undefined ? undefined : given);
    const answer = (found: readonly ResolvedAddress[]): void => {
      const all = sorted(found, query.order).map(({ address, family }) => ({ address, family }));
      const [first] = all;
      if (query.isAll) callback(null, all);
      else callback(null, first?.address, first?.family);
    };
    if (!hostname) {
      const none = query.isAll ? [] : null;
      nextTick(callback, null, none, query.family === 6 ? 6 : 4);
      return {};
    }
    const name = hostname as string;
    const direct = isIP(name);
    if (direct !== 0) {
      nextTick(answer, [{ address: name, family: direct }]);
      return {};
    }
    const find = async (): Promise<readonly ResolvedAddress[]> =>
      addressesOf('then' in source ? await source : source, name, query.family, options.dns);
    const hold = new Hold();
    hold.set(true);
    find().then(
      (found) => {
        hold.set(false);
        if (found.length > 0) nextTick(answer, found);
        else nextTick(callback, notFound('ENOTFOUND', name));
      },
      (error) => {
        hold.set(false);
        const code =
          codeOf(error) === 'ETIMEDOUT' || codeOf(error) === 'ESERVFAIL'
            ? 'EAI_AGAIN'
            : 'ENOTFOUND';
        nextTick(callback, notFound(code, name, error));
      },
    );
    return {};
  };
  return lookup as unknown as Lookup;
}
