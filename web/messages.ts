// SPDX-License-Identifier: MIT
// messages - the messages between the page and its workers
//
// The page calls workers (worker_client.ts); workers also send notices (Told). `A` is the client's end of the
// cable, `B` the server's.

import type { SharedHandle, StackArena, TapInterface } from 'ringstack';
import type { EndName, SeenFrame } from './packets/seen.ts';

/** The thread that runs a stack: that of its app, or a worker. */
export type Engine = 'inline' | 'worker';

/** How the stacks are joined: by rings in C, or by a loop that passes frame by frame, shows them and loses some. */
export type Wire = 'direct' | 'inspected';

/** Direction of the bytes. */
export type Direction = 'up' | 'down' | 'both';

/** Options of a stack; a change makes new stacks. */
export interface StackSettings {
  readonly engine: Engine;
  readonly mtu: number;
}

/** Options of the wire; they may change at any time. */
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
  /** Time from sending it to having it back. */
  readonly ms: number;
}

/** Counters of an end since its stack was made. */
export interface EndCounters {
  /** Time, ms; comparable with others of the same end only. */
  readonly time: number;
  /** Bytes of transfers that the app of this end has read. */
  readonly received: number;
  readonly txPackets: number;
  readonly txBytes: number;
  /** Frames that this end dropped or lost, at the interface and because of full memory. */
  readonly drops: number;
  readonly retransmits: number;
}

/** Counters of the inspected wire since it was plugged. */
export interface WireCounters {
  readonly lost: number;
  /** Frames that went by without being shown. */
  readonly unseen: number;
}

/** Calls of a worker, by name: arguments and results. */
export interface Calls {
  /** The first call: the arena to use; without one the worker makes its own. */
  start(handle?: SharedHandle<StackArena>): void;
  open(end: EndName, settings: StackSettings): EndInfo;
  share(end: EndName): SharedHandle<TapInterface>;
  /** To the worker with A: plugs the cable. Without a handle, the other end is in the same worker. */
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

/** Notices of a worker. */
export type Told =
  | { readonly told: 'counters'; readonly end: EndName; readonly counters: EndCounters }
  | { readonly told: 'wire'; readonly counters: WireCounters; readonly frames: SeenFrame[] }
  | { readonly told: 'failed'; readonly what: string };
