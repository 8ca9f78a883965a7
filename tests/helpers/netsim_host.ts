// SPDX-License-Identifier: MIT
// netsim_host - a stack with a tun interface on a virtual clock, turned by hand (tests/helpers/netsim.ts)

import {
  CMD_IFACE_ADD,
  CMD_IFACE_ADDR_COUNT,
  CMD_IFACE_ADDRS,
  CMD_IFACE_KIND,
  CMD_IFACE_MTU,
  CMD_IFACE_RING_SIZE,
  CMD_IFACE_SIZE,
  CONFIG_MAX_SOCKETS,
  CONFIG_OWNER,
  CONFIG_SEED,
  CONFIG_SIZE,
  IFACE_LISTENING,
  IFACE_RX,
  IFACE_TUN,
  IFACE_TX,
  STACK_APP,
  STACK_NEXT_TIMER,
  STACK_STATS,
  STATS_TCP_REXMIT,
  TIMER_NONE,
  TURN_IDLE,
} from '../../js/abi.ts';
import { Channel } from '../../js/control/channel.ts';
import { newCommand, writeAddress } from '../../js/control/commands.ts';
import type { Made } from '../../js/control/events.ts';
import type { Arena } from '../../js/memory/arena.ts';
import type { Exports } from '../../js/memory/instance.ts';
import { FrameConsumer, FrameProducer } from '../../js/ring.ts';
import { parseIp } from '../../js/util/address.ts';
import { Prng } from './prng.ts';

const IFACE_RING = 16 * 1024 * 1024;

/** A stack with a tun interface, turned by hand. */
export class Host {
  readonly channel: Channel;
  /** When it wants to turn. */
  due = 0;
  /** A frame came since the last turn. */
  fed = false;
  readonly #arena: Arena;
  readonly #exports: Exports;
  readonly #ctl: number;
  #now = 0;
  #tx!: FrameConsumer;
  #rx!: FrameProducer;

  constructor(arena: Arena, seed: number, ip: string, mtu: number) {
    this.#arena = arena;
    const owner = arena.newOwner();
    this.#exports = arena.instantiate(owner);
    const config = arena.alloc(CONFIG_SIZE, owner);
    arena.view.setUint32(config + CONFIG_OWNER, owner, true);
    arena.view.setUint32(config + CONFIG_MAX_SOCKETS, 16, true);
    new Prng(seed).fill(arena.u8.subarray(config + CONFIG_SEED, config + CONFIG_SIZE));
    this.#ctl = this.#exports.rs_stack_init(config, 0) >>> 0;
    const wake = (): void => {
      this.due = this.#now;
    };
    this.channel = new Channel(arena, this.#ctl + STACK_APP, wake, false);
    const command = newCommand(CMD_IFACE_ADD, 0, CMD_IFACE_SIZE);
    command.setUint32(CMD_IFACE_KIND, IFACE_TUN, true);
    command.setUint32(CMD_IFACE_MTU, mtu, true);
    command.setUint32(CMD_IFACE_RING_SIZE, IFACE_RING, true);
    command.setUint32(CMD_IFACE_ADDR_COUNT, 1, true);
    writeAddress(command, CMD_IFACE_ADDRS, parseIp(ip), 0, 24);
    this.call(command, ({ offset }) => {
      this.#tx = new FrameConsumer(arena, offset + IFACE_TX, mtu);
      this.#rx = new FrameProducer(arena, offset + IFACE_RX);
      arena.view.setUint32(offset + IFACE_LISTENING, 1, true);
    });
    this.turn(0);
  }

  /** Sends a command; `made` is called when a turn has carried it out. */
  call(command: DataView<ArrayBuffer>, made: (made: Made) => void): void {
    this.channel.call(command, 'Cannot simulate', made).catch((error: unknown) => {
      throw error;
    });
  }

  get retransmits(): number {
    return this.#arena.view.getUint32(this.#ctl + STACK_STATS + STATS_TCP_REXMIT, true);
  }

  turn(now: number): void {
    this.#now = now;
    const more = this.#exports.rs_stack_turn(now);
    const timer = this.#arena.view.getUint32(this.#ctl + STACK_NEXT_TIMER, true);
    if (more !== TURN_IDLE) this.due = now;
    else this.due = timer === TIMER_NONE ? Number.POSITIVE_INFINITY : now + timer;
    this.channel.drain();
  }

  feed(frame: Uint8Array): void {
    if (this.#rx.reserve(frame.length) !== 1) throw new Error('The simulated interface is full');
    this.#arena.u8.set(frame, this.#rx.offset);
    this.#rx.submit(frame.length);
    this.fed = true;
    this.due = this.#now;
  }

  /** Frames the stack has sent, one after the other. */
  sent(): Uint8Array | undefined {
    const length = this.#tx.peek();
    if (length < 0) return undefined;
    const frame = this.#arena.u8.slice(this.#tx.offset, this.#tx.offset + length);
    this.#tx.release();
    return frame;
  }

  close(): void {
    this.#exports.rs_stack_close();
  }
}
