// SPDX-License-Identifier: MIT
// engine - what a stack needs of whoever turns it, and what is posted to and from a thread that does

import type { Region } from '../memory/instance.ts';

/** Whoever turns a stack. */
export interface Engine {
  /** Offset of the stack's struct stack_ctl. */
  readonly ctl: number;
  /** Another thread turns it. */
  readonly isRemote: boolean;
  /** Asks for a turn. */
  readonly wake: () => void;
  /** Has a function called when there may be something to read from the stack. */
  onTurn(callback: () => void): void;
  /** Has a function called once, if the engine dies by itself. */
  onFailure(callback: (error: Error) => void): void;
  /** Turns the stack now, if this thread turns it; returns whether. */
  turnNow(): boolean;
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
  /** Name of the channel for sleepers that want a message. */
  readonly channel: string;
}

/** What the thread posts. */
export type EngineReply =
  | { readonly ctl: number }
  | { readonly ended: true }
  | { readonly error: string };
