// SPDX-License-Identifier: MIT
// world - devices of WireGuard on a network and a clock that exist only here
//
// Nothing waits: run() jumps from what is due to what is due next, a datagram at the end of its way or a
// timer of a device. Faults are drawn from a seed.

import { readFileSync } from 'node:fs';
import { Core, ENDPOINT_WORDS } from '../../packages/wireguard/src/core.ts';
import { Prng } from '../helpers/prng.ts';

/** The module. */
export const MODULE = new WebAssembly.Module(
  readFileSync('packages/wireguard/dist/wireguard.wasm'),
);

/** Faults of the network. */
export interface Faults {
  readonly loss?: number;
  readonly duplicate?: number;
  /** ms, at the most; more than the time between two datagrams reorders them. */
  readonly jitter?: number;
}

/** A datagram on its way. */
export interface Message {
  readonly data: Uint8Array;
  /** ECN bits of its IP header. @default 0 */
  readonly ecn?: number;
  readonly from: string;
  readonly to: string;
}

/** Words of a struct endpoint for an address of the world: its number, and a port. */
export function wordsOf(place: string): Int32Array<ArrayBuffer> {
  const words = new Int32Array(ENDPOINT_WORDS);
  const [host = '0', port = '1'] = place.split(':');
  words[0] = Number(port) << 16;
  words[1] = 4;
  words[2] = Number(host);
  return words;
}

const placeOf = (words: Int32Array, at: number): string =>
  `${words[at + 2]}:${(words[at] ?? 0) >>> 16}`;

/** A device. */
export class Device {
  readonly world: World;
  readonly core: Core;
  readonly publicKey: Uint8Array;
  /** Packets that came. */
  readonly packets: Uint8Array[] = [];
  /** The place it sends from; peers know it as their endpoint. */
  place: string;
  /** Runs ahead of the clock of the world, ms: for TAI64N. */
  wall = 0;
  /** Bytes of the largest datagram that it can send. */
  limit = 65535;

  constructor(world: World, place: string, rate = 64, mtu = 1420) {
    this.world = world;
    this.place = place;
    this.core = new Core(MODULE, mtu, rate, {
      now: () => world.now,
      random: (to) => void to.set(world.random.bytes(to.length)),
      timestamp: (to) => {
        const view = new DataView(to.buffer, to.byteOffset);
        const time = this.wall || world.now;
        view.setUint32(4, Math.floor(time / 1000));
        view.setUint32(8, (time % 1000) * 1e6);
      },
      transmit: (data, words, at, ecn) =>
        world.send({ data: data.slice(), from: this.place, to: placeOf(words, at), ecn }),
      limit: () => this.limit,
      deliver: (packet) => void this.packets.push(packet.slice()),
    });
    this.publicKey = this.core.setKey(world.random.bytes(32));
  }

  /** Adds a peer that has the addresses of a network 10.0.N.0/24. */
  peer(
    other: Device,
    network: number,
    settings: { endpoint?: string; presharedKey?: Uint8Array; persistentKeepalive?: number } = {},
  ): number {
    const peer = this.core.addPeer(other.publicKey);
    this.allow(peer, network);
    const { endpoint } = settings;
    this.core.setPeer(peer, { ...settings, endpoint: endpoint ? wordsOf(endpoint) : undefined });
    return peer;
  }

  readonly #allowed: { peer: number; address: Uint8Array; isV6: boolean; length: number }[] = [];

  allow(peer: number, network: number): void {
    const address = Uint8Array.of(10, 0, network, 0);
    this.#allowed.push({ peer, address, isV6: false, length: 24 });
    this.core.setAllowed(this.#allowed);
  }

  receive(message: Message): void {
    this.core.receive(message.data, wordsOf(message.from), message.ecn);
  }
}

/** An IPv4 packet from 10.0.FROM.1 to 10.0.TO.1, numbered. */
export function packet(from: number, to: number, number = 0, length = 100): Uint8Array {
  const bytes = new Uint8Array(length).fill(number & 0xff, 24);
  bytes.set([0x45, 0, length >> 8, length & 0xff, 0, 0, 0, 0, 64, 17, 0, 0]);
  bytes.set([10, 0, from, 1, 10, 0, to, 1], 12);
  new DataView(bytes.buffer).setUint32(20, number);
  return bytes;
}

/** The number of a packet. */
export const numberOf = (bytes: Uint8Array): number =>
  new DataView(bytes.buffer, bytes.byteOffset).getUint32(20);

/** Devices, a network and a clock. */
export class World {
  now = 1000;
  readonly random: Prng;
  readonly #faults: Prng;
  readonly devices: Device[] = [];
  /** All that was sent, whether it arrived or not. */
  readonly sent: Message[] = [];
  faults: Faults = {};
  /** Loses what it says. */
  drops: (message: Message) => boolean = () => false;
  /** Changes a message on its way; `n` is its place in `sent`. */
  marks: (message: Message, n: number) => Message = (message) => message;
  #onTheWay: { at: number; message: Message }[] = [];

  constructor(seed = 1) {
    this.random = new Prng(seed);
    this.#faults = this.random.fork();
  }

  device(place: string, rate?: number, mtu?: number): Device {
    const device = new Device(this, place, rate, mtu);
    this.devices.push(device);
    return device;
  }

  /** Two devices that know each other; the first knows where the second is. */
  pair(settings: { presharedKey?: Uint8Array; rate?: number; mtu?: number } = {}) {
    const { presharedKey, rate, mtu } = settings;
    const secret = presharedKey ? { presharedKey } : {};
    const [a, b] = [this.device('1:51820', rate, mtu), this.device('2:51820', rate, mtu)];
    const toB = a.peer(b, 2, { ...secret, endpoint: b.place });
    const toA = b.peer(a, 1, secret);
    return { a, b, toA, toB };
  }

  send(message: Message): void {
    this.sent.push(message);
    const { loss = 0, duplicate = 0, jitter = 0 } = this.faults;
    if (this.drops(message) || this.#faults.chance(loss)) return;
    for (let i = this.#faults.chance(duplicate) ? 2 : 1; i > 0; i--) {
      const at = this.now + 1 + this.#faults.int(jitter + 1);
      this.#onTheWay.push({ at, message: this.marks(message, this.sent.length - 1) });
    }
  }

  /** Lets so many ms pass. */
  run(ms: number): void {
    const end = this.now + ms;
    for (;;) {
      const due = this.devices.map(({ core }) => core.due);
      const next = Math.min(...due, ...this.#onTheWay.map(({ at }) => at));
      if (next > end) break;
      this.now = Math.max(this.now, next);
      for (const { core } of this.devices) if (core.due <= this.now) core.tick();
      const arrived = this.#onTheWay.filter(({ at }) => at <= this.now);
      this.#onTheWay = this.#onTheWay.filter(({ at }) => at > this.now);
      for (const { message } of arrived) {
        this.devices.find(({ place }) => place === message.to)?.receive(message);
      }
    }
    this.now = end;
  }

  /** Messages of a type that were sent. */
  ofType(type: number): Message[] {
    return this.sent.filter(({ data }) => data[0] === type);
  }
}
