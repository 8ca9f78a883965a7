// SPDX-License-Identifier: MIT
// link - mDNS on one interface: its socket and groups, and the messages that may come and go (RFC 6762, section 11)
//
// A message counts if no router has passed it on: its hop limit is 255, or its sender is in a network of the interface.
// A message that is too long for a packet is sent as several. One that cannot be read, or exceeds the rate, is counted.

import type { Datagram } from '../api/transport.ts';
import { parseDnsMessage, serializeDnsMessage } from '../codec/dns.ts';
import type { DnsMessage } from '../codec/dns_types.ts';
import { type Cidr, parseCidr, parseIp } from '../util/address.ts';
import { isIn, isLinkLocal } from '../util/subnet.ts';
import { TokenBucket } from '../util/token_bucket.ts';
import type {
  MdnsDatagram,
  MdnsInterface,
  MdnsSocket,
  MdnsStack,
  MdnsStatistics,
} from './types.ts';

export const MDNS_PORT = 5353;
const GROUPS = { 4: '224.0.0.251', 6: 'ff02::fb' } as const;
const HOP_LIMIT = 255;
/** Bytes of a message that fit into a packet of Ethernet with either IP. */
const LONGEST = 1452;
/** Messages that we send in a second at the most. */
const SEND_RATE = 100;

/** A message that came. */
export interface Incoming {
  readonly link: MdnsLink;
  readonly message: DnsMessage;
  readonly host: string;
  readonly port: number;
}

/** Gets what comes. */
export type Receive = (incoming: Incoming) => void;

/** One interface. */
export class MdnsLink {
  readonly iface: MdnsInterface;
  readonly #socket: MdnsSocket;
  readonly #writer: WritableStreamDefaultWriter<Datagram>;
  readonly #stack: MdnsStack;
  readonly #counts: MdnsStatistics;
  readonly #rate: TokenBucket;
  readonly #sendRate = new TokenBucket(SEND_RATE, performance.now());
  readonly #joined = new Set<4 | 6>();
  #cidrs: readonly Cidr[] = [];
  #known = '';

  constructor(
    stack: MdnsStack,
    iface: MdnsInterface,
    socket: MdnsSocket,
    counts: MdnsStatistics,
    rate: number,
  ) {
    this.#stack = stack;
    this.iface = iface;
    this.#socket = socket;
    this.#writer = socket.writable.getWriter();
    this.#counts = counts;
    this.#rate = new TokenBucket(rate, performance.now());
  }

  /** Opens the socket of an interface. */
  static async open(
    stack: MdnsStack,
    iface: MdnsInterface,
    counts: MdnsStatistics,
    rate: number,
  ): Promise<MdnsLink> {
    const socket = await stack.openUdp({
      port: MDNS_PORT,
      interface: iface as never,
      reuseAddress: true,
      ttl: HOP_LIMIT,
      multicastTtl: HOP_LIMIT,
    });
    const link = new MdnsLink(stack, iface, socket, counts, rate);
    await link.follow();
    return link;
  }

