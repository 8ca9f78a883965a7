// SPDX-License-Identifier: MIT
// icmp - echo requests of guests, and errors about their datagrams

import type { IcmpMessage, IcmpSocket } from '../api/icmp.ts';
import type { UdpDatagram } from '../api/udp.ts';
import { buildIcmp, ICMP_TYPE, ICMPV6_TYPE } from '../codec/icmp.ts';
import { buildIpv4 } from '../codec/ipv4.ts';
import { buildIpv6 } from '../codec/ipv6.ts';
import { TokenBucket } from '../util/token_bucket.ts';
import type { Core } from './core.ts';
import type { Rejection } from './types.ts';

/** Echo requests that are answered, a second. */
const ECHOES = 1000;
const UDP = 17;
/** Codes of Destination Unreachable: port, host (address), administratively prohibited. */
const CODES = {
  4: { refused: 3, unreachable: 1, prohibited: 13 },
  6: { refused: 4, unreachable: 3, prohibited: 1 },
} as const;

/** The head of a datagram as it was, for an error about it. */
function quote({ host, port, local, data }: UdpDatagram): Uint8Array {
  const { address = '', port: to = 0 } = local ?? {};
  const payload = new Uint8Array(8);
  const view = new DataView(payload.buffer);
  view.setUint16(0, port);
  view.setUint16(2, to);
  view.setUint16(4, data.length + 8);
  const ends = { source: host, destination: address, protocol: UDP, payload };
  return host.includes(':') ? buildIpv6(ends) : buildIpv4(ends);
}

/**
 * An error about a datagram.
 *
 * @param datagram - The datagram, as the guest sent it.
 * @param how - The error.
 * @returns The message.
 * @throws Never.
 */
export function unreachable(datagram: UdpDatagram, how: Exclude<Rejection, 'drop'>): Uint8Array {
  const { host, local } = datagram;
  const family = host.includes(':') ? 6 : 4;
  const quoted = quote(datagram);
  const body = new Uint8Array(4 + quoted.length);
  body.set(quoted, 4);
  return buildIcmp({
    source: local?.address as string,
    destination: host,
    type: family === 4 ? ICMP_TYPE.unreachable : ICMPV6_TYPE.unreachable,
    code: CODES[family][how],
    body,
  });
}

/** The echo requests of one gateway. */
export class Echoes {
  readonly #core: Core;
  readonly #socket: IcmpSocket;
  readonly #rate = new TokenBucket(ECHOES, performance.now());

  constructor(core: Core, socket: IcmpSocket) {
    this.#core = core;
    this.#socket = socket;
  }

  /** Serves guests until the socket ends. */
  async run(): Promise<void> {
    const writer = this.#socket.writable.getWriter();
    writer.closed.catch(() => {});
    for await (const message of this.#socket) {
      const type = this.#socket.family === 4 ? ICMP_TYPE.echoRequest : ICMPV6_TYPE.echoRequest;
      if (message.data[0] !== type || message.data.length < 8) continue;
      if (!this.#rate.take(performance.now())) {
        this.#core.book.statistics.limited++;
        continue;
      }
      void this.#serve(writer, message);
    }
  }

  async #serve(
    writer: WritableStreamDefaultWriter<IcmpMessage>,
    message: IcmpMessage,
  ): Promise<void> {
    const core = this.#core;
    const { tcp, udp, icmp = tcp || udp ? 'reply' : 'drop' } = core.options;
    if (icmp === 'drop') return;
    const { host, local, data, ttl = 64 } = message;
    const source = core.guest(host, 0);
    const { destination, decision } = core.decide('icmp', source, local as string, 0);
    if (!decision.isAllowed) return;
    try {
      const payload = data.subarray(8);
      if (icmp !== 'reply' && !(await icmp({ source, destination, payload, ttl }))) return;
      const reply = data.slice();
      reply[0] = this.#socket.family === 4 ? ICMP_TYPE.echoReply : ICMPV6_TYPE.echoReply;
      core.book.statistics.echoes++;
      await writer.write({ host, data: reply, local: local as string });
    } catch {
      // The program's function failed, or the gateway is closed.
    }
  }
}
