// SPDX-License-Identifier: MIT
// websocket_link - the WebSocket protocol over a connection: messages, pings, the closing handshake (RFC 6455)
//
// Theory of operation
//
// One loop reads frames. A message is given out when it is whole, and nothing is read during that; so a program
// that is slow closes the peer's window, and what is held is one message of maxPayload at the most. Of pings
// that come faster than the peer takes answers only the last is answered: nothing is queued for a peer that
// does not read but what the program sends.
//
// States: open; closing, when either side has sent Close; over. Only the loop and fail() end it, once, by
// onClose().

import {
  applyMask,
  type FrameHeader,
  formatFrame,
  isCloseCode,
  OPCODE,
  parseFrame,
  WebSocketError,
} from '../codec/websocket.ts';
import { NetError } from '../errors.ts';
import { abortConnection } from '../util/abort.ts';
import { ByteSource } from './byte_source.ts';
import { Deadline } from './deadline.ts';
import { closeConnection, type StreamConnection } from './transport.ts';
import type { MessageCodec } from './websocket_deflate.ts';

/** ms that the peer is given to answer Close, and a server to end the connection after it. */
const CLOSE_TIMEOUT = 10_000;
const EMPTY = new Uint8Array();

const encoder = new TextEncoder();

/** How a link ended. */
export interface LinkEnd {
  /** Close code of the peer; 1005: it gave none, 1006: it did not close. */
  readonly code: number;
  readonly reason: string;
  readonly wasClean: boolean;
  /** Why it was not. */
  readonly error: unknown;
}

/** Options of a link. */
export interface LinkOptions {
  readonly isServer: boolean;
  /** Bytes of a message at the most. */
  readonly maxPayload: number;
  /** Compresses messages, if that was agreed on. */
  readonly codec?: MessageCodec | undefined;
  /** ms without a sign of the peer after which it is pinged, and after as many more given up; 0: never. */
  readonly idleTimeout: number;
  readonly onMessage: (data: string | Uint8Array) => void;
  /** Close was received: the program may not send any more. */
  readonly onClosing: () => void;
  readonly onClose: (end: LinkEnd) => void;
}

/** Text of UTF-8 bytes; a WebSocketError 1007 if they are not. */
function textOf(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new WebSocketError(1007, 'a text is not UTF-8');
  }
}

/** The pieces of a message. */
class Assembly {
  #bytes: Uint8Array = EMPTY;
  #length = 0;
  /** Of its first frame; 0: no message has begun. */
  opcode = 0;
  isCompressed = false;

  get length(): number {
    return this.#length;
  }

  append(piece: Uint8Array): void {
    const length = this.#length + piece.length;
    if (this.#length === 0) {
      this.#bytes = piece;
    } else {
      if (length > this.#bytes.length) {
        const grown = new Uint8Array(Math.max(1024, 2 * length));
        grown.set(this.#bytes.subarray(0, this.#length));
        this.#bytes = grown;
      }
      this.#bytes.set(piece, this.#length);
    }
    this.#length = length;
  }

  take(): Uint8Array {
    const bytes = this.#bytes.subarray(0, this.#length);
    this.#bytes = EMPTY;
    this.#length = 0;
    this.opcode = 0;
    return bytes;
  }
}

/** An open WebSocket. */
export class WebSocketLink {
  readonly #connection: StreamConnection;
  readonly #options: LinkOptions;
  readonly #source: ByteSource;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #message = new Assembly();
  readonly #deadline: Deadline;
  #isSilent = false;
  #sentClose = false;
  #received: { code: number; reason: string } | undefined;
  #isOver = false;
  #isPonging = false;
  #nextPong: Uint8Array | undefined;
  /** Bytes of messages that the connection has not taken. */
  bufferedAmount = 0;

  constructor(connection: StreamConnection, options: LinkOptions) {
    this.#connection = connection;
    this.#options = options;
    this.#source = new ByteSource(connection.readable);
    this.#writer = connection.writable.getWriter();
    this.#writer.closed.catch(() => {});
    this.#deadline = new Deadline(() => this.#expired());
    this.#deadline.set(options.idleTimeout);
  }

