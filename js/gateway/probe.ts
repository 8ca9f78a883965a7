// SPDX-License-Identifier: MIT
// probe - asks whether a port of a guest listens, without a connection that its server would see
//
// Theory of operation
//
// A stack completes every handshake it begins, so a server would get connections that end at once. A prober is
// therefore a host of its own on the guests' LAN, with a MAC and an IPv4 address, that speaks ARP and one exchange of
// TCP: it sends a SYN, and answers SYN-ACK with RST. The guest's kernel forgets the half of a connection, and accept()
// never has it. An answer counts only if it acknowledges our random sequence number.

import { ARP_OPERATION, type ArpPacket, buildArp, parseArp } from '../codec/arp.ts';
import { buildEthernet, ETHER_TYPE, parseEthernet } from '../codec/ethernet.ts';
import { ipBytes, ipText } from '../codec/fields.ts';
import { IP_PROTOCOL } from '../codec/ip_types.ts';
import { buildIpv4, parseIpv4 } from '../codec/ipv4.ts';
import { buildTcp, parseTcp, TCP_FLAG } from '../codec/tcp.ts';
import { randomMac } from '../util/address.ts';
import type { ProbeLan } from './types.ts';

/** ms that an answer may take. */
const PATIENCE = 1000;
const BROADCAST = 'ff:ff:ff:ff:ff:ff';

/** An answer: it listens, it does not, or none came. */
export type Probed = 'open' | 'closed' | 'silent';

interface Waiting {
  readonly port: number;
  readonly host: string;
  readonly sequence: number;
  settle(answer: Probed): void;
}

const random16 = (): number => crypto.getRandomValues(new Uint16Array(1))[0] as number;
const random32 = (): number => crypto.getRandomValues(new Uint32Array(1))[0] as number;

/** A host that probes others. */
export class Prober {
  readonly #address: string;
  readonly #bytes: Uint8Array;
  readonly #mac = randomMac();
  readonly #plug: { close(): Promise<unknown> };
  #out: ReadableStreamDefaultController<Uint8Array> | undefined;
  /** MACs of guests, by address. */
  readonly #macs = new Map<string, Uint8Array>();
  /** Probes by source port. */
  readonly #waiting = new Map<number, Waiting>();

  constructor(lan: ProbeLan) {
    this.#address = lan.address;
    this.#bytes = ipBytes(lan.address);
    this.#plug = lan.plug({
      type: 'tap',
      readable: new ReadableStream<Uint8Array>({
        start: (controller) => {
          this.#out = controller;
        },
      }),
      writable: new WritableStream<Uint8Array>({ write: (frame) => this.#take(frame) }),
    });
  }

  /** Leaves the LAN; probes that wait are silent. */
  async close(): Promise<void> {
    for (const one of this.#waiting.values()) one.settle('silent');
    this.#out = undefined;
    await this.#plug.close();
  }

  /** Asks a port of a host on the LAN. */
  probe(host: string, port: number): Promise<Probed> {
    let from = random16() | 0x8000;
    while (this.#waiting.has(from)) from = random16() | 0x8000;
    const sequence = random32();
    return new Promise((resolve) => {
      const settle = (answer: Probed): void => {
        clearTimeout(timer);
        this.#waiting.delete(from);
        resolve(answer);
      };
      const silent = (): void => {
        // Perhaps it has another card now.
        this.#macs.delete(host);
        settle('silent');
      };
      const timer = setTimeout(silent, PATIENCE);
      this.#waiting.set(from, { port, host, sequence, settle });
      if (this.#macs.has(host)) this.#syn(from);
      else this.#ask(host);
    });
  }

  #send(destination: Uint8Array | string, type: number, payload: Uint8Array): void {
    this.#out?.enqueue(buildEthernet({ destination, source: this.#mac, type, payload }));
  }

  #ask(host: string): void {
    const ask = { senderMac: this.#mac, senderIp: this.#address, targetIp: host };
    const payload = buildArp({ operation: ARP_OPERATION.request, ...ask });
    this.#send(BROADCAST, ETHER_TYPE.arp, payload);
  }

  #segment(from: number, flags: number, sequence: number): void {
    const { host, port } = this.#waiting.get(from) as Waiting;
    const ends = { source: this.#address, destination: host };
    const ports = { sourcePort: from, destinationPort: port };
    const options = flags === TCP_FLAG.syn ? { maximumSegmentSize: 1460 } : {};
    const payload = buildTcp({ ...ends, ...ports, flags, sequence, options });
    const packet = buildIpv4({ ...ends, protocol: IP_PROTOCOL.tcp, payload });
    this.#send(this.#macs.get(host) as Uint8Array, ETHER_TYPE.ipv4, packet);
  }

  #syn(from: number): void {
    this.#segment(from, TCP_FLAG.syn, (this.#waiting.get(from) as Waiting).sequence);
  }

  #take(frame: Uint8Array): void {
    const { type, payload } = parseEthernet(frame) ?? {};
    if (!payload) return;
    if (type === ETHER_TYPE.arp) {
      const packet = parseArp(payload);
      if (packet && ipText(packet.targetIp) === this.#address) this.#takeArp(packet);
    } else if (type === ETHER_TYPE.ipv4) {
      this.#takeIp(payload);
    }
  }

  #takeArp({ operation, senderMac, senderIp }: ArpPacket): void {
    if (operation === ARP_OPERATION.request) {
      const ends = { senderMac: this.#mac, senderIp: this.#address };
      const reply = { targetMac: senderMac, targetIp: senderIp };
      const payload = buildArp({ operation: ARP_OPERATION.reply, ...ends, ...reply });
      this.#send(senderMac, ETHER_TYPE.arp, payload);
      return;
    }
    const host = ipText(senderIp);
    const isAwaited = [...this.#waiting.values()].some((one) => one.host === host);
    if (!isAwaited || this.#macs.has(host)) return;
    this.#macs.set(host, senderMac.slice());
    for (const [from, one] of this.#waiting) if (one.host === host) this.#syn(from);
  }

  #takeIp(bytes: Uint8Array): void {
    const packet = parseIpv4(bytes);
    if (!packet || packet.protocol !== IP_PROTOCOL.tcp || packet.fragmentOffset > 0) return;
    if (ipText(packet.destination) !== ipText(this.#bytes)) return;
    const segment = parseTcp(packet.payload);
    const one = segment && this.#waiting.get(segment.destinationPort);
    if (!one || one.host !== ipText(packet.source) || one.port !== segment.sourcePort) return;
    const { flags, acknowledgment } = segment;
    if ((flags & TCP_FLAG.ack) === 0 || acknowledgment !== (one.sequence + 1) >>> 0) return;
    if ((flags & TCP_FLAG.rst) !== 0) {
      one.settle('closed');
    } else if ((flags & TCP_FLAG.syn) !== 0) {
      this.#segment(segment.destinationPort, TCP_FLAG.rst, acknowledgment);
      one.settle('open');
    }
  }
}
