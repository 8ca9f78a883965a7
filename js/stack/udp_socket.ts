// SPDX-License-Identifier: MIT
// udp_socket - UDP sockets as the public objects; twin: core/sock/udp.c
//
// The rings and the promises that wait for them are js/stack/datagram_ends.ts. Here datagrams are objects: one a chunk of a
// stream, one a call. A failure of one datagram rejects its send(); on the writable it is counted instead, since
// a rejected write ends a WritableStream for good.

import { OPTION_MULTICAST_TTL, OPTION_TTL, UDP_MOST_IPV6 } from '../abi.ts';
import type {
  DatagramAddress,
  DatagramHeader,
  DatagramRingReader,
  DatagramRingWriter,
  UdpDatagram,
  UdpSocket,
  UdpStatistics,
} from '../api/udp.ts';
import { atCaller, NetError } from '../errors.ts';
import { FastWritable, iterate } from '../streams.ts';
import { formatIp, type IpAddress, parseMac } from '../util/address.ts';
import { bytesOf } from '../util/bytes.ts';
import { checkValue, type Rules, text, whole } from '../util/check.ts';
import { showAs } from '../util/inspect.ts';
import { DatagramReader, DatagramWriter } from './datagram_access.ts';
import type { DatagramEnds } from './datagram_ends.ts';
import { DatagramReadable } from './datagram_readable.ts';
import type { Destination } from './datagram_record.ts';
import { ttlRule } from './datagram_rules.ts';
import { DatagramSocketBase } from './datagram_socket.ts';
import { LazyStream } from './lazy_stream.ts';
import type { Names } from './names.ts';
import { namesHandle, type UdpHandle, type UdpSettings, withZone } from './udp_handle.ts';

const CLOSED = 'udp socket closed';
/** The way to the connected end. */
const CONNECTED: Destination = {};
const multicastTtlRule = whole(0, 255);

/** Rules of a destination. */
export const ADDRESS: Rules<DatagramAddress> = { host: text, port: whole(1, 65535) };

/** A UDP socket. */
export class Socket extends DatagramSocketBase implements UdpSocket {
  readonly #remote: { address: IpAddress; port: number } | undefined;
  /** Of what it sends and receives; undefined: both. */
  readonly #family: 4 | 6 | undefined;
  readonly localAddress: string;
  readonly localPort: number;
  readonly #rx: DatagramReadable;
  readonly #tx = new LazyStream(() => this.#openWritable());
  #ttl: number;
  #multicastTtl: number;
  /** The last destination, as text and as C wants it; the next one is often the same. */
  #lastHost = '';
  #lastPort = Number.NaN;
  #lastAddress: IpAddress | undefined;
  #lastWay: Destination = CONNECTED;
  /** The same of the last source. */
  #lastSource = '';
  #lastFrom: IpAddress | undefined;
  readonly #transparent: boolean;
  /** Datagrams of the writable that could not be sent. */
  #unsent: number;

