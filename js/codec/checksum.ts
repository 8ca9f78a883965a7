// SPDX-License-Identifier: MIT
// checksum - the Internet checksum (RFC 1071), with the pseudo headers of IPv4 (RFC 9293) and IPv6 (RFC 8200)

import { u16 } from './fields.ts';

/** Protocol number of UDP, whose checksum 0 means none over IPv4. */
const UDP = 17;

/** Adds the carries of a sum until it has 16 bits. */
function fold(sum: number): number {
  let folded = sum;
  while (folded > 0xffff) folded = (folded % 0x10000) + Math.floor(folded / 0x10000);
  return folded;
}

/**
 * The one's complement sum of 16-bit words, from which checksums are made.
 *
 * @param bytes - The words; a last odd byte counts as if a zero followed.
 * @param start - A sum to go on from; its bytes must have been even in number.
 * @returns The sum, 0 to 65535.
 * @throws Never.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { sumWords } from '../js/codec/checksum.ts';
 *
 * // The example of RFC 1071, section 3.
 * assert.equal(sumWords(Uint8Array.of(0, 1, 0xf2, 3, 0xf4, 0xf5, 0xf6, 0xf7)), 0xddf2);
 * ```
 */
export function sumWords(bytes: Uint8Array, start = 0): number {
  const even = bytes.length & ~1;
  let sum = start;
  for (let at = 0; at < even; at += 2) sum += u16(bytes, at);
  if (even < bytes.length) sum += (bytes[even] ?? 0) << 8;
  return fold(sum);
}

/**
 * The Internet checksum.
 *
 * @param bytes - The bytes that it covers, with zeros in place of the checksum.
 * @param start - A sum to go on from, for example that of a pseudo header.
 * @returns The checksum; 0 if the bytes already hold their own checksum and it is right.
 * @throws Never.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { internetChecksum } from '../js/codec/checksum.ts';
 *
 * const bytes = Uint8Array.of(0, 1, 0xf2, 3, 0xf4, 0xf5, 0xf6, 0xf7);
 * assert.equal(internetChecksum(bytes), 0x220d);
 * assert.equal(internetChecksum(Uint8Array.of(...bytes, 0x22, 0x0d)), 0);
 * ```
 */
export function internetChecksum(bytes: Uint8Array, start = 0): number {
  return ~sumWords(bytes, start) & 0xffff;
}

/**
 * The sum of the pseudo header that the checksums of TCP, UDP and ICMPv6 cover.
 *
 * @param source - Address, 4 or 16 bytes.
 * @param destination - Address of the same length.
 * @param protocol - Of what IP carries.
 * @param length - Its length in bytes.
 * @returns The sum, to go on from.
 * @throws Never.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { pseudoHeaderSum } from '../js/codec/checksum.ts';
 *
 * const [from, to] = [Uint8Array.of(10, 0, 0, 1), Uint8Array.of(10, 0, 0, 2)];
 * assert.equal(pseudoHeaderSum(from, to, 17, 8), 0x0a00 + 1 + 0x0a00 + 2 + 17 + 8);
 * ```
 */
export function pseudoHeaderSum(
  source: Uint8Array,
  destination: Uint8Array,
  protocol: number,
  length: number,
): number {
  // The length has 16 bits over IPv4 and 32 over IPv6; the sum of its halves is the same for both.
  return fold(sumWords(destination, sumWords(source)) + protocol + fold(length));
}

/** All that the checksum of a transport protocol covers. */
export interface TransportPayload {
  /** Source address of the IP packet, 4 or 16 bytes. */
  readonly source: Uint8Array;
  /** Destination address, of the same length. */
  readonly destination: Uint8Array;
  /** Protocol number: 6 TCP, 17 UDP, 58 ICMPv6. */
  readonly protocol: number;
  /** The segment, datagram or message, whole. */
  readonly payload: Uint8Array;
}

/**
 * Computes the checksum of a TCP segment, UDP datagram or ICMPv6 message.
 *
 * @param packet - Addresses, protocol, and the payload with zeros in place of its checksum.
 * @returns The checksum; for UDP never 0, which would mean none (RFC 768).
 * @throws Never.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { transportChecksum } from '../js/codec/checksum.ts';
 *
 * const address = Uint8Array.of(10, 0, 0, 1);
 * const payload = Uint8Array.of(0, 7, 0, 7, 0, 8, 0, 0); // UDP, port 7 to port 7, no data
 * const packet = { source: address, destination: address, protocol: 17, payload };
 * assert.equal(transportChecksum(packet), 0xffff & ~(2 * 0x0a01 + 17 + 8 + 7 + 7 + 8));
 * ```
 */
export function transportChecksum(packet: TransportPayload): number {
  const { source, destination, protocol, payload } = packet;
  const start = pseudoHeaderSum(source, destination, protocol, payload.length);
  const checksum = internetChecksum(payload, start);
  return protocol === UDP && checksum === 0 ? 0xffff : checksum;
}

/**
 * Checks the checksum of a TCP segment, UDP datagram or ICMPv6 message. Parsed packets have the
 * fields that it needs: `hasRightChecksum(parseIpv4(bytes))`.
 *
 * @param packet - Addresses, protocol and payload. The payload must be whole, not a fragment.
 * @returns Whether it is right; true for UDP over IPv4 without one.
 * @throws Never.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { hasRightChecksum } from '../js/codec/checksum.ts';
 * import { ipBytes } from '../js/codec/fields.ts';
 * import { buildUdp } from '../js/codec/udp.ts';
 *
 * const ends = { source: ipBytes('fd00::1'), destination: ipBytes('fd00::2') };
 * const payload = buildUdp({ ...ends, sourcePort: 1, destinationPort: 2, payload: Uint8Array.of(3) });
 * assert.equal(hasRightChecksum({ ...ends, protocol: 17, payload }), true);
 * payload[8] = 4;
 * assert.equal(hasRightChecksum({ ...ends, protocol: 17, payload }), false);
 * ```
 */
export function hasRightChecksum(packet: TransportPayload): boolean {
  const { source, destination, protocol, payload } = packet;
  // Over IPv6 a UDP checksum of 0 is wrong (RFC 8200, section 8.1).
  if (protocol === UDP && u16(payload, 6) === 0) return source.length === 4;
  const start = pseudoHeaderSum(source, destination, protocol, payload.length);
  return internetChecksum(payload, start) === 0;
}
