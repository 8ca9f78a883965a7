// SPDX-License-Identifier: MIT
// dhcp_peer - a network of one DHCP server, whose clients are made by hand

import {
  type Datagram,
  type DhcpFields,
  type DhcpMessage,
  type DhcpOptionsInit,
  DhcpServer,
  type DhcpServerOptions,
  dhcpOptions,
  parseDhcpMessage,
  serializeDhcpMessage,
} from 'ringstack/dhcp';
import { onTestFinished, vi } from 'vitest';

/** Has the test move the clock. */
export function fakeTime(): void {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance', 'Date'] });
  onTestFinished(() => void vi.useRealTimers());
}

/** A datagram that the server sent. */
export type Sent = Datagram & { linkAddress?: string; message: DhcpMessage };

/** A socket that a test feeds. */
export class HandSocket {
  readonly sent: Sent[] = [];
  readonly writable: WritableStream<Datagram>;
  isOpen = true;
  readonly #incoming: Datagram[] = [];
  #wake = (): void => {};

  constructor() {
    this.writable = new WritableStream({
      write: (datagram) => {
        this.sent.push({ ...datagram, message: parseDhcpMessage(datagram.data) });
      },
    });
  }

  receive(datagram: Datagram): void {
    this.#incoming.push(datagram);
    this.#wake();
  }

  async close(): Promise<void> {
    this.isOpen = false;
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Datagram, void> {
    while (this.isOpen) {
      const datagram = this.#incoming.shift();
      if (datagram) yield datagram;
      else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }
}

/** An interface of ours, as datagrams of a stack name it. */
export const IFACE = { mac: '02:00:00:00:00:01', addresses: ['10.0.0.1/24'], mtu: 1500 };

/** Options that a test may leave out. */
export const BASE: DhcpServerOptions = {
  leaseRange: { start: '10.0.0.100', end: '10.0.0.103' },
  serverIdentifier: '10.0.0.1',
  netmask: '255.255.255.0',
};

export const macOf = (n: number): string =>
  `02:00:00:00:${[n >> 8, n & 255].map((byte) => byte.toString(16).padStart(2, '0')).join(':')}`;

/** A message of a client of the test. */
export type Said = Partial<Omit<DhcpFields, 'options'>> &
  Pick<DhcpFields, 'type'> & { readonly values?: DhcpOptionsInit; readonly iface?: unknown };

/** Lets all that is due run: no timers are involved. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 40; i++) await Promise.resolve();
}

/** A server and its clients. */
export class DhcpPeer {
  readonly socket = new HandSocket();
  readonly opened: unknown[] = [];
  readonly server: DhcpServer;

  constructor(options: Partial<DhcpServerOptions> = {}, transport: object = {}) {
    const openUdp = async (asked: unknown): Promise<HandSocket> => {
      this.opened.push(asked);
      return this.socket;
    };
    this.server = new DhcpServer({ openUdp, ...transport }, { ...BASE, ...options });
    onTestFinished(() => this.server.close());
  }

  /** Sends bytes. */
  raw(data: Uint8Array, iface?: unknown): void {
    this.socket.receive({ host: '0.0.0.0', port: 68, data, interface: iface });
  }

  /** Sends a message; returns the answer, if there is one. */
  async say(n: number, { values = {}, iface, ...fields }: Said): Promise<Sent | undefined> {
    const before = this.socket.sent.length;
    const options = dhcpOptions(values);
    this.raw(serializeDhcpMessage({ op: 1, mac: macOf(n), xid: n, ...fields, options }), iface);
    await settle();
    return this.socket.sent[before];
  }

  /** DISCOVER and REQUEST; returns the address. */
  async lease(n: number, values: DhcpOptionsInit = {}): Promise<string | undefined> {
    const offer = await this.say(n, { type: 'DISCOVER', values });
    if (!offer) return undefined;
    const { yiaddr: requestedIP, serverIdentifier } = offer.message;
    const ids = { requestedIP, serverIdentifier: serverIdentifier as string };
    const ack = await this.say(n, { type: 'REQUEST', values: { ...values, ...ids } });
    return ack?.message.type === 'ACK' ? ack.message.yiaddr : undefined;
  }
}

/** A server that listens, and its clients. */
export async function dhcpPeer(
  options: Partial<DhcpServerOptions> = {},
  transport: object = {},
): Promise<DhcpPeer> {
  const peer = new DhcpPeer(options, transport);
  await peer.server.listen();
  return peer;
}
