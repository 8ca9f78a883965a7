// SPDX-License-Identifier: MIT
// proxy_protocol - the header that tells a server the address of its client (PROXY protocol, versions 1 and 2)

import type { StreamConnection } from '../api/transport.ts';
import { parseIp } from '../util/address.ts';
import type { FlowEnd } from './types.ts';

const SIGNATURE = [0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a];

/** An address mapped into IPv6, as dual listeners show it, is IPv4. */
const plain = (address: string): string => address.replace(/^::ffff:(?=\d+\.)/i, '');

/**
 * The header.
 *
 * @param version - 1: a line of text, 2: bytes.
 * @param source - The client.
 * @param connection - Its connection, which may know the address that it came to.
 * @param guest - The server, whose address stands in where it does not.
 * @returns The bytes; without addresses of one family it says that they are unknown.
 * @throws Never.
 */
export function proxyHeader(
  version: 1 | 2,
  source: FlowEnd,
  connection: StreamConnection,
  guest: FlowEnd,
): Uint8Array {
  const { localAddress, localPort } = connection as { localAddress?: string; localPort?: number };
  const from = plain(source.address);
  const to = plain(localAddress ?? guest.address);
  const toPort = localPort ?? guest.port;
  const family = from.includes(':') ? 6 : 4;
  const isKnown = from !== '' && family === (to.includes(':') ? 6 : 4);
  if (version === 1) {
    const ends = `TCP${family} ${from} ${to} ${source.port} ${toPort}`;
    return new TextEncoder().encode(`PROXY ${isKnown ? ends : 'UNKNOWN'}\r\n`);
  }
  const length = family === 4 ? 4 : 16;
  const body = new Uint8Array(isKnown ? 2 * length + 4 : 0);
  if (isKnown) {
    body.set(parseIp(from).bytes.subarray(0, length), 0);
    body.set(parseIp(to).bytes.subarray(0, length), length);
    const view = new DataView(body.buffer);
    view.setUint16(2 * length, source.port);
    view.setUint16(2 * length + 2, toPort);
  }
  // Version 2, PROXY; TCP over IPv4 or IPv6. Unknown: LOCAL.
  const kind = isKnown ? [0x21, family === 4 ? 0x11 : 0x21] : [0x20, 0x00];
  return Uint8Array.of(...SIGNATURE, ...kind, body.length >> 8, body.length, ...body);
}
