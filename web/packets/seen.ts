// SPDX-License-Identifier: MIT
// seen - a frame that went by, as the pages keep it

/** The ends of a cable. */
export type EndName = 'A' | 'B';

/** A frame that went by. */
export interface SeenFrame {
  readonly from: EndName;
  /** ms since 1970, with a fraction. */
  readonly time: number;
  /** Its length; `bytes` has the first SNAP of them. */
  readonly length: number;
  readonly bytes: Uint8Array;
  readonly isLost: boolean;
}

/** Bytes of a frame that are kept. */
export const SNAP = 128;
