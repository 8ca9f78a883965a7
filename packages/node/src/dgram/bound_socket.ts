// SPDX-License-Identifier: MIT
// bound_socket - the part of a dgram.Socket that binds, receives and closes, over a UDP socket of a stack
//
// Theory of operation
//
// States as in Node: unbound, binding, bound; beside them disconnected, connecting, connected. Calls that come
// while it binds wait in a queue, close() too. connect() of an unbound socket binds and connects in one, so
// ICMP errors arrive; that of a bound one filters what it receives here.
//
// A stack joins groups later than a call returns, so addMembership() checks its arguments itself. A socket that
// is bound keeps the process alive, unless unref() was called.

import { EventEmitter } from 'node:events';
import type { NetworkInterface } from 'ringstack';
import { checkFunction, checkNumber, checkSignal } from '../checks.ts';
import { codeOf, systemError, systemErrorOf } from '../errors.ts';
import {
  mapped,
  type NetContext,
  type NodeAddress,
  nodeAddress,
  reachable,
} from '../net/context.ts';
import { isIP } from '../net/ip.ts';
import { Holder, nextTick } from '../runtime.ts';
import { wrong } from './errors.ts';
import { UdpLink } from './link.ts';

/** Options of createSocket(). */
export interface DgramInit {
  type?: unknown;
  reuseAddr?: boolean;
  reusePort?: boolean;
  ipv6Only?: boolean;
  recvBufferSize?: number;
  sendBufferSize?: number;
  lookup?: (host: string, options: object | number, done: LookupDone) => void;
  signal?: AbortSignal;
  receiveBlockList?: BlockList;
  sendBlockList?: BlockList;
}

export interface BlockList {
  check(address: string, family: 'ipv4' | 'ipv6'): boolean;
}

/** Whether a list has an address. */
export const isBlocked = (list: BlockList | undefined, address: string): boolean =>
  list?.check(address, address.includes(':') ? 'ipv6' : 'ipv4') ?? false;

type LookupDone = (error: Error | null, address: string, family: number) => void;
type Callback = (...args: unknown[]) => void;

/** Linux's default of a receive buffer. */
const BUFFER_DEFAULT = 262_144;

/** Whether an address is that of a group. */
export function isGroup(address: string): boolean {
  if (isIP(address) === 6) return /^ff/i.test(address);
  const first = Number(address.split('.')[0]);
  return isIP(address) === 4 && first >= 224 && first < 240;
}

/** The state of a socket. */
export interface State {
  bind: 'unbound' | 'binding' | 'bound';
  connect: 'no' | 'connecting' | 'yes';
  isClosed: boolean;
  link: UdpLink | undefined;
  queue: (() => void)[] | undefined;
  remote: NodeAddress | undefined;
  /** Datagrams of others are dropped here: the stack does not know that it is connected. */
  isFiltering: boolean;
  isBroadcast: boolean;
  isLoopback: boolean;
  multicastInterface: NetworkInterface | undefined;
  ttl: number | undefined;
  multicastTtl: number | undefined;
  receiveBuffer: number;
  sendBuffer: number;
  readonly groups: Set<string>;
  readonly holder: Holder;
  readonly init: DgramInit;
}

/** The part of a socket that binds, receives and closes. */
export class BoundSocket extends EventEmitter {
  readonly type: 'udp4' | 'udp6';
  protected readonly _context: NetContext;
  protected readonly _state: State;

  constructor(context: NetContext, init: DgramInit | string, listener?: Callback) {
    super();
    const options: DgramInit = typeof init === 'object' && init !== null ? init : { type: init };
    if (options.type !== 'udp4' && options.type !== 'udp6') throw wrong.type();
    this.type = options.type;
    this._context = context;
    for (const size of [options.recvBufferSize, options.sendBufferSize]) {
      if (size !== undefined)
        checkNumber(
          size,
          size === options.recvBufferSize ? 'options.recvBufferSize' : 'options.sendBufferSize',
        );
    }
    if (options.lookup !== undefined) checkFunction(options.lookup, 'lookup');
    if (options.signal !== undefined) checkSignal(options.signal, 'options.signal');
    this._state = {
      bind: 'unbound',
      connect: 'no',
      isClosed: false,
      link: undefined,
      queue: undefined,
      remote: undefined,
      isFiltering: false,
      isBroadcast: false,
      isLoopback: true,
      multicastInterface: undefined,
      ttl: undefined,
      multicastTtl: undefined,
      receiveBuffer: options.recvBufferSize || BUFFER_DEFAULT,
      sendBuffer: options.sendBufferSize || BUFFER_DEFAULT,
      groups: new Set(),
      holder: new Holder(),
      init: options,
    };
    if (typeof listener === 'function') this.on('message', listener);
    if (options.signal !== undefined) this.#follow(options.signal);
  }

