// SPDX-License-Identifier: MIT
// ethernet - reads and builds Ethernet II frames, with a VLAN tag of IEEE 802.1Q

import { checkField, concat, type MacInput, macBytes, putU16, u16 } from './fields.ts';

/** EtherTypes. Below 0x0600 the field is a length (IEEE 802.3). */
export const ETHER_TYPE = { ipv4: 0x0800, arp: 0x0806, vlan: 0x8100, ipv6: 0x86dd } as const;

/** Bytes of a header without a tag. */
export const ETHERNET_HEADER = 14;

/** A VLAN tag. */
export interface VlanTag {
  /** VLAN identifier, 0 to 4095; 0: none, the tag only gives a priority. */
  readonly id: number;
  /** Priority code point, 0 to 7. */
  readonly priority: number;
  /** May be dropped first. */
  readonly isDropEligible: boolean;
}

/** An Ethernet frame. Byte fields are views on the frame. */
export interface EthernetFrame {
  /** MAC address it is for, 6 bytes. */
  readonly destination: Uint8Array;
  /** MAC address it comes from, 6 bytes. */
  readonly source: Uint8Array;
  /** Its tag; undefined without one. Of several tags, the first. */
  readonly vlan: VlanTag | undefined;
  /** EtherType of the payload, behind the tag. */
  readonly type: number;
  /** Payload, with padding if there is any. */
  readonly payload: Uint8Array;
}

/** Fields of an Ethernet frame to build. */
export interface EthernetFields {
  /** MAC address it is for. */
  readonly destination: MacInput;
  /** MAC address it comes from. */
  readonly source: MacInput;
  /** EtherType, 0 to 65535. */
  readonly type: number;
  /** Payload. */
  readonly payload: Uint8Array;
  /** Its tag. @default none */
  readonly vlan?: Partial<VlanTag>;
}

/**
 * Reads an Ethernet frame.
 *
 * @param frame - The frame, without a frame check sequence.
 * @returns Its fields, as views; undefined if it ends within the header.
 * @throws Never.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { buildEthernet, ETHER_TYPE, parseEthernet } from '../js/codec/ethernet.ts';
 *
 * const [destination, source] = ['ff:ff:ff:ff:ff:ff', '02:00:00:00:00:01'];
 * const payload = Uint8Array.of(1, 2, 3);
 * const frame = buildEthernet({ destination, source, type: ETHER_TYPE.arp, payload });
 * assert.equal(parseEthernet(frame)?.type, 0x0806);
 * assert.deepEqual(parseEthernet(frame)?.payload, payload);
 * assert.equal(parseEthernet(frame.subarray(0, 13)), undefined);
 * ```
 */
export function parseEthernet(frame: Uint8Array): EthernetFrame | undefined {
  if (frame.length < ETHERNET_HEADER) return undefined;
  const isTagged = u16(frame, 12) === ETHER_TYPE.vlan;
  const start = isTagged ? ETHERNET_HEADER + 4 : ETHERNET_HEADER;
  if (frame.length < start) return undefined;
  const tag = u16(frame, 14);
  return {
    destination: frame.subarray(0, 6),
    source: frame.subarray(6, 12),
    vlan: isTagged
      ? { id: tag & 0xfff, priority: tag >>> 13, isDropEligible: (tag & 0x1000) !== 0 }
      : undefined,
    type: u16(frame, start - 2),
    payload: frame.subarray(start),
  };
}

/**
 * Builds an Ethernet frame. It is not padded to 60 bytes: a card that needs that does it itself.
 *
 * @param fields - Addresses, type, payload, and a tag if it shall have one.
 * @returns The frame, without a frame check sequence.
 * @throws {NetError} EINVAL for a field that is out of range.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { buildEthernet, parseEthernet } from '../js/codec/ethernet.ts';
 *
 * const frame = buildEthernet({
 *   destination: '02:00:00:00:00:02',
 *   source: '02:00:00:00:00:01',
 *   vlan: { id: 5 },
 *   type: 0x0800,
 *   payload: new Uint8Array(20),
 * });
 * assert.equal(frame.length, 6 + 6 + 4 + 2 + 20);
 * assert.equal(parseEthernet(frame)?.vlan?.id, 5);
 * ```
 */
export function buildEthernet(fields: EthernetFields): Uint8Array<ArrayBuffer> {
  const { vlan, payload } = fields;
  const what = 'an Ethernet frame';
  const head = new Uint8Array(vlan ? ETHERNET_HEADER + 4 : ETHERNET_HEADER);
  head.set(macBytes(fields.destination), 0);
  head.set(macBytes(fields.source), 6);
  if (vlan) {
    const { id = 0, priority = 0, isDropEligible = false } = vlan;
    checkField(what, 'vlan.id', id, 4095);
    checkField(what, 'vlan.priority', priority, 7);
    putU16(head, 12, ETHER_TYPE.vlan);
    putU16(head, 14, (priority << 13) | (isDropEligible ? 0x1000 : 0) | id);
  }
  putU16(head, head.length - 2, checkField(what, 'type', fields.type, 0xffff));
  return concat(head, payload);
}
