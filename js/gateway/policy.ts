// SPDX-License-Identifier: MIT
// policy - which destinations guests may use
//
// Theory of operation
//
// floor -> deny -> allow -> default; the first that is about a destination decides. The floor is every address that
// is not public, whatever way it is written: mapped into IPv6, NAT64, 6to4. All entries are read when the policy is
// made, and a malformed one is an error: an entry of `deny` that were left out would open what it was to close.
//
// A rule by name matches the names that a guest got an address for from our own DNS answers (js/gateway/names.ts), not
// what reverse DNS, a certificate or a Host header says. So with these rules in place, other name servers must not be
// used: their ports are refused unless an entry names them by address.

import { NetError } from '../errors.ts';
import { type Cidr, type IpAddress, parseCidr, parseIp } from '../util/address.ts';
import { type AddressScope, addressScope } from '../util/address_scope.ts';
import { any, checkOptions, oneOf, type Rules, show } from '../util/check.ts';
import { isHostName } from '../util/host.ts';
import { lowerAscii, normalizeName } from '../util/host_name.ts';
import { isIn } from '../util/subnet.ts';
import type {
  FloorName,
  Policy,
  PolicyDecision,
  PolicyEntry,
  PolicyQuestion,
  PolicyRule,
} from './policy_types.ts';

const ACTION = 'Cannot use the policy';
const FLOOR: readonly FloorName[] = [
  'private',
  'loopback',
  'link-local',
  'multicast',
  'reserved',
  'metadata',
];
/** Instance data of AWS, Azure, Google, Oracle, OpenStack; of ECS tasks; of Alibaba; of AWS over IPv6. */
const METADATA = [
  '169.254.169.254/32',
  '169.254.170.2/32',
  '100.100.100.200/32',
  'fd00:ec2::254/128',
].map(parseCidr);
/** Ranges of IPv6 whose last four bytes are an IPv4 address: mapped, NAT64. */
const CARRIERS = ['::ffff:0:0/96', '64:ff9b::/96'].map(parseCidr);
/** Ports at which names are looked up: DNS, its TLS, mDNS, LLMNR, NetBIOS. */
const NAME_PORTS = [53, 853, 5353, 5355, 137];

const POLICY: Rules<Policy> = {
  default: oneOf('deny', 'allow'),
  allow: any,
  deny: any,
  override: any,
};
const RULE: Rules<PolicyRule> = { to: any, guest: any, protocol: oneOf('tcp', 'udp') };

/** A destination as it is compared. */
interface Target {
  readonly net?: Cidr;
  /** A name; with isBelow, all names below it. Undefined, and no net: everything. */
  readonly name?: string;
  readonly isBelow: boolean;
  readonly first: number;
  readonly last: number;
}

interface Entry {
  readonly text: string;
  readonly to: Target;
  readonly guest: Target | undefined;
  readonly protocol: 'tcp' | 'udp' | undefined;
}

const refuse = (entry: unknown, reason: string): NetError =>
  new NetError('EINVAL', `${ACTION} with ${show(entry)}`, { reason });

const FORMS = 'must be an address, a CIDR, a name, *.name or *, and may end in :port or :port-port';

function readPort(text: string, entry: unknown): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port < 1 || port > 65_535) throw refuse(entry, `${FORMS}, from 1 to 65535`);
  return port;
}

/** Cuts the ports off an entry. */
function splitPorts(text: string): { host: string; ports: string | undefined } {
  const bracket = /^\[([^\]]*)\](\/\d+)?(?::(.*))?$/.exec(text);
  if (bracket) return { host: `${bracket[1]}${bracket[2] ?? ''}`, ports: bracket[3] };
  const colons = text.split(':').length - 1;
  // More than one colon without brackets is IPv6.
  if (colons !== 1) return { host: text, ports: undefined };
  const [host = '', ports] = text.split(':');
  return { host, ports };
}

/** A network of which nothing but the prefix counts. */
function readNet(text: string): Cidr | undefined {
  try {
    if (text.includes('/')) return parseCidr(text);
    const address = parseIp(text);
    return { address, prefix: address.family === 4 ? 32 : 128 };
  } catch {
    return undefined;
  }
}

