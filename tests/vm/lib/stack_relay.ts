// SPDX-License-Identifier: MIT
// stack_relay - a stack that passes on to another host what comes to a port of its own, and the answers back

import type { DatagramAddress, NetworkStack, TcpConnection, UdpSocket } from 'ringstack';
import { ignore } from '../../helpers/net.ts';

/** Passes connections on until the stack closes. */
export async function relayTcp(
  stack: NetworkStack,
  port: number,
  to: DatagramAddress,
): Promise<void> {
  const listener = await stack.listenTcp({ port });
  const pass = async (near: TcpConnection): Promise<void> => {
    const far = await stack.connectTcp(to);
    await Promise.all([near.readable.pipeTo(far.writable), far.readable.pipeTo(near.writable)]);
  };
  void (async () => {
    for await (const near of listener) pass(near).catch(ignore);
  })().catch(ignore);
}

/** Counts what has passed, either way. */
export interface UdpRelay {
  datagrams: number;
  /** Length of the longest one, bytes. */
  longest: number;
  /** Datagrams that found one of its rings full. */
  dropped(): number;
}

/** Passes datagrams on until the stack closes: each client gets a socket of its own. */
export async function relayUdp(
  stack: NetworkStack,
  port: number,
  to: DatagramAddress,
): Promise<UdpRelay> {
  const near = await stack.openUdp({ port, receiveBuffer: 4 << 20, sendBuffer: 4 << 20 });
  const sockets = [near];
  const relay: UdpRelay = {
    datagrams: 0,
    longest: 0,
    dropped: () => sockets.reduce((sum, { statistics }) => sum + statistics.rxDropped, 0),
  };
  const clients = new Map<string, Promise<UdpSocket>>();
  const count = (data: Uint8Array): Uint8Array => {
    relay.datagrams++;
    relay.longest = Math.max(relay.longest, data.length);
    return data;
  };
  const open = async (client: DatagramAddress): Promise<UdpSocket> => {
    const far = await stack.openUdp({ remote: to, receiveBuffer: 4 << 20, sendBuffer: 4 << 20 });
    sockets.push(far);
    const back = async (): Promise<void> => {
      for await (const { data } of far) await near.send(count(data), client);
    };
    back().catch(ignore);
    return far;
  };
  const forth = async (): Promise<void> => {
    for await (const { host, port: from, data } of near) {
      const key = `${host} ${from}`;
      const far = clients.get(key) ?? open({ host, port: from });
      clients.set(key, far);
      await (await far).send(count(data));
    }
  };
  forth().catch(ignore);
  return relay;
}
