// SPDX-License-Identifier: MIT
// upgrade - connections that leave HTTP: what takes one over, and answers that stand for a WebSocket

import { toLatin1 } from '../codec/http1.ts';
import { abortConnection } from '../util/abort.ts';
import type { MessageWriter } from './body_writer.ts';
import type { ByteSource } from './byte_source.ts';
import type { Deadline } from './deadline.ts';
import type { StreamConnection } from './transport.ts';

/** The parts of a connection that are handed over. */
export interface Upgradable {
  readonly connection: StreamConnection;
  readonly source: ByteSource;
  readonly writer: MessageWriter;
  readonly deadline: Deadline;
}

/** A connection whose first bytes were read already. */
class TakenConnection implements StreamConnection {
  readonly readable: ReadableStream<Uint8Array>;
  readonly #connection: StreamConnection;

  constructor(connection: StreamConnection, source: ByteSource) {
    this.#connection = connection;
    this.readable = source.rest();
  }

  get writable(): WritableStream<Uint8Array> {
    return this.#connection.writable;
  }

  get localAddress(): string {
    return this.#connection.localAddress ?? '';
  }

  get localPort(): number {
    return this.#connection.localPort ?? 0;
  }

  get remoteAddress(): string {
    return this.#connection.remoteAddress ?? '';
  }

  get remotePort(): number {
    return this.#connection.remotePort ?? 0;
  }

  close(): Promise<void> {
    return this.#connection.close();
  }

  abort(reason?: unknown): void {
    abortConnection(this.#connection, reason);
  }
}

/** Hands a connection over, without a head. */
export function takeOver({ connection, source, writer, deadline }: Upgradable): StreamConnection {
  deadline.stop();
  writer.release();
  return new TakenConnection(connection, source);
}

/** Sends a head and hands the connection over. */
export function takeUpgrade(parts: Upgradable, head: string): StreamConnection {
  // The next write follows it; if this one fails, the next one fails too.
  parts.writer.write(toLatin1(head)).catch(() => {});
  return takeOver(parts);
}

/** A WebSocket that waits for its connection. */
export interface PendingSocket {
  /** Of the answer. */
  readonly headers: HeadersInit;
  /** Gives it the connection. */
  open(connection: StreamConnection): void;
  /** There will be none. */
  abandon(): void;
}

const byAnswer = new WeakMap<object, PendingSocket>();
const byRequest = new WeakMap<object, PendingSocket>();

/** Marks an answer: when the handler of the request returns it, the socket is opened. */
export function setSocket(request: Request, answer: Response, socket: PendingSocket): void {
  byAnswer.set(answer, socket);
  byRequest.set(request, socket);
}

/** The socket that an answer stands for. */
export const socketOf = (answer: object): PendingSocket | undefined => byAnswer.get(answer);

/** The request was answered in another way. */
export const abandonSocket = (request: Request): void => byRequest.get(request)?.abandon();
