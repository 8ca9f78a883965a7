// SPDX-License-Identifier: MIT
// pcapng - writes captured frames as a pcapng file, which Wireshark and tcpdump read
//
// One section, little-endian; one interface for each side of the wire; one enhanced packet block a frame.
// Blocks and options are padded to four bytes (draft-ietf-opsawg-pcapng).

/** A captured frame. */
export interface CapturedFrame {
  /** Its beginning. */
  readonly bytes: Uint8Array;
  /** How long it was. */
  readonly length: number;
  /** When, in ms since 1970, with a fraction. */
  readonly time: number;
  /** Index of the interface that sent it. */
  readonly interface: number;
  /** Shown with the packet. */
  readonly comment?: string;
}

const LINKTYPE_ETHERNET = 1;
const OPT_COMMENT = 1;
const IF_NAME = 2;
const SHB_USERAPPL = 4;

const padded = (length: number): number => (length + 3) & ~3;

/** An option: code, length, value. */
function option(code: number, value: string): Uint8Array {
  const bytes = new TextEncoder().encode(value);
  const result = new Uint8Array(4 + padded(bytes.length));
  const view = new DataView(result.buffer);
  view.setUint16(0, code, true);
  view.setUint16(2, bytes.length, true);
  result.set(bytes, 4);
  return result;
}

const END_OF_OPTIONS = new Uint8Array(4);

/** A block: type, length, body, length again. */
function block(type: number, parts: readonly Uint8Array[]): Uint8Array {
  const size = parts.reduce((sum, part) => sum + padded(part.length), 12);
  const result = new Uint8Array(size);
  const view = new DataView(result.buffer);
  view.setUint32(0, type, true);
  view.setUint32(4, size, true);
  let at = 8;
  for (const part of parts) {
    result.set(part, at);
    at += padded(part.length);
  }
  view.setUint32(at, size, true);
  return result;
}

const words = (...values: number[]): Uint8Array => {
  const bytes = new Uint8Array(values.length * 4);
  const view = new DataView(bytes.buffer);
  for (const [i, value] of values.entries()) view.setUint32(i * 4, value, true);
  return bytes;
};

function section(): Uint8Array {
  // Byte order magic, version 1.0, length of the section not given.
  const head = words(0x1a2b3c4d, 1, 0xffffffff, 0xffffffff);
  return block(0x0a0d0d0a, [head, option(SHB_USERAPPL, 'ringstack'), END_OF_OPTIONS]);
}

function packet(frame: CapturedFrame): Uint8Array {
  const micros = BigInt(Math.round(frame.time * 1000));
  const high = Number(micros >> 32n);
  const low = Number(micros & 0xffffffffn);
  const head = words(frame.interface, high, low, frame.bytes.length, frame.length);
  const options = frame.comment ? [option(OPT_COMMENT, frame.comment), END_OF_OPTIONS] : [];
  return block(6, [head, frame.bytes, ...options]);
}

/**
 * Writes a capture.
 *
 * @param interfaces - Names of the interfaces, by their index.
 * @param frames - In the order in which they are to stand.
 * @param snapLength - Bytes at which longer frames were cut.
 * @returns The file.
 * @throws Never.
 */
export function writePcapng(
  interfaces: readonly string[],
  frames: readonly CapturedFrame[],
  snapLength: number,
): Uint8Array<ArrayBuffer> {
  const blocks = [
    section(),
    ...interfaces.map((name) =>
      block(1, [words(LINKTYPE_ETHERNET, snapLength), option(IF_NAME, name), END_OF_OPTIONS]),
    ),
    ...frames.map(packet),
  ];
  const file = new Uint8Array(blocks.reduce((sum, one) => sum + one.length, 0));
  let at = 0;
  for (const one of blocks) {
    file.set(one, at);
    at += one.length;
  }
  return file;
}
