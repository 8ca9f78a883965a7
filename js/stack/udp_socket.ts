// SPDX-License-Identifier: MIT
// udp_socket - UDP sockets as the public objects; twin: core/sock/udp.c
//
// The rings and those who wait at them are js/stack/datagram_ends.ts. Here datagrams are objects: one a chunk of a
// stream, one a call. A failure of one datagram rejects its send(); on the writable it is counted instead, since
// a rejected write ends a WritableStream for good.

import {
  ADDR_PORT,
  CMD_JOIN,
  CMD_LEAVE,
  CMD_OPEN,
  CMD_SOCKET_FLAGS,
  CMD_SOCKET_IFACE,
  CMD_SOCKET_KIND,
  CMD_SOCKET_LOCAL,
  CMD_SOCKET_MULTICAST_TTL,
  CMD_SOCKET_REMOTE,
  CMD_SOCKET_RX_MAX,
  CMD_SOCKET_SIZE,
  CMD_SOCKET_TTL,
  CMD_SOCKET_TX_MAX,
  DGRAM_BROADCAST,
  DGRAM_DONT_FRAGMENT,
  DGRAM_MULTICAST_LOOP,
  DGRAM_REUSE,
  OPTION_MULTICAST_TTL,
  OPTION_TTL,
  SOCK_UDP,
  UDP_MOST,
  UDP_MOST_IPV6,
} from '../abi.ts';
import type {
  DatagramAddress,
  DatagramRingReader,
  DatagramRingWriter,
  MembershipOptions,
  UdpDatagram,
  UdpSocket,
  UdpSocketOptions,
  UdpStatistics,
} from '../api/udp.ts';
import type { Channel } from '../control/channel.ts';
import { newCommand, writeAddress } from '../control/commands.ts';
import { atCaller, NetError } from '../errors.ts';
import { handlePipes, iterate } from '../streams.ts';
import { formatEndpoint, formatIp, type IpAddress, parseMac } from '../util/address.ts';
import { bytesOf } from '../util/bytes.ts';
import {
  any,
  checkOptions,
  checkValue,
  flag,
  type Rules,
  range,
  text,
  whole,
} from '../util/check.ts';
import { showAs } from '../util/inspect.ts';
import { DatagramReader, DatagramWriter } from './datagram_access.ts';
import { DatagramEnds, type Destination } from './datagram_ends.ts';
import { member } from './membership.ts';
import type { Names } from './names.ts';

const KIB = 1024;
const BUFFER = 256 * KIB;
const BUFFER_LEAST = 2 * KIB;
const BUFFER_MOST = 16 * KIB * KIB;
const TTL = 64;
const CLOSED = 'udp socket closed';

const buffer = range(1, BUFFER_MOST, ' bytes');
const ttlRule = whole(1, 255);

const OPTIONS: Rules<UdpSocketOptions> = {
  host: text,
  port: whole(0, 65535),
  remote: any,
  interface: any,
  reuseAddress: flag,
  ipv6Only: flag,
  broadcast: flag,
  ttl: ttlRule,
  multicastTtl: whole(0, 255),
  multicastLoopback: flag,
  dontFragment: flag,
  receiveBuffer: buffer,
  sendBuffer: buffer,
  signal: any,
};

const ADDRESS: Rules<DatagramAddress> = { host: text, port: whole(1, 65535) };

/** A buffer size as C wants it. */
const bufferSize = (size: number): number =>
  2 ** Math.ceil(Math.log2(Math.max(size, BUFFER_LEAST)));

const familyOfAny = (host: string): 4 | 6 | undefined =>
  host === '0.0.0.0' ? 4 : host === '::' ? 6 : undefined;

/** A UDP socket. */
class Socket implements UdpSocket {
  readonly #ends: DatagramEnds;
  readonly #names: Names;
  readonly #remote: { address: IpAddress; port: number } | undefined;
  readonly localAddress: string;
  readonly localPort: number;
  readonly readable: ReadableStream<UdpDatagram>;
  readonly writable: WritableStream<UdpDatagram>;
  #ttl: number;
  #multicastTtl: number;
  /** The last destination, as text and as C wants it. */
  #lastHost = '';
  #lastAddress: IpAddress | undefined;
  /** Datagrams of the writable that could not be sent. */
  #unsent = 0;

