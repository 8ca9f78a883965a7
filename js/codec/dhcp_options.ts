// SPDX-License-Identifier: MIT
// dhcp_options - options of DHCP by name (RFC 2132 and later), to and from bytes
//
// Bytes of an option come from the network. A value that does not fit its kind (a wrong length, a cut name, text with
// control characters) is left out, as if the option were not there: RFC 2131 has receivers ignore what they cannot use.

import { NetError } from '../errors.ts';
import { formatCidr, parseCidr } from '../util/address.ts';
import { show } from '../util/check.ts';
import { DnsReader, DnsWriter } from './dns_bytes.ts';
import { concat, ipBytes, ipText, putU16, putU32, u16, u32 } from './fields.ts';

/** A route: where it leads, and the router on the way. */
export interface DhcpRoute {
  /** Destination, such as `10.1.0.0/16`. */
  readonly destination: string;
  /** Address of the router. */
  readonly via: string;
}

/** Options that have a name here, by their values. */
export interface DhcpOptionValues {
  /** Netmask (1). */
  readonly subnetMask?: string;
  /** Offset to UTC, seconds (2). */
  readonly timeOffset?: number;
  /** Routers, the first one preferred (3). */
  readonly routers?: readonly string[];
  /** Servers of the time protocol (4). */
  readonly timeServers?: readonly string[];
  /** Name servers (6). */
  readonly dnsServers?: readonly string[];
  /** Log servers (7). */
  readonly logServers?: readonly string[];
  /** Name of the host (12). */
  readonly hostName?: string;
  /** Size of the boot file, units of 512 bytes (13). */
  readonly bootFileSize?: number;
  /** Domain of the host (15). */
  readonly domainName?: string;
  /** Root of a diskless client (17). */
  readonly rootPath?: string;
  /** MTU of the interface, bytes (26). */
  readonly mtu?: number;
  /** Broadcast address (28). */
  readonly broadcastAddress?: string;
  /** NTP servers (42). */
  readonly ntpServers?: readonly string[];
  /** Options of the vendor (43). */
  readonly vendorOptions?: Uint8Array;
  /** NetBIOS name servers (44). */
  readonly netbiosNameServers?: readonly string[];
  /** Type of a NetBIOS node (46). */
  readonly netbiosNodeType?: number;
  /** Address that the client asks for (50). */
  readonly requestedIP?: string;
  /** Lease time, seconds (51). */
  readonly leaseTime?: number;
  /** Server that is meant, or that answers (54). */
  readonly serverIdentifier?: string;
  /** Options that the client asks for (55). */
  readonly parameterRequestList?: Uint8Array;
  /** Text for people (56). */
  readonly message?: string;
  /** Longest message that the client takes, bytes, its IP and UDP headers included (57). */
  readonly maxMessageSize?: number;
  /** Time until the client renews, seconds (58). */
  readonly renewalTime?: number;
  /** Time until the client asks any server, seconds (59). */
  readonly rebindingTime?: number;
  /** Vendor of the client (60). */
  readonly vendorClass?: string;
  /** Identifier of the client: a type and bytes (61). */
  readonly clientIdentifier?: Uint8Array;
  /** TFTP server by name (66). */
  readonly tftpServerName?: string;
  /** Boot file (67). */
  readonly bootFile?: string;
  /** Class of the user (77). */
  readonly userClass?: Uint8Array;
  /** Information of the relay agent (82). */
  readonly relayAgent?: Uint8Array;
  /** Architecture of the client (93, RFC 4578). */
  readonly clientArchitecture?: number;
  /** URI of a captive portal's API (114, RFC 8910). */
  readonly captivePortal?: string;
  /** Search list (119, RFC 3397). */
  readonly searchDomains?: readonly string[];
  /** Routes; with these a client ignores `routers` (121, RFC 3442). */
  readonly routes?: readonly DhcpRoute[];
  /** TFTP servers by address (150). */
  readonly tftpServers?: readonly string[];
}

/** A name of an option. */
export type DhcpOptionName = keyof DhcpOptionValues;

type Kind = 'ip' | 'ips' | 'u8' | 'u16' | 'u32' | 'i32' | 'text' | 'bytes' | 'domains' | 'routes';

