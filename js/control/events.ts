// SPDX-License-Identifier: MIT
// events - types of what a channel hands on: objects that commands made, events of sockets, handles for other threads

import type { NetError } from '../errors.ts';

/** The object that a command made. */
export interface Made {
  readonly handle: number;
  /** Offset of its struct sock or struct iface. */
  readonly offset: number;
}

/** Receives the events of a socket. */
export interface SocketEvents {
  /** bits: SOCK_*; error: a code of core/abi.h, with SOCK_CLOSED. */
  onEvent(bits: number, error: number): void;
  /** A listener has a new connection. */
  onAccept?(made: Made): void;
  /** The stack will close: returns whether to wait for the end of this socket, which has begun to close. */
  onEnding?(error: NetError): boolean;
  /** The stack is gone: nothing more comes, and nothing in the arena may be touched. */
  onShutdown(error: NetError): void;
}

/** The part of a handle that describes the channel. */
export interface ChannelHandle {
  readonly version: number;
  readonly memory: WebAssembly.Memory;
  /** Of the memory. */
  readonly id: string;
  /** Offset of the channel. */
  readonly channel: number;
  readonly key: number;
}
