// SPDX-License-Identifier: MIT
// settings - options of a DHCP server, checked, with their defaults, and as bytes

import { dhcpOptionCode, dhcpOptions } from '../codec/dhcp_options.ts';
import { NetError } from '../errors.ts';
import {
  formatIp,
  formatMac,
  netmask as maskOf,
  parseCidr,
  parseIpv4,
  parseMac,
} from '../util/address.ts';
import { any, checkOptions, flag, type Rules, show, text, whole } from '../util/check.ts';
import { ipToNumber, numberToIp, type PoolOptions } from './leases.ts';
import type { DhcpOptionsInit, DhcpServerOptions } from './server_types.ts';
import { type DhcpInterface, isInterface } from './transport.ts';

const SERVE = 'Cannot serve DHCP';
const MAX_U32 = 0xffff_ffff;

const isList = (value: unknown): string | undefined =>
  Array.isArray(value) ? undefined : 'a list';
const isObject = (value: unknown): string | undefined =>
  typeof value === 'object' && value !== null ? undefined : 'an object';
const isFunction = (value: unknown): string | undefined =>
  typeof value === 'function' ? undefined : 'a function';

function isIp(value: unknown): string | undefined {
  try {
    parseIpv4(value as string);
    return undefined;
  } catch {
    return 'an IPv4 address';
  }
}

const RULES: Rules<DhcpServerOptions> = {
  leaseRange: isObject,
  leaseDuration: whole(60, MAX_U32, ' s'),
  serverIdentifier: isIp,
  netmask: isIp,
  router: isIp,
  hostname: text,
  domainName: text,
  searchDomains: isList,
  dnsServers: isList,
  interface: (value) => (isInterface(value) ? undefined : 'an interface'),
  reservations: isObject,
  clientId: flag,
  options: isObject,
  mtu: whole(68, 0xffff, ' bytes'),
  ntpServers: isList,
  routes: isList,
  nextServer: isIp,
  bootFile: any,
  captivePortal: text,
  probe: any,
  authoritative: flag,
  maxLeases: whole(1, 1_000_000),
  maxRate: whole(1, 1_000_000, ' a second'),
  store: isObject,
  hosts: any,
  ipv6Names: flag,
  decide: isFunction,
};

/** The network of a server. */
interface Network {
  readonly server: string;
  readonly netmask: string;
  readonly iface: DhcpInterface | undefined;
}

/** Options of a server, checked. */
export interface Settings {
  readonly server: string;
  readonly netmask: string;
  /** First address of the network, and mask, as numbers. */
  readonly network: number;
  readonly mask: number;
  /** The server is in the network; else all clients are behind relays. */
  readonly isHere: boolean;
  /** The interface of the network. */
  readonly iface: DhcpInterface | undefined;
  readonly duration: number;
  /** Options of every answer by number, the important ones first. */
  readonly options: ReadonlyMap<number, Uint8Array>;
  readonly pool: PoolOptions;
}

/** The IPv4 network of an interface that holds an address. */
function networkIn(
  iface: DhcpInterface,
  ip: number | undefined,
): { ip: string; netmask: string } | undefined {
  for (const cidr of iface.addresses) {
    const { address, prefix } = parseCidr(cidr);
    if (address.family !== 4) continue;
    const netmask = maskOf(4, prefix);
    const own = formatIp(address);
    const isIn = ip === undefined || isSameNetwork(ipToNumber(own), ip, ipToNumber(netmask));
    if (isIn) return { ip: own, netmask };
  }
  return undefined;
}

/** Whether two addresses are in one network. */
export const isSameNetwork = (a: number, b: number, mask: number): boolean =>
  ((a ^ b) & mask) === 0;

/** Whether an interface has an address of a network. */
export function isOnNetwork(iface: unknown, { network }: Settings): boolean {
  if (!isInterface(iface)) return true; // A transport that does not say.
  const own = iface.addresses.some((cidr) => !cidr.includes(':'));
  return !own || networkIn(iface, network) !== undefined;
}

function refuse(reason: string, range: DhcpServerOptions['leaseRange']): NetError {
  const { start, end } = range;
  return new NetError('EINVAL', `${SERVE} for the range ${show(start)} to ${show(end)}`, {
    reason,
  });
}

function networkOf(
  options: DhcpServerOptions,
  interfaces: readonly DhcpInterface[],
  start: number,
): Network {
  const { serverIdentifier: server, netmask } = options;
  const candidates = options.interface ? [options.interface] : interfaces;
  const iface = candidates.find((one) => networkIn(one, start));
  const own = iface && networkIn(iface, start);
  if (server !== undefined && netmask !== undefined) return { server, netmask, iface };
  if (own) return { server: server ?? own.ip, netmask: netmask ?? own.netmask, iface };
  const reason = 'no interface has an address of its network: set serverIdentifier and netmask';
  throw refuse(reason, options.leaseRange);
}

