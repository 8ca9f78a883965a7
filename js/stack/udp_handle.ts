// SPDX-License-Identifier: MIT
// udp_handle - the handle of a UDP socket that is shared with another thread

import type { EndsHandle } from './datagram_ends.ts';
import type { NamesHandle } from './names.ts';

/** The rest of a socket, beside its ends. */
export interface UdpSettings {
  readonly ttl: number;
  readonly multicastTtl: number;
  /** Datagrams of its writable that could not be sent. */
  readonly unsent: number;
}

/** The handle of a UDP socket, for structured cloning to another thread (js/stack/udp_attach.ts). */
export interface UdpHandle extends EndsHandle {
  readonly kind: 'udp';
  readonly settings: UdpSettings;
  readonly names: NamesHandle;
}
