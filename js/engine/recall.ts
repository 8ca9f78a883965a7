// SPDX-License-Identifier: MIT
// recall - recalls the channels of a stack whose engine has died, in place of C; twin: core/channel.c

import {
  CHANNEL_ATTACHED,
  CHANNEL_DOORBELL,
  CHANNEL_NEXT_CHANNEL,
  CHANNEL_OFFERED,
  CHANNEL_PENDING,
  CHANNEL_RECALLED,
  CHANNEL_STATE,
  STACK_FIRST_CHANNEL,
} from '../abi.ts';
import type { SharedMemory } from '../memory/shared_memory.ts';
import { notify } from '../sched/doorbell.ts';

/** How often, and how many ms apart, channels are looked at when the engine is dead. */
const DEAD_TRIES = 50;
const DEAD_PAUSE = 20;

/**
 * Recalls all channels of a stack whose engine has died, in place of C: notifies the threads, and looks
 * now and then whether they have released them, since they cannot notify a dead engine.
 *
 * @param memory - The memory of the stack.
 * @param ctl - Offset of its struct stack_ctl.
 * @returns Whether all did within a second.
 * @throws Never.
 */
export async function recallFromDead(memory: SharedMemory, ctl: number): Promise<boolean> {
  const { i32, view } = memory;
  const isHeld = (channel: number): boolean => {
    const at = (channel + CHANNEL_STATE) >>> 2;
    const state = Atomics.load(i32, at);
    if (state === CHANNEL_OFFERED) {
      return (
        Atomics.compareExchange(i32, at, CHANNEL_OFFERED, CHANNEL_RECALLED) !== CHANNEL_OFFERED
      );
    }
    if ((state & ~CHANNEL_PENDING) === CHANNEL_ATTACHED) {
      if (
        Atomics.compareExchange(i32, at, state, CHANNEL_RECALLED | (state & CHANNEL_PENDING)) ===
        state
      ) {
        notify(memory, channel + CHANNEL_DOORBELL);
      }
      return true;
    }
    return (state & ~CHANNEL_PENDING) === CHANNEL_RECALLED;
  };
  const next = (from: number): number => view.getUint32(from, true);
  let held: number[] = [];
  for (
    let channel = next(ctl + STACK_FIRST_CHANNEL);
    channel;
    channel = next(channel + CHANNEL_NEXT_CHANNEL)
  ) {
    if (isHeld(channel)) held.push(channel);
  }
  for (let tries = 0; held.length > 0 && tries < DEAD_TRIES; tries++) {
    await new Promise((resolve) => setTimeout(resolve, DEAD_PAUSE));
    held = held.filter(isHeld);
  }
  return held.length === 0;
}
