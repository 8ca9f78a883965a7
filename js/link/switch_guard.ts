// SPDX-License-Identifier: MIT
// switch_guard - frames that a guest has no business to send; twin: core/iface/bridge_guard.c

import { u16 } from '../codec/fields.ts';

const IPV4 = 0x0800;
const IPV6 = 0x86dd;
/** Tags of 802.1Q and 802.1ad: hosts take frames with them as well. */
const TAGS = [0x8100, 0x88a8];
const [UDP, ICMP6] = [17, 58];
/** Extension headers of IPv6 that others may stand behind: hop-by-hop, routing, destination options; fragment. */
const [OPTIONS, FRAGMENT] = [[0, 43, 60], 44];

/** From the UDP header of a DHCP message to the MAC address of its client. */
const CHADDR = 8 + 28;

/** Whether UDP or ICMPv6 is that of a server; at: where its header begins. */
function isServerAt(frame: Uint8Array, next: number, at: number, port: number): boolean {
  if (next === UDP) return u16(frame, at) === port;
  // Router advertisements, redirects.
  return next === ICMP6 && [134, 137].includes(frame[at] ?? 0);
}

function isServer6(frame: Uint8Array): boolean {
  let next = frame[20] ?? 0;
  for (let at = 54; ; ) {
    const isOptions = OPTIONS.includes(next);
    if (!isOptions && ![FRAGMENT, UDP, ICMP6].includes(next)) return false;
    // Behind headers that are not whole anything may come (RFC 7113).
    if (frame.length - at < 8) return true;
    if (next === UDP || next === ICMP6) return isServerAt(frame, next, at, 547);
    if (next === FRAGMENT && u16(frame, at + 2) >>> 3 !== 0) return false; // a later one
    next = frame[at] ?? 0;
    at += isOptions ? 8 + 8 * (frame[at + 1] ?? 0) : 8;
  }
}

/** Whether a DHCP request is for another host than the one that sends it; at: where UDP begins. */
function isForOther(frame: Uint8Array, at: number, source: Uint8Array): boolean {
  if (u16(frame, at + 2) !== 67) return false;
  return source.some((byte, i) => byte !== frame[at + CHADDR + i]);
}

/**
 * Whether a frame is an answer of a DHCP server or relay, a router advertisement or a redirect; or a DHCP request for
 * another MAC address than the one that it comes from.
 *
 * @param frame - The frame, at least its Ethernet header.
 * @param source - The MAC address that it comes from.
 * @returns Whether it is.
 * @throws Never.
 */
export function isRefused(frame: Uint8Array, source = frame.subarray(6, 12)): boolean {
  if (TAGS.includes(u16(frame, 12)) && frame.length >= 18) {
    return isRefused(frame.subarray(4), source);
  }
  const type = u16(frame, 12);
  if (type === IPV6) return frame.length >= 54 && isServer6(frame);
  if (type !== IPV4 || frame.length < 34 || frame[23] !== UDP) return false;
  if ((u16(frame, 20) & 0x1fff) !== 0) return false; // a later fragment
  const at = 14 + 4 * ((frame[14] ?? 0) & 15);
  return frame.length - at < 8 || isServerAt(frame, UDP, at, 67) || isForOther(frame, at, source);
}
