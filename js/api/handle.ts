// SPDX-License-Identifier: MIT
// handle - the public type of what is shared with another thread

/**
 * The result of share(). Post it to another thread of the same process (or page); attach() opens it there.
 *
 * @typeParam T - The object that attach() returns.
 */
export interface SharedHandle<T> {
  /** The kind of the shared object. */
  readonly kind: 'arena' | 'interface' | 'connection' | 'udp';
  /** Never set: it carries the type. */
  readonly opensAs?: T;
}
