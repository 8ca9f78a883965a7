// SPDX-License-Identifier: MIT
// udp - the public interfaces of UDP sockets

import type { SharedHandle } from './handle.ts';
import type { NetworkInterface } from './interface.ts';
import type { KeepsAlive } from './keeps_alive.ts';

/** An address and a port, as datagrams carry them. */
export interface DatagramAddress {
  /** Numeric address, or a name where one is sent to. */
  readonly host: string;
  /** 1 to 65535. */
  readonly port: number;
}

/** The way of a datagram: all but its payload. */
export interface DatagramHeader {
  /** Received: the sender's address. To send: an address, `localhost`, or a name. A connected socket may leave it out. */
  host: string;
  /** Received: the sender's port. To send: 1 to 65535. A connected socket may leave it out. */
  port: number;
  /**
   * Received: where the datagram was sent to. To send: the source to use; an address that is none of ours, such as
   * that of a group, is left out, so that a datagram can be written back as it is.
   */
  local?: {
    /** Numeric. */
    address: string;
    /** To send: not used, the source port is that of the socket; but it is that of a transparent one. */
    port: number;
  };
  /** Received: the interface it came by. To send: the interface it leaves by. */
  interface?: NetworkInterface;
  /** Received: its time to live (IPv6: hop limit). To send: 1 to 255 instead of the socket's. */
  ttl?: number;
  /** To send by a tap over IPv4: the MAC of the next hop, which is then not asked for by ARP. */
  linkAddress?: string;
}

/** One datagram: what a socket's `readable` gives and its `writable` takes. */
export interface UdpDatagram extends DatagramHeader {
  /** The payload, 0 to 65507 bytes (IPv6: 65487). */
  data: Uint8Array;
}

/** Options of openUdp(). */
export interface UdpSocketOptions {
  /** Address to bind to: one of the stack's, a group, or `0.0.0.0` or `::` (both families). @default all, of both families */
  readonly host?: string;
  /** 1 to 65535, 0: a random free one from 49152 to 65535 (RFC 6056). @default 0 */
  readonly port?: number;
  /** Connects the socket: it only receives from there, and ICMP errors about what it sent arrive. */
  readonly remote?: DatagramAddress;
  /** Binds the socket to one interface, which may have no address: then the source is 0.0.0.0. */
  readonly interface?: NetworkInterface;
  /** Several sockets may have the port if all of them say so; broadcast and multicast reach each. @default false */
  readonly reuseAddress?: boolean;
  /** Bound to `::`, receives IPv6 alone. @default false */
  readonly ipv6Only?: boolean;
  /** May send to broadcast addresses. @default true */
  readonly broadcast?: boolean;
  /** Time to live of what is sent, 1 to 255. @default 64 */
  readonly ttl?: number;
  /** The same for multicast. @default 1 */
  readonly multicastTtl?: number;
  /** Multicast that it sends also comes to members on this stack. @default true */
  readonly multicastLoopback?: boolean;
  /**
   * Receives what guests behind `interface` send to addresses that are not the stack's, whatever the port. Datagrams
   * are sent from their `local`, address and port, any there are. @default false
   */
  readonly transparent?: boolean;
  /** A datagram above `pathMtu` is not fragmented: receive() rejects once with EMSGSIZE. @default false */
  readonly dontFragment?: boolean;
  /** Receive ring: bytes, rounded up to a power of two, 2 KiB to 16 MiB. Half of it bounds a datagram. @default 262144 */
  readonly receiveBuffer?: number;
  /** Send ring: the same. @default 262144 */
  readonly sendBuffer?: number;
  /** Closes the socket when aborted. */
  readonly signal?: AbortSignal;
}

/** Options of join() and leave(). */
export interface MembershipOptions {
  /** Interface to receive on. @default the first with an address of the family */
  readonly interface?: NetworkInterface;
  /** Receives only what this host sends to the group. @default any host */
  readonly source?: string;
}

/** Counters of a UDP socket. */
export interface UdpStatistics {
  /** Datagrams put into the receive ring. */
  readonly rxDatagrams: number;
  /** Their payload, bytes. */
  readonly rxBytes: number;
  /** Datagrams handed to an interface. */
  readonly txDatagrams: number;
  /** Their payload, bytes. */
  readonly txBytes: number;
  /** Datagrams dropped because the receive ring was full. */
  readonly rxDropped: number;
  /** Datagrams that could not be sent: no route, no such name, too long. */
  readonly txDropped: number;
  /** Errors about what it sent that a connected socket has heard of. */
  readonly errors: number;
}

