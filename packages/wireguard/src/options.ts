// SPDX-License-Identifier: MIT
// options - the rules for options of interfaces and of peers

import { type Cidr, netmask, parseCidr, parseIp } from '../../../js/util/address.ts';
import { any, flag, type Rules, whole } from '../../../js/util/check.ts';
import type { WireGuardOptions, WireGuardPeer } from './types.ts';

/** First half of messages. */
export const ACTION = 'Cannot create a WireGuard interface';
/** First half of messages. */
export const SET_PEER = 'Cannot set a peer of WireGuard';

/** Rules for the options of createWireGuard(). */
export const OPTIONS: Rules<WireGuardOptions> = {
  privateKey: any,
  ip: any,
  mtu: whole(576, 65455, ' bytes'),
  transport: any,
  listenPort: whole(0, 65535),
  peers: (value) => (Array.isArray(value) ? undefined : 'a list'),
  dns: any,
  routes: flag,
  resolve: (value) => (typeof value === 'function' ? undefined : 'a function'),
  timestamps: any,
  handshakeRate: whole(1, 10000),
  ringSize: any,
  now: (value) => (typeof value === 'function' ? undefined : 'a function'),
  warn: (value) => (typeof value === 'function' ? undefined : 'a function'),
  wasm: any,
};

/** Rules for the settings of setPeer(). */
export const PEER: Rules<WireGuardPeer> = {
  publicKey: any,
  presharedKey: any,
  allowedIps: (value) => (Array.isArray(value) ? undefined : 'a list'),
  endpoint: any,
  transport: any,
  persistentKeepalive: whole(0, 65535, ' s'),
};

/** A CIDR without the bits behind its prefix. */
export function network(text: string): Cidr {
  const { address, prefix } = parseCidr(
    text.includes('/') ? text : `${text}/${text.includes(':') ? 128 : 32}`,
  );
  const mask = parseIp(netmask(address.family, prefix)).bytes;
  return {
    address: { ...address, bytes: address.bytes.map((byte, i) => byte & (mask[i] ?? 0)) },
    prefix,
  };
}
