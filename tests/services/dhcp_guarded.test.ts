// SPDX-License-Identifier: MIT
// dhcp_guarded.test - a guest that completes leases for made-up clients, at a port with and without a guard

import type { NetworkStack, TapInterface } from 'ringstack';
import {
  createDhcp,
  type DhcpOptionsInit,
  dhcpOptions,
  parseDhcpMessage,
  serializeDhcpMessage,
} from 'ringstack/dhcp';
import { expect, test } from 'vitest';
import { macOf } from '../helpers/dhcp_peer.ts';
import { ignore, openStack, outcome, plug, until } from '../helpers/net.ts';

const GUEST = '02:00:00:00:00:77';
const ADDRESSES = 4;

/** Takes a lease for one made-up client after the other, by frames of one tap. */
async function flood(guest: NetworkStack, tap: TapInterface, clients: number): Promise<void> {
  const socket = await guest.openUdp({ port: 68, interface: tap });
  const say = (n: number, type: 'DISCOVER' | 'REQUEST', values: DhcpOptionsInit = {}) =>
    socket.send(
      serializeDhcpMessage({
        op: 1,
        type,
        mac: macOf(n),
        xid: n,
        broadcast: true,
        options: dhcpOptions(values),
      }),
      { host: '255.255.255.255', port: 67 },
    );
  const answering = async (): Promise<void> => {
    for await (const { data } of socket) {
      const { type, xid, yiaddr: requestedIP } = parseDhcpMessage(data);
      if (type !== 'OFFER') continue;
      await say(xid, 'REQUEST', { requestedIP, serverIdentifier: '10.0.0.1' });
    }
  };
  answering().catch(ignore);
  for (let n = 1; n <= clients; n++) await say(n, 'DISCOVER');
}

test.each([
  ['holds all leases without a guard', false],
  ['has none of them with a guard, and a new client has one', true],
])('a guest that makes clients up %s', async (_, guarded) => {
  const [host, guest, honest] = [await openStack(), await openStack(), await openStack()];
  const bridge = await host.createBridgeInterface({ ip: '10.0.0.1/24' });
  const [one, other] = [await host.createTapInterface(), await host.createTapInterface()];
  const port = await bridge.addPort(one, { guarded, macs: [GUEST] });
  await bridge.addPort(other, { guarded });
  const { serve } = await createDhcp(host);
  const leaseRange = { start: '10.0.0.100', end: `10.0.0.${99 + ADDRESSES}` };
  const server = await serve({ interface: bridge, leaseRange });
  const tap = await guest.createTapInterface({ mac: GUEST });
  plug(tap, one);
  await flood(guest, tap, 40);
  await until(() => (guarded ? port.statistics.guarded >= 40 : server.leases.size === ADDRESSES));
  expect(server.leases.size).toBe(guarded ? 0 : ADDRESSES);
  const dhcp = { timeout: guarded ? 20_000 : 1_000 };
  const asking = honest.createTapInterface({ ip: 'dhcp', dhcp, link: other });
  expect(await outcome(asking)).toBe(guarded ? 'ok' : 'ETIMEDOUT');
});
