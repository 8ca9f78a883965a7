// SPDX-License-Identifier: MIT
// dns_types - messages and records of DNS as values, and the numbers of their types

/** Numbers of the types that have a name here (IANA, DNS parameters). */
export const DNS_TYPES = {
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
} as const;

/** Numbers of the classes. */
export const DNS_CLASSES = { IN: 1, CH: 3, HS: 4, NONE: 254, ANY: 255 } as const;

/** Numbers of the kinds of request. */
export const DNS_OPCODES = {
  QUERY: 0,
  IQUERY: 1,
  STATUS: 2,
  NOTIFY: 4,
  UPDATE: 5,
  DSO: 6,
} as const;

/** Numbers of the results; those from 16 on need EDNS. */
export const DNS_RCODES = {
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
} as const;

/** A type by name; one that has none here is `TYPE` and its number (RFC 3597). */
export type DnsType = keyof typeof DNS_TYPES | `TYPE${number}`;
/** A class by name, or `CLASS` and its number. */
export type DnsClass = keyof typeof DNS_CLASSES | `CLASS${number}`;
/** A kind of request by name, or `OPCODE` and its number. */
export type DnsOpcode = keyof typeof DNS_OPCODES | `OPCODE${number}`;
/** A result by name, or `RCODE` and its number. */
export type DnsRcode = keyof typeof DNS_RCODES | `RCODE${number}`;

/** Parameters of an SVCB or HTTPS record that have a name (RFC 9460). */
export interface NamedSvcParams {
  /** Keys that a client must know to use the record. */
  readonly mandatory?: readonly string[];
  /** Protocols, such as `h2` and `h3`. */
  readonly alpn?: readonly string[];
  /** Set: the protocol that the scheme implies is not there. */
  readonly 'no-default-alpn'?: true;
  /** Port to connect to. */
  readonly port?: number;
  /** IPv4 addresses to try before the answer for A is there. */
  readonly ipv4hint?: readonly string[];
  /** Configurations of Encrypted ClientHello. */
  readonly ech?: Uint8Array;
  /** IPv6 addresses to try before the answer for AAAA is there. */
  readonly ipv6hint?: readonly string[];
  /** Template of the path of a DNS over HTTPS server. */
  readonly dohpath?: string;
}

/** Parameters of an SVCB or HTTPS record; those without a name here are `key` and their number, as bytes. */
export type SvcParams = NamedSvcParams & Readonly<Record<`key${number}`, Uint8Array>>;

/** Fields of a record by its type, without name, class and TTL. */
export interface DnsData {
  /** IPv4 address. */
  readonly A: { readonly ip: string };
  /** IPv6 address. */
  readonly AAAA: { readonly ip: string };
  /** Server of a zone. */
  readonly NS: { readonly ns: string };
  /** The name that this one is another name of. */
  readonly CNAME: { readonly cname: string };
  /** The tree of names that this one is another name of. */
  readonly DNAME: { readonly dname: string };
  /** The name of an address. */
  readonly PTR: { readonly ptr: string };
  /** Text: `value` is all strings together; `strings`, if given, is what is sent. */
  readonly TXT: { readonly value: string; readonly strings?: readonly (Uint8Array | string)[] };
  /** As TXT; obsolete. */
  readonly SPF: { readonly value: string; readonly strings?: readonly (Uint8Array | string)[] };
  /** Server for mail; the lowest preference first. */
  readonly MX: { readonly preference: number; readonly exchange: string };
  /** Start of a zone; times in seconds, `minimum` is the TTL of negative answers. */
  readonly SOA: {
    readonly mname: string;
    readonly rname: string;
    readonly serial: number;
    readonly refresh: number;
    readonly retry: number;
    readonly expire: number;
    readonly minimum: number;
  };
  /** Place of a service; the lowest priority first, by weight among equals. */
  readonly SRV: {
    readonly priority: number;
    readonly weight: number;
    readonly port: number;
    readonly target: string;
  };
  /** Rule that rewrites a name (RFC 3403). */
  readonly NAPTR: {
    readonly order: number;
    readonly preference: number;
    readonly flags: string;
    readonly service: string;
    readonly regexp: string;
    readonly replacement: string;
  };
  /** The authorities that may issue certificates (RFC 8659). */
  readonly CAA: { readonly flags: number; readonly tag: string; readonly value: string };
  /** How to reach a service (RFC 9460); priority 0 is an alias. */
  readonly SVCB: { readonly priority: number; readonly target: string; readonly params: SvcParams };
  /** SVCB for HTTPS. */
  readonly HTTPS: {
    readonly priority: number;
    readonly target: string;
    readonly params: SvcParams;
  };
  /** Address as a URI (RFC 7553). */
  readonly URI: { readonly priority: number; readonly weight: number; readonly target: string };
  /** Processor and system; or that ANY is not answered (RFC 8482). */
  readonly HINFO: { readonly cpu: string; readonly os: string };
  /** Person to ask. */
  readonly RP: { readonly mbox: string; readonly txt: string };
  /** Server of AFS or DCE. */
  readonly AFSDB: { readonly subtype: number; readonly hostname: string };
  /** Key exchanger. */
  readonly KX: { readonly preference: number; readonly exchanger: string };
  /** Digest of the key of a zone below (RFC 4034). */
  readonly DS: DnsDigest;
  /** DS that a zone asks for. */
  readonly CDS: DnsDigest;
  /** Key of a zone (RFC 4034). */
  readonly DNSKEY: DnsKey;
  /** DNSKEY that a zone asks for. */
  readonly CDNSKEY: DnsKey;
  /** Signature (RFC 4034); times in seconds since 1970, modulo 2^32. */
  readonly RRSIG: {
    readonly typeCovered: DnsType;
    readonly algorithm: number;
    readonly labels: number;
    readonly originalTtl: number;
    readonly expiration: number;
    readonly inception: number;
    readonly keyTag: number;
    readonly signer: string;
    readonly signature: Uint8Array;
  };
  /** Next name of the zone, and types of this one (RFC 4034). */
  readonly NSEC: { readonly next: string; readonly types: readonly DnsType[] };
  /** NSEC by hashes (RFC 5155). */
  readonly NSEC3: {
    readonly algorithm: number;
    readonly flags: number;
    readonly iterations: number;
    readonly salt: Uint8Array;
    readonly next: Uint8Array;
    readonly types: readonly DnsType[];
  };
  /** How names are hashed for NSEC3. */
  readonly NSEC3PARAM: {
    readonly algorithm: number;
    readonly flags: number;
    readonly iterations: number;
    readonly salt: Uint8Array;
  };
  /** Certificate of a TLS server (RFC 6698). */
  readonly TLSA: DnsCertificate;
  /** Certificate for mail (RFC 8162). */
  readonly SMIMEA: DnsCertificate;
  /** Fingerprint of the key of an SSH server (RFC 4255). */
  readonly SSHFP: {
    readonly algorithm: number;
    readonly fingerprintType: number;
    readonly fingerprint: Uint8Array;
  };
}

