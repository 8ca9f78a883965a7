// SPDX-License-Identifier: MIT
// interfaces - loopback, tun and tap interfaces of C as the public objects
//
// Theory of operation
//
// A frame interface is the other end of the two rings of core/ringif.c: its readable consumes tx, its
// writable produces into rx. Whether anybody listens is a word of the shared struct iface, set while
// the readable is locked: the readable is a subclass that sees every way to lock it. pipeTo() on it
// looks whether the other end is a writable of ours; if so js/wires.ts joins the rings and no frame
// passes through here.

import {
  CMD_IFACE_ADD,
  CMD_IFACE_ADDR_COUNT,
  CMD_IFACE_ADDRS,
  CMD_IFACE_FLAGS,
  CMD_IFACE_GATEWAY_COUNT,
  CMD_IFACE_GATEWAYS,
  CMD_IFACE_KIND,
  CMD_IFACE_MAC,
  CMD_IFACE_MTU,
  CMD_IFACE_REMOVE,
  CMD_IFACE_RING_SIZE,
  CMD_IFACE_SIZE,
  CMD_SIZE,
  IFACE_ADDRS,
  IFACE_DROPPED,
  IFACE_FRAME_MAX,
  IFACE_LISTENING,
  IFACE_LOOPBACK,
  IFACE_MTU_MAX,
  IFACE_MTU_MIN,
  IFACE_NO_CHECKSUM,
  IFACE_RX,
  IFACE_RX_BYTES,
  IFACE_RX_INVALID,
  IFACE_RX_OVERSIZE,
  IFACE_RX_PACKETS,
  IFACE_TAP,
  IFACE_TUN,
  IFACE_TX,
  IFACE_TX_BYTES,
  IFACE_TX_LOST,
  IFACE_TX_PACKETS,
  RING_BAD,
} from './abi.ts';
import type { Cidr, IpAddress } from './address.ts';
import {
  formatCidr,
  formatIp,
  formatMac,
  netmask,
  parseCidrs,
  parseIp,
  parseMac,
  randomMac,
} from './address.ts';
import { NetError } from './errors.ts';
import { FrameSink, FrameSource } from './frame_streams.ts';
import { FrameReader, FrameWriter } from './frame_verbs.ts';
import { FrameConsumer, FrameProducer } from './ring.ts';
import type { Control, Made } from './sock.ts';
import { addressAt, writeAddress } from './sock.ts';
import { iterate } from './streams.ts';
import type { InterfaceOptions, InterfaceStatistics, NetworkInterface } from './types.ts';
import type { FrameRingReader, FrameRingWriter } from './types_ring.ts';
import { InterfaceReadable, InterfaceWritable, type WireEnd } from './wires.ts';

const KINDS = { loopback: IFACE_LOOPBACK, tun: IFACE_TUN, tap: IFACE_TAP } as const;
const MTU = 1500;
const RING = 512 * 1024;
const RING_MOST = 1024 * 1024 * 1024;

/** What an interface is created from, checked. */
interface Plan {
  readonly type: keyof typeof KINDS;
  readonly cidrs: readonly Cidr[];
  readonly mtu: number;
  readonly mac: Uint8Array;
}

function checkMtu(value: number | undefined, type: Plan['type']): number {
  const mtu = value ?? (type === 'loopback' ? IFACE_MTU_MAX : MTU);
  if (!Number.isInteger(mtu) || mtu < IFACE_MTU_MIN || mtu > IFACE_MTU_MAX) {
    throw new NetError('EINVAL', `Cannot create a ${type} interface with an MTU of ${mtu}`, {
      reason: `it must be ${IFACE_MTU_MIN} to ${IFACE_MTU_MAX}`,
    });
  }
  return mtu;
}

function checkRing(value: number | undefined, mtu: number): number {
  const size = value ?? Math.max(RING, 8 * mtu);
  if (!(size >= 1 && size <= RING_MOST)) {
    throw new NetError('EINVAL', `Cannot use a ringSize of ${size} bytes`);
  }
  return 2 ** Math.ceil(Math.log2(Math.max(size, 4 * mtu + 16384)));
}

