// SPDX-License-Identifier: MIT
// resolver - dns.Resolver over a stack: resolve*() and reverse() with callbacks
//
// Without servers of its own a Resolver asks `stack.resolver`, if that is a Dns of ringstack/dns. Once
// setServers() was called it is a client of ringstack/dns, which is loaded then.

import type { Resolver as StackResolver } from 'ringstack';
import type { Dns, DnsClient, DnsRecord, DnsType } from 'ringstack/dns';
import { AbortGroup, untilAborted } from '../../../../js/util/abort.ts';
import { Hold } from '../../../../js/util/process.ts';
import { checkFunction, checkString } from '../checks.ts';
import { invalidArgType, invalidArgValue, nodeError } from '../errors.ts';
import type { StackSource } from '../net/context.ts';
import { isIP } from '../net/ip.ts';
import { nextTick } from '../runtime.ts';
import { anyShapeOf, shapeOf } from './records.ts';

type Callback = (error: Error | null, found?: unknown) => void;

/** Options of a Resolver. */
export interface ResolverOptions {
  /** ms before a server is asked again; -1: the default. */
  readonly timeout?: number;
  /** Times that each server is asked. */
  readonly tries?: number;
  readonly maxTimeout?: number;
}

/** Types that resolve() takes, and the names of their queries in errors. */
export const QUERIES: Readonly<Record<string, string>> = {
  A: 'queryA',
  AAAA: 'queryAaaa',
  ANY: 'queryAny',
  CAA: 'queryCaa',
  CNAME: 'queryCname',
  MX: 'queryMx',
  NAPTR: 'queryNaptr',
  NS: 'queryNs',
  PTR: 'queryPtr',
  SOA: 'querySoa',
  SRV: 'querySrv',
  TXT: 'queryTxt',
};

/** Codes of c-ares for those of a stack. */
const CODES: Readonly<Record<string, string>> = {
  ETIMEDOUT: 'ETIMEOUT',
  EPROTO: 'EBADRESP',
  ENOTSUP: 'ENOTIMP',
  ESHUTDOWN: 'ECANCELLED',
  EINVAL: 'EBADNAME',
};

/** The error of a query that failed. */
export function queryError(error: unknown, syscall: string, hostname?: string): Error {
  const given = String((error as { code?: unknown })?.code ?? 'ESERVFAIL');
  const code = CODES[given] ?? given;
  const message = `${syscall} ${code}${hostname === undefined ? '' : ` ${hostname}`}`;
  const what = Object.assign(new Error(message), { errno: undefined, code, syscall });
  return hostname === undefined ? what : Object.assign(what, { hostname });
}

const invalidAddress = (value: unknown): Error =>
  nodeError(TypeError, 'ERR_INVALID_IP_ADDRESS', `Invalid IP address: ${value}`);

/** A server as `1.2.3.4:53`, in parts. */
function parseServer(server: unknown, index: number): { ip: string; port: number } {
  checkString(server, `servers[${index}]`);
  if (isIP(server) !== 0) return { ip: server, port: 53 };
  const six = /^\[([^\]]+)\](?::(\d+))?$/.exec(server);
  const [, ip = '', port] = six ?? /^([\d.]+):(\d+)$/.exec(server) ?? [];
  if (isIP(ip) === 0) {
    throw invalidAddress(server);
  }
  return { ip, port: port === undefined ? 53 : Number(port) };
}

/** The client that answers queries about records. */
type Client = Pick<Dns | DnsClient, 'resolve' | 'reverse'>;

/** A resolver with its own servers, or with those of the stack. */
export class NodeResolver {
  readonly #source: StackSource;
  readonly #options: ResolverOptions;
  readonly #dns: StackResolver | undefined;
  #servers: string[] = [];
  #client: Promise<DnsClient> | undefined;
  #waiting = new AbortGroup();
  #queries = 0;
  #local: { four: string; six: string } | undefined;

  constructor(source: StackSource, options: ResolverOptions = {}, dns?: StackResolver) {
    this.#source = source;
    this.#options = options;
    this.#dns = dns;
  }

  /** The servers; without some, the address that c-ares asks when the system names none. */
  getServers(): string[] {
    return this.#servers.length > 0 ? [...this.#servers] : ['127.0.0.1'];
  }

