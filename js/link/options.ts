// SPDX-License-Identifier: MIT
// options - rules for the options that endpoints have in common

import { oneOf, type Rule, type Rules, whole } from '../util/check.ts';
import type { EndpointOptions } from './endpoint_types.ts';

/** Accepts signals. */
export const signal: Rule = (value) => {
  const { aborted, addEventListener } = (value ?? {}) as Partial<AbortSignal>;
  const isSignal = typeof aborted === 'boolean' && typeof addEventListener === 'function';
  return isSignal ? undefined : 'an AbortSignal';
};

/** Accepts functions. */
export const callback: Rule = (value) => (typeof value === 'function' ? undefined : 'a function');

/** Accepts bytes. */
export const bytes: Rule = (value) => (value instanceof Uint8Array ? undefined : 'a Uint8Array');

/** A rule for the bytes of a queue. */
export const queueBytes = (least = 0): Rule => whole(least, 2 ** 32, ' bytes');

/** Of every endpoint. */
export const ENDPOINT_RULES: Rules<EndpointOptions> = {
  type: oneOf('tap', 'tun'),
  mtu: whole(68, 65_535, ' bytes'),
  queue: queueBytes(),
};
