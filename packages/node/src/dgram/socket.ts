// SPDX-License-Identifier: MIT
// socket - dgram.Socket over a UDP socket of a stack
//
// Theory of operation
//
// States as in Node: unbound, binding, bound; beside them disconnected, connecting, connected. What is called
// while it binds waits in a queue, close() too. connect() of an unbound socket binds and connects in one, so
// ICMP errors arrive; that of a bound one filters what it receives here.
//
// A stack joins groups later than a call returns, so addMembership() checks its arguments itself. A socket that
// is bound keeps the process alive, unless unref() was called.

import { Buffer } from 'node:buffer';
import { EventEmitter } from 'node:events';
import type { NetworkInterface, NetworkStack } from 'ringstack';
import { checkFunction, checkNumber, checkPort, checkSignal, checkString } from '../checks.ts';
import { codeOf, missingArgs, nodeError, systemError, systemErrorOf } from '../errors.ts';
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
import { type SendCallback, sendArguments } from './send_arguments.ts';

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

interface BlockList {
  check(address: string, family: 'ipv4' | 'ipv6'): boolean;
}

/** Whether a list has an address. */
const isBlocked = (list: BlockList | undefined, address: string): boolean =>
  list?.check(address, address.includes(':') ? 'ipv6' : 'ipv4') ?? false;

type LookupDone = (error: Error | null, address: string, family: number) => void;
type Callback = (...args: unknown[]) => void;

/** Linux's default of a receive buffer. */
const BUFFER_DEFAULT = 262_144;

/** Whether an address is that of a group. */
function isGroup(address: string): boolean {
  if (isIP(address) === 6) return /^ff/i.test(address);
  const first = Number(address.split('.')[0]);
  return isIP(address) === 4 && first >= 224 && first < 240;
}

/** The interface that an address belongs to, or that its zone names. */
function interfaceWith(stack: NetworkStack, address: string): NetworkInterface | undefined {
  const [ip, zone] = address.split('%');
  const all = [...stack.interfaces];
  return (
    all[Number(zone) - 1] ??
    all.find(({ addresses }) => addresses.some((one) => one.split('/')[0] === ip))
  );
}

interface State {
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

/** A socket of node:dgram. */
export class DgramSocket extends EventEmitter {
  readonly type: 'udp4' | 'udp6';
  readonly #context: NetContext;
  readonly #state: State;

  constructor(context: NetContext, init: DgramInit | string, listener?: Callback) {
    super();
    const options: DgramInit = typeof init === 'object' && init !== null ? init : { type: init };
    if (options.type !== 'udp4' && options.type !== 'udp6') throw wrong.type();
    this.type = options.type;
    this.#context = context;
    for (const size of [options.recvBufferSize, options.sendBufferSize]) {
      if (size !== undefined)
        checkNumber(
          size,
          size === options.recvBufferSize ? 'options.recvBufferSize' : 'options.sendBufferSize',
        );
    }
    if (options.lookup !== undefined) checkFunction(options.lookup, 'lookup');
    if (options.signal !== undefined) checkSignal(options.signal, 'options.signal');
    this.#state = {
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
      if (!this.#state.isClosed) this.close();
    };
    if (signal.aborted) {
      nextTick(onAbort);
      return;
    }
    signal.addEventListener('abort', onAbort, { once: true });
    this.once('close', () => signal.removeEventListener('abort', onAbort));
  }

  #check(): void {
    if (this.#state.isClosed) throw wrong.notRunning();
  }

  /** The link of a bound socket; a call on another fails as that of the system does. */
  #bound(syscall: string): UdpLink {
    this.#check();
    const { link } = this.#state;
    if (!link) throw systemError('EBADF', { syscall });
    return link;
  }

