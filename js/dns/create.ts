// SPDX-License-Identifier: MIT
// create - createDns(): client and server over one transport

import type { DnsType } from '../codec/dns_numbers.ts';
import type { DnsMessage, DnsQuestion, DnsRecordOf } from '../codec/dns_types.ts';
import type { HostAddress } from '../util/hosts.ts';
import { DnsClient } from './client.ts';
import type { DnsClientOptions, LookupOptions, ResolveOptions } from './client_options.ts';
import { type DnsTransport, networkOf } from './network.ts';
import { DnsServer } from './server.ts';
import type { DnsServerOptions } from './server_options.ts';

/** Options of createDns(). */
export interface CreateDnsOptions {
  /** Options of the client. */
  readonly client?: DnsClientOptions;
}

/**
 * Client and server of DNS. The methods need no `this`.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { createDns, DnsServer } from 'ringstack/dns';
 *
 * const server = new DnsServer(null, { hosts: '10.0.0.2 db.internal' });
 * const nameServer = (query: Uint8Array) => server.answer(query);
 * const { lookup, reverse } = await createDns(null, { client: { nameServer } });
 * assert.equal(await lookup('db.internal'), '10.0.0.2');
 * assert.equal(await reverse('10.0.0.2'), 'db.internal');
 * ```
 */
export interface Dns extends AsyncDisposable {
  /**
   * Looks up an address of a name: IPv4 if it has one, unless the family says otherwise.
   *
   * @param name - A name, or an address, which is its own answer.
   * @param options - Family and signal.
   * @returns The address.
   * @throws NetError ENOTFOUND, ENODATA, ESERVFAIL, EREFUSED, ETIMEDOUT, EINVAL, ESHUTDOWN.
   */
  lookup(name: string, options?: LookupOptions): Promise<string>;
  /**
   * Looks up all addresses of a name.
   *
   * @param name - See lookup().
   * @param options - Family and signal.
   * @returns At least one; those of IPv4 first.
   * @throws NetError as lookup().
   */
  lookupAll(name: string, options?: LookupOptions): Promise<HostAddress[]>;
  /**
   * Looks up the records of a type at the name servers.
   *
   * @param name - The whole name.
   * @param type - Type by name, or `TYPE` and its number.
   * @param options - Signal.
   * @returns At least one record.
   * @throws NetError as lookup().
   */
  resolve<T extends DnsType>(
    name: string,
    type: T,
    options?: ResolveOptions,
  ): Promise<DnsRecordOf<T>[]>;
  /**
   * Looks up the name of an address.
   *
   * @param ip - IPv4 or IPv6.
   * @param options - Signal.
   * @returns The name.
   * @throws NetError as lookup().
   */
  reverse(ip: string, options?: ResolveOptions): Promise<string>;
  /**
   * Sends a query as it is.
   *
   * @param message - A message with one question, or just the question.
   * @param options - Signal.
   * @returns The response, whatever its result.
   * @throws NetError ETIMEDOUT, EINVAL.
   */
  query(message: Partial<DnsMessage> | DnsQuestion, options?: ResolveOptions): Promise<DnsMessage>;
  /**
   * Serves DNS on the transport.
   *
   * @param options - Where, and what from.
   * @returns The server, which listens.
   * @throws NetError EADDRINUSE if the port is taken, EINVAL if an option is out of range, ENOTSUP if there
   *   is nothing to listen on.
   */
  serve(options: DnsServerOptions): Promise<DnsServer>;
  /**
   * Closes the client, and the servers that serve() made.
   *
   * @throws Never.
   */
  close(): Promise<void>;
}

/**
 * Makes a DNS client and server on a transport.
 *
 * @param transport - A stack, its `udp`, or any datagram transport. Null: none, for a client whose name
 *   servers are functions or DNS over HTTPS.
 * @param options - Options of the client.
 * @returns Client and server.
 * @throws NetError EINVAL if an option is out of range.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { createDns, DnsServer } from 'ringstack/dns';
 *
 * const server = new DnsServer(null, {
 *   request: ({ name, type }) => {
 *     if (name === 'example.com' && type === 'A') return { type, ip: '10.0.0.1', ttl: 300 };
 *     return undefined;
 *   },
 * });
 * const dns = await createDns(null, { client: { nameServer: (query) => server.answer(query) } });
 * assert.equal(await dns.lookup('example.com'), '10.0.0.1');
 * await dns.close();
 * ```
 */
export async function createDns(
  transport: DnsTransport,
  options: CreateDnsOptions = {},
): Promise<Dns> {
  const client = new DnsClient(transport, options.client);
  const network = networkOf(transport, options.client?.tcp);
  const servers = new Set<DnsServer>();
  const close = async (): Promise<void> => {
    client.close();
    await Promise.all([...servers].map((server) => server.close()));
  };
  return {
    lookup: client.lookup,
    lookupAll: client.lookupAll,
    resolve: client.resolve,
    reverse: client.reverse,
    query: client.query,
    close,
    [Symbol.asyncDispose]: close,
    async serve(served) {
      const { tcp } = network;
      const isOpen = (served.tcp ?? true) === true && tcp?.listen !== undefined;
      const server = new DnsServer(transport, isOpen ? { ...served, tcp } : served);
      await server.listen();
      servers.add(server);
      void server.closed.then(() => servers.delete(server));
      return server;
    },
  };
}
