// SPDX-License-Identifier: MIT
// socket - dgram.Socket: what it sends, its peer, its options and its groups (dgram/bound_socket.ts has the rest)

import { Buffer } from 'node:buffer';
import type { NetworkInterface, NetworkStack } from 'ringstack';
import { checkNumber, checkPort, checkString } from '../checks.ts';
import { missingArgs, nodeError, systemError, systemErrorOf } from '../errors.ts';
import { type NodeAddress, nodeAddress, reachable } from '../net/context.ts';
import { isIP } from '../net/ip.ts';
import { nextTick } from '../runtime.ts';
import { BoundSocket, isBlocked, isGroup } from './bound_socket.ts';
import { wrong } from './errors.ts';
import { type SendCallback, sendArguments } from './send_arguments.ts';

type Callback = (...args: unknown[]) => void;

/** The interface that an address belongs to, or that its zone names. */
function interfaceWith(stack: NetworkStack, address: string): NetworkInterface | undefined {
  const [ip, zone] = address.split('%');
  const all = [...stack.interfaces];
  return (
    all[Number(zone) - 1] ??
    all.find(({ addresses }) => addresses.some((one) => one.split('/')[0] === ip))
  );
}

/** A socket of node:dgram. */
export class DgramSocket extends BoundSocket {
  send(...args: unknown[]): void {
    const state = this._state;
    const { list, port, address, callback } = sendArguments(args, state.connect === 'yes');
    this._check();
    this._whenBound(() => {
      if (state.connect === 'yes' || port === undefined) this.#send(list, state.remote, callback);
      else {
        this._lookup(address, (error, ip) => {
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
    const { link, isBroadcast, connect, isFiltering } = this._state;
    if (!link) return;
    const data = list.length === 1 ? (list[0] as Buffer) : Buffer.concat(list);
    const place = { syscall: 'send', address: to?.address, port: to?.port };
    if (to && isBlocked(this._state.init.sendBlockList, to.address)) {
      const text = `IP(${to.address}) is blocked by net.BlockList`;
      this.#sent(nodeError(Error, 'ERR_IP_BLOCKED', text), callback);
      return;
    }
    if (to?.address === '255.255.255.255' && !isBroadcast) {
      this.#sent(systemError('EACCES', place), callback);
      return;
    }
    const isDirect = connect === 'yes' && !isFiltering;
    const by = to && isGroup(to.address) ? this._state.multicastInterface : undefined;
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
    const state = this._state;
    if (state.connect !== 'no') throw wrong.connected();
    this._check();
    state.connect = 'connecting';
    const finish = typeof done === 'function' ? (done as Callback) : undefined;
    if (finish) this.once('connect', finish);
    const isNew = state.bind === 'unbound';
    if (isNew) state.bind = 'binding';
    const go = (): void =>
      this._lookup(host as string, (error, ip) => {
        if (state.isClosed) return;
        if (error || isBlocked(state.init.sendBlockList, ip)) {
          const text = `IP(${ip}) is blocked by net.BlockList`;
          this.#notConnected(error ?? nodeError(Error, 'ERR_IP_BLOCKED', text), finish, isNew);
        } else this.#connected(nodeAddress(ip, to), isNew);
      });
    if (isNew) go();
    else this._whenBound(go);
  }

  #notConnected(error: Error, callback: Callback | undefined, isNew: boolean): void {
    this._state.connect = 'no';
    if (isNew) this._state.bind = 'unbound';
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
    const state = this._state;
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
    this._open(this.type === 'udp4' ? '0.0.0.0' : '::', 0, remote);
  }

  disconnect(): void {
    const state = this._state;
    if (state.connect !== 'yes') throw wrong.notConnected();
    state.connect = 'no';
    state.remote = undefined;
    state.isFiltering = false;
  }

  remoteAddress(): NodeAddress {
    this._check();
    const { connect, remote } = this._state;
    if (connect !== 'yes' || !remote) throw wrong.notConnected();
    return { ...remote };
  }

  setBroadcast(isOn: unknown): void {
    this._bound('setBroadcast');
    this._state.isBroadcast = Boolean(isOn);
  }

  setTTL(ttl: unknown): number {
    checkNumber(ttl, 'ttl');
    const { udp } = this._bound('setTTL');
    if (!(ttl >= 1 && ttl <= 255)) throw systemError('EINVAL', { syscall: 'setTTL' });
    udp.ttl = Math.floor(ttl);
    return ttl;
  }

  setMulticastTTL(ttl: unknown): number {
    checkNumber(ttl, 'ttl');
    const { udp } = this._bound('setMulticastTTL');
    if (!(ttl >= 0 && ttl <= 255)) throw systemError('EINVAL', { syscall: 'setMulticastTTL' });
    udp.multicastTtl = Math.max(1, Math.floor(ttl));
    return ttl;
  }

  setMulticastLoopback(isOn: unknown): unknown {
    this._bound('setMulticastLoopback');
    this._state.isLoopback = Boolean(isOn);
    return isOn;
  }

  setMulticastInterface(address: unknown): void {
    this._check();
    checkString(address, 'interfaceAddress');
    this._bound('setMulticastInterface');
    const [ip = ''] = address.split('%');
    const isFit = isIP(ip) === (this.type === 'udp4' ? 4 : 6) && !isGroup(ip);
    if (!isFit) throw systemError('EINVAL', { syscall: 'setMulticastInterface' });
    this._state.multicastInterface = undefined;
    if (ip === '0.0.0.0' || address === '::') return;
    this._context.withStack(
      async (stack) => {
        this._state.multicastInterface = interfaceWith(stack, address);
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
    this._check();
    if (!group) throw missingArgs('multicastAddress');
    const isAdded = syscall.startsWith('add');
    const { groups } = this._state;
    const key = `${group} ${local ?? ''} ${source ?? ''}`;
    const isWrong =
      typeof group !== 'string' || !isGroup(group) || (source !== undefined && isIP(source) === 0);
    if (isWrong || (local != null && isIP(local) === 0)) throw systemError('EINVAL', { syscall });
    if (isAdded === groups.has(key)) {
      throw systemError(isAdded ? 'EADDRINUSE' : 'EADDRNOTAVAIL', { syscall });
    }
    if (isAdded) groups.add(key);
    else groups.delete(key);
    this._whenBound(() =>
      this.#change(syscall, isAdded, group, local as string | undefined, source),
    );
  }

  #change(syscall: string, isAdded: boolean, group: string, local?: string, source?: string): void {
    this._context.withStack(
      async (stack) => {
        const { link } = this._state;
        if (!link) return;
        const iface = local === undefined ? undefined : interfaceWith(stack, local);
        const options = { ...(iface && { interface: iface }), ...(source && { source }) };
        await (isAdded ? link.udp.join(group, options) : link.udp.leave(group, options));
      },
      (error) => {
        if (!this._state.isClosed) this.emit('error', systemErrorOf(error, { syscall }));
      },
    );
  }

  #size(size: unknown): number {
    this._check();
    if (typeof size !== 'number' || size >>> 0 !== size) throw wrong.bufferSize();
    return size;
  }

  setRecvBufferSize(size: unknown): void {
    this._state.receiveBuffer = this.#size(size);
  }

  setSendBufferSize(size: unknown): void {
    this._state.sendBuffer = this.#size(size);
  }

  getRecvBufferSize(): number {
    this._check();
    return this._state.receiveBuffer;
  }

  getSendBufferSize(): number {
    this._check();
    return this._state.sendBuffer;
  }

  getSendQueueSize(): number {
    return this._state.link?.queued.bytes ?? 0;
  }

  getSendQueueCount(): number {
    return this._state.link?.queued.count ?? 0;
  }
}
