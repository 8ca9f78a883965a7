// SPDX-License-Identifier: MIT
// socket - a socket that is there before its connection is
//
// Theory of operation
//
// States: opening, open, over. While it opens, reads and writes wait in the streams. It is over by close(), by startTls(), by
// the end of the readable unless `allowHalfOpen`, when both sides have ended, or when the connection fails. #end() is the only
// way to that state: it settles `opened` and `closed`, and ends both streams, whether they are locked or not; so no promise is
// left. Only a connection that fails leaves the readable its bytes, behind which the error comes.
//
// close() gives chunks that wait in the writable one round of the event loop to get into the send buffer. Then the
// connection is closed in order, in the background.

import type { StreamConnection } from '../../http/transport.ts';
import { Deferred } from '../../util/deferred.ts';
import { ByteEnds, type Bytes } from '../ends.ts';
import { SocketReadable, SocketWritable } from '../streams.ts';
import { socketError, socketErrorOf } from './error.ts';
import type { Settings } from './options.ts';
import type { Socket, SocketInfo, TlsOptions } from './types.ts';

/** The way to a socket's connection. */
export interface Route {
  /** Opens the connection, or gives up when aborted. */
  open(signal: AbortSignal): Promise<StreamConnection>;
  /** Secures a connection under a name; undefined: there is no TLS provider. */
  readonly secure:
    | ((
        connection: StreamConnection,
        name: string | undefined,
        signal: AbortSignal,
      ) => Promise<StreamConnection>)
    | undefined;
}

/** An address as SocketInfo has it. */
function endpoint(address = '', port = 0): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

/** How a socket ends. */
interface End {
  readonly error?: unknown;
  readonly reason?: unknown;
  readonly isReadableLeft?: boolean;
}

const closedError = (): TypeError => socketError('The socket is closed');

/** A socket. */
export class StackSocket implements Socket {
  readonly secureTransport: Settings['kind'];
  readonly #route: Route;
  readonly #settings: Settings;
  readonly #opened = new Deferred<SocketInfo>();
  readonly #closed = new Deferred();
  readonly #opening = new AbortController();
  readonly #ends: Promise<ByteEnds>;
  readonly #readable: SocketReadable;
  readonly #writable: SocketWritable;
  #upgraded = false;
  #isOpen = false;
  #isOver = false;

  constructor(route: Route, settings: Settings) {
    this.#route = route;
    this.#settings = settings;
    this.secureTransport = settings.kind;
    this.#ends = this.#open();
    this.#ends.catch((error) => this.#end({ error }));
    const failed = (cause: unknown): unknown => {
      const error = socketErrorOf(cause);
      this.#end({ error });
      return error;
    };
    this.#readable = new SocketReadable(this.#ends, {
      ended: () => this.#ended(),
      cancelled: () => void this.#drain(),
      failed,
    });
    const { highWaterMark } = settings;
    this.#writable = new SocketWritable(
      this.#ends,
      {
        closed: () => this.#endWriting(),
        aborted: (reason) => this.#reset(reason),
        failed,
      },
      highWaterMark === undefined ? undefined : new ByteLengthQueuingStrategy({ highWaterMark }),
    );
  }

  async #open(): Promise<ByteEnds> {
    let ends: ByteEnds;
    try {
      ends = new ByteEnds(await this.#route.open(this.#opening.signal));
    } catch (error) {
      throw socketErrorOf(error);
    }
    if (this.#isOver) {
      ends.abort();
      throw closedError();
    }
    const { connection } = ends;
    const { localAddress, localPort, remoteAddress, remotePort, alpn = null } = connection;
    this.#isOpen = true;
    this.#opened.resolve({
      remoteAddress: endpoint(remoteAddress, remotePort),
      localAddress: endpoint(localAddress, localPort),
      alpn,
    });
    const { closed } = connection as { closed?: Promise<void> };
    closed?.catch((error) => this.#end({ error: socketErrorOf(error), isReadableLeft: true }));
    return ends;
  }

  /** The socket is over. error: it has failed; reason: the program's, for the streams. */
  #end({ error, reason, isReadableLeft }: End = {}): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const why = error ?? reason ?? closedError();
    this.#opened.reject(why);
    if (error === undefined) this.#closed.resolve();
    else this.#closed.reject(error);
    this.#writable.fail(why);
    if (isReadableLeft) return;
    if (error !== undefined) this.#ends.then((ends) => ends.abort(error)).catch(() => {});
    if (why === error || why === reason) this.#readable.fail(why);
    else this.#readable.end();
  }

  /** The peer has ended its side. */
  #ended(): void {
    if (!this.#settings.allowHalfOpen) void this.close();
    else if (this.#writable.isOver) this.#end();
  }

  async #endWriting(): Promise<void> {
    await (await this.#ends).end();
    if (this.#readable.isOver) this.#end();
  }

  /** Throws away what comes: a peer that cannot send would not read either. */
  async #drain(): Promise<void> {
    try {
      const ends = await this.#ends;
      while (!this.#isOver && (await ends.take()));
      if (!this.#isOver) this.#ended();
    } catch (error) {
      this.#end({ error: socketErrorOf(error) });
    }
  }

  #reset(reason: unknown): void {
    this.#end({ error: socketErrorOf(reason ?? socketError('The writable was aborted')) });
    this.#opening.abort(reason);
  }

  get readable(): ReadableStream<Bytes> {
    return this.#readable.stream;
  }

  get writable(): WritableStream<Uint8Array> {
    return this.#writable.stream;
  }

  get opened(): Promise<SocketInfo> {
    return this.#opened.promise;
  }

  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  get upgraded(): boolean {
    return this.#upgraded;
  }

  close(reason?: unknown): Promise<void> {
    void this.#close(reason);
    return this.closed;
  }

  async #close(reason: unknown): Promise<void> {
    if (this.#isOpen && !this.#isOver) await this.#writable.flush();
    this.#end({ reason });
    this.#opening.abort(reason);
    const ends = await this.#ends.catch(() => undefined);
    if (!this.#upgraded) await ends?.close();
  }

  startTls(options: TlsOptions = {}): Socket {
    const { secure } = this.#route;
    if (this.secureTransport === 'on') throw socketError('Cannot startTls on a TLS socket.');
    if (this.#upgraded) throw socketError('startTls can only be called once.');
    if (this.secureTransport !== 'starttls') {
      throw socketError(
        "The `secureTransport` socket option must be set to 'starttls' for startTls to be used.",
      );
    }
    if (this.#isOver) throw closedError();
    if (!secure) throw socketError('startTls needs a TLS provider: `tls` of createConnect()');
    this.#upgraded = true;
    const plain = this.#detach();
    const open = async (signal: AbortSignal): Promise<StreamConnection> =>
      secure(await plain, options.expectedServerHostname, signal);
    return new StackSocket({ open, secure }, { ...this.#settings, kind: 'on' });
  }

  /** Ends this socket, and gives its connection to another one. */
  async #detach(): Promise<StreamConnection> {
    const ends = await this.#ends;
    // Chunks that wait in the writable go before the handshake.
    await this.#writable.flush();
    this.#end();
    try {
      return ends.detach();
    } catch (error) {
      ends.abort(error);
      throw socketErrorOf(error);
    }
  }
}