/** Fields of DS and CDS. */
export interface DnsDigest {
  /** Tag of the key. */
  readonly keyTag: number;
  /** Algorithm of the key. */
  readonly algorithm: number;
  /** Algorithm of the digest. */
  readonly digestType: number;
  /** The digest. */
  readonly digest: Uint8Array;
}

/** Fields of DNSKEY and CDNSKEY. */
export interface DnsKey {
  /** 256: key of a zone, 257: with the flag that it is an entry point. */
  readonly flags: number;
  /** Always 3. */
  readonly protocol: number;
  /** Algorithm of the key. */
  readonly algorithm: number;
  /** The key. */
  readonly publicKey: Uint8Array;
}

/** Fields of TLSA and SMIMEA. */
export interface DnsCertificate {
  /** 0 to 3: how the certificate is used; 3 means that it is the server's own. */
  readonly usage: number;
  /** 0: the whole certificate, 1: its key. */
  readonly selector: number;
  /** 0: as it is, 1: SHA-256, 2: SHA-512. */
  readonly matchingType: number;
  /** The certificate or its digest. */
  readonly certificate: Uint8Array;
}

/** Fields that every record has. */
export interface DnsRecordBase {
  /** Its name, no dot at the end; '' is the root. */
  readonly name: string;
  /** Its class, `IN` nearly always. */
  readonly class: DnsClass;
  /** How long it may be kept, in seconds, up to 2^31 - 1. */
  readonly ttl: number;
}

/** Data of a record whose type is not taken apart. */
export interface DnsOpaque {
  /** The bytes of the record. */
  readonly data: Uint8Array;
}

/** The fields of a record of some type: those of DnsData, or bytes. */
export type DnsDataOf<T extends DnsType> = T extends keyof DnsData ? DnsData[T] : DnsOpaque;

/** A record of one type. */
export type DnsRecordOf<T extends DnsType> = T extends 'ANY'
  ? DnsRecord
  : T extends DnsType
    ? DnsRecordBase & { readonly type: T } & DnsDataOf<T>
    : never;

/** A record of any type; `type` tells which fields it has. */
export type DnsRecord = DnsRecordOf<Exclude<DnsType, 'ANY'>>;

/** A question. */
export interface DnsQuestion {
  /** Name that is asked for. */
  readonly name: string;
  /** Type that is asked for. */
  readonly type: DnsType;
  /** Class that is asked for. @default 'IN' */
  readonly class?: DnsClass;
}

/** Extension of a message (RFC 6891). */
export interface DnsEdns {
  /** Longest datagram that the sender takes, in bytes. @default 1232 */
  readonly udpSize?: number;
  /** Version, 0. @default 0 */
  readonly version?: number;
  /** The sender wants the records of DNSSEC. @default false */
  readonly dnssecOk?: boolean;
  /** Options: number and bytes. @default none */
  readonly options?: readonly { readonly code: number; readonly data: Uint8Array }[];
}

/** A message. */
export interface DnsMessage {
  /** Number that a response has in common with its query, 0 to 65535. */
  readonly id: number;
  /** It is a response. */
  readonly isResponse: boolean;
  /** Kind of request. */
  readonly opcode: DnsOpcode;
  /** Result. */
  readonly rcode: DnsRcode;
  /** The server is one of the zone's own. */
  readonly authoritative: boolean;
  /** Records are missing: ask again over TCP. */
  readonly truncated: boolean;
  /** The server is asked to ask others. */
  readonly recursionDesired: boolean;
  /** The server does ask others. */
  readonly recursionAvailable: boolean;
  /** The server has checked the signatures. */
  readonly authenticData: boolean;
  /** The server is asked not to check signatures. */
  readonly checkingDisabled: boolean;
  /** One question, as a rule. */
  readonly questions: readonly DnsQuestion[];
  /** Records that answer it. */
  readonly answers: readonly DnsRecord[];
  /** Servers of the zone, or its SOA. */
  readonly authorities: readonly DnsRecord[];
  /** Records that may be of use. */
  readonly additionals: readonly DnsRecord[];
  /** Extension, if the message has one. */
  readonly edns?: DnsEdns;
}

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
