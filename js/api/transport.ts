// SPDX-License-Identifier: MIT
// transport - what a service asks of a network: streams and datagrams, and nothing else
//
// The shapes of @tcpip/transport: a stack has them (`stack.tcp`, `stack.udp`), and so may anything else
// that carries bytes. A service opens, iterates for what comes, writes to `writable`, and closes.

/** Bytes in both directions. */
export interface DuplexStream<T = Uint8Array> {
  /** Chunks that arrive. */
  readonly readable: ReadableStream<T>;
  /** Chunks to send. */
  readonly writable: WritableStream<T>;
}

/**
 * A connection of a stream transport.
 *
 * @example
 * ```ts
 * import type { StreamTransport } from 'ringstack';
 *
 * async function ask(tcp: StreamTransport, question: Uint8Array): Promise<number> {
 *   const connection = await tcp.connect({ host: '10.0.0.1', port: 80 });
 *   await connection.writable.getWriter().write(question);
 *   let bytes = 0;
 *   for await (const chunk of connection) bytes += chunk.length;
 *   await connection.close();
 *   return bytes;
 * }
 * ```
 */
export interface StreamConnection extends DuplexStream {
  /** The peer's address, where the transport knows it. */
  readonly remoteAddress?: string;
  /** The peer's port, where the transport knows it. */
  readonly remotePort?: number;
  /**
   * Closes both directions.
   *
   * @throws The error of the transport.
   */
  close(): Promise<void>;
  /**
   * Ends the connection at once, where the transport can do that.
   *
   * @param reason - Why.
   * @throws Never.
   */
  abort?(reason?: unknown): void;
  /**
   * Iterates over what comes.
   *
   * @returns The iterator; it ends with the peer's side.
   * @throws The error of the transport.
   */
  [Symbol.asyncIterator](): AsyncIterator<Uint8Array>;
}

/**
 * A listener of a stream transport.
 *
 * @example
 * ```ts
 * import type { StreamListener } from 'ringstack';
 *
 * async function echo(listener: StreamListener): Promise<void> {
 *   for await (const { readable, writable } of listener) void readable.pipeTo(writable);
 * }
 * ```
 */
export interface StreamListener {
  /** Port it listens on, where the transport knows it. */
  readonly port?: number;
  /**
   * Stops listening. A transport without it listens until it ends.
   *
   * @throws The error of the transport.
   */
  close?(): Promise<void>;
  /**
   * Iterates over the connections that come.
   *
   * @returns The iterator; it ends when the listener is closed.
   * @throws The error of the transport.
   */
  [Symbol.asyncIterator](): AsyncIterator<StreamConnection>;
}

/**
 * Opens connections, and may listen for them: TCP, or what stands for it.
 *
 * @example
 * ```ts
 * import type { StreamTransport } from 'ringstack';
 *
 * const refusing: StreamTransport = {
 *   connect: ({ host, port }) => Promise.reject(new Error(`${host}:${port} is not reachable`)),
 * };
 * ```
 */
export interface StreamTransport {
  /**
   * Opens a connection.
   *
   * @param options - Destination.
   * @returns The connection, open.
   * @throws The error of the transport.
   */
  connect(options: { host: string; port: number }): Promise<StreamConnection>;
  /**
   * Listens for connections.
   *
   * @param options - Where.
   * @returns The listener.
   * @throws The error of the transport.
   */
  listen?(options: { host?: string; port: number }): Promise<StreamListener>;
}

/** One datagram: where it came from, or where it goes to. */
export interface Datagram {
  /** Address of the other side. */
  host: string;
  /** Port of the other side. */
  port: number;
  /** The bytes. */
  data: Uint8Array;
  /** Received: where it was sent to. Sent: the source to use. */
  local?: {
    /** Its address. */
    address: string;
    /** Its port. */
    port: number;
  };
  /** The interface it came by, or goes out of. */
  interface?: unknown;
}

/**
 * An open socket of a datagram transport.
 *
 * @example
 * ```ts
 * import type { DatagramSocket } from 'ringstack';
 *
 * async function echo(socket: DatagramSocket): Promise<void> {
 *   const writer = socket.writable.getWriter();
 *   for await (const datagram of socket) await writer.write(datagram);
 * }
 * ```
 */
export interface DatagramSocket {
  /** Datagrams to send. */
  readonly writable: WritableStream<Datagram>;
  /**
   * Closes the socket.
   *
   * @throws The error of the transport.
   */
  close(): Promise<void>;
  /**
   * Iterates over the datagrams that come.
   *
   * @returns The iterator; it ends when the socket is closed.
   * @throws The error of the transport.
   */
  [Symbol.asyncIterator](): AsyncIterator<Datagram>;
}

/**
 * Opens sockets for datagrams: UDP, or what stands for it.
 *
 * @example
 * ```ts
 * import type { DatagramTransport } from 'ringstack';
 *
 * const closed: DatagramTransport = { open: () => Promise.reject(new Error('there is no network')) };
 * ```
 */
export interface DatagramTransport {
  /**
   * Opens a socket.
   *
   * @param options - Address and port to bind; without a port, a random free one.
   * @returns The socket.
   * @throws The error of the transport.
   */
  open(options?: { host?: string; port?: number }): Promise<DatagramSocket>;
}
