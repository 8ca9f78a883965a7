// SPDX-License-Identifier: MIT
// pcapng - the blocks of a pcapng file, which Wireshark, tshark and tcpdump read
//
// A file is one section, little-endian: an interface description for each interface, with times in nanoseconds; an
// enhanced packet block for each frame; interface statistics at the end. Blocks and options are padded to four bytes
// (draft-ietf-opsawg-pcapng).

/** Link types of interfaces. */
export const LINK_TYPE = { ethernet: 1, raw: 101 } as const;

/** An interface of a capture. */
export interface PcapInterface {
  readonly name: string;
  readonly linkType: number;
  /** Bytes kept of a frame; 0: all. */
  readonly snapLength: number;
}

/** A frame of a capture. */
export interface PcapPacket {
  /** Index of its interface. */
  readonly interface: number;
  /** ns since 1970. */
  readonly time: bigint;
  /** The frame, or its beginning; may lie in shared memory. */
  readonly bytes: Uint8Array;
  /** Length of the whole frame. */
  readonly length: number;
  /** 1: received, 2: sent, 0: unknown. */
  readonly direction: 0 | 1 | 2;
  /** Comment that is shown with the packet. */
  readonly comment?: string;
}

const BLOCK = { section: 0x0a0d0d0a, interface: 1, statistics: 5, packet: 6 } as const;
const MAGIC = 0x1a2b3c4d;
const COMMENT = 1;
const SECTION_PROGRAM = 4;
const INTERFACE = { name: 2, resolution: 9 } as const;
const STATISTICS = { received: 4, dropped: 5 } as const;
const PACKET_FLAGS = 2;
/** Resolution of times: 10^-9 s. */
const NANOSECONDS = 9;

const padded = (length: number): number => (length + 3) & ~3;
const textBytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** An option: code, length, value. */
function option(code: number, value: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(4 + padded(value.length));
  const view = new DataView(bytes.buffer);
  view.setUint16(0, code, true);
  view.setUint16(2, value.length, true);
  bytes.set(value, 4);
  return bytes;
}

const END_OF_OPTIONS = new Uint8Array(4);

/** 32-bit words as bytes. */
function words(...values: number[]): Uint8Array {
  const bytes = new Uint8Array(values.length * 4);
  const view = new DataView(bytes.buffer);
  for (const [i, value] of values.entries()) view.setUint32(i * 4, value, true);
  return bytes;
}

/** The two words of a time or a count. In a time, the upper one comes first. */
const halves = (value: bigint): [high: number, low: number] => [
  Number((value >> 32n) & 0xffffffffn),
  Number(value & 0xffffffffn),
];

/** A block: type, length, body, length again. */
function block(type: number, ...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const size = parts.reduce((sum, part) => sum + padded(part.length), 12);
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, type, true);
  view.setUint32(4, size, true);
  let at = 8;
  for (const part of parts) {
    bytes.set(part, at);
    at += padded(part.length);
  }
  view.setUint32(at, size, true);
  return bytes;
}

/**
 * Builds the section header, with which a file begins.
 *
 * @param program - Name of the program that writes the file.
 * @returns The block.
 * @throws Never.
 */
export function sectionBlock(program: string): Uint8Array<ArrayBuffer> {
  const head = words(MAGIC, 1, 0xffffffff, 0xffffffff); // version 1.0, unknown length
  return block(BLOCK.section, head, option(SECTION_PROGRAM, textBytes(program)), END_OF_OPTIONS);
}

/**
 * Builds the description of an interface. Its index is the number of descriptions before it.
 *
 * @param description - Name, link type, snap length.
 * @returns The block.
 * @throws Never.
 */
export function interfaceBlock(description: PcapInterface): Uint8Array<ArrayBuffer> {
  return block(
    BLOCK.interface,
    words(description.linkType & 0xffff, description.snapLength),
    option(INTERFACE.name, textBytes(description.name)),
    option(INTERFACE.resolution, Uint8Array.of(NANOSECONDS)),
    END_OF_OPTIONS,
  );
}

/**
 * Builds the block of a frame.
 *
 * @param packet - The frame, its time and its interface.
 * @returns The block.
 * @throws Never.
 */
export function packetBlock(packet: PcapPacket): Uint8Array<ArrayBuffer> {
  const { bytes, comment } = packet;
  const head = words(packet.interface, ...halves(packet.time), bytes.length, packet.length);
  const options = [
    ...(comment ? [option(COMMENT, textBytes(comment))] : []),
    ...(packet.direction > 0 ? [option(PACKET_FLAGS, words(packet.direction))] : []),
  ];
  if (options.length > 0) options.push(END_OF_OPTIONS);
  return block(BLOCK.packet, head, bytes, ...options);
}

/**
 * Builds the statistics of an interface, at the end of a capture.
 *
 * @param index - Index of the interface.
 * @param time - ns since 1970.
 * @param received - Frames that the filter selected.
 * @param dropped - Those of them that are not in the file.
 * @returns The block.
 * @throws Never.
 */
export function statisticsBlock(
  index: number,
  time: bigint,
  received: number,
  dropped: number,
): Uint8Array<ArrayBuffer> {
  const count = (value: number): Uint8Array => words(...halves(BigInt(value)).reverse());
  return block(
    BLOCK.statistics,
    words(index, ...halves(time)),
    option(STATISTICS.received, count(received)),
    option(STATISTICS.dropped, count(dropped)),
    END_OF_OPTIONS,
  );
}
