// SPDX-License-Identifier: MIT
// client_message - the messages that a DHCP client sends (RFC 2131, section 4.4)

import { type DhcpMessageType, serializeDhcpMessage } from '../codec/dhcp.ts';
import { dhcpOptions } from '../codec/dhcp_options.ts';
import { macBytes } from '../codec/fields.ts';
import type { DhcpClientOptions } from './client_types.ts';

/** An address that is none. */
export const NONE = '0.0.0.0';
/** Options to ask for: netmask, routes, router, name servers, name, domain, MTU, NTP, times, server, search list. */
const WANTED = Uint8Array.of(1, 121, 3, 6, 12, 15, 26, 42, 51, 54, 58, 59, 114, 119);

/** Kind and destination of a message. */
export interface ClientMessage {
  readonly type: DhcpMessageType;
  /** @default all hosts */
  readonly host?: string;
  /** Our address, if we have it. */
  readonly ciaddr?: string;
}

/** Options of a message by name. */
export type ClientMessageOptions = Parameters<typeof dhcpOptions>[0];

/** The bytes of a message. */
export function clientMessage(
  mac: string,
  { type, ciaddr = NONE }: ClientMessage,
  more: ClientMessageOptions,
  xid: number,
  { hostname, clientId, vendorClass }: DhcpClientOptions,
): Uint8Array {
  const asks = type === 'DISCOVER' || type === 'REQUEST';
  return serializeDhcpMessage({
    op: 1,
    type,
    xid,
    mac,
    ciaddr,
    // Until we have the address, no unicast to it reaches us.
    broadcast: ciaddr === NONE,
    options: dhcpOptions({
      clientIdentifier: clientId ?? Uint8Array.of(1, ...macBytes(mac)),
      ...more,
      ...(asks && { parameterRequestList: WANTED, maxMessageSize: 1500 }),
      ...(asks && hostname !== undefined && { hostName: hostname }),
      ...(asks && vendorClass !== undefined && { vendorClass }),
    }),
  });
}
