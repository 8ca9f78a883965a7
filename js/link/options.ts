// SPDX-License-Identifier: MIT
// options - refuses options of endpoints that are out of range

import { NetError } from '../errors.ts';

/** Refuses an option that is no whole number from least to most. */
export function checkRange(name: string, value: number, least: number, most: number): void {
  if (Number.isInteger(value) && value >= least && value <= most) return;
  throw new NetError('EINVAL', `Cannot make an endpoint with ${name} ${value}`, {
    reason: `it is a whole number from ${least} to ${most}`,
  });
}
