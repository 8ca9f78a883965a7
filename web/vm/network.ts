// SPDX-License-Identifier: MIT
// network - entry of the page's worker that is the LAN: createNetwork(), a web server on it, what the page shows of it
//
// Theory of operation
//
// Guests are plugged in by cables (cable.ts). A lane in front of each port sees every frame: those from its guest,
// and those from the network's own stack to it. So each frame is seen once, except broadcasts of the stack, which the
// first cable alone shows. A sampler keeps some of the frames for the page's list, a table keeps the flows.
// Counters go to the page regularly; DNS queries, requests and refusals as they come.

import type { DnsLogEntry } from 'ringstack/dns';
import { createHttp, type HttpFetch } from 'ringstack/http';
import {
  type FrameEndpoint,
  type FrameSink,
  type LinkEndpoint,
  type SwitchPort,
  wrapEndpoint,
} from 'ringstack/link';
import { createNetwork, type VirtualNetwork } from 'ringstack/network';
import { formatMac } from '../../js/util/address.ts';
import { Sampler } from '../packets/sampler.ts';
import { answerCalls } from '../workers/answer.ts';
import { cableEnd } from './cable.ts';
import { getDocument, measureDocument } from './fetcher.ts';
import { FlowTable } from './flow_table.ts';
import {
  type Counters,
  type EndName,
  GUESTS,
  type GuestName,
  type NetworkCalls,
  type NetworkTold,
  type Status,
} from './messages.ts';
import { Outside, RANGE } from './outside.ts';
import { pageHandler } from './page_server.ts';

/** ms between two reports. */
const STATUS_EVERY = 250;
const FRAMES_EVERY = 100;
/** Bytes that may wait for a guest: more than the window of its TCP. */
const QUEUE = 2 ** 22;
/** So that addresses do not depend on which guest is faster. */
const RESERVATIONS = Object.fromEntries(
  Object.values(GUESTS).map(({ mac, address }) => [mac, address]),
);
const NONE: Counters = { toGuest: 0, fromGuest: 0 };

const tell = (told: NetworkTold): void => globalThis.postMessage(told);

/** A guest that is plugged in. */
interface Plugged {
  readonly card: FrameEndpoint;
  readonly port: SwitchPort;
  /** Its address, when it has got one. */
  readonly leased: Promise<string>;
}

/** The network and what is on it. */
class Lan {
  readonly #net: VirtualNetwork;
  readonly #fetch: HttpFetch;
  readonly #outside: Outside;
  readonly #flows: FlowTable;
  readonly #mtu: number;
  readonly #guests = new Map<GuestName, Plugged>();
  readonly sampler = new Sampler<EndName>(() => performance.timeOrigin + performance.now());

