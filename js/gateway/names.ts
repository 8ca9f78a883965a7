// SPDX-License-Identifier: MIT
// names - the names that guests looked up, by address
//
// Each guest has a table of its own: one that got an address for a name says nothing about what another one means by
// that address. An entry counts as long as the answer did, at least a minute, since programs connect later than they
// look up. Both numbers are bounded; the oldest goes.

import { parseDnsMessage } from '../codec/dns.ts';
import type { DnsMessage } from '../codec/dns_types.ts';
import { formatIp, parseIp } from '../util/address.ts';
import { lowerAscii } from '../util/host_name.ts';

const GUESTS = 4096;
const ADDRESSES = 1024;
const NAMES = 16;
const LEAST_MS = 60_000;
const MOST_MS = 86_400_000;

/** Names of one address: when each ends, the newest last. */
type Names = Map<string, number>;

/** Takes an entry out and puts it in at the end; the oldest goes if there are too many. */
function renew<K, V>(map: Map<K, V>, key: K, value: V, most: number): void {
  map.delete(key);
  map.set(key, value);
  if (map.size > most) map.delete(map.keys().next().value as K);
}

/** Names by guest and address. */
export class NameTable {
  readonly #guests = new Map<string, Map<string, Names>>();

  /** Guests that have looked something up. */
  get size(): number {
    return this.#guests.size;
  }

  /** Notes a response that a guest gets; what is no response is nothing. */
  observe(guest: string, response: Uint8Array | DnsMessage, now: number): void {
    let message: DnsMessage;
    try {
      message = response instanceof Uint8Array ? parseDnsMessage(response) : response;
    } catch {
      return;
    }
    const [question] = message.questions;
    if (!question || message.rcode !== 'NOERROR') return;
    const name = lowerAscii(question.name);
    for (const record of message.answers) {
      if (record.type !== 'A' && record.type !== 'AAAA') continue;
      const ms = Math.min(MOST_MS, Math.max(LEAST_MS, (record.ttl ?? 0) * 1000));
      this.#note(guest, formatIp(parseIp(record.ip)), name, now + ms);
    }
  }

  #note(guest: string, address: string, name: string, until: number): void {
    const addresses = this.#guests.get(guest) ?? new Map<string, Names>();
    const names: Names = addresses.get(address) ?? new Map<string, number>();
    renew(names, name, until, NAMES);
    renew(addresses, address, names, ADDRESSES);
    renew(this.#guests, guest, addresses, GUESTS);
  }

  /** Names by which a guest knows an address, the newest first. */
  namesOf(guest: string, address: string, now: number): string[] {
    const names = this.#guests.get(guest)?.get(address);
    if (!names) return [];
    for (const [name, until] of names) if (until <= now) names.delete(name);
    return [...names.keys()].reverse();
  }
}
