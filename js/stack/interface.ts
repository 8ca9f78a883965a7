// SPDX-License-Identifier: MIT
// interface - loopback, tun and tap interfaces of C as the public objects
//
// Theory of operation
//
// A frame interface is the other end of the two rings of core/iface/ringif.c: its readable consumes tx, its
// writable produces into rx. Whether anybody listens is a word of the shared struct iface, set while
// the readable is locked: the readable is a subclass that sees every way to lock it. pipeTo() on it
// looks whether the other end is a writable of ours; if so js/stack/wire.ts joins the rings and no frame
// passes through here.
//
// share() hands the rings to another thread: the object here is then a shell with statistics, and the
// one that attachInterface() makes there has the streams. Before C frees the rings, the other thread
// must have let go (js/control/channel.ts).

import {
  CMD_IFACE_REMOVE,
  CMD_SHARE_IFACE,
  CMD_SIZE,
  IFACE_DROPPED,
  IFACE_FRAME_MAX,
  IFACE_LISTENING,
  IFACE_PORT,
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
import type { InterfaceStatistics, NetworkInterface } from '../api/interface.ts';
import type { FrameRingReader, FrameRingWriter } from '../api/zero_copy.ts';
import { Port, type PortParts, sharePort } from '../control/channel.ts';
import type { Control, Made } from '../control/commands.ts';
import { NetError } from '../errors.ts';
import { FrameConsumer, FrameProducer } from '../ring.ts';
import { FrameReader, FrameWriter } from '../streams/frame_access.ts';
import { FrameSink, FrameSource } from '../streams/frame_streams.ts';
import { iterate } from '../streams.ts';
import type { Cidr } from '../util/address.ts';
import { formatCidr, formatIp, formatMac, netmask } from '../util/address.ts';
import { InterfaceReadable, InterfaceWritable, type WireEnd } from './wire.ts';

/** What an interface is created from, checked. */
export interface Plan {
  readonly type: 'loopback' | 'tun' | 'tap';
  readonly cidrs: readonly Cidr[];
  readonly mtu: number;
  readonly mac: Uint8Array;
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

  /** No other thread has it. */
  get isHere(): boolean {
    return Atomics.load(this.control.arena.i32, (this.place + IFACE_PORT) >>> 2) === 0;
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
    if (!(await this.control.recall(this.handle, () => this.isHere))) {
      throw new NetError('ETIMEDOUT', `Cannot remove the ${this.type} interface`, {
        reason: 'the thread it was shared with does not let go',
      });
    }
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
  readonly #plan: Plan;

  constructor(control: Control, made: Made, plan: Plan) {
    super(control, made, plan);
    const { arena } = control;
    this.#plan = plan;
    this.frameMax = arena.view.getUint32(made.place + IFACE_FRAME_MAX, true);
    if (plan.type === 'tap') this.mac = formatMac(plan.mac);
    const { pause, wake } = control;
    const unheard = (): void => this.setListening(false);
    this.#source = new FrameSource(arena, this.tx(), pause, wake, unheard);
    this.#sink = new FrameSink(arena, this.rx(), this.frameMax, pause, wake, () => {
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

  async share(): Promise<InterfaceHandle> {
    const action = `Cannot share the ${this.type} interface`;
    if (this.gone) throw this.gone;
    if (this.readable.locked || this.writable.locked) {
      throw new NetError('EINVAL', action, { reason: 'one of its streams is locked' });
    }
    const { handle, place } = this;
    const parts = await sharePort(this.control, CMD_SHARE_IFACE, handle, action, () => {
      void this.#release(new NetError('EBADF', action, { reason: 'another thread has it' }));
      this.shared();
    });
    return { kind: 'interface', ...parts, made: { handle, place }, plan: this.#plan };
  }

  /** It is another thread's now. */
  protected shared(): void {}

  override async detach(error: NetError): Promise<void> {
    if (this.gone) return;
    this.setListening(false);
    await this.#release(error);
  }

  /** Ends the streams; settles when no wire uses the rings. */
  async #release(error: NetError): Promise<void> {
    await super.detach(error);
    this.control.removePoller(this.#poll);
    this.#sink.fail(error);
    this.#source.end(error);
    await Promise.all([this.readable.unplugged(), this.writable.unplugged()]);
  }
}

/** What structured cloning carries of an interface to another thread. */
export interface InterfaceHandle extends PortParts {
  readonly kind: 'interface';
  readonly made: Made;
  readonly plan: Plan;
}

/** An interface of a stack that another thread holds. */
class AttachedInterface extends FrameInterface {
  readonly #port: Port;

  constructor(port: Port, handle: InterfaceHandle) {
    super(port.control, handle.made, handle.plan);
    this.#port = port;
    port.onRecall(async (error) => {
      await this.detach(error);
      this.shared();
    });
  }

  /** Lets go of it: it goes to another thread, or its stack wants it. */
  protected override shared(): void {
    this.freeze();
    this.control.whenDone(() => this.#port.leave());
  }
}

/**
 * Opens an interface that another thread has shared.
 *
 * @param handle - From share().
 * @returns The interface.
 * @throws {NetError} EBADF, EPROTO.
 */
export function attachInterface(handle: InterfaceHandle): FrameInterface {
  return new AttachedInterface(new Port(handle), handle);
}
