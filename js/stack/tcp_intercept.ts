// SPDX-License-Identifier: MIT
// tcp_intercept - connections to addresses that are not the stack's; twin: core/sock/flow.c
//
// Theory of operation
//
// C gives each SYN as a whole packet and remembers nothing. Here it is held, one for each four ends, until it is
// decided; a SYN that is sent again takes the place of the one before, since its options may be other ones. The
// verdict goes back with the packet:
//
// | state     | what it waits for  | a SYN that comes again   | ends                                  |
// |-----------|--------------------|--------------------------|---------------------------------------|
// | held      | accept(), reject() | is kept                  | by either, by close()                 |
// | accepting | the guest's ACK    | goes back to C once more | with the connection, or after TIMEOUT |
//
// Both count as pending, and there is a most. A SYN above it is dropped: the guest sends its SYN again.
//
// C takes packets for other addresses only while the socket of SYNs is open, so accepted connections end with it.

import {
  CMD_ABORT,
  CMD_ACCEPTED,
  CMD_CLOSE,
  CMD_OPEN,
  CMD_RELEASE,
  CMD_SOCKET_BACKLOG,
  CMD_SOCKET_FLAGS,
  CMD_SOCKET_IFACE,
  CMD_SOCKET_KIND,
  CMD_SOCKET_MULTICAST_TTL,
  CMD_SOCKET_RX_MAX,
  CMD_SOCKET_SIZE,
  CMD_SOCKET_TTL,
  CMD_SOCKET_TX_MAX,
  DGRAM_TRANSPARENT,
  SOCK_CLOSED,
  SOCK_FLOW,
  SOCK_LOCAL,
  SOCK_REMOTE,
  SOCK_TCP_LISTENER,
  VERDICT_ACCEPT,
  VERDICT_ICMP,
  VERDICT_RESET,
} from '../abi.ts';
import type {
  HeldConnection,
  InterceptStatistics,
  RejectReason,
  TcpInterceptOptions,
  TcpInterceptor,
} from '../api/intercept.ts';
import type { TcpConnection } from '../api/tcp.ts';
import type { Channel } from '../control/channel.ts';
import { newCommand, readAddress } from '../control/commands.ts';
import type { Made, SocketEvents } from '../control/events.ts';
import { atCaller, NetError, netErrorFromCode } from '../errors.ts';
import { AcceptQueue } from '../util/accept_queue.ts';
import { formatEndpoint, formatIp, parseIp } from '../util/address.ts';
import { any, checkOptions, checkValue, flag, oneOf, type Rules, whole } from '../util/check.ts';
import { Deferred, handled } from '../util/deferred.ts';
import { showAs } from '../util/inspect.ts';
import { DatagramEnds } from './datagram_ends.ts';
import { TTL } from './datagram_rules.ts';
import type { Names } from './names.ts';
import { closeWhenAborted } from './signal.ts';
import { Connection } from './tcp_connection.ts';
import { type BufferDefaults, bufferRule, keepAliveMs, socketCommand } from './tcp_options.ts';

const PENDING = 1024;
/** lwIP gives a handshake up after 20 s. */
const TIMEOUT = 21_000;
/** A SYN with all options has less than 128 bytes; its record, 64 and 8 more. */
const RECORD = 200;
const ACTION = 'Cannot intercept connections';

const OPTIONS: Rules<TcpInterceptOptions> = {
  interface: any,
  pending: whole(1, 65535),
  noDelay: flag,
  keepAlive: any,
  receiveBuffer: bufferRule,
  sendBuffer: bufferRule,
  signal: any,
};

const reasonRule = oneOf('refused', 'unreachable', 'prohibited', 'drop');
/** RFC 792 and RFC 1812, RFC 4443: host unreachable and prohibited, address unreachable and prohibited. */
const CODES = { 4: { unreachable: 1, prohibited: 13 }, 6: { unreachable: 3, prohibited: 1 } };

/** A connection whose SYN is held. */
class Held implements HeldConnection {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress: string;
  readonly localPort: number;
  readonly key: string;
  /** The SYN that came last. */
  packet: Uint8Array;
  accepting: Deferred<TcpConnection> | undefined;
  timer: ReturnType<typeof setTimeout> | undefined;
  isDecided = false;
  readonly #decide: (held: Held, verdict: number) => void;

  constructor(
    key: string,
    from: { host: string; port: number },
    to: { address: string; port: number },
    packet: Uint8Array,
    decide: (held: Held, verdict: number) => void,
  ) {
    this.key = key;
    this.remoteAddress = from.host;
    this.remotePort = from.port;
    this.localAddress = to.address;
    this.localPort = to.port;
    this.packet = packet;
    this.#decide = decide;
  }

