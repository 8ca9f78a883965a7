// SPDX-License-Identifier: MIT
// index - what ringstack-wireguard exports

export { parseConfig } from './config.ts';
export { generateKey, generatePresharedKey, publicKey } from './keys.ts';
export type { WireGuardWasm } from './load.ts';
export type {
  DatagramStreams,
  DenoDatagramConnLike,
  DgramSocketLike,
  MessageSocketLike,
  ToTransportOptions,
} from './transports.ts';
export { toTransport } from './transports.ts';
export type * from './types.ts';
export { serveUapi, type UapiServer, type UapiSocket } from './uapi.ts';
export { createWireGuard } from './wireguard.ts';
