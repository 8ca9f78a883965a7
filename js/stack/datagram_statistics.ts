// SPDX-License-Identifier: MIT
// datagram_statistics - the counters of a datagram socket, which C counts; twin: struct abi_sock of core/abi.h

import {
  SOCK_RX_BYTES,
  SOCK_RX_DATAGRAMS,
  SOCK_RX_DROPPED,
  SOCK_TX_BYTES,
  SOCK_TX_DATAGRAMS,
  SOCK_TX_DROPPED,
} from '../abi.ts';
import type { UdpStatistics } from '../api/udp.ts';
import type { SharedMemory } from '../memory/shared_memory.ts';

/**
 * Reads the counters of a socket.
 *
 * @param arena - The memory of its stack.
 * @param offset - Of its struct abi_sock.
 * @param errors - Errors about what it sent, which only this side counts.
 * @returns The counters.
 * @throws Never.
 */
export function readStatistics(arena: SharedMemory, offset: number, errors: number): UdpStatistics {
  const { view } = arena;
  const count = (field: number): number => view.getUint32(offset + field, true);
  const bytes = (field: number): number => Number(view.getBigUint64(offset + field, true));
  return {
    rxDatagrams: count(SOCK_RX_DATAGRAMS),
    rxBytes: bytes(SOCK_RX_BYTES),
    txDatagrams: count(SOCK_TX_DATAGRAMS),
    txBytes: bytes(SOCK_TX_BYTES),
    rxDropped: count(SOCK_RX_DROPPED),
    txDropped: count(SOCK_TX_DROPPED),
    errors,
  };
}
