// SPDX-License-Identifier: MIT
// session - a page's connection to one life of its service worker
//
// Theory of operation
//
// A browser stops a worker that is idle and starts it again when it is needed; then it knows no page. So it
// asks all pages, and each opens a new session. A worker holds a lock while it lives: when that is released,
// the requests of its session are given up, since nobody is left to read their responses. A worker is
// told now and then that a page is there while bodies are on their way, so that it is not stopped for idleness.

import { Deferred } from '../../util/deferred.ts';
import { answer, type Server } from './answer.ts';
import type { Frames } from './frames.ts';
import { onReleased } from './locks.ts';
import type { AliveMessage, ByPage, ByWorker, ServeMessage } from './messages.ts';

/** ms, less than the shortest time after which a browser stops an idle worker. */
const ALIVE_INTERVAL = 10_000;

/** One life of a worker, as the page sees it. */
export class Session {
  /** Resolves with the version that the worker speaks. */
  readonly ready = new Deferred<number>();
  /** Called when it is over. */
  onEnd: () => void = () => {};
  /** Resolves when the worker has forgotten us. */
  readonly #closed = new Deferred();
  readonly #server: Server;
  readonly #frames: Frames;
  readonly #worker: ServiceWorker;
  readonly #port: MessagePort;
  readonly #controller = new AbortController();
  #count = 0;
  #timer: ReturnType<typeof setInterval> | undefined;

  /**
   * Offers ourselves to a worker.
   *
   * @param worker - The worker.
   * @param serve - The message for it.
   * @param server - Answers its requests.
   * @param frames - Gets the ports of documents.
   * @throws Never.
   */
  constructor(worker: ServiceWorker, serve: ServeMessage, server: Server, frames: Frames) {
    this.#worker = worker;
    this.#server = server;
    this.#frames = frames;
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    port1.onmessage = ({ data, ports }: MessageEvent<ByWorker>) => this.#heard(data, ports[0]);
    worker.postMessage(serve, [port2]);
  }

  #heard(message: ByWorker, port: MessagePort | undefined): void {
    if (message.type === 'ready') {
      onReleased(message.lock, this.#controller.signal, () => this.end());
      this.ready.resolve(message.version);
    } else if (message.type === 'closed') {
      this.#closed.resolve();
    } else if (port && message.type === 'request') {
      this.#begin();
      const { signal } = this.#controller;
      void answer(this.#server, message.request, port, signal).then(() => this.#finish());
    } else if (port && message.type === 'cookies') {
      port.postMessage(this.#server.cookies.get(message.path, true));
    } else if (port) {
      this.#frames.add(port);
    }
  }

  #begin(): void {
    this.#count++;
    this.#timer ??= setInterval(() => {
      this.#worker.postMessage({ ringstack: 'alive' } satisfies AliveMessage);
    }, ALIVE_INTERVAL);
  }

  #finish(): void {
    if (--this.#count > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Asks the worker to forget us, and ends when it has, or after ms. */
  async leave(ms: number): Promise<void> {
    const timer = setTimeout(() => this.end(), ms);
    this.#port.postMessage({ type: 'close' } satisfies ByPage);
    await this.#closed.promise;
    clearTimeout(timer);
    this.end();
  }

  /** Gives up what is on its way. */
  end(): void {
    this.#controller.abort(new Error('The service worker has ended'));
    this.#port.close();
    this.#closed.resolve();
    this.onEnd();
  }
}
