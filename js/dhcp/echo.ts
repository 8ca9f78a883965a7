// SPDX-License-Identifier: MIT
// echo - asks hosts of a link by ICMPv6 echo requests that only their receivers can answer
//
// Each request carries random bytes of its own, and has a hop limit of 1: a host that forwards does not pass it on. So
// an answer comes from a host that got the request, whatever its source address says.

import { putU16, u16 } from '../codec/fields.ts';
import { ICMPV6_TYPE } from '../codec/icmp.ts';
import { Deferred } from '../util/deferred.ts';
import { unref } from '../util/process.ts';
import { sameBytes } from '../util/same_bytes.ts';
import type { DhcpInterface } from './transport.ts';

const HEADER = 8;
const PAYLOAD = 16;
/** Of a neighbor advertisement: where its target is, and the flag of one that answers. */
const TARGET = 8;
const SOLICITED = 0x40;

/** A message of ICMPv6. */
interface Message {
  readonly host: string;
  readonly data: Uint8Array;
  readonly local?: string;
}

/** A socket for ICMPv6, as far as it is needed here. */
interface IcmpSocket extends AsyncIterable<Message> {
  readonly writable: WritableStream<Message>;
  close(): Promise<void>;
}

/** A stack that can ask the hosts of its links. */
export interface EchoStack {
  /** The hosts whose MAC it knows. */
  readonly neighbors: AsyncIterable<{
    readonly address: string;
    readonly mac: string | undefined;
    readonly interface: unknown;
  }>;
  /** Opens a socket for ICMPv6. */
  openIcmp(options: { family: 6; interface: never; ttl: number }): Promise<IcmpSocket>;
}

/** A request: where to, and from which address. */
export interface EchoRequest {
  readonly host: string;
  readonly local: string;
}

/** Asks the hosts of one interface. */
export class Echo {
  readonly #socket: IcmpSocket;
  readonly #writer: WritableStreamDefaultWriter<Message>;
  readonly #heard: (address: string | Uint8Array) => void;
  /** Requests without an answer, by their number. */
  readonly #open = new Map<number, { host: string; message: Uint8Array }>();
  #answered = new Set<string>();
  #all = new Deferred();
  #number = 0;

  private constructor(socket: IcmpSocket, heard: (address: string | Uint8Array) => void) {
    this.#socket = socket;
    this.#writer = socket.writable.getWriter();
    this.#writer.closed.catch(() => {});
    this.#heard = heard;
  }

  /**
   * Opens the socket.
   *
   * @param stack - The stack.
   * @param iface - The interface.
   * @param heard - Called with addresses that a host has, or says that it has.
   * @param closed - Called when the socket has ended.
   * @returns Requests by it.
   * @throws The stack's error.
   */
  static async open(
    stack: EchoStack,
    iface: DhcpInterface,
    heard: (address: string | Uint8Array) => void,
    closed: () => void,
  ): Promise<Echo> {
    const socket = await stack.openIcmp({ family: 6, ttl: 1, interface: iface as never });
    const echo = new Echo(socket, heard);
    echo.#listen().then(closed, closed);
    return echo;
  }

  /**
   * Sends requests, and waits until all are answered, at most some time.
   *
   * @param requests - Their destinations, and our addresses.
   * @param ms - How long to wait.
   * @returns The addresses that have answered.
   * @throws The stack's error, when it is closed.
   */
  async ask(requests: readonly EchoRequest[], ms: number): Promise<ReadonlySet<string>> {
    if (requests.length === 0) return new Set();
    this.#answered = new Set();
    this.#all = new Deferred();
    const timer = setTimeout(() => this.#all.resolve(), ms);
    unref(timer);
    try {
      for (const { host, local } of requests) {
        const number = this.#number++ & 0xffff;
        const data = new Uint8Array(HEADER + PAYLOAD);
        data[0] = ICMPV6_TYPE.echoRequest;
        crypto.getRandomValues(data.subarray(4));
        putU16(data, 6, number);
        this.#open.set(number, { host, message: data.slice(4) });
        await this.#writer.write({ host, data, local });
      }
      await this.#all.promise;
      return this.#answered;
    } finally {
      clearTimeout(timer);
      this.#open.clear();
    }
  }

  /** Ends it, and what waits. */
  async close(): Promise<void> {
    this.#all.resolve();
    await this.#socket.close();
  }

  async #listen(): Promise<void> {
    for await (const { host, data } of this.#socket) {
      if (data[0] === ICMPV6_TYPE.echoReply) this.#take(host, data);
      const isNews =
        data[0] === ICMPV6_TYPE.neighborAdvertisement && ((data[4] as number) & SOLICITED) === 0;
      if (isNews && data.length >= TARGET + 16) this.#heard(data.subarray(TARGET, TARGET + 16));
    }
  }

  #take(host: string, data: Uint8Array): void {
    if (data.length !== HEADER + PAYLOAD) return;
    const number = u16(data, 6);
    const request = this.#open.get(number);
    if (!request || !sameBytes(data.subarray(4), request.message)) return;
    // A request to a group has many answers.
    if (host !== request.host) {
      this.#heard(host);
      return;
    }
    this.#open.delete(number);
    this.#answered.add(host);
    if (this.#open.size === 0) this.#all.resolve();
  }
}
