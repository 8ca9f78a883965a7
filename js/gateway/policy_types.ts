// SPDX-License-Identifier: MIT
// policy_types - public types of policies

/**
 * A part of the floor: addresses that no guest reaches unless it is overridden. `metadata` are the addresses of cloud
 * providers' instance data, which no other override opens.
 */
export type FloorName =
  | 'private'
  | 'loopback'
  | 'link-local'
  | 'multicast'
  | 'reserved'
  | 'metadata';

/** A rule for some guests or one protocol alone. */
export interface PolicyRule {
  /** Destination, as in a PolicyEntry. */
  readonly to: string;
  /** Only for this guest: an address, a CIDR or a name. @default all */
  readonly guest?: string;
  /** Only for this protocol. @default both */
  readonly protocol?: 'tcp' | 'udp';
}

/**
 * A destination: an address (`192.0.2.7`), a CIDR (`2001:db8::/32`), a name (`db.example`), all names below one
 * (`*.example`), or all (`*`). Each may end in a port or a range of ports: `*:443`, `192.0.2.0/24:8000-8099`,
 * `[2001:db8::1]:53`.
 */
export type PolicyEntry = string | PolicyRule;

/**
 * Destinations that guests may use. The floor is asked first, then `deny`, then `allow`, then `default`.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { createPolicy } from 'ringstack/gateway';
 *
 * const policy = createPolicy({ allow: ['*.debian.org:80-443', '192.168.7.0/24'], override: ['private'] });
 * const guest = { address: '10.0.0.5', port: 4000 };
 * const decide = (address: string, port: number, names: string[] = []) =>
 *   policy.decide({ protocol: 'tcp', source: guest, address, port, names });
 * assert.equal(decide('151.101.2.132', 443, ['deb.debian.org']).isAllowed, true);
 * assert.deepEqual(decide('151.101.2.132', 25, ['deb.debian.org']), { isAllowed: false, rule: 'default' });
 * assert.equal(decide('192.168.7.9', 22).isAllowed, true);
 * assert.deepEqual(decide('127.0.0.1', 22), { isAllowed: false, rule: 'floor: loopback' });
 * ```
 */
export interface Policy {
  /** For destinations that no entry is about. @default 'deny' with an `allow`, 'allow' without */
  readonly default?: 'deny' | 'allow';
  /** Destinations that are allowed. */
  readonly allow?: readonly PolicyEntry[];
  /** Destinations that are not; asked before `allow`. */
  readonly deny?: readonly PolicyEntry[];
  /** Parts of the floor that are open; a CIDR opens its addresses alone. */
  readonly override?: readonly (FloorName | (string & {}))[];
}

/** A guest, as a policy knows it. */
export interface PolicySource {
  /** Numeric address. */
  readonly address: string;
  /** Its name. */
  readonly name?: string | undefined;
}

/** A flow to be decided. */
export interface PolicyQuestion {
  /** Protocol. */
  readonly protocol: 'tcp' | 'udp' | 'icmp';
  /** The guest. */
  readonly source: PolicySource;
  /** Numeric address of the destination. */
  readonly address: string;
  /** Its port; 0 for ICMP. */
  readonly port: number;
  /** Names by which the guest knows the address, in lower case. */
  readonly names?: readonly string[];
}

/** The decision about a flow. */
export interface PolicyDecision {
  /** Whether it may go. */
  readonly isAllowed: boolean;
  /** The rule that decided. */
  readonly rule: string;
}