  /** Reads until the end. Never rejects. */
  async run(): Promise<void> {
    try {
      while (await this.#frame());
      this.#end(undefined);
    } catch (error) {
      this.#fail(error);
    }
  }

  #expired(): void {
    const reason = 'the peer does not answer';
    const error = new NetError('ETIMEDOUT', 'The WebSocket failed', { reason });
    if (this.#isOver) {
      abortConnection(this.#connection, error);
    } else if (this.#sentClose || this.#isSilent) {
      abortConnection(this.#connection, error);
      this.#end(this.#received ? undefined : error);
    } else {
      this.#isSilent = true;
      this.#write(OPCODE.ping, EMPTY).catch(() => {});
      this.#deadline.set(this.#options.idleTimeout);
    }
  }

  /** Reads a frame; false: none comes any more. */
  async #frame(): Promise<boolean> {
    const { isServer, idleTimeout, codec } = this.#options;
    const parse = (): FrameHeader | undefined =>
      parseFrame(this.#source.peek(), isServer, codec !== undefined);
    let header = parse();
    while (!header) {
      if (!(await this.#source.more())) return false;
      this.#isSilent = false;
      if (!this.#sentClose) this.#deadline.set(idleTimeout);
      header = parse();
    }
    const { mask, size, opcode } = header;
    const key = mask < 0 ? undefined : this.#source.peek().slice(mask, mask + 4);
    this.#source.skip(size);
    if (opcode >= OPCODE.close) return this.#control(header, key);
    return this.#data(header, key);
  }

  async #control({ opcode, length }: FrameHeader, key: Uint8Array | undefined): Promise<boolean> {
    while (this.#source.length < length) if (!(await this.#source.more())) return false;
    const payload = this.#source.take(length).slice();
    if (key) applyMask(payload, key);
    if (opcode === OPCODE.ping) this.#pong(payload);
    if (opcode !== OPCODE.close) return true;
    this.#closed(payload);
    // A client leaves it to the server to end the connection first (RFC 6455, 7.1.1).
    return !this.#options.isServer;
  }

  async #data(header: FrameHeader, key: Uint8Array | undefined): Promise<boolean> {
    const { length, isFinal } = header;
    this.#begin(header);
    if (this.#message.length + length > this.#options.maxPayload) {
      throw new WebSocketError(1009, `a message has more than ${this.#options.maxPayload} bytes`);
    }
    for (let at = 0; at < length; ) {
      if (this.#source.length === 0 && !(await this.#source.more())) return false;
      this.#isSilent = false;
      const piece = this.#source.take(length - at);
      if (key) applyMask(piece, key, at);
      this.#message.append(piece);
      at += piece.length;
    }
    if (isFinal) this.#deliver();
    return true;
  }

  #begin({ opcode, isCompressed }: FrameHeader): void {
    const hasBegun = this.#message.opcode !== 0;
    if (opcode === OPCODE.continuation) {
      if (!hasBegun) throw new WebSocketError(1002, 'a continuation continues nothing');
    } else {
      if (hasBegun) throw new WebSocketError(1002, 'a message begins within another');
      this.#message.opcode = opcode;
      this.#message.isCompressed = isCompressed;
    }
  }

  #deliver(): void {
    const { opcode, isCompressed } = this.#message;
    const isText = opcode === OPCODE.text;
    const { codec, maxPayload } = this.#options;
    const taken = this.#message.take();
    const bytes = isCompressed && codec ? codec.expand(taken, maxPayload) : taken;
    const data = isText ? textOf(bytes) : bytes;
    // Behind Close nothing is a message.
    if (!this.#received) this.#options.onMessage(data);
  }

  /** Answers a ping, or the last of those that came while an answer was being written. */
  #pong(payload: Uint8Array): void {
    if (this.#sentClose) return;
    if (this.#isPonging) {
      this.#nextPong = payload;
      return;
    }
    this.#isPonging = true;
    const next = (): void => {
      this.#isPonging = false;
      const ahead = this.#nextPong;
      this.#nextPong = undefined;
      if (ahead) this.#pong(ahead);
    };
    this.#write(OPCODE.pong, payload).then(next, () => {});
  }

  #closed(payload: Uint8Array): void {
    if (this.#received) return;
    if (payload.length === 1) throw new WebSocketError(1002, 'half a close code');
    const code = payload.length === 0 ? 1005 : ((payload[0] ?? 0) << 8) | (payload[1] ?? 0);
    if (payload.length > 0 && !isCloseCode(code)) {
      throw new WebSocketError(1002, `a peer cannot close with code ${code}`);
    }
    const reason = textOf(payload.subarray(2));
    this.#received = { code, reason };
    this.#options.onClosing();
    this.#sendClose(payload);
  }

  #sendClose(payload: Uint8Array): void {
    if (this.#sentClose) return;
    this.#sentClose = true;
    this.#deadline.set(CLOSE_TIMEOUT);
    this.#write(OPCODE.close, payload).catch(() => {});
  }

  /** Begins the closing handshake; what was sent goes first. */
  close(code?: number, reason = ''): void {
    const text = encoder.encode(reason);
    const payload = new Uint8Array(code === undefined ? 0 : 2 + text.length);
    if (code !== undefined) {
      new DataView(payload.buffer).setUint16(0, code);
      payload.set(text, 2);
    }
    this.#sendClose(payload);
  }

  /** Sends a message. */
  send(opcode: number, payload: Uint8Array): void {
    if (this.#sentClose || this.#isOver) return;
    this.bufferedAmount += payload.length;
    const taken = (): void => {
      this.bufferedAmount -= payload.length;
    };
    const compressed = this.#options.codec?.compress(payload);
    // The loop sees the error of a write that fails.
    this.#write(opcode, compressed ?? payload, compressed !== undefined).then(taken, () => {});
  }

  #write(opcode: number, payload: Uint8Array, isCompressed = false): Promise<void> {
    const { isServer } = this.#options;
    const key = isServer ? undefined : crypto.getRandomValues(new Uint8Array(4));
    return this.#writer.write(formatFrame(opcode, payload, key, isCompressed));
  }

  /** The peer broke the protocol, or the connection failed. */
  #fail(error: unknown): void {
    if (this.#isOver) return;
    if (error instanceof WebSocketError) this.close(error.code, error.message);
    this.#end(this.#received && !(error instanceof WebSocketError) ? undefined : error);
  }

  #end(error: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#deadline.set(CLOSE_TIMEOUT);
    this.#source.stop();
    this.#writer.releaseLock();
    closeConnection(this.#connection).finally(() => this.#deadline.stop());
    const { code, reason } = this.#received ?? { code: 1006, reason: '' };
    const wasClean = this.#received !== undefined && this.#sentClose && error === undefined;
    this.#options.onClose(
      wasClean
        ? { code, reason, wasClean, error }
        : { code: error === undefined ? code : 1006, reason, wasClean, error },
    );
  }

  /** Resets the connection. */
  abort(error: unknown): void {
    abortConnection(this.#connection, error);
    this.#end(error);
  }
}
