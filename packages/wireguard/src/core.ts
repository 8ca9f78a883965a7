// SPDX-License-Identifier: MIT
// core - one instance of wireguard.wasm: its memory, its calls, what it asks for; twin: core/main.c
//
// Theory of operation
//
// The module is position-independent and runs over a memory of its own, which no other thread and no stack
// sees: keys are there, and datagrams of WebSockets and sockets of the system, which refuse shared memory.
// So a packet is copied once from a ring and sealed where it lies, and the other way round.
//
// transmit() and deliver() are called from inside a call, with views that are valid until they return.
// They must not call the core again.

import { NetError } from '../../../js/errors.ts';

/** Offsets in struct area. */
const AREA = {
  in: 0,
  out: 4,
  drops: 8,
  sent: 12,
  due: 16,
  key: 24,
  preshared: 56,
  endpoint: 88,
  hasEndpoint: 112,
  persistent: 116,
  receivedBytes: 120,
  sentBytes: 128,
  latestHandshake: 136,
  staged: 144,
  isUsable: 148,
} as const;

/** Why packets are dropped, in the order of enum drop. */
export const DROPS = [
  'malformed',
  'mac',
  'index',
  'unauthentic',
  'replay',
  'expired',
  'load',
  'notAllowed',
  'noPeer',
  'noSession',
  'tooLarge',
] as const;

/** Bytes of a key. */
export const KEY = 32;
/** Words of struct endpoint: transport and port, family, address. */
export const ENDPOINT_WORDS = 6;
const PAGE = 65536;
const STACK = 65536;
/** The largest datagram, and the largest packet. */
export const LARGEST = 65535;

interface Exports {
  __wasm_apply_data_relocs?(): void;
  __wasm_call_ctors?(): void;
  wg_init(heap: number, end: number, mtu: number, rate: number, now: number): number;
  wg_key(now: number): void;
  wg_peer_add(now: number): number;
  wg_peer_set(peer: number, hasPreshared: number, now: number): void;
  wg_peer_get(peer: number): void;
  wg_peer_remove(peer: number): void;
  wg_allow(peer: number, isV6: number, length: number): number;
  wg_allow_none(): void;
  wg_send(length: number, now: number): void;
  wg_receive(length: number, ecn: number, now: number): void;
  wg_tick(now: number): void;
  wg_public(): void;
}

/** The functions that an instance asks for. */
export interface CoreHost {
  /** ms of a clock that only goes forward, more than 0. */
  now(): number;
  /** Fills with random bytes. */
  random(to: Uint8Array<ArrayBuffer>): void;
  /** Writes TAI64N of now, later than any before. */
  timestamp(to: Uint8Array): void;
  /** A datagram goes out; `words` at `at` are its struct endpoint, `ecn` is for its IP header. */
  transmit(data: Uint8Array<ArrayBuffer>, words: Int32Array, at: number, ecn: number): void;
  /** Bytes of the largest datagram that a transport takes now. */
  limit(transport: number): number;
  /** An IP packet came in. */
  deliver(packet: Uint8Array<ArrayBuffer>): void;
}

/** State of a peer. */
export interface CorePeer {
  readonly presharedKey: Uint8Array;
  readonly endpoint: Int32Array | undefined;
  readonly persistentKeepalive: number;
  readonly receivedBytes: number;
  readonly sentBytes: number;
  /** ms of the clock, 0: none yet. */
  readonly latestHandshake: number;
  /** Packets that wait for a session. */
  readonly staged: number;
  /** Not our own key, nor one of small order. */
  readonly isUsable: boolean;
}

/** Memory that the data of the module takes, by its dylink.0 section. */
function dataSize(module: WebAssembly.Module): number {
  const [section] = WebAssembly.Module.customSections(module, 'dylink.0');
  const bytes = new Uint8Array(section ?? new ArrayBuffer(0));
  let size = 0;
  // Subsection 1, its length, and the first number in it.
  for (let at = 2, shift = 0; at < bytes.length; at++, shift += 7) {
    const byte = bytes[at] as number;
    size |= (byte & 0x7f) << shift;
    if (byte < 0x80) break;
  }
  if (bytes[0] === 1 && size > 0) return size;
  throw new NetError('EPROTO', 'Cannot use wireguard.wasm', { reason: 'it is another module' });
}

/** The view that was used last: most packets lie where the one before lay, and are as long. */
class LastView {
  readonly #make: (at: number, length: number) => Uint8Array<ArrayBuffer>;
  #view = new Uint8Array();

  constructor(make: (at: number, length: number) => Uint8Array<ArrayBuffer>) {
    this.#make = make;
  }