  constructor(ends: DatagramEnds, names: Names, options: UdpSocketOptions) {
    this.#ends = ends;
    this.#names = names;
    this.#ttl = options.ttl ?? TTL;
    this.#multicastTtl = options.multicastTtl ?? 1;
    const local = ends.address('local');
    this.localAddress = local.isBound ? formatIp(local.address) : (options.host ?? '::');
    this.localPort = local.port;
    const remote = ends.address('remote');
    this.#remote = remote.isBound ? remote : undefined;
    this.readable = handlePipes(
      new ReadableStream<UdpDatagram>(
        {
          pull: (controller) => {
            const length = this.#ends.hasReaders ? -1 : this.#ends.peek();
            if (length >= 0) return controller.enqueue(this.#take(length));
            return this.#pull(controller);
          },
          cancel: () => this.close(),
        },
        { highWaterMark: 0 },
      ),
    );
    this.writable = new WritableStream<UdpDatagram>({
      write: (datagram) => this.#write(datagram),
      close: () => this.close(),
      abort: () => this.#ends.abort(CLOSED),
    });
  }

  get remoteAddress(): string | undefined {
    return this.#remote && formatIp(this.#remote.address);
  }

  get remotePort(): number | undefined {
    return this.#remote?.port;
  }

  get closed(): Promise<void> {
    return this.#ends.closed;
  }

  get statistics(): UdpStatistics {
    const { txDropped, ...rest } = this.#ends.statistics;
    return { ...rest, txDropped: txDropped + this.#unsent };
  }

  get ttl(): number {
    return this.#ttl;
  }

  set ttl(value: number) {
    checkValue('Cannot use a UDP socket', 'ttl', value, ttlRule);
    this.#ttl = value;
    this.#ends.set(OPTION_TTL, value);
  }

  get multicastTtl(): number {
    return this.#multicastTtl;
  }

  set multicastTtl(value: number) {
    checkValue('Cannot use a UDP socket', 'multicastTtl', value, whole(0, 255));
    this.#multicastTtl = value;
    this.#ends.set(OPTION_MULTICAST_TTL, value);
  }

  /** Takes the datagram that peek() has found out of the ring. */
  #take(length: number): UdpDatagram {
    const ends = this.#ends;
    const { host, port, zone } = ends.sender();
    const { iface, ttl } = ends.arrival();
    const through = this.#names.interfaceOf(iface);
    const datagram: UdpDatagram = {
      host: zone ? `${host}%${this.#names.zoneOf(zone)}` : host,
      port,
      data: ends.copy(length),
      local: ends.receiver(),
      ttl,
    };
    if (through) datagram.interface = through;
    ends.release();
    return datagram;
  }

  async #pull(controller: ReadableStreamDefaultController<UdpDatagram>): Promise<void> {
    for (;;) {
      try {
        const isThere = await this.#ends.wait();
        const length = isThere ? this.#ends.peek() : -1;
        if (length >= 0) controller.enqueue(this.#take(length));
        else if (!isThere) controller.close();
        else continue;
        return this.#ends.next();
      } catch {
        // An error about what was sent: counted, and no error of the readable.
      }
    }
  }

  async receive(): Promise<UdpDatagram> {
    try {
      while (await this.#ends.wait()) {
        const length = this.#ends.peek();
        if (length < 0) continue;
        const datagram = this.#take(length);
        this.#ends.next();
        return datagram;
      }
    } catch (error) {
      throw atCaller(error);
    }
    throw this.#ends.gone ?? new NetError('ESHUTDOWN', 'Cannot receive', { reason: CLOSED });
  }

  /** The address of a numeric host; undefined: it is a name. */
  #numeric(host: string): IpAddress | undefined {
    if (host !== this.#lastHost) {
      this.#lastAddress = this.#names.numeric(host, 'Cannot send to');
      this.#lastHost = host;
    }
    return this.#lastAddress;
  }

