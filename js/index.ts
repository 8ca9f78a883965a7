// SPDX-License-Identifier: MIT
// index - what the package exports

export type { NetErrorCode } from './errors.ts';
export { NetError } from './errors.ts';
export { createArena, createStack } from './stack.ts';
export type * from './types.ts';
export type * from './types_ring.ts';
export type * from './types_tcp.ts';
