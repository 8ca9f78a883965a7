// SPDX-License-Identifier: MIT
// bridge - bridges with stacks at their ports, or with hosts that a test plays

import type {
  BridgeInterface,
  BridgeInterfaceOptions,
  BridgePort,
  NetworkStack,
  TapInterface,
} from 'ringstack';
import { ethernet } from './frames.ts';
import { endpointPair } from './links.ts';
import { openStack } from './net.ts';

export const EVERYONE = 'ff:ff:ff:ff:ff:ff';
export const mac = (n: number): string => `02:00:00:00:01:${n.toString(16).padStart(2, '0')}`;
export const frame = (to: string, from: string, n = 0): Uint8Array =>
  ethernet(to, from, 0x88b6, new Uint8Array(46).fill(n));
/** Frames of this test alone. */
export const ours = (sent: readonly Uint8Array[]): Uint8Array[] =>
  sent.filter((one) => one[12] === 0x88 && one[13] === 0xb6);

export interface Lan {
  readonly host: NetworkStack;
  readonly bridge: BridgeInterface;
  readonly guests: NetworkStack[];
  readonly taps: TapInterface[];
  readonly ports: BridgePort[];
}

/** A bridge 10.0.0.1 and so many stacks at it: stack n is 10.0.0.(n + 2). */
export async function lan(count: number, options: BridgeInterfaceOptions = {}): Promise<Lan> {
  const host = await openStack();
  const bridge = await host.createBridgeInterface({ ip: '10.0.0.1/24', ...options });
  const guests: NetworkStack[] = [];
  const taps: TapInterface[] = [];
  const ports: BridgePort[] = [];
  for (let n = 0; n < count; n++) {
    const guest = await openStack();
    const tap = await guest.createTapInterface({ ip: [`10.0.0.${n + 2}/24`, `fd00::${n + 2}/64`] });
    guests.push(guest);
    taps.push(tap);
    ports.push(await bridge.addPort(tap, { name: `guest${n}` }));
  }
  return { host, bridge, guests, taps, ports };
}

/** A bridge with hosts that a test plays: endpoint n has the address mac(n). */
export async function played(count: number, options: BridgeInterfaceOptions = {}) {
  const stack = await openStack();
  const hosts = Array.from({ length: count }, (_, n) => {
    const { endpoint, port, sent } = endpointPair({ type: 'tap', mtu: 1500 });
    const send = (to: string, mark = 0, from = mac(n)): void => port.push(frame(to, from, mark));
    return { endpoint, port, sent, send, got: () => ours(sent) };
  });
  const endpoints = hosts.map(({ endpoint }) => endpoint);
  const bridge = await stack.createBridgeInterface({ ports: endpoints, ...options });
  type Host = (typeof hosts)[number];
  return { stack, bridge, hosts, host: (n: number): Host => hosts[n] as Host };
}
