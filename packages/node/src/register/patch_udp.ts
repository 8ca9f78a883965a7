// SPDX-License-Identifier: MIT
// patch_udp - puts the sockets and names of a stack into Node's own dgram and dns

import type { NetworkStack } from 'ringstack';
import { makeDgram } from '../dgram/dgram.ts';
import { createNodeDns } from '../dns/dns.ts';
import { NetContext } from '../net/context.ts';
import { builtin, currentLookup } from './patch_net.ts';

type Patched = Record<string, unknown>;

/** Replaces what a module has by ours, and leaves what is only read. */
function replace(module: Patched, ours: Patched): void {
  for (const [name, value] of Object.entries(ours)) {
    const { writable, set } = Object.getOwnPropertyDescriptor(module, name) ?? {};
    if (writable || set) module[name] = value;
  }
}

/**
 * Puts sockets of UDP and names of a stack into dgram and dns.
 *
 * @param stack - Of this process.
 */
export function patchUdp(stack: NetworkStack): void {
  const dgram = builtin<Patched>('node:dgram');
  const context = new NetContext(stack, currentLookup());
  replace(dgram, makeDgram(context) as unknown as Patched);
  const dns = builtin<Patched>('node:dns');
  const { promises, ...ours } = createNodeDns(stack) as unknown as Patched;
  replace(dns, ours);
  replace(builtin<Patched>('node:dns/promises'), promises as Patched);
}