const TABLE: Readonly<Record<DhcpOptionName, readonly [code: number, kind: Kind]>> = {
  subnetMask: [1, 'ip'],
  timeOffset: [2, 'i32'],
  routers: [3, 'ips'],
  timeServers: [4, 'ips'],
  dnsServers: [6, 'ips'],
  logServers: [7, 'ips'],
  hostName: [12, 'text'],
  bootFileSize: [13, 'u16'],
  domainName: [15, 'text'],
  rootPath: [17, 'text'],
  mtu: [26, 'u16'],
  broadcastAddress: [28, 'ip'],
  ntpServers: [42, 'ips'],
  vendorOptions: [43, 'bytes'],
  netbiosNameServers: [44, 'ips'],
  netbiosNodeType: [46, 'u8'],
  requestedIP: [50, 'ip'],
  leaseTime: [51, 'u32'],
  serverIdentifier: [54, 'ip'],
  parameterRequestList: [55, 'bytes'],
  message: [56, 'text'],
  maxMessageSize: [57, 'u16'],
  renewalTime: [58, 'u32'],
  rebindingTime: [59, 'u32'],
  vendorClass: [60, 'text'],
  clientIdentifier: [61, 'bytes'],
  tftpServerName: [66, 'text'],
  bootFile: [67, 'text'],
  userClass: [77, 'bytes'],
  relayAgent: [82, 'bytes'],
  clientArchitecture: [93, 'u16'],
  captivePortal: [114, 'text'],
  searchDomains: [119, 'domains'],
  routes: [121, 'routes'],
  tftpServers: [150, 'ips'],
};

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
const CONTROL = /[\x00-\x1f\x7f]/;

/** Bytes of numbers of a fixed size. */
const SIZES = { u8: 1, u16: 2, u32: 4, i32: 4 } as const;
const LIMITS = {
  u8: [0, 0xff],
  u16: [0, 0xffff],
  u32: [0, 0xffff_ffff],
  i32: [-0x8000_0000, 0x7fff_ffff],
} as const;

/**
 * The number of an option.
 *
 * @param name - A name here.
 * @returns Its number, 1 to 254; undefined if it is no name.
 * @throws Never.
 */
export function dhcpOptionCode(name: string): number | undefined {
  return Object.hasOwn(TABLE, name) ? TABLE[name as DhcpOptionName][0] : undefined;
}

function readText(bytes: Uint8Array): string | undefined {
  // Some senders end text with a zero (RFC 2132, section 2, has receivers trim it).
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end--;
  try {
    const text = decoder.decode(bytes.subarray(0, end));
    return text === '' || CONTROL.test(text) ? undefined : text;
  } catch {
    return undefined;
  }
}

function readDomains(bytes: Uint8Array): string[] | undefined {
  try {
    const reader = new DnsReader(bytes);
    const names: string[] = [];
    while (reader.offset < bytes.length) names.push(reader.name());
    return names.length > 0 && names.every((name) => /^[\w.-]+$/.test(name)) ? names : undefined;
  } catch {
    return undefined;
  }
}

function readRoutes(bytes: Uint8Array): DhcpRoute[] | undefined {
  const routes: DhcpRoute[] = [];
  for (let at = 0; at < bytes.length; ) {
    const prefix = bytes[at] as number;
    const size = (prefix + 7) >>> 3;
    const end = at + 1 + size + 4;
    if (prefix > 32 || end > bytes.length) return undefined;
    const network = new Uint8Array(16);
    network.set(bytes.subarray(at + 1, at + 1 + size));
    const destination = formatCidr({ address: { family: 4, bytes: network }, prefix });
    routes.push({ destination, via: ipText(bytes.subarray(end - 4, end)) });
    at = end;
  }
  return routes.length > 0 ? routes : undefined;
}

function readNumber(kind: keyof typeof SIZES, bytes: Uint8Array): number | undefined {
  // Several architectures may be listed; the first one counts.
  if (bytes.length < SIZES[kind] || (kind !== 'u16' && bytes.length > SIZES[kind]))
    return undefined;
  if (kind === 'u8') return bytes[0];
  if (kind === 'u16') return u16(bytes, 0);
  return kind === 'u32' ? u32(bytes, 0) : u32(bytes, 0) | 0;
}

function readValue(kind: Kind, bytes: Uint8Array): unknown {
  switch (kind) {
    case 'ip':
      return bytes.length === 4 ? ipText(bytes) : undefined;
    case 'ips':
      if (bytes.length === 0 || bytes.length % 4 !== 0) return undefined;
      return Array.from({ length: bytes.length / 4 }, (_, i) =>
        ipText(bytes.subarray(4 * i, 4 * i + 4)),
      );
    case 'text':
      return readText(bytes);
    case 'bytes':
      return bytes;
    case 'domains':
      return readDomains(bytes);
    case 'routes':
      return readRoutes(bytes);
    default:
      return readNumber(kind, bytes);
  }
}

/**
 * Reads an option by its name.
 *
 * @param options - Options by number.
 * @param name - The name.
 * @returns Its value; undefined if the option is not there, or is malformed.
 * @throws Never.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { readDhcpOption } from 'ringstack/dhcp';
 *
 * assert.equal(readDhcpOption(new Map([[26, Uint8Array.of(5, 220)]]), 'mtu'), 1500);
 * assert.equal(readDhcpOption(new Map([[26, Uint8Array.of(5)]]), 'mtu'), undefined);
 * ```
 */
export function readDhcpOption<Name extends DhcpOptionName>(
  options: ReadonlyMap<number, Uint8Array>,
  name: Name,
): DhcpOptionValues[Name] | undefined {
  const [code, kind] = TABLE[name];
  const bytes = options.get(code);
  return bytes && (readValue(kind, bytes) as DhcpOptionValues[Name]);
}