function rangeOf({ leaseRange }: DhcpServerOptions): { start: number; end: number } {
  const { start, end } = leaseRange;
  if (isIp(start) || isIp(end)) throw refuse('both must be IPv4 addresses', leaseRange);
  const range = { start: ipToNumber(start), end: ipToNumber(end) };
  if (range.start > range.end) throw refuse('the start must not be behind the end', leaseRange);
  return range;
}

function reservationsOf(
  { reservations = {} }: DhcpServerOptions,
  network: number,
  mask: number,
): Map<string, string> {
  const fixed = new Map<string, string>();
  for (const [mac, ip] of Object.entries(reservations)) {
    if (isIp(ip) || !isSameNetwork(ipToNumber(ip), network, mask)) {
      throw new NetError('EINVAL', `${SERVE} with a reservation of ${show(ip)} for ${show(mac)}`, {
        reason: 'must be an IPv4 address of the network',
      });
    }
    fixed.set(formatMac(parseMac(mac)), ip);
  }
  if (new Set(fixed.values()).size === fixed.size) return fixed;
  const reason = 'two clients have the same address';
  throw new NetError('EINVAL', `${SERVE} with these reservations`, { reason });
}

/** Options of every answer. */
function optionsOf(options: DhcpServerOptions, { server, netmask, iface }: Network) {
  const { router = server, routes, mtu = iface?.mtu } = options;
  const isDefault = ({ destination }: { destination: string }): boolean =>
    destination === 'default' || destination.endsWith('/0');
  const values: DhcpOptionsInit = {
    subnetMask: netmask,
    routers: [router],
    ...(options.dnsServers?.length ? { dnsServers: options.dnsServers } : {}),
    ...(options.domainName ? { domainName: options.domainName } : {}),
    ...(options.searchDomains?.length ? { searchDomains: options.searchDomains } : {}),
    ...(mtu !== undefined && mtu !== (options.mtu === undefined ? 1500 : -1) ? { mtu } : {}),
    ...(options.ntpServers?.length ? { ntpServers: options.ntpServers } : {}),
    ...(options.captivePortal ? { captivePortal: options.captivePortal } : {}),
    ...(routes?.length
      ? {
          // With routes a client ignores the option of routers (RFC 3442).
          routes: routes.some(isDefault)
            ? routes
            : [...routes, { destination: 'default', via: router }],
        }
      : {}),
  };
  const map = dhcpOptions(values);
  for (const [code, bytes] of dhcpOptions(options.options ?? {})) {
    if (RESERVED.has(code)) {
      throw new NetError('EINVAL', `${SERVE} with the DHCP option ${code}`, {
        reason: 'the server sets it itself',
      });
    }
    map.set(code, bytes);
  }
  return map;
}

/** Options that a server writes itself. */
export const RESERVED: ReadonlySet<number> = new Set(
  [
    'leaseTime',
    'serverIdentifier',
    'requestedIP',
    'parameterRequestList',
    'maxMessageSize',
    'clientIdentifier',
    'relayAgent',
  ]
    .map((name) => dhcpOptionCode(name) as number)
    .concat(52, 53),
);

/**
 * Checks the options of a server.
 *
 * @param options - As given.
 * @param interfaces - Interfaces of the stack.
 * @returns The settings.
 * @throws {NetError} EINVAL; the message names the option, its value and its range.
 */
export function settingsOf(
  options: DhcpServerOptions,
  interfaces: readonly DhcpInterface[],
): Settings {
  checkOptions(SERVE, options, RULES, ['leaseRange']);
  const { start, end } = rangeOf(options);
  const found = networkOf(options, interfaces, start);
  const mask = ipToNumber(found.netmask);
  const network = (start & mask) >>> 0;
  const { leaseDuration: duration = 86_400, maxLeases = 16_384, router = found.server } = options;
  const isHere = isSameNetwork(start, ipToNumber(found.server), mask);
  // Clients behind a relay are not in the network of the server, but their router is in theirs.
  if (
    !isSameNetwork(start, end, mask) ||
    !(isHere || isSameNetwork(start, ipToNumber(router), mask))
  ) {
    const reason = `it and the server must be of one network of ${found.netmask}, or, behind a relay, it and the router`;
    throw refuse(reason, options.leaseRange);
  }
  const excluded = [found.server, router];
  const broadcast = (network | ~mask) >>> 0;
  // Networks of one or two addresses have neither (RFC 3021).
  if (broadcast - network > 1) excluded.push(numberToIp(network), numberToIp(broadcast));
  const reservations = reservationsOf(options, network, mask);
  return {
    server: found.server,
    netmask: found.netmask,
    network,
    mask,
    isHere,
    iface: found.iface,
    duration,
    options: optionsOf(options, found),
    pool: { start, end, maxLeases, reservations, excluded: new Set(excluded) },
  };
}
