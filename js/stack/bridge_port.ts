// SPDX-License-Identifier: MIT
// bridge_port - a port of a bridge: its tap, the link to an endpoint, counters and block
//
// The memory of a port goes with its tap, which anyone may remove. So the tap's freeze(), which is called at that
// moment, ends the port first.

import {
  BRIDGE_LEAVE,
  IFACE_DROPPED,
  IFACE_RX_BYTES,
  IFACE_RX_PACKETS,
  IFACE_TX_BYTES,
  IFACE_TX_PACKETS,
  PORT_BLOCKED,
  PORT_DROPS,
  PORT_FILTERED,
  PORT_FULL,
  PORT_GUARDED,
  PORT_ISOLATED,
  PORT_LOOPED,
  PORT_MALFORMED,
  PORT_MOVES,
  PORT_RESERVED,
  PORT_SPOOFED,
  PORT_STORM,
  PORT_TOO_LONG,
} from '../abi.ts';
import type {
  BridgeEndpoint,
  BridgePort,
  BridgePortOptions,
  BridgePortStatistics,
} from '../api/bridge.ts';
import type { NetworkInterface, TapInterface } from '../api/interface.ts';
import type { NetworkStack } from '../api/stack.ts';
import type { Channel } from '../control/channel.ts';
import type { Command } from '../control/commands.ts';
import { connect } from '../link/connect.ts';
import type { Link, LinkEndpoint } from '../link/types.ts';
import { Deferred } from '../util/deferred.ts';
import { showAs } from '../util/inspect.ts';
import { ownerOf } from '../util/owner.ts';
import { TokenBucket } from '../util/token_bucket.ts';
import type { RingInterface } from './ring_interface.ts';

const WORD = Uint32Array.BYTES_PER_ELEMENT;

/** Probes of other bridges that a port passes a second. */
const PROBES = 20;

/** A bridge as its ports need it. */
export interface Parent {
  readonly channel: Channel;
  command(what: number, handle: number): Command;
  send(port: Port, frame: Uint8Array, all: boolean): void;
  /** It is a port no more. */
  left(port: Port): void;
  /** It may send again. */
  unblocked(port: Port): void;
}

/** A port. */
export class Port implements BridgePort {
  readonly name: string;
  readonly endpoint: BridgeEndpoint;
  readonly isolated: boolean;
  readonly guarded: boolean;
  readonly tap: RingInterface;
  readonly probes = new TokenBucket(PROBES, performance.now());
  readonly #parent: Parent;
  readonly #offset: number;
  readonly #closed = new Deferred();
  readonly #freeze: () => void;
  /** The link to an endpoint, for which the tap was made. */
  #link: Link | undefined;
  #last: BridgePortStatistics | undefined;
  #blockedUntil = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #leaving: Promise<void> | undefined;

  constructor(
    parent: Parent,
    tap: RingInterface,
    offset: number,
    endpoint: BridgeEndpoint,
    { name = '', isolated = false, guarded = false }: BridgePortOptions,
  ) {
    this.#parent = parent;
    this.tap = tap;
    this.#offset = offset;
    this.endpoint = endpoint;
    this.name = name;
    this.isolated = isolated;
    this.guarded = guarded;
    this.#freeze = tap.freeze;
    tap.freeze = () => {
      this.end();
      tap.freeze();
    };
  }

  get interface(): TapInterface {
    return this.tap as unknown as TapInterface;
  }

  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  get isOver(): boolean {
    return this.#last !== undefined;
  }

  /** Joins its tap with the endpoint it was made for. */
  plug(endpoint: LinkEndpoint): void {
    this.#link = connect(this.tap as unknown as LinkEndpoint, endpoint, { allowMtuMismatch: true });
    this.#link.closed.then(
      () => this.close(),
      (error) => this.#leave(error),
    );
  }

  get isBlocked(): boolean {
    return this.#blockedUntil > performance.now();
  }

  get blockedUntil(): number {
    return this.#blockedUntil;
  }

  /** Set by the loop guard. */
  set blockedUntil(time: number) {
    if (this.isOver) return;
    this.#blockedUntil = time;
    this.#block(1);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#unblock(), time - performance.now());
    (this.#timer as { unref?(): void }).unref?.();
  }

  #unblock(): void {
    this.#blockedUntil = 0;
    this.#block(0);
    this.#parent.unblocked(this);
  }

  #block(word: number): void {
    Atomics.store(this.#parent.channel.arena.i32, (this.#offset + PORT_BLOCKED) >>> 2, word);
  }

  /** Sends a probe out of it. */
  send(frame: Uint8Array): void {
    this.#parent.send(this, frame, false);
  }

  get statistics(): BridgePortStatistics {
    return this.#last ?? this.#read();
  }

  #read(): BridgePortStatistics {
    const { view } = this.#parent.channel.arena;
    const { offset } = this.tap;
    const count = (field: number): number => view.getUint32(offset + field, true);
    const bytes = (field: number): number => Number(view.getBigUint64(offset + field, true));
    const drops = (why: number): number =>
      view.getUint32(this.#offset + PORT_DROPS + WORD * why, true);
    return {
      rxFrames: count(IFACE_RX_PACKETS),
      rxBytes: bytes(IFACE_RX_BYTES),
      txFrames: count(IFACE_TX_PACKETS),
      txBytes: bytes(IFACE_TX_BYTES),
      malformed: drops(PORT_MALFORMED),
      reserved: drops(PORT_RESERVED),
      filtered: drops(PORT_FILTERED),
      spoofed: drops(PORT_SPOOFED),
      storm: drops(PORT_STORM),
      looped: drops(PORT_LOOPED),
      isolated: drops(PORT_ISOLATED),
      guarded: drops(PORT_GUARDED),
      full: drops(PORT_FULL),
      tooLong: drops(PORT_TOO_LONG),
      unread: count(IFACE_DROPPED),
      moves: drops(PORT_MOVES),
    };
  }

  /** It ends: from now on its memory is not read. */
  end(error?: unknown): void {
    if (this.isOver) return;
    this.#last = this.#read();
    this.#blockedUntil = 0;
    clearTimeout(this.#timer);
    this.tap.freeze = this.#freeze;
    this.#parent.left(this);
    if (error === undefined) this.#closed.resolve();
    else this.#closed.reject(error);
  }

  close(): Promise<void> {
    return this.#leave();
  }

  #leave(error?: unknown): Promise<void> {
    this.#leaving ??= this.#leaveNow(error);
    return this.#leaving;
  }

  async #leaveNow(error: unknown): Promise<void> {
    const { channel } = this.#parent;
    const { tap } = this;
    if (!this.isOver) {
      this.end(error);
      const command = this.#parent.command(BRIDGE_LEAVE, tap.handle);
      await channel.call(command, 'Cannot remove a port', () => {}).catch(() => {});
    }
    await this.#link?.close();
    if (this.#link) {
      const stack = ownerOf(tap) as NetworkStack;
      await stack.removeInterface(this.interface as NetworkInterface).catch(() => {});
    }
  }

  toJSON(): object {
    const { name, isolated, guarded, isBlocked } = this;
    return { name, interface: this.tap, isolated, guarded, isBlocked };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
showAs(Port, 'BridgePort');
