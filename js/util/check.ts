// SPDX-License-Identifier: MIT
// check - refuses options and arguments; every message names action, value and range
//
// Options are checked by a table with one rule for each option. A rule says what a value must be if it
// does not fit. So a message always reads: "Cannot connect with port 70000: must be a whole number
// from 1 to 65535".

import { NetError } from '../errors.ts';

/** Characters of a value that a message shows. */
const SHOWN = 60;
/** The largest number that C, timers and atomics all take. */
export const INT32_MAX = 0x7fffffff;

/** Says what a value must be if it does not fit; undefined: it fits. */
export type Rule = (value: unknown) => string | undefined;

/** One rule for each option. */
export type Rules<Options> = { readonly [Name in keyof Options]-?: Rule };

/**
 * Quotes a value for a message, escaped and cut, so that no input floods or forges a log.
 *
 * @param value - Anything.
 * @returns The text; a string in quotes.
 * @throws Never.
 */
export function show(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object' && value !== null) return 'an object';
  if (typeof value !== 'string') return String(value).slice(0, SHOWN);
  const text = JSON.stringify(value.slice(0, SHOWN)).slice(1, -1);
  return value.length > SHOWN ? `'${text}…'` : `'${text}'`;
}

/**
 * A rule for whole numbers.
 *
 * @param least - Smallest value that fits.
 * @param most - Largest value that fits.
 * @param unit - Unit for the message, in front a space. @default none
 * @returns The rule.
 * @throws Never.
 */
export function whole(least: number, most: number, unit = ''): Rule {
  return (value) =>
    Number.isInteger(value) && (value as number) >= least && (value as number) <= most
      ? undefined
      : `a whole number from ${least} to ${most}${unit}`;
}

/**
 * A rule for numbers, with or without a fraction.
 *
 * @param least - Smallest value that fits.
 * @param most - Largest value that fits.
 * @param unit - Unit for the message, in front a space. @default none
 * @returns The rule.
 * @throws Never.
 */
export function range(least: number, most: number, unit = ''): Rule {
  return (value) =>
    typeof value === 'number' && value >= least && value <= most
      ? undefined
      : `from ${least} to ${most}${unit}`;
}

/** Accepts true and false. */
export const flag: Rule = (value) => (typeof value === 'boolean' ? undefined : 'true or false');

/** Accepts strings. */
export const text: Rule = (value) => (typeof value === 'string' ? undefined : 'a string');

/** Accepts everything: the value is checked where it is used. */
export const any: Rule = () => undefined;

/**
 * A rule for one of several strings.
 *
 * @param names - Those that fit.
 * @returns The rule.
 * @throws Never.
 */
export function oneOf(...names: readonly string[]): Rule {
  return (value) =>
    names.includes(value as string) ? undefined : `one of ${names.map(show).join(', ')}`;
}

/**
 * Refuses a value that does not fit a rule.
 *
 * @param action - The failed action, such as "Cannot connect".
 * @param name - Name of the option or argument.
 * @param value - Its value.
 * @param rule - The rule for the value.
 * @throws {NetError} EINVAL.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { checkValue, whole } from '../js/util/check.ts';
 *
 * checkValue('Cannot listen', 'port', 80, whole(0, 65535));
 * assert.throws(() => checkValue('Cannot listen', 'port', -1, whole(0, 65535)), {
 *   code: 'EINVAL',
 *   message: 'Cannot listen with port -1: must be a whole number from 0 to 65535',
 * });
 * ```
 */
export function checkValue(action: string, name: string, value: unknown, rule: Rule): void {
  const needed = rule(value);
  if (needed === undefined) return;
  throw new NetError('EINVAL', `${action} with ${name} ${show(value)}`, {
    reason: `must be ${needed}`,
  });
}

/**
 * Refuses options that are no object, have unknown names, or values that do not fit. Options that are
 * undefined are not set.
 *
 * @param action - The failed action, such as "Cannot connect".
 * @param options - Options of the program.
 * @param rules - One rule for each option.
 * @param required - Options that must be set.
 * @throws {NetError} EINVAL; the message names the option, its value and its range.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { checkOptions, text, whole } from '../js/util/check.ts';
 *
 * const rules = { host: text, port: whole(1, 65535) };
 * checkOptions('Cannot connect', { host: '10.0.0.2', port: 80 }, rules);
 * assert.throws(() => checkOptions('Cannot connect', { prot: 80 }, rules), {
 *   message: "Cannot connect with the option 'prot': must be one of 'host', 'port'",
 * });
 * ```
 */
export function checkOptions<Options extends object>(
  action: string,
  options: unknown,
  rules: Rules<Options>,
  required: readonly (keyof Options & string)[] = [],
): void {
  if (typeof options !== 'object' || options === null) {
    const reason = 'must be an object';
    throw new NetError('EINVAL', `${action} with the options ${show(options)}`, { reason });
  }
  const known = oneOf(...Object.keys(rules));
  for (const name of Object.keys(options)) {
    const needed = known(name);
    if (needed === undefined) continue;
    throw new NetError('EINVAL', `${action} with the option ${show(name)}`, {
      reason: `must be ${needed}`,
    });
  }
  for (const [name, rule] of Object.entries<Rule>(rules)) {
    const value = (options as Record<string, unknown>)[name];
    if (value !== undefined || required.includes(name as keyof Options & string)) {
      checkValue(action, name, value, rule);
    }
  }
}

/**
 * Refuses a number of bytes that does not fit: the check of the zero-copy calls and of the rings.
 *
 * @param action - The failed action, such as "release".
 * @param count - The number.
 * @param least - Smallest number that fits.
 * @param most - Largest number that fits.
 * @throws {RangeError} If it is no whole number from least to most.
 */
export function checkCount(action: string, count: number, least: number, most: number): void {
  if (Number.isInteger(count) && count >= least && count <= most) return;
  throw new RangeError(
    `Cannot ${action} ${show(count)} bytes: must be a whole number from ${least} to ${most}`,
  );
}
