// SPDX-License-Identifier: MIT
// websocket_face - the WebSocket that programs know (WHATWG), over a link that comes later

import { OPCODE } from '../codec/websocket.ts';
import type { StreamConnection } from './transport.ts';
import type { MessageCodec } from './websocket_deflate.ts';
import { type LinkEnd, type LinkOptions, WebSocketLink } from './websocket_link.ts';

/** Bytes of a message by default, as in the package ws. */
export const MAX_PAYLOAD = 100 * 1024 * 1024;

const encoder = new TextEncoder();

/** The fields of a CloseEvent. */
interface CloseInit {
  readonly code: number;
  readonly reason: string;
  readonly wasClean: boolean;
}

/** Node 20 has none. */
class OwnCloseEvent extends Event {
  readonly code: number;
  readonly reason: string;
  readonly wasClean: boolean;

  constructor(type: string, { code, reason, wasClean }: CloseInit) {
    super(type);
    this.code = code;
    this.reason = reason;
    this.wasClean = wasClean;
  }
}

function closeEvent(init: CloseInit): Event {
  return typeof CloseEvent === 'function'
    ? new CloseEvent('close', init)
    : new OwnCloseEvent('close', init);
}

/** An error event that says what it was. */
function errorEvent(error: unknown): Event {
  const message = error instanceof Error ? error.message : String(error);
  return Object.assign(new Event('error'), { error, message });
}

type Listener = ((this: WebSocket, event: never) => unknown) | null;

/** The messages that send() takes. */
type Sendable = string | ArrayBufferLike | ArrayBufferView | Blob;

/** A payload: a copy, since a frame that waits must not change. */
function payloadOf(data: Exclude<Sendable, Blob>): { opcode: number; payload: Uint8Array } {
  if (ArrayBuffer.isView(data)) {
    const payload = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    return { opcode: OPCODE.binary, payload };
  }
  if (typeof data === 'object' && 'byteLength' in data) {
    return { opcode: OPCODE.binary, payload: new Uint8Array(data) };
  }
  return { opcode: OPCODE.text, payload: encoder.encode(String(data)) };
}

/** The standard's face. Its maker gives it a connection, or tells that there will be none. */
export class SocketFace extends EventTarget {
  static readonly CONNECTING = 0;
  static readonly OPEN = 1;
  static readonly CLOSING = 2;
  static readonly CLOSED = 3;
  readonly CONNECTING = 0;
  readonly OPEN = 1;
  readonly CLOSING = 2;
  readonly CLOSED = 3;
  readonly url: string;
  readonly #isServer: boolean;
  readonly #limits: Pick<LinkOptions, 'maxPayload' | 'idleTimeout'>;
  #protocol = '';
  #extensions = '';
  #state = 0;
  #binaryType: BinaryType = 'blob';
  #link: WebSocketLink | undefined;
  /** Bytes of messages that go nowhere any more, or are still read from a blob. */
  #unsent = 0;
  /** The blob that is being read: what is sent behind it waits. */
  #reading: Promise<void> | undefined;
  readonly #listeners = new Map<string, Listener>();

  constructor(
    url: string,
    isServer: boolean,
    limits: Pick<LinkOptions, 'maxPayload' | 'idleTimeout'>,
  ) {
    super();
    this.url = url;
    this.#isServer = isServer;
    this.#limits = limits;
  }

  get readyState(): number {
    return this.#state;
  }

  get protocol(): string {
    return this.#protocol;
  }

  get extensions(): string {
    return this.#extensions;
  }

  get bufferedAmount(): number {
    return this.#unsent + (this.#link?.bufferedAmount ?? 0);
  }

  get binaryType(): BinaryType {
    return this.#binaryType;
  }

  set binaryType(type: BinaryType) {
    if (type === 'blob' || type === 'arraybuffer') this.#binaryType = type;
  }

  get onopen(): Listener {
    return this.#on('open');
  }

  set onopen(listener: Listener) {
    this.#setOn('open', listener);
  }

  get onmessage(): Listener {
    return this.#on('message');
  }

  set onmessage(listener: Listener) {
    this.#setOn('message', listener);
  }

  get onerror(): Listener {
    return this.#on('error');
  }

  set onerror(listener: Listener) {
    this.#setOn('error', listener);
  }

  get onclose(): Listener {
    return this.#on('close');
  }

  set onclose(listener: Listener) {
    this.#setOn('close', listener);
  }

