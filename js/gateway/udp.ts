// SPDX-License-Identifier: MIT
// udp - datagrams of guests: one mapping for each address and port of a guest
//
// Theory of operation
//
// The mapping is by endpoint (RFC 4787, REQ-1): a guest's socket is one socket outside, whatever it sends to, so peers
// see it at one address. Datagrams that come back go to the guest with their own source. By default only from addresses that the
// guest has sent to (REQ-8); the policy has been asked about these, by address and port, once for each.
//
// | what          | bound                                                        |
// |---------------|--------------------------------------------------------------|
// | mappings      | in all, and of one guest                                     |
// | destinations  | PEERS of one mapping; the oldest is forgotten and asked again |
// | datagrams     | QUEUE while the socket outside opens; then what that takes   |
// | time          | idle after the last datagram of the guest (REQ-6)            |
//
// A guest is told of refusals by ICMP errors, at most ERRORS a second.

import type { IcmpSocket } from '../api/icmp.ts';
import type { Datagram, DatagramSocket } from '../api/transport.ts';
import type { UdpDatagram, UdpSocket } from '../api/udp.ts';
import { NetError } from '../errors.ts';
import { TokenBucket } from '../util/token_bucket.ts';
import type { Flow } from './book.ts';
import { type Core, rejectionOf } from './core.ts';
import { unreachable } from './icmp.ts';
import type { FlowEnd, Rejection } from './types.ts';

const DNS_PORT = 53;
const PEERS = 1024;
const QUEUE = 32;
const ERRORS = 100;
/** Queries of guests to other name servers that are being answered. */
const ANSWERS = 1024;

/** The socket outside of one guest's socket. */
class Mapping {
  readonly flow: Flow;
  /** Destinations, and what the guest gets that may not use them; undefined: it may. */
  readonly peers = new Map<string, Rejection | undefined>();
  /** Addresses that the guest has sent to. */
  readonly contacts = new Map<string, true>();
  readonly queue: Datagram[] = [];
  socket: DatagramSocket | undefined;
  writer: WritableStreamDefaultWriter<Datagram> | undefined;
  isOver = false;

  constructor(flow: Flow) {
    this.flow = flow;
  }
}

/** Puts a key at the end of a map; the oldest goes if there are too many. */
function remember<T>(map: Map<string, T>, key: string, value: T): void {
  map.delete(key);
  map.set(key, value);
  if (map.size > PEERS) map.delete(map.keys().next().value as string);
}

/** The datagrams of one gateway. */
export class UdpFlows {
  readonly #core: Core;
  readonly #inside: UdpSocket;
  readonly #back: WritableStreamDefaultWriter<UdpDatagram>;
  readonly #icmp: Readonly<Record<4 | 6, IcmpSocket>>;
  readonly #mappings = new Map<string, Mapping>();
  readonly #errors = new TokenBucket(ERRORS, performance.now());
  #answers = 0;

  constructor(core: Core, inside: UdpSocket, icmp: Readonly<Record<4 | 6, IcmpSocket>>) {
    this.#core = core;
    this.#inside = inside;
    this.#back = inside.writable.getWriter();
    this.#back.closed.catch(() => {});
    this.#icmp = icmp;
  }

  /** Serves guests until the socket ends. */
  async run(): Promise<void> {
    for await (const datagram of this.#inside) this.#take(datagram);
  }

  #take(datagram: UdpDatagram): void {
    const { host, port, local } = datagram;
    const core = this.#core;
    const address = local?.address as string;
    const to = local?.port as number;
    if (core.options.dns && to === DNS_PORT) {
      void this.#answer(datagram, core.guest(host, port));
      return;
    }
    const mapping = this.#mappings.get(`${host} ${port}`);
    const key = `${address} ${to}`;
    let refused = mapping?.peers.get(key);
    let destination: FlowEnd | undefined;
    if (!mapping?.peers.has(key)) {
      const source = mapping?.flow.source ?? core.guest(host, port);
      const asked = core.decide('udp', source, address, to);
      destination = asked.destination;
      refused = asked.decision.isAllowed ? undefined : core.onDeny;
      if (mapping) remember(mapping.peers, key, refused);
    } else if (refused) {
      core.book.statistics.denied++;
    }
    if (refused) this.#reject(datagram, refused);
    else this.#pass(mapping ?? this.#open(datagram, destination), datagram, key, destination);
  }

