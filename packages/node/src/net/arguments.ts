// SPDX-License-Identifier: MIT
// arguments - the many ways to call connect() and listen(), as options and a callback

import { missingArgs } from '../errors.ts';

/** The options and callback of a call; `normalized` marks a result of normalizeArgs(), which Node passes on. */
export type NormalizedArgs = [
  options: Record<string, unknown>,
  callback: ((...args: unknown[]) => void) | null,
];

/** Marks what was normalized: internals of Node call connect() with it. */
const NORMALIZED = Symbol('normalized arguments');

/** A path is a string that is no port. */
function toNumber(value: unknown): number | false {
  const number = Number(value);
  return number >= 0 ? number : false;
}

const isPipeName = (value: unknown): value is string =>
  typeof value === 'string' && toNumber(value) === false;

/**
 * The options and the callback of a call of connect() or listen().
 *
 * @param args - Of the call.
 * @returns Options (a port, host or path where they were given alone) and the callback, or null.
 */
export function normalizeArgs(args: readonly unknown[]): NormalizedArgs {
  const [first, second] = args;
  if (
    Array.isArray(first) &&
    (NORMALIZED in first || Object.getOwnPropertySymbols(first).length > 0)
  ) {
    return first as unknown as NormalizedArgs;
  }
  let options: Record<string, unknown> = {};
  if (args.length > 0) {
    if (typeof first === 'object' && first !== null) options = first as Record<string, unknown>;
    else if (isPipeName(first)) options['path'] = first;
    else {
      options['port'] = first;
      if (args.length > 1 && typeof second === 'string') options['host'] = second;
    }
  }
  const last = args[args.length - 1];
  const callback = args.length > 0 && typeof last === 'function' ? last : null;
  const result = [options, callback] as NormalizedArgs;
  Object.defineProperty(result, NORMALIZED, { value: true });
  return result;
}

/** Refuses options of connect() that name no destination. */
export function checkDestination(options: Record<string, unknown>): void {
  if (options['port'] === undefined && options['path'] == null) {
    throw missingArgs('options', 'port', 'path');
  }
}
