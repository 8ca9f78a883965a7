// SPDX-License-Identifier: MIT
// listener - listen(): a listener at once, whose connections come from the stack's
//
// The process stays alive while accept() waits, unless unref() was called.

import type { NetworkStack } from '../../api/stack.ts';
import type { TcpListener as StackListener } from '../../api/tcp.ts';
import { DISPOSE } from '../../util/dispose.ts';
import { Hold } from '../../util/process.ts';
import { checkedPort, checkTransport, localHost, tcpAddr } from './address.ts';
import { StackConn } from './conn.ts';
import { badResource, denoErrorOf, errors } from './errors.ts';
import { Bound, portsOf } from './ports.ts';
import type { NetAddr, TcpConn, TcpListener, TcpListenOptions } from './types.ts';

/** The default of Deno. */
const BACKLOG = 511;

const closed = (): Error => badResource('Listener has been closed');

/**
 * Binds a listener; the call returns when its address is known, and the stack opens it soon after.
 *
 * @param stack - The stack.
 * @param options - Of listen().
 * @returns The listener of the stack to come, and its address.
 * @throws AddrInUse, AddrNotAvailable, TypeError, RangeError.
 */
export function bindListener(stack: NetworkStack, options: TcpListenOptions) {
  checkTransport(options.transport, 'tcp');
  const port = checkedPort(options.port, 0);
  const host = localHost(stack, options.hostname ?? '0.0.0.0', false);
  const backlog = Math.min(Math.max(1, Math.trunc(options.tcpBacklog ?? BACKLOG)), 65_535);
  const bound = new Bound<StackListener>(
    portsOf(stack).tcp,
    { host, port, isShared: false },
    (chosen) => stack.listenTcp({ host, port: chosen, backlog }),
  );
  return { bound, host };
}

/** A listener. */
class DenoListener implements TcpListener {
  readonly #bound: Bound<StackListener>;
  readonly #host: string;
  readonly #hold = new Hold();
  #isWaiting = false;
  #isRefed = true;
  #isClosed = false;

  constructor({ bound, host }: ReturnType<typeof bindListener>) {
    this.#bound = bound;
    this.#host = host;
  }

  get addr(): NetAddr {
    return tcpAddr(this.#host, this.#bound.port);
  }

  #update(): void {
    this.#hold.set(this.#isRefed && this.#isWaiting);
  }

  async accept(): Promise<TcpConn> {
    if (this.#isClosed) throw closed();
    if (this.#isWaiting) throw new errors.Busy('Another accept task is ongoing');
    this.#isWaiting = true;
    this.#update();
    try {
      const listener = await this.#bound.opened;
      return new StackConn(await listener.accept());
    } catch (error) {
      throw this.#isClosed ? closed() : denoErrorOf(error);
    } finally {
      this.#isWaiting = false;
      this.#update();
    }
  }

  async next(): Promise<IteratorResult<TcpConn, undefined>> {
    try {
      return { value: await this.accept(), done: false };
    } catch (error) {
      if (error instanceof errors.BadResource) return { value: undefined, done: true };
      throw error;
    }
  }

  async return(): Promise<IteratorResult<TcpConn, undefined>> {
    this[DISPOSE]();
    return { value: undefined, done: true };
  }

  close(): void {
    if (this.#isClosed) throw badResource();
    this[DISPOSE]();
  }

  [DISPOSE](): void {
    this.#isClosed = true;
    this.#bound.close();
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<TcpConn> {
    return this;
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

/** Listens: see DenoApi. */
export function listen(stack: NetworkStack, options: TcpListenOptions): TcpListener {
  return new DenoListener(bindListener(stack, options));
}