  at(at: number, length: number): Uint8Array<ArrayBuffer> {
    // Of a memory that has grown since, a view has no bytes.
    if (this.#view.length !== length || this.#view.byteOffset !== at) {
      this.#view = this.#make(at, length);
    }
    return this.#view;
  }
}

/** One device. */
export class Core {
  readonly #host: CoreHost;
  readonly #memory: WebAssembly.Memory;
  readonly #exports: Exports;
  #area: number;
  #u8: Uint8Array<ArrayBuffer>;
  #i32: Int32Array<ArrayBuffer>;
  #view: DataView;
  #in = 0;
  #out = 0;

  /**
   * Makes an instance.
   *
   * @param module - wireguard.wasm.
   * @param mtu - Largest packet, to which padding is limited.
   * @param rate - Handshakes a second before senders are asked for a cookie.
   * @param host - The functions that it asks for.
   * @throws {NetError} ENOMEM, EPROTO.
   */
  constructor(module: WebAssembly.Module, mtu: number, rate: number, host: CoreHost) {
    const data = dataSize(module);
    const base = STACK;
    const heap = base + data;
    const pages = Math.ceil((heap + 6 * PAGE) / PAGE);
    this.#host = host;
    this.#memory = new WebAssembly.Memory({ initial: pages });
    this.#u8 = new Uint8Array(this.#memory.buffer);
    this.#i32 = new Int32Array(this.#memory.buffer);
    this.#view = new DataView(this.#memory.buffer);
    this.#exports = this.#instantiate(module, base);
    this.#area = this.#exports.wg_init(heap, pages * PAGE, mtu, rate, host.now());
    if (this.#area === 0) throw new NetError('ENOMEM', 'Cannot create a WireGuard interface');
    this.#refresh();
    this.#in = this.#word(AREA.in);
    this.#out = this.#word(AREA.out);
  }

  #instantiate(module: WebAssembly.Module, base: number): Exports {
    const host = this.#host;
    const view = (at: number, length: number): Uint8Array<ArrayBuffer> => this.#bytes(at, length);
    const [transmitted, delivered] = [new LastView(view), new LastView(view)];
    const i32 = (value: number, mutable = false): WebAssembly.Global =>
      new WebAssembly.Global({ value: 'i32', mutable }, value);
    const { exports } = new WebAssembly.Instance(module, {
      env: {
        memory: this.#memory,
        __indirect_function_table: new WebAssembly.Table({ initial: 8, element: 'anyfunc' }),
        __stack_pointer: i32(base, true),
        __memory_base: i32(base),
        __table_base: i32(1),
        host_random: (at: number, length: number) => host.random(this.#bytes(at, length)),
        host_timestamp: (at: number) => host.timestamp(this.#bytes(at, 12)),
        host_transmit: (at: number, length: number, to: number, ecn: number) => {
          const data = transmitted.at(at, length);
          host.transmit(data, this.#i32, to >> 2, ecn);
        },
        host_limit: (transport: number) => host.limit(transport),
        host_deliver: (at: number, length: number) => host.deliver(delivered.at(at, length)),
      },
    });
    const ready = exports as unknown as Exports;
    ready.__wasm_apply_data_relocs?.();
    ready.__wasm_call_ctors?.();
    return ready;
  }

  /** The memory may have grown: views on the old buffer are empty. */
  #refresh(): void {
    if (this.#u8.length > 0) return;
    this.#u8 = new Uint8Array(this.#memory.buffer);
    this.#i32 = new Int32Array(this.#memory.buffer);
    this.#view = new DataView(this.#memory.buffer);
  }

  #bytes(at: number, length: number): Uint8Array<ArrayBuffer> {
    this.#refresh();
    return this.#u8.subarray(at, at + length);
  }

  #word(offset: number): number {
    this.#refresh();
    return this.#view.getUint32(this.#area + offset, true);
  }

  #number(offset: number): number {
    this.#refresh();
    return this.#view.getFloat64(this.#area + offset, true);
  }

