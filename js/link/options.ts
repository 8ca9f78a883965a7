// SPDX-License-Identifier: MIT
// options - rules for the options that endpoints have in common

import { oneOf, type Rule, type Rules, whole } from '../util/check.ts';
import type { EndpointOptions } from './endpoint_types.ts';

/** A rule of a test, and the words for what fits it. */
export const rule =
  (fits: (value: unknown) => unknown, needed: string): Rule =>
  (value) =>
    fits(value) ? undefined : needed;

/** Accepts signals. */
export const signal = rule(
  (value) => typeof (value as AbortSignal | null)?.aborted === 'boolean',
  'an AbortSignal',
);

/** Accepts functions. */
export const callback = rule((value) => typeof value === 'function', 'a function');

/** Accepts objects. */
export const object = rule((value) => value instanceof Object, 'an object');

/** A rule for the bytes of a queue. */
export const queueBytes = (least = 0): Rule => whole(least, 2 ** 32, ' bytes');

/** Of every endpoint. */
export const ENDPOINT_RULES: Rules<EndpointOptions> = {
  type: oneOf('tap', 'tun'),
  mtu: whole(68, 65_535, ' bytes'),
  queue: queueBytes(),
};
