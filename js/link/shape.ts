// SPDX-License-Identifier: MIT
// shape - facts about any endpoint: is it one, is it an interface, how long are its frames, is it locked

import type { FrameInterface } from '../api/interface.ts';
import { NetError } from '../errors.ts';
import type { LinkEndpoint } from './types.ts';

/** An interface of a stack, in this thread. */
export type RingEndpoint = LinkEndpoint & FrameInterface;

/** Whether an endpoint is an interface of a stack. */
export function isInterface(endpoint: LinkEndpoint): endpoint is RingEndpoint {
  const { getRingReader, getRingWriter } = endpoint as Partial<RingEndpoint>;
  return typeof getRingReader === 'function' && typeof getRingWriter === 'function';
}

/** Length of the longest frame that an endpoint takes, bytes. */
export function frameLimit(endpoint: LinkEndpoint): number {
  const { mtu, type } = endpoint;
  if (mtu === undefined) return Number.POSITIVE_INFINITY;
  if (type === 'tun') return mtu;
  // Ends other than our interfaces may know VLAN tags.
  return mtu + (isInterface(endpoint) ? 14 : 18);
}

/**
 * Refuses a value that is no endpoint.
 *
 * @param action - First half of the message, such as "Cannot connect the two endpoints".
 * @param name - Its name in the message, such as "the first".
 * @param value - The value.
 * @throws {NetError} EINVAL.
 */
export function checkEndpoint(action: string, name: string, value: unknown): void {
  const endpoint = (value ?? {}) as Partial<LinkEndpoint>;
  // A wrapper makes its streams, and plugs itself in for them, when they are first asked for.
  if (endpoint.plug || (endpoint.readable?.getReader && endpoint.writable?.getWriter)) return;
  const reason = `${name} must be an endpoint, with readable and writable`;
  throw new NetError('EINVAL', action, { reason });
}

/** Whether a stream of an endpoint is locked. */
export function isLocked({ readable, writable }: LinkEndpoint): boolean {
  return readable.locked || writable.locked;
}

/** The error for an endpoint that is in use. */
export function locked(): TypeError {
  return new TypeError('Cannot plug in an endpoint whose streams are locked');
}
