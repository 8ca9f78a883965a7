// SPDX-License-Identifier: MIT
// records - records of ringstack/dns as Node's dns gives them

import type { DnsRecord } from 'ringstack/dns';

/** A record in Node's shape. */
type NodeRecord = unknown;

const text = (one: Uint8Array | string): string =>
  typeof one === 'string' ? one : new TextDecoder().decode(one);

type Shapes = {
  [T in DnsRecord['type']]?: (record: Extract<DnsRecord, { type: T }>) => NodeRecord;
};

const SHAPES: Shapes = {
  A: ({ ip }) => ip,
  AAAA: ({ ip }) => ip,
  CNAME: ({ cname }) => cname,
  NS: ({ ns }) => ns,
  PTR: ({ ptr }) => ptr,
  TXT: ({ value, strings }) => (strings ?? [value]).map(text),
  MX: ({ exchange, preference }) => ({ exchange, priority: preference }),
  SRV: ({ target, port, priority, weight }) => ({ name: target, port, priority, weight }),
  SOA: ({ mname, rname, serial, refresh, retry, expire, minimum }) => ({
    nsname: mname,
    hostmaster: rname,
    serial,
    refresh,
    retry,
    expire,
    minttl: minimum,
  }),
  NAPTR: ({ flags, service, regexp, replacement, order, preference }) => ({
    flags,
    service,
    regexp,
    replacement,
    order,
    preference,
  }),
  CAA: ({ flags, tag, value }) => ({ critical: flags, [tag]: value }),
};

/** Fields of ANY for records that are no objects. */
const FIELDS: Readonly<Record<string, string>> = {
  A: 'address',
  AAAA: 'address',
  CNAME: 'value',
  NS: 'value',
  PTR: 'value',
  TXT: 'entries',
};

/** A record as the function of its type gives it; undefined: Node does not know the type. */
export function shapeOf(record: DnsRecord): NodeRecord | undefined {
  const shape = SHAPES[record.type as keyof Shapes] as
    | ((record: DnsRecord) => NodeRecord)
    | undefined;
  return shape?.(record);
}

/** A record as resolveAny() gives it. */
export function anyShapeOf(record: DnsRecord): NodeRecord | undefined {
  const shape = shapeOf(record);
  if (shape === undefined) return undefined;
  const field = FIELDS[record.type];
  const isAddress = record.type === 'A' || record.type === 'AAAA';
  const fields = field ? { [field]: shape } : (shape as object);
  return { ...fields, ...(isAddress && { ttl: record.ttl }), type: record.type };
}
