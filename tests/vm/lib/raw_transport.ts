// SPDX-License-Identifier: MIT
// raw_transport - WireGuard over frames themselves, with the ECN bits that no socket has

import type { LinkEndpoint } from 'ringstack/link';
import type { WireGuardEndpoint, WireGuardSink, WireGuardTransport } from 'ringstack-wireguard';
import { buildEthernet, ETHER_TYPE, parseEthernet } from '../../../js/codec/ethernet.ts';
import { buildIpv4, IP_PROTOCOL, parseIpv4 } from '../../../js/codec/ip.ts';
import { buildUdp, parseUdp } from '../../../js/codec/udp.ts';
import { formatIp } from '../../../js/util/address.ts';

/** A host: its addresses and a port. */
export interface RawHost {
  readonly mac: string;
  readonly ip: string;
  readonly port: number;
}

/** UDP over IPv4 between two hosts on one cable, which know each other's MAC. */
export class RawTransport implements WireGuardTransport {
  /** ECN bits of the datagrams that were sent, and of those that came, in order. */
  readonly sent: number[] = [];
  readonly received: number[] = [];
  /** Change the bits on the way, as a router does. */
  markSent = (ecn: number): number => ecn;
  markReceived = (ecn: number): number => ecn;
  readonly #ours: RawHost;
  readonly #theirs: RawHost;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;

  constructor(card: LinkEndpoint, ours: RawHost, theirs: RawHost) {
    this.#ours = ours;
    this.#theirs = theirs;
    this.#reader = card.readable.getReader();
    this.#writer = card.writable.getWriter();
  }

  start(sink: WireGuardSink): void {
    void this.#read(sink).catch(() => {});
  }

  async #read(sink: WireGuardSink): Promise<void> {
    for (;;) {
      const { done, value } = await this.#reader.read();
      if (done) return;
      const packet = parseIpv4(parseEthernet(value)?.payload ?? new Uint8Array());
      if (packet?.protocol !== IP_PROTOCOL.udp) continue;
      const datagram = parseUdp(packet.payload);
      if (datagram?.destinationPort !== this.#ours.port) continue;
      const ecn = packet.trafficClass & 3;
      this.received.push(ecn);
      const host = formatIp({ family: 4, bytes: packet.source });
      sink.receive(datagram.payload, host, datagram.sourcePort, this.markReceived(ecn));
    }
  }

  send(data: Uint8Array, to: WireGuardEndpoint | undefined, ecn: number): boolean {
    this.sent.push(ecn);
    const ends = { source: this.#ours.ip, destination: to?.host ?? this.#theirs.ip };
    const ports = { sourcePort: this.#ours.port, destinationPort: to?.port ?? this.#theirs.port };
    const udp = buildUdp({ ...ends, ...ports, payload: data });
    const trafficClass = this.markSent(ecn);
    const ip = buildIpv4({ ...ends, protocol: IP_PROTOCOL.udp, trafficClass, payload: udp });
    const macs = { source: this.#ours.mac, destination: this.#theirs.mac };
    const frame = buildEthernet({ ...macs, type: ETHER_TYPE.ipv4, payload: ip });
    this.#writer.write(frame).catch(() => {});
    return true;
  }

  room(): undefined {
    return undefined;
  }

  stop(): void {
    this.#reader.releaseLock();
    this.#writer.releaseLock();
  }
}