/**
 * Reads datagrams where they lie. A view is valid until release().
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { createStack } from 'ringstack';
 *
 * const stack = await createStack();
 * const server = await stack.openUdp({ port: 9 });
 * const client = await stack.openUdp({ remote: { host: '127.0.0.1', port: 9 } });
 * const writer = client.getRingWriter();
 * const room = writer.reserve(3);
 * room?.set([1, 2, 3]);
 * writer.submit();
 *
 * const reader = server.getRingReader();
 * await reader.ready();
 * assert.deepEqual([...(reader.peek() ?? [])], [1, 2, 3]);
 * assert.equal(reader.remotePort, client.localPort);
 * reader.release();
 * await stack.close();
 * ```
 */
export interface DatagramRingReader {
  /**
   * Waits for a datagram.
   *
   * @returns true: peek() has one; false: the socket is closed.
   * @throws {NetError} As receive() of a connected socket.
   */
  ready(): Promise<boolean>;
  /**
   * The payload of the oldest datagram.
   *
   * @returns A view over shared memory, valid until release(); undefined: none is there now.
   * @throws {TypeError} If the lock was released.
   */
  peek(): Uint8Array | undefined;
  /** Address of the sender of what peek() returned, numeric. */
  readonly remoteAddress: string;
  /** Port of the sender of what peek() returned. */
  readonly remotePort: number;
  /** Address what peek() returned was sent to. */
  readonly localAddress: string;
  /** Interface it came by; undefined in a thread that the socket was shared with. */
  readonly interface: NetworkInterface | undefined;
  /** Time to live it came with. */
  readonly ttl: number;
  /**
   * Gives the datagram that peek() returned back.
   *
   * @throws {TypeError} If the lock was released.
   */
  release(): void;
  /**
   * Unlocks the readable. A ready() that waits fails.
   *
   * @throws Never.
   */
  releaseLock(): void;
}

/**
 * Writes datagrams into the send ring. They go to the destination that to() was given last, or to the connected end.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { createStack } from 'ringstack';
 *
 * const stack = await createStack();
 * const server = await stack.openUdp({ port: 9 });
 * const client = await stack.openUdp();
 * const writer = client.getRingWriter();
 * writer.to({ host: '127.0.0.1', port: 9 });
 * for (const byte of [1, 2]) {
 *   await writer.ready(100);
 *   writer.reserve(100)?.fill(byte);
 *   writer.submit(10); // ten of the hundred bytes
 * }
 * assert.equal((await server.receive()).data.length, 10);
 * assert.equal((await server.receive()).data[0], 2);
 * await stack.close();
 * ```
 */
export interface DatagramRingWriter {
  /**
   * Waits for room.
   *
   * @param length - Payload, bytes.
   * @throws {NetError} EMSGSIZE if it can never fit, ESHUTDOWN if the socket is closed.
   */
  ready(length: number): Promise<void>;
  /**
   * Says where the datagrams that follow go.
   *
   * @param to - A numeric address and a port; `local`, `interface`, `ttl` and `linkAddress` as in a datagram.
   * @throws {NetError} EINVAL for anything else, ENODEV for an interface of another stack.
   */
  to(to: DatagramHeader): void;
  /**
   * Finds room for a datagram.
   *
   * @param length - Payload, bytes.
   * @returns A view over shared memory to fill, valid until submit() or cancel(); undefined: no room now.
   * @throws {NetError} EMSGSIZE if it can never fit, ESHUTDOWN if the socket is closed.
   */
  reserve(length: number): Uint8Array | undefined;
  /**
   * Sends what reserve() returned. The stack is asked for a turn once, at the end of the task.
   *
   * @param length - Payload, bytes, no more than was reserved. @default all of it
   * @throws {RangeError} If it is more than was reserved.
   * @throws {NetError} ESHUTDOWN if the socket is closed.
   */
  submit(length?: number): void;
  /**
   * Gives up what was reserved.
   *
   * @throws Never.
   */
  cancel(): void;
  /**
   * Unlocks the writable.
   *
   * @throws Never.
   */
  releaseLock(): void;
}

/**
 * A UDP socket. It receives from the moment it is open. A datagram that finds the receive ring full is dropped and counted.
 * A datagram that cannot be sent is dropped and counted; its failure never ends the socket.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { createStack } from 'ringstack';
 *
 * const stack = await createStack();
 * const server = await stack.openUdp({ port: 7 });
 * const client = await stack.openUdp();
 * await client.send(new TextEncoder().encode('hello'), { host: '127.0.0.1', port: 7 });
 *
 * const datagram = await server.receive();
 * assert.equal(datagram.port, client.localPort);
 * await server.send(datagram.data, datagram);
 * assert.equal(new TextDecoder().decode((await client.receive()).data), 'hello');
 * await stack.close();
 * ```
 */
