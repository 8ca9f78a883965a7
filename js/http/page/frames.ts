// SPDX-License-Identifier: MIT
// frames - the page's end of the script in framed documents: their WebSockets, and their cookies

import type { Server } from './answer.ts';
import { onReleased } from './locks.ts';
import type { ByFrame, SocketAction, SocketNews, ToFrame } from './messages.ts';

/** ms after which a document is told again how much of what it sent is still here. */
const BUFFERED_INTERVAL = 50;

const sizeOf = (data: string | ArrayBuffer | Blob): number => {
  if (typeof data === 'string') return new TextEncoder().encode(data).length;
  return data instanceof Blob ? data.size : data.byteLength;
};

/** A WebSocket of a framed document, over the stack. */
function openSocket(
  { http, target, cookies }: Server,
  { path, protocols, lock }: Extract<ByFrame, { type: 'socket' }>,
  port: MessagePort,
  signal: AbortSignal,
): void {
  const cookie = cookies.get(path);
  const socket = new http.WebSocket(`${target.replace('http', 'ws')}${path}`, {
    protocols,
    headers: {
      origin: target,
      'user-agent': navigator.userAgent,
      ...(cookie !== '' && { cookie }),
    },
  } as unknown as string[]);
  socket.binaryType = 'arraybuffer';
  const controller = new AbortController();
  let received = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const say = (news: SocketNews): void => port.postMessage(news);
  const leave = (): void => socket.close(1000);
  const tell = (): void => {
    timer = undefined;
    const amount = socket.bufferedAmount;
    say({ type: 'buffered', received, amount });
    if (amount > 0 && socket.readyState < 2) timer = setTimeout(tell, BUFFERED_INTERVAL);
  };
  socket.onopen = () =>
    say({ type: 'open', protocol: socket.protocol, extensions: socket.extensions });
  socket.onmessage = ({ data }) => say({ type: 'message', data });
  socket.onerror = (event) =>
    say({ type: 'error', message: String((event as ErrorEvent).message ?? '') });
  socket.onclose = ({ code, reason, wasClean }) => {
    clearTimeout(timer);
    controller.abort();
    signal.removeEventListener('abort', leave);
    say({ type: 'close', code, reason, wasClean });
  };
  port.onmessage = ({ data }: MessageEvent<SocketAction>) => {
    if (data.type === 'close') return socket.close(data.code, data.reason);
    received += sizeOf(data.data);
    socket.send(data.data);
    if (timer === undefined) tell();
  };
  signal.addEventListener('abort', leave);
  onReleased(lock, controller.signal, leave);
}

/** The framed documents of a bridge. */
export class Frames {
  readonly #server: Server;
  readonly #signal: AbortSignal;
  /** Paths of the documents at the server. */
  readonly #paths = new Map<MessagePort, string>();

  /**
   * @param server - The server whose documents they show.
   * @param signal - Ends their WebSockets.
   * @throws Never.
   */
  constructor(server: Server, signal: AbortSignal) {
    this.#server = server;
    this.#signal = signal;
  }

  /** Takes a document's port. */
  add(port: MessagePort): void {
    port.onmessage = ({ data, ports }: MessageEvent<ByFrame>) => {
      const [socket] = ports;
      if (data.type === 'hello') this.#paths.set(port, data.path);
      else if (data.type === 'bye') this.#paths.delete(port);
      else if (data.type === 'cookie') this.#setCookie(data.text, this.#paths.get(port) ?? '/');
      else if (socket) openSocket(this.#server, data, socket, this.#signal);
    };
  }

  #setCookie(text: string, path: string): void {
    this.#server.cookies.set(text, path, true);
    this.tellCookies();
  }

  /** Tells all documents the cookies that their scripts may see. */
  tellCookies(): void {
    for (const [port, path] of this.#paths) {
      port.postMessage({ cookies: this.#server.cookies.get(path, true) } satisfies ToFrame);
    }
  }
}