  async accept(): Promise<TcpConnection> {
    if (this.isDecided) {
      throw new NetError('EBADF', this.action, { reason: 'it was decided' });
    }
    this.isDecided = true;
    this.accepting = new Deferred();
    this.#decide(this, VERDICT_ACCEPT);
    try {
      return await this.accepting.promise;
    } catch (error) {
      throw atCaller(error);
    }
  }

  reject(how: RejectReason = 'refused'): void {
    checkValue('Cannot reject a connection', 'the reason', how, reasonRule);
    if (this.isDecided) return;
    this.isDecided = true;
    if (how === 'drop') this.#decide(this, 0);
    else if (how === 'refused') this.#decide(this, VERDICT_RESET);
    else this.#decide(this, VERDICT_ICMP + CODES[this.localAddress.includes(':') ? 6 : 4][how]);
  }

  get action(): string {
    const to = formatEndpoint(parseIp(this.localAddress), this.localPort);
    return `Cannot accept a connection of ${this.remoteAddress} to ${to}`;
  }

  toJSON(): object {
    const { remoteAddress, remotePort, localAddress, localPort, isDecided } = this;
    return { type: 'tcp', remoteAddress, remotePort, localAddress, localPort, isDecided };
  }
}
showAs(Held, 'HeldConnection');

/** The interceptor of one interface. */
class Interceptor implements TcpInterceptor, SocketEvents {
  readonly #channel: Channel;
  readonly #ends: DatagramEnds;
  readonly #options: TcpInterceptOptions;
  readonly #held = new Map<string, Held>();
  readonly #accepted = new Set<Connection>();
  readonly #queue = new AcceptQueue<HeldConnection>();
  #listener = 0;
  #count = 0;
  #repeated = 0;
  #dropped = 0;

  constructor(channel: Channel, ends: DatagramEnds, options: TcpInterceptOptions) {
    this.#channel = channel;
    this.#ends = ends;
    channel.ref(ends.handle, false); // the listener counts
    this.#options = options;
  }

  /** The listener of C is there: connections come. */
  start(handle: number): void {
    this.#listener = handle;
    this.#channel.register(handle, this);
    void this.#read();
  }

