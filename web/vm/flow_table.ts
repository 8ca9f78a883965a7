// SPDX-License-Identifier: MIT
// flow_table - the connections and exchanges of datagrams on the LAN, found in the frames that go by
//
// Theory of operation
//
// A flow is two ends and a protocol; the first packet says which end is the source. TCP flows follow SYN, FIN and
// RST; a port that is used again begins a new flow. Flows are forgotten after a while without a packet, and the
// least recently used one when there are too many: a scan of all ports costs no more memory than MOST flows.
// Multicast is left out.

import type { TcpFlow } from 'ringstack/gateway';
import { ETHER_TYPE, parseEthernet } from '../../js/codec/ethernet.ts';
import { ipText, u16 } from '../../js/codec/fields.ts';
import { IP_PROTOCOL, parseIp } from '../../js/codec/ip.ts';
import { parseTcp, TCP_FLAG } from '../../js/codec/tcp.ts';
import type { Flow } from './messages.ts';

/** Flows that are kept, and that are listed. */
const MOST = 256;
const LISTED = 40;
/** ms without a packet after which a flow is forgotten: one that is over, and any other. */
const IDLE_OVER = 60_000;
const IDLE = 300_000;
const UDP_HEADER = 8;

type State =
  | 'opening'
  | 'open'
  | 'closing'
  | 'closed'
  | 'refused'
  | 'reset'
  | 'blocked'
  | 'failed'
  | '';

const BAD: readonly State[] = ['refused', 'reset', 'blocked', 'failed'];
const OVER: readonly State[] = ['closed', ...BAD];

const SERVICES = new Map([
  [53, 'DNS'],
  [67, 'DHCP'],
  [68, 'DHCP'],
  [80, 'HTTP'],
  [123, 'NTP'],
  [443, 'HTTPS'],
]);

/** The parts of a packet that a flow is made of. */
interface Packet {
  readonly protocol: 'TCP' | 'UDP' | 'Ping';
  readonly source: string;
  readonly destination: string;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly flags: number;
  readonly size: number;
}

interface Entry {
  readonly id: number;
  /** The first one. */
  readonly packet: Packet;
  readonly begin: number;
  last: number;
  state: State;
  bytesOut: number;
  bytesIn: number;
  /** Ends that have sent FIN: 1 the source, 2 the other. */
  ended: number;
}

/** Whether the first byte of an address is that of a group. */
const isGroup = (address: Uint8Array): boolean =>
  address.length === 16 ? address[0] === 255 : ((address[0] ?? 0) & 0xf0) === 0xe0;

/** Reads a frame; undefined: it belongs to no flow. */
function readPacket(frame: Uint8Array): Packet | undefined {
  const ethernet = parseEthernet(frame);
  if (!ethernet) return undefined;
  const { type, payload } = ethernet;
  if (type !== ETHER_TYPE.ipv4 && type !== ETHER_TYPE.ipv6) return undefined;
  const ip = parseIp(payload, { allowCut: true });
  if (!ip || isGroup(ip.destination)) return undefined;
  const fragment = ip.version === 4 ? ip.fragmentOffset : (ip.fragment?.offset ?? 0);
  if (fragment > 0) return undefined;
  const inner = ip.payload;
  const ends = { source: ipText(ip.source), destination: ipText(ip.destination) };
  if (ip.protocol === IP_PROTOCOL.tcp) {
    const segment = parseTcp(inner);
    if (!segment) return undefined;
    const { sourcePort, destinationPort, flags } = segment;
    return {
      protocol: 'TCP',
      ...ends,
      sourcePort,
      destinationPort,
      flags,
      size: segment.payload.length,
    };
  }
  if (ip.protocol === IP_PROTOCOL.udp && inner.length >= UDP_HEADER) {
    const [sourcePort, destinationPort] = [u16(inner, 0), u16(inner, 2)];
    const size = inner.length - UDP_HEADER;
    return { protocol: 'UDP', ...ends, sourcePort, destinationPort, flags: 0, size };
  }
  const echo = ip.version === 4 ? [8, 0] : [128, 129];
  if (!(ip.protocol === IP_PROTOCOL.icmp || ip.protocol === IP_PROTOCOL.icmpv6)) return undefined;
  if (!echo.includes(inner[0] ?? -1) || inner.length < UDP_HEADER) return undefined;
  // Its identifier tells one ping from another.
  const port = u16(inner, 4);
  const size = inner.length - UDP_HEADER;
  return { protocol: 'Ping', ...ends, sourcePort: port, destinationPort: port, flags: 0, size };
}

