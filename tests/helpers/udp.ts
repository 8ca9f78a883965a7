// SPDX-License-Identifier: MIT
// udp - UDP sockets for tests, and a host behind a tun interface whose packets are made by hand

import type {
  NetworkStack,
  TunInterface,
  UdpDatagram,
  UdpSocket,
  UdpSocketOptions,
} from 'ringstack';
import { ENDS, ignore, openStack, type Pair, type PairOptions, wiredPair } from './net.ts';

/** Two sockets of wired stacks: `client` is on stack a, `server` on stack b. */
export interface UdpPair extends Pair {
  readonly client: UdpSocket;
  readonly server: UdpSocket;
  /** The address of the server. */
  readonly to: { host: string; port: number };
}

/** Options of a pair of sockets. */
export interface UdpPairOptions extends PairOptions {
  readonly host?: string;
  readonly client?: UdpSocketOptions;
  readonly server?: UdpSocketOptions;
}

/** Opens a socket on each of two wired stacks. */
export async function udpPair(options: UdpPairOptions = {}): Promise<UdpPair> {
  const pair = await wiredPair(options);
  const server = await pair.b.openUdp(options.server);
  const client = await pair.a.openUdp(options.client);
  const to = { host: options.host ?? ENDS[4].b, port: server.localPort };
  return { ...pair, client, server, to };
}

/** Two sockets of one stack, by way of its loopback interface. */
export async function loopbackPair(options: Pick<UdpPairOptions, 'client' | 'server'> = {}) {
  const stack = await openStack();
  const server = await stack.openUdp(options.server);
  const client = await stack.openUdp(options.client);
  return { stack, client, server, to: { host: '127.0.0.1', port: server.localPort } };
}

/** Receives so many datagrams. */
export async function receiveMany(socket: UdpSocket, count: number): Promise<UdpDatagram[]> {
  const all: UdpDatagram[] = [];
  while (all.length < count) all.push(await socket.receive());
  return all;
}

/** A host behind a tun interface. */
export interface HandHost {
  readonly stack: NetworkStack;
  readonly tun: TunInterface;
  /** Puts a packet into the stack. */
  send(packet: Uint8Array): Promise<void>;
  /** The next packet of the stack that passes; what came before it is dropped. */
  next(fits: (packet: Uint8Array) => boolean): Promise<Uint8Array>;
}

/** A stack at 10.0.0.1 and fd00::1, whose only neighbor and gateway is a host made by hand at 10.0.0.2. */
export async function handHost(): Promise<HandHost> {
  const stack = await openStack();
  const tun = await stack.createTunInterface({
    ip: ['10.0.0.1/24', 'fd00::1/64'],
    gateway: '10.0.0.2',
  });
  const writer = tun.writable.getWriter();
  const packets: Uint8Array[] = [];
  let wake: () => void = ignore;
  const listen = async (): Promise<void> => {
    for await (const packet of tun.listen()) {
      packets.push(packet);
      wake();
    }
  };
  listen().catch(ignore);
  return {
    stack,
    tun,
    send: (packet) => writer.write(packet),
    async next(fits) {
      for (;;) {
        for (let packet = packets.shift(); packet; packet = packets.shift()) {
          if (fits(packet)) return packet;
        }
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
  };
}