function readTarget(text: unknown, entry: unknown): Target {
  if (typeof text !== 'string' || text === '') throw refuse(entry, FORMS);
  const { host, ports } = splitPorts(text);
  const [from, to, more] = ports === undefined ? ['1', '65535'] : ports.split('-');
  if (more !== undefined) throw refuse(entry, FORMS);
  const isAll = ports === undefined;
  const first = isAll ? 0 : readPort(from as string, entry);
  const last = to === undefined ? first : readPort(to, entry);
  if (last < first) throw refuse(entry, 'must have ports in order');
  if (host === '*') return { isBelow: true, first, last };
  const net = readNet(host);
  if (net) return { net, isBelow: false, first, last };
  // Numbers, dots, colons and slashes alone are an address that is none.
  if (!/[a-z]/i.test(host.replace(/^\*\./, '')) || host.includes('/') || host.includes(':')) {
    throw refuse(entry, FORMS);
  }
  const isBelow = host.startsWith('*.');
  try {
    const name = normalizeName(isBelow ? host.slice(2) : host);
    if (name.includes('*')) throw refuse(entry, FORMS);
    return { name, isBelow, first, last };
  } catch (cause) {
    throw refuse(entry, (cause as Error).message);
  }
}

function readEntries(list: unknown, name: string): Entry[] {
  if (list === undefined) return [];
  if (!Array.isArray(list)) {
    throw new NetError('EINVAL', `${ACTION} with ${name} ${show(list)}`, {
      reason: 'must be a list',
    });
  }
  return (list as PolicyEntry[]).map((entry): Entry => {
    if (typeof entry === 'string') {
      return { text: entry, to: readTarget(entry, entry), guest: undefined, protocol: undefined };
    }
    checkOptions(ACTION, entry, RULE, ['to']);
    const guest = entry.guest === undefined ? undefined : readTarget(entry.guest, entry.guest);
    if (guest && guest.first !== 0) throw refuse(entry.guest, 'a guest has no port');
    return { text: entry.to, to: readTarget(entry.to, entry.to), guest, protocol: entry.protocol };
  });
}

const fitsName = ({ name, isBelow }: Target, found: string): boolean =>
  name !== undefined && (isBelow ? found.endsWith(`.${name}`) : found === name);

/** Whether a target is about an address or one of its names. */
function fits(target: Target, address: IpAddress, names: readonly string[]): boolean {
  if (target.net) return isIn(address, target.net);
  if (target.name === undefined) return true;
  return names.some((name) => fitsName(target, name));
}

/** An IPv4 address that is written as IPv6, as itself: rules for it hold however it is written. */
function plain(address: IpAddress): IpAddress {
  if (!CARRIERS.some((net) => isIn(address, net))) return address;
  const four = new Uint8Array(16);
  four.set(address.bytes.subarray(12));
  return { family: 4, bytes: four };
}

/**
 * A policy, read.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { createPolicy, type PolicyTable } from 'ringstack/gateway';
 *
 * const policy: PolicyTable = createPolicy({ deny: ['*.ads.example'] });
 * assert.equal(policy.hasNames, true);
 * assert.equal(policy.decideName('x.ads.example', { address: '10.0.0.2' }).isAllowed, false);
 * ```
 */
export class PolicyTable {
  readonly #default: boolean;
  readonly #allow: readonly Entry[];
  readonly #deny: readonly Entry[];
  readonly #open = new Set<string>();
  readonly #openNets: Cidr[] = [];
  /** Whether a rule is about names. */
  readonly hasNames: boolean;