  #set(offset: number, word: number): void {
    this.#refresh();
    this.#view.setUint32(this.#area + offset, word, true);
  }

  /** ms of the clock at which tick() must be called, Infinity: not before the next call. */
  get due(): number {
    return this.#number(AREA.due);
  }

  /** Counters of what was dropped. */
  get drops(): Record<(typeof DROPS)[number], number> {
    const at = this.#word(AREA.drops);
    const counts = DROPS.map((name, i) => [name, this.#view.getUint32(at + 4 * i, true)]);
    return Object.fromEntries(counts) as Record<(typeof DROPS)[number], number>;
  }

  /** Handshake messages that went out. */
  get handshakes(): { initiations: number; responses: number; cookies: number } {
    const at = this.#word(AREA.sent);
    const count = (i: number): number => this.#view.getUint32(at + 4 * i, true);
    return { initiations: count(0), responses: count(1), cookies: count(2) };
  }

  /** Takes a private key; sessions of another end. Returns the public key. */
  setKey(key: Uint8Array): Uint8Array<ArrayBuffer> {
    this.#bytes(this.#area + AREA.key, KEY).set(key);
    this.#exports.wg_key(this.#host.now());
    return this.#bytes(this.#area + AREA.key, KEY).slice();
  }

  /** Adds a peer. Returns its number, -1: there are too many. */
  addPeer(publicKey: Uint8Array): number {
    this.#bytes(this.#area + AREA.key, KEY).set(publicKey);
    return this.#exports.wg_peer_add(this.#host.now());
  }

  /** Changes a peer; what is undefined stays. */
  setPeer(
    peer: number,
    settings: {
      presharedKey?: Uint8Array | undefined;
      endpoint?: Int32Array | undefined;
      persistentKeepalive?: number | undefined;
    },
  ): void {
    const { presharedKey, endpoint, persistentKeepalive } = settings;
    this.#exports.wg_peer_get(peer);
    if (presharedKey) this.#bytes(this.#area + AREA.preshared, KEY).set(presharedKey);
    this.#set(AREA.hasEndpoint, endpoint ? 1 : 0);
    if (endpoint) this.#i32.set(endpoint, (this.#area + AREA.endpoint) >> 2);
    if (persistentKeepalive !== undefined) this.#set(AREA.persistent, persistentKeepalive);
    this.#exports.wg_peer_set(peer, presharedKey ? 1 : 0, this.#host.now());
    this.#wipeArea();
  }

  /** State of a peer. */
  peer(peer: number): CorePeer {
    this.#exports.wg_peer_get(peer);
    this.#refresh();
    const area = this.#area;
    const at = (area + AREA.endpoint) >> 2;
    const state = {
      presharedKey: this.#bytes(area + AREA.preshared, KEY).slice(),
      endpoint: this.#word(AREA.hasEndpoint) ? this.#i32.slice(at, at + ENDPOINT_WORDS) : undefined,
      persistentKeepalive: this.#word(AREA.persistent),
      receivedBytes: Number(this.#view.getBigUint64(area + AREA.receivedBytes, true)),
      sentBytes: Number(this.#view.getBigUint64(area + AREA.sentBytes, true)),
      latestHandshake: this.#number(AREA.latestHandshake),
      staged: this.#word(AREA.staged),
      isUsable: this.#word(AREA.isUsable) === 1,
    };
    this.#wipeArea();
    return state;
  }

  /** Secrets do not stay where arguments are. */
  #wipeArea(): void {
    this.#bytes(this.#area + AREA.key, 2 * KEY).fill(0);
  }

  /** Removes a peer; set the allowed IPs anew. */
  removePeer(peer: number): void {
    this.#exports.wg_peer_remove(peer);
  }

  /** Sets all allowed IPs; of two that are equal the last counts. False: there is no memory for all. */
  setAllowed(list: Iterable<{ peer: number; address: Uint8Array; isV6: boolean; length: number }>) {
    this.#exports.wg_allow_none();
    for (const { peer, address, isV6, length } of list) {
      this.#bytes(this.#area + AREA.endpoint + 8, 16).set(address);
      if (!this.#exports.wg_allow(peer, isV6 ? 1 : 0, length)) return false;
    }
    return true;
  }

  /** Sends an IP packet; one that is too long is none. */
  send(packet: Uint8Array): void {
    const { length } = packet;
    this.#refresh();
    if (length <= LARGEST) this.#u8.set(packet, this.#out);
    this.#exports.wg_send(length <= LARGEST ? length : 0, this.#host.now());
  }

  /** Takes a datagram; `ecn` is that of its IP header, 0: not known. */
  receive(data: Uint8Array, from: Int32Array, ecn = 0): void {
    const { length } = data;
    this.#refresh();
    if (length <= LARGEST) this.#u8.set(data, this.#in);
    this.#i32.set(from, (this.#area + AREA.endpoint) >> 2);
    this.#exports.wg_receive(length <= LARGEST ? length : 0, ecn, this.#host.now());
  }

  /** Does what is due. */
  tick(): void {
    this.#exports.wg_tick(this.#host.now());
  }

  /** The public key of a private one. */
  publicKey(key: Uint8Array): Uint8Array<ArrayBuffer> {
    this.#bytes(this.#area + AREA.key, KEY).set(key);
    this.#exports.wg_public();
    return this.#bytes(this.#area + AREA.key, KEY).slice();
  }

  /** Zeroes the whole memory, keys and packets and all; nothing can be called any more. */
  wipe(): void {
    this.#refresh();
    this.#u8.fill(0);
  }
}
