// SPDX-License-Identifier: MIT
// owner - the stack of an interface, for services that are given the interface alone
//
// A service is a bundle of its own, which shares no module with the stack: a registered symbol is what both know.

const OWNER = Symbol.for('ringstack.stack');

/**
 * Notes the stack of an interface.
 *
 * @param iface - The interface.
 * @param stack - Its stack.
 * @throws Never.
 */
export function setOwner(iface: object, stack: object): void {
  Object.defineProperty(iface, OWNER, { value: stack });
}

/**
 * The stack of an interface.
 *
 * @param iface - Anything.
 * @returns The stack; undefined if it is no interface of a stack.
 * @throws Never.
 */
export function ownerOf(iface: unknown): object | undefined {
  return (iface as { [OWNER]?: object } | undefined)?.[OWNER];
}
