// SPDX-License-Identifier: MIT
// dns - ringstack/dns: names to addresses and back, for clients and as a server

export type {
  Datagram,
  DatagramSocket,
  DatagramTransport,
  DuplexStream,
  StreamConnection,
  StreamListener,
  StreamTransport,
} from '../api/transport.ts';
export { type DnsSerializeOptions, parseDnsMessage, serializeDnsMessage } from '../codec/dns.ts';
export type { DnsClass, DnsOpcode, DnsRcode, DnsType } from '../codec/dns_numbers.ts';
export { DNS_CLASSES, DNS_OPCODES, DNS_RCODES, DNS_TYPES } from '../codec/dns_numbers.ts';
export { ipToPtrName, type PtrAddress, ptrNameToIP } from '../codec/dns_ptr.ts';
export type {
  DnsCertificate,
  DnsData,
  DnsDataOf,
  DnsDigest,
  DnsEdns,
  DnsKey,
  DnsMessage,
  DnsOpaque,
  DnsQuestion,
  DnsRecord,
  DnsRecordBase,
  DnsRecordOf,
  NamedSvcParams,
  SvcParams,
} from '../codec/dns_types.ts';
export {
  formatHosts,
  type HostAddress,
  Hosts,
  type HostsInit,
  type HostsRecord,
  parseHosts,
} from '../util/hosts.ts';
export type {
  DnsClientAddress,
  DnsFullResponse,
  DnsRequest,
  DnsRequestResult,
  RequestFn,
} from './answer.ts';
export type { AskOptions } from './asker.ts';
export { DnsClient } from './client.ts';
export type {
  DnsClientOptions,
  LocalNames,
  LookupOptions,
  ResolveOptions,
} from './client_options.ts';
export { type CreateDnsOptions, createDns, type Dns } from './create.ts';
export type {
  DnsClientStatistics,
  DnsFunction,
  DohServer,
  Forwarder,
  NameServer,
} from './exchange.ts';
export type { DnsTransport, TransportStack, UdpStack } from './network.ts';
export { DnsServer } from './server.ts';
export type {
  DnsLogEntry,
  DnsServerLimits,
  DnsServerOptions,
  DnsServerStatistics,
} from './server_options.ts';
export {
  createZone,
  type DnsResponse,
  Zone,
  type ZoneAnswer,
  type ZoneOptions,
  type ZoneValue,
} from './zone.ts';
