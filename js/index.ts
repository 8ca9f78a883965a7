// SPDX-License-Identifier: MIT
// index - what the package exports

export type * from './api/bridge.ts';
export type * from './api/configuration.ts';
export type * from './api/handle.ts';
export type * from './api/icmp.ts';
export type * from './api/intercept.ts';
export type * from './api/interface.ts';
export type * from './api/keeps_alive.ts';
export type * from './api/names.ts';
export type * from './api/route.ts';
export type * from './api/stack.ts';
export type * from './api/statistics.ts';
export type * from './api/tcp.ts';
export type * from './api/transport.ts';
export type * from './api/udp.ts';
export type * from './api/zero_copy.ts';
export type { NetErrorCode, NetErrorOptions } from './errors.ts';
export { NetError } from './errors.ts';
export { createArena } from './memory/default_arena.ts';
export { attach } from './stack/attach.ts';
export type { IcmpError } from './stack/icmp_error.ts';
export { createStack } from './stack/stack.ts';
