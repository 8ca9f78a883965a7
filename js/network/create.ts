// SPDX-License-Identifier: MIT
// create - createNetwork(): switch, stack, DHCP, router advertisements, DNS and gateway in one call

import type { TapInterface } from '../api/interface.ts';
import type { NetworkStack } from '../api/stack.ts';
import type { DatagramTransport, StreamTransport } from '../api/transport.ts';
import { createDhcp } from '../dhcp/create.ts';
import type { DhcpServer, RouterAdvertiser } from '../dhcp/dhcp.ts';
import { advertiseRouter } from '../dhcp/router.ts';
import type { DnsTransport, RequestFn } from '../dns/dns.ts';
import { DnsServer } from '../dns/server.ts';
import { NetError } from '../errors.ts';
import { createGateway } from '../gateway/create.ts';
import { parseForward } from '../gateway/forward.ts';
import type {
  AutoForward,
  AutoForwardOptions,
  Forward,
  ForwardOptions,
  Gateway,
  GatewayOptions,
  ProbeLan,
} from '../gateway/gateway.ts';
import type { LinkEndpoint, Switch, SwitchPort, SwitchPortOptions } from '../link/link.ts';
import { createSwitch } from '../link/switch.ts';
import { any, checkOptions, oneOf, type Rules, text, whole } from '../util/check.ts';
import { lowerAscii, normalizeName } from '../util/host_name.ts';
import { Hosts } from '../util/hosts.ts';
import { type Plan, planOf } from './plan.ts';
import type { Guest, NetworkForward, NetworkOptions, VirtualNetwork } from './types.ts';

const CIDR = '10.0.0.0/24';
const CIDR6 = 'fd00:5253::/64';
const DOMAIN = 'internal';
const ACTION = 'Cannot create a network';

const OPTIONS: Rules<NetworkOptions> = {
  cidr: text,
  cidr6: (value) =>
    typeof value === 'string' || value === false ? undefined : 'a string or false',
  mtu: whole(576, 65_520, ' bytes'),
  out: any,
  domain: text,
  dns: any,
  dhcp: any,
  switch: any,
  engine: oneOf('inline', 'worker'),
  tcp: any,
  udp: any,
  icmp: any,
  policy: any,
  onDeny: any,
  filtering: any,
  limits: any,
};