function checkAddresses(cidrs: readonly Cidr[]): void {
  const v4 = cidrs.filter((cidr) => cidr.address.family === 4).length;
  if (v4 > 1 || cidrs.length - v4 >= IFACE_ADDRS) {
    throw new NetError('EINVAL', `Cannot give an interface ${cidrs.map(formatCidr).join(', ')}`, {
      reason: 'at most one IPv4 and three IPv6 addresses are supported',
    });
  }
}

function checkGateways(gateway: InterfaceOptions['gateway']): IpAddress[] {
  const list = gateway === undefined ? [] : typeof gateway === 'string' ? [gateway] : gateway;
  const addresses = list.map((one) => parseIp(one));
  if (new Set(addresses.map((one) => one.family)).size !== addresses.length) {
    throw new NetError('EINVAL', `Cannot use the gateways ${list.join(', ')}`, {
      reason: 'at most one of each family is supported',
    });
  }
  return addresses;
}

/** An interface of any kind. */
export class Interface implements NetworkInterface {
  readonly type: 'loopback' | 'tun' | 'tap';
  readonly mtu: number;
  readonly ip: string | undefined;
  readonly netmask: string | undefined;
  readonly addresses: readonly string[];
  protected readonly control: Control;
  protected readonly place: number;
  /** Its handle in C. */
  readonly handle: number;
  #gone: NetError | undefined;
  #last: InterfaceStatistics | undefined;

  constructor(control: Control, made: Made, plan: Plan) {
    this.control = control;
    this.handle = made.handle;
    this.place = made.place;
    this.type = plan.type;
    this.mtu = plan.mtu;
    this.addresses = plan.cidrs.map(formatCidr);
    const first = plan.cidrs.find((cidr) => cidr.address.family === 4) ?? plan.cidrs[0];
    this.ip = first && formatIp(first.address);
    this.netmask = first?.address.family === 4 ? netmask(4, first.prefix) : undefined;
  }

  get statistics(): InterfaceStatistics {
    return this.#last ?? this.#read();
  }

  #read(): InterfaceStatistics {
    const { view } = this.control.arena;
    const count = (field: number): number => view.getUint32(this.place + field, true);
    const bytes = (field: number): number => Number(view.getBigUint64(this.place + field, true));
    return {
      rxPackets: count(IFACE_RX_PACKETS),
      rxBytes: bytes(IFACE_RX_BYTES),
      txPackets: count(IFACE_TX_PACKETS),
      txBytes: bytes(IFACE_TX_BYTES),
      dropped: count(IFACE_DROPPED),
      lost: count(IFACE_TX_LOST) + count(IFACE_TX + RING_BAD),
      invalid: count(IFACE_RX_INVALID) + count(IFACE_RX_OVERSIZE) + count(IFACE_RX + RING_BAD),
    };
  }

  /** Why it is gone, or undefined. */
  get gone(): NetError | undefined {
    return this.#gone;
  }

  /** Ends what JavaScript has of it; settles when nobody reads its rings any more. */
  async detach(error: NetError): Promise<void> {
    if (this.#gone) return;
    this.#gone = error;
  }

  /** Keeps the counters readable when the memory is gone. */
  freeze(): void {
    this.#last ??= this.#read();
  }

  /** Removes it: detaches it and has C free it. */
  async remove(): Promise<void> {
    await this.detach(new NetError('ENODEV', `Cannot use the ${this.type} interface`));
    this.freeze();
    const command = this.control.command(CMD_IFACE_REMOVE, CMD_SIZE, this.handle);
    await this.control.call(command, `Cannot remove the ${this.type} interface`, () => {});
  }
}

/** A tun or tap interface. */
export class FrameInterface extends Interface implements WireEnd {
  readonly mac: string | undefined;
  readonly frameMax: number;
  readonly readable: InterfaceReadable;
  readonly writable: InterfaceWritable;
  readonly #source: FrameSource;
  readonly #sink: FrameSink;
  readonly #poll: () => void;

