// SPDX-License-Identifier: MIT
// dispose - the names of the methods that `using` calls, in runtimes that have none of their own

/** Symbol.dispose; in WebKit the symbol that bundlers put in its place. */
export const DISPOSE: typeof Symbol.dispose =
  (Symbol as { dispose?: typeof Symbol.dispose }).dispose ??
  (Symbol.for('Symbol.dispose') as typeof Symbol.dispose);

/** Symbol.asyncDispose, likewise. */
export const ASYNC_DISPOSE: typeof Symbol.asyncDispose =
  (Symbol as { asyncDispose?: typeof Symbol.asyncDispose }).asyncDispose ??
  (Symbol.for('Symbol.asyncDispose') as typeof Symbol.asyncDispose);
