// SPDX-License-Identifier: MIT
// information_server - serveInformation(): stateless DHCPv6 for hosts that have their addresses from advertisements
//
// A request is answered with the options that it asks for, or with all if it does not say. It counts if it comes from a
// link-local address, is meant for any server or for us, and asks for no address: this server has none to give.

import type { Datagram } from '../api/transport.ts';
import {
  addressesOption,
  DHCP6_CLIENT_PORT,
  DHCP6_OPTION,
  DHCP6_SERVER_PORT,
  DHCP6_SERVERS,
  DHCP6_TYPE,
  type Dhcp6Message,
  domainsOption,
  duidOf,
  parseDhcp6,
  serializeDhcp6,
} from '../codec/dhcp6.ts';
import { putU32, u16 } from '../codec/fields.ts';
import { NetError } from '../errors.ts';
import { checkOptions, type Rules, whole } from '../util/check.ts';
import { Deferred } from '../util/deferred.ts';
import { sameBytes } from '../util/same_bytes.ts';
import { isLinkLocal } from '../util/subnet.ts';
import { TokenBucket } from '../util/token_bucket.ts';
import type {
  GroupSocket,
  InformationServerOptions,
  InformationServerStatistics,
} from './information_types.ts';
import { type DhcpInterface, stackOf } from './transport.ts';

const SERVE = 'Cannot serve information by DHCPv6';
/** Options of requests for addresses. */
const ASKS_ADDRESS = [3, 4, 25];
/** Longest identifier of a client, bytes (RFC 8415, section 11.1). */
const LONGEST_ID = 130;

const isList = (value: unknown): string | undefined =>
  Array.isArray(value) ? undefined : 'a list';

const RULES: Rules<InformationServerOptions> = {
  dnsServers: isList,
  searchDomains: isList,
  sntpServers: isList,
  refreshTime: whole(600, 0xffff_ffff, ' s'),
  maxRate: whole(1, 100_000, ' answers a second'),
  stack: (value) => (typeof value === 'object' && value !== null ? undefined : 'a stack'),
};

/** The options that it tells, by code. */
function settingsOf(options: InformationServerOptions): Map<number, Uint8Array> {
  const { dnsServers = [], searchDomains = [], sntpServers = [], refreshTime = 86_400 } = options;
  const settings = new Map<number, Uint8Array>();
  if (dnsServers.length > 0) settings.set(DHCP6_OPTION.dnsServers, addressesOption(dnsServers));
  if (searchDomains.length > 0) {
    settings.set(DHCP6_OPTION.searchDomains, domainsOption(searchDomains));
  }
  if (sntpServers.length > 0) settings.set(DHCP6_OPTION.sntpServers, addressesOption(sntpServers));
  const refresh = new Uint8Array(4);
  putU32(refresh, 0, refreshTime);
  return settings.set(DHCP6_OPTION.refreshTime, refresh);
}

/**
 * Answers requests for information. serveInformation() makes one.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { createStack } from 'ringstack';
 * import { type InformationServer, serveInformation } from 'ringstack/dhcp';
 *
 * const stack = await createStack();
 * const tap = await stack.createTapInterface({ ip: 'fd00::1/64' });
 * const server: InformationServer = await serveInformation(tap, { dnsServers: ['fd00::1'] });
 * assert.equal(server.statistics.sent, 0);
 * await server.close();
 * await stack.close();
 * ```
 */
