// SPDX-License-Identifier: MIT
// arp - reads and builds ARP for IPv4 over Ethernet (RFC 826)

import { NetError } from '../errors.ts';
import {
  checkField,
  type IpInput,
  ipBytes,
  type MacInput,
  macBytes,
  putU16,
  u16,
} from './fields.ts';

/** Operations of ARP. */
export const ARP_OPERATION = { request: 1, reply: 2 } as const;

/** Bytes of a packet. */
const SIZE = 28;
/** Hardware type Ethernet, protocol type IPv4, sizes of their addresses. */
const HEAD = [0, 1, 8, 0, 6, 4];

/** An ARP packet. Byte fields are views on the packet. */
export interface ArpPacket {
  /** 1 request, 2 reply; others exist. */
  readonly operation: number;
  /** MAC address of the sender, 6 bytes. */
  readonly senderMac: Uint8Array;
  /** IPv4 address of the sender, 4 bytes; zero in a probe (RFC 5227). */
  readonly senderIp: Uint8Array;
  /** MAC address of the target, 6 bytes; zero in a request. */
  readonly targetMac: Uint8Array;
  /** IPv4 address that is asked for or answered to, 4 bytes. */
  readonly targetIp: Uint8Array;
}

/** Fields of an ARP packet to build. */
export interface ArpFields {
  /** 1 request, 2 reply. */
  readonly operation: number;
  /** MAC address of the sender. */
  readonly senderMac: MacInput;
  /** IPv4 address of the sender. */
  readonly senderIp: IpInput;
  /** MAC address of the target. @default zero, as in a request */
  readonly targetMac?: MacInput;
  /** IPv4 address that is asked for or answered to. */
  readonly targetIp: IpInput;
}

/**
 * Reads an ARP packet.
 *
 * @param bytes - The payload of an Ethernet frame of type 0x0806; padding behind the packet is ignored.
 * @returns Its fields, as views; undefined if it is cut, or not for IPv4 over Ethernet.
 * @throws Never.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { ARP_OPERATION, buildArp, parseArp } from '../js/codec/arp.ts';
 * import { ipText } from '../js/codec/fields.ts';
 *
 * const request = buildArp({
 *   operation: ARP_OPERATION.request,
 *   senderMac: '02:00:00:00:00:01',
 *   senderIp: '10.0.0.1',
 *   targetIp: '10.0.0.2',
 * });
 * const packet = parseArp(request);
 * assert.equal(packet && ipText(packet.targetIp), '10.0.0.2');
 * assert.equal(parseArp(request.subarray(1)), undefined);
 * ```
 */
export function parseArp(bytes: Uint8Array): ArpPacket | undefined {
  if (bytes.length < SIZE || HEAD.some((byte, at) => bytes[at] !== byte)) return undefined;
  return {
    operation: u16(bytes, 6),
    senderMac: bytes.subarray(8, 14),
    senderIp: bytes.subarray(14, 18),
    targetMac: bytes.subarray(18, 24),
    targetIp: bytes.subarray(24, 28),
  };
}

function ipv4Bytes(address: IpInput): Uint8Array {
  const bytes = ipBytes(address);
  if (bytes.length === 4) return bytes;
  throw new NetError('EINVAL', 'Cannot build an ARP packet for an IPv6 address');
}

/**
 * Builds an ARP packet, the payload of an Ethernet frame of type 0x0806.
 *
 * @param fields - Operation, and the addresses of both ends.
 * @returns 28 bytes.
 * @throws {NetError} EINVAL for a field that is out of range.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { ARP_OPERATION, buildArp } from '../js/codec/arp.ts';
 *
 * const me = { mac: '02:00:00:00:00:01', ip: '10.0.0.1' };
 * const reply = buildArp({
 *   operation: ARP_OPERATION.reply,
 *   senderMac: me.mac,
 *   senderIp: me.ip,
 *   targetMac: '02:00:00:00:00:02',
 *   targetIp: '10.0.0.2',
 * });
 * assert.equal(reply.length, 28);
 * ```
 */
export function buildArp(fields: ArpFields): Uint8Array<ArrayBuffer> {
  const { operation, senderMac, senderIp, targetMac = new Uint8Array(6), targetIp } = fields;
  const bytes = new Uint8Array(SIZE);
  bytes.set(HEAD);
  putU16(bytes, 6, checkField('an ARP packet', 'operation', operation, 0xffff));
  bytes.set(macBytes(senderMac), 8);
  bytes.set(ipv4Bytes(senderIp), 14);
  bytes.set(macBytes(targetMac), 18);
  bytes.set(ipv4Bytes(targetIp), 24);
  return bytes;
}
