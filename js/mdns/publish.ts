// SPDX-License-Identifier: MIT
// publish - the records of our host and of our services (RFC 6763)

import { ipToPtrName } from '../codec/dns_ptr.ts';
import type { DnsRecord } from '../codec/dns_types.ts';
import { NetError } from '../errors.ts';
import { formatIp } from '../util/address.ts';
import { checkOptions, type Rules, text, whole } from '../util/check.ts';
import type { MdnsLink } from './link.ts';
import {
  ALL_TYPES,
  instanceName,
  LOCAL,
  nextName,
  readInstance,
  readLocal,
  readSubtype,
  readType,
  writeTxt,
} from './names.ts';
import { HOST_TTL, OTHER_TTL, type OwnRecord } from './records.ts';
import type { NamePlan, Registration } from './registration.ts';
import type { PublishedService, PublishOptions, TxtValues } from './types.ts';

export const PUBLISH = 'Cannot publish a service';

const RULES: Rules<PublishOptions> = {
  name: text,
  type: text,
  port: whole(0, 65_535),
  txt: (value) => (typeof value === 'object' && value !== null ? undefined : 'an object'),
  subtypes: (value) => (Array.isArray(value) ? undefined : 'a list'),
  host: text,
  signal: (value) => (value instanceof AbortSignal ? undefined : 'an AbortSignal'),
};

/** Fields of a record without class. */
type Fields = Omit<DnsRecord, 'class'>;

const own = (fields: object, isUnique: boolean): OwnRecord => ({
  record: { class: 'IN', ...(fields as Fields) } as DnsRecord,
  isUnique,
});

/** Records are made once: their identity is computed once too. */
function remember(
  make: (link: MdnsLink) => OwnRecord[],
): (link: MdnsLink, key: string) => OwnRecord[] {
  const made = new Map<MdnsLink, { key: string; records: OwnRecord[] }>();
  return (link, key) => {
    const known = made.get(link);
    if (known?.key === key) return known.records;
    const records = make(link);
    made.set(link, { key, records });
    return records;
  };
}

/** The plan of our host: its addresses on each link, and the names of these. */
export function hostPlan(hostname: string, renamed: () => void): NamePlan {
  let label = hostname;
  const records = remember((link) =>
    link.cidrs.flatMap(({ address }) => {
      const ip = formatIp(address);
      const type = address.family === 4 ? 'A' : 'AAAA';
      return [
        own({ name: plan.name, ttl: HOST_TTL, type, ip }, true),
        own({ name: ipToPtrName(ip), ttl: HOST_TTL, type: 'PTR', ptr: plan.name }, true),
      ];
    }),
  );
  const plan: NamePlan = {
    name: `${label}.${LOCAL}`,
    records: (link) => records(link, `${plan.name} ${link.known}`),
    rename: () => {
      label = nextName(label, 'host');
      plan.name = `${label}.${LOCAL}`;
      renamed();
    },
  };
  return plan;
}

/** A service of ours: its plan, and what the program has of it. */
export class OwnService implements PublishedService {
  readonly type: string;
  readonly port: number;
  readonly plan: NamePlan;
  readonly #subtypes: readonly string[];
  readonly #host: () => string;
  #name: string;
  #txt: Uint8Array[];
  #version = 0;
  #registration: Registration | undefined;

  constructor(options: PublishOptions, ourHost: () => string) {
    checkOptions(PUBLISH, options, RULES, ['name', 'type', 'port']);
    this.#name = readInstance(options.name);
    this.type = readType(options.type);
    this.port = options.port;
    this.#txt = writeTxt(options.txt ?? {});
    this.#subtypes = (options.subtypes ?? []).map(readSubtype);
    const host = options.host === undefined ? undefined : readLocal(options.host);
    this.#host = () => host ?? ourHost();
    const records = remember(() => this.#records());
    this.plan = {
      name: instanceName(this.#name, this.type),
      records: (link) => records(link, `${this.plan.name} ${this.#version} ${this.#host()}`),
      rename: () => {
        this.#name = nextName(this.#name, 'instance');
        this.plan.name = instanceName(this.#name, this.type);
      },
    };
  }

  get name(): string {
    return this.#name;
  }

  get host(): string {
    return this.#host();
  }

  get closed(): Promise<void> {
    return (this.#registration as Registration).closed;
  }

  /** It is one of a responder's now. */
  started(registration: Registration): void {
    this.#registration = registration;
  }

  #records(): OwnRecord[] {
    const { name } = this.plan;
    const place = { priority: 0, weight: 0, port: this.port, target: this.#host() };
    const type = `${this.type}.${LOCAL}`;
    const lists = [type, ...this.#subtypes.map((subtype) => `${subtype}._sub.${type}`)];
    const shared = { ttl: OTHER_TTL, type: 'PTR' };
    return [
      own({ name, ttl: HOST_TTL, type: 'SRV', ...place }, true),
      own({ name, ttl: OTHER_TTL, type: 'TXT', value: '', strings: this.#txt }, true),
      ...lists.map((list) => own({ name: list, ...shared, ptr: name }, false)),
      own({ name: ALL_TYPES, ...shared, ptr: type }, false),
    ];
  }

  update(txt: TxtValues): void {
    const strings = writeTxt(txt);
    if (!this.#registration?.isOpen) {
      throw new NetError('ESHUTDOWN', PUBLISH, { reason: 'it was closed' });
    }
    this.#txt = strings;
    this.#version++;
    this.#registration.changed();
  }

  async close(): Promise<void> {
    this.#registration?.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
