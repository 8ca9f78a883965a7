// SPDX-License-Identifier: MIT
// sessions - endpoints over connections that may be lost and made again: sockets of all kinds
//
// Theory of operation
//
//   connecting -> open -> lost -> waiting -> connecting …       with `reconnect`
//   connecting -> open -> ended, or failed                      without
//
// A session is one connection; the endpoint outlives it. While there is none, the endpoint is like an
// unplugged cable: frames for it are dropped and counted. The wait before an attempt doubles from `least`
// to `most`, less a random half, so that many clients do not come back at once; an open session resets it.
// A connector that throws cannot connect at all (a bad URL, a forbidden socket): that ends the endpoint.

import { NetError } from '../errors.ts';
import { checkOptions, type Rules, range, whole } from '../util/check.ts';
import { Deferred } from '../util/deferred.ts';
import { FrameEndpoint } from './endpoint.ts';
import type { EndpointController, EndpointDriver, EndpointOptions } from './endpoint_types.ts';
import { ENDPOINT_RULES, signal as isSignal, rule } from './options.ts';
import type { FrameSink } from './types.ts';

/** Options of reconnecting. */
export interface ReconnectOptions {
  /** ms before the first attempt. @default 100 */
  readonly least?: number;
  /** Longest wait before an attempt, ms. @default 10000 */
  readonly most?: number;
  /** Attempts that may fail in a row, before the endpoint fails. @default any number */
  readonly attempts?: number;
}

/** Options that all connections have. */
export interface SessionOptions extends EndpointOptions {
  /** Connects again when the connection is lost or cannot be made. @default false */
  readonly reconnect?: boolean | ReconnectOptions;
  /** Closes the endpoint when it is aborted. */
  readonly signal?: AbortSignal;
}

/** Largest wait that timers take, ms. */
const WAIT_MAX = 0x7fffffff;

const wait = whole(0, WAIT_MAX, ' ms');

const RECONNECT_RULES: Rules<ReconnectOptions> = {
  least: wait,
  most: wait,
  attempts: range(0, Number.POSITIVE_INFINITY),
};

/** Rules for the options of a connection that is made once. */
export const SINGLE_SESSION_RULES: Rules<Omit<SessionOptions, 'reconnect'>> = {
  ...ENDPOINT_RULES,
  signal: isSignal,
};

/** Rules for the options of a connection that may be made again. */
export const SESSION_RULES: Rules<SessionOptions> = {
  ...SINGLE_SESSION_RULES,
  // An object is checked where it is used.
  reconnect: rule(
    (value) => typeof value === 'boolean' || value instanceof Object,
    'true or false',
  ),
};

/** One connection. */
export interface Session extends FrameSink {
  /** As resume() of a driver. */
  resume?(): void;
  /** Closes it; settles when it is closed. */
  close(): void | Promise<void>;
}

/** Calls of a session to its endpoint. */
export interface SessionEvents extends EndpointController {
  /** Call when it is open: frames may be sent. */
  opened(): void;
}

/**
 * Begins a connection. It calls `end` of the events when the connection is lost or cannot be made, and throws
 * if no later attempt could succeed.
 */
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

  #connectAgain(): void {
    try {
      this.#connect();
    } catch (error) {
      this.#fail(error);
    }
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
      this.#fail(error);
      return;
    }
    const wait = Math.min(most, least * 2 ** this.#failures++);
    this.#timer = setTimeout(() => this.#connectAgain(), wait * (1 - Math.random() / 2));
  }

  /** Ends the endpoint; undefined: in order. */
  #fail(error: unknown): void {
    this.opened.reject(error ?? new NetError('ECONNRESET', 'Cannot connect'));
    this.#controller.end(error);
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
    this.opened.reject(
      new NetError('ECONNABORTED', 'Cannot connect', { reason: 'the endpoint was closed' }),
    );
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
   * Begins to connect; called by adapters.
   *
   * @internal
   * @param connector - Makes a connection.
   * @param options - Whether to connect again, a signal, and those of every endpoint.
   * @throws {NetError} EINVAL for an option that is out of range; or the error of the connector.
   */
  constructor(connector: Connector, options: SessionOptions) {
    const { reconnect = false, signal, type, mtu, queue } = options;
    if (typeof reconnect === 'object') {
      checkOptions('Cannot reconnect', reconnect, RECONNECT_RULES);
    }
    const driver = new SessionDriver(connector, reconnect);
    super(driver, { type, mtu, queue });
    this.#driver = driver;
    if (!signal) return;
    const onAbort = (): void => void this.close();
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort);
    const forget = (): void => signal.removeEventListener('abort', onAbort);
    this.closed.then(forget, forget);
  }

  /** Settles when it is connected for the first time; rejects if it cannot be. */
  get opened(): Promise<void> {
    return this.#driver.opened.promise;
  }

  /** Whether it is connected now. While it is not, frames for it are dropped and counted. */
  get isOpen(): boolean {
    return this.#driver.isOpen;
  }

  /** How many times it has been connected. */
  get sessions(): number {
    return this.#driver.sessions;
  }
}

/** Waits until an endpoint is connected for the first time. */
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
