// SPDX-License-Identifier: MIT
// options - numbers of options, checked, with their defaults

import { checkValue } from '../util/check.ts';

/**
 * A whole number of an option.
 *
 * @param name - Of the option.
 * @param value - The value given; undefined: the default.
 * @param fallback - The default.
 * @param min - The smallest that is taken.
 * @returns The number.
 * @throws {NetError} EINVAL if it is anything else; Infinity is taken.
 */
export function wholeNumber(name: string, value: unknown, fallback: number, min = 0): number {
  if (value === undefined) return fallback;
  checkValue('Cannot use HTTP', name, value, (given) =>
    typeof given === 'number' && given >= min && (Number.isInteger(given) || given === Infinity)
      ? undefined
      : `a whole number from ${min}, or Infinity`,
  );
  return value as number;
}