  /** A new mapping; undefined: there is none. */
  #open(datagram: UdpDatagram, destination: FlowEnd | undefined): Mapping | undefined {
    const { host, port } = datagram;
    const core = this.#core;
    const source = core.guest(host, port);
    const to = destination as FlowEnd;
    if (!core.options.udp) {
      const reason = 'there is no way out';
      core.failed('udp', source, to, new NetError('EHOSTUNREACH', 'Cannot send', { reason }));
      this.#reject(datagram, 'unreachable');
      return undefined;
    }
    const flow = core.book.open('udp', 'out', source, to);
    if (!flow) return undefined;
    const mapping = new Mapping(flow);
    flow.end = () => this.#close(mapping);
    this.#mappings.set(`${host} ${port}`, mapping);
    void this.#connect(mapping, datagram);
    return mapping;
  }

  #pass(
    mapping: Mapping | undefined,
    { data, local }: UdpDatagram,
    key: string,
    destination: FlowEnd | undefined,
  ): void {
    if (!mapping) return;
    const { address: host, port } = local as { address: string; port: number };
    remember(mapping.peers, key, undefined);
    remember(mapping.contacts, host, true);
    if (destination) mapping.flow.destination = destination;
    const { writer } = mapping;
    const isFull = writer ? (writer.desiredSize ?? 0) <= 0 : mapping.queue.length >= QUEUE;
    if (isFull) {
      this.#core.book.statistics.limited++;
      return;
    }
    this.#core.book.count(mapping.flow, 'bytesOut', data.length);
    if (writer) writer.write({ host, port, data }).catch(() => {});
    else mapping.queue.push({ host, port, data });
  }

  async #connect(mapping: Mapping, first: UdpDatagram): Promise<void> {
    const core = this.#core;
    const { flow } = mapping;
    const { source, destination } = flow;
    const giveUp = new AbortController();
    const { udp } = core.options;
    try {
      const made = await (typeof udp === 'function'
        ? udp({ source, destination, signal: giveUp.signal })
        : udp?.open());
      if (typeof made !== 'object') {
        core.book.feed.push({ kind: 'reject', protocol: 'udp', source, destination });
        this.#reject(first, made ?? 'refused');
        this.#close(mapping);
        return;
      }
      if (mapping.isOver) {
        await made.close();
        return;
      }
      mapping.socket = made;
      mapping.writer = made.writable.getWriter();
      mapping.writer.closed.catch(() => {});
      core.book.opened(flow);
      for (const datagram of mapping.queue.splice(0))
        mapping.writer.write(datagram).catch(() => {});
      for await (const datagram of made) this.#return(mapping, datagram);
      this.#close(mapping);
    } catch (error) {
      if (flow.state === 'connecting') {
        core.failed('udp', source, destination, error);
        this.#reject(first, rejectionOf(error));
      }
      this.#close(mapping, error);
    }
  }

  /** A datagram came from outside. */
  #return(mapping: Mapping, { host, port, data }: Datagram): void {
    const { flow, contacts } = mapping;
    const core = this.#core;
    if (mapping.isOver) return;
    if (core.options.filtering !== 'any' && !contacts.has(host)) {
      core.book.statistics.filtered++;
      return;
    }
    const { last } = flow;
    core.book.count(flow, 'bytesIn', data.length);
    // Only the guest keeps a mapping alive: RFC 4787, REQ-6.
    flow.last = last;
    this.#send(flow.source, { address: host, port }, data);
  }

  #send(guest: FlowEnd, from: { address: string; port: number }, data: Uint8Array): void {
    if ((this.#back.desiredSize ?? 0) <= 0) {
      this.#core.book.statistics.limited++;
      return;
    }
    const { address: host, port } = guest;
    this.#back.write({ host, port, data, local: from }).catch(() => {});
  }

  /** A guest asks another name server: ours answers in its place. */
  async #answer({ data, local }: UdpDatagram, source: FlowEnd): Promise<void> {
    const core = this.#core;
    if (this.#answers >= ANSWERS) {
      core.book.statistics.limited++;
      return;
    }
    this.#answers++;
    try {
      const response = await core.answer(data, source, 'udp');
      this.#send(source, local as { address: string; port: number }, response);
    } catch {
      // It was no query, or the server is closed.
    } finally {
      this.#answers--;
    }
  }

  #reject(datagram: UdpDatagram, how: Rejection): void {
    if (how === 'drop' || !this.#errors.take(performance.now())) return;
    const message = unreachable(datagram, how);
    const socket = this.#icmp[datagram.host.includes(':') ? 6 : 4];
    socket.send(message, datagram.host).catch(() => {});
  }

  #close(mapping: Mapping, error?: unknown): void {
    if (mapping.isOver) return;
    mapping.isOver = true;
    const { address, port } = mapping.flow.source;
    this.#mappings.delete(`${address} ${port}`);
    mapping.socket?.close().catch(() => {});
    this.#core.book.close(mapping.flow, error);
  }
}