  #on(type: string): Listener {
    return this.#listeners.get(type) ?? null;
  }

  #setOn(type: string, listener: Listener): void {
    if (!this.#listeners.has(type)) {
      // It keeps its place among the listeners whatever it is set to later.
      this.addEventListener(type, (event) => {
        this.#listeners.get(type)?.call(this as unknown as WebSocket, event as never);
      });
    }
    this.#listeners.set(type, typeof listener === 'function' ? listener : null);
  }

  /** The handshake is done. */
  open(connection: StreamConnection, protocol: string, codec?: MessageCodec): void {
    if (this.#state !== 0) {
      connection.abort?.();
      return;
    }
    this.#protocol = protocol;
    this.#extensions = codec?.extensions ?? '';
    this.#state = 1;
    this.#link = new WebSocketLink(connection, {
      isServer: this.#isServer,
      ...this.#limits,
      codec,
      onMessage: (data) => this.#deliver(data),
      onClosing: () => {
        this.#state = 2;
      },
      onClose: (end) => this.#closed(end),
    });
    this.dispatchEvent(new Event('open'));
    void this.#link.run();
  }

  /** There will be no connection. */
  refuse(error: unknown): void {
    if (this.#state === 3 || this.#link) return;
    this.#closed({ code: 1006, reason: '', wasClean: false, error });
  }

  #deliver(data: string | Uint8Array): void {
    if (this.#state !== 1) return;
    this.dispatchEvent(new MessageEvent('message', { data: this.#asAsked(data) }));
  }

  #asAsked(data: string | Uint8Array): unknown {
    if (typeof data === 'string') return data;
    if (this.#binaryType === 'blob') return new Blob([data as Uint8Array<ArrayBuffer>]);
    const { buffer, byteLength } = data;
    return byteLength === buffer.byteLength ? buffer : data.slice().buffer;
  }

  #closed({ code, reason, wasClean, error }: LinkEnd): void {
    if (this.#state === 3) return;
    this.#state = 3;
    if (error !== undefined) this.dispatchEvent(errorEvent(error));
    this.dispatchEvent(closeEvent({ code, reason, wasClean }));
  }

  send(data: Sendable): void {
    if (this.#state === 0) {
      throw new DOMException('Cannot send: the WebSocket is not open yet', 'InvalidStateError');
    }
    if (data instanceof Blob) {
      this.#inOrder(data.size, () => this.#sendBlob(data));
      return;
    }
    const { opcode, payload } = payloadOf(data);
    if (this.#state !== 1) this.#unsent += payload.length;
    else if (!this.#reading) this.#link?.send(opcode, payload);
    else {
      const copy = payload.slice();
      this.#inOrder(copy.length, async () => this.#link?.send(opcode, copy));
    }
  }

  async #sendBlob(blob: Blob): Promise<void> {
    this.#link?.send(OPCODE.binary, new Uint8Array(await blob.arrayBuffer()));
  }

  /** Does something behind the blobs that are being read. */
  #inOrder(size: number, send: () => Promise<void>): void {
    this.#unsent += size;
    if (this.#state !== 1) return;
    const next = (this.#reading ?? Promise.resolve()).then(send).catch((error) => {
      this.#link?.abort(error);
    });
    this.#reading = next;
    void next.then(() => {
      this.#unsent -= size;
      if (this.#reading === next) this.#reading = undefined;
    });
  }

  close(code?: number, reason?: string): void {
    if (code !== undefined && code !== 1000 && !(code >= 3000 && code <= 4999)) {
      const text = `Cannot close with code ${code}: it is 1000, or one from 3000 to 4999`;
      throw new DOMException(text, 'InvalidAccessError');
    }
    if (reason !== undefined && encoder.encode(reason).length > 123) {
      throw new DOMException('Cannot close: the reason has more than 123 bytes', 'SyntaxError');
    }
    if (this.#state >= 2) return;
    const wasOpen = this.#state === 1;
    this.#state = 2;
    if (!wasOpen) {
      this.giveUp();
      return;
    }
    const close = async (): Promise<void> =>
      this.#link?.close(code ?? (reason === undefined ? undefined : 1000), reason);
    // A blob that is being read goes first.
    if (this.#reading) void this.#reading.then(close);
    else void close();
  }

  /** close() came before the handshake is done: the handshake is given up. */
  giveUp(): void {
    this.refuse(new Error('The WebSocket was closed before it was open'));
  }
}