function refuse(name: string, value: unknown, needed: string): NetError {
  return new NetError('EINVAL', `Cannot use ${show(value)} as the DHCP option '${name}'`, {
    reason: `must be ${needed}`,
  });
}

function address(name: string, value: unknown): Uint8Array {
  try {
    const bytes = ipBytes(value as string);
    if (bytes.length === 4) return bytes;
  } catch {
    // Refused below.
  }
  throw refuse(name, value, 'an IPv4 address');
}

function writeNumber(kind: keyof typeof SIZES, name: string, value: unknown): Uint8Array {
  const [least, most] = LIMITS[kind];
  if (!Number.isInteger(value) || (value as number) < least || (value as number) > most) {
    throw refuse(name, value, `a whole number from ${least} to ${most}`);
  }
  const bytes = new Uint8Array(SIZES[kind]);
  if (kind === 'u8') bytes[0] = value as number;
  else if (kind === 'u16') putU16(bytes, 0, value as number);
  else putU32(bytes, 0, (value as number) >>> 0);
  return bytes;
}

function writeText(name: string, value: unknown): Uint8Array {
  if (typeof value !== 'string' || value === '' || CONTROL.test(value)) {
    throw refuse(name, value, 'text without control characters');
  }
  return encoder.encode(value);
}

function writeList(name: string, value: unknown, one: (item: unknown) => Uint8Array): Uint8Array {
  if (!Array.isArray(value) || value.length === 0) throw refuse(name, value, 'a list');
  return concat(...value.map(one));
}

function writeRoute(name: string, route: unknown): Uint8Array {
  const { destination, via } = (route ?? {}) as Partial<DhcpRoute>;
  let cidr: ReturnType<typeof parseCidr>;
  try {
    cidr = parseCidr(destination === 'default' ? '0.0.0.0/0' : (destination as string));
  } catch {
    throw refuse(name, destination, 'routes, each a `destination` as CIDR and a router `via`');
  }
  if (cidr.address.family !== 4) throw refuse(name, destination, 'an IPv4 network');
  const { prefix } = cidr;
  const network = cidr.address.bytes.slice(0, (prefix + 7) >>> 3);
  // Bits below the prefix are zero on the wire (RFC 3442).
  if (prefix % 8 !== 0)
    network[network.length - 1] = (network.at(-1) ?? 0) & (0xff00 >> (prefix % 8));
  return concat(Uint8Array.of(prefix), network, address(name, via));
}

function writeDomains(name: string, value: unknown): Uint8Array {
  const writer = new DnsWriter();
  if (!Array.isArray(value) || value.length === 0) throw refuse(name, value, 'a list of names');
  for (const domain of value) {
    if (typeof domain !== 'string' || !/^[\w.-]+$/.test(domain)) {
      throw refuse(name, domain, 'names of letters, digits, - and _');
    }
    writer.name(domain);
  }
  return writer.end();
}

function writeValue(kind: Kind, name: string, value: unknown): Uint8Array {
  switch (kind) {
    case 'ip':
      return address(name, value);
    case 'ips':
      return writeList(name, value, (one) => address(name, one));
    case 'text':
      return writeText(name, value);
    case 'bytes':
      if (value instanceof Uint8Array) return value;
      throw refuse(name, value, 'a Uint8Array');
    case 'domains':
      return writeDomains(name, value);
    case 'routes':
      return writeList(name, value, (one) => writeRoute(name, one));
    default:
      return writeNumber(kind, name, value);
  }
}

/**
 * Writes options.
 *
 * @param values - By name; or by number, 1 to 254, as bytes or text. Undefined ones are left out.
 * @returns Bytes by number.
 * @throws {NetError} EINVAL if a name is unknown or a value does not fit; the message says which.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { dhcpOptions } from 'ringstack/dhcp';
 *
 * const options = dhcpOptions({ dnsServers: ['10.0.0.1'], 224: 'site' });
 * assert.deepEqual([...(options.get(6) ?? [])], [10, 0, 0, 1]);
 * assert.equal(options.get(224)?.length, 4);
 * assert.throws(() => dhcpOptions({ mtu: 70_000 }), { code: 'EINVAL' });
 * ```
 */
export function dhcpOptions(
  values: DhcpOptionValues & Readonly<Record<number, Uint8Array | string>>,
): Map<number, Uint8Array> {
  const options = new Map<number, Uint8Array>();
  for (const [name, value] of Object.entries(values) as [string, unknown][]) {
    if (value === undefined) continue;
    if (Object.hasOwn(TABLE, name)) {
      const [code, kind] = TABLE[name as DhcpOptionName];
      options.set(code, writeValue(kind, name, value));
      continue;
    }
    const code = Number(name);
    if (!/^\d+$/.test(name) || code < 1 || code > 254) {
      const reason = 'must be a name of an option, or a number from 1 to 254';
      throw new NetError('EINVAL', `Cannot use the DHCP option ${show(name)}`, { reason });
    }
    options.set(code, value instanceof Uint8Array ? value : writeText(name, value));
  }
  return options;
}
