// SPDX-License-Identifier: MIT
// reply - the answer of a DHCP server as a datagram: its options, and where it goes
//
// | the client's message | the answer goes to |
// |---|---|
// | came by a relay | the relay, port 67 |
// | is refused (NAK) | broadcast: the client has no address that counts |
// | has an address of the client (`ciaddr`) | that address |
// | has the broadcast flag, or came by a transport that cannot send to a MAC | broadcast |
// | else | the new address, to the client's MAC: ARP would not find it yet |

import {
  DHCP_CLIENT_PORT,
  DHCP_DEFAULT_SIZE,
  DHCP_SERVER_PORT,
  type DhcpMessage,
  serializeDhcpMessage,
} from '../codec/dhcp.ts';
import { dhcpOptions, readDhcpOption } from '../codec/dhcp_options.ts';
import type { Answer } from './responder.ts';
import type { DhcpServerOptions } from './server_types.ts';
import type { Settings } from './settings.ts';
import type { DhcpDatagram } from './transport.ts';

const NONE = '0.0.0.0';
const BROADCAST = '255.255.255.255';
/** Headers of IP and UDP, which the client's limit includes. */
const HEADERS = 28;
/** Longest answer: none is ever a fragment. */
const LONGEST = 1472;
const REQUESTED = 55;
const CLIENT_ID = 61;
const RELAY = 82;
/** Options that come first, whatever the client asks for: netmask, router, name servers. */
const FIRST = [1, 3, 6];

/** Server and file of a network boot. */
interface Boot {
  readonly siaddr?: string;
  readonly file?: string;
}

/** Options of an answer in their order: ours, those that the client asks for, all others. */
function optionsOf(
  message: DhcpMessage,
  answer: Answer,
  settings: Settings,
  options: DhcpServerOptions,
  boot: Boot,
): Map<number, Uint8Array> {
  const { kind, duration, decision, request } = answer;
  const ordered = dhcpOptions({ serverIdentifier: settings.server });
  const add = (more: ReadonlyMap<number, Uint8Array>): void => {
    for (const [code, bytes] of more) ordered.set(code, bytes);
  };
  const relay = message.options.get(RELAY);
  // A relay finds the port of its client in what it had added (RFC 3046); it must not be left out.
  if (relay) ordered.set(RELAY, relay);
  // A client that sent its identifier gets it back (RFC 6842).
  const id = message.options.get(CLIENT_ID);
  if (id) ordered.set(CLIENT_ID, id);
  if (kind === 'NAK') return ordered;
  if (duration !== undefined) {
    const isEndless = duration === 0xffff_ffff;
    add(dhcpOptions({ leaseTime: duration }));
    if (!isEndless) {
      const renewalTime = Math.floor(duration / 2);
      add(dhcpOptions({ renewalTime, rebindingTime: Math.floor((duration * 7) / 8) }));
    }
  }
  const all = new Map(settings.options);
  const hostName = options.hostname ?? decision.hostname ?? request.hostname;
  if (hostName) all.set(12, new TextEncoder().encode(hostName));
  if (boot.siaddr) {
    const { siaddr: tftpServerName, file: bootFile } = boot;
    for (const [code, bytes] of dhcpOptions({ tftpServerName, ...(bootFile && { bootFile }) })) {
      all.set(code, bytes);
    }
  }
  for (const [code, bytes] of dhcpOptions(decision.options ?? {})) all.set(code, bytes);
  for (const code of [...FIRST, ...(message.options.get(REQUESTED) ?? []), ...all.keys()]) {
    const bytes = all.get(code);
    if (bytes) ordered.set(code, bytes);
  }
  return ordered;
}

function bootOf(answer: Answer, settings: Settings, options: DhcpServerOptions): Boot {
  const { bootFile, nextServer } = options;
  const file = typeof bootFile === 'function' ? bootFile(answer.request) : bootFile;
  if (answer.kind === 'NAK' || (file === undefined && nextServer === undefined)) return {};
  return { siaddr: nextServer ?? settings.server, ...(file !== undefined && { file }) };
}

function destinationOf(message: DhcpMessage, answer: Answer, canLink: boolean) {
  const { giaddr, ciaddr, broadcast, mac } = message;
  if (giaddr !== NONE) return { host: giaddr, port: DHCP_SERVER_PORT };
  const port = DHCP_CLIENT_PORT;
  if (answer.kind === 'NAK') return { host: BROADCAST, port };
  if (ciaddr !== NONE) return { host: ciaddr, port };
  if (broadcast || !canLink || answer.ip === undefined) return { host: BROADCAST, port };
  return { host: answer.ip, port, linkAddress: mac };
}

/**
 * Writes an answer.
 *
 * @param message - The client's message.
 * @param answer - The answer.
 * @param settings - Settings of the server.
 * @param options - Its options.
 * @param iface - Interface that the message came by, if the transport says it.
 * @returns The datagram to send.
 * @throws Whatever `bootFile` throws; NetError EINVAL if an option of a function is out of range.
 */
export function replyOf(
  message: DhcpMessage,
  answer: Answer,
  settings: Settings,
  options: DhcpServerOptions,
  iface: unknown,
): DhcpDatagram {
  const { xid, mac, giaddr, ciaddr, broadcast } = message;
  const { kind, ip } = answer;
  const { mac: ownMac } = (iface ?? {}) as { mac?: unknown };
  const boot = bootOf(answer, settings, options);
  const most = readDhcpOption(message.options, 'maxMessageSize') ?? 0;
  const limit = Math.min(Math.max(most - HEADERS, DHCP_DEFAULT_SIZE), LONGEST);
  const data = serializeDhcpMessage(
    {
      op: 2,
      type: kind,
      xid,
      mac,
      giaddr,
      // A relay broadcasts a NAK if the flag says so (RFC 2131, section 4.3.2).
      broadcast: broadcast || (kind === 'NAK' && giaddr !== NONE),
      ...(kind === 'ACK' && { ciaddr }),
      ...(ip !== undefined && { yiaddr: ip }),
      ...boot,
      options: optionsOf(message, answer, settings, options, boot),
    },
    limit,
  );
  return {
    ...destinationOf(message, answer, typeof ownMac === 'string'),
    data,
    ...(iface !== undefined && { interface: iface }),
  };
}
