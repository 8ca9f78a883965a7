// SPDX-License-Identifier: MIT
// timing - how long a DHCP client waits, and the numbers that it draws

/** ms of a second. */
export const SECOND = 1000;
/** Time after which it is asked again while nothing reads what is sent, ms. */
const UNPLUGGED_MS = 250;
/** Longest wait for an offer, ms. */
export const LONGEST_WAIT = 64 * SECOND;
/** Requests of one offer. */
export const REQUESTS = 4;
/** Least time between two requests to renew. */
export const RENEW_MS = 60 * SECOND;
/** Time after a decline (RFC 2131, section 3.1). */
export const DECLINE_MS = 10 * SECOND;

/** A new number of an exchange. */
export const newXid = (): number => crypto.getRandomValues(new Uint32Array(1))[0] as number;

/** A time, a tenth longer or shorter: clients that start together do not ask together without end. */
export const spread = (ms: number): number => ms * (0.9 + 0.2 * Math.random());

/**
 * Ends a wait for an answer early if nothing reads the frames of a tap.
 *
 * @param iface - The tap.
 * @param giveUp - Ends the wait.
 * @returns A function for after the wait: whether that happened.
 * @throws Never.
 */
export function whileUnplugged(
  iface: { readonly statistics?: { readonly dropped: number } },
  giveUp: () => void,
): () => boolean {
  const before = iface.statistics?.dropped;
  let isUnplugged = false;
  const timer = setTimeout(() => {
    isUnplugged = iface.statistics?.dropped !== before;
    if (isUnplugged) giveUp();
  }, UNPLUGGED_MS);
  return () => {
    clearTimeout(timer);
    return isUnplugged;
  };
}
