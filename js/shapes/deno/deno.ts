// SPDX-License-Identifier: MIT
// deno - the network of Deno over a stack (ringstack/deno)

export type { StreamConnection } from '../../http/transport.ts';
export type { TlsProvider } from '../../http/types.ts';
export type { UpgradeWebSocketOptions, WebSocketUpgrade } from '../../http/websocket_server.ts';
export { createDeno, type DenoApi, type DenoOptions } from './create.ts';
export type { DenoErrorName, DenoErrors } from './errors.ts';
export type { DenoRecords, RecordResolver, ResolveDnsOptions } from './resolve.ts';
export type {
  DenoHttpServer,
  ServeHandler,
  ServeHandlerInfo,
  ServeOptions,
} from './serve_types.ts';
export type {
  Conn,
  ConnectOptions,
  ConnectTlsOptions,
  DatagramConn,
  Listener,
  MulticastV4Membership,
  MulticastV6Membership,
  NetAddr,
  StartTlsOptions,
  TcpConn,
  TcpListener,
  TcpListenOptions,
  TlsConn,
  TlsHandshakeInfo,
  UdpListenOptions,
} from './types.ts';
