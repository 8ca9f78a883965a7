// SPDX-License-Identifier: MIT
// engine - the interface of engines, and the messages between an app and an engine's thread

import type { Region } from '../memory/instance.ts';

/** Runs a stack: in each turn it processes commands and frames, and runs TCP and its timers. */
export interface Engine {
  /** Offset of the stack's struct stack_ctl. */
  readonly ctl: number;
  /** The engine is another thread. */
  readonly isRemote: boolean;
  /** Asks for a turn. */
  readonly wake: () => void;
  /** Calls a function when there may be events of the stack. */
  onTurn(callback: () => void): void;
  /** Calls a function once, if the engine dies by itself. */
  onFailure(callback: (error: Error) => void): void;
  /** Runs a turn now, if the engine is this thread; returns whether. */
  turnNow(): boolean;
  /** Recalls what other threads have, once it died; returns whether they released all. Never rejects. */
  recall?(): Promise<boolean>;
  /** Ends it; the stack's memory may be freed when this settles. Never rejects. */
  close(): Promise<void>;
}

/** The message that starts the thread. */
export interface EngineStart {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly region: Region;
  /** Offset of the struct stack_config. */
  readonly config: number;
  /** Name of the BroadcastChannel for sleepers that want a message. */
  readonly channel: string;
}

/** The messages of the thread. */
export type EngineReply =
  /** now: the thread's clock, ms. */
  | { readonly ctl: number; readonly now: number }
  | { readonly ended: true }
  | { readonly error: string };