  #follow(signal: AbortSignal): void {
    const onAbort = (): void => {
      if (!this._state.isClosed) this.close();
    };
    if (signal.aborted) {
      nextTick(onAbort);
      return;
    }
    signal.addEventListener('abort', onAbort, { once: true });
    this.once('close', () => signal.removeEventListener('abort', onAbort));
  }

  protected _check(): void {
    if (this._state.isClosed) throw wrong.notRunning();
  }

  /** The link of a bound socket; a call on another fails as that of the system does. */
  protected _bound(syscall: string): UdpLink {
    this._check();
    const { link } = this._state;
    if (!link) throw systemError('EBADF', { syscall });
    return link;
  }

  protected _lookup(
    host: string | undefined,
    done: (error: Error | null, address: string) => void,
  ): void {
    const isSix = this.type === 'udp6';
    const name = host || (isSix ? '::1' : '127.0.0.1');
    const lookup = (this._state.init.lookup ?? this._context.lookup) as unknown as (
      host: string,
      family: number,
      done: LookupDone,
    ) => void;
    lookup(name, isSix ? 6 : 4, done);
  }

  bind(...args: unknown[]): this {
    this._check();
    const state = this._state;
    if (state.bind !== 'unbound') throw wrong.bound();
    state.bind = 'binding';
    const [first, second] = args;
    const callback = args[args.length - 1];
    if (typeof callback === 'function') this.#onBound(callback as Callback);
    let [port, address] = [first, typeof second === 'function' ? '' : second];
    if (typeof first === 'object' && first !== null)
      ({ port, address } = first as Record<string, unknown>);
    if (typeof port === 'function') port = 0;
    const any = this.type === 'udp4' ? '0.0.0.0' : '::';
    this._lookup((address as string) || any, (error, ip) => {
      if (state.isClosed) return;
      if (error) {
        state.bind = 'unbound';
        this.emit('error', error);
        return;
      }
      this._open(ip, Number(port) || 0);
    });
    return this;
  }

  #onBound(callback: Callback): void {
    const listening = (): void => {
      remove();
      callback.call(this);
    };
    const remove = (): void => {
      this.removeListener('error', remove);
      this.removeListener('listening', listening);
    };
    this.on('error', remove);
    this.on('listening', listening);
  }

  /** Opens the socket of the stack; remote: connected to it. */
  protected _open(host: string, port: number, remote?: NodeAddress): void {
    const state = this._state;
    const { init } = state;
    state.holder.set(true);
    const fail = (error: unknown): void => {
      state.holder.set(false);
      if (state.isClosed) return;
      state.bind = 'unbound';
      state.queue = undefined;
      const what = systemErrorOf(error, { syscall: 'bind', address: host, port });
      if (remote) state.connect = 'no';
      nextTick(() => void this.emit('error', what));
    };
    this._context.withStack(async (stack) => {
      const udp = await stack.openUdp({
        port,
        host,
        ...(remote && { remote: { host: reachable(remote.address), port: remote.port } }),
        ...(init.reuseAddr && { reuseAddress: true }),
        ...(init.ipv6Only && this.type === 'udp6' && { ipv6Only: true }),
        ...(state.ttl !== undefined && { ttl: state.ttl }),
        ...(state.multicastTtl !== undefined && { multicastTtl: state.multicastTtl }),
        ...(!state.isLoopback && { multicastLoopback: false }),
        receiveBuffer: Math.max(2048, state.receiveBuffer),
        sendBuffer: Math.max(2048, state.sendBuffer),
      });
      if (state.isClosed) {
        void udp.close();
        return;
      }
      state.link = new UdpLink(udp.unref(), this.type === 'udp6', this.#onMessage, this.#onFailure);
      nextTick(() => this.#listening());
    }, fail);
  }

  #listening(): void {
    const state = this._state;
    if (state.isClosed) return;
    state.bind = 'bound';
    this.emit('listening');
    const { queue } = state;
    state.queue = undefined;
    for (const task of queue ?? []) task();
  }

  readonly #onMessage = (message: Uint8Array, from: { address: string; port: number }): void => {
    const { remote, isFiltering, init } = this._state;
    if (isBlocked(init.receiveBlockList, from.address)) return;
    if (isFiltering && remote && (remote.port !== from.port || remote.address !== from.address))
      return;
    this.emit('message', message, from);
  };

  readonly #onFailure = (error: unknown): void => {
    if (codeOf(error) === 'EBADF') return;
    // The stack was closed: so is the socket.
    if ((error as { code?: unknown }).code === 'ESHUTDOWN') {
      this.close();
      return;
    }
    this.emit('error', systemErrorOf(error, { syscall: 'recvmsg' }));
  };

  /** Runs a task when the socket is bound; binds it first if need be. */
  protected _whenBound(task: () => void): void {
    const state = this._state;
    if (state.bind === 'bound') {
      task();
      return;
    }
    if (state.bind === 'unbound') this.bind(0);
    state.queue ??= [];
    state.queue.push(task);
  }

  close(callback?: unknown): this {
    if (typeof callback === 'function') this.on('close', callback as Callback);
    const state = this._state;
    if (state.queue !== undefined) {
      state.queue.push(() => this.close());
      return this;
    }
    this._check();
    state.isClosed = true;
    state.holder.set(false);
    void state.link?.close().catch(() => {});
    nextTick(() => void this.emit('close'));
    return this;
  }

  address(): NodeAddress {
    const { udp } = this._bound('getsockname');
    return nodeAddress(this._shown(udp.localAddress), udp.localPort);
  }

  /** An address as this kind of socket shows it: a stack says `::` where it means both families. */
  _shown(address: string): string {
    if (this.type === 'udp6') return mapped(address);
    return address === '::' ? '0.0.0.0' : address;
  }

  ref(): this {
    this._state.holder.ref(true);
    return this;
  }

  unref(): this {
    this._state.holder.ref(false);
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this._state.isClosed) return;
    await new Promise<void>((resolve) => this.close(() => resolve()));
  }
}
