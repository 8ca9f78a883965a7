// SPDX-License-Identifier: MIT
// mdns_peer - an interface whose other hosts are made by hand

import type { Datagram } from 'ringstack/dns';
import {
  type DnsMessage,
  type DnsRecord,
  parseDnsMessage,
  serializeDnsMessage,
} from 'ringstack/dns';
import { createMdns, type Mdns, type MdnsOptions } from 'ringstack/mdns';
import { onTestFinished, vi } from 'vitest';
import { fakeTime } from './dhcp_peer.ts';

export const FLUSH = 'CLASS32769';
export const HTTP = '_http._tcp';
export const LIST = '_http._tcp.local';
export const GROUP = { host: '224.0.0.251', port: 5353 };

export const address = (name: string, ip: string, ttl = 120): DnsRecord =>
  ({ name, type: 'A', class: FLUSH, ttl, ip }) as DnsRecord;
export const pointer = (ptr: string, ttl = 4500): DnsRecord =>
  ({ name: LIST, type: 'PTR', class: 'IN', ttl, ptr }) as DnsRecord;
export const place = (name: string, target: string, port = 80, ttl = 120): DnsRecord =>
  ({ name, type: 'SRV', class: FLUSH, ttl, priority: 0, weight: 0, port, target }) as DnsRecord;
export const text = (name: string, value = 'a=1', ttl = 4500): DnsRecord =>
  ({ name, type: 'TXT', class: FLUSH, ttl, value }) as DnsRecord;
export const question = (name: string, type = 'A', kind = 'IN'): Partial<DnsMessage> => ({
  questions: [{ name, type, class: kind }] as DnsMessage['questions'],
});
export const advance = (ms: number) => vi.advanceTimersByTimeAsync(ms);

/** A message that we sent. */
export interface Sent {
  readonly message: DnsMessage;
  readonly host: string;
  readonly port: number;
  /** When, ms. */
  readonly at: number;
}

/** The sender of a message. */
export interface From {
  readonly host?: string;
  readonly port?: number;
  readonly ttl?: number;
}

/** A stack with one interface, 10.0.0.1/24. */
export class MdnsPeer {
  readonly sent: Sent[] = [];
  readonly groups: string[] = [];
  readonly iface = { type: 'tap', addresses: ['10.0.0.1/24'] };
  readonly interfaces = [this.iface];
  opened: unknown;
  isOpen = false;
  readonly #incoming: Datagram[] = [];
  #wake = (): void => {};

  async openUdp(options: unknown) {
    this.opened = options;
    this.isOpen = true;
    const peer = this;
    return {
      writable: new WritableStream<Datagram>({
        write: ({ data, host, port }) => {
          const message = parseDnsMessage(data);
          this.sent.push({ message, host, port, at: performance.now() });
        },
      }),
      join: async (group: string) => void this.groups.push(group),
      close: async () => this.end(),
      async *[Symbol.asyncIterator](): AsyncGenerator<Datagram, void> {
        while (peer.isOpen) {
          const datagram = peer.#incoming.shift();
          if (datagram) yield datagram;
          else {
            await new Promise<void>((resolve) => {
              peer.#wake = resolve;
            });
          }
        }
      },
    };
  }

  end(): void {
    this.isOpen = false;
    this.#wake();
  }

  /** Bytes come. */
  raw(data: Uint8Array, { host = '10.0.0.9', port = 5353, ttl = 255 }: From = {}): void {
    this.#incoming.push({ host, port, data, ttl, interface: this.iface } as Datagram);
    this.#wake();
  }

  /** A message comes; time passes for answers that are given at once. */
  async say(message: Partial<DnsMessage>, from?: From): Promise<void> {
    this.raw(serializeDnsMessage(message), from);
    await vi.advanceTimersByTimeAsync(0);
  }

  /** A response comes. */
  answer(answers: DnsMessage['answers'], from?: From): Promise<void> {
    return this.say({ isResponse: true, authoritative: true, answers }, from);
  }

  /** A question comes; returns what is sent within some time. */
  async ask(message: Partial<DnsMessage>, from?: From, ms = 130): Promise<Sent[]> {
    const before = this.sent.length;
    await this.say(message, from);
    await vi.advanceTimersByTimeAsync(ms);
    return this.sent.slice(before);
  }

  /** mDNS on it, with the time in the hands of the test. */
  begin(options: MdnsOptions = {}): Promise<Mdns> {
    fakeTime();
    const opening = createMdns(this, options);
    opening.catch(() => {});
    return opening;
  }

  /** The same, when our name is announced. */
  async open(options: MdnsOptions = {}): Promise<Mdns> {
    const opening = this.begin(options);
    await vi.advanceTimersByTimeAsync(3000);
    const mdns = await opening;
    onTestFinished(() => mdns.close());
    return mdns;
  }
}
