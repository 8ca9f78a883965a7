// SPDX-License-Identifier: MIT
// interface - loopback, tun and tap interfaces of C as the public objects
//
// Theory of operation
//
// A RingInterface is the other end of the two rings of core/iface/ringif.c: its readable consumes tx, its
// writable produces into rx. The interface listens while its readable is locked; whether it does is a word
// of the shared struct iface. A pipeTo() between two of them is a wire (js/stack/wire.ts): it joins the
// rings, and no frame passes through here.
//
// share() hands the rings to another thread: the object here keeps only its statistics, and the one that
// attachInterface() (js/stack/attached.ts) makes there has the streams. Before C frees the rings, the other
// thread must have released them (js/control/handover.ts).

import {
  CMD_IFACE_REMOVE,
  CMD_SHARE_IFACE,
  IFACE_CHANNEL,
  IFACE_DROPPED,
  IFACE_FRAME_MAX,
  IFACE_LISTENING,
  IFACE_RX,
  IFACE_RX_BYTES,
  IFACE_RX_INVALID,
  IFACE_RX_OVERSIZE,
  IFACE_RX_PACKETS,
  IFACE_TX,
  IFACE_TX_BYTES,
  IFACE_TX_LOST,
  IFACE_TX_PACKETS,
  RING_BAD,
} from '../abi.ts';
import type {
  AddAddressOptions,
  ForwardingStatistics,
  InterfaceStatistics,
  NetworkInterface,
} from '../api/interface.ts';
import type { FrameRingReader, FrameRingWriter } from '../api/zero_copy.ts';
import type { Channel, ChannelHandle, Made } from '../control/channel.ts';
import { newCommand } from '../control/commands.ts';
import { NetError } from '../errors.ts';
import { FrameConsumer, FrameProducer } from '../ring.ts';
import {
  type Chunk,
  FrameReadable,
  FrameReader,
  FrameWritable,
  FrameWriter,
  iterate,
} from '../streams.ts';
import type { Cidr, IpAddress } from '../util/address.ts';
import { formatCidr, formatIp, formatMac, netmask } from '../util/address.ts';
import { showAs } from '../util/inspect.ts';
import type { WireEnd } from './plug.ts';
import { InterfaceReadable, InterfaceWritable } from './wire.ts';

/** Loads the functions that change interfaces. */
export type LoadChanges = () => Promise<typeof import('./interface_changes.ts')>;

/** The checked options of an interface. */
export interface Plan {
  readonly type: NetworkInterface['type'];
  readonly cidrs: readonly Cidr[];
  readonly mtu: number;
  readonly mac: Uint8Array;
}

/** An interface of any kind; a loopback interface is nothing more. */
export class BaseInterface implements NetworkInterface {
  readonly type: NetworkInterface['type'];
  mtu: number;
  /** Its addresses. */
  cidrs: readonly Cidr[];
  /** down() was called last. */
  isDown = false;
  readonly channel: Channel;
  /** Offset of its struct iface. */
  readonly offset: number;
  /** Its handle in C. */
  readonly handle: number;
  #gone: NetError | undefined;
  #last: InterfaceStatistics | undefined;
  readonly #load: LoadChanges;

  constructor(channel: Channel, made: Made, plan: Plan, load: LoadChanges) {
    this.#load = load;
    this.channel = channel;
    this.handle = made.handle;
    this.offset = made.offset;
    this.type = plan.type;
    this.mtu = plan.mtu;
    this.cidrs = plan.cidrs;
  }

