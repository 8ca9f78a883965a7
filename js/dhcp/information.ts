// SPDX-License-Identifier: MIT
// information - requestInformation(): settings by stateless DHCPv6, for a host that has its addresses (RFC 8415, 18.2.6)

import {
  DHCP6_CLIENT_PORT,
  DHCP6_OPTION,
  DHCP6_SERVER_PORT,
  DHCP6_SERVERS,
  DHCP6_TYPE,
  type Dhcp6Message,
  duidOf,
  parseDhcp6,
  readAddresses,
  readDomains,
  serializeDhcp6,
} from '../codec/dhcp6.ts';
import { putU16, u32 } from '../codec/fields.ts';
import { NetError } from '../errors.ts';
import { checkOptions, INT32_MAX, type Rules, whole } from '../util/check.ts';
import { Deferred } from '../util/deferred.ts';
import { unref } from '../util/process.ts';
import { sameBytes } from '../util/same_bytes.ts';
import type { Information, InformationOptions } from './information_types.ts';
import { newXid, SECOND, spread } from './timing.ts';
import { type DhcpInterface, stackOf } from './transport.ts';

const ASK = 'Cannot ask for information by DHCPv6';
/** Options to ask for. */
const WANTED = [
  DHCP6_OPTION.dnsServers,
  DHCP6_OPTION.searchDomains,
  DHCP6_OPTION.sntpServers,
  DHCP6_OPTION.refreshTime,
  DHCP6_OPTION.maxRefresh,
];
/** Longest wait for an answer, ms. */
const LONGEST = 120 * SECOND;
/** Seconds until it is asked for again, if the server does not say, and at the least. */
const REFRESH = 86_400;
const LEAST_REFRESH = 600;

const RULES: Rules<InformationOptions> = {
  timeout: whole(1, INT32_MAX, ' ms'),
  stack: (value) => (typeof value === 'object' && value !== null ? undefined : 'a stack'),
  signal: (value) => (value instanceof AbortSignal ? undefined : 'an AbortSignal'),
};

function informationOf(options: ReadonlyMap<number, Uint8Array>): Information {
  const refresh = options.get(DHCP6_OPTION.refreshTime);
  const told = refresh?.length === 4 ? u32(refresh, 0) : REFRESH;
  return {
    dnsServers: readAddresses(options.get(DHCP6_OPTION.dnsServers)),
    searchDomains: readDomains(options.get(DHCP6_OPTION.searchDomains)),
    sntpServers: readAddresses(options.get(DHCP6_OPTION.sntpServers)),
    refreshTime: Math.max(told, LEAST_REFRESH),
    options,
  };
}

function question(mac: string, xid: number, elapsed: number): Uint8Array<ArrayBuffer> {
  const wanted = new Uint8Array(2 * WANTED.length);
  WANTED.forEach((code, i) => {
    putU16(wanted, 2 * i, code);
  });
  const time = new Uint8Array(2);
  putU16(time, 0, Math.min(0xffff, Math.floor(elapsed / 10)));
  return serializeDhcp6({
    type: DHCP6_TYPE.informationRequest,
    xid,
    options: new Map([
      [DHCP6_OPTION.clientId, duidOf(mac)],
      [DHCP6_OPTION.request, wanted],
      [DHCP6_OPTION.elapsed, time],
    ]),
  });
}

/** The answer to a question; undefined: it is garbage, of another client, or of another exchange. */
function readReply(data: Uint8Array, xid: number, mac: string): Dhcp6Message | undefined {
  let message: Dhcp6Message;
  try {
    message = parseDhcp6(data);
  } catch {
    return undefined;
  }
  const { type, options } = message;
  const client = options.get(DHCP6_OPTION.clientId);
  const isOurs = client !== undefined && sameBytes(client, duidOf(mac));
  const isReply = type === DHCP6_TYPE.reply && message.xid === xid;
  return isReply && isOurs && options.has(DHCP6_OPTION.serverId) ? message : undefined;
}

/**
 * Asks the DHCPv6 servers of a link for name servers, domains and time servers.
 *
 * @param iface - A tap with an IPv6 address.
 * @param options - Timeout, signal.
 * @returns The answer of the first server.
 * @throws NetError EINVAL if an option is out of range or it is no tap, ETIMEDOUT if no server answers, EADDRINUSE if
 *   port 546 is taken, or the error of the stack; the signal's reason.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { createStack } from 'ringstack';
 * import { requestInformation } from 'ringstack/dhcp';
 *
 * const stack = await createStack();
 * const tap = await stack.createTapInterface({ ip: 'fd00::2/64' });
 * await assert.rejects(requestInformation(tap, { timeout: 20 }), { code: 'ETIMEDOUT' });
 * await stack.close();
 * ```
 */
export async function requestInformation(
  iface: DhcpInterface,
  options: InformationOptions = {},
): Promise<Information> {
  checkOptions(ASK, options, RULES);
  return request(iface, options, options.timeout ?? 10_000);
}

/**
 * As requestInformation(), for as long as it takes: it keeps no program alive.
 *
 * @param iface - A tap with an IPv6 address.
 * @param options - Stack and signal.
 * @returns The answer of the first server.
 * @throws NetError as requestInformation().
 */
export function requestInBackground(
  iface: DhcpInterface,
  options: InformationOptions,
): Promise<Information> {
  return request(iface, options, undefined);
}

async function request(
  iface: DhcpInterface,
  options: InformationOptions,
  timeout: number | undefined,
): Promise<Information> {
  const { signal } = options;
  const stack = stackOf(`${ASK} on`, iface, options.stack);
  const mac = iface.mac as string;
  signal?.throwIfAborted();
  const socket = unref(await stack.openUdp({ port: DHCP6_CLIENT_PORT, interface: iface as never }));
  const writer = socket.writable.getWriter();
  const done = new Deferred<Information>();
  const xid = newXid() & 0xff_ffff;
  const listening = (async () => {
    for await (const { data } of socket) {
      const reply = readReply(data, xid, mac);
      if (reply) done.resolve(informationOf(reply.options));
    }
    done.reject(new NetError('ESHUTDOWN', ASK, { reason: 'its socket was closed' }));
  })().catch((error) => done.reject(error));
  const start = performance.now();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const ask = (wait: number): void => {
    const data = question(mac, xid, performance.now() - start);
    const to = { host: DHCP6_SERVERS, port: DHCP6_SERVER_PORT, data, interface: iface };
    writer.write(to).catch(() => {});
    timer = setTimeout(() => ask(Math.min(2 * wait, LONGEST)), spread(wait));
    if (timeout === undefined) unref(timer);
  };
  ask(SECOND);
  const giveUp = (): void => {
    done.reject(new NetError('ETIMEDOUT', ASK, { reason: 'no server answered' }));
  };
  const end = timeout === undefined ? undefined : setTimeout(giveUp, timeout);
  const abort = (): void => done.reject(signal?.reason);
  signal?.addEventListener('abort', abort, { once: true });
  try {
    return await done.promise;
  } finally {
    signal?.removeEventListener('abort', abort);
    clearTimeout(timer);
    clearTimeout(end);
    await writer.close().catch(() => {});
    await socket.close().catch(() => {});
    await listening;
  }
}
