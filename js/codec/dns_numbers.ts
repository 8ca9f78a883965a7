// SPDX-License-Identifier: MIT
// dns_numbers - the numbers of types, classes, kinds of request and results, and their names (IANA)

/** Names with their numbers, without the literal types: users look numbers up, they do not switch on them. */
const numbers = <Name extends string>(table: Readonly<Record<Name, number>>) => table;

/** Numbers of the types that have a name here (IANA, DNS parameters). */
export const DNS_TYPES = numbers({
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  NULL: 10,
  PTR: 12,
  HINFO: 13,
  MX: 15,
  TXT: 16,
  RP: 17,
  AFSDB: 18,
  AAAA: 28,
  LOC: 29,
  SRV: 33,
  NAPTR: 35,
  KX: 36,
  CERT: 37,
  DNAME: 39,
  OPT: 41,
  DS: 43,
  SSHFP: 44,
  RRSIG: 46,
  NSEC: 47,
  DNSKEY: 48,
  NSEC3: 50,
  NSEC3PARAM: 51,
  TLSA: 52,
  SMIMEA: 53,
  CDS: 59,
  CDNSKEY: 60,
  OPENPGPKEY: 61,
  CSYNC: 62,
  ZONEMD: 63,
  SVCB: 64,
  HTTPS: 65,
  SPF: 99,
  TKEY: 249,
  TSIG: 250,
  IXFR: 251,
  AXFR: 252,
  ANY: 255,
  URI: 256,
  CAA: 257,
});

/** Numbers of the classes. */
export const DNS_CLASSES = numbers({ IN: 1, CH: 3, HS: 4, NONE: 254, ANY: 255 });

/** Numbers of the kinds of request. */
export const DNS_OPCODES = numbers({
  QUERY: 0,
  IQUERY: 1,
  STATUS: 2,
  NOTIFY: 4,
  UPDATE: 5,
  DSO: 6,
});

/** Numbers of the results; those from 16 on need EDNS. */
export const DNS_RCODES = numbers({
  NOERROR: 0,
  FORMERR: 1,
  SERVFAIL: 2,
  NXDOMAIN: 3,
  NOTIMP: 4,
  REFUSED: 5,
  YXDOMAIN: 6,
  YXRRSET: 7,
  NXRRSET: 8,
  NOTAUTH: 9,
  NOTZONE: 10,
  BADVERS: 16,
  BADCOOKIE: 23,
});

/** A type by name; one that has none here is `TYPE` and its number (RFC 3597). */
export type DnsType = keyof typeof DNS_TYPES | `TYPE${number}`;
/** A class by name, or `CLASS` and its number. */
export type DnsClass = keyof typeof DNS_CLASSES | `CLASS${number}`;
/** A kind of request by name, or `OPCODE` and its number. */
export type DnsOpcode = keyof typeof DNS_OPCODES | `OPCODE${number}`;
/** A result by name, or `RCODE` and its number. */
export type DnsRcode = keyof typeof DNS_RCODES | `RCODE${number}`;

const invert = (table: Readonly<Record<string, number>>): ReadonlyMap<number, string> =>
  new Map(Object.entries(table).map(([name, code]) => [code, name]));

/** Both ways between a number and its name. */
class Names<T extends string> {
  readonly #codes: Readonly<Record<string, number>>;
  readonly #names: ReadonlyMap<number, string>;
  readonly #prefix: string;
  readonly #most: number;

  constructor(codes: Readonly<Record<string, number>>, prefix: string, most: number) {
    this.#codes = codes;
    this.#names = invert(codes);
    this.#prefix = prefix;
    this.#most = most;
  }

  /** The name of a number. */
  name(code: number): T {
    return (this.#names.get(code) ?? `${this.#prefix}${code}`) as T;
  }

  /** The number of a name, in any case; -1 if it is none. */
  code(name: unknown): number {
    const text = String(name).toUpperCase();
    if (Object.hasOwn(this.#codes, text)) return this.#codes[text] as number;
    const digits = text.startsWith(this.#prefix) ? text.slice(this.#prefix.length) : '';
    return /^\d{1,5}$/.test(digits) && Number(digits) <= this.#most ? Number(digits) : -1;
  }
}

/** Names and numbers of types. */
export const TYPE_NAMES: Names<DnsType> = new Names(DNS_TYPES, 'TYPE', 0xffff);
/** Names and numbers of classes. */
export const CLASS_NAMES: Names<DnsClass> = new Names(DNS_CLASSES, 'CLASS', 0xffff);
/** Names and numbers of kinds of request. */
export const OPCODE_NAMES: Names<DnsOpcode> = new Names(DNS_OPCODES, 'OPCODE', 15);
/** Names and numbers of results. */
export const RCODE_NAMES: Names<DnsRcode> = new Names(DNS_RCODES, 'RCODE', 0xfff);
