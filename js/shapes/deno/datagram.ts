// SPDX-License-Identifier: MIT
// datagram - listenDatagram(): a socket at once, whose datagrams go by a UDP socket of the stack
//
// The process stays alive while receive() waits, unless unref() was called.

import type { NetworkInterface } from '../../api/interface.ts';
import type { NetworkStack } from '../../api/stack.ts';
import type { UdpSocket } from '../../api/udp.ts';
import { handled } from '../../util/deferred.ts';
import { Hold } from '../../util/process.ts';
import type { Bytes } from '../ends.ts';
import { checkedPort, checkTransport, localHost, reachable } from './address.ts';
import { badResource, denoErrorOf, errors, systemError } from './errors.ts';
import { Bound, portsOf } from './ports.ts';
import type {
  DatagramConn,
  MulticastV4Membership,
  MulticastV6Membership,
  NetAddr,
  UdpListenOptions,
} from './types.ts';

/** The interface with an address; undefined: the first that will do. */
function interfaceAt(stack: NetworkStack, address: string): NetworkInterface | undefined {
  if (address === '0.0.0.0') return undefined;
  for (const one of stack.interfaces) {
    if (one.addresses.some((cidr) => cidr.split('/')[0] === address)) return one;
  }
  throw systemError('ENODEV');
}

/** The interface with a number; undefined: the first that will do. */
function interfaceNumber(stack: NetworkStack, number: number): NetworkInterface | undefined {
  if (number === 0) return undefined;
  const found = [...stack.interfaces][number - 1];
  if (!found) throw systemError('ENODEV');
  return found;
}

/** A socket. */
class DenoDatagram implements DatagramConn {
  readonly #stack: NetworkStack;
  readonly #bound: Bound<UdpSocket>;
  readonly #host: string;
  readonly #isLooped: boolean;
  readonly #hold = new Hold();
  #waiting = 0;
  #isRefed = true;
  #isClosed = false;

  constructor(stack: NetworkStack, options: UdpListenOptions) {
    checkTransport(options.transport, 'udp');
    const port = checkedPort(options.port, 0);
    const host = localHost(stack, options.hostname ?? '0.0.0.0', true);
    const { reuseAddress = false, loopback = false } = options;
    this.#stack = stack;
    this.#host = host;
    this.#isLooped = loopback;
    this.#bound = new Bound(portsOf(stack).udp, { host, port, isShared: reuseAddress }, (chosen) =>
      stack.openUdp({ host, port: chosen, reuseAddress, multicastLoopback: loopback }),
    );
  }

  get addr(): NetAddr {
    return { transport: 'udp', hostname: this.#host, port: this.#bound.port };
  }

  #update(): void {
    this.#hold.set(this.#isRefed && this.#waiting > 0);
  }

  /** Runs something with the socket of the stack. */
  async #with<T>(run: (socket: UdpSocket) => Promise<T>): Promise<T> {
    if (this.#isClosed) throw badResource();
    try {
      return await run(await this.#bound.opened);
    } catch (error) {
      throw this.#isClosed ? badResource() : denoErrorOf(error);
    }
  }

  async receive(p?: Uint8Array): Promise<[Bytes, NetAddr]> {
    this.#waiting++;
    this.#update();
    try {
      const { data, host, port } = await this.#with((socket) => socket.receive());
      const addr: NetAddr = { transport: 'udp', hostname: host, port };
      if (!p) return [data as Bytes, addr];
      const part = data.subarray(0, p.length);
      p.set(part);
      return [p.subarray(0, part.length) as Bytes, addr];
    } finally {
      this.#waiting--;
      this.#update();
    }
  }

  async send(p: Uint8Array, addr: { hostname?: string; port: number }): Promise<number> {
    const port = checkedPort(addr.port, 1);
    const host = reachable(addr.hostname ?? '127.0.0.1');
    await this.#with((socket) => socket.send(p, { host, port }));
    return p.length;
  }

  /** Joins a group, and returns what memberships of both families have. */
  async #join(
    group: string,
    interfaceOf: () => NetworkInterface | undefined,
  ): Promise<MulticastV6Membership> {
    const found = interfaceOf();
    const options = found && { interface: found };
    await this.#with((socket) => socket.join(group, options));
    return {
      leave: () => handled(this.#with((socket) => socket.leave(group, options))),
      setLoopback: (isLooped) => handled(this.#setLoopback(isLooped)),
    };
  }

  async #setLoopback(isLooped: boolean): Promise<void> {
    if (isLooped === this.#isLooped) return;
    throw new errors.NotSupported(
      'Whether multicast comes back is set by `loopback` of listenDatagram()',
    );
  }

  async joinMulticastV4(address: string, networkInterface: string): Promise<MulticastV4Membership> {
    const common = await this.#join(address, () => interfaceAt(this.#stack, networkInterface));
    const setTTL = async (ttl: number): Promise<void> => {
      await this.#with(async (socket) => {
        socket.multicastTtl = ttl;
      });
    };
    return { ...common, setTTL: (ttl) => handled(setTTL(ttl)) };
  }

  joinMulticastV6(address: string, networkInterface: number): Promise<MulticastV6Membership> {
    return this.#join(address, () => interfaceNumber(this.#stack, networkInterface));
  }

  close(): void {
    if (this.#isClosed) throw badResource();
    this.#isClosed = true;
    this.#bound.close();
  }

  ref(): void {
    this.#isRefed = true;
    this.#update();
  }

  unref(): void {
    this.#isRefed = false;
    this.#update();
  }

  async *[Symbol.asyncIterator](): AsyncIterableIterator<[Bytes, NetAddr]> {
    for (;;) {
      try {
        yield await this.receive();
      } catch (error) {
        if (error instanceof errors.BadResource) return;
        throw error;
      }
    }
  }
}

/** Opens a socket for datagrams: see DenoApi. */
export const listenDatagram = (stack: NetworkStack, options: UdpListenOptions): DatagramConn =>
  new DenoDatagram(stack, options);
