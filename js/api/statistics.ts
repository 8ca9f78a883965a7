// SPDX-License-Identifier: MIT
// statistics - counters of a stack

/** Counters of a stack since it was created; `sockets`, `heapBytes` and `ringBytes` are of this moment. */
export interface StackStatistics {
  /** TCP segments sent again. */
  readonly tcpRetransmits: number;
  /** TCP segments received. */
  readonly tcpRxSegments: number;
  /** TCP segments sent. */
  readonly tcpTxSegments: number;
  /** Packets dropped for a wrong IP, ICMP or TCP checksum. */
  readonly checksumErrors: number;
  /** Packets dropped: malformed, not for us, without a way back. */
  readonly inputDrops: number;
  /** Segments dropped for want of receive memory; the peer sends them again. */
  readonly noMemoryDrops: number;
  /** Datagrams dropped: their length or checksum is wrong. */
  readonly udpInvalid: number;
  /** Datagrams for a port without a socket. */
  readonly udpNoSocket: number;
  /**
   * ICMP errors sent: about a port or protocol nobody has, a header, fragments that did not come. Answers to IPv6 echo
   * requests to a group, which are bounded with them, count too.
   */
  readonly icmpErrors: number;
  /** ICMP errors not sent: more than 50 at once, or 1000 a second. */
  readonly icmpLimited: number;
  /** ICMP errors received about no packet of ours, or from the wrong interface: forged ones, most likely. */
  readonly icmpIgnored: number;
  /** IP fragments dropped: wrong, too many at once, or the others did not come in time. */
  readonly fragmentDrops: number;
  /** Packets dropped: the next hop did not tell its MAC address, or too many waited for that. */
  readonly neighborDrops: number;
  /** Packets dropped: their source, or the address of ours that they name, belongs to another interface. */
  readonly sourceDrops: number;
  /** Half-open connections given up, and SYNs not answered, since a backlog was full. */
  readonly synDrops: number;
  /** Closed connections that were reset, since their peer kept its window shut for 100 s. */
  readonly orphans: number;
  /** Sockets in use. */
  readonly sockets: number;
  /** Bytes in use in the stack's heap. */
  readonly heapBytes: number;
  /** Bytes of socket rings. */
  readonly ringBytes: number;
  /** Turns of the engine. */
  readonly turns: number;
  /** Bytes the stack has copied so far in C: headers and payload, each time. */
  readonly bytesCopied: number;
}