  constructor(
    net: VirtualNetwork,
    fetch: HttpFetch,
    outside: Outside,
    flows: FlowTable,
    mtu: number,
  ) {
    this.#net = net;
    this.#fetch = fetch;
    this.#outside = outside;
    this.#flows = flows;
    this.#mtu = mtu;
    setInterval(() => tell({ told: 'status', status: this.#status() }), STATUS_EVERY);
    setInterval(() => {
      const { frames, counters } = this.sampler.take();
      tell({ told: 'wire', frames, unseen: counters.unseen });
    }, FRAMES_EVERY);
  }

  get fetch(): HttpFetch {
    return this.#fetch;
  }

  async plug(name: GuestName, cable: MessagePort): Promise<void> {
    await this.#unplug(name);
    const card = cableEnd(cable, this.#mtu);
    const port = this.#net.plug(this.#watched(name, card), { name });
    const plugged: Plugged = { card, port, leased: this.#leaseOf(name) };
    this.#guests.set(name, plugged);
  }

  leased(name: GuestName): Promise<string> {
    return this.#guests.get(name)?.leased ?? Promise.reject(new Error(`${name} is not plugged in`));
  }

  async #unplug(name: GuestName): Promise<void> {
    const plugged = this.#guests.get(name);
    this.#guests.delete(name);
    await plugged?.port.close();
    await plugged?.card.close();
  }

  /** Waits for a guest to ask for an address, which a new guest of an old name does again. */
  async #leaseOf(name: GuestName): Promise<string> {
    const { mac } = GUESTS[name];
    for await (const event of this.#net.dhcp.events) {
      const isLease = event.kind === 'lease' || event.kind === 'renew';
      if (isLease && event.mac === mac && event.ip) return event.ip;
    }
    throw new Error('The network has ended');
  }

  /** Lets sampler and flow table see the frames of a cable. */
  #watched(name: GuestName, card: LinkEndpoint): LinkEndpoint {
    const own = this.#net.interface.mac;
    const see = (from: EndName, frame: Uint8Array): void => {
      this.sampler.see(from, frame, false);
      this.#flows.see(frame, performance.now());
    };
    const isOurs = (frame: Uint8Array): boolean => {
      const isShared = ((frame[0] ?? 0) & 1) !== 0 && [...this.#guests.keys()][0] !== name;
      return !isShared && formatMac(frame.subarray(6, 12)) === own;
    };
    const lane = (see: (frame: Uint8Array) => void) => (next: FrameSink) => ({
      send(frame: Uint8Array): boolean {
        const isTaken = next.send(frame);
        if (isTaken) see(frame);
        return isTaken;
      },
      ready: () => next.ready(),
    });
    return wrapEndpoint(card, {
      incoming: lane((frame) => see(name, frame)),
      outgoing: lane((frame) => isOurs(frame) && see('page', frame)),
    });
  }

  #countersOf(name: GuestName): Counters {
    const statistics = this.#guests.get(name)?.port.statistics;
    return statistics ? { toGuest: statistics.txBytes, fromGuest: statistics.rxBytes } : NONE;
  }

  #status(): Status {
    const { interface: tap, gateway } = this.#net;
    const { txBytes, rxBytes } = tap.statistics;
    const { bytesIn, bytesOut } = gateway.statistics;
    const time = performance.now();
    return {
      time,
      counters: {
        alpha: this.#countersOf('alpha'),
        beta: this.#countersOf('beta'),
        page: { toGuest: txBytes, fromGuest: rxBytes },
        outside: { toGuest: bytesIn, fromGuest: bytesOut },
      },
      leases: [...this.#net.guests()],
      flows: this.#flows.list(time, (address) => this.nameOf(address)),
    };
  }

  /** Name of an address: of a guest, of the page, of a host outside. */
  nameOf(address: string): string {
    return nameOf(this.#net, this.#outside, address);
  }

  setOutside(...settings: Parameters<Outside['set']>): void {
    this.#outside.set(...settings);
  }
}

function nameOf(net: VirtualNetwork, outside: Outside, address: string): string {
  if (net.stack.hosts.lookup('gateway.internal').some((one) => one.address === address))
    return 'page';
  for (const guest of net.guests()) {
    if (guest.address === address || guest.ipv6Addresses.includes(address)) return guest.name;
  }
  return outside.nameOf(address) ?? address;
}

/** The answer to a query, in words. */
function answerTo(
  net: VirtualNetwork,
  outside: Outside,
  { name, type, rcode }: DnsLogEntry,
): string {
  if (rcode === 'REFUSED') return 'refused';
  if (rcode === 'NXDOMAIN') return 'no such name';
  if (rcode !== 'NOERROR') return rcode;
  if (type !== 'A' && type !== 'AAAA') return 'answered';
  const family = type === 'A' ? 4 : 6;
  const known = net.stack.hosts.lookup(name).filter((one) => one.family === family);
  if (known.length > 0) return known.map(({ address }) => address).join(', ');
  return (type === 'A' && outside.addressOf(name)) || 'no address';
}

async function start({ mtu }: { readonly mtu: number }) {
  const flows = new FlowTable();
  let net: VirtualNetwork | undefined;
  const guestName = (address: string): string => (net ? nameOf(net, outside, address) : address);
  const outside = new Outside(guestName, (refusal, flow) => {
    if (flow) flows.refuse(flow, refusal.canAllow ? 'blocked' : 'failed');
    tell({ told: 'refusal', refusal });
  });
  net = await createNetwork({
    cidr: '10.0.0.0/24',
    mtu,
    tcp: (flow) => outside.connect(flow),
    // An answer from here would say that a host outside is there.
    icmp: 'drop',
    policy: { override: [RANGE] },
    dns: { request: (request) => outside.resolve(request), log: (entry) => logQuery(entry) },
    dhcp: { reservations: RESERVATIONS },
    switch: { queue: QUEUE },
  });
  const made = net;
  function logQuery(entry: DnsLogEntry): void {
    const { name, type, remote, rcode } = entry;
    const facts = { name, type, guest: guestName(remote.host), isBad: rcode !== 'NOERROR' };
    const query = { time: Date.now(), answer: answerTo(made, outside, entry), ...facts };
    tell({ told: 'query', query });
  }
  for (const name of ['page', 'page.internal']) net.stack.hosts.set(name, net.address);
  const http = await createHttp(net.stack);
  const handler = pageHandler(guestName, (request) => tell({ told: 'request', request }));
  await http.serve({ port: 80 }, handler);
  lan = new Lan(net, http.fetch, outside, flows, mtu);
  return { address: net.address, mac: net.interface.mac };
}

let lan: Lan | undefined;

function running(): Lan {
  if (!lan) throw new Error('The network is not up yet');
  return lan;
}

answerCalls<NetworkCalls>({
  start,
  plug: (name, cable) => running().plug(name, cable),
  leased: (name) => running().leased(name),
  get: (url) => getDocument(running().fetch, url),
  measure: (url) =>
    measureDocument(running().fetch, url, (moved) => tell({ told: 'moved', moved })),
  setCapture(on) {
    running().sampler.isOn = on;
  },
  setOutside: (settings) => running().setOutside(settings),
});