export class InformationServer implements AsyncDisposable {
  /** Counters. */
  readonly statistics: Readonly<InformationServerStatistics>;
  /** Settles when it is closed, or when its interface or stack is gone. */
  readonly closed: Promise<void>;
  readonly #counts: InformationServerStatistics = {
    sent: 0,
    droppedMalformed: 0,
    droppedOther: 0,
    droppedLimit: 0,
    droppedSend: 0,
  };
  readonly #socket: GroupSocket;
  readonly #writer: WritableStreamDefaultWriter<Datagram>;
  readonly #own: Uint8Array;
  readonly #settings: ReadonlyMap<number, Uint8Array>;
  readonly #rate: TokenBucket;
  readonly #over = new Deferred();
  #ended: Promise<void> | undefined;

  /**
   * Made by serveInformation().
   *
   * @param socket - Bound to port 547 of the interface, a member of the group of servers.
   * @param mac - MAC of the interface.
   * @param settings - Options that it tells.
   * @param rate - Answers a second.
   * @throws {NetError} EINVAL if the MAC is none.
   */
  constructor(
    socket: GroupSocket,
    mac: string,
    settings: ReadonlyMap<number, Uint8Array>,
    rate: number,
  ) {
    this.#socket = socket;
    this.#writer = socket.writable.getWriter();
    this.#own = duidOf(mac);
    this.#settings = settings;
    this.#rate = new TokenBucket(rate, performance.now());
    this.statistics = this.#counts;
    this.closed = this.#over.promise;
    const end = (): void => void this.close();
    this.#listen().then(end, end);
  }

  /**
   * Stops.
   *
   * @throws Never.
   */
  close(): Promise<void> {
    this.#ended ??= (async () => {
      await this.#writer.close().catch(() => {});
      await this.#socket.close().catch(() => {});
      this.#over.resolve();
    })();
    return this.#ended;
  }

  /**
   * Same as close().
   *
   * @throws Never.
   */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #listen(): Promise<void> {
    for await (const datagram of this.#socket) {
      let message: Dhcp6Message;
      try {
        message = parseDhcp6(datagram.data);
      } catch {
        this.#counts.droppedMalformed++;
        continue;
      }
      if (!this.#isForUs(message, datagram.host)) this.#counts.droppedOther++;
      else if (!this.#rate.take(performance.now())) this.#counts.droppedLimit++;
      else await this.#answer(message, datagram);
    }
  }

  #isForUs({ type, options }: Dhcp6Message, host: string): boolean {
    const server = options.get(DHCP6_OPTION.serverId);
    return (
      type === DHCP6_TYPE.informationRequest &&
      isLinkLocal(host) &&
      !ASKS_ADDRESS.some((code) => options.has(code)) &&
      (options.get(DHCP6_OPTION.clientId)?.length ?? 0) <= LONGEST_ID &&
      (server === undefined || sameBytes(server, this.#own))
    );
  }

  async #answer({ xid, options }: Dhcp6Message, from: Datagram): Promise<void> {
    const asked = options.get(DHCP6_OPTION.request);
    const codes = asked && Array.from({ length: asked.length >> 1 }, (_, i) => u16(asked, 2 * i));
    const told = [...this.#settings].filter(([code]) => codes?.includes(code) ?? true);
    const client = options.get(DHCP6_OPTION.clientId);
    const reply = new Map<number, Uint8Array>([[DHCP6_OPTION.serverId, this.#own]]);
    if (client) reply.set(DHCP6_OPTION.clientId, client);
    for (const [code, data] of told) reply.set(code, data);
    const data = serializeDhcp6({ type: DHCP6_TYPE.reply, xid, options: reply });
    const to = { host: from.host, port: DHCP6_CLIENT_PORT, data, interface: from.interface };
    try {
      await this.#writer.write(to);
      this.#counts.sent++;
    } catch {
      this.#counts.droppedSend++;
    }
  }
}

/**
 * Tells hosts name servers, domains and time servers by stateless DHCPv6. An advertised router with `other: true` has
 * them ask.
 *
 * @param iface - A tap with an IPv6 address.
 * @param options - The settings that are told.
 * @returns The server, listening.
 * @throws NetError EINVAL if an option is out of range or it is no tap, EADDRINUSE if port 547 is taken, or the error of
 *   the stack.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { createStack } from 'ringstack';
 * import { advertiseRouter, serveInformation } from 'ringstack/dhcp';
 *
 * const stack = await createStack();
 * const tap = await stack.createTapInterface({ ip: 'fd00::1/64' });
 * const router = await advertiseRouter(tap, { other: true });
 * const server = await serveInformation(tap, { dnsServers: ['fd00::1'], searchDomains: ['lan'] });
 * await Promise.all([server.close(), router.close()]);
 * await assert.rejects(serveInformation(tap, { dnsServers: ['10.0.0.1'] }), { code: 'EINVAL' });
 * await stack.close();
 * ```
 */
export async function serveInformation(
  iface: DhcpInterface,
  options: InformationServerOptions = {},
): Promise<InformationServer> {
  checkOptions(SERVE, options, RULES);
  const stack = stackOf(`${SERVE} on`, iface, options.stack);
  const settings = settingsOf(options);
  const through = { interface: iface as never };
  const socket = await stack.openUdp({ port: DHCP6_SERVER_PORT, ...through });
  try {
    if (!socket.join) {
      const reason = 'its sockets cannot be members of groups';
      throw new NetError('ENOTSUP', SERVE, { reason });
    }
    await socket.join(DHCP6_SERVERS, through);
  } catch (error) {
    await socket.close();
    throw error;
  }
  return new InformationServer(socket, iface.mac as string, settings, options.maxRate ?? 200);
}
