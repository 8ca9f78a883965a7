// SPDX-License-Identifier: MIT
// sampler - chooses which frames of a busy wire the page is shown, and counts the others
//
// No reader can follow a hundred thousand packets a second, and showing them would block the page. So a bounded
// number of frames is kept in each interval. Rare frames that tell most (ARP, SYN, FIN, RST, lost ones) have
// a share of their own, so that a bulk transfer cannot crowd them out.

import type { EndName, SeenFrame } from './seen.ts';
import { SNAP } from './seen.ts';

/** Most frames of an interval: plain ones, and those that tell more. */
export const SHARES = { plain: 10, telling: 20 };

const FIN_SYN_RST = 7;

/** Whether a frame is anything but a TCP segment that carries data or acknowledges some. */
function isTelling(frame: Uint8Array): boolean {
  const type = ((frame[12] ?? 0) << 8) | (frame[13] ?? 0);
  if (type === 0x0800 && frame[23] === 6) {
    return ((frame[14 + ((frame[14] ?? 0) & 15) * 4 + 13] ?? 0) & FIN_SYN_RST) !== 0;
  }
  if (type === 0x86dd && frame[20] === 6) return ((frame[67] ?? 0) & FIN_SYN_RST) !== 0;
  return true;
}

/** Keeps the beginnings of some frames until they are taken. */
export class Sampler<E extends string = EndName> {
  readonly #now: () => number;
  #frames: SeenFrame<E>[] = [];
  #plain = 0;
  #telling = 0;
  #unseen = 0;
  #lost = 0;
  /** Whether frames are kept at all. */
  isOn = true;

  /** @param now - ms since 1970, with a fraction. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Takes a frame that goes by; it may be over shared memory. */
  see(from: E, frame: Uint8Array, isLost: boolean): void {
    if (isLost) this.#lost++;
    if (!this.isOn || !this.#hasRoom(frame, isLost)) {
      this.#unseen++;
      return;
    }
    const bytes = frame.slice(0, SNAP);
    this.#frames.push({ from, time: this.#now(), length: frame.length, bytes, isLost });
  }

  #hasRoom(frame: Uint8Array, isLost: boolean): boolean {
    if (isLost || isTelling(frame)) return this.#telling++ < SHARES.telling;
    return this.#plain++ < SHARES.plain;
  }

  /** Ends the interval; returns its frames, and the counters since the beginning. */
  take(): { frames: SeenFrame<E>[]; counters: { lost: number; unseen: number } } {
    const frames = this.#frames;
    this.#frames = [];
    this.#plain = 0;
    this.#telling = 0;
    return { frames, counters: { lost: this.#lost, unseen: this.#unseen } };
  }
}
