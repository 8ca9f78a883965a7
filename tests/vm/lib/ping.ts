// SPDX-License-Identifier: MIT
// ping - a host made by hand at the end of a cable, which pings the guest at the other end

import { type LinkEndpoint, plugEndpoint } from 'ringstack/link';
import {
  arp,
  ETHERTYPE,
  ethernet,
  ping,
  readArp,
  readEthernet,
  readIpv4,
  STRANGER,
  word,
} from '../../helpers/frames.ts';
import { until } from '../../helpers/net.ts';
import { Prng } from '../../helpers/prng.ts';
import { sameBytes } from '../../helpers/runtime.ts';

const COUNT = 3;
const ECHO_REPLY = 0;

/**
 * Pings a guest by frames, since a stack has no ICMP sockets. Resolves when all pings have been answered with what
 * they carried.
 *
 * @param card - The guest's, in no link.
 * @param guest - Its address.
 * @param from - An address of its network that nobody has.
 * @param size - Bytes that a ping carries.
 */
export async function pingGuest(
  card: LinkEndpoint,
  guest: string,
  from: string,
  size: number,
): Promise<void> {
  const host = { mac: STRANGER, ip: from };
  const data = new Prng(size).bytes(size);
  const answered = new Set<number>();
  let mac = '';
  const takeArp = (sender: string, payload: Uint8Array): void => {
    const { operation, ip, asked } = readArp(payload);
    if (operation === 2 && ip === guest) mac = sender;
    if (operation === 1 && asked === from) plug.sink.send(arp(2, host, { mac: sender, ip }));
  };
  const takeIp = (packet: Uint8Array): void => {
    const { protocol, payload } = readIpv4(packet);
    if (protocol !== 1 || payload[0] !== ECHO_REPLY) return;
    if (sameBytes(payload.slice(8), data)) answered.add(word(payload, 6));
  };
  const plug = plugEndpoint(card, {
    send(frame) {
      const { type, from: sender, payload } = readEthernet(frame);
      if (type === ETHERTYPE.arp) takeArp(sender, payload);
      if (type === ETHERTYPE.ipv4) takeIp(payload);
      return true;
    },
    ready: async () => {},
  });
  plug.sink.send(arp(1, host, { mac: '00:00:00:00:00:00', ip: guest }));
  await until(() => mac !== '');
  for (let n = 0; n < COUNT; n++) {
    const request = ethernet(mac, host.mac, ETHERTYPE.ipv4, ping(from, guest, n, data));
    while (!plug.sink.send(request)) await plug.sink.ready();
    // One after the other: Linux has room for two answers of 64 KiB that are on their way (icmp_init()).
    await until(() => answered.has(n));
  }
  plug.unplug();
}
