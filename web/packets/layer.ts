// SPDX-License-Identifier: MIT
// layer - what a decoded packet consists of, and how a codec reads its part of one
//
// Packets are input: any bytes, cut anywhere. A LayerReader never reads past what is there; what is
// missing reads as zero and marks the layer as cut, so no codec can throw or needs to look first.

/** One field of a header. */
export interface Field {
  readonly name: string;
  readonly value: string;
  /** Where it lies in the packet. */
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

/** What a codec says of its part of the packet. */
export interface Dissection {
  /** Its header, then those within. */
  readonly layers: readonly Layer[];
  /** Name of the innermost protocol. */
  readonly protocol: string;
  /** Who sent it, as far as this header or one within knows. */
  readonly source?: string;
  readonly destination?: string;
  /** The rest in a line. */
  readonly info: string;
}

/** As hexadecimal, with leading zeros for so many bytes. */
export const hex = (value: number, bytes: number): string =>
  `0x${value.toString(16).padStart(bytes * 2, '0')}`;

/** Reads the fields of one header, from front to back. */
export class LayerReader {
  readonly #bytes: Uint8Array;
  readonly #name: string;
  readonly #start: number;
  readonly #fields: Field[] = [];
  #at: number;
  #isCut = false;

  constructor(bytes: Uint8Array, at: number, name: string) {
    this.#bytes = bytes;
    this.#name = name;
    this.#start = at;
    this.#at = at;
  }

  /** Where the next field begins. */
  get at(): number {
    return this.#at;
  }

  /** Bytes of the packet that are left. */
  get left(): number {
    return Math.max(0, this.#bytes.length - this.#at);
  }

  get isCut(): boolean {
    return this.#isCut;
  }

  #take(length: number): Uint8Array | undefined {
    if (length > this.left) {
      this.#isCut = true;
      this.#at = this.#bytes.length;
      return undefined;
    }
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  /** A big-endian number of one to four bytes; 0 if it is not there. */
  number(name: string, length: number, show: (value: number) => string = String): number {
    const bytes = this.#take(length);
    if (!bytes) return 0;
    const value = bytes.reduce((sum, byte) => sum * 256 + byte, 0);
    this.note(name, show(value), length);
    return value;
  }

  /** Bytes shown as text; '' if they are not all there. */
  text(name: string, length: number, show: (bytes: Uint8Array) => string): string {
    const bytes = this.#take(length);
    if (!bytes) return '';
    const value = show(bytes);
    this.note(name, value, length);
    return value;
  }

  /** Adds a field about the last bytes read. */
  note(name: string, value: string, length: number): void {
    this.#fields.push({ name, value, start: this.#at - length, length });
  }

  /** Steps over bytes that have no field. */
  skip(length: number): void {
    this.#take(length);
  }

  /** What was read. */
  layer(): Layer {
    const length = this.#at - this.#start;
    return {
      name: this.#name,
      fields: this.#fields,
      start: this.#start,
      length,
      isCut: this.#isCut,
    };
  }
}

/** The Internet checksum over bytes, which is 0 where the bytes hold their own and it is right. */
export function internetChecksum(bytes: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += ((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
