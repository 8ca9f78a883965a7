// SPDX-License-Identifier: MIT
// ndp - reads and builds messages of IPv6 neighbour discovery (RFC 4861)
//
// A receiver also checks what is not in the message: the hop limit of its packet must be 255 (so no router has
// passed it on), the checksum right, the code 0. parseNdp() checks the code, its caller the other two.

import { checkField, concat, type IpInput, ipBytes, putU16, putU32, u16, u32 } from './fields.ts';
import { buildIcmp, ICMPV6_TYPE, type IcmpEnds, type IcmpMessage } from './icmp.ts';
import { buildNdpOptions, type NdpOptions, parseNdpOptions } from './ndp_options.ts';

export * from './ndp_options.ts';

const WHAT = 'a neighbour discovery message';

/** A router advertises itself and its network. */
export interface RouterAdvertisement {
  /** Kind of the message. */
  readonly kind: 'routerAdvertisement';
  /** Hop limit that hosts should use, 0 to 255; 0: not said. */
  readonly hopLimit: number;
  /** Addresses are had by DHCPv6. */
  readonly isManaged: boolean;
  /** Other configuration is had by DHCPv6. */
  readonly hasOtherConfig: boolean;
  /** Whether hosts should choose this router before others (RFC 4191). */
  readonly preference: 'low' | 'medium' | 'high';
  /** Seconds for which it is a default router, 0 to 65535; 0: it is none. */
  readonly lifetime: number;
  /** ms for which a neighbour counts as reachable, 32 bits; 0: not said. */
  readonly reachableTime: number;
  /** ms between solicitations, 32 bits; 0: not said. */
  readonly retransTimer: number;
  /** Its options. */
  readonly options: NdpOptions;
}

/** A host asks for routers. */
export interface RouterSolicitation {
  /** Kind of the message. */
  readonly kind: 'routerSolicitation';
  /** Its options. */
  readonly options: NdpOptions;
}

/** A host asks for the MAC address of a neighbour, or whether it is still there. */
export interface NeighborSolicitation {
  /** Kind of the message. */
  readonly kind: 'neighborSolicitation';
  /** The address that is asked for, 16 bytes. */
  readonly target: Uint8Array;
  /** Its options. */
  readonly options: NdpOptions;
}

/** A neighbour says its MAC address. */
export interface NeighborAdvertisement {
  /** Kind of the message. */
  readonly kind: 'neighborAdvertisement';
  /** The sender is a router. */
  readonly isRouter: boolean;
  /** It answers a solicitation. */
  readonly isSolicited: boolean;
  /** It replaces what is in the neighbour cache. */
  readonly isOverride: boolean;
  /** The address it is about, 16 bytes. */
  readonly target: Uint8Array;
  /** Its options. */
  readonly options: NdpOptions;
}

/** A router names a better first hop. */
export interface NdpRedirect {
  /** Kind of the message. */
  readonly kind: 'redirect';
  /** The better first hop, 16 bytes. */
  readonly target: Uint8Array;
  /** For packets to this address, 16 bytes. */
  readonly destination: Uint8Array;
  /** Its options. */
  readonly options: NdpOptions;
}

/** A message of neighbour discovery. */
export type NdpMessage =
  | RouterAdvertisement
  | RouterSolicitation
  | NeighborSolicitation
  | NeighborAdvertisement
  | NdpRedirect;

/** Fields of a message to build: addresses as text or bytes. Fields that are left out are zero or absent. */
export type NdpFields =
  | ({ readonly kind: 'routerAdvertisement' } & Partial<Omit<RouterAdvertisement, 'kind'>>)
  | { readonly kind: 'routerSolicitation'; readonly options?: NdpOptions }
  | {
      readonly kind: 'neighborSolicitation';
      readonly target: IpInput;
      readonly options?: NdpOptions;
    }
  | ({ readonly kind: 'neighborAdvertisement'; readonly target: IpInput } & Partial<
      Omit<NeighborAdvertisement, 'kind' | 'target'>
    >)
  | {
      readonly kind: 'redirect';
      readonly target: IpInput;
      readonly destination: IpInput;
      readonly options?: NdpOptions;
    };

/** Bits of the router preference (RFC 4191, section 2.1); the fourth value counts as medium. */
const PREFERENCES = { medium: 0, high: 1, low: 3 } as const;

function preferenceOf(bits: number): RouterAdvertisement['preference'] {
  if (bits === PREFERENCES.high) return 'high';
  return bits === PREFERENCES.low ? 'low' : 'medium';
}

function readAdvertisement(body: Uint8Array): RouterAdvertisement | undefined {
  const options = parseNdpOptions(body.subarray(12));
  if (body.length < 12 || !options) return undefined;
  const flags = body[1] ?? 0;
  return {
    kind: 'routerAdvertisement',
    hopLimit: body[0] ?? 0,
    isManaged: (flags & 0x80) !== 0,
    hasOtherConfig: (flags & 0x40) !== 0,
    preference: preferenceOf((flags >>> 3) & 3),
    lifetime: u16(body, 2),
    reachableTime: u32(body, 4),
    retransTimer: u32(body, 8),
    options,
  };
}

