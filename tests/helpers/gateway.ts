// SPDX-License-Identifier: MIT
// gateway - a guest behind a gateway, and a stack outside that servers run on

import type { NetworkStack, TapInterface } from 'ringstack';
import {
  createGateway,
  type FlowEvent,
  type Gateway,
  type GatewayOptions,
} from 'ringstack/gateway';
import { onTestFinished } from 'vitest';
import { openStack, plug } from './net.ts';

/** Addresses of the servers outside. */
export const FAR = { 4: '203.0.113.7', 6: '2001:db8::7' } as const;

/** All of the networks of a test. */
export interface GatewayNetwork {
  readonly guest: NetworkStack;
  readonly inside: NetworkStack;
  readonly tap: TapInterface;
  /** Has the addresses of FAR; the default way out. */
  readonly outside: NetworkStack;
  readonly gateway: Gateway;
  readonly events: FlowEvent[];
}

/** A guest at 10.0.0.2 and fd00::2, a gateway, and servers outside at FAR, which the policy allows. */
export async function gatewayNetwork(
  options: GatewayOptions | ((outside: NetworkStack) => GatewayOptions) = {},
): Promise<GatewayNetwork> {
  const guest = await openStack({ initializeLoopback: false });
  const inside = await openStack({ initializeLoopback: false });
  const outside = await openStack();
  const card = await guest.createTapInterface({
    ip: ['10.0.0.2/24', 'fd00::2/64'],
    gateway: ['10.0.0.1', 'fd00::1'],
  });
  const tap = await inside.createTapInterface({ ip: ['10.0.0.1/24', 'fd00::1/64'] });
  plug(card, tap);
  // Addresses of servers, on an interface that leads nowhere.
  await outside.createTapInterface({ ip: [`${FAR[4]}/24`, `${FAR[6]}/64`] });
  const given = typeof options === 'function' ? options(outside) : options;
  const gateway = await createGateway(tap, {
    tcp: outside.tcp,
    udp: outside.udp,
    policy: { override: ['reserved'] },
    ...given,
  });
  onTestFinished(() => gateway.close());
  const events: FlowEvent[] = [];
  void (async () => {
    for await (const event of gateway.events) events.push(event);
  })();
  return { guest, inside, tap, outside, gateway, events };
}

/** Lets the guest know an address by a name. */
export function letKnow(net: GatewayNetwork, name: string, ip: string = FAR[4]): void {
  net.gateway.observe('10.0.0.2', {
    id: 1,
    isResponse: true,
    rcode: 'NOERROR',
    questions: [{ name, type: 'A', class: 'IN' }],
    answers: [{ name, type: 'A', class: 'IN', ttl: 300, ip }],
  } as never);
}
