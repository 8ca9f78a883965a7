// SPDX-License-Identifier: MIT
// index - what ringstack-wireguard exports

export { parseConfig } from './config.ts';
export { createWireGuard } from './create.ts';
export { generateKey, generatePresharedKey, publicKey } from './keys.ts';
export { type ToTransportOptions, toTransport } from './transport/to_transport.ts';
export type * from './types.ts';
export { serveUapi, type UapiServer } from './uapi.ts';
