// SPDX-License-Identifier: MIT
// resolve - resolveDns(): records as Deno gives them
//
// A name server that is named is asked by a client of ringstack/dns; otherwise `dns` of createDeno(), or the stack's
// resolver, if that has records of all types, or the name server of the stack itself, 127.0.0.1:53.

import type { NetworkStack } from '../../api/stack.ts';
import type { DnsType } from '../../codec/dns_numbers.ts';
import type { DnsRecord } from '../../codec/dns_types.ts';
import { NetError } from '../../errors.ts';
import { denoErrorOf, errors } from './errors.ts';

/** Types of records, and their shapes. */
export interface DenoRecords {
  /** IPv4 addresses. */
  A: string;
  /** IPv6 addresses. */
  AAAA: string;
  /** Authorities that may issue certificates. */
  CAA: {
    /** An authority that does not know the tag must refuse. */
    critical: boolean;
    /** Property, such as `issue`. */
    tag: string;
    /** Its value. */
    value: string;
  };
  /** Real names. */
  CNAME: string;
  /** Servers for mail. */
  MX: {
    /** The lowest is used first. */
    preference: number;
    /** Name of the server. */
    exchange: string;
  };
  /** Rules that rewrite a name. */
  NAPTR: {
    /** Rules are applied from the lowest on. */
    order: number;
    /** The lowest of one order is used first. */
    preference: number;
    /** Kind of the result. */
    flags: string;
    /** Service and protocol. */
    services: string;
    /** Substitution. */
    regexp: string;
    /** Name in place of a substitution. */
    replacement: string;
  };
  /** Name servers. */
  NS: string;
  /** Names of an address. */
  PTR: string;
  /** Start of a zone; times in seconds. */
  SOA: {
    /** Primary server. */
    mname: string;
    /** Address for mail. */
    rname: string;
    /** Version of the zone. */
    serial: number;
    /** Time between two checks. */
    refresh: number;
    /** Time until a failed check is repeated. */
    retry: number;
    /** Time after which a server without contact stops to answer. */
    expire: number;
    /** Time for which a negative answer may be kept. */
    minimum: number;
  };
  /** Places of a service. */
  SRV: {
    /** The lowest is used first. */
    priority: number;
    /** Share among servers of one priority. */
    weight: number;
    /** Port of the service. */
    port: number;
    /** Name of the server. */
    target: string;
  };
  /** Texts, each in its parts. */
  TXT: string[];
}

/** Options of resolveDns(). */
export interface ResolveDnsOptions {
  /** Name server to ask. @default that of createDeno(), or of the stack */
  nameServer?: {
    /** Its address. */
    ipAddr: string;
    /** Its port. @default 53 */
    port?: number;
  };
  /** Gives up when aborted, with its reason. */
  signal?: AbortSignal;
}

/**
 * A client of DNS that has records of all types, such as a `Dns` or a `DnsClient` of ringstack/dns.
 *
 * @example
 * ```ts
 * import { createDeno, type RecordResolver } from 'ringstack/deno';
 * import { DnsClient } from 'ringstack/dns';
 *
 * const dns: RecordResolver = new DnsClient(stack, { nameServer: { ip: '10.0.0.1' } });
 * const Deno = createDeno(stack, { dns });
 * ```
 */
export interface RecordResolver {
  /**
   * Looks up the records of a type.
   *
   * @param name - The name.
   * @param type - The type.
   * @param options - `signal` gives up.
   * @returns The records.
   * @throws NetError ENOTFOUND, ENODATA, …
   */
  resolve(
    name: string,
    type: DnsType,
    options?: { signal?: AbortSignal },
  ): Promise<readonly DnsRecord[]>;
}

/** A name as Deno writes it, with the dot of the root. */
const absolute = (name: string): string => (name.endsWith('.') ? name : `${name}.`);

const textOf = (part: Uint8Array | string): string =>
  typeof part === 'string' ? part : new TextDecoder().decode(part);

type Shapes = {
  readonly [T in keyof DenoRecords]: (record: Extract<DnsRecord, { type: T }>) => DenoRecords[T];
};

const SHAPES: Shapes = {
  A: ({ ip }) => ip,
  AAAA: ({ ip }) => ip,
  CAA: ({ flags, tag, value }) => ({ critical: (flags & 128) !== 0, tag, value }),
  CNAME: ({ cname }) => absolute(cname),
  MX: ({ preference, exchange }) => ({ preference, exchange: absolute(exchange) }),
  NAPTR: ({ order, preference, flags, service, regexp, replacement }) => ({
    ...{ order, preference, flags, services: service, regexp },
    replacement: absolute(replacement),
  }),
  NS: ({ ns }) => absolute(ns),
  PTR: ({ ptr }) => absolute(ptr),
  SOA: ({ mname, rname, serial, refresh, retry, expire, minimum }) => ({
    ...{ mname: absolute(mname), rname: absolute(rname) },
    ...{ serial, refresh, retry, expire, minimum },
  }),
  SRV: ({ priority, weight, port, target }) => ({
    priority,
    weight,
    port,
    target: absolute(target),
  }),
  TXT: ({ value, strings }) => (strings ?? [value]).map(textOf),
};

/** Asks one name server. */
async function clientOf(
  stack: NetworkStack,
  server: ResolveDnsOptions['nameServer'],
): Promise<RecordResolver> {
  const { DnsClient } = await import('../../dns/dns.ts');
  const { ipAddr = '127.0.0.1', port = 53 } = server ?? {};
  return new DnsClient(stack, { nameServer: { ip: ipAddr, port } });
}

/**
 * Looks records up.
 *
 * @param stack - The stack.
 * @param dns - Of createDeno().
 * @param query - The name.
 * @param type - Type of the records.
 * @param options - Name server and signal.
 * @returns The records, at least one.
 * @throws NotFound if there are none, TimedOut, TypeError for an unknown type; or the signal's reason.
 */
export async function resolveDns<T extends keyof DenoRecords>(
  stack: NetworkStack,
  dns: RecordResolver | undefined,
  query: string,
  type: T,
  options: ResolveDnsOptions = {},
): Promise<DenoRecords[T][]> {
  if (!Object.hasOwn(SHAPES, type)) throw new TypeError(`Unsupported record type: ${String(type)}`);
  const { nameServer, signal } = options;
  signal?.throwIfAborted();
  const known = dns ?? (stack.resolver as Partial<RecordResolver> | undefined);
  try {
    const client =
      !nameServer && known?.resolve ? (known as RecordResolver) : await clientOf(stack, nameServer);
    const records = await client.resolve(query, type, signal ? { signal } : {});
    const shape = SHAPES[type] as (record: DnsRecord) => DenoRecords[T];
    return records.map(shape);
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof NetError && (error.code === 'ENOTFOUND' || error.code === 'ENODATA')) {
      throw new errors.NotFound(`no record found for ${query} ${type}`, { cause: error });
    }
    throw denoErrorOf(error);
  }
}
