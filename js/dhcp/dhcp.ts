// SPDX-License-Identifier: MIT
// dhcp - ringstack/dhcp: addresses for other hosts, and for us

export type { SlaacEvent, SlaacOptions, SlaacStatistics } from '../api/configuration.ts';
export type { Datagram, DatagramSocket, DatagramTransport } from '../api/transport.ts';
export {
  DHCP_CLIENT_PORT,
  DHCP_DEFAULT_SIZE,
  DHCP_SERVER_PORT,
  type DhcpFields,
  type DhcpMessage,
  type DhcpMessageType,
  parseDhcpMessage,
  serializeDhcpMessage,
} from '../codec/dhcp.ts';
export {
  type DhcpOptionName,
  type DhcpOptionValues,
  type DhcpRoute,
  dhcpOptions,
  readDhcpOption,
} from '../codec/dhcp_options.ts';
export { DhcpClient } from './client.ts';
export type {
  ClientLease,
  ClientStack,
  ConfigurableInterface,
  DhcpClientEvent,
  DhcpClientOptions,
} from './client_types.ts';
export { createDhcp, type Dhcp } from './create.ts';
export { requestInformation } from './information.ts';
export { InformationServer, serveInformation } from './information_server.ts';
export type {
  GroupSocket,
  Information,
  InformationOptions,
  InformationServerOptions,
  InformationServerStatistics,
  InformationStack,
} from './information_types.ts';
export type { DhcpLease } from './leases.ts';
export type { LeaseHosts } from './names.ts';
export { requestLease } from './request.ts';
export { advertiseRouter, RouterAdvertiser } from './router.ts';
export type {
  AdvertisedPrefix,
  RouterMessage,
  RouterOptions,
  RouterSocket,
  RouterStack,
  RouterStatistics,
} from './router_types.ts';
export { DhcpServer } from './server.ts';
export type {
  DhcpDecision,
  DhcpEvent,
  DhcpOptionsInit,
  DhcpRequest,
  DhcpServerOptions,
  DhcpServerStatistics,
  DhcpStore,
  MaybePromise,
} from './server_types.ts';
export { RouterClient, solicitRouter } from './solicit.ts';
export type { SlaacInterface, SlaacStack } from './solicit_types.ts';
export type {
  DhcpInterface,
  DhcpSocketOptions,
  DhcpStack,
  DhcpTransport,
  DhcpTransportStack,
} from './transport.ts';
