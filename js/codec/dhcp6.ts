// SPDX-License-Identifier: MIT
// dhcp6 - messages of stateless DHCPv6 to and from bytes (RFC 8415)
//
// Pure functions. A message is its kind, a number of 24 bits, and options of a 16-bit code and a 16-bit length. A length
// that reaches beyond the message makes it malformed. Messages of relays have another head, and are not read here.

import { NetError } from '../errors.ts';
import { show } from '../util/check.ts';
import { DnsReader, DnsWriter } from './dns_bytes.ts';
import { checkField, concat, ipBytes, ipText, macBytes, putU16, u16, u32 } from './fields.ts';

/** Port of clients. */
export const DHCP6_CLIENT_PORT = 546;
/** Port of servers. */
export const DHCP6_SERVER_PORT = 547;
/** All servers and relays of a link. */
export const DHCP6_SERVERS = 'ff02::1:2';

/** Kinds of messages. */
export const DHCP6_TYPE = { reply: 7, informationRequest: 11 } as const;

/** Codes of options. */
export const DHCP6_OPTION = {
  clientId: 1,
  serverId: 2,
  nonTemporary: 3,
  request: 6,
  elapsed: 8,
  unicast: 12,
  dnsServers: 23,
  searchDomains: 24,
  sntpServers: 31,
  refreshTime: 32,
  maxRefresh: 83,
} as const;

/** A message. */
export interface Dhcp6Message {
  /** Kind, see DHCP6_TYPE. */
  readonly type: number;
  /** Number that an answer has in common with its question, 24 bits. */
  readonly xid: number;
  /** Options by code; of several with one code, the first. */
  readonly options: ReadonlyMap<number, Uint8Array>;
}

const malformed = (bytes: Uint8Array, reason: string): NetError =>
  new NetError('EPROTO', `Cannot parse a DHCPv6 message of ${bytes.length} bytes`, { reason });

/**
 * Reads a message.
 *
 * @param bytes - The message.
 * @returns The message; options are views.
 * @throws {NetError} EPROTO if it is cut, or of a relay.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { parseDhcp6, serializeDhcp6 } from '../js/codec/dhcp6.ts';
 *
 * const options = new Map([[8, Uint8Array.of(0, 0)]]);
 * const bytes = serializeDhcp6({ type: 11, xid: 0x010203, options });
 * assert.deepEqual([...bytes], [11, 1, 2, 3, 0, 8, 0, 2, 0, 0]);
 * assert.deepEqual(parseDhcp6(bytes), { type: 11, xid: 0x010203, options });
 * ```
 */
export function parseDhcp6(bytes: Uint8Array): Dhcp6Message {
  if (bytes.length < 4) throw malformed(bytes, 'its head of 4 bytes is cut');
  const type = bytes[0] as number;
  if (type === 12 || type === 13) throw malformed(bytes, 'it is one of a relay');
  const options = new Map<number, Uint8Array>();
  for (let at = 4; at < bytes.length; ) {
    const end = at + 4 + u16(bytes, at + 2);
    if (at + 4 > bytes.length || end > bytes.length) {
      throw malformed(bytes, `the option at byte ${at} is cut`);
    }
    const code = u16(bytes, at);
    if (!options.has(code)) options.set(code, bytes.subarray(at + 4, end));
    at = end;
  }
  return { type, xid: u32(bytes, 0) & 0xff_ffff, options };
}

/**
 * Writes a message.
 *
 * @param message - Kind, number, options in their order.
 * @returns The bytes.
 * @throws {NetError} EINVAL for a field that is out of range.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { serializeDhcp6 } from '../js/codec/dhcp6.ts';
 *
 * assert.throws(() => serializeDhcp6({ type: 11, xid: 2 ** 24, options: new Map() }), { code: 'EINVAL' });
 * ```
 */
export function serializeDhcp6({ type, xid, options }: Dhcp6Message): Uint8Array<ArrayBuffer> {
  const head = new Uint8Array(4);
  putU16(head, 2, checkField('a DHCPv6 message', 'xid', xid, 0xff_ffff) & 0xffff);
  head[1] = xid >>> 16;
  head[0] = checkField('a DHCPv6 message', 'type', type, 255);
  const parts = [...options].map(([code, data]) => {
    const option = new Uint8Array(4);
    putU16(option, 0, checkField('a DHCPv6 message', 'option', code, 0xffff));
    putU16(option, 2, checkField('a DHCPv6 message', 'length of an option', data.length, 0xffff));
    return concat(option, data);
  });
  return concat(head, ...parts);
}

/**
 * The identifier of a host by its MAC address (DUID-LL).
 *
 * @param mac - The MAC address.
 * @returns 10 bytes.
 * @throws {NetError} EINVAL if it is none.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { duidOf } from '../js/codec/dhcp6.ts';
 *
 * assert.deepEqual([...duidOf('02:00:00:00:00:01')], [0, 3, 0, 1, 2, 0, 0, 0, 0, 1]);
 * ```
 */
export const duidOf = (mac: string): Uint8Array => concat(Uint8Array.of(0, 3, 0, 1), macBytes(mac));

/** IPv6 addresses of an option; none if its length is wrong. */
export function readAddresses(data: Uint8Array | undefined): string[] {
  if (!data || data.length % 16 !== 0) return [];
  return Array.from({ length: data.length / 16 }, (_, i) =>
    ipText(data.subarray(16 * i, 16 * i + 16)),
  );
}

/** IPv6 addresses as an option. */
export function addressesOption(addresses: readonly string[]): Uint8Array {
  const parts = addresses.map((address) => {
    const bytes = ipBytes(address);
    if (bytes.length === 16) return bytes;
    throw new NetError('EINVAL', `Cannot tell ${show(address)} by DHCPv6`, {
      reason: 'must be an IPv6 address',
    });
  });
  return concat(...parts);
}

/** Domains of an option, host names alone; none if one is cut. */
export function readDomains(data: Uint8Array | undefined): string[] {
  if (!data) return [];
  const reader = new DnsReader(data);
  const names: string[] = [];
  try {
    while (reader.offset < data.length) {
      // Names are not compressed here (RFC 8415, section 10): a pointer would point nowhere.
      const name = reader.name();
      if (/^[\w.-]+$/.test(name)) names.push(name);
    }
  } catch {
    return [];
  }
  return names;
}

/** Domains as an option. */
export function domainsOption(domains: readonly string[]): Uint8Array {
  const writer = new DnsWriter();
  for (const domain of domains) writer.name(domain, false);
  return writer.end();
}