  #destination(to: DatagramAddress | undefined, address: IpAddress | undefined): Destination {
    if (!to || !address) return {};
    const zone = address.zone === undefined ? 0 : this.#names.handleOf(address.zone);
    return { to: address, port: to.port, zone };
  }

  #checkLength(length: number, family: 4 | 6): void {
    const most = family === 4 ? UDP_MOST : UDP_MOST_IPV6;
    if (length <= most) return;
    throw new NetError('EMSGSIZE', `Cannot send a datagram of ${length} bytes`, {
      reason: `must be from 0 to ${most}`,
    });
  }

  /** Refuses what is no destination; undefined on a connected socket is one. */
  #checkTo(to: DatagramAddress | undefined): void {
    if (to === undefined && this.#remote) return;
    if (to === undefined || to === null || typeof to !== 'object') {
      throw new NetError('EINVAL', 'Cannot send', {
        reason: 'a socket without a remote needs host and port',
      });
    }
    checkValue('Cannot send', 'host', to.host, ADDRESS.host);
    checkValue('Cannot send', 'port', to.port, ADDRESS.port);
  }

  trySend(data: Uint8Array, to?: DatagramAddress): boolean {
    this.#checkTo(to);
    const bytes = bytesOf(data);
    const address = to && this.#numeric(to.host);
    if (to && !address) {
      throw new NetError('EINVAL', `Cannot send to ${to.host}`, {
        reason: 'trySend() takes an address',
      });
    }
    this.#checkLength(bytes.length, (address ?? this.#remote?.address)?.family ?? 4);
    return this.#put(bytes, this.#destination(to, address));
  }

  /** Puts a datagram into the ring; false: no room now, or others wait. */
  #put(bytes: Uint8Array, where: Destination): boolean {
    const offset = this.#ends.isFull ? 0 : this.#ends.reserve(bytes.length);
    if (offset === 0) return false;
    this.#ends.copyIn(offset, bytes);
    this.#ends.submit(bytes.length, where);
    return true;
  }

  async send(data: ArrayBuffer | ArrayBufferView, to?: DatagramAddress): Promise<void> {
    try {
      this.#checkTo(to);
      const bytes = bytesOf(data);
      const address = to && (this.#numeric(to.host) ?? (await this.#names.resolve(to.host)));
      this.#checkLength(bytes.length, (address ?? this.#remote?.address)?.family ?? 4);
      await this.#send(bytes, this.#destination(to, address));
    } catch (error) {
      throw atCaller(error);
    }
  }

  async #send(bytes: Uint8Array, where: Destination): Promise<void> {
    await this.#ends.send(bytes, where);
  }

  /** One datagram of the writable. Only a wrong type or a closed socket is an error of the stream. */
  #write(datagram: UdpDatagram): Promise<void> | undefined {
    if (this.#ends.gone) throw this.#ends.gone;
    if (typeof datagram !== 'object' || datagram === null) {
      throw new TypeError('Cannot send: a datagram has host, port and data');
    }
    const bytes = bytesOf(datagram.data);
    try {
      const { host, port } = datagram;
      const to = host === undefined && this.#remote ? undefined : { host, port };
      this.#checkTo(to);
      const address = to && this.#numeric(to.host);
      if (to && !address) return this.#writeToName(datagram, bytes);
      const where = this.#whole(datagram, to, address);
      this.#checkLength(bytes.length, (address ?? this.#remote?.address)?.family ?? 4);
      if (this.#put(bytes, where)) return undefined;
      return this.#send(bytes, where).catch((error) => this.#fail(error));
    } catch (error) {
      this.#fail(error);
      return undefined;
    }
  }

  async #writeToName(datagram: UdpDatagram, bytes: Uint8Array): Promise<void> {
    try {
      const address = await this.#names.resolve(datagram.host);
      const where = this.#whole(datagram, datagram, address);
      this.#checkLength(bytes.length, address.family);
      await this.#send(bytes, where);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** All that a datagram says of its way. */
  #whole(
    datagram: UdpDatagram,
    to: DatagramAddress | undefined,
    address: IpAddress | undefined,
  ): Destination {
    const { local, ttl, linkAddress } = datagram;
    const through = datagram.interface;
    if (!local && !through && ttl === undefined && !linkAddress)
      return this.#destination(to, address);
    // What was received is written back as it is: an address that is none of ours is no source.
    const source = local && this.#names.numeric(local.address, 'Cannot send from');
    return {
      ...this.#destination(to, address),
      from: source && this.#names.isOwn(source) ? source : undefined,
      iface: through && address?.zone === undefined ? this.#names.handle(through) : 0,
      ...(ttl !== undefined && { ttl }),
      link: linkAddress === undefined ? undefined : parseMac(linkAddress),
    };
  }

  #fail(error: unknown): void {
    if (this.#ends.gone) throw error;
    this.#unsent++;
  }

  join(group: string, options: MembershipOptions = {}): Promise<void> {
    return this.#member(CMD_JOIN, 'Cannot join', group, options);
  }

  leave(group: string, options: MembershipOptions = {}): Promise<void> {
    return this.#member(CMD_LEAVE, 'Cannot leave', group, options);
  }

  async #member(
    op: number,
    action: string,
    group: string,
    options: MembershipOptions,
  ): Promise<void> {
    await member(this.#ends, this.#names, op, action, group, options);
  }

  getRingReader(): DatagramRingReader {
    return new DatagramReader(this.#ends, this.readable);
  }

  getRingWriter(): DatagramRingWriter {
    return new DatagramWriter(this.#ends, this.writable, (to) => {
      this.#checkTo(to);
      return this.#destination(to, this.#names.address(to.host, 'Cannot send to'));
    });
  }

  async close(): Promise<void> {
    this.#ends.close(CLOSED);
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<UdpDatagram> {
    if (this.readable.locked) throw new TypeError('readable stream already locked');
    return iterate<UdpDatagram>(this.readable);
  }

  toJSON(): object {
    const { localAddress, localPort, remoteAddress, remotePort } = this;
    return {
      type: 'udp',
      localAddress,
      localPort,
      remoteAddress,
      remotePort,
      isOpen: !this.#ends.gone,
    };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
showAs(Socket, 'UdpSocket');

/** The command that opens a socket. */
function openCommand(options: UdpSocketOptions, names: Names): ReturnType<typeof newCommand> {
  const command = newCommand(CMD_OPEN, 0, CMD_SOCKET_SIZE);
  const { host, port = 0, interface: through } = options;
  const bit = (isSet: boolean, value: number): number => (isSet ? value : 0);
  command.setUint32(CMD_SOCKET_KIND, SOCK_UDP, true);
  command.setUint32(CMD_SOCKET_RX_MAX, bufferSize(options.receiveBuffer ?? BUFFER), true);
  command.setUint32(CMD_SOCKET_TX_MAX, bufferSize(options.sendBuffer ?? BUFFER), true);
  command.setUint32(CMD_SOCKET_TTL, options.ttl ?? TTL, true);
  command.setUint32(CMD_SOCKET_MULTICAST_TTL, options.multicastTtl ?? 1, true);
  command.setUint32(
    CMD_SOCKET_FLAGS,
    bit(options.reuseAddress ?? false, DGRAM_REUSE) |
      bit(options.broadcast ?? true, DGRAM_BROADCAST) |
      bit(options.multicastLoopback ?? true, DGRAM_MULTICAST_LOOP) |
      bit(options.dontFragment ?? false, DGRAM_DONT_FRAGMENT),
    true,
  );
  const isDual = host === undefined || (familyOfAny(host) === 6 && !options.ipv6Only);
  const local = isDual ? undefined : names.address(host ?? '::', 'Cannot bind to');
  if (local) writeAddress(command, CMD_SOCKET_LOCAL, local, port);
  else command.setUint16(CMD_SOCKET_LOCAL + ADDR_PORT, port, true);
  const zone = local?.zone === undefined ? 0 : names.handleOf(local.zone);
  command.setUint32(CMD_SOCKET_IFACE, through ? names.handle(through) : zone, true);
  return command;
}

/**
 * Opens a UDP socket.
 *
 * @param channel - Of the stack.
 * @param options - Where and how.
 * @param names - Names and interfaces of the stack.
 * @returns The socket.
 * @throws {NetError} EINVAL, EADDRINUSE, EADDRNOTAVAIL, EHOSTUNREACH, ENODEV, ENOTFOUND, EMFILE, ENOMEM, ESHUTDOWN; or the
 *   signal's reason.
 */
export async function openUdp(
  channel: Channel,
  options: UdpSocketOptions,
  names: Names,
): Promise<UdpSocket> {
  checkOptions('Cannot open a UDP socket', options, OPTIONS);
  const { remote, signal } = options;
  signal?.throwIfAborted();
  let action = `Cannot open a UDP socket on port ${options.port ?? 0}`;
  const command = openCommand(options, names);
  if (remote) {
    checkOptions('Cannot connect a UDP socket', remote, ADDRESS, ['host', 'port']);
    const address = await names.resolve(remote.host);
    const zone = address.zone === undefined ? 0 : names.handleOf(address.zone);
    writeAddress(command, CMD_SOCKET_REMOTE, address, remote.port, 0, zone);
    action = `Cannot connect a UDP socket to ${formatEndpoint(address, remote.port)}`;
  }
  try {
    const socket = await channel.call(command, action, (made) => {
      return new Socket(new DatagramEnds(channel, made), names, options);
    });
    if (signal?.aborted) await socket.close();
    signal?.throwIfAborted();
    signal?.addEventListener('abort', () => void socket.close(), { once: true });
    return socket;
  } catch (error) {
    throw atCaller(error);
  }
}
