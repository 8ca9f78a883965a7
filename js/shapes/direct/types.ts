// SPDX-License-Identifier: MIT
// types - the public interfaces of Direct Sockets (WICG), under its names

/** Family of the address that a name is looked up for. */
export type SocketDnsQueryType = 'ipv4' | 'ipv6';

/** Options of a TCPSocket. */
export interface TCPSocketOptions {
  /** Bytes, from 1; the stack takes the nearest from 4 KiB to 16 MiB. @default that of the stack */
  sendBufferSize?: number;
  /** Bytes, from 1; the stack takes the nearest from 64 KiB to 16 MiB. @default that of the stack */
  receiveBufferSize?: number;
  /** Sends small segments at once. @default false */
  noDelay?: boolean;
  /** Idle time before the first keep-alive probe, ms, from 1000. @default none is sent */
  keepAliveDelay?: number;
  /** Family of the address of a name; needs `stack.hosts` or `stack.resolver`. @default both */
  dnsQueryType?: SocketDnsQueryType;
}

/** Result of `opened` of a TCPSocket. */
export interface TCPSocketOpenInfo {
  /** Bytes from the peer, a byte stream. */
  readable: ReadableStream<Uint8Array<ArrayBuffer>>;
  /** Bytes to the peer. Closing or aborting it ends our side. */
  writable: WritableStream<Uint8Array>;
  /** The peer's address, numeric. */
  remoteAddress: string;
  /** The peer's port. */
  remotePort: number;
  /** Our address. */
  localAddress: string;
  /** Our port. */
  localPort: number;
}

/**
 * A TCP connection.
 *
 * @example
 * ```ts
 * import type { TCPSocket } from 'ringstack/direct-sockets';
 *
 * async function text(socket: TCPSocket): Promise<string> {
 *   const { readable } = await socket.opened;
 *   return new Response(readable).text();
 * }
 * ```
 */
export interface TCPSocket {
  /** Settles when it is open; rejects with a NetworkError if it cannot be opened. */
  readonly opened: Promise<TCPSocketOpenInfo>;
  /** Settles when both streams are over; rejects with a NetworkError if it could not be opened, or failed. */
  readonly closed: Promise<void>;
  /**
   * Cancels the readable and aborts the writable. Bytes in the send buffer are still sent.
   *
   * @returns `closed`.
   * @throws {DOMException} InvalidStateError before it is open, and while a stream is locked.
   */
  close(): Promise<void>;
}

/** Options of a TCPServerSocket. */
export interface TCPServerSocketOptions {
  /** 1 to 65535. @default a random free one */
  localPort?: number;
  /** Connections half-open or waiting to be accepted, from 1. @default 4096 */
  backlog?: number;
  /** For `::` alone. True is not supported: `opened` rejects with a NotSupportedError. @default false */
  ipv6Only?: boolean;
}

/** Result of `opened` of a TCPServerSocket. */
export interface TCPServerSocketOpenInfo {
  /** Connections, open. */
  readable: ReadableStream<TCPSocket>;
  /** Address it listens on. */
  localAddress: string;
  /** Port it listens on. */
  localPort: number;
}

/**
 * A TCP listener.
 *
 * @example
 * ```ts
 * import type { TCPServerSocket } from 'ringstack/direct-sockets';
 *
 * const port = async (server: TCPServerSocket) => (await server.opened).localPort;
 * ```
 */
export interface TCPServerSocket {
  /** Settles when it listens; rejects with a NetworkError if it cannot. */
  readonly opened: Promise<TCPServerSocketOpenInfo>;
  /** Settles when it is closed; rejects with a NetworkError if it could not listen, or failed. */
  readonly closed: Promise<void>;
  /**
   * Cancels the readable: it stops listening.
   *
   * @returns `closed`.
   * @throws {DOMException} InvalidStateError before it is open, and while the readable is locked.
   */
  close(): Promise<void>;
}

/** Options of a UDPSocket: the remote end, or a local address. */
export interface UDPSocketOptions {
  /** Connects the socket: a name or an address. */
  remoteAddress?: string;
  /** 1 to 65535; goes with `remoteAddress`. */
  remotePort?: number;
  /** Binds the socket: an address. */
  localAddress?: string;
  /** 1 to 65535, with `localAddress`. @default a random free one */
  localPort?: number;
  /** Bytes, from 1; the stack takes the nearest from 2 KiB to 16 MiB. @default 262144 */
  sendBufferSize?: number;
  /** Bytes, from 1; the stack takes the nearest from 2 KiB to 16 MiB. @default 262144 */
  receiveBufferSize?: number;
  /** Family of the address of a name, with `remoteAddress`; needs `stack.hosts` or `stack.resolver`. @default both */
  dnsQueryType?: SocketDnsQueryType;
  /** With `::`, receives IPv6 alone. @default false */
  ipv6Only?: boolean;
}

/** A datagram. */
export interface UDPMessage {
  /** Payload; of what is received a Uint8Array. */
  data: ArrayBuffer | ArrayBufferView;
  /** The other end; of a connected socket left out. */
  remoteAddress?: string;
  /** Its port; of a connected socket left out. */
  remotePort?: number;
  /** To send by a bound socket: family of the address of a name. */
  dnsQueryType?: SocketDnsQueryType;
}

/** A datagram that was received. */
export interface ReceivedUDPMessage extends UDPMessage {
  /** Payload. */
  data: Uint8Array<ArrayBuffer>;
}

/** Result of `opened` of a UDPSocket. */
export interface UDPSocketOpenInfo {
  /** Datagrams that come. */
  readable: ReadableStream<ReceivedUDPMessage>;
  /** Datagrams to send. */
  writable: WritableStream<UDPMessage>;
  /** Address it is connected to. */
  remoteAddress?: string;
  /** Port it is connected to. */
  remotePort?: number;
  /** Address it is bound to. */
  localAddress: string;
  /** Port it is bound to. */
  localPort: number;
}

/**
 * A UDP socket.
 *
 * @example
 * ```ts
 * import type { UDPSocket } from 'ringstack/direct-sockets';
 *
 * const port = async (socket: UDPSocket) => (await socket.opened).localPort;
 * ```
 */
export interface UDPSocket {
  /** Settles when it is open; rejects with a NetworkError if it cannot be opened. */
  readonly opened: Promise<UDPSocketOpenInfo>;
  /** Settles when both streams are over; rejects with a NetworkError if it could not be opened, or failed. */
  readonly closed: Promise<void>;
  /**
   * Cancels the readable and aborts the writable.
   *
   * @returns `closed`.
   * @throws {DOMException} InvalidStateError before it is open, and while a stream is locked.
   */
  close(): Promise<void>;
}

/** The classes of Direct Sockets. */
export interface DirectSockets {
  /** TCP connections. */
  readonly TCPSocket: {
    /** Begins to connect; throws a TypeError for a bad argument. */
    new (remoteAddress: string, remotePort: number, options?: TCPSocketOptions): TCPSocket;
  };
  /** TCP listeners. */
  readonly TCPServerSocket: {
    /** Begins to listen; throws a TypeError for a bad argument. */
    new (localAddress: string, options?: TCPServerSocketOptions): TCPServerSocket;
  };
  /** UDP sockets. */
  readonly UDPSocket: {
    /** Begins to open; throws a TypeError for a bad argument. */
    new (options?: UDPSocketOptions): UDPSocket;
  };
}