  constructor(ends: DatagramEnds, names: Names, settings: UdpSettings) {
    super(ends, names, CLOSED);
    this.#ttl = settings.ttl;
    this.#multicastTtl = settings.multicastTtl;
    this.#unsent = settings.unsent;
    this.#transparent = settings.transparent;
    const local = ends.address('local');
    this.localAddress = local.isBound ? formatIp(local.address) : '::';
    this.#family = local.isBound ? local.address.family : undefined;
    this.localPort = local.port;
    const remote = ends.address('remote');
    this.#remote = remote.isBound ? remote : undefined;
    this.#rx = new DatagramReadable(
      ends,
      (length) => this.#take(length),
      () => void this.close(),
    );
  }

  #openWritable(): FastWritable<UdpDatagram> {
    return FastWritable.over<UdpDatagram>(
      {
        write: (datagram) => this.#write(datagram),
        close: () => this.close(),
        abort: () => this.ends.abort(CLOSED),
      },
      {
        done: false,
        error: undefined,
        writeDirect: (datagram) => (this.#writeNow(datagram) ? undefined : datagram),
        pause: this.ends.channel.pause,
      },
    );
  }

  get readable(): ReadableStream<UdpDatagram> {
    return this.#rx.lazy.stream;
  }

  get writable(): WritableStream<UdpDatagram> {
    return this.#tx.stream;
  }

  get remoteAddress(): string | undefined {
    return this.#remote && formatIp(this.#remote.address);
  }

  get remotePort(): number | undefined {
    return this.#remote?.port;
  }

  get pathMtu(): number | undefined {
    return this.ends.pathMtu;
  }

  get statistics(): UdpStatistics {
    const { txDropped, ...rest } = this.ends.statistics;
    return { ...rest, txDropped: txDropped + this.#unsent };
  }

  get ttl(): number {
    return this.#ttl;
  }

  set ttl(value: number) {
    checkValue('Cannot use a UDP socket', 'ttl', value, ttlRule);
    this.#ttl = value;
    this.ends.set(OPTION_TTL, value);
  }

  get multicastTtl(): number {
    return this.#multicastTtl;
  }

  set multicastTtl(value: number) {
    checkValue('Cannot use a UDP socket', 'multicastTtl', value, multicastTtlRule);
    this.#multicastTtl = value;
    this.ends.set(OPTION_MULTICAST_TTL, value);
  }

  /** Takes the datagram that peek() has found out of the ring. */
  #take(length: number): UdpDatagram {
    const ends = this.ends;
    const { record } = ends;
    const { sender, receiver: local, iface, ttl } = record;
    const { port } = sender;
    const host = withZone(this.names, sender.host, sender.zone);
    const data = ends.copy(length);
    ends.release();
    const through = this.names.interfaceOf(iface);
    // One shape each: engines are much slower with objects that grow.
    return through
      ? { host, port, data, local, ttl, interface: through }
      : { host, port, data, local, ttl };
  }

  async receive(): Promise<UdpDatagram> {
    if (this.#rx.lazy.isHeld) throw new TypeError('readable stream already locked');
    try {
      while (await this.ends.wait()) {
        const length = this.ends.peek();
        if (length < 0) continue;
        const datagram = this.#take(length);
        this.ends.next();
        return datagram;
      }
    } catch (error) {
      throw atCaller(error);
    }
    throw atCaller(this.ends.gone ?? new NetError('ESHUTDOWN', 'Cannot receive'));
  }

  /** The address of a numeric host; undefined: it is a name. */
  #numeric(host: string): IpAddress | undefined {
    if (host !== this.#lastHost) {
      this.#lastPort = Number.NaN;
      this.#lastAddress = this.names.numeric(host, 'Cannot send to');
      this.#lastHost = host;
    }
    return this.#lastAddress;
  }

  /** The way to an address; refuses one of the wrong family, and a payload that is too long for it. */
  #destination(
    to: DatagramAddress | undefined,
    address: IpAddress | undefined,
    length = 0,
  ): Destination {
    const family = (address ?? this.#remote?.address)?.family;
    if (family === 6 && length > UDP_MOST_IPV6) {
      throw new NetError('EMSGSIZE', `Cannot send a datagram of ${length} bytes`, {
        reason: `must be from 0 to ${UDP_MOST_IPV6}`,
      });
    }
    if (!to || !address) return CONNECTED;
    if (address === this.#lastAddress && to.port === this.#lastPort) return this.#lastWay;
    if (this.#family && this.#family !== family) {
      throw new NetError('EINVAL', `Cannot send to ${to.host}`, {
        reason: `the socket is bound to an IPv${this.#family} address`,
      });
    }
    const way = { to: address, port: to.port, zone: this.names.zoneHandle(address) };
    if (address === this.#lastAddress && address.zone === undefined) {
      this.#lastPort = to.port;
      this.#lastWay = way;
    }
    return way;
  }

  /** Refuses what is no destination; undefined on a connected socket is one. */
  #checkTo(to: DatagramAddress | undefined): void {
    if (to?.host === this.#lastHost && to.port === this.#lastPort) return;
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
    return this.ends.trySend(bytes, this.#destination(to, address, bytes.length));
  }

  async send(data: ArrayBuffer | ArrayBufferView, to?: DatagramAddress): Promise<void> {
    try {
      this.#checkTo(to);
      const bytes = bytesOf(data);
      const address = to && (this.#numeric(to.host) ?? (await this.#resolve(to.host)));
      await this.ends.send(bytes, this.#destination(to, address, bytes.length));
    } catch (error) {
      throw atCaller(error);
    }
  }

  #resolve(host: string): Promise<IpAddress> {
    return this.names.resolve(host, this.#family);
  }

  /** One datagram of the writable. Only a wrong type or a closed socket is an error of the stream. */
  #write(datagram: UdpDatagram): Promise<void> | undefined {
    if (this.ends.gone) throw this.ends.gone;
    if (typeof datagram !== 'object' || datagram === null) {
      throw new TypeError('Cannot send: a datagram has host, port and data');
    }
    const bytes = bytesOf(datagram.data);
    try {
      const where = this.#wayOf(datagram, bytes.length);
      if (!where) return this.#writeToName(datagram, bytes);
      if (this.ends.trySend(bytes, where)) return undefined;
      return this.ends.send(bytes, where).catch((error) => this.#fail(error));
    } catch (error) {
      this.#fail(error);
      return undefined;
    }
  }

  /** Sends a datagram of the writable; false: it waits for room or a name, or is none. */
  #writeNow(datagram: UdpDatagram): boolean {
    if (this.ends.gone || !(datagram?.data instanceof Uint8Array)) return false;
    const { data } = datagram;
    try {
      const where = this.#wayOf(datagram, data.length);
      return where !== undefined && this.ends.trySend(data, where);
    } catch (error) {
      this.#fail(error);
      return true;
    }
  }

  /** The way of a datagram of the writable; undefined: its host is a name. */
  #wayOf(datagram: UdpDatagram, length: number): Destination | undefined {
    const to = datagram.host === undefined && this.#remote ? undefined : datagram;
    this.#checkTo(to);
    const address = to && this.#numeric(to.host);
    return to && !address ? undefined : this.#whole(datagram, to, address, length);
  }

  async #writeToName(datagram: UdpDatagram, bytes: Uint8Array): Promise<void> {
    try {
      const address = await this.#resolve(datagram.host);
      await this.ends.send(bytes, this.#whole(datagram, datagram, address, bytes.length));
    } catch (error) {
      this.#fail(error);
    }
  }

  /** All that a datagram says of its way. */
  #whole(
    { local, ttl, linkAddress, interface: through }: DatagramHeader,
    to: DatagramAddress | undefined,
    address: IpAddress | undefined,
    length = 0,
  ): Destination {
    const where = this.#destination(to, address, length);
    if (!local && !through && ttl === undefined && linkAddress === undefined) return where;
    if (ttl !== undefined) checkValue('Cannot send', 'ttl', ttl, ttlRule);
    // A received datagram may be written back as it is: an address that is none of ours is no source.
    const source = local && this.#source(local.address);
    return {
      to: where.to,
      port: where.port,
      zone: where.zone,
      from: source && (this.#transparent || this.names.isOwn(source)) ? source : undefined,
      fromPort: local?.port,
      iface: through && address?.zone === undefined ? this.names.handle(through) : 0,
      ttl,
      link: linkAddress === undefined ? undefined : parseMac(linkAddress),
    };
  }

  /** The address of a source; undefined: it is a name. */
  #source(text: string): IpAddress | undefined {
    if (text !== this.#lastSource) {
      this.#lastFrom = this.names.numeric(text, 'Cannot send from');
      this.#lastSource = text;
    }
    return this.#lastFrom;
  }

  /** Counts a datagram that could not be sent; the error of a closed socket is one of the stream. */
  #fail(error: unknown): void {
    if (this.ends.gone) throw error;
    this.#unsent++;
  }

  getRingReader(): DatagramRingReader {
    return new DatagramReader(this.ends, this.#rx.lazy, this.names);
  }

  getRingWriter(): DatagramRingWriter {
    return new DatagramWriter(this.ends, this.#tx, (to) => {
      this.#checkTo(to);
      return this.#whole(to, to, this.names.address(to.host, 'Cannot send to'));
    });
  }

  async share(): Promise<UdpHandle> {
    const action = `Cannot share the UDP socket of port ${this.localPort}`;
    if (this.#rx.lazy.isLocked || this.#tx.isLocked) {
      throw new NetError('EINVAL', action, { reason: 'one of its streams is locked' });
    }
    const ends = await this.ends.share(action);
    const { ttl, multicastTtl } = this;
    const settings = { ttl, multicastTtl, unsent: this.#unsent, transparent: this.#transparent };
    return { kind: 'udp', ...ends, settings, names: namesHandle(this.names) };
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<UdpDatagram> {
    if (this.readable.locked) throw new TypeError('readable stream already locked');
    return iterate<UdpDatagram>(this.readable);
  }

  toJSON(): object {
    const { localAddress, localPort, remoteAddress, remotePort } = this;
    const ends = { localAddress, localPort, remoteAddress, remotePort };
    return { type: 'udp', ...ends, isOpen: !this.ends.gone };
  }
}
showAs(Socket, 'UdpSocket');
