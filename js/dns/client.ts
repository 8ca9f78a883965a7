// SPDX-License-Identifier: MIT
// client - looks names up: the resolver of ringstack/dns
//
// A name goes, in this order: an address is its own answer; the hosts; `localhost` is the loopback (RFC 6761);
// names of .local go to mDNS, if there is one; all others to the name servers, with the search list for
// short ones. Of an answer only those records count that the chain of CNAME records from the question
// leads to; a chain that leaves the answer is followed by a question of its own.

import type { DnsType } from '../codec/dns_numbers.ts';
import { ipToPtrName } from '../codec/dns_ptr.ts';
import type {
  DnsEdns,
  DnsMessage,
  DnsQuestion,
  DnsRecord,
  DnsRecordOf,
} from '../codec/dns_types.ts';
import { NetError, type NetErrorCode } from '../errors.ts';
import { untilAborted } from '../util/abort.ts';
import { parseIp } from '../util/address.ts';
import { checkValue, whole } from '../util/check.ts';
import { lowerAscii, normalizeName } from '../util/host_name.ts';
import { type HostAddress, Hosts, isHosts } from '../util/hosts.ts';
import { Asker } from './asker.ts';
import type {
  DnsClientOptions,
  LocalNames,
  LookupOptions,
  ResolveOptions,
} from './client_options.ts';
import type { DnsClientStatistics } from './exchange.ts';
import { type DnsTransport, networkOf } from './network.ts';

/** Names in a chain of CNAME records. */
const LONGEST_CHAIN = 16;

const LOOPBACK: readonly HostAddress[] = [
  { address: '127.0.0.1', family: 4 },
  { address: '::1', family: 6 },
];

const CODES: Readonly<Record<string, NetErrorCode>> = {
  NXDOMAIN: 'ENOTFOUND',
  REFUSED: 'EREFUSED',
  NOTIMP: 'ENOTSUP',
  FORMERR: 'EPROTO',
};

const action = (name: string, type?: string): string =>
  `Cannot look up ${type === undefined ? '' : `${type} of `}${name || '.'}`;

function noData(name: string, type: string): NetError {
  return new NetError('ENODATA', action(name), { reason: `it has no record of type ${type}` });
}

function checkFamily(family: unknown): void {
  if (family === undefined || family === 4 || family === 6) return;
  throw new NetError('EINVAL', `Cannot look up addresses of family ${family}`, {
    reason: 'it is 4 or 6',
  });
}

/** The address that a name is, if it is one. */
function literal(name: string): HostAddress | undefined {
  if (!/^[\d.]+$|:/.test(name)) return undefined;
  try {
    return { address: name, family: parseIp(name, { zone: true }).family };
  } catch {
    return undefined;
  }
}

/** Follows the chain from a name through an answer. Returns its end, and the records of the type there. */
function follow(answers: readonly DnsRecord[], from: string, type: DnsType) {
  const seen = new Set<string>();
  for (let end = lowerAscii(from); ; ) {
    const here = answers.filter((record) => lowerAscii(record.name) === end);
    const found = type === 'ANY' ? here : here.filter((record) => record.type === type);
    const next = here.find((record) => record.type === 'CNAME');
    if (found.length > 0 || next?.type !== 'CNAME') return { end, found };
    seen.add(end);
    end = lowerAscii(next.cname);
    if (seen.has(end) || seen.size > LONGEST_CHAIN) return { end, found: [] };
  }
}

/**
 * Looks names up. createDns() makes one; its methods need no `this`.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { createZone, DnsClient, DnsServer } from 'ringstack/dns';
 *
 * const server = new DnsServer(null, { zones: [createZone({ 'db.internal': '10.0.0.2' })] });
 * const client = new DnsClient(null, { nameServer: (query) => server.answer(query) });
 * assert.equal(await client.lookup('db.internal'), '10.0.0.2');
 * await assert.rejects(client.lookup('no.db.internal'), { code: 'ENOTFOUND' });
 * ```
 */
export class DnsClient {
  readonly #asker: Asker;
  readonly #hosts: Hosts;
  readonly #mdns: LocalNames | undefined;
  readonly #search: readonly string[];
  readonly #ndots: number;

  /**
   * Opens nothing yet: every query has a socket of its own.
   *
   * @param transport - A stack, its `udp`, any datagram transport, or null.
   * @param options - Name servers, and how they are asked.
   * @throws NetError EINVAL if an option is out of range.
   */
  constructor(transport: DnsTransport, options: DnsClientOptions = {}) {
    const { nameServer = { ip: '127.0.0.1', port: 53 }, hosts = {}, search = [] } = options;
    const servers = options.nameServers ?? [nameServer];
    this.#asker = new Asker(networkOf(transport, options.tcp), servers, options);
    this.#hosts = isHosts(hosts) ? hosts : new Hosts(hosts);
    this.#mdns = options.mdns;
    this.#search = search.map(normalizeName);
    const { ndots = 1 } = options;
    checkValue('Cannot look names up', 'ndots', ndots, whole(0, 15));
    this.#ndots = ndots;
  }

