// SPDX-License-Identifier: MIT
// dns_types - messages and records of DNS as values

import type { DnsClass, DnsOpcode, DnsRcode, DnsType } from './dns_numbers.ts';

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
  readonly A: {
    /** Address. */
    readonly ip: string;
  };
  /** IPv6 address. */
  readonly AAAA: {
    /** Address. */
    readonly ip: string;
  };
  /** Server of a zone. */
  readonly NS: {
    /** Name of the server. */
    readonly ns: string;
  };
  /** The name that this one is another name of. */
  readonly CNAME: {
    /** The canonical name. */
    readonly cname: string;
  };
  /** The tree of names that this one is another name of. */
  readonly DNAME: {
    /** Root of the other tree. */
    readonly dname: string;
  };
  /** The name of an address. */
  readonly PTR: {
    /** The name. */
    readonly ptr: string;
  };
  /** Text: `value` is all strings together; `strings`, if given, is what is sent. */
  readonly TXT: {
    /** All strings together. */
    readonly value: string;
    /** The strings, of at most 255 bytes each. */
    readonly strings?: readonly (Uint8Array | string)[];
  };
  /** As TXT; obsolete. */
  readonly SPF: {
    /** All strings together. */
    readonly value: string;
    /** The strings, of at most 255 bytes each. */
    readonly strings?: readonly (Uint8Array | string)[];
  };
  /** Server for mail; the lowest preference first. */
  readonly MX: {
    /** 0 to 65535; the lowest is used first. */
    readonly preference: number;
    /** Name of the server. */
    readonly exchange: string;
  };
  /** Start of a zone; times in seconds, `minimum` is the TTL of negative answers. */
  readonly SOA: {
    /** Name of the primary server. */
    readonly mname: string;
    /** Address for mail, with a dot in place of the `@`. */
    readonly rname: string;
    /** Version of the zone. */
    readonly serial: number;
    /** Time between two checks by a secondary server, in seconds. */
    readonly refresh: number;
    /** Time until a failed check is repeated, in seconds. */
    readonly retry: number;
    /** Time after which a secondary server without contact stops to answer, in seconds. */
    readonly expire: number;
    /** Time for which a negative answer may be kept, in seconds. */
    readonly minimum: number;
  };
  /** Place of a service; the lowest priority first, by weight among equals. */
  readonly SRV: {
    /** 0 to 65535; the lowest is used first. */
    readonly priority: number;
    /** Share among servers of one priority, 0 to 65535. */
    readonly weight: number;
    /** Port of the service. */
    readonly port: number;
    /** Name of the server. */
    readonly target: string;
  };
  /** Rule that rewrites a name (RFC 3403). */
  readonly NAPTR: {
    /** 0 to 65535; rules are applied from the lowest on. */
    readonly order: number;
    /** 0 to 65535; the lowest of one order is used first. */
    readonly preference: number;
    /** Kind of the result, such as `s` or `u`. */
    readonly flags: string;
    /** Service and protocol. */
    readonly service: string;
    /** Substitution, or empty. */
    readonly regexp: string;
    /** Name in place of a substitution. */
    readonly replacement: string;
  };
  /** The authorities that may issue certificates (RFC 8659). */
  readonly CAA: {
    /** 128: an authority that does not know the tag must refuse. */
    readonly flags: number;
    /** Property, such as `issue`. */
    readonly tag: string;
    /** Its value, such as the name of an authority. */
    readonly value: string;
  };
  /** How to reach a service (RFC 9460); priority 0 is an alias. */
  readonly SVCB: {
    /** 0 for an alias; else the lowest is used first. */
    readonly priority: number;
    /** Name of the server; '' is the name of the record. */
    readonly target: string;
    /** Parameters. */
    readonly params: SvcParams;
  };
  /** SVCB for HTTPS. */
  readonly HTTPS: {
    /** 0 for an alias; else the lowest is used first. */
    readonly priority: number;
    /** Name of the server; '' is the name of the record. */
    readonly target: string;
    /** Parameters. */
    readonly params: SvcParams;
  };
  /** Address as a URI (RFC 7553). */
  readonly URI: {
    /** 0 to 65535; the lowest is used first. */
    readonly priority: number;
    /** Share among URIs of one priority, 0 to 65535. */
    readonly weight: number;
    /** The URI. */
    readonly target: string;
  };
  /** Processor and system; or that ANY is not answered (RFC 8482). */
  readonly HINFO: {
    /** Processor. */
    readonly cpu: string;
    /** Operating system. */
    readonly os: string;
  };
  /** Person to ask. */
  readonly RP: {
    /** Address for mail, with a dot in place of the `@`. */
    readonly mbox: string;
    /** Name with further TXT records. */
    readonly txt: string;
  };
  /** Server of AFS or DCE. */
  readonly AFSDB: {
    /** 1: AFS, 2: DCE. */
    readonly subtype: number;
    /** Name of the server. */
    readonly hostname: string;
  };
  /** Key exchanger. */
  readonly KX: {
    /** 0 to 65535; the lowest is used first. */
    readonly preference: number;
    /** Name of the key exchanger. */
    readonly exchanger: string;
  };
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
    /** Type of the records that are signed. */
    readonly typeCovered: DnsType;
    /** Algorithm of the key. */
    readonly algorithm: number;
    /** Labels of the name, without the root and a wildcard. */
    readonly labels: number;
    /** TTL of the records in the zone, in seconds. */
    readonly originalTtl: number;
    /** End of its validity. */
    readonly expiration: number;
    /** Start of its validity. */
    readonly inception: number;
    /** Tag of the key. */
    readonly keyTag: number;
    /** Zone of the key. */
    readonly signer: string;
    /** The signature. */
    readonly signature: Uint8Array;
  };
  /** Next name of the zone, and types of this one (RFC 4034). */
  readonly NSEC: {
    /** Next name in the order of the zone. */
    readonly next: string;
    /** Types that this name has. */
    readonly types: readonly DnsType[];
  };
  /** NSEC by hashes (RFC 5155). */
  readonly NSEC3: {
    /** Algorithm of the hash; 1: SHA-1. */
    readonly algorithm: number;
    /** 1: unsigned zones below are left out. */
    readonly flags: number;
    /** Further rounds of the hash. */
    readonly iterations: number;
    /** Bytes that are hashed with each name. */
    readonly salt: Uint8Array;
    /** Next hash in the order of the zone. */
    readonly next: Uint8Array;
    /** Types that this name has. */
    readonly types: readonly DnsType[];
  };
  /** How names are hashed for NSEC3. */
  readonly NSEC3PARAM: {
    /** Algorithm of the hash; 1: SHA-1. */
    readonly algorithm: number;
    /** 0. */
    readonly flags: number;
    /** Further rounds of the hash. */
    readonly iterations: number;
    /** Bytes that are hashed with each name. */
    readonly salt: Uint8Array;
  };
  /** Certificate of a TLS server (RFC 6698). */
  readonly TLSA: DnsCertificate;
  /** Certificate for mail (RFC 8162). */
  readonly SMIMEA: DnsCertificate;
  /** Fingerprint of the key of an SSH server (RFC 4255). */
  readonly SSHFP: {
    /** Algorithm of the key. */
    readonly algorithm: number;
    /** 1: SHA-1, 2: SHA-256. */
    readonly fingerprintType: number;
    /** The fingerprint. */
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
    ? DnsRecordBase & {
        /** Its type. */
        readonly type: T;
      } & DnsDataOf<T>
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
  readonly options?: readonly {
    /** Number of the option, 0 to 65535. */
    readonly code: number;
    /** Its bytes. */
    readonly data: Uint8Array;
  }[];
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