  /** Asks others from now on; isAnyTime: also while queries wait, which go on as they are. */
  setServers(servers: unknown, isAnyTime = false): void {
    if (!Array.isArray(servers)) throw invalidArgType('servers', ['Array'], servers);
    const parsed = servers.map(parseServer);
    if (this.#queries > 0 && !isAnyTime) {
      throw nodeError(
        Error,
        'ERR_DNS_SET_SERVERS_FAILED',
        `c-ares failed to set servers: "There are pending queries." [${servers}]`,
      );
    }
    this.#servers = parsed.map(({ ip, port }) => {
      if (port === 53) return ip;
      return ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`;
    });
    this.#client = parsed.length === 0 ? undefined : this.#open(parsed);
    this.#client?.catch(() => {});
  }

  async #open(nameServers: readonly { ip: string; port: number }[]): Promise<DnsClient> {
    const [{ DnsClient }, stack] = await Promise.all([import('ringstack/dns'), this.#source]);
    const { timeout = -1, tries } = this.#options;
    // Servers see which address a question comes from where the program has said so.
    const from = (host = ''): string | undefined => {
      const chosen = host.includes(':') ? this.#local?.six : this.#local?.four;
      return chosen === '0.0.0.0' || chosen === '::' ? undefined : chosen;
    };
    const host = from(nameServers[0]?.ip);
    const transport =
      host === undefined
        ? stack
        : {
            udp: { open: (options?: object) => stack.udp.open({ ...options, host }) },
            tcp: stack.tcp,
          };
    return new DnsClient(transport, {
      nameServers,
      // As c-ares asks.
      edns: false,
      ...(timeout > 0 && { timeout }),
      ...(tries !== undefined && { attempts: tries }),
    });
  }

  setLocalAddress(first: unknown, second?: unknown): void {
    checkString(first, 'ipv4');
    if (second !== undefined) checkString(second, 'ipv6');
    const [one, two] = [isIP(first), second === undefined ? undefined : isIP(second)];
    if (one === 0 || two === 0) throw invalidAddress(one === 0 ? first : second);
    if (one === two || (one === 6 && two !== undefined)) {
      throw nodeError(Error, 'ERR_INVALID_ARG_VALUE', 'Cannot specify two addresses of one family');
    }
    this.#local = {
      four: one === 4 ? first : '0.0.0.0',
      six: one === 6 ? first : ((second as string | undefined) ?? '::'),
    };
    if (this.#servers.length > 0) this.setServers(this.#servers);
  }

  /** Fails all queries that wait. */
  cancel(): void {
    this.#waiting.abort(Object.assign(new Error('cancelled'), { code: 'ECANCELLED' }));
    this.#waiting = new AbortGroup();
  }

  /** The client that answers queries about records; undefined: only addresses can be found. */
  async #answerer(): Promise<Client | undefined> {
    if (this.#client) return this.#client;
    const found = this.#dns ?? (await this.#source).resolver;
    return found && 'resolve' in found ? (found as unknown as Client) : undefined;
  }

  async #records(name: string, type: string, signal: AbortSignal): Promise<readonly DnsRecord[]> {
    const client = await this.#answerer();
    if (client) return client.resolve(name, type as DnsType, { signal });
    const resolver = this.#dns ?? (await this.#source).resolver;
    const family = type === 'A' ? 4 : type === 'AAAA' ? 6 : undefined;
    if (!resolver || !family) throw Object.assign(new Error('no server'), { code: 'ECONNREFUSED' });
    const found = await resolver.lookupAll(name, { family, signal });
    return found.map(({ address }) => ({ name, type, class: 'IN', ttl: 0, ip: address }) as never);
  }

  #run(
    query: (signal: AbortSignal) => Promise<unknown>,
    syscall: string,
    name: string,
    done: Callback,
  ) {
    const group = this.#waiting;
    const controller = new AbortController();
    group.add(controller);
    const hold = new Hold();
    hold.set(true);
    this.#queries++;
    const ended = (): void => {
      this.#queries--;
      group.delete(controller);
      hold.set(false);
    };
    untilAborted(query(controller.signal), controller.signal).then(
      (found) => {
        ended();
        nextTick(done, null, found);
      },
      (error) => {
        ended();
        nextTick(done, queryError(error, syscall, name));
      },
    );
    return { oncomplete: done, hostname: name };
  }

  /** Looks up the records of a type. */
  query(type: string, name: unknown, args: readonly unknown[]): object {
    checkString(name, 'name');
    const callback = args[args.length - 1];
    checkFunction(callback, 'callback');
    const [options] = args;
    const hasTtl =
      typeof options === 'object' && (options as { ttl?: boolean } | null)?.ttl === true;
    const find = async (signal: AbortSignal): Promise<unknown> => {
      const records = await this.#records(name, type, signal);
      if (type === 'ANY') return records.map(anyShapeOf).filter((one) => one !== undefined);
      const shapes = records.map((record) =>
        hasTtl ? { address: shapeOf(record), ttl: record.ttl } : shapeOf(record),
      );
      return type === 'SOA' ? shapes[0] : shapes;
    };
    return this.#run(find, QUERIES[type] as string, name, callback as Callback);
  }

  resolve(name: unknown, type?: unknown, callback?: unknown): object {
    const [kind, done] = typeof type === 'function' ? ['A', type] : [type ?? 'A', callback];
    if (typeof kind !== 'string') throw invalidArgType('rrtype', ['string'], kind);
    if (!(kind in QUERIES)) throw invalidArgValue('rrtype', `'${kind}'`);
    return this.query(kind, name, [done]);
  }

  reverse(address: unknown, callback: unknown): object {
    checkString(address, 'name');
    checkFunction(callback, 'callback');
    if (isIP(address) === 0)
      throw Object.assign(queryError({}, 'getHostByAddr', address), {
        message: `getHostByAddr EINVAL ${address}`,
        code: 'EINVAL',
        errno: -22,
      });
    const find = async (signal: AbortSignal): Promise<unknown> => {
      const client = await this.#answerer();
      if (!client) throw Object.assign(new Error('no server'), { code: 'ECONNREFUSED' });
      return [await client.reverse(address, { signal })];
    };
    return this.#run(find, 'getHostByAddr', address, callback as Callback);
  }
}
