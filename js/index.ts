// SPDX-License-Identifier: MIT
// index - what the package exports

export { createArena } from './arenas.ts';
export { attach } from './attach.ts';
export type { NetErrorCode, NetErrorOptions } from './errors.ts';
export { NetError } from './errors.ts';
export { createStack } from './stack.ts';
export type * from './types.ts';
export type * from './types_ring.ts';
export type * from './types_tcp.ts';