  constructor(control: Control, made: Made, plan: Plan) {
    super(control, made, plan);
    const { arena } = control;
    this.frameMax = arena.view.getUint32(made.place + IFACE_FRAME_MAX, true);
    if (plan.type === 'tap') this.mac = formatMac(plan.mac);
    this.#source = new FrameSource(arena, this.tx(), control.wake, () => this.setListening(false));
    this.#sink = new FrameSink(arena, this.rx(), this.frameMax, control.wake, () => {
      Atomics.add(arena.i32, (made.place + IFACE_RX_OVERSIZE) >>> 2, 1);
    });
    this.readable = new InterfaceReadable(this.#source.source, this);
    this.writable = new InterfaceWritable(this.#sink.sink, this);
    this.#poll = () => {
      this.#source.poke();
      this.#sink.poke();
    };
    control.addPoller(this.#poll);
  }

  /** A consumer of what the stack sends, which drops what is longer than max. */
  tx(max: number = this.frameMax): FrameConsumer {
    return new FrameConsumer(this.control.arena, this.txRing, max);
  }

  /** A producer of what the stack takes. */
  rx(): FrameProducer {
    return new FrameProducer(this.control.arena, this.place + IFACE_RX);
  }

  get txRing(): number {
    return this.place + IFACE_TX;
  }

  get plane(): Control {
    return this.control;
  }

  /** Says whether somebody takes what the stack sends: the readable is locked and not cancelled. */
  setListening(on: boolean): void {
    if (this.gone) return;
    if (!on) this.#source.idle();
    const word = on && this.#source.isOpen ? 1 : 0;
    Atomics.store(this.control.arena.i32, (this.place + IFACE_LISTENING) >>> 2, word);
    this.control.wake();
  }

  unplugged(): void {
    if (this.gone) return;
    this.#source.resume(this.tx());
    this.#sink.resume(this.rx());
  }

  getRingReader(): FrameRingReader {
    return new FrameReader(this.#source, this.readable);
  }

  getRingWriter(): FrameRingWriter {
    return new FrameWriter(this.#sink, this.writable);
  }

  listen(): AsyncIterableIterator<Uint8Array> {
    return iterate(this.readable);
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<Uint8Array> {
    return this.listen();
  }

  override async detach(error: NetError): Promise<void> {
    if (this.gone) return;
    this.setListening(false);
    await super.detach(error);
    this.control.removePoller(this.#poll);
    this.#sink.fail(error);
    this.#source.end(error);
    await Promise.all([this.readable.unplugged(), this.writable.unplugged()]);
  }
}

/** What createTapInterface() and its sisters take together. */
export type AnyInterfaceOptions = InterfaceOptions & { readonly mac?: string };

/**
 * Creates an interface.
 *
 * @param control - Of the stack.
 * @param type - Its kind.
 * @param options - What the user wants.
 * @param added - Told of it at once, before the promise.
 * @returns The interface, up.
 * @throws {NetError} EINVAL, EMFILE, ENOMEM, ESHUTDOWN.
 */
export async function createInterface(
  control: Control,
  type: Plan['type'],
  options: AnyInterfaceOptions,
  added: (iface: Interface) => void,
): Promise<Interface> {
  const cidrs = options.ip === undefined ? [] : parseCidrs(options.ip);
  checkAddresses(cidrs);
  const gateways = checkGateways(options.gateway);
  const mac = options.mac === undefined ? randomMac() : parseMac(options.mac);
  const mtu = checkMtu(options.mtu, type);
  const command = control.command(CMD_IFACE_ADD, CMD_IFACE_SIZE);
  command.setUint32(CMD_IFACE_KIND, KINDS[type], true);
  command.setUint32(CMD_IFACE_MTU, mtu, true);
  command.setUint32(CMD_IFACE_FLAGS, options.checksum === false ? IFACE_NO_CHECKSUM : 0, true);
  command.setUint32(CMD_IFACE_RING_SIZE, checkRing(options.ringSize, mtu), true);
  command.setUint32(CMD_IFACE_ADDR_COUNT, cidrs.length, true);
  command.setUint32(CMD_IFACE_GATEWAY_COUNT, gateways.length, true);
  mac.forEach((byte, i) => {
    command.setUint8(CMD_IFACE_MAC + i, byte);
  });
  cidrs.forEach((cidr, i) => {
    writeAddress(command, addressAt(CMD_IFACE_ADDRS, i), cidr.address, 0, cidr.prefix);
  });
  gateways.forEach((gateway, i) => {
    writeAddress(command, addressAt(CMD_IFACE_GATEWAYS, i), gateway);
  });
  const plan = { type, cidrs, mtu, mac };
  return control.call(command, `Cannot create a ${type} interface`, (made) => {
    const Kind = type === 'loopback' ? Interface : FrameInterface;
    const iface = new Kind(control, made, plan);
    added(iface);
    return iface;
  });
}
