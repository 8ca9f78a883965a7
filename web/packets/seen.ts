// SPDX-License-Identifier: MIT
// seen - a frame that went by, as the pages keep it

/** The ends of the cable between two stacks. */
export type EndName = 'A' | 'B';

/** A frame that went by, from one of some ends. */
export interface SeenFrame<E extends string = EndName> {
  readonly from: E;
  /** ms since 1970, with a fraction. */
  readonly time: number;
  /** Its length; `bytes` has the first SNAP of them. */
  readonly length: number;
  readonly bytes: Uint8Array;
  readonly isLost: boolean;
}

/** Bytes of a frame that are kept. */
export const SNAP = 128;
