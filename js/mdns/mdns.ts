// SPDX-License-Identifier: MIT
// mdns - ringstack/mdns: names and services of the link, without a server

export { createMdns } from './create.ts';
export type {
  BrowseOptions,
  Mdns,
  MdnsAddress,
  MdnsDatagram,
  MdnsInterface,
  MdnsLookupOptions,
  MdnsOptions,
  MdnsSocket,
  MdnsSocketOptions,
  MdnsStack,
  MdnsStatistics,
  PublishedService,
  PublishOptions,
  Service,
  ServiceEvent,
  TxtValues,
} from './types.ts';
