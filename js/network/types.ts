// SPDX-License-Identifier: MIT
// types - public types of networks

import type { TapInterface } from '../api/interface.ts';
import type { NetworkStack } from '../api/stack.ts';
import type { DhcpServer, DhcpServerOptions, RouterAdvertiser } from '../dhcp/dhcp.ts';
import type { DnsServer, DnsServerOptions } from '../dns/dns.ts';
import type {
  AutoForward,
  AutoForwardOptions,
  Forward,
  ForwardListen,
  ForwardOptions,
  Gateway,
  GatewayOptions,
  NodeTransport,
} from '../gateway/gateway.ts';
import type {
  LinkEndpoint,
  Switch,
  SwitchOptions,
  SwitchPort,
  SwitchPortOptions,
} from '../link/link.ts';

/** Options of createNetwork(). */
export interface NetworkOptions
  extends Omit<GatewayOptions, 'dns' | 'lan' | 'localDomains' | 'guestName' | 'guestAddress'> {
  /** IPv4 network; its first address is the gateway's. At most a /30. @default '10.0.0.0/24' */
  readonly cidr?: string;
  /** IPv6 network of 64 bits; its address 1 is the gateway's. false: none. @default 'fd00:5253::/64' */
  readonly cidr6?: string | false;
  /** MTU of the guests, 576 to 65520. @default 1500 */
  readonly mtu?: number;
  /** Way out for connections, datagrams and DNS at once: node(). @default `tcp` and `udp` */
  readonly out?: NodeTransport;
  /** Names of guests are below it. @default 'internal' */
  readonly domain?: string;
  /** Options of the name server; without `forward`, other names go to the name servers of `out`. */
  readonly dns?: Omit<DnsServerOptions, 'host' | 'port' | 'tcp'>;
  /** Options of the DHCP server. */
  readonly dhcp?: Partial<DhcpServerOptions>;
  /** Options of the switch. */
  readonly switch?: SwitchOptions;
  /** Thread of the stack. @default 'inline' */
  readonly engine?: 'inline' | 'worker';
}

/** A guest with a lease. */
export interface Guest {
  /** Its name; '' if it has said none. */
  readonly name: string;
  /** Its address. */
  readonly address: string;
  /** Its IPv6 addresses, if it has a name: those that it was found to have by now. */
  readonly ipv6Addresses: readonly string[];
  /** Its MAC. */
  readonly mac: string;
  /** When its lease ends, ms since 1970. */
  readonly expiresAt: number;
}

/** The guest of a forwarded port. */
export interface NetworkTarget {
  /** Address or name. @default the only guest, or the one that came first */
  readonly host?: string;
  /** Port, 1 to 65535. */
  readonly port: number;
}

/** A forwarded port of a network, with a listener, or an address and a port at which `out` listens. */
export interface NetworkForwardOptions extends Omit<ForwardOptions, 'to' | 'listen'> {
  /** A listener, a datagram socket, or where to listen. */
  readonly listen: ForwardOptions['listen'] | Omit<ForwardListen, 'transport'>;
  /** The guest. */
  readonly to: NetworkTarget;
}

/** A forwarded port of a network: as parseForward() takes it, or in parts. */
export type NetworkForward = string | NetworkForwardOptions;

/**
 * A network of guests: a switch that they are plugged into, and a stack on it that gives them addresses, names and a
 * way out.
 *
 * @example
 * ```ts
 * import type { VirtualNetwork } from 'ringstack/network';
 *
 * const names = (net: VirtualNetwork): string[] => [...net.guests()].map(({ name }) => name);
 * void names;
 * ```
 */
export interface VirtualNetwork extends AsyncDisposable {
  /** Its stack, which reaches guests by address and by name. */
  readonly stack: NetworkStack;
  /** The stack's interface. */
  readonly interface: TapInterface;
  /** The switch. */
  readonly switch: Switch;
  /** The gateway. */
  readonly gateway: Gateway;
  /** The DHCP server. */
  readonly dhcp: DhcpServer;
  /** The name server. */
  readonly dns: DnsServer;
  /** The router advertisements. */
  readonly router: RouterAdvertiser | undefined;
  /** Address of the gateway, which is the name server, too. */
  readonly address: string;
  /**
   * Plugs a guest in.
   *
   * @param endpoint - An adapter of `ringstack/v86`, `/qemu`, `/tap` or `/websocket`, or a tap of another stack.
   * @param options - See SwitchPortOptions.
   * @returns The port of the switch.
   * @throws NetError EINVAL, EMSGSIZE for an endpoint of another MTU, EBADF after close().
   */
  plug(endpoint: LinkEndpoint, options?: SwitchPortOptions): SwitchPort;
  /**
   * Lists the guests that have a lease.
   *
   * @returns Them, at this moment.
   * @throws Never.
   */
  guests(): Iterable<Guest>;
  /**
   * Finds a guest.
   *
   * @param name - Its name, with the domain or without; '': the only guest, or the one that came first.
   * @returns Its address; undefined if there is none.
   * @throws Never.
   */
  addressOf(name: string): string | undefined;
  /**
   * Forwards a port to a guest.
   *
   * @param forward - As parseForward() takes it, or a listener and a guest. Text and ports listen by `out`.
   * @returns The forwarded port, open.
   * @throws NetError EINVAL, ENOTSUP without `out`, EADDRINUSE.
   */
  forward(forward: NetworkForward): Promise<Forward>;
  /**
   * Follows what a guest listens at; see forward() of a gateway.
   *
   * @param auto - 'auto'.
   * @param options - Ports and guest. `out` listens on 127.0.0.1, unless `listen` says otherwise.
   * @returns The forwarded ports, none yet.
   * @throws NetError EINVAL, or ENOTSUP in a network of /30.
   */
  forward(auto: 'auto', options?: AutoForwardOptions): Promise<AutoForward>;
  /**
   * Ends all of it. Endpoints stay open.
   *
   * @throws Never.
   */
  close(): Promise<void>;
}
