// SPDX-License-Identifier: MIT
// checks - arguments, refused as Node refuses them

import { describe, invalidArgType, nodeError, outOfRange } from './errors.ts';

/** The longest delay of a timer, ms. */
const TIMER_MOST = 2 ** 31 - 1;

/** Refuses what is no function. */
export function checkFunction(
  value: unknown,
  name: string,
): asserts value is (...args: never[]) => void {
  if (typeof value !== 'function') throw invalidArgType(name, ['function'], value);
}

/** Refuses what is no string. */
export function checkString(value: unknown, name: string): asserts value is string {
  if (typeof value !== 'string') throw invalidArgType(name, ['string'], value);
}

/** Refuses what is no number, or outside of a range. */
export function checkNumber(
  value: unknown,
  name: string,
  least?: number,
  most?: number,
): asserts value is number {
  if (typeof value !== 'number') throw invalidArgType(name, ['number'], value);
  const isIn = (least === undefined || value >= least) && (most === undefined || value <= most);
  if (isIn && !Number.isNaN(value)) return;
  const range = [least === undefined ? '' : `>= ${least}`, most === undefined ? '' : `<= ${most}`];
  throw outOfRange(name, range.filter((part) => part !== '').join(' && '), value);
}

/** Refuses what is no whole number in a range. */
export function checkInteger(
  value: unknown,
  name: string,
  least: number,
  most: number,
): asserts value is number {
  if (typeof value !== 'number') throw invalidArgType(name, ['number'], value);
  if (!Number.isInteger(value)) throw outOfRange(name, 'an integer', value);
  if (value < least || value > most) throw outOfRange(name, `>= ${least} && <= ${most}`, value);
}

/** Refuses what is no boolean. */
export function checkBoolean(value: unknown, name: string): asserts value is boolean {
  if (typeof value !== 'boolean') throw invalidArgType(name, ['boolean'], value);
}

/** Refuses what is no signal. */
export function checkSignal(value: unknown, name: string): asserts value is AbortSignal {
  if (value === null || typeof value !== 'object' || !('aborted' in value)) {
    throw invalidArgType(name, ['AbortSignal'], value);
  }
}

/**
 * A port, which may be written as text.
 *
 * @param value - Of the program.
 * @param name - Of the argument.
 * @param isZeroGood - 0 is one as well.
 * @returns 0 to 65535.
 * @throws RangeError ERR_SOCKET_BAD_PORT.
 */
export function checkPort(value: unknown, name = 'Port', isZeroGood = true): number {
  const isText = typeof value === 'string' && value.trim() !== '';
  const port = isText || typeof value === 'number' ? Number(value) : Number.NaN;
  if (Number.isInteger(port) && port >= 0 && port <= 65535 && (port !== 0 || isZeroGood))
    return port;
  throw nodeError(
    RangeError,
    'ERR_SOCKET_BAD_PORT',
    `${name} should be ${isZeroGood ? '>=' : '>'} 0 and < 65536.${describe(value)}.`,
  );
}

/** A delay of a timer as setTimeout() of a socket takes it: checked, and cut where timers end. */
export function timerDelay(value: unknown, name: string): number {
  checkNumber(value, name);
  if (value < 0 || !Number.isFinite(value))
    throw outOfRange(name, 'a non-negative finite number', value);
  if (value <= TIMER_MOST) return value;
  globalThis.process?.emitWarning?.(
    `${value} does not fit into a 32-bit signed integer.\nTimer duration was truncated to ${TIMER_MOST}.`,
    'TimeoutOverflowWarning',
  );
  return TIMER_MOST;
}

/** Numbers as Node takes them where text may stand for one: `'1000'`; undefined if it is none. */
export function toNumber(value: unknown): number | undefined {
  const number = Number(value);
  return number >= 0 ? number : undefined;
}
