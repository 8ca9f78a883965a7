// SPDX-License-Identifier: MIT
// frame - the script that framed documents get: WebSockets to their server, and its cookies
//
// It is a function whose text is sent (as toString() has it), so it uses nothing from outside of itself.

import type {
  ByFrame,
  FrameConfig,
  FrameMessage,
  SocketAction,
  SocketNews,
  ToFrame,
} from '../page/messages.ts';

type Listener = ((event: Event) => unknown) | null;

/** Runs in the document, in front of its own scripts. */
export function frame({ scope, target, lock, cookies }: FrameConfig): void {
  const worker = navigator.serviceWorker.controller;
  if (!worker) return;
  const { port1: page, port2 } = new MessageChannel();
  const hello: FrameMessage = { ringstack: 'frame', scope };
  worker.postMessage(hello, [port2]);
  const say = (message: ByFrame, transfer: Transferable[] = []): void =>
    page.postMessage(message, transfer);
  /** The path at the server of one in our origin. */
  const pathOf = (path: string): string =>
    path.startsWith(scope) ? path.slice(scope.length - 1) : path;
  say({ type: 'hello', path: pathOf(location.pathname) });
  addEventListener('pagehide', () => say({ type: 'bye' }));
  addEventListener('pageshow', ({ persisted }) => {
    if (persisted) say({ type: 'hello', path: pathOf(location.pathname) });
  });

  let shown = cookies;
  page.onmessage = ({ data }: MessageEvent<ToFrame>) => {
    shown = data.cookies;
  };
  Object.defineProperty(document, 'cookie', {
    configurable: true,
    get: () => shown,
    set: (given: unknown) => {
      const text = String(given);
      const [pair = '', ...attributes] = text.split(';');
      const name = pair.includes('=') ? pair.slice(0, pair.indexOf('=')).trim() : '';
      const others = shown.split('; ').filter((one) => one !== '' && !one.startsWith(`${name}=`));
      const isGone = attributes.some((one) => {
        const [key = '', value = ''] = one.split('=').map((part) => part.trim());
        if (/^max-age$/i.test(key)) return Number(value) <= 0;
        return /^expires$/i.test(key) && Date.parse(value) <= Date.now();
      });
      // At once for this script; the page says then what is so.
      shown = (isGone ? others : [...others, pair.trim()]).join('; ');
      say({ type: 'cookie', text });
    },
  });

  const Native = WebSocket;
  const sockets = new Set<(news: SocketNews) => void>();
  const own = `ringstack ${crypto.randomUUID()}`;
  let held: Promise<void> | undefined;
  /** The page learns when this document has ended, and this one when the page has. */
  const hold = (): Promise<void> =>
    new Promise((resolve) => {
      const forever = (): Promise<void> => {
        resolve();
        return new Promise(() => {});
      };
      void navigator.locks.request(own, forever);
      void navigator.locks.request(lock, async () => {
        for (const end of sockets) end({ type: 'close', code: 1006, reason: '', wasClean: false });
      });
    });
  const encoder = new TextEncoder();

  /** A WebSocket over the page. */
  class Tunnel extends EventTarget {
    readonly url: string;
    readyState = 0;
    protocol = '';
    extensions = '';
    bufferedAmount = 0;
    readonly #port: MessagePort;
    #sent = 0;
    #type: BinaryType = 'blob';
    readonly #listeners = new Map<string, Listener>();

    constructor(url: URL, protocols: string[]) {
      super();
      this.url = url.href;
      const { port1, port2: theirs } = new MessageChannel();
      this.#port = port1;
      const heard = (news: SocketNews): void => {
        if (news.type === 'close') sockets.delete(heard);
        this.#heard(news);
      };
      port1.onmessage = ({ data }: MessageEvent<SocketNews>) => heard(data);
      sockets.add(heard);
      const path = pathOf(url.pathname) + url.search;
      held ??= hold();
      void held.then(() => say({ type: 'socket', path, protocols, lock: own }, [theirs]));
    }

    #heard(news: SocketNews): void {
      if (this.readyState === 3) return;
      if (news.type === 'open') {
        this.protocol = news.protocol;
        this.extensions = news.extensions;
        if (this.readyState === 0) this.readyState = 1;
        this.dispatchEvent(new Event('open'));
      } else if (news.type === 'message') {
        if (this.readyState !== 1) return;
        const { data } = news;
        const asked = typeof data === 'string' || this.#type !== 'blob' ? data : new Blob([data]);
        const { origin } = new URL(this.url);
        this.dispatchEvent(new MessageEvent('message', { data: asked, origin }));
      } else if (news.type === 'buffered') {
        this.bufferedAmount = this.#sent - news.received + news.amount;
      } else if (news.type === 'error') {
        this.dispatchEvent(new Event('error'));
      } else {
        this.readyState = 3;
        this.#port.close();
        const { code, reason, wasClean } = news;
        this.dispatchEvent(new CloseEvent('close', { code, reason, wasClean }));
      }
    }

    get binaryType(): BinaryType {
      return this.#type;
    }

    set binaryType(type: BinaryType) {
      if (type === 'blob' || type === 'arraybuffer') this.#type = type;
    }

    send(data: unknown): void {
      if (this.readyState === 0)
        throw new DOMException('Still in CONNECTING state', 'InvalidStateError');
      let message: string | ArrayBuffer | Blob;
      if (ArrayBuffer.isView(data)) {
        message = new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice().buffer;
      } else if (data instanceof Blob || data instanceof ArrayBuffer) message = data;
      else message = String(data);
      const size =
        typeof message === 'string'
          ? encoder.encode(message).length
          : message instanceof Blob
            ? message.size
            : message.byteLength;
      this.bufferedAmount += size;
      if (this.readyState !== 1) return;
      this.#sent += size;
      this.#port.postMessage({ type: 'send', data: message } satisfies SocketAction);
    }

    close(code?: number, reason?: string): void {
      if (code !== undefined && code !== 1000 && !(code >= 3000 && code <= 4999)) {
        throw new DOMException(`The close code ${code} is not allowed`, 'InvalidAccessError');
      }
      if (reason !== undefined && encoder.encode(reason).length > 123) {
        throw new DOMException('The reason has more than 123 bytes', 'SyntaxError');
      }
      if (this.readyState >= 2) return;
      this.readyState = 2;
      this.#port.postMessage({ type: 'close', code, reason } satisfies SocketAction);
    }

    /** The handler attributes. */
    on(type: string): Listener {
      return this.#listeners.get(type) ?? null;
    }

    setOn(type: string, listener: Listener): void {
      if (!this.#listeners.has(type)) {
        this.addEventListener(type, (event) => this.#listeners.get(type)?.call(this, event));
      }
      this.#listeners.set(type, typeof listener === 'function' ? listener : null);
    }
  }
  for (const type of ['open', 'message', 'error', 'close']) {
    Object.defineProperty(Tunnel.prototype, `on${type}`, {
      configurable: true,
      get(this: Tunnel) {
        return this.on(type);
      },
      set(this: Tunnel, listener: Listener) {
        this.setOn(type, listener);
      },
    });
  }
  // So that `instanceof WebSocket` holds, and the constants are there.
  Object.setPrototypeOf(Tunnel.prototype, Native.prototype);
  const construct = (given: [string | URL, (string | string[])?]): object => {
    const [url, protocols = []] = given;
    const at = new URL(url, document.baseURI);
    at.protocol = at.protocol.replace('http', 'ws');
    const isOurs = at.host === location.host || at.host === new URL(target).host;
    if (!isOurs || !/^wss?:$/.test(at.protocol)) return new Native(...given);
    if (at.href.includes('#')) throw new DOMException('The URL has a fragment', 'SyntaxError');
    const list = typeof protocols === 'string' ? [protocols] : [...protocols];
    const isList = list.every((one) => /^[-!#$%&'*+.^_`|~\w]+$/.test(one));
    if (!isList || new Set(list).size < list.length) {
      throw new DOMException(`The protocols ${list} are not valid`, 'SyntaxError');
    }
    return new Tunnel(at, list);
  };
  globalThis.WebSocket = new Proxy(Native, {
    construct: (_native, given) => construct(given as [string | URL]),
  });
}

/** The script for a document. */
export const frameScript = (config: FrameConfig): string =>
  `(${String(frame)})(${JSON.stringify(config)});document.currentScript?.remove();`;
