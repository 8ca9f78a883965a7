// SPDX-License-Identifier: MIT
// direct_sockets - Direct Sockets (WICG) over a stack (ringstack/direct-sockets)

export { createDirectSockets } from './create.ts';
export type {
  DirectSockets,
  ReceivedUDPMessage,
  SocketDnsQueryType,
  TCPServerSocket,
  TCPServerSocketOpenInfo,
  TCPServerSocketOptions,
  TCPSocket,
  TCPSocketOpenInfo,
  TCPSocketOptions,
  UDPMessage,
  UDPSocket,
  UDPSocketOpenInfo,
  UDPSocketOptions,
} from './types.ts';