  async #read(): Promise<void> {
    const ends = this.#ends;
    try {
      while (await ends.wait()) {
        for (let length = ends.peek(); length >= 0; length = ends.peek()) {
          const { sender, receiver } = ends.record;
          const packet = ends.copy(length);
          ends.release();
          this.#take(sender, receiver, packet);
        }
      }
    } catch (error) {
      this.#end(error as NetError);
      return;
    }
    this.#end(ends.gone ?? new NetError('ESHUTDOWN', ACTION));
  }

  #take(
    from: { host: string; port: number },
    to: { address: string; port: number },
    packet: Uint8Array,
  ): void {
    const key = keyOf(from.host, from.port, to.address, to.port);
    const known = this.#held.get(key);
    if (known) {
      this.#repeated++;
      known.packet = packet;
      if (known.accepting) this.#send(known, VERDICT_ACCEPT);
    } else if (this.#held.size >= (this.#options.pending ?? PENDING)) {
      this.#dropped++;
    } else {
      this.#count++;
      const held = new Held(key, from, to, packet, (one, verdict) => this.#decide(one, verdict));
      this.#held.set(key, held);
      this.#queue.push(held);
    }
  }

  #decide(held: Held, verdict: number): void {
    if (!held.accepting) {
      this.#held.delete(held.key);
      this.#queue.remove(held);
    } else {
      held.timer = setTimeout(() => {
        this.#fail(held, new NetError('ETIMEDOUT', held.action));
      }, TIMEOUT);
    }
    if (verdict) this.#send(held, verdict);
  }

  #fail(held: Held, error: NetError): void {
    clearTimeout(held.timer);
    this.#held.delete(held.key);
    held.accepting?.reject(error);
  }

  #send({ remoteAddress, remotePort, packet }: Held, verdict: number): void {
    if (this.#ends.gone) return;
    const where = { to: parseIp(remoteAddress), port: remotePort, verdict };
    // Without room the guest's next SYN asks again.
    if (!this.#ends.isFull) this.#ends.trySend(packet, where);
  }

  onEvent(bits: number, error: number): void {
    if (bits & SOCK_CLOSED && error !== 0) this.#end(netErrorFromCode(error, ACTION));
  }

  onAccept(made: Made): void {
    const { view } = this.#channel.arena;
    const local = readAddress(view, made.offset + SOCK_LOCAL);
    const remote = readAddress(view, made.offset + SOCK_REMOTE);
    const key = keyOf(formatIp(remote.address), remote.port, formatIp(local.address), local.port);
    const held = this.#held.get(key);
    if (!held?.accepting) {
      this.#channel.send(CMD_ABORT, made.handle);
      this.#channel.send(CMD_RELEASE, made.handle);
      return;
    }
    clearTimeout(held.timer);
    this.#held.delete(key);
    const { noDelay = true, keepAlive } = this.#options;
    this.#channel.send(CMD_ACCEPTED, made.handle);
    const keepAliveIdle = keepAliveMs(keepAlive);
    const connection = new Connection(this.#channel, made, held.action, noDelay, keepAliveIdle);
    this.#accepted.add(connection);
    handled(connection.closed.finally(() => this.#accepted.delete(connection)));
    held.accepting.resolve(connection);
  }

  onShutdown(error: NetError): void {
    this.#end(new NetError(error.code, ACTION, { cause: error }));
  }

  #end(error: NetError): void {
    if (this.#queue.error !== undefined) return;
    this.#queue.end(error);
    for (const held of [...this.#held.values()]) {
      if (held.accepting) this.#fail(held, error);
      else held.reject('refused');
    }
    // With its interface C has ended them.
    if (error.code !== 'ENODEV') for (const connection of this.#accepted) connection.abort();
    this.#channel.send(CMD_CLOSE, this.#listener);
    this.#channel.send(CMD_RELEASE, this.#listener);
    this.#channel.unregister(this.#listener);
    this.#ends.close('the interceptor was closed');
  }

  get statistics(): InterceptStatistics {
    const { rxDropped } = this.#ends.statistics;
    return {
      pending: this.#held.size,
      held: this.#count,
      repeated: this.#repeated,
      dropped: this.#dropped + rxDropped,
    };
  }

  get closed(): Promise<void> {
    return this.#ends.closed;
  }

  accept(): Promise<HeldConnection> {
    return this.#queue.take();
  }

  async close(): Promise<void> {
    this.#end(new NetError('ECONNABORTED', ACTION, { reason: 'the interceptor was closed' }));
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<HeldConnection> {
    return this.#queue.items((error) => {
      const { code } = error as Partial<NetError>;
      return code === 'ECONNABORTED' || code === 'ESHUTDOWN';
    });
  }

  toJSON(): object {
    return { type: 'tcp', isOpen: this.#queue.error === undefined, ...this.statistics };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
showAs(Interceptor, 'TcpInterceptor');

const keyOf = (host: string, port: number, address: string, to: number): string =>
  `${host} ${port} ${address} ${to}`;

/** The command that opens the socket of SYNs. */
function flowCommand(iface: number, pending: number) {
  const command = newCommand(CMD_OPEN, 0, CMD_SOCKET_SIZE);
  const size = 2 ** Math.ceil(Math.log2(Math.max(4096, pending * RECORD)));
  command.setUint32(CMD_SOCKET_KIND, SOCK_FLOW, true);
  command.setUint32(CMD_SOCKET_RX_MAX, size, true);
  command.setUint32(CMD_SOCKET_TX_MAX, size, true);
  command.setUint32(CMD_SOCKET_TTL, TTL, true);
  command.setUint32(CMD_SOCKET_MULTICAST_TTL, 1, true);
  command.setUint32(CMD_SOCKET_FLAGS, DGRAM_TRANSPARENT, true);
  command.setUint32(CMD_SOCKET_IFACE, iface, true);
  return command;
}

/**
 * Intercepts connections.
 *
 * @param channel - Of the stack.
 * @param options - Interface and settings.
 * @param defaults - Buffer sizes where options has none.
 * @param names - Names and interfaces of the stack.
 * @returns The interceptor.
 * @throws {NetError} EINVAL, EADDRINUSE, ENODEV, EMFILE, ENOMEM, ESHUTDOWN; or the signal's reason.
 */
export async function interceptTcp(
  channel: Channel,
  options: TcpInterceptOptions,
  defaults: BufferDefaults,
  names: Names,
): Promise<TcpInterceptor> {
  checkOptions(ACTION, options, OPTIONS, ['interface']);
  options.signal?.throwIfAborted();
  keepAliveMs(options.keepAlive);
  const iface = names.handle(options.interface);
  const { pending = PENDING } = options;
  const listen = socketCommand(SOCK_TCP_LISTENER, options, defaults);
  listen.setUint32(CMD_SOCKET_BACKLOG, pending, true);
  listen.setUint32(CMD_SOCKET_IFACE, iface, true);
  try {
    const ends = await channel.call(
      flowCommand(iface, pending),
      ACTION,
      (made) => new DatagramEnds(channel, made),
    );
    const interceptor = new Interceptor(channel, ends, options);
    try {
      await channel.call(listen, ACTION, ({ handle }) => interceptor.start(handle));
    } catch (error) {
      ends.close('the interceptor was closed');
      throw error;
    }
    return await closeWhenAborted(interceptor, options.signal);
  } catch (error) {
    throw atCaller(error);
  }
}