  #lookup(host: string | undefined, done: (error: Error | null, address: string) => void): void {
    const isSix = this.type === 'udp6';
    const name = host || (isSix ? '::1' : '127.0.0.1');
    const lookup = (this.#state.init.lookup ?? this.#context.lookup) as unknown as (
      host: string,
      family: number,
      done: LookupDone,
    ) => void;
    lookup(name, isSix ? 6 : 4, done);
  }

  bind(...args: unknown[]): this {
    this.#check();
    const state = this.#state;
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
    this.#lookup((address as string) || any, (error, ip) => {
      if (state.isClosed) return;
      if (error) {
        state.bind = 'unbound';
        this.emit('error', error);
        return;
      }
      this.#open(ip, Number(port) || 0);
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
  #open(host: string, port: number, remote?: NodeAddress): void {
    const state = this.#state;
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
    this.#context.withStack(async (stack) => {
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
      state.link = new UdpLink(udp, this.type === 'udp6', this.#onMessage, this.#onFailure);
      nextTick(() => this.#listening());
    }, fail);
  }

  #listening(): void {
    const state = this.#state;
    if (state.isClosed) return;
    state.bind = 'bound';
    this.emit('listening');
    const { queue } = state;
    state.queue = undefined;
    for (const task of queue ?? []) task();
  }

  readonly #onMessage = (message: Uint8Array, from: { address: string; port: number }): void => {
    const { remote, isFiltering, init } = this.#state;
    if (isBlocked(init.receiveBlockList, from.address)) return;
    if (isFiltering && remote && (remote.port !== from.port || remote.address !== from.address))
      return;
    this.emit('message', message, from);
  };

  readonly #onFailure = (error: unknown): void => {
    if (codeOf(error) === 'EBADF') return;
    this.emit('error', systemErrorOf(error, { syscall: 'recvmsg' }));
  };

  /** Runs a task when the socket is bound; binds it first if need be. */
  #whenBound(task: () => void): void {
    const state = this.#state;
    if (state.bind === 'bound') {
      task();
      return;
    }
    if (state.bind === 'unbound') this.bind(0);
    state.queue ??= [];
    state.queue.push(task);
  }

  send(...args: unknown[]): void {
    const state = this.#state;
    const { list, port, address, callback } = sendArguments(args, state.connect === 'yes');
    this.#check();
    this.#whenBound(() => {
      if (state.connect === 'yes' || port === undefined) this.#send(list, state.remote, callback);
      else {
        this.#lookup(address, (error, ip) => {
          if (error) this.#sent(error, callback);
          else if (!state.isClosed) this.#send(list, nodeAddress(ip, port), callback);
        });
      }
    });
  }

  /** The old name of send(), with all arguments. */
  sendto(
    data: unknown,
    offset: unknown,
    length: unknown,
    port: unknown,
    address: unknown,
    done?: unknown,
  ): void {
    checkNumber(offset, 'offset');
    checkNumber(length, 'length');
    checkNumber(port, 'port');
    checkString(address, 'address');
    this.send(data, offset, length, port, address, done);
  }

  #sent(error: Error, callback: SendCallback | undefined): void {
    nextTick(() => {
      if (callback) callback(error);
      else this.emit('error', error);
    });
  }

  #send(
    list: readonly Buffer[],
    to: NodeAddress | undefined,
    callback: SendCallback | undefined,
  ): void {
    const { link, isBroadcast, connect, isFiltering } = this.#state;
    if (!link) return;
    const data = list.length === 1 ? (list[0] as Buffer) : Buffer.concat(list);
    const place = { syscall: 'send', address: to?.address, port: to?.port };
    if (to && isBlocked(this.#state.init.sendBlockList, to.address)) {
      const text = `IP(${to.address}) is blocked by net.BlockList`;
      this.#sent(nodeError(Error, 'ERR_IP_BLOCKED', text), callback);
      return;
    }
    if (to?.address === '255.255.255.255' && !isBroadcast) {
      this.#sent(systemError('EACCES', place), callback);
      return;
    }
    const isDirect = connect === 'yes' && !isFiltering;
    const by = to && isGroup(to.address) ? this.#state.multicastInterface : undefined;
    const host =
      to && !isDirect
        ? { host: reachable(to.address), port: to.port, ...(by && { interface: by }) }
        : undefined;
    link.send(data, host, (error) => {
      if (error !== undefined) this.#sent(systemErrorOf(error, place), callback);
      else if (callback) nextTick(callback, null, data.length);
    });
  }

  connect(port: unknown, address?: unknown, callback?: unknown): void {
    const to = checkPort(port, 'Port', false);
    let [host, done] = [address, callback];
    if (typeof host === 'function') [host, done] = ['', host];
    else if (host === undefined) host = '';
    checkString(host, 'address');
    const state = this.#state;
    if (state.connect !== 'no') throw wrong.connected();
    this.#check();
    state.connect = 'connecting';
    const finish = typeof done === 'function' ? (done as Callback) : undefined;
    if (finish) this.once('connect', finish);
    const isNew = state.bind === 'unbound';
    if (isNew) state.bind = 'binding';
    const go = (): void =>
      this.#lookup(host as string, (error, ip) => {
        if (state.isClosed) return;
        if (error || isBlocked(state.init.sendBlockList, ip)) {
          const text = `IP(${ip}) is blocked by net.BlockList`;
          this.#notConnected(error ?? nodeError(Error, 'ERR_IP_BLOCKED', text), finish, isNew);
        } else this.#connected(nodeAddress(ip, to), isNew);
      });
    if (isNew) go();
    else this.#whenBound(go);
  }

  #notConnected(error: Error, callback: Callback | undefined, isNew: boolean): void {
    this.#state.connect = 'no';
    if (isNew) this.#state.bind = 'unbound';
    nextTick(() => {
      if (!callback) {
        this.emit('error', error);
        return;
      }
      this.removeListener('connect', callback);
      callback(error);
    });
  }

  #connected(remote: NodeAddress, isNew: boolean): void {
    const state = this.#state;
    const done = (): void => {
      state.connect = 'yes';
      state.remote = remote;
      nextTick(() => void this.emit('connect'));
    };
    state.isFiltering = !isNew;
    if (!isNew) {
      done();
      return;
    }
    state.queue = [done, ...(state.queue ?? [])];
    this.#open(this.type === 'udp4' ? '0.0.0.0' : '::', 0, remote);
  }

  disconnect(): void {
    const state = this.#state;
    if (state.connect !== 'yes') throw wrong.notConnected();
    state.connect = 'no';
    state.remote = undefined;
    state.isFiltering = false;
  }

  close(callback?: unknown): this {
    if (typeof callback === 'function') this.on('close', callback as Callback);
    const state = this.#state;
    if (state.queue !== undefined) {
      state.queue.push(() => this.close());
      return this;
    }
    this.#check();
    state.isClosed = true;
    state.holder.set(false);
    void state.link?.close().catch(() => {});
    nextTick(() => void this.emit('close'));
    return this;
  }

  address(): NodeAddress {
    const { udp } = this.#bound('getsockname');
    return nodeAddress(this.#shown(udp.localAddress), udp.localPort);
  }

  /** An address as this kind of socket shows it: a stack says `::` where it means both families. */
  #shown(address: string): string {
    if (this.type === 'udp6') return mapped(address);
    return address === '::' ? '0.0.0.0' : address;
  }

  remoteAddress(): NodeAddress {
    this.#check();
    const { connect, remote } = this.#state;
    if (connect !== 'yes' || !remote) throw wrong.notConnected();
    return { ...remote };
  }

  setBroadcast(isOn: unknown): void {
    this.#bound('setBroadcast');
    this.#state.isBroadcast = Boolean(isOn);
  }

  setTTL(ttl: unknown): number {
    checkNumber(ttl, 'ttl');
    const { udp } = this.#bound('setTTL');
    if (!(ttl >= 1 && ttl <= 255)) throw systemError('EINVAL', { syscall: 'setTTL' });
    udp.ttl = Math.floor(ttl);
    return ttl;
  }

  setMulticastTTL(ttl: unknown): number {
    checkNumber(ttl, 'ttl');
    const { udp } = this.#bound('setMulticastTTL');
    if (!(ttl >= 0 && ttl <= 255)) throw systemError('EINVAL', { syscall: 'setMulticastTTL' });
    udp.multicastTtl = Math.max(1, Math.floor(ttl));
    return ttl;
  }

  setMulticastLoopback(isOn: unknown): unknown {
    this.#bound('setMulticastLoopback');
    this.#state.isLoopback = Boolean(isOn);
    return isOn;
  }

  setMulticastInterface(address: unknown): void {
    this.#check();
    checkString(address, 'interfaceAddress');
    this.#bound('setMulticastInterface');
    const [ip = ''] = address.split('%');
    const isFit = isIP(ip) === (this.type === 'udp4' ? 4 : 6) && !isGroup(ip);
    if (!isFit) throw systemError('EINVAL', { syscall: 'setMulticastInterface' });
    this.#state.multicastInterface = undefined;
    if (ip === '0.0.0.0' || address === '::') return;
    this.#context.withStack(
      async (stack) => {
        this.#state.multicastInterface = interfaceWith(stack, address);
      },
      () => {},
    );
  }

  addMembership(group: unknown, local?: unknown): void {
    this.#member('addMembership', group, local);
  }

  dropMembership(group: unknown, local?: unknown): void {
    this.#member('dropMembership', group, local);
  }

  addSourceSpecificMembership(source: unknown, group: unknown, local?: unknown): void {
    checkString(source, 'sourceAddress');
    checkString(group, 'groupAddress');
    this.#member('addSourceSpecificMembership', group, local, source);
  }

  dropSourceSpecificMembership(source: unknown, group: unknown, local?: unknown): void {
    checkString(source, 'sourceAddress');
    checkString(group, 'groupAddress');
    this.#member('dropSourceSpecificMembership', group, local, source);
  }

  #member(syscall: string, group: unknown, local: unknown, source?: string): void {
    this.#check();
    if (!group) throw missingArgs('multicastAddress');
    const isAdded = syscall.startsWith('add');
    const { groups } = this.#state;
    const key = `${group} ${local ?? ''} ${source ?? ''}`;
    const isWrong =
      typeof group !== 'string' || !isGroup(group) || (source !== undefined && isIP(source) === 0);
    if (isWrong || (local != null && isIP(local) === 0)) throw systemError('EINVAL', { syscall });
    if (isAdded === groups.has(key)) {
      throw systemError(isAdded ? 'EADDRINUSE' : 'EADDRNOTAVAIL', { syscall });
    }
    if (isAdded) groups.add(key);
    else groups.delete(key);
    this.#whenBound(() =>
      this.#change(syscall, isAdded, group, local as string | undefined, source),
    );
  }

  #change(syscall: string, isAdded: boolean, group: string, local?: string, source?: string): void {
    this.#context.withStack(
      async (stack) => {
        const { link } = this.#state;
        if (!link) return;
        const iface = local === undefined ? undefined : interfaceWith(stack, local);
        const options = { ...(iface && { interface: iface }), ...(source && { source }) };
        await (isAdded ? link.udp.join(group, options) : link.udp.leave(group, options));
      },
      (error) => {
        if (!this.#state.isClosed) this.emit('error', systemErrorOf(error, { syscall }));
      },
    );
  }

  #size(size: unknown): number {
    this.#check();
    if (typeof size !== 'number' || size >>> 0 !== size) throw wrong.bufferSize();
    return size;
  }

  setRecvBufferSize(size: unknown): void {
    this.#state.receiveBuffer = this.#size(size);
  }

  setSendBufferSize(size: unknown): void {
    this.#state.sendBuffer = this.#size(size);
  }

  getRecvBufferSize(): number {
    this.#check();
    return this.#state.receiveBuffer;
  }

  getSendBufferSize(): number {
    this.#check();
    return this.#state.sendBuffer;
  }

  getSendQueueSize(): number {
    return this.#state.link?.queued.bytes ?? 0;
  }

  getSendQueueCount(): number {
    return this.#state.link?.queued.count ?? 0;
  }

  ref(): this {
    this.#state.holder.ref(true);
    return this;
  }

  unref(): this {
    this.#state.holder.ref(false);
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#state.isClosed) return;
    await new Promise<void>((resolve) => this.close(() => resolve()));
  }
}