export interface UdpSocket extends AsyncDisposable, KeepsAlive {
  /** Datagrams as they come. Ends when the socket is closed. */
  readonly readable: ReadableStream<UdpDatagram>;
  /** Takes datagrams. A write settles when its datagram is in the send ring. */
  readonly writable: WritableStream<UdpDatagram>;
  /** Address the socket is bound to: `::` if it is none in particular. */
  readonly localAddress: string;
  /** Port it is bound to. */
  readonly localPort: number;
  /** Address it is connected to. */
  readonly remoteAddress: string | undefined;
  /** Port it is connected to. */
  readonly remotePort: number | undefined;
  /** Time to live of what is sent, 1 to 255. */
  ttl: number;
  /** The same for multicast. */
  multicastTtl: number;
  /**
   * MTU of the path of the last datagram above 576 bytes: bytes of a packet, headers included. It is the interface's, or
   * what a router said in the last 10 minutes. undefined: there was none yet, or the socket is closed.
   */
  readonly pathMtu: number | undefined;
  /** Counters. */
  readonly statistics: UdpStatistics;
  /** Settles when the socket is closed; rejects with the error that ended it (its interface or address is gone). */
  readonly closed: Promise<void>;
  /**
   * Sends one datagram.
   *
   * @param data - Payload.
   * @param to - Destination; a connected socket may leave it out.
   * @returns Settles when it is in the send ring.
   * @throws {NetError} EMSGSIZE if it is too long, EINVAL for a bad address or port, ENOTFOUND for an unknown name,
   *   ESHUTDOWN if the socket is closed.
   */
  send(data: ArrayBuffer | ArrayBufferView, to?: DatagramAddress): Promise<void>;
  /**
   * Sends one datagram now or not at all.
   *
   * @param data - Payload.
   * @param to - Destination, a numeric address; a connected socket may leave it out.
   * @returns false: the send ring has no room now.
   * @throws {NetError} As send().
   */
  trySend(data: Uint8Array, to?: DatagramAddress): boolean;
  /**
   * Waits for one datagram.
   *
   * @returns The datagram.
   * @throws {NetError} ESHUTDOWN if the socket is closed; on a connected socket, once each: ECONNREFUSED or
   *   EHOSTUNREACH, when an ICMP error about what it sent came; with `dontFragment` EMSGSIZE, when a datagram was
   *   above `pathMtu`.
   */
  receive(): Promise<UdpDatagram>;
  /**
   * Becomes a member of a group.
   *
   * @param group - Multicast address.
   * @param options - Interface and source.
   * @throws {NetError} EINVAL if it is no group, ENODEV if no interface has an address of its family, EADDRINUSE if the
   *   socket is a member already.
   */
  join(group: string, options?: MembershipOptions): Promise<void>;
  /**
   * Undoes join().
   *
   * @param group - As for join().
   * @param options - As for join().
   * @throws {NetError} EADDRNOTAVAIL if the socket is no such member.
   */
  leave(group: string, options?: MembershipOptions): Promise<void>;
  /**
   * Locks the readable and gives datagrams where they lie, without a copy.
   *
   * @returns The reader, until its releaseLock().
   * @throws {TypeError} If the readable is locked already.
   */
  getRingReader(): DatagramRingReader;
  /**
   * Locks the writable and gives room in the send ring.
   *
   * @returns The writer, until its releaseLock().
   * @throws {TypeError} If the writable is locked already.
   */
  getRingWriter(): DatagramRingWriter;
  /**
   * Hands the socket to another thread, with its memberships and what has come and was not read. Here it is closed
   * then. There, a received datagram has no `interface`, and names are those of `stack.hosts` at this moment.
   *
   * @returns A handle to post to the other thread, which opens it with attach().
   * @throws {NetError} EINVAL if the readable or the writable is locked, EBADF if it was shared before, ESHUTDOWN if it is
   *   closed, ENOMEM.
   */
  share(): Promise<SharedHandle<UdpSocket>>;
  /**
   * Closes the socket; reads end with done. Datagrams in the send ring are still sent.
   *
   * @throws Never.
   */
  close(): Promise<void>;
  /**
   * Iterates over what is received.
   *
   * @returns The iterator; leaving the loop unlocks the readable and closes nothing.
   * @throws {TypeError} If the readable is locked.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<UdpDatagram>;
}

/**
 * The UDP of a stack, under the names of tcpip.js 0.4: what services take as a transport.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { createStack } from 'ringstack';
 *
 * const stack = await createStack();
 * const socket = await stack.udp.open({ port: 53 });
 * assert.equal(socket.localPort, 53);
 * await stack.close();
 * ```
 */
export interface StackUdp {
  /**
   * As openUdp() of the stack.
   *
   * @param options - Address, port and settings.
   * @returns The socket.
   * @throws {NetError} As openUdp().
   */
  open(options?: UdpSocketOptions): Promise<UdpSocket>;
}
