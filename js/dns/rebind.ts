// SPDX-License-Identifier: MIT
// rebind - takes addresses that are not public out of answers for public names
//
// A page of evil.example whose name comes to mean 192.168.1.1 reads the router's pages: DNS rebinding. Names
// that are private by their end, and those that the user lists, may have private addresses.

import type { DnsMessage, DnsRecord, SvcParams } from '../codec/dns_types.ts';
import { parseIp } from '../util/address.ts';
import { addressScope } from '../util/address_scope.ts';
import { lowerAscii } from '../util/host_name.ts';

/** Names that are nobody's in public (RFC 6761, RFC 6762, RFC 8375, ICANN's resolution on .internal). */
const PRIVATE = ['internal', 'home.arpa', 'local', 'localhost', 'test'];

const isPublic = (ip: string): boolean => addressScope(parseIp(ip)) === 'public';

/** Whether a name is one of some, or below one. */
function isBelow(name: string, ends: readonly string[]): boolean {
  return ends.some((end) => name === end || name.endsWith(`.${end}`));
}

function withoutHints(params: SvcParams): SvcParams {
  const { ipv4hint, ipv6hint, ...rest } = params;
  const [four, six] = [ipv4hint?.filter(isPublic), ipv6hint?.filter(isPublic)];
  return {
    ...rest,
    ...(four?.length && { ipv4hint: four }),
    ...(six?.length && { ipv6hint: six }),
  };
}

function filter(records: readonly DnsRecord[]): readonly DnsRecord[] {
  return records.flatMap((record): DnsRecord[] => {
    if (record.type === 'A' || record.type === 'AAAA') return isPublic(record.ip) ? [record] : [];
    if (record.type !== 'HTTPS' && record.type !== 'SVCB') return [record];
    const { ipv4hint, ipv6hint } = record.params;
    if (ipv4hint === undefined && ipv6hint === undefined) return [record];
    return [{ ...record, params: withoutHints(record.params) }];
  });
}

/**
 * Filters an answer.
 *
 * @param message - A response.
 * @param allowed - Names, in lower case, at and below which any address is allowed.
 * @returns The response without addresses that are not public, unless its name may have these.
 * @throws Never.
 */
export function denyRebinding(message: DnsMessage, allowed: readonly string[]): DnsMessage {
  const name = lowerAscii(message.questions[0]?.name ?? '');
  if (!name.includes('.') || isBelow(name, PRIVATE) || isBelow(name, allowed)) return message;
  return {
    ...message,
    answers: filter(message.answers),
    additionals: filter(message.additionals),
  };
}
