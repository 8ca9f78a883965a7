// SPDX-License-Identifier: MIT
// tunnel - two stacks and a WireGuard interface of each, over whatever a test gives

import type { NetworkStack } from 'ringstack';
import {
  createWireGuard,
  generateKey,
  publicKey,
  type WireGuardInterface,
  type WireGuardOptions,
  type WireGuardSink,
  type WireGuardTransport,
} from 'ringstack-wireguard';
import { onTestFinished } from 'vitest';
import { ENDS, openStack, wiredPair } from '../helpers/net.ts';

/** Our address in the tunnel, on side 1 or 2. */
export const inner = (side: number): string => `10.9.0.${side}`;

/** An interface that is closed when the running test ends. */
export async function open(
  stack: NetworkStack,
  options: WireGuardOptions,
): Promise<WireGuardInterface> {
  const wg = await createWireGuard(stack, options);
  onTestFinished(() => wg.close());
  return wg;
}

export interface TunnelOptions {
  readonly a?: Partial<WireGuardOptions>;
  readonly b?: Partial<WireGuardOptions>;
  readonly presharedKey?: string;
  readonly endpoint?: string | undefined;
}

/** Two stacks with an interface each over the transports that are given. */
export async function tunnel(a: object, b: object, options: TunnelOptions = {}) {
  const [stackA, stackB] = [await openStack(), await openStack()];
  const [keyA, keyB] = [generateKey(), generateKey()];
  const { presharedKey, endpoint } = options;
  const secret = presharedKey === undefined ? {} : { presharedKey };
  const ip = (side: number): string[] => [`${inner(side)}/24`, `fd09::${side}/64`];
  const allowedIps = (side: number): string[] => [`${inner(side)}/32`, `fd09::${side}/128`];
  const wgA = await open(stackA, {
    privateKey: keyA,
    ip: ip(1),
    transport: a,
    peers: [
      {
        publicKey: await publicKey(keyB),
        allowedIps: allowedIps(2),
        ...(endpoint === undefined ? {} : { endpoint }),
        ...secret,
      },
    ],
    ...options.a,
  });
  const wgB = await open(stackB, {
    privateKey: keyB,
    ip: ip(2),
    transport: b,
    peers: [{ publicKey: wgA.publicKey, allowedIps: allowedIps(1), ...secret }],
    ...options.b,
  });
  return { stackA, stackB, wgA, wgB };
}

/** Over UDP of two more stacks on a wire. */
export async function overUdp(options: TunnelOptions & { family?: 4 | 6 } = {}) {
  const outer = await wiredPair();
  const host = ENDS[options.family ?? 4].b;
  const udpA = await outer.a.openUdp({ port: 51820 });
  const udpB = await outer.b.openUdp({ port: 51820 });
  const endpoint = host.includes(':') ? `[${host}]:51820` : `${host}:51820`;
  return { outer, udpA, udpB, ...(await tunnel(udpA, udpB, { endpoint, ...options })) };
}

/** Two ends that pass datagrams on from inside send(). */
export function directPair(): [WireGuardTransport, WireGuardTransport] {
  const sinks: (WireGuardSink | undefined)[] = [];
  const end = (own: number): WireGuardTransport => ({
    isSession: true,
    start(sink) {
      sinks[own] = sink;
    },
    send(data) {
      sinks[1 - own]?.receive(data);
      return true;
    },
    room: () => undefined,
    stop() {
      sinks[own] = undefined;
    },
  });
  return [end(0), end(1)];
}
