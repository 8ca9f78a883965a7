// SPDX-License-Identifier: MIT
// messages - what the page and its workers say to each other
//
// The page calls (worker_client.ts); besides, workers tell the page what happens (Told). `A` is the client's
// end of the cable, `B` the server's.

import type { SharedHandle, StackArena, TapInterface } from 'ringstack';
import type { EndName, SeenFrame } from './packets/seen.ts';

/** Who turns a stack: the thread of its app, or one of its own. */
export type Engine = 'inline' | 'worker';

/** How the stacks are joined: rings in C, or frame by frame in a loop that can look and lose. */
export type Wire = 'direct' | 'inspected';

/** Which way bytes go. */
export type Direction = 'up' | 'down' | 'both';

/** What a stack is made with; a change makes new stacks. */
export interface StackSettings {
  readonly engine: Engine;
  readonly mtu: number;
}

/** How the wire is; may change at any time. */
export interface WireSettings {
  readonly wire: Wire;
  /** Share of frames lost in each direction, 0 to 1. */
  readonly loss: number;
}

/** An end that was made. */
export interface EndInfo {
  readonly mac: string;
  readonly addresses: readonly string[];
}

/** A line that came back. */
export interface Echoed {
  readonly line: string;
  /** From sending it to having it back. */
  readonly ms: number;
}

/** Counters of an end, all from the time the stack was made. */
export interface EndCounters {
  /** When, in ms; to be compared with others of the same end only. */
  readonly time: number;
  /** Bytes of transfers that the app of this end has read. */
  readonly received: number;
  readonly txPackets: number;
  readonly txBytes: number;
  /** Frames this end dropped or lost, at the interface and for want of memory. */
  readonly drops: number;
  readonly retransmits: number;
}

/** What the inspected wire has counted since it was plugged. */
export interface WireCounters {
  readonly lost: number;
  /** Frames that went by without being shown. */
  readonly unseen: number;
}

/** Calls of a worker, by name: what they take and what they give. */
export interface Calls {
  /** First of all: the arena to live in; without one the worker makes its own. */
  start(handle?: SharedHandle<StackArena>): void;
  open(end: EndName, settings: StackSettings): EndInfo;
  share(end: EndName): SharedHandle<TapInterface>;
  /** To who has A: plugs the cable; without a handle the other end lives in the same worker. */
  plug(settings: WireSettings, other?: SharedHandle<TapInterface>): void;
  setWire(settings: WireSettings): void;
  setCapture(on: boolean): void;
  transfer(direction: Direction, host: string): void;
  /** Ends what transfer() began; settles when every byte has arrived. */
  endTransfer(): void;
  echo(line: string, host: string): Echoed;
  /** Closes the stacks of the worker; it can open others. */
  close(): void;
}

/** What a worker tells unasked. */
export type Told =
  | { readonly told: 'counters'; readonly end: EndName; readonly counters: EndCounters }
  | { readonly told: 'wire'; readonly counters: WireCounters; readonly frames: SeenFrame[] }
  | { readonly told: 'failed'; readonly what: string };
