// SPDX-License-Identifier: MIT
// dns_messages - random messages of DNS, of a seed

import {
  DNS_TYPES,
  type DnsMessage,
  type DnsQuestion,
  type DnsRecord,
  type DnsType,
} from 'ringstack/dns';
import type { Prng } from './prng.ts';

const LABELS = [
  'a',
  'www',
  'DB',
  'internal',
  'example',
  'com',
  '_tcp',
  'xn--bcher-kva',
  'x'.repeat(63),
];
/** Labels that are written with escapes, or are not ASCII. */
const ODD = ['a\\.b', 'c\\\\d', 'bücher', 'two words', '\\000\\255', '印刷', '*'];
const OPAQUE = ['NULL', 'LOC', 'CERT', 'OPENPGPKEY', 'TYPE65280', 'TYPE7'] as const;

/** Makes messages. Fields with two spellings have the one that parsing returns. */
export class RandomMessages {
  readonly #prng: Prng;

  constructor(prng: Prng) {
    this.#prng = prng;
  }

  name(): string {
    const labels = Array.from({ length: this.#prng.int(5) }, () =>
      this.#prng.pick(this.#prng.chance(0.1) ? ODD : LABELS),
    );
    return labels.filter((label, i) => label.length < 63 || i < 1).join('.');
  }

  #u16 = (): number => this.#prng.int(0x10000);
  #u8 = (): number => this.#prng.int(0x100);
  #bytes = (): Uint8Array => this.#prng.bytes(this.#prng.int(40));
  #text = (): string => this.#prng.pick(['', 'hello', 'grüße', 'x'.repeat(255)]);
  #ip4 = (): string => this.#prng.bytes(4).join('.');
  #types = (): DnsType[] => {
    const all = Object.entries(DNS_TYPES).sort(([, a], [, b]) => a - b);
    return all.filter(() => this.#prng.chance(0.2)).map(([type]) => type as DnsType);
  };

  #data(): Record<string, unknown> {
    const name = (): string => this.name();
    const [u16, u8, bytes, text] = [this.#u16, this.#u8, this.#bytes, this.#text];
    const strings = (this.#prng.chance(0.5) ? ['hello', ''] : ['x'.repeat(255), 'y']).map((one) =>
      new TextEncoder().encode(one),
    );
    const value = new TextDecoder().decode(Uint8Array.from(strings.flatMap((one) => [...one])));
    const params = { alpn: ['h2', 'h3'], port: u16(), ipv4hint: [this.#ip4()], key9: bytes() };
    const key = { flags: u16(), protocol: 3, algorithm: u8(), publicKey: bytes() };
    const hash = { algorithm: 1, flags: u8(), iterations: u16(), salt: bytes() };
    return this.#prng.pick<Record<string, unknown>>([
      { type: 'A', ip: this.#ip4() },
      { type: 'AAAA', ip: this.#prng.pick(['::', 'fd00::1', '2001:db8::567:89ab']) },
      { type: 'NS', ns: name() },
      { type: 'CNAME', cname: name() },
      { type: 'PTR', ptr: name() },
      { type: 'DNAME', dname: name() },
      { type: 'TXT', strings, value },
      { type: 'MX', preference: u16(), exchange: name() },
      { type: 'SRV', priority: u16(), weight: u16(), port: u16(), target: name() },
      { type: 'CAA', flags: u8(), tag: 'issue', value: text() },
      { type: 'HTTPS', priority: u16(), target: name(), params },
      { type: 'SVCB', priority: 0, target: name(), params: {} },
      { type: 'URI', priority: u16(), weight: u16(), target: text() },
      { type: 'HINFO', cpu: text(), os: text() },
      { type: 'DNSKEY', ...key },
      { type: 'CDNSKEY', ...key },
      { type: 'DS', keyTag: u16(), algorithm: u8(), digestType: u8(), digest: bytes() },
      { type: 'NSEC', next: name(), types: this.#types() },
      { type: 'NSEC3', ...hash, next: bytes(), types: this.#types() },
      { type: 'NSEC3PARAM', ...hash },
      { type: 'SSHFP', algorithm: u8(), fingerprintType: u8(), fingerprint: bytes() },
      { type: 'TLSA', usage: u8(), selector: u8(), matchingType: u8(), certificate: bytes() },
      { type: 'RP', mbox: name(), txt: name() },
      { type: 'AFSDB', subtype: u16(), hostname: name() },
      { type: 'KX', preference: u16(), exchanger: name() },
      { type: this.#prng.pick(OPAQUE), data: bytes() },
      this.#naptr(),
      this.#soa(),
      this.#rrsig(),
    ]);
  }

  #naptr() {
    const [order, preference, flags] = [this.#u16(), this.#u16(), 'u'];
    const [service, regexp, replacement] = ['E2U+sip', this.#text(), this.name()];
    return { type: 'NAPTR', order, preference, flags, service, regexp, replacement };
  }

  #soa() {
    const u32 = (): number => this.#prng.u32();
    const times = { serial: u32(), refresh: u32(), retry: u32(), expire: u32(), minimum: u32() };
    return { type: 'SOA', mname: this.name(), rname: this.name(), ...times };
  }

  #rrsig() {
    const u32 = (): number => this.#prng.u32();
    const times = { originalTtl: u32(), expiration: u32(), inception: u32() };
    const rest = { keyTag: this.#u16(), signer: this.name(), signature: this.#bytes() };
    return { type: 'RRSIG', typeCovered: 'A', algorithm: 8, labels: 2, ...times, ...rest };
  }

  record(): DnsRecord {
    const base = { name: this.name(), class: 'IN', ttl: this.#prng.int(2 ** 31) };
    return { ...base, ...this.#data() } as DnsRecord;
  }

  #records = (): DnsRecord[] => Array.from({ length: this.#prng.int(6) }, () => this.record());

  question(): DnsQuestion {
    const type = this.#prng.pick(Object.keys(DNS_TYPES)) as DnsType;
    return { name: this.name(), type, class: 'IN' };
  }

  message(): DnsMessage {
    const flag = (): boolean => this.#prng.chance(0.5);
    const [answers, authorities, additionals] = [this.#records(), this.#records(), this.#records()];
    const option = { code: this.#u16(), data: this.#bytes() };
    const edns = { udpSize: this.#u16(), version: 0, dnssecOk: flag(), options: [option] };
    const hasEdns = flag();
    return {
      id: this.#u16(),
      isResponse: flag(),
      authoritative: flag(),
      truncated: flag(),
      recursionDesired: flag(),
      recursionAvailable: flag(),
      authenticData: flag(),
      checkingDisabled: flag(),
      opcode: this.#prng.pick(['QUERY', 'NOTIFY', 'OPCODE9'] as const),
      rcode: hasEdns ? this.#prng.pick(['BADVERS', 'RCODE4000'] as const) : 'NXDOMAIN',
      questions: [this.question()],
      answers,
      authorities,
      additionals,
      ...(hasEdns && { edns }),
    };
  }
}
