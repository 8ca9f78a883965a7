// SPDX-License-Identifier: MIT
// services - ringstack/services: small things that a booting host asks for

export type {
  Datagram,
  DatagramSocket,
  DatagramTransport,
  StreamConnection,
  StreamListener,
  StreamTransport,
} from '../api/transport.ts';
export { NtpServer, type NtpServerOptions, type NtpServerStatistics, serveNtp } from './ntp.ts';
export {
  SmallService,
  type SmallServiceKind,
  type SmallServiceOptions,
  type SmallServiceStatistics,
  serveDaytime,
  serveDiscard,
  serveEcho,
} from './small.ts';
export { serveTftp, TftpServer } from './tftp.ts';
export type {
  MaybePromise,
  TftpFiles,
  TftpLogEntry,
  TftpRequest,
  TftpServerOptions,
  TftpServerStatistics,
} from './tftp_types.ts';
export type {
  ServiceNetwork,
  ServiceSocketOptions,
  ServiceStack,
  ServiceTransport,
  ServiceTransports,
} from './transport.ts';