/** The options that are the gateway's own. */
function ownOptions({ out, tcp, udp, ...options }: NetworkOptions): GatewayOptions {
  const { icmp, policy, onDeny, filtering, limits } = options;
  const ways = { tcp: tcp ?? out, udp: udp ?? out };
  const all = { ...ways, icmp, policy, onDeny, filtering, limits };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

/** The parts of a network. */
interface Parts {
  readonly stack: NetworkStack;
  readonly interface: TapInterface;
  readonly switch: Switch;
  readonly dhcp: DhcpServer;
  readonly dns: DnsServer;
  readonly router: RouterAdvertiser | undefined;
}

/** The guests of a DHCP server. */
class Guests {
  readonly #dhcp: DhcpServer;
  readonly #domain: string;

  constructor(dhcp: DhcpServer, domain: string) {
    this.#dhcp = dhcp;
    this.#domain = domain;
  }

  *list(): Generator<Guest, void> {
    const { leases, ipv6Addresses: found } = this.#dhcp;
    for (const [key, { hostname = '', ip: address, mac, expiresAt }] of leases) {
      yield { name: hostname, address, ipv6Addresses: found.get(key) ?? [], mac, expiresAt };
    }
  }

  nameOf(address: string): string | undefined {
    for (const guest of this.list()) {
      const isIts = guest.address === address || guest.ipv6Addresses.includes(address);
      if (isIts) return guest.name || undefined;
    }
    return undefined;
  }

  addressOf(name: string): string | undefined {
    const wanted = lowerAscii(name).replace(new RegExp(`\\.${this.#domain}\\.?$`), '');
    for (const guest of this.list()) {
      if (wanted === '' || lowerAscii(guest.name) === wanted) return guest.address;
    }
    return undefined;
  }
}

class Network implements VirtualNetwork {
  readonly stack: NetworkStack;
  readonly interface: TapInterface;
  readonly switch: Switch;
  readonly gateway: Gateway;
  readonly dhcp: DhcpServer;
  readonly dns: DnsServer;
  readonly router: RouterAdvertiser | undefined;
  readonly address: string;
  readonly #guests: Guests;
  readonly #options: NetworkOptions;
  #closing: Promise<void> | undefined;

  constructor(
    parts: Parts,
    gateway: Gateway,
    guests: Guests,
    address: string,
    options: NetworkOptions,
  ) {
    this.stack = parts.stack;
    this.interface = parts.interface;
    this.switch = parts.switch;
    this.gateway = gateway;
    this.dhcp = parts.dhcp;
    this.dns = parts.dns;
    this.router = parts.router;
    this.address = address;
    this.#guests = guests;
    this.#options = options;
  }

  plug(endpoint: LinkEndpoint, options?: SwitchPortOptions): SwitchPort {
    return this.switch.plug(endpoint, options);
  }

  guests(): Iterable<Guest> {
    return this.#guests.list();
  }

  addressOf(name: string): string | undefined {
    return this.#guests.addressOf(name);
  }

  forward(forward: NetworkForward): Promise<Forward>;
  forward(auto: 'auto', options?: AutoForwardOptions): Promise<AutoForward>;
  async forward(
    forward: NetworkForward | 'auto',
    options: AutoForwardOptions = {},
  ): Promise<Forward | AutoForward> {
    const { out: transport } = this.#options;
    if (forward === 'auto') {
      // This computer alone, as with text.
      const listen = transport && { transport, host: '127.0.0.1' };
      return this.gateway.forward('auto', { ...(listen && { listen }), ...options });
    }
    const plan =
      typeof forward === 'string'
        ? (({ protocol, host, port, to }) => ({ listen: { protocol, host, port }, to }))(
            parseForward(forward),
          )
        : forward;
    const { listen, to, ...rest } = plan;
    const isOwn = Symbol.asyncIterator in listen || 'transport' in listen;
    if (!isOwn && !transport) {
      throw new NetError('ENOTSUP', 'Cannot forward', {
        reason: 'it needs a transport that listens, or the option out',
      });
    }
    return this.gateway.forward({
      ...rest,
      listen: (isOwn ? listen : { ...listen, transport }) as ForwardOptions['listen'],
      to: { host: to.host ?? '', port: to.port },
    });
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.gateway.close();
    await closeParts(this);
  }

  toJSON(): object {
    const { address } = this;
    return { type: 'network', address, guests: [...this.guests()] };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

async function closeParts(parts: Partial<Parts>): Promise<void> {
  await parts.router?.close();
  await parts.dhcp?.close();
  await parts.dns?.close();
  await parts.switch?.close();
  await parts.stack?.close();
}

/** The LAN for probes of the gateway. */
const lanOf = (hub: Switch, address: string): ProbeLan => ({
  address,
  plug: (endpoint) => hub.plug(endpoint, { name: 'probe' }),
});

/** The transport by which other name servers are asked: the way out, not the guests' network. */
function dnsTransport({ out, tcp, udp }: NetworkOptions): DnsTransport {
  const datagrams = out ?? (typeof udp === 'function' ? undefined : udp);
  const streams = out ?? (typeof tcp === 'function' ? undefined : tcp);
  if (!datagrams) return null;
  const open: DatagramTransport = { open: () => datagrams.open() };
  return { udp: open, ...(streams && { tcp: streams as StreamTransport }) };
}

/** The name server: guests by name, what the program says, and the name servers of the way out. */
function openDns(options: NetworkOptions, domain: string, stack: NetworkStack): DnsServer {
  const { dns = {}, out } = options;
  const request: RequestFn = async (question) => {
    const answer = await dns.request?.(question);
    if (answer) return answer;
    const { name } = question;
    const isOurs = name === domain || name.endsWith(`.${domain}`);
    // Nobody else knows our names, and none is told of them.
    return isOurs ? { rcode: 'NXDOMAIN' } : undefined;
  };
  const servers = out?.nameServers() ?? [];
  const forward = dns.forward ?? (servers.length > 0 ? servers : undefined);
  const { hosts, ...rest } = dns;
  if (hosts) for (const [name, list] of new Hosts(hosts).entries()) stack.hosts.set(name, list);
  return new DnsServer(dnsTransport(options), {
    ...rest,
    hosts: stack.hosts as never,
    request,
    ...(forward && { forward }),
  });
}

async function openParts(
  options: NetworkOptions,
  plan: Plan,
  domain: string,
  parts: { -readonly [Name in keyof Parts]?: Parts[Name] },
): Promise<Parts> {
  // As it is an entry, the build leaves the module of the stack where it finds its files.
  const { createStack } = await import('../index.ts');
  const { mtu = 1500, engine = 'inline' } = options;
  const stack = await createStack({ engine });
  parts.stack = stack;
  const ip = plan.cidr6 ? [plan.cidr, plan.cidr6] : [plan.cidr];
  const tap = await stack.createTapInterface({ ip, mtu });
  parts.interface = tap;
  const hub = await createSwitch(options.switch);
  parts.switch = hub;
  hub.plug(tap, { name: 'gateway', stormLimit: 100_000 });
  stack.hosts.set(
    `gateway.${domain}`,
    plan.address6 ? [plan.address, plan.address6] : plan.address,
  );
  const { serve } = await createDhcp(stack);
  parts.dhcp = await serve({
    leaseRange: plan.range,
    interface: tap,
    dnsServers: [plan.address],
    domainName: domain,
    searchDomains: [domain],
    ...options.dhcp,
  });
  parts.router = plan.address6
    ? await advertiseRouter(tap, { dnsServers: [plan.address6], searchDomains: [domain] })
    : undefined;
  parts.dns = openDns(options, domain, stack);
  return parts as Parts;
}

/**
 * Makes a network for guests: they are plugged in, get an address by DHCP and router advertisements, find each other by
 * name, and reach what the policy allows.
 *
 * @param options - Addresses, way out, policy; all have defaults. Without a way out nothing leaves.
 * @returns The network, which serves guests from now on.
 * @throws NetError EINVAL for a bad option.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { createStack } from 'ringstack';
 * import { createNetwork } from 'ringstack/network';
 *
 * const net = await createNetwork({ cidr: '10.0.0.0/24' });
 * // A guest: here another stack, elsewhere a virtual machine.
 * const guest = await createStack();
 * const card = await guest.createTapInterface();
 * net.plug(card);
 * const { requestLease } = await import('ringstack/dhcp');
 * const client = await requestLease(card, { hostname: 'vm' });
 * assert.equal(net.addressOf('vm'), client.lease?.ip);
 * const session = await guest.createPingSession({ host: net.address });
 * assert.equal((await session.ping()).host, '10.0.0.1');
 * await net.close();
 * await guest.close();
 * ```
 */
export async function createNetwork(options: NetworkOptions = {}): Promise<VirtualNetwork> {
  checkOptions(ACTION, options, OPTIONS);
  const { cidr = CIDR, cidr6 = CIDR6, domain: given = DOMAIN } = options;
  const domain = normalizeName(given);
  const plan = planOf(cidr, cidr6);
  const parts: Partial<Parts> = {};
  try {
    const all = await openParts(options, plan, domain, parts);
    const guests = new Guests(all.dhcp, domain);
    const gateway = await createGateway(all.interface, {
      ...ownOptions(options),
      dns: all.dns,
      localDomains: [domain],
      ...(plan.probe !== undefined && { lan: lanOf(all.switch, plan.probe) }),
      guestName: (address) => guests.nameOf(address),
      guestAddress: (name) => guests.addressOf(name),
    });
    return new Network(all, gateway, guests, plan.address, options);
  } catch (error) {
    await closeParts(parts);
    throw error;
  }
}
