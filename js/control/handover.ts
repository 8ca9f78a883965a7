// SPDX-License-Identifier: MIT
// handover - takes over an object of another thread, with a channel of its own; twin: core/channel.c
//
// Theory of operation
//
// share() of an object has C give it a channel of its own (offer() of js/control/channel.ts), and describes that in a
// handle which structured cloning carries. attach() takes the channel (once: a compare-and-exchange of its state). To send
// commands, a thread puts the channel on the engine's list of those that have some, and rings its doorbell.
//
// C recalls a channel when the object's interface or stack goes: then everything built on it ends, and
// leave() says that nothing here touches it any more. Until then C frees nothing of it.

import {
  ABI_VERSION,
  CHANNEL_ATTACHED,
  CHANNEL_DOORBELL,
  CHANNEL_ENGINE_DOORBELL,
  CHANNEL_INDEX,
  CHANNEL_KEY,
  CHANNEL_NEXT,
  CHANNEL_OFFERED,
  CHANNEL_PENDING,
  CHANNEL_PENDING_LIST,
  CHANNEL_RECALLED,
  CHANNEL_RELEASED,
  CHANNEL_STATE,
} from '../abi.ts';
import { NetError } from '../errors.ts';
import { SharedMemory } from '../memory/shared_memory.ts';
import { notify, Sleeper } from '../sched/doorbell.ts';
import { Hold } from '../util/process.ts';
import { Channel } from './channel.ts';
import type { ChannelHandle } from './events.ts';

/** The channel of an object that another thread has shared. */
export class AttachedChannel {
  readonly channel: Channel;
  /** Of an interface; sockets keep the process alive by themselves (js/control/channel.ts). */
  readonly hold = new Hold();
  readonly #memory: SharedMemory;
  readonly #offset: number;
  readonly #sleeper: Sleeper;
  readonly #engineDoorbell: number;
  readonly #pendingList: number;
  readonly #index: number;
  readonly #state: number;
  #onRecall: ((error: NetError) => void) | undefined;

  /**
   * Takes the channel.
   *
   * @param handle - From share().
   * @throws {NetError} EBADF if it was taken already, or its object is gone; EPROTO if it comes
   *   from another version.
   */
  constructor(handle: ChannelHandle) {
    if (handle.version !== ABI_VERSION) {
      throw new NetError('EPROTO', 'Cannot attach', { reason: 'other version of the ABI' });
    }
    this.#memory = SharedMemory.of(handle.memory, handle.id);
    this.#offset = handle.channel;
    const { i32, view } = this.#memory;
    const word = (field: number): number => view.getUint32(handle.channel + field, true);
    this.#state = (handle.channel + CHANNEL_STATE) >>> 2;
    if (
      word(CHANNEL_KEY) !== handle.key >>> 0 ||
      Atomics.compareExchange(i32, this.#state, CHANNEL_OFFERED, CHANNEL_ATTACHED) !==
        CHANNEL_OFFERED
    ) {
      throw new NetError('EBADF', 'Cannot attach', {
        reason: 'it was attached already, or is gone',
      });
    }
    this.#engineDoorbell = word(CHANNEL_ENGINE_DOORBELL);
    this.#pendingList = word(CHANNEL_PENDING_LIST) >>> 2;
    this.#index = word(CHANNEL_INDEX);
    this.channel = new Channel(this.#memory, handle.channel, this.#wake, true);
    this.#sleeper = new Sleeper(this.#memory, handle.channel + CHANNEL_DOORBELL, this.#onRing);
    this.#sleeper.arm();
  }

  /** Calls a function when C recalls the object: everything that uses it ends, then leave() follows. */
  onRecall(callback: (error: NetError) => void): void {
    this.#onRecall = callback;
  }

  /** Marks the channel as one that has commands, unless it is marked already. */
  readonly #wake = (): void => {
    if (Atomics.or(this.#memory.i32, this.#state, CHANNEL_PENDING) & CHANNEL_PENDING) return;
    this.#push();
  };

  #push(): void {
    const { i32 } = this.#memory;
    const next = (this.#offset + CHANNEL_NEXT) >>> 2;
    let first: number;
    do {
      first = Atomics.load(i32, this.#pendingList);
      Atomics.store(i32, next, first);
    } while (Atomics.compareExchange(i32, this.#pendingList, first, this.#index) !== first);
    notify(this.#memory, this.#engineDoorbell);
  }

  readonly #onRing = (): void => {
    const state = Atomics.load(this.#memory.i32, this.#state) & ~CHANNEL_PENDING;
    this.channel.drain();
    if (state === CHANNEL_RECALLED) {
      const error = new NetError('ESHUTDOWN', 'Cannot use what was shared', {
        reason: 'its stack or interface is gone',
      });
      const onRecall = this.#onRecall;
      this.#onRecall = undefined;
      onRecall?.(error);
    }
    this.#sleeper.arm();
  };

  /** Releases the channel: nothing here touches it or its object after this. */
  leave(): void {
    const { i32 } = this.#memory;
    this.#sleeper.close();
    this.hold.set(false);
    // In one step: as soon as C sees the state, it may free the channel.
    if (!(Atomics.exchange(i32, this.#state, CHANNEL_RELEASED | CHANNEL_PENDING) & CHANNEL_PENDING))
      this.#push();
  }
}