  /** Reads the addresses of the interface, and joins the groups of its families. Returns whether they have changed. */
  async follow(): Promise<boolean> {
    const known = this.iface.addresses.join();
    if (known === this.#known) return false;
    this.#known = known;
    this.#cidrs = this.iface.addresses.map(parseCidr);
    for (const family of [4, 6] as const) {
      const has = this.#cidrs.some((cidr) => cidr.address.family === family);
      if (!has) this.#joined.delete(family);
      if (!has || this.#joined.has(family)) continue;
      try {
        await this.#socket.join(GROUPS[family], { interface: this.iface as never });
      } catch {
        // It is a member already, from before the addresses went.
      }
      this.#joined.add(family);
    }
    return true;
  }

  /** The same as text. */
  get known(): string {
    return this.#known;
  }

  /** Addresses of the interface, as follow() has read them last. */
  get cidrs(): readonly Cidr[] {
    return this.#cidrs;
  }

  /** Number of the interface among those of the stack, from 1: the zone of its link-local addresses. */
  get zone(): number {
    return [...this.#stack.interfaces].indexOf(this.iface) + 1;
  }

  /** Whether an address is one of ours. */
  isOwn(host: string): boolean {
    const { bytes } = parseIp(host, { zone: true });
    return this.#cidrs.some(({ address }) => address.bytes.every((byte, i) => byte === bytes[i]));
  }

  /** Reads messages until the socket is closed. */
  async listen(receive: Receive): Promise<void> {
    for await (const datagram of this.#socket) {
      const { data, host, port, ttl } = datagram as MdnsDatagram;
      this.#counts.received++;
      if (!this.#rate.take(performance.now())) this.#counts.droppedLimit++;
      else if (ttl !== HOP_LIMIT && !this.#isOnLink(host)) this.#counts.droppedForeign++;
      else {
        const message = this.#read(data);
        if (!message) this.#counts.droppedMalformed++;
        // Only hosts that run mDNS may answer (RFC 6762, section 6).
        else if (message.isResponse && port !== MDNS_PORT) this.#counts.droppedForeign++;
        else receive({ link: this, message, host, port });
      }
    }
  }

  #read(data: Uint8Array): DnsMessage | undefined {
    try {
      const message = parseDnsMessage(data);
      return message.opcode === 'QUERY' && message.rcode === 'NOERROR' ? message : undefined;
    } catch {
      return undefined;
    }
  }

  #isOnLink(host: string): boolean {
    const address = parseIp(host, { zone: true });
    if (address.family === 6 && isLinkLocal(address.bytes)) return true;
    return this.#cidrs.some((cidr) => isIn(address, cidr));
  }

  /** Sends a message to all, or to one host of the link. */
  send(message: Partial<DnsMessage>, to?: { host: string; port: number }): void {
    const data = serializeDnsMessage(message);
    const { answers = [], questions = [] } = message;
    if (data.length > LONGEST && answers.length + questions.length > 1) {
      this.#split(message, to);
      return;
    }
    if (to) {
      if (this.#isOnLink(to.host)) this.#write(data, to.host, to.port);
      else this.#counts.droppedForeign++;
      return;
    }
    for (const family of this.#joined) this.#write(data, GROUPS[family], MDNS_PORT);
  }

  /** Sends a message that is too long in two halves, additional records with none. */
  #split(message: Partial<DnsMessage>, to: { host: string; port: number } | undefined): void {
    const { answers = [], questions = [], authorities = [] } = message;
    const { additionals, ...rest } = message;
    if (additionals?.length) {
      this.send(rest, to);
      return;
    }
    const middle = Math.ceil(answers.length / 2);
    const half = Math.ceil(questions.length / 2);
    const isQuery = !message.isResponse;
    if (isQuery && answers.length > 0) {
      // Known answers follow in messages without questions (RFC 6762, section 7.2).
      this.send({ ...rest, answers: answers.slice(0, middle), truncated: true }, to);
      this.send({ ...rest, questions: [], authorities: [], answers: answers.slice(middle) }, to);
    } else if (answers.length > 1) {
      this.send({ ...rest, answers: answers.slice(0, middle) }, to);
      this.send({ ...rest, answers: answers.slice(middle) }, to);
    } else {
      this.send({ ...rest, questions: questions.slice(0, half) }, to);
      this.send({ ...rest, questions: questions.slice(half), authorities }, to);
    }
  }

  #write(data: Uint8Array, host: string, port: number): void {
    if (!this.#sendRate.take(performance.now())) {
      this.#counts.droppedLimit++;
      return;
    }
    this.#counts.sent++;
    this.#writer.write({ host, port, data, interface: this.iface }).catch(() => {
      this.#counts.droppedSend++;
    });
  }

  /** Closes the socket; what was sent is sent. */
  async close(): Promise<void> {
    await this.#writer.close().catch(() => {});
    await this.#socket.close().catch(() => {});
  }
}
