// SPDX-License-Identifier: MIT
// index - ringstack-node: Node's net, dgram, dns, http, https and tls on a stack

export { createNodeDgram } from './dgram/dgram.ts';
export { createNodeDns } from './dns/dns.ts';
export type { LookupOptions } from './dns/lookup.ts';
export type { StackSource } from './net/context.ts';
export { createNodeNet, type NodeNetOptions } from './net/net.ts';
export { useStack } from './stack_source.ts';
