// SPDX-License-Identifier: MIT
// statistics - the counters of a stack, as C keeps them

import {
  STATS_BYTES_COPIED,
  STATS_CHECKSUM_ERRORS,
  STATS_FRAGMENT_DROPS,
  STATS_HEAP_BYTES,
  STATS_ICMP_ERRORS,
  STATS_ICMP_IGNORED,
  STATS_ICMP_LIMITED,
  STATS_INPUT_DROPS,
  STATS_NEIGHBOR_DROPS,
  STATS_NO_MEMORY_DROPS,
  STATS_ORPHANS,
  STATS_RING_BYTES,
  STATS_SOCKETS,
  STATS_SOURCE_DROPS,
  STATS_SYN_DROPS,
  STATS_TCP_REXMIT,
  STATS_TCP_RX_SEGMENTS,
  STATS_TCP_TX_SEGMENTS,
  STATS_TURNS,
  STATS_UDP_INVALID,
  STATS_UDP_NO_SOCKET,
} from '../abi.ts';
import type { StackStatistics } from '../api/statistics.ts';

/**
 * Reads the counters of a stack.
 *
 * @param view - Of its memory.
 * @param at - Offset of its struct stack_stats.
 * @returns Their values at this moment.
 */
export function readStatistics(view: DataView, at: number): StackStatistics {
  const count = (field: number): number => view.getUint32(at + field, true);
  return {
    tcpRetransmits: count(STATS_TCP_REXMIT),
    tcpRxSegments: count(STATS_TCP_RX_SEGMENTS),
    tcpTxSegments: count(STATS_TCP_TX_SEGMENTS),
    checksumErrors: count(STATS_CHECKSUM_ERRORS),
    inputDrops: count(STATS_INPUT_DROPS),
    noMemoryDrops: count(STATS_NO_MEMORY_DROPS),
    udpInvalid: count(STATS_UDP_INVALID),
    udpNoSocket: count(STATS_UDP_NO_SOCKET),
    icmpErrors: count(STATS_ICMP_ERRORS),
    icmpLimited: count(STATS_ICMP_LIMITED),
    neighborDrops: count(STATS_NEIGHBOR_DROPS),
    sourceDrops: count(STATS_SOURCE_DROPS),
    synDrops: count(STATS_SYN_DROPS),
    orphans: count(STATS_ORPHANS),
    icmpIgnored: count(STATS_ICMP_IGNORED),
    fragmentDrops: count(STATS_FRAGMENT_DROPS),
    sockets: count(STATS_SOCKETS),
    heapBytes: count(STATS_HEAP_BYTES),
    ringBytes: count(STATS_RING_BYTES),
    turns: count(STATS_TURNS),
    bytesCopied: Number(view.getBigUint64(at + STATS_BYTES_COPIED, true)),
  };
}