  /** Counters: queries sent, and responses dropped by reason. */
  get statistics(): Readonly<DnsClientStatistics> {
    return this.#asker.statistics;
  }

  /**
   * Looks up an address of a name: IPv4 if it has one, unless the family says otherwise.
   *
   * @param name - A name, or an address, which is its own answer.
   * @param options - Family and signal.
   * @returns The address.
   * @throws NetError ENOTFOUND if there is no such name, ENODATA if it has no such address, ESERVFAIL,
   *   EREFUSED, ETIMEDOUT if no name server answered, EINVAL if it is no name, ESHUTDOWN after close().
   */
  readonly lookup = async (name: string, options: LookupOptions = {}): Promise<string> => {
    const { family, signal } = options;
    checkFamily(family);
    if (family !== undefined) return (await this.#find(name, [family], signal))[0].address;
    try {
      return (await this.#find(name, [4], signal))[0].address;
    } catch (error) {
      const { code } = error as Partial<NetError>;
      if (code !== 'ENODATA' && code !== 'ENOTFOUND') throw error;
      const six = await this.#find(name, [6], signal).catch(() => undefined);
      signal?.throwIfAborted();
      if (six) return six[0].address;
      throw error;
    }
  };

  /**
   * Looks up all addresses of a name.
   *
   * @param name - See lookup().
   * @param options - Family and signal.
   * @returns At least one; those of IPv4 first.
   * @throws NetError as lookup(); a family that fails is left out if the other does not.
   */
  readonly lookupAll = async (
    name: string,
    options: LookupOptions = {},
  ): Promise<HostAddress[]> => {
    const { family, signal } = options;
    checkFamily(family);
    return [...(await this.#find(name, family === undefined ? [4, 6] : [family], signal))];
  };

  /**
   * Looks up the records of a type, at name servers only: not in the hosts, and not along the search list.
   *
   * @param name - The whole name.
   * @param type - Type by name, or `TYPE` and its number.
   * @param options - Signal.
   * @returns At least one record; those of the end of a chain of CNAME records, whose name differs.
   * @throws NetError as lookup().
   */
  readonly resolve = async <T extends DnsType>(
    name: string,
    type: T,
    options: ResolveOptions = {},
  ): Promise<DnsRecordOf<T>[]> => {
    const records = await this.#records(normalizeName(name), type, options.signal);
    return records as DnsRecordOf<T>[];
  };

  /**
   * Looks up the name of an address.
   *
   * @param ip - IPv4 or IPv6.
   * @param options - Signal.
   * @returns The name; the first one if there are several.
   * @throws NetError as lookup(); EINVAL if it is no address.
   */
  readonly reverse = async (ip: string, options: ResolveOptions = {}): Promise<string> => {
    const [known] = this.#hosts.reverse(ip);
    if (known !== undefined) return known;
    const records = await this.resolve(ipToPtrName(ip), 'PTR', options);
    return (records[0] as DnsRecordOf<'PTR'>).ptr;
  };

  /**
   * Sends a query as it is, past cache and hosts. Its number is drawn anew.
   *
   * @param message - A message with one question, or just the question.
   * @param options - Signal.
   * @returns The response, whatever its result.
   * @throws NetError ETIMEDOUT if no name server answered, EINVAL if the query cannot be written.
   */
  readonly query = async (
    message: Partial<DnsMessage> | DnsQuestion,
    options: ResolveOptions = {},
  ): Promise<DnsMessage> => {
    const isQuestion = 'name' in message;
    const given: Partial<DnsMessage> = isQuestion ? { questions: [message] } : message;
    const { edns, ...rest } = { recursionDesired: true, ...given } as Partial<DnsMessage>;
    if (rest.questions?.length !== 1) {
      throw new NetError('EINVAL', 'Cannot send a query', { reason: 'it has one question' });
    }
    const extension: DnsEdns | undefined = edns;
    return (await this.#asker.exchange(rest, extension, options.signal)).message;
  };

  /**
   * Gives up what is being looked up. Nothing can be looked up any more.
   *
   * @throws Never.
   */
  close(): void {
    this.#asker.close();
  }

  /** Addresses of some families; at least one. */
  async #find(
    name: string,
    families: readonly (4 | 6)[],
    signal: AbortSignal | undefined,
  ): Promise<[HostAddress, ...HostAddress[]]> {
    signal?.throwIfAborted();
    const known = this.#known(name);
    const all = known ?? (await this.#findAll(name, families, signal));
    const [first, ...others] = all.filter(({ family }) => families.includes(family));
    if (first) return [first, ...others];
    throw noData(name, families.includes(4) ? 'A' : 'AAAA');
  }

  /** Addresses of a name that needs no question: an address, a name of hosts, localhost. */
  #known(name: string): readonly HostAddress[] | undefined {
    const own = typeof name === 'string' ? literal(name) : undefined;
    if (own) return [own];
    const plain = normalizeName(name);
    const listed = this.#hosts.size > 0 ? this.#hosts.lookup(plain) : [];
    if (listed.length > 0) return listed;
    return plain === 'localhost' || plain.endsWith('.localhost') ? LOOPBACK : undefined;
  }

  async #findAll(
    name: string,
    families: readonly (4 | 6)[],
    signal: AbortSignal | undefined,
  ): Promise<HostAddress[]> {
    const plain = normalizeName(name);
    const isLocal = this.#mdns !== undefined && /(?:^|\.)local$/.test(plain);
    const one = (family: 4 | 6): Promise<HostAddress[]> =>
      isLocal ? this.#local(plain, family, signal) : this.#searched(name, plain, family, signal);
    const outcomes = await Promise.allSettled(families.map(one));
    const found = outcomes.flatMap((outcome) =>
      outcome.status === 'fulfilled' ? outcome.value : [],
    );
    if (found.length > 0) return found;
    const errors = outcomes.map((outcome) => (outcome as PromiseRejectedResult).reason);
    const isPlain = ({ code }: Partial<NetError>): boolean =>
      code === 'ENODATA' || code === 'ENOTFOUND';
    throw errors.find((error) => !isPlain(error)) ?? errors[0];
  }

  async #local(
    name: string,
    family: 4 | 6,
    signal: AbortSignal | undefined,
  ): Promise<HostAddress[]> {
    const mdns = this.#mdns as LocalNames;
    const asked = mdns.lookup(name, signal ? { family, signal } : { family });
    return [{ address: await (signal ? untilAborted(asked, signal) : asked), family }];
  }

  /** The names to try for one that may be short, in order. */
  #candidates(name: string, plain: string): string[] {
    if (name.endsWith('.') || this.#search.length === 0) return [plain];
    const longer = this.#search.map((domain) => (domain === '' ? plain : `${plain}.${domain}`));
    const dots = plain.split('.').length - 1;
    return dots >= this.#ndots ? [plain, ...longer] : [...longer, plain];
  }

  async #searched(
    name: string,
    plain: string,
    family: 4 | 6,
    signal: AbortSignal | undefined,
  ): Promise<HostAddress[]> {
    const type = family === 4 ? 'A' : 'AAAA';
    let failure: unknown;
    for (const candidate of this.#candidates(name, plain)) {
      try {
        const records = await this.#records(candidate, type, signal);
        return records.map((record) => ({ address: (record as DnsRecordOf<'A'>).ip, family }));
      } catch (error) {
        const { code } = error as Partial<NetError>;
        if (code !== 'ENODATA' && code !== 'ENOTFOUND') throw error;
        // ENODATA (the name exists without that record) says more than ENOTFOUND of another suffix.
        if (failure === undefined || code === 'ENODATA') failure = error;
      }
    }
    throw failure;
  }

  async #records(
    name: string,
    type: DnsType,
    signal: AbortSignal | undefined,
  ): Promise<DnsRecord[]> {
    const seen = new Set<string>();
    for (let asked = name; !seen.has(asked) && seen.size < LONGEST_CHAIN; ) {
      seen.add(asked);
      const message = await this.#ask(asked, type, signal);
      const { end, found } = follow(message.answers, asked, type);
      if (found.length > 0) return found;
      const { rcode } = message;
      if (rcode !== 'NOERROR') {
        const reason = `dns query failed with rcode: ${rcode}`;
        throw new NetError(CODES[rcode] ?? 'ESERVFAIL', action(name), { reason });
      }
      if (message.truncated) {
        const reason = 'the answer is too long for a datagram, and there is no TCP';
        throw new NetError('ESERVFAIL', action(name), { reason });
      }
      if (
        end === lowerAscii(asked) ||
        message.authorities.some((record) => record.type === 'SOA')
      ) {
        throw noData(name, type);
      }
      asked = end;
    }
    const reason = 'its chain of CNAME records does not end';
    throw new NetError('ESERVFAIL', action(name), { reason });
  }

  /** Asks, and says in an error of what for. */
  async #ask(name: string, type: DnsType, signal: AbortSignal | undefined): Promise<DnsMessage> {
    try {
      return await this.#asker.ask({ name, type, class: 'IN' }, {}, signal);
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof NetError) || error.code === 'EINVAL') throw error;
      const reason = error.code === 'ETIMEDOUT' ? 'no name server answered in time' : error.message;
      throw new NetError(error.code, action(name, type), { reason, cause: error });
    }
  }
}
