// SPDX-License-Identifier: MIT
// inside - secrets of an interface, for the interface of wg alone: they are no members

import type { WireGuardInterface } from './types.ts';

/** Secrets of an interface. */
export interface Inside {
  privateKey(): Uint8Array;
  /** Of a peer. */
  presharedKey(publicKey: string): Uint8Array;
}

const insides = new WeakMap<WireGuardInterface, Inside>();

/** Keeps the secrets of an interface. */
export const setInside = (wg: WireGuardInterface, inside: Inside): void => {
  insides.set(wg, inside);
};

/** The secrets of an interface of ours. */
export const insideOf = (wg: WireGuardInterface): Inside | undefined => insides.get(wg);
