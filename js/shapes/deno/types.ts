// SPDX-License-Identifier: MIT
// types - the public interfaces of Deno's sockets, as far as a stack has them

/// <reference lib="esnext.disposable" preserve="true" />

/** An address of a socket. */
export interface NetAddr {
  /** Kind of the socket. */
  transport: 'tcp' | 'udp';
  /** Numeric. */
  hostname: string;
  /** 0 to 65535. */
  port: number;
}

/** Options of connect(). */
export interface ConnectOptions {
  /** 1 to 65535. */
  port: number;
  /** An address or a name. @default '127.0.0.1' */
  hostname?: string;
  /** Always TCP: there are no unix sockets. */
  transport?: 'tcp';
  /** Gives up when aborted, with its reason. */
  signal?: AbortSignal;
}

/** Options of listen(). */
export interface TcpListenOptions {
  /** 0 to 65535; 0: a random free one. @default 0 */
  port?: number;
  /** An address of the stack, or a name in `stack.hosts`. @default '0.0.0.0' */
  hostname?: string;
  /** Always TCP: there are no unix sockets. */
  transport?: 'tcp';
  /** Connections half-open or waiting to be accepted, 1 to 65535. @default 511 */
  tcpBacklog?: number;
  /** Without effect, as on other systems than Linux: a port has one listener. */
  reusePort?: boolean;
}

/** Options of listenDatagram(). */
export interface UdpListenOptions {
  /** Always UDP: there are no unix sockets. */
  transport: 'udp';
  /** 0 to 65535; 0: a random free one. @default 0 */
  port?: number;
  /** An address of the stack, a group, or a name in `stack.hosts`. @default '0.0.0.0' */
  hostname?: string;
  /** Several sockets may have the port if all of them say so. @default false */
  reuseAddress?: boolean;
  /** Multicast that it sends also comes to members on this stack. @default false */
  loopback?: boolean;
}

/**
 * A connection.
 *
 * @example
 * ```ts
 * import type { Conn } from 'ringstack/deno';
 *
 * async function hello(conn: Conn): Promise<number> {
 *   return conn.write(new TextEncoder().encode('hello'));
 * }
 * ```
 */
export interface Conn extends Disposable {
  /** Our address. */
  readonly localAddr: NetAddr;
  /** The peer's address. */
  readonly remoteAddr: NetAddr;
  /** Bytes from the peer. The connection is closed when it ends or is cancelled, as in Deno. */
  readonly readable: ReadableStream<Uint8Array<ArrayBuffer>>;
  /** Bytes to the peer. The connection is closed when it is closed or aborted, as in Deno. */
  readonly writable: WritableStream<Uint8Array<ArrayBufferLike>>;
  /**
   * Reads into a buffer.
   *
   * @param p - The buffer.
   * @returns Bytes that were read, at least one unless the buffer has no room; null: the peer has ended its side.
   * @throws BadResource if it is closed, Interrupted if it was closed during the read, ConnectionReset, TimedOut, …
   */
  read(p: Uint8Array): Promise<number | null>;
  /**
   * Writes a buffer, all of it.
   *
   * @param p - The bytes, not to be changed until it settles.
   * @returns How many there were.
   * @throws BadResource if it is closed, BrokenPipe if our side has ended, ConnectionReset, TimedOut, …
   */
  write(p: Uint8Array): Promise<number>;
  /**
   * Ends our side; the other stays open.
   *
   * @throws BadResource if it is closed.
   */
  closeWrite(): Promise<void>;
  /**
   * Closes it. Bytes that were written are still sent.
   *
   * @throws BadResource if it is closed already.
   */
  close(): void;
  /**
   * Undoes unref().
   *
   * @throws Never.
   */
  ref(): void;
  /**
   * Lets the process end although a read waits.
   *
   * @throws Never.
   */
  unref(): void;
}

/**
 * A TCP connection.
 *
 * @example
 * ```ts
 * import type { TcpConn } from 'ringstack/deno';
 *
 * const eager = (conn: TcpConn): void => conn.setNoDelay();
 * ```
 */
export interface TcpConn extends Conn {
  /**
   * Sends small segments at once, or not.
   *
   * @param noDelay - Whether. @default true
   * @throws BadResource if it is closed.
   */
  setNoDelay(noDelay?: boolean): void;
  /**
   * Probes an idle connection after two hours, or not.
   *
   * @param keepAlive - Whether. @default true
   * @throws BadResource if it is closed.
   */
  setKeepAlive(keepAlive?: boolean): void;
}

/** Facts about a handshake of TLS. */
export interface TlsHandshakeInfo {
  /** Protocol that was agreed on. */
  alpnProtocol: string | null;
}

/**
 * A connection over TLS.
 *
 * @example
 * ```ts
 * import type { TlsConn } from 'ringstack/deno';
 *
 * const protocol = async (conn: TlsConn) => (await conn.handshake()).alpnProtocol;
 * ```
 */
export interface TlsConn extends Conn {
  /**
   * The handshake, which is over when there is a TlsConn.
   *
   * @returns The protocol that was agreed on.
   * @throws Never.
   */
  handshake(): Promise<TlsHandshakeInfo>;
}