/** A message with a target address, and what follows it. */
function readTargeted(type: number, body: Uint8Array): NdpMessage | undefined {
  const isRedirect = type === ICMPV6_TYPE.redirect;
  const end = isRedirect ? 36 : 20;
  const options = parseNdpOptions(body.subarray(end));
  if (body.length < end || !options) return undefined;
  const target = body.subarray(4, 20);
  // A target or destination that is multicast is malformed, except for a redirect's destination.
  if (target[0] === 0xff) return undefined;
  if (isRedirect) return { kind: 'redirect', target, destination: body.subarray(20, 36), options };
  if (type === ICMPV6_TYPE.neighborSolicitation) {
    return { kind: 'neighborSolicitation', target, options };
  }
  const flags = body[0] ?? 0;
  return {
    kind: 'neighborAdvertisement',
    isRouter: (flags & 0x80) !== 0,
    isSolicited: (flags & 0x40) !== 0,
    isOverride: (flags & 0x20) !== 0,
    target,
    options,
  };
}

/**
 * Reads a message of ICMPv6 as one of neighbour discovery.
 *
 * @param message - From parseIcmp().
 * @returns Its fields, with views; undefined if it is none, or malformed (an option of length 0 makes it so).
 * @throws Never.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { parseIcmp } from '../js/codec/icmp.ts';
 * import { buildNdp, parseNdp } from '../js/codec/ndp.ts';
 *
 * const bytes = buildNdp(
 *   { source: 'fe80::1', destination: 'ff02::1' },
 *   {
 *     kind: 'routerAdvertisement',
 *     lifetime: 1800,
 *     options: { mtu: 1500, prefixes: [{ prefix: 'fd00::', length: 64 }] },
 *   },
 * );
 * const message = parseIcmp(bytes);
 * const said = message && parseNdp(message);
 * assert.equal(said?.kind === 'routerAdvertisement' && said.lifetime, 1800);
 * assert.equal(said?.options.prefixes?.[0]?.prefix, 'fd00::');
 * ```
 */
export function parseNdp(message: IcmpMessage): NdpMessage | undefined {
  const { type, code, body } = message;
  if (code !== 0) return undefined;
  if (type === ICMPV6_TYPE.routerAdvertisement) return readAdvertisement(body);
  if (type === ICMPV6_TYPE.routerSolicitation) {
    const options = parseNdpOptions(body.subarray(4));
    return options && { kind: 'routerSolicitation', options };
  }
  const isTargeted =
    type === ICMPV6_TYPE.neighborSolicitation ||
    type === ICMPV6_TYPE.neighborAdvertisement ||
    type === ICMPV6_TYPE.redirect;
  return isTargeted ? readTargeted(type, body) : undefined;
}

function advertisementHead(
  fields: NdpFields & { readonly kind: 'routerAdvertisement' },
): Uint8Array {
  const { hopLimit = 0, isManaged = false, hasOtherConfig = false, preference = 'medium' } = fields;
  const { lifetime = 0, reachableTime = 0, retransTimer = 0 } = fields;
  const head = new Uint8Array(12);
  head[0] = checkField(WHAT, 'hopLimit', hopLimit, 255);
  head[1] = (isManaged ? 0x80 : 0) | (hasOtherConfig ? 0x40 : 0) | (PREFERENCES[preference] << 3);
  putU16(head, 2, checkField(WHAT, 'lifetime', lifetime, 0xffff));
  putU32(head, 4, checkField(WHAT, 'reachableTime', reachableTime, 0xffff_ffff));
  putU32(head, 8, checkField(WHAT, 'retransTimer', retransTimer, 0xffff_ffff));
  return head;
}

/** Type, and what stands between the checksum and the options. */
function headOf(fields: NdpFields): readonly [type: number, head: Uint8Array] {
  if (fields.kind === 'routerAdvertisement') {
    return [ICMPV6_TYPE.routerAdvertisement, advertisementHead(fields)];
  }
  if (fields.kind === 'routerSolicitation') {
    return [ICMPV6_TYPE.routerSolicitation, new Uint8Array(4)];
  }
  const flags = new Uint8Array(4);
  const target = ipBytes(fields.target);
  if (fields.kind === 'redirect') {
    return [ICMPV6_TYPE.redirect, concat(flags, target, ipBytes(fields.destination))];
  }
  if (fields.kind === 'neighborSolicitation') {
    return [ICMPV6_TYPE.neighborSolicitation, concat(flags, target)];
  }
  const { isRouter = false, isSolicited = false, isOverride = false } = fields;
  flags[0] = (isRouter ? 0x80 : 0) | (isSolicited ? 0x40 : 0) | (isOverride ? 0x20 : 0);
  return [ICMPV6_TYPE.neighborAdvertisement, concat(flags, target)];
}

/**
 * Builds a message of neighbour discovery, the payload of an IPv6 packet with a hop limit of 255.
 *
 * @param ends - Addresses of the packet.
 * @param fields - Kind and fields.
 * @returns The message of ICMPv6, with its checksum.
 * @throws {NetError} EINVAL for a field that is out of range.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { buildIpv6, IP_PROTOCOL } from '../js/codec/ip.ts';
 * import { buildNdp } from '../js/codec/ndp.ts';
 *
 * const ends = { source: 'fd00::1', destination: 'ff02::1:ff00:2' };
 * const payload = buildNdp(ends, {
 *   kind: 'neighborSolicitation',
 *   target: 'fd00::2',
 *   options: { sourceMac: '02:00:00:00:00:01' },
 * });
 * const packet = buildIpv6({ ...ends, protocol: IP_PROTOCOL.icmpv6, hopLimit: 255, payload });
 * assert.equal(packet.length, 40 + 24 + 8);
 * ```
 */
export function buildNdp(ends: IcmpEnds, fields: NdpFields): Uint8Array<ArrayBuffer> {
  const [type, head] = headOf(fields);
  const body = concat(head, buildNdpOptions(fields.options ?? {}));
  return buildIcmp({ source: ends.source, destination: ends.destination, type, body });
}
