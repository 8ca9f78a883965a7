// SPDX-License-Identifier: MIT
// types - the public interfaces of connect() as WinterTC and Cloudflare have it

/** Destination of a connection. */
export interface SocketAddress {
  /** An address or a name. */
  hostname: string;
  /** 1 to 65535. */
  port: number;
}

/** Options of connect(). */
export interface SocketOptions {
  /** `on`: secured by the TLS provider; `starttls`: not before startTls(). @default 'off' */
  secureTransport?: 'off' | 'on' | 'starttls';
  /** Whether the writable stays open when the peer has ended its side. @default false */
  allowHalfOpen?: boolean;
  /** Name of the server in the handshake of TLS. @default the host name */
  sni?: string;
  /** Protocols to offer in the handshake of TLS. @default none */
  alpn?: readonly string[];
  /** Bytes that the writable queues before it says that it is full, from 0. @default 1 chunk */
  highWaterMark?: number;
}

/** Options of startTls(). */
export interface TlsOptions {
  /** Name of the server. @default that of connect() */
  expectedServerHostname?: string;
}

/** Facts about a socket that is open. */
export interface SocketInfo {
  /** The peer, such as `10.0.0.2:80` or `[fd00::2]:80`. */
  remoteAddress: string;
  /** Our end, in the same form. */
  localAddress: string;
  /** The protocol that the handshake of TLS agreed on. */
  alpn: string | null;
}

/**
 * A socket.
 *
 * @example
 * ```ts
 * import type { Socket } from 'ringstack/sockets';
 *
 * async function ask(socket: Socket, question: string): Promise<string> {
 *   const writer = socket.writable.getWriter();
 *   await writer.write(new TextEncoder().encode(question));
 *   return new Response(socket.readable).text();
 * }
 * ```
 */
export interface Socket {
  /** Bytes from the peer, a byte stream. Reads and writes wait until the socket is open. */
  readonly readable: ReadableStream<Uint8Array<ArrayBuffer>>;
  /** Bytes to the peer. Closing it ends our side; aborting it resets the connection. */
  readonly writable: WritableStream<Uint8Array>;
  /**
   * Settles when the socket is open, behind the handshake of TLS; rejects with a SocketError if it cannot be opened, with
   * the reason of close() if that comes first.
   */
  readonly opened: Promise<SocketInfo>;
  /**
   * Settles when the socket is closed: by close(), by startTls(), by the peer if the readable was read to its end and
   * `allowHalfOpen` is false, or when both sides have ended. Rejects with a SocketError if it could not be opened, or failed.
   */
  readonly closed: Promise<void>;
  /** startTls() was called. */
  readonly upgraded: boolean;
  /** How it is secured. */
  readonly secureTransport: 'off' | 'on' | 'starttls';
  /**
   * Closes it. Bytes that were written are still sent, as far as the send buffer has room for them.
   *
   * @param reason - Error of the streams. @default the readable ends, the writable fails with a SocketError
   * @returns `closed`.
   * @throws As `closed`.
   */
  close(reason?: unknown): Promise<void>;
  /**
   * Secures the connection by the TLS provider. This socket is closed then, and its streams end; its connection goes on in
   * the new one.
   *
   * @param options - Name of the server.
   * @returns The new socket.
   * @throws {TypeError} A SocketError: without `secureTransport: 'starttls'`, a second time, when it is closed.
   */
  startTls(options?: TlsOptions): Socket;
}
