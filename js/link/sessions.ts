// SPDX-License-Identifier: MIT
// sessions - endpoints over connections that may be lost and made again: sockets of all kinds
//
// Theory of operation
//
//   connecting -> open -> lost -> waiting -> connecting …       with `reconnect`
//   connecting -> open -> ended, or failed                      without
//
// A session is one connection; the endpoint outlives it. While there is none the cable is out: frames for
// the endpoint are dropped and counted. The wait before an attempt doubles from `least` to `most`,
// less a random half, so that many clients do not come back at once; an open session resets it.

import { NetError, type NetErrorCode } from '../errors.ts';
import { Deferred } from '../util/deferred.ts';
import type { EndpointController, EndpointOptions, FrameSink } from './link.ts';
import { type EndpointDriver, FrameEndpoint } from './link.ts';

/** How to connect again. */
export interface ReconnectOptions {
  /** ms before the first attempt. @default 100 */
  readonly least?: number;
  /** ms before an attempt, at the most. @default 10000 */
  readonly most?: number;
  /** Attempts that may fail one after the other. @default any number */
  readonly attempts?: number;
}

/** What all connections can be given. */
export interface SessionOptions extends EndpointOptions {
  /** Connects again when the connection is lost or cannot be made. @default false */
  readonly reconnect?: boolean | ReconnectOptions;
  /** Closes the endpoint when it is aborted. */
  readonly signal?: AbortSignal;
}

/** One connection. */
export interface Session extends FrameSink {
  /** As that of a driver. */
  resume?(): void;
  /** Closes it; settles when it is closed. */
  close(): void | Promise<void>;
}

/** What a session tells. */
export interface SessionEvents extends EndpointController {
  /** It is open: frames may be sent. */
  opened(): void;
}

/** Begins a connection. `end` of the events: it is lost, or could not be made. */
export type Connector = (events: SessionEvents) => Session;

/** The driver of an endpoint that has one session after the other. */
class SessionDriver implements EndpointDriver {
  readonly opened = new Deferred();
  isOpen = false;
  sessions = 0;
  readonly #connector: Connector;
  readonly #reconnect: ReconnectOptions | undefined;
  #controller!: EndpointController;
  #session: Session | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #failures = 0;

  constructor(connector: Connector, reconnect: boolean | ReconnectOptions) {
    this.#connector = connector;
    this.#reconnect = reconnect === true ? {} : reconnect || undefined;
  }

  start(controller: EndpointController): void {
    this.#controller = controller;
    this.#connect();
  }

  #connect(): void {
    const { offer, push, drop } = this.#controller;
    let isOver = false;
    this.#session = this.#connector({
      offer,
      push,
      drop,
      opened: () => {
        if (isOver) return;
        this.#failures = 0;
        this.isOpen = true;
        this.sessions++;
        this.opened.resolve();
      },
      end: (error) => {
        if (isOver) return;
        isOver = true;
        this.#lost(error);
      },
    });
  }

  #lost(error: unknown): void {
    this.isOpen = false;
    this.#session = undefined;
    const {
      least = 100,
      most = 10_000,
      attempts = Number.POSITIVE_INFINITY,
    } = this.#reconnect ?? { attempts: 0 };
    if (this.#failures >= attempts) {
      this.opened.reject(error ?? new NetError('ECONNRESET', 'Cannot connect'));
      this.#controller.end(error);
      return;
    }
    const wait = Math.min(most, least * 2 ** this.#failures++);
    this.#timer = setTimeout(() => this.#connect(), wait * (1 - Math.random() / 2));
  }

  send(frame: Uint8Array): boolean {
    if (this.#session && this.isOpen) return this.#session.send(frame);
    this.#controller.drop('tx');
    return true;
  }

  async ready(): Promise<void> {
    await this.#session?.ready();
  }

  resume(): void {
    this.#session?.resume?.();
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer);
    this.isOpen = false;
    this.opened.reject(new NetError('ECONNABORTED', 'Cannot connect', { reason: 'closed' }));
    const session = this.#session;
    this.#session = undefined;
    await session?.close();
  }
}

/**
 * An endpoint over a connection.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict';
 * import { connectQemu, listenQemu } from 'ringstack/qemu';
 *
 * const listener = await listenQemu({ port: 0 });
 * const near = await connectQemu({ port: listener.port });
 * const far = await listener.accept();
 * assert.ok(near.isOpen && far.isOpen);
 * await far.close();
 * await near.closed;
 * assert.equal(near.isOpen, false);
 * await listener.close();
 * ```
 */
export class SessionEndpoint extends FrameEndpoint {
  readonly #driver: SessionDriver;

  /**
   * Begins to connect; adapters make it.
   *
   * @internal
   * @param connector - Makes a connection.
   * @param options - Whether to connect again, a signal, and what every endpoint can be given.
   * @throws {NetError} EINVAL for an option that is out of range.
   */
  constructor(connector: Connector, options: SessionOptions) {
    const { reconnect = false, signal } = options;
    const driver = new SessionDriver(connector, reconnect);
    super(driver, options);
    this.#driver = driver;
    if (!signal) return;
    const onAbort = (): void => void this.close();
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort);
    const forget = (): void => signal.removeEventListener('abort', onAbort);
    this.closed.then(forget, forget);
  }

  /** Settles when it has been connected for the first time; rejects with why it cannot be. */
  get opened(): Promise<void> {
    return this.#driver.opened.promise;
  }

  /** Connected now. What it is given while it is not is dropped and counted. */
  get isOpen(): boolean {
    return this.#driver.isOpen;
  }

  /** How often it has been connected. */
  get sessions(): number {
    return this.#driver.sessions;
  }
}

/** An endpoint, when it is connected for the first time. */
export async function whenOpened<Endpoint extends SessionEndpoint>(
  endpoint: Endpoint,
  signal: AbortSignal | undefined,
): Promise<Endpoint> {
  try {
    await endpoint.opened;
  } catch (error) {
    throw signal?.aborted ? signal.reason : error;
  }
  return endpoint;
}

/** Codes of the system's errors that we have too, and what others come to. */
const CODES: Readonly<Record<string, NetErrorCode>> = {
  EACCES: 'ENOTSUP',
  EADDRINUSE: 'EADDRINUSE',
  EADDRNOTAVAIL: 'EADDRNOTAVAIL',
  ECONNREFUSED: 'ECONNREFUSED',
  EHOSTUNREACH: 'EHOSTUNREACH',
  EMFILE: 'EMFILE',
  ENETUNREACH: 'ENETUNREACH',
  ENOENT: 'ENOTFOUND',
  ENOTFOUND: 'ENOTFOUND',
  EPIPE: 'EPIPE',
  ETIMEDOUT: 'ETIMEDOUT',
};

/** The error to throw for one of the system. */
export function netErrorOf(error: unknown, action: string): NetError {
  if (error instanceof NetError) return error;
  const { code = '', message = String(error) } = error as { code?: string; message?: string };
  const known = CODES[code];
  if (known) return new NetError(known, action, { cause: error });
  return new NetError('ECONNRESET', action, { reason: message, cause: error });
}
