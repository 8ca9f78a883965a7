// SPDX-License-Identifier: MIT
// ring_interface - tun and tap interfaces of C as the public objects; loaded by the first of them
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
  CMD_SHARE_IFACE,
  IFACE_FRAME_MAX,
  IFACE_LISTENING,
  IFACE_RX,
  IFACE_RX_OVERSIZE,
  IFACE_TX,
} from '../abi.ts';
import type { FrameRingReader, FrameRingWriter } from '../api/zero_copy.ts';
import type { Channel } from '../control/channel.ts';
import type { ChannelHandle, Made } from '../control/events.ts';
import { NetError } from '../errors.ts';
import { FrameConsumer, FrameProducer } from '../ring.ts';
import { FrameReader, FrameWriter } from '../streams/frame_access.ts';
import { FrameReadable, FrameWritable } from '../streams/frame_streams.ts';
import { type Chunk, iterate } from '../streams.ts';
import { formatMac } from '../util/address.ts';
import { BaseInterface, type LoadChanges, type Plan } from './interface.ts';
import type { WireEnd } from './plug.ts';
import { InterfaceReadable, InterfaceWritable } from './wire.ts';

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
    this.frameMax = this.#readFrameMax();
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

  #readFrameMax(): number {
    return this.channel.arena.view.getUint32(this.offset + IFACE_FRAME_MAX, true);
  }

  override resize(mtu: number): void {
    this.frameMax = this.#readFrameMax();
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