  /**
   * Reads a policy.
   *
   * @param policy - The policy.
   * @throws NetError EINVAL for a malformed one.
   */
  constructor(policy: Policy) {
    checkOptions(ACTION, policy, POLICY);
    this.#allow = readEntries(policy.allow, 'allow');
    this.#deny = readEntries(policy.deny, 'deny');
    this.#default = (policy.default ?? (policy.allow ? 'deny' : 'allow')) === 'allow';
    const override: unknown = policy.override ?? [];
    if (!Array.isArray(override)) {
      const reason = 'must be a list';
      throw new NetError('EINVAL', `${ACTION} with override ${show(override)}`, { reason });
    }
    for (const one of override as string[]) {
      const net = typeof one === 'string' ? readNet(one) : undefined;
      if (net) this.#openNets.push(net);
      else if ((FLOOR as readonly unknown[]).includes(one)) this.#open.add(one);
      else throw refuse(one, `must be one of ${FLOOR.join(', ')}, or a CIDR`);
    }
    this.hasNames = [...this.#allow, ...this.#deny].some(({ to }) => to.name !== undefined);
  }

  /** The part of the floor that an address is in and that is not open. */
  #floor(address: IpAddress, inside: IpAddress): FloorName | undefined {
    if (METADATA.some((net) => isIn(inside, net))) {
      return this.#open.has('metadata') ? undefined : 'metadata';
    }
    const scope: AddressScope = addressScope(address);
    if (scope === 'public' || this.#open.has(scope)) return undefined;
    return this.#openNets.some((net) => isIn(inside, net)) ? undefined : scope;
  }

  /**
   * Decides about a flow.
   *
   * @param question - The flow.
   * @returns The decision.
   * @throws NetError EINVAL if an address is none.
   */
  decide(question: PolicyQuestion): PolicyDecision {
    const { port, names = [], protocol } = question;
    const address = parseIp(question.address);
    const inside = plain(address);
    const floor = this.#floor(address, inside);
    if (floor) return { isAllowed: false, rule: `floor: ${floor}` };
    const find = (entries: readonly Entry[], byAddress = false): Entry | undefined =>
      entries.find(({ to, guest, protocol: only }) => {
        if (only !== undefined && only !== protocol) return false;
        if (byAddress && !to.net) return false;
        const isPort = protocol === 'icmp' ? to.first === 0 : port >= to.first && port <= to.last;
        if (!isPort || !(fits(to, inside, names) || fits(to, address, names))) return false;
        return !guest || this.#isGuest(guest, question.source);
      });
    const denied = find(this.#deny);
    if (denied) return { isAllowed: false, rule: `deny: ${denied.text}` };
    const isLookup = this.hasNames && protocol !== 'icmp' && NAME_PORTS.includes(port);
    const allowed = find(this.#allow, isLookup);
    if (allowed) return { isAllowed: true, rule: `allow: ${allowed.text}` };
    if (isLookup) return { isAllowed: false, rule: 'another name server' };
    return { isAllowed: this.#default, rule: 'default' };
  }

  #isGuest(guest: Target, source: PolicyQuestion['source']): boolean {
    const names = source.name === undefined ? [] : [source.name.toLowerCase()];
    return fits(guest, parseIp(source.address), names);
  }

  /** The decision of rules by name: about one port of TCP, or about the look-up, which serves any flow. */
  #decideByName(name: string, source: PolicyQuestion['source'], port?: number): PolicyDecision {
    const find = (entries: readonly Entry[]): Entry | undefined =>
      entries.find(({ to, guest, protocol }) => {
        if (to.net !== undefined || (to.name !== undefined && !fitsName(to, name))) return false;
        if (port !== undefined && (protocol === 'udp' || port < to.first || port > to.last)) {
          return false;
        }
        return !guest || this.#isGuest(guest, source);
      });
    // An entry of deny for some ports or one protocol leaves the name to the others.
    const isWhole = ({ to, protocol }: Entry) => to.first === 0 && protocol === undefined;
    const denied = find(port === undefined ? this.#deny.filter(isWhole) : this.#deny);
    if (denied) return { isAllowed: false, rule: `deny: ${denied.text}` };
    const allowed = find(this.#allow);
    if (allowed) return { isAllowed: true, rule: `allow: ${allowed.text}` };
    return { isAllowed: this.#default, rule: 'default' };
  }

  /**
   * Decides whether a guest may look a name up: else the query itself could carry data out.
   *
   * @param name - The name, in lower case.
   * @param source - The guest.
   * @returns The decision.
   * @throws NetError EINVAL if its address is none.
   */
  decideName(name: string, source: PolicyQuestion['source']): PolicyDecision {
    const decision = this.#decideByName(name, source);
    // Without a rule by name, addresses decide.
    const isOpen = decision.rule === 'default' && !this.hasNames;
    return isOpen ? { ...decision, isAllowed: true } : decision;
  }

  /**
   * Decides about a host whose address is not known here: a redirect that a page has followed.
   *
   * @param host - Its address or name.
   * @param port - Its port.
   * @param source - The guest.
   * @returns The decision.
   * @throws NetError EINVAL if the address of the guest is none.
   */
  decideHost(host: string, port: number, source: PolicyQuestion['source']): PolicyDecision {
    if (!isHostName(host)) return this.decide({ protocol: 'tcp', source, address: host, port });
    return this.#decideByName(lowerAscii(host), source, port);
  }
}

/**
 * Reads a policy, as a gateway does, to ask it.
 *
 * @param policy - The policy.
 * @returns It, read.
 * @throws NetError EINVAL for a malformed entry or an unknown option.
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { createPolicy } from 'ringstack/gateway';
 *
 * const source = { address: '10.0.0.2' };
 * const policy = createPolicy({ deny: ['9.9.9.0/24:25'] });
 * const question = { protocol: 'tcp', source, address: '9.9.9.9' } as const;
 * assert.equal(policy.decide({ ...question, port: 25 }).rule, 'deny: 9.9.9.0/24:25');
 * assert.equal(policy.decide({ ...question, port: 443 }).isAllowed, true);
 * assert.throws(() => createPolicy({ deny: ['9.9.9'] }), { code: 'EINVAL' });
 * ```
 */
export function createPolicy(policy: Policy): PolicyTable {
  return new PolicyTable(policy);
}
