// SPDX-License-Identifier: MIT
// transport - what createDhcp() was given, in one shape

import type { Datagram, DatagramSocket, DatagramTransport } from '../api/transport.ts';
import { NetError } from '../errors.ts';
import { parseCidr } from '../util/address.ts';
import { show } from '../util/check.ts';
import { ownerOf } from '../util/owner.ts';
import { isLinkLocal } from '../util/subnet.ts';

/** An interface, as far as DHCP needs it. */
export interface DhcpInterface {
  /** Its MAC address; a tap has one. */
  readonly mac?: string;
  /** Its addresses as CIDRs. */
  readonly addresses: readonly string[];
  /** Largest IP packet, bytes. */
  readonly mtu?: number;
}

/** Options with which DHCP opens a socket: the port, and the interface if one was given. */
export interface DhcpSocketOptions {
  /** 67 or 68. */
  readonly port: number;
  /** The interface to serve. */
  readonly interface?: never;
}

/**
 * A stack in the spelling of tcpip.js 0.3.
 *
 * @example
 * ```ts
 * import type { DhcpStack } from 'ringstack/dhcp';
 *
 * const closed: DhcpStack = { openUdp: () => Promise.reject(new Error('there is no network')) };
 * ```
 */
export interface DhcpStack {
  /**
   * Opens a UDP socket.
   *
   * @param options - Port, and interface.
   * @returns The socket.
   * @throws The stack's error.
   */
  openUdp(options: DhcpSocketOptions): Promise<DatagramSocket>;
}

/** A stack in the spelling of tcpip.js 0.4. */
export interface DhcpTransportStack {
  /** Its datagrams. */
  readonly udp: DatagramTransport;
}

/** The network below DHCP: a stack, its `udp`, or any datagram transport. */
export type DhcpTransport = DhcpStack | DhcpTransportStack | DatagramTransport;

/** A datagram to send; `linkAddress` is the MAC of the next hop. */
export type DhcpDatagram = Datagram & { linkAddress?: string };

/** Opens a socket at a port. */
export type Open = (port: number, iface?: DhcpInterface) => Promise<DatagramSocket>;

/** Pings of a stack. */
interface Pinger {
  createPingSession(options: { host: string; timeout: number }): Promise<{
    ping(): Promise<unknown>;
    close(): Promise<void>;
  }>;
}

/** Whether a value is an object with this member. */
function has<Name extends string>(value: unknown, name: Name): value is Record<Name, unknown> {
  return typeof value === 'object' && value !== null && name in value;
}

/**
 * Finds out how a transport opens sockets.
 *
 * @param transport - See DhcpTransport.
 * @returns The function.
 * @throws {NetError} EINVAL if it is none of them.
 */
export function openerOf(transport: DhcpTransport): Open {
  const optionsOf = (port: number, iface: DhcpInterface | undefined): DhcpSocketOptions =>
    iface ? ({ port, interface: iface } as unknown as DhcpSocketOptions) : { port };
  if (has(transport, 'openUdp')) {
    return (port, iface) => (transport as DhcpStack).openUdp(optionsOf(port, iface));
  }
  if (has(transport, 'udp')) {
    return (port, iface) => (transport as DhcpTransportStack).udp.open(optionsOf(port, iface));
  }
  if (has(transport, 'open')) {
    return (port, iface) => (transport as DatagramTransport).open(optionsOf(port, iface));
  }
  throw new NetError('EINVAL', 'Cannot use this transport for DHCP', {
    reason: 'must be a stack or a datagram transport',
  });
}

/**
 * The interfaces of a stack.
 *
 * @param transport - A transport; only a stack has any.
 * @returns The interfaces.
 * @throws Never.
 */
export function interfacesOf(transport: DhcpTransport): DhcpInterface[] {
  const { interfaces } = transport as { interfaces?: Iterable<DhcpInterface> };
  return interfaces && Symbol.iterator in interfaces ? [...interfaces].filter(isInterface) : [];
}

/**
 * Whether a value looks like an interface.
 *
 * @param value - Anything.
 * @returns Whether it has addresses.
 * @throws Never.
 */
export function isInterface(value: unknown): value is DhcpInterface {
  return has(value, 'addresses') && Array.isArray(value.addresses);
}

/**
 * The IPv6 networks of an interface in which hosts make addresses.
 *
 * @param iface - The interface.
 * @returns Its addresses with a prefix of 64 bits, as CIDRs, without link-local ones.
 * @throws Never.
 */
export function networksOf(iface: DhcpInterface): string[] {
  return iface.addresses.filter((cidr) => {
    const { address, prefix } = parseCidr(cidr);
    return address.family === 6 && prefix === 64 && !isLinkLocal(address.bytes);
  });
}

/**
 * Finds the stack of a tap.
 *
 * @param action - First half of the message, before the name of the tap.
 * @param iface - The tap.
 * @param stack - Of the options; without it, the one that made the tap.
 * @returns The stack.
 * @throws {NetError} EINVAL if it is no tap, or has no stack.
 */
export function stackOf<Stack extends object>(
  action: string,
  iface: DhcpInterface,
  stack: Stack | undefined,
): Stack {
  const found = (stack ?? ownerOf(iface)) as Stack | undefined;
  if (isInterface(iface) && typeof iface.mac === 'string' && found) return found;
  throw new NetError('EINVAL', `${action} ${show(iface)}`, { reason: 'must be a tap of a stack' });
}

/**
 * How to find out whether an address is in use: by a ping.
 *
 * @param transport - A stack that can ping.
 * @param timeout - How long a host has to answer, ms.
 * @returns The function; undefined if the transport cannot ping.
 * @throws Never.
 */
export function pingOf(
  transport: DhcpTransport,
  timeout: number,
): ((ip: string) => Promise<boolean>) | undefined {
  if (!has(transport, 'createPingSession')) return undefined;
  const stack = transport as unknown as Pinger;
  return async (host) => {
    const session = await stack.createPingSession({ host, timeout });
    try {
      await session.ping();
      return true;
    } catch {
      return false; // no answer, or nobody there
    } finally {
      await session.close();
    }
  };
}
