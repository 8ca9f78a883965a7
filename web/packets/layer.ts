// SPDX-License-Identifier: MIT
// layer - the shown form of a packet: headers with fields, and a line that sums it up
//
// The codecs of js/codec read packets. The files here give what they read names and places, so that
// the page can mark the bytes of a field. Packets are cut at SNAP bytes: a header that is not whole is shown
// as bytes without fields.

/** One field of a header. */
export interface Field {
  readonly name: string;
  readonly value: string;
  /** Offset in the packet. */
  readonly start: number;
  readonly length: number;
}

/** One header. */
export interface Layer {
  readonly name: string;
  readonly fields: readonly Field[];
  readonly start: number;
  readonly length: number;
  /** The packet, or what was captured of it, ends within. */
  readonly isCut: boolean;
}

/** The shown text of a packet, from one header on. */
export interface Dissection {
  /** Its header, then those within. */
  readonly layers: readonly Layer[];
  /** Name of the innermost protocol. */
  readonly protocol: string;
  /** Its sender, as far as this header or one within knows. */
  readonly source?: string;
  readonly destination?: string;
  /** The rest in a line. */
  readonly info: string;
}

/** A field: its name, its place in the header, its length, its value. */
export type FieldOf = readonly [name: string, at: number, length: number, value: string | number];

/** As hexadecimal, with leading zeros for so many bytes. */
export const hex = (value: number, bytes: number): string =>
  `0x${value.toString(16).padStart(bytes * 2, '0')}`;

/** A header with its fields. */
export function makeLayer(
  name: string,
  start: number,
  length: number,
  fields: readonly FieldOf[],
  isCut = false,
): Layer {
  const placed = fields.map(([field, at, size, value]) => {
    return { name: field, value: `${value}`, start: start + at, length: size };
  });
  return { name, fields: placed, start, length, isCut };
}

/** The text for a header that could not be read: it is cut if it needs more bytes than there are. */
export function unreadable(
  name: string,
  bytes: Uint8Array,
  at: number,
  needed: number,
): Dissection & { readonly layers: readonly [Layer] } {
  const length = Math.max(0, Math.min(needed, bytes.length - at));
  const isCut = length < needed;
  const info = isCut ? 'cut short' : 'malformed';
  const fields: readonly FieldOf[] = length > 0 ? [['Bytes', 0, length, info]] : [];
  const layer = makeLayer(name, Math.min(at, bytes.length), length, fields, isCut);
  return { layers: [layer], protocol: name, info };
}

/** The payload of a packet, as far as it was captured. */
export function payloadLayer(bytes: Uint8Array, at: number, size: number): Layer {
  const captured = Math.max(0, Math.min(size, bytes.length - at));
  const shown = Array.from(bytes.subarray(at, at + Math.min(64, captured)), (byte) =>
    byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '·',
  ).join('');
  const count = captured < size ? `${size} (${captured} captured)` : size;
  const fields: FieldOf[] = [['Bytes', 0, captured, count]];
  if (captured > 0) fields.push(['Text', 0, captured, shown]);
  return makeLayer('Payload', Math.min(at, bytes.length), captured, fields);
}
