// SPDX-License-Identifier: MIT
// next_timer - when a stack has to be turned again though nobody asks for it

import { STACK_NEXT_TIMER, TIMER_NONE } from '../abi.ts';

/**
 * Reads what the last turn left.
 *
 * @param i32 - The memory.
 * @param ctl - Offset of the stack's struct stack_ctl.
 * @returns ms from that turn to the next timer; Infinity: there is none.
 * @throws Never.
 */
export function nextTimer(i32: Int32Array, ctl: number): number {
  const ms = (i32[(ctl + STACK_NEXT_TIMER) >>> 2] as number) >>> 0;
  return ms === TIMER_NONE ? Number.POSITIVE_INFINITY : ms;
}
