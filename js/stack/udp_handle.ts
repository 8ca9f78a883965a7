// SPDX-License-Identifier: MIT
// udp_handle - the handle of a UDP socket that is shared with another thread

import type { EndsHandle } from './datagram_ends.ts';
import type { Names } from './names.ts';

/** Names and interfaces of a stack for another thread, for structured cloning. */
export interface NamesHandle {
  readonly hosts: Readonly<Record<string, string[]>>;
  /** In the order of their zones: handle in C, and addresses. */
  readonly interfaces: readonly {
    readonly handle: number;
    readonly addresses: readonly string[];
  }[];
}

/** The rest of a socket, beside its ends. */
export interface UdpSettings {
  readonly ttl: number;
  readonly multicastTtl: number;
  /** It may send from any address. */
  readonly transparent: boolean;
  /** Datagrams of its writable that could not be sent. */
  readonly unsent: number;
}

/** The handle of a UDP socket, for structured cloning to another thread (js/stack/udp_attach.ts). */
export interface UdpHandle extends EndsHandle {
  readonly kind: 'udp';
  readonly settings: UdpSettings;
  readonly names: NamesHandle;
}

/** Names and interfaces as they are now, for another thread. */
export function namesHandle({ hosts, interfaces }: Names): NamesHandle {
  return {
    hosts: Object.fromEntries(hosts.entries()),
    interfaces: [...interfaces].map(({ handle, addresses }) => ({
      handle,
      addresses: [...addresses],
    })),
  };
}

/** An address with the zone of the interface of a handle; 0: it has none. */
export const withZone = (names: Names, address: string, handle: number): string =>
  handle ? `${address}%${names.zoneOf(handle)}` : address;
