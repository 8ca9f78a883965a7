// SPDX-License-Identifier: MIT
// sockets - connect() as WinterTC and Cloudflare have it, over a stack (ringstack/sockets)

export type {
  HttpTransport,
  StreamConnection,
  StreamListener,
  StreamTransport,
  TcpStack,
} from '../../http/transport.ts';
export type { TlsProvider } from '../../http/types.ts';
export { type ConnectSettings, createConnect, type Sockets } from './connect.ts';
export type { Socket, SocketAddress, SocketInfo, SocketOptions, TlsOptions } from './types.ts';
