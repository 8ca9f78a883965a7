// SPDX-License-Identifier: MIT
// datagram_record - struct abi_datagram, the head of a datagram in a ring; twin: core/sock/dgram_data.c
//
// Addresses come as bytes and are wanted as text. Most datagrams have the same as the one before, so the last
// ones are kept, both ways.

import {
  ADDR_FAMILY,
  ADDR_PORT,
  ADDR_ZONE,
  DATAGRAM_FLAGS,
  DATAGRAM_IFACE,
  DATAGRAM_LINK,
  DATAGRAM_LINK_ADDRESS,
  DATAGRAM_LOCAL,
  DATAGRAM_REMOTE,
  DATAGRAM_SIZE,
  DATAGRAM_TTL,
  DATAGRAM_VERDICT,
} from '../abi.ts';
import { readAddress } from '../control/commands.ts';
import type { SharedMemory } from '../memory/shared_memory.ts';
import { formatIp, type IpAddress } from '../util/address.ts';

/** Words of struct abi_addr before its zone: address, port and family. */
const ADDR_WORDS = ADDR_ZONE >> 2;

/** The way of a datagram to send. */
export interface Destination {
  /** undefined: the connected end. */
  readonly to?: IpAddress | undefined;
  readonly port?: number | undefined;
  /** Handle of the interface of a link-local address, or 0. */
  readonly zone?: number | undefined;
  readonly from?: IpAddress | undefined;
  /** Of a transparent socket. */
  readonly fromPort?: number | undefined;
  /** On a SYN that was held: VERDICT_*. */
  readonly verdict?: number;
  /** Handle of the interface it leaves by, or 0. */
  readonly iface?: number;
  readonly ttl?: number | undefined;
  readonly link?: Uint8Array | undefined;
}

/** An address of the arena as text; the last one is kept. */
class AddressText {
  readonly #words = new Int32Array(ADDR_WORDS);
  #text = '';

  read(i32: Int32Array, view: DataView, at: number): string {
    let same = this.#text !== '';
    for (let i = 0; i < ADDR_WORDS; i++) {
      const word = i32[(at >>> 2) + i] ?? 0;
      same &&= this.#words[i] === word;
      this.#words[i] = word;
    }
    if (!same) this.#text = formatIp(readAddress(view, at).address);
    return this.#text;
  }
}

/** Reads the head of the record at `at`. */
class RecordReader {
  at = 0;
  readonly #arena: SharedMemory;
  readonly #remote = new AddressText();
  readonly #local = new AddressText();

  constructor(arena: SharedMemory) {
    this.#arena = arena;
  }

  /** The sender; zone: handle of the interface of a link-local one. */
  get sender(): { host: string; port: number; zone: number } {
    const { i32, view } = this.#arena;
    const at = this.at + DATAGRAM_REMOTE;
    const host = this.#remote.read(i32, view, at);
    const zone = i32[(at + ADDR_ZONE) >>> 2] ?? 0;
    return { host, port: view.getUint16(at + ADDR_PORT, true), zone };
  }

  /** The address and port it was sent to. */
  get receiver(): { address: string; port: number } {
    const { i32, view } = this.#arena;
    const at = this.at + DATAGRAM_LOCAL;
    const address = this.#local.read(i32, view, at);
    return { address, port: view.getUint16(at + ADDR_PORT, true) };
  }

  /** Handle of the interface it came by. */
  get iface(): number {
    return this.#arena.view.getUint32(this.at + DATAGRAM_IFACE, true);
  }

  /** Its time to live. */
  get ttl(): number {
    return this.#arena.view.getUint8(this.at + DATAGRAM_TTL);
  }
}

function writeAddress(
  view: DataView,
  at: number,
  address: IpAddress,
  port: number,
  zone: number,
): void {
  const { bytes, family } = address;
  const length = family === 4 ? 4 : 16;
  for (let i = 0; i < length; i++) view.setUint8(at + i, bytes[i] ?? 0);
  view.setUint16(at + ADDR_PORT, port, true);
  view.setUint8(at + ADDR_FAMILY, family);
  if (zone) view.setUint32(at + ADDR_ZONE, zone, true);
}

/** Writes the heads of records; the last one is kept. */
class RecordWriter {
  readonly #words = new Int32Array(DATAGRAM_SIZE >> 2);
  readonly #view = new DataView(this.#words.buffer);
  #last: Destination | undefined;

  /**
   * Writes the head of a record.
   *
   * @param i32 - The memory of the ring.
   * @param at - Offset of the record.
   * @param where - The contents of the head; it never changes.
   * @throws Never.
   */
  write(i32: Int32Array, at: number, where: Destination): void {
    const words = this.#words;
    if (where !== this.#last) this.#make(where);
    for (let i = 0; i < words.length; i++) i32[(at >>> 2) + i] = words[i] as number;
  }

  #make(where: Destination): void {
    const view = this.#view;
    const { to, from, link } = where;
    this.#last = where;
    this.#words.fill(0);
    if (to) writeAddress(view, DATAGRAM_REMOTE, to, where.port ?? 0, where.zone ?? 0);
    if (from) writeAddress(view, DATAGRAM_LOCAL, from, where.fromPort ?? 0, 0);
    if (where.verdict) view.setUint16(DATAGRAM_VERDICT, where.verdict, true);
    if (where.iface) view.setUint32(DATAGRAM_IFACE, where.iface, true);
    if (where.ttl) view.setUint8(DATAGRAM_TTL, where.ttl);
    if (link) {
      view.setUint8(DATAGRAM_FLAGS, DATAGRAM_LINK);
      for (let i = 0; i < 6; i++) view.setUint8(DATAGRAM_LINK_ADDRESS + i, link[i] ?? 0);
    }
  }
}

/** Reads and writes the heads of records in one memory. */
export interface Heads {
  readonly reader: RecordReader;
  readonly writer: RecordWriter;
}

const known = new WeakMap<SharedMemory, Heads>();

/**
 * The reader and the writer of a memory. All sockets have the same: ten thousand with their own would not fit into a
 * processor's caches.
 *
 * @param memory - The memory of the rings.
 * @returns Both.
 * @throws Never.
 */
export function headsOf(memory: SharedMemory): Heads {
  let heads = known.get(memory);
  if (!heads) {
    heads = { reader: new RecordReader(memory), writer: new RecordWriter() };
    known.set(memory, heads);
  }
  return heads;
}
