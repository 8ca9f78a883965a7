// SPDX-License-Identifier: MIT
// conn - connections as Deno has them: read() and write() into buffers, streams that close the connection
//
// Theory of operation
//
// The process stays alive while a read waits, unless unref() was called, and while a write waits; not for an open
// connection alone. After close() it stays, at most MOST ms, until the peer has the last bytes.

import type { TcpConnection } from '../../api/tcp.ts';
import type { StreamConnection } from '../../http/transport.ts';
import { DISPOSE } from '../../util/dispose.ts';
import { Hold, unref } from '../../util/process.ts';
import { ByteEnds, type Bytes } from '../ends.ts';
import { SocketReadable, SocketWritable } from '../streams.ts';
import { tcpAddr } from './address.ts';
import { badResource, denoErrorOf, errors, interrupted, systemError } from './errors.ts';
import type { Conn, NetAddr, TcpConn, TlsConn, TlsHandshakeInfo } from './types.ts';

/** ms that the last bytes keep the process alive. */
const MOST = 3000;
/** Idle time before the first probe of Linux, ms. */
const KEEP_ALIVE = 7_200_000;

/** Keeps the process alive until a connection is closed, but not for long. */
function holdUntil(closed: Promise<void>): void {
  const hold = new Hold();
  hold.set(true);
  const release = (): void => hold.set(false);
  const timer = unref(setTimeout(release, MOST));
  void closed.then(() => {
    clearTimeout(timer);
    release();
  });
}

/** A connection over any transport. */
class BaseConn implements Conn {
  readonly localAddr: NetAddr;
  readonly remoteAddr: NetAddr;
  readonly #ends: ByteEnds;
  readonly #hold = new Hold();
  #reads = 0;
  #writes = 0;
  #isRefed = true;
  #isClosed = false;
  #isShut = false;
  #readable: SocketReadable | undefined;
  #writable: SocketWritable | undefined;

  constructor(connection: StreamConnection) {
    this.#ends = new ByteEnds(unref(connection));
    this.localAddr = tcpAddr(connection.localAddress, connection.localPort);
    this.remoteAddr = tcpAddr(connection.remoteAddress, connection.remotePort);
  }

  #update(): void {
    this.#hold.set((this.#isRefed && this.#reads > 0) || this.#writes > 0);
  }

  protected check(): void {
    if (this.#isClosed) throw badResource();
  }

  async #reading<T>(read: () => Promise<T>): Promise<T> {
    this.check();
    this.#reads++;
    this.#update();
    try {
      const result = await read();
      if (this.#isClosed) throw interrupted();
      return result;
    } catch (error) {
      throw this.#isClosed ? interrupted() : denoErrorOf(error);
    } finally {
      this.#reads--;
      this.#update();
    }
  }

  async read(p: Uint8Array): Promise<number | null> {
    if (p.length === 0) return 0;
    const length = await this.#reading(() => this.#ends.fill(p));
    return length === 0 ? null : length;
  }

  async write(p: Uint8Array): Promise<number> {
    this.check();
    if (this.#isShut) throw systemError('EPIPE');
    this.#writes++;
    this.#update();
    try {
      if (p.length > 0) await this.#ends.write(p);
      return p.length;
    } catch (error) {
      throw this.#isClosed ? interrupted() : denoErrorOf(error);
    } finally {
      this.#writes--;
      this.#update();
    }
  }

  async closeWrite(): Promise<void> {
    this.check();
    if (this.#isShut) return;
    this.#isShut = true;
    // A read tells how it ends.
    this.#ends.end().catch(() => {});
  }

  close(): void {
    this.check();
    this[DISPOSE]();
  }

  [DISPOSE](): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    holdUntil(this.#ends.close());
  }

  /** The connection, which this object gives up. */
  detach(): StreamConnection {
    this.check();
    const isUsed = this.#reads + this.#writes > 0 || this.#isShut;
    if (isUsed) throw new errors.Busy('TCP stream is currently in use');
    const connection = this.#ends.detach();
    this.#isClosed = true;
    return connection;
  }

  get readable(): ReadableStream<Bytes> {
    const close = (): void => this[DISPOSE]();
    this.#readable ??= new SocketReadable(
      Promise.resolve({
        take: () => this.#reading(() => this.#ends.take()),
        fill: (into) => this.#reading(() => this.#ends.fill(into)),
      }),
      {
        ended: close,
        cancelled: close,
        failed: (error) => {
          close();
          return error;
        },
      },
    );
    return this.#readable.stream;
  }

  get writable(): WritableStream<Uint8Array> {
    const close = (): void => this[DISPOSE]();
    this.#writable ??= new SocketWritable(
      Promise.resolve({ write: async (bytes) => void (await this.write(bytes)) }),
      {
        closed: close,
        aborted: close,
        failed: (error) => {
          close();
          return error;
        },
      },
    );
    return this.#writable.stream;
  }

  ref(): void {
    this.#isRefed = true;
    this.#update();
  }

  unref(): void {
    this.#isRefed = false;
    this.#update();
  }
}

/** A connection of a stack. */
export class StackConn extends BaseConn implements TcpConn {
  readonly #connection: TcpConnection;

  constructor(connection: TcpConnection) {
    super(connection);
    this.#connection = connection;
  }

  setNoDelay(noDelay = true): void {
    this.check();
    this.#connection.noDelay = noDelay;
  }

  setKeepAlive(keepAlive = true): void {
    this.check();
    this.#connection.keepAlive = keepAlive ? KEEP_ALIVE : 0;
  }
}

/** A connection behind its handshake. */
export class SecureConn extends BaseConn implements TlsConn {
  readonly #alpn: string | null;

  constructor(connection: StreamConnection) {
    super(connection);
    this.#alpn = connection.alpn ?? null;
  }

  async handshake(): Promise<TlsHandshakeInfo> {
    return { alpnProtocol: this.#alpn };
  }
}
