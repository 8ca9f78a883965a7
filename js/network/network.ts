// SPDX-License-Identifier: MIT
// network - ringstack/network: a network for guests in one call

export { createNetwork } from './create.ts';
export type * from './types.ts';
