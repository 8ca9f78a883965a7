// SPDX-License-Identifier: MIT
// gateway.test - a WireGuard interface as the way out of a gateway: guests reach what is behind a peer

import { describe, expect, test } from 'vitest';
import { gatewayNetwork } from '../../helpers/gateway.ts';
import { sentIntact } from '../../helpers/links.ts';
import { outcome } from '../../helpers/net.ts';
import { directPair, inner, tunnel } from '../tunnel.ts';

/** A guest behind a gateway whose way out is a tunnel; servers are on `far`, the other end of it. */
async function network() {
  const [a, b] = directPair();
  const { stackA, stackB, wgA } = await tunnel(a, b);
  const { guest, gateway } = await gatewayNetwork({
    tcp: stackA.tcp,
    udp: stackA.udp,
    policy: { override: ['private'] },
  });
  return { guest, gateway, wg: wgA, far: stackB };
}

describe('a guest', () => {
  test.each([inner(2), 'fd09::2'])('reaches %s through the tunnel by TCP', async (host) => {
    const { guest, far, wg } = await network();
    await sentIntact(guest, far, 300_000, host);
    expect(wg.peers()[0]?.txBytes).toBeGreaterThan(300_000);
  });

  test('reaches it by UDP', async () => {
    const { guest, far } = await network();
    const server = await far.openUdp({ port: 53 });
    const client = await guest.openUdp({ remote: { host: inner(2), port: 53 } });
    await client.send(Uint8Array.of(1, 2, 3));
    const question = await server.receive();
    expect(question.host).toBe(inner(1));
    await server.send(Uint8Array.of(4), question);
    expect((await client.receive()).data).toEqual(Uint8Array.of(4));
  });

  test('hears that no peer has an address, and that a port is closed', async () => {
    const { guest } = await network();
    const connect = (host: string) => outcome(guest.connectTcp({ host, port: 9 }));
    expect(await connect('10.9.0.99')).toBe('EHOSTUNREACH');
    expect(await connect(inner(2))).toBe('ECONNREFUSED');
  });
});