/** Options of startTls(), given to the TLS provider. */
export interface StartTlsOptions {
  /** Name of the server. @default '127.0.0.1' */
  hostname?: string;
  /** Certificates to trust, PEM. */
  caCerts?: string[];
  /** Protocols to offer. @default none */
  alpnProtocols?: string[];
  /** Trusts a certificate for another name. @default false */
  unsafelyDisableHostnameVerification?: boolean;
}

/** Options of connectTls(): also a certificate of ours. */
export interface ConnectTlsOptions extends StartTlsOptions {
  /** 1 to 65535. */
  port: number;
  /** Certificate of the client, PEM. */
  cert?: string;
  /** Its key, PEM. */
  key?: string;
}

/**
 * A listener.
 *
 * @example
 * ```ts
 * import type { TcpListener } from 'ringstack/deno';
 *
 * async function echo(listener: TcpListener): Promise<void> {
 *   for await (const conn of listener) void conn.readable.pipeTo(conn.writable);
 * }
 * ```
 */
export interface Listener<T extends Conn = Conn> extends AsyncIterable<T>, Disposable {
  /** Address that it listens at; the port that was chosen if 0 was asked for. */
  readonly addr: NetAddr;
  /**
   * Waits for the next connection.
   *
   * @returns The connection.
   * @throws BadResource if it is closed, Busy if another call waits; AddrInUse, … if the stack could not listen.
   */
  accept(): Promise<T>;
  /**
   * Stops listening. Connections that were not accepted are reset.
   *
   * @throws BadResource if it is closed already.
   */
  close(): void;
  /**
   * Undoes unref().
   *
   * @throws Never.
   */
  ref(): void;
  /**
   * Lets the process end although accept() waits.
   *
   * @throws Never.
   */
  unref(): void;
  /**
   * Iterates over connections; leaving the loop closes the listener.
   *
   * @returns The listener itself.
   * @throws Never.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<T>;
}

/** A listener for TCP connections. */
export type TcpListener = Listener<TcpConn>;

/** Membership of a group of IPv4. */
export interface MulticastV4Membership {
  /** Leaves the group. */
  leave: () => Promise<void>;
  /** Whether multicast that the socket sends comes back: that of `loopback` alone, else NotSupported. */
  setLoopback: (loopback: boolean) => Promise<void>;
  /** Time to live of multicast that the socket sends, 0 to 255. */
  setTTL: (ttl: number) => Promise<void>;
}

/** Membership of a group of IPv6. */
export type MulticastV6Membership = Omit<MulticastV4Membership, 'setTTL'>;

/**
 * A socket for datagrams.
 *
 * @example
 * ```ts
 * import type { DatagramConn } from 'ringstack/deno';
 *
 * async function echo(socket: DatagramConn): Promise<void> {
 *   for await (const [data, from] of socket) await socket.send(data, from);
 * }
 * ```
 */
export interface DatagramConn extends AsyncIterable<[Uint8Array<ArrayBuffer>, NetAddr]> {
  /** Address that it receives at; the port that was chosen if 0 was asked for. */
  readonly addr: NetAddr;
  /**
   * Becomes a member of a group of IPv4.
   *
   * @param address - The group.
   * @param networkInterface - An address of the interface; 0.0.0.0: any.
   * @returns The membership.
   * @throws TypeError if it is no group, Error if there is no interface of this kind.
   */
  joinMulticastV4(address: string, networkInterface: string): Promise<MulticastV4Membership>;
  /**
   * Becomes a member of a group of IPv6.
   *
   * @param address - The group.
   * @param networkInterface - Number of the interface in `stack.interfaces`, from 1; 0: any.
   * @returns The membership.
   * @throws TypeError if it is no group, Error if there is no interface of this kind.
   */
  joinMulticastV6(address: string, networkInterface: number): Promise<MulticastV6Membership>;
  /**
   * Waits for a datagram.
   *
   * @param p - Buffer to receive into; a longer datagram is cut. @default a new one
   * @returns Its payload and its sender.
   * @throws BadResource if it is closed; AddrInUse, … if the stack could not open it.
   */
  receive(p?: Uint8Array): Promise<[Uint8Array<ArrayBuffer>, NetAddr]>;
  /**
   * Sends a datagram.
   *
   * @param p - Its payload.
   * @param addr - Its destination. @default for `hostname` 127.0.0.1
   * @returns The length of the payload.
   * @throws BadResource if it is closed, Error if it is too long.
   */
  send(p: Uint8Array, addr: { hostname?: string; port: number }): Promise<number>;
  /**
   * Closes it.
   *
   * @throws BadResource if it is closed already.
   */
  close(): void;
  /**
   * Undoes unref().
   *
   * @throws Never.
   */
  ref(): void;
  /**
   * Lets the process end although receive() waits.
   *
   * @throws Never.
   */
  unref(): void;
  /**
   * Iterates over what is received, until it is closed.
   *
   * @returns The iterator.
   * @throws Never.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<[Uint8Array<ArrayBuffer>, NetAddr]>;
}