  get #first(): Cidr | undefined {
    return this.cidrs.find((cidr) => cidr.address.family === 4) ?? this.cidrs[0];
  }

  get ip(): string | undefined {
    return this.#first && formatIp(this.#first.address);
  }

  get netmask(): string | undefined {
    return this.#first?.address.family === 4 ? netmask(4, this.#first.prefix) : undefined;
  }

  get addresses(): readonly string[] {
    return this.cidrs.map(formatCidr);
  }

  get linkLocalAddress(): string | undefined {
    const { mac, cidrs } = this as { mac?: string } & BaseInterface;
    if (!mac || !cidrs.some(({ address }) => address.family === 6)) return undefined;
    const [a = 0, b, c, d, e, f] = mac.split(':').map((byte) => Number.parseInt(byte, 16));
    // RFC 4291, appendix A.
    const octets = [0xfe, 0x80, 0, 0, 0, 0, 0, 0, a ^ 2, b, c, 0xff, 0xfe, d, e, f] as number[];
    return formatIp({ family: 6, bytes: Uint8Array.from(octets) });
  }

  get isUp(): boolean {
    return !this.isDown && !this.#gone;
  }

  async addAddress(cidr: string, options?: AddAddressOptions): Promise<void> {
    return (await this.#load()).addAddress(this, cidr, options);
  }

  async removeAddress(address: string): Promise<void> {
    return (await this.#load()).removeAddress(this, address);
  }

  async setMtu(mtu: number): Promise<void> {
    return (await this.#load()).setMtu(this, mtu);
  }

  async setGateway(gateway: string | readonly string[] | null, family?: 4 | 6): Promise<void> {
    return (await this.#load()).setGateway(this, gateway, family);
  }

  async setForwarding(on: boolean): Promise<void> {
    return (await this.#load()).setForwarding(this, on);
  }

  async forwardingStatistics(): Promise<ForwardingStatistics> {
    return (await this.#load()).forwardingStatistics(this);
  }

  async up(): Promise<void> {
    return (await this.#load()).setUp(this, true);
  }

  async down(): Promise<void> {
    return (await this.#load()).setUp(this, false);
  }

  /** It has another MTU. */
  resize(mtu: number): void {
    this.mtu = mtu;
  }

  get statistics(): InterfaceStatistics {
    return this.#last ?? this.#read();
  }

  #read(): InterfaceStatistics {
    const { view } = this.channel.arena;
    const count = (field: number): number => view.getUint32(this.offset + field, true);
    const bytes = (field: number): number => Number(view.getBigUint64(this.offset + field, true));
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

  /** Whether it has an address. */
  has(address: IpAddress): boolean {
    const text = formatIp(address);
    return this.cidrs.some((cidr) => formatIp(cidr.address) === text);
  }

  /** It is not shared with another thread. */
  get isHere(): boolean {
    return Atomics.load(this.channel.arena.i32, (this.offset + IFACE_CHANNEL) >>> 2) === 0;
  }

  /** Why it is gone, or undefined. */
  get gone(): NetError | undefined {
    return this.#gone;
  }

  /** Ends its streams; settles when nothing here uses its rings. */
  async detach(error: NetError): Promise<void> {
    if (this.#gone) return;
    this.#gone = error;
  }

  toJSON(): object {
    const { type, mac, addresses, mtu, isUp } = this as { mac?: string } & BaseInterface;
    return { type, ...(mac && { mac }), addresses, mtu, isUp };
  }

  /** Keeps the counters readable when the memory is gone. */
  freeze(): void {
    this.#last ??= this.#read();
  }

  /** Removes it: ends its streams and has C free it. */
  async remove(): Promise<void> {
    const action = `Cannot remove the ${this.type} interface`;
    await this.detach(new NetError('ENODEV', `Cannot use the ${this.type} interface`));
    if (!(await this.channel.recall(this.handle, () => this.isHere))) {
      const reason = 'the thread it was shared with does not release it';
      throw new NetError('ETIMEDOUT', action, { reason });
    }
    this.freeze();
    await this.channel.call(newCommand(CMD_IFACE_REMOVE, this.handle), action, () => {});
  }
}

showAs(BaseInterface, 'NetworkInterface');

/** A tun or tap interface. */
export class RingInterface extends BaseInterface implements WireEnd {
  readonly mac: string | undefined;
  frameMax: number;
  readonly readable: InterfaceReadable;
  readonly writable: InterfaceWritable;
  readonly #source: FrameReadable;
  readonly #sink: FrameWritable;
  readonly #poll: () => void;
  readonly #plan: Plan;

  constructor(channel: Channel, made: Made, plan: Plan, load: LoadChanges) {
    super(channel, made, plan, load);
    const { arena, pause, wake: kick } = channel;
    this.#plan = plan;
    this.frameMax = arena.view.getUint32(made.offset + IFACE_FRAME_MAX, true);
    if (plan.type === 'tap') this.mac = formatMac(plan.mac);
    this.#source = new FrameReadable(arena, this.tx(), {
      pause,
      kick,
      reading: () => this.readable.update(),
      onUnlistened: () => this.setListening(false),
    });
    this.#sink = new FrameWritable(arena, this.rx(), this.frameMax, {
      pause,
      kick,
      oversize: () => {
        Atomics.add(arena.i32, (made.offset + IFACE_RX_OVERSIZE) >>> 2, 1);
      },
    });
    this.readable = new InterfaceReadable(this.#source.source, this);
    this.writable = new InterfaceWritable(this.#sink.sink, this);
    this.#poll = () => {
      this.readable.update();
      this.#source.retry();
      this.#sink.retry();
    };
    channel.addPoller(this.#poll);
  }

  override resize(mtu: number): void {
    this.frameMax += mtu - this.mtu;
    super.resize(mtu);
    this.#source.ring.max = this.frameMax;
    this.#sink.max = this.frameMax;
  }

  /** A consumer of the frames the stack sends; it drops those longer than max. */
  tx(max: number = this.frameMax): FrameConsumer {
    return new FrameConsumer(this.channel.arena, this.txRing, max);
  }

  /** A producer of the frames the stack takes. */
  rx(): FrameProducer {
    return new FrameProducer(this.channel.arena, this.offset + IFACE_RX);
  }

  get txRing(): number {
    return this.offset + IFACE_TX;
  }

  /** Tells C whether the stack's frames are read: the readable is locked and not cancelled. */
  setListening(on: boolean): void {
    if (this.gone) return;
    if (!on) this.#source.forgetRead();
    const word = on && this.#source.isOpen ? 1 : 0;
    Atomics.store(this.channel.arena.i32, (this.offset + IFACE_LISTENING) >>> 2, word);
    this.channel.wake();
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

  listen(): AsyncIterableIterator<Chunk> {
    return iterate<Chunk>(this.readable);
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<Chunk> {
    return this.listen();
  }

  async share(): Promise<InterfaceHandle> {
    const action = `Cannot share the ${this.type} interface`;
    if (this.gone) throw this.gone;
    if (this.readable.locked || this.writable.locked) {
      throw new NetError('EINVAL', action, { reason: 'one of its streams is locked' });
    }
    const { handle, offset } = this;
    const parts = await this.channel.offer(CMD_SHARE_IFACE, handle, action, () => {
      void this.#release(new NetError('EBADF', action, { reason: 'another thread has it' }));
      this.shared();
    });
    return { kind: 'interface', ...parts, made: { handle, offset }, plan: this.#plan };
  }

  /** The interface belongs to another thread now. */
  protected shared(): void {}

  override async detach(error: NetError): Promise<void> {
    if (this.gone) return;
    this.setListening(false);
    await this.#release(error);
  }

  /** Ends the streams; settles when no wire uses the rings. */
  async #release(error: NetError): Promise<void> {
    await super.detach(error);
    this.channel.removePoller(this.#poll);
    this.#sink.fail(error);
    this.#source.end(error);
    await Promise.all([this.readable.unplugged(), this.writable.unplugged()]);
  }
}

/** The handle of an interface, for structured cloning to another thread. */
export interface InterfaceHandle extends ChannelHandle {
  readonly kind: 'interface';
  readonly made: Made;
  readonly plan: Plan;
}