const keyOf = (protocol: string, a: string, aPort: number, b: string, bPort: number): string =>
  `${protocol} ${a} ${aPort} ${b} ${bPort}`;

/** The flows. */
export class FlowTable {
  readonly #entries = new Map<string, Entry>();
  #last = 0;

  /**
   * Takes a frame that goes by; it may be over shared memory.
   *
   * @param frame - The frame, seen once.
   * @param now - ms.
   */
  see(frame: Uint8Array, now: number): void {
    const packet = readPacket(frame);
    if (!packet) return;
    const { protocol, source, destination, sourcePort, destinationPort } = packet;
    const key = keyOf(protocol, source, sourcePort, destination, destinationPort);
    const back = keyOf(protocol, destination, destinationPort, source, sourcePort);
    const isBack = !this.#entries.has(key) && this.#entries.has(back);
    const found = this.#entries.get(isBack ? back : key);
    const isNew = (packet.flags & (TCP_FLAG.syn | TCP_FLAG.ack)) === TCP_FLAG.syn;
    const entry =
      found && !(isNew && OVER.includes(found.state)) ? found : this.#begin(packet, now);
    // The order of the map is that of use.
    this.#entries.delete(isBack ? back : key);
    this.#entries.set(isBack && entry === found ? back : key, entry);
    if (this.#entries.size > MOST) {
      const [oldest = ''] = this.#entries.keys();
      this.#entries.delete(oldest);
    }
    this.#count(entry, packet, isBack && entry === found, now);
  }

  /** Notes that a guest's connection was blocked, or that its way out failed. */
  refuse(
    { source, destination }: Pick<TcpFlow, 'source' | 'destination'>,
    how: 'blocked' | 'failed',
  ): void {
    const { address, port } = source;
    const key = keyOf('TCP', address, port, destination.address, destination.port);
    const entry = this.#entries.get(key);
    if (entry) entry.state = how;
  }

  /**
   * Lists flows.
   *
   * @param now - ms.
   * @param nameOf - Name of an address.
   * @returns Those used last, the newest first.
   */
  list(now: number, nameOf: (address: string) => string): Flow[] {
    for (const [key, { state, last }] of this.#entries) {
      if (now - last > (OVER.includes(state) ? IDLE_OVER : IDLE)) this.#entries.delete(key);
    }
    const listed = [...this.#entries.values()].slice(-LISTED).sort((a, b) => b.id - a.id);
    return listed.map((entry) => {
      const { id, packet, state, bytesOut, bytesIn, begin, last } = entry;
      const { protocol, source, destination, destinationPort } = packet;
      const service = protocol === 'Ping' ? undefined : SERVICES.get(destinationPort);
      const at = protocol === 'Ping' || service ? '' : `:${destinationPort}`;
      return {
        id,
        protocol: service ?? protocol,
        source: nameOf(source),
        destination: `${nameOf(destination)}${at}`,
        state,
        isBad: BAD.includes(state),
        bytesOut,
        bytesIn,
        age: now - begin,
        idle: now - last,
      };
    });
  }

  #begin(packet: Packet, now: number): Entry {
    const state = packet.protocol === 'TCP' ? 'opening' : '';
    const none = { bytesOut: 0, bytesIn: 0, ended: 0 };
    return { id: ++this.#last, packet, begin: now, last: now, state, ...none };
  }

  #count(entry: Entry, { flags, size, protocol }: Packet, isBack: boolean, now: number): void {
    entry.last = now;
    if (isBack) entry.bytesIn += size;
    else entry.bytesOut += size;
    if (protocol !== 'TCP' || OVER.includes(entry.state)) return;
    if (flags & TCP_FLAG.rst) entry.state = entry.state === 'opening' ? 'refused' : 'reset';
    else if (flags & TCP_FLAG.fin) {
      entry.ended |= isBack ? 2 : 1;
      entry.state = entry.ended === 3 ? 'closed' : 'closing';
    } else if (entry.state === 'opening' && (!(flags & TCP_FLAG.syn) || isBack))
      entry.state = 'open';
  }
}
