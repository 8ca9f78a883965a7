// SPDX-License-Identifier: MIT
// traceroute - the way to a host: probes with a growing time to live, and what routers answer
//
// All probes of a hop are sent at once, each with a number of its own: the sequence number of an echo, or the
// port of a datagram (from 33434 on, where nobody listens). A raw ICMP socket hears the answers, which quote that
// number.

import type { Hop, HopReply, TracerouteOptions } from '../api/icmp.ts';
import type { UdpSocket } from '../api/udp.ts';
import type { Channel } from '../control/channel.ts';
import { formatIp, type IpAddress } from '../util/address.ts';
import {
  any,
  checkOptions,
  INT32_MAX,
  oneOf,
  type Rules,
  range,
  text,
  whole,
} from '../util/check.ts';
import type { DatagramEnds } from './datagram_ends.ts';
import { TTL } from './datagram_rules.ts';
import { openIcmpEnds } from './icmp_socket.ts';
import type { Names } from './names.ts';
import {
  ECHO_IDENTIFIER,
  ECHO_SEQUENCE,
  echoRequest,
  quoted,
  randomIdentifier,
  TYPES,
} from './ping.ts';
import { openUdp } from './udp_open.ts';

const HOPS = 30;
const PROBES = 3;
const TIMEOUT = 1000;
const FIRST_PORT = 33434;
const UDP = 17;
/** Offsets in the header of UDP. */
const UDP_SOURCE = 0;
const UDP_DESTINATION = 2;
const PAYLOAD = new Uint8Array(32);

const OPTIONS: Rules<TracerouteOptions> = {
  host: text,
  maxHops: whole(1, 255),
  probes: whole(1, 10),
  timeout: range(1, INT32_MAX, ' ms'),
  method: oneOf('icmp', 'udp'),
  signal: any,
};

/** Sends one probe. */
type Probe = (ttl: number, number: number) => Promise<void>;

/** The answer to a probe. */
interface Answer {
  readonly number: number;
  readonly kind: HopReply['kind'];
  readonly code: number;
}

/** The same for all hops of a route. */
interface Trace {
  readonly family: 4 | 6;
  readonly isUdp: boolean;
  readonly identifier: number;
  readonly probes: number;
  readonly timeout: number;
  readonly signal: AbortSignal | undefined;
}

/** Reads the number of the probe that a message answers; undefined: it is about something else. */
function answerOf(trace: Trace, message: Uint8Array): Answer | undefined {
  const { family, isUdp, identifier } = trace;
  const [type = 0, code = 0] = message;
  const { reply, unreachable, timeExceeded } = TYPES[family];
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  if (
    type === reply &&
    !isUdp &&
    message.length >= 8 &&
    view.getUint16(ECHO_IDENTIFIER) === identifier
  ) {
    return { number: view.getUint16(ECHO_SEQUENCE), kind: 'reply', code };
  }
  if (type !== unreachable && type !== timeExceeded) return undefined;
  const inner = quoted(family, message);
  if (!inner || (inner.protocol === UDP) !== isUdp) return undefined;
  const { header } = inner;
  if (header.getUint16(isUdp ? UDP_SOURCE : ECHO_IDENTIFIER) !== identifier) return undefined;
  const number = isUdp
    ? header.getUint16(UDP_DESTINATION) - FIRST_PORT
    : header.getUint16(ECHO_SEQUENCE);
  const isPort = type === unreachable && code === (family === 4 ? 3 : 4);
  const kind = type === timeExceeded ? 'time-exceeded' : isUdp && isPort ? 'reply' : 'unreachable';
  return { number, kind, code };
}

/** Sends the probes of one hop and waits for their answers. */
async function probeHop(ends: DatagramEnds, ttl: number, trace: Trace, probe: Probe): Promise<Hop> {
  const { probes, timeout, signal } = trace;
  const first = (ttl - 1) * probes;
  const sent = new Map<number, number>();
  const replies: HopReply[] = [];
  for (let i = 0; i < probes; i++) {
    sent.set(first + i, performance.now());
    await probe(ttl, first + i);
  }
  let isOver = false;
  const timer = setTimeout(() => {
    isOver = true;
    ends.interrupt();
  }, timeout);
  try {
    while (!isOver && !signal?.aborted && sent.size > 0 && (await ends.wait().catch(() => true))) {
      const length = ends.peek();
      if (length < 0) continue;
      const host = ends.record.sender.host;
      const answer = answerOf(trace, ends.copy(length));
      ends.release();
      const start = answer && sent.get(answer.number);
      if (!answer || start === undefined) continue;
      sent.delete(answer.number);
      const { kind, code } = answer;
      const roundTripTime = performance.now() - start;
      replies.push({ host, roundTripTime, kind, ...(kind !== 'reply' && { code }) });
    }
  } finally {
    clearTimeout(timer);
  }
  return { ttl, replies };
}

/** The probes of a method; `identifier` is what answers to them carry besides their number. */
function prober(
  address: IpAddress,
  names: Names,
  ends: DatagramEnds,
  socket: UdpSocket | undefined,
): { identifier: number; probe: Probe } {
  if (socket) {
    const host = formatIp(address);
    const writer = socket.writable.getWriter();
    const probe: Probe = (ttl, number) =>
      writer.write({ host, port: FIRST_PORT + number, data: PAYLOAD, ttl });
    return { identifier: socket.localPort, probe };
  }
  const identifier = randomIdentifier();
  const zone = names.zoneHandle(address);
  const { family } = address;
  const probe: Probe = (ttl, number) =>
    ends.send(echoRequest(family, identifier, number, PAYLOAD), { to: address, zone, ttl });
  return { identifier, probe };
}

/**
 * Traces the way to a host.
 *
 * @param channel - Of the stack.
 * @param options - The host, and settings.
 * @param names - Names and interfaces of the stack.
 * @returns One hop after the other; the last one has the reply of the host, or says that there is no way.
 * @throws {NetError} EINVAL, ENOTFOUND, EMFILE, ENOMEM, ESHUTDOWN; or the signal's reason.
 */
export async function* traceroute(
  channel: Channel,
  options: TracerouteOptions,
  names: Names,
): AsyncIterableIterator<Hop> {
  checkOptions('Cannot trace a route', options, OPTIONS, ['host']);
  const { host, maxHops = HOPS, probes = PROBES, timeout = TIMEOUT, method, signal } = options;
  const isUdp = method === 'udp';
  signal?.throwIfAborted();
  const address = await names.resolve(host, undefined, signal);
  const remote = { host: formatIp(address), port: FIRST_PORT };
  // Connected, so that it fails at once without a route.
  const socket = await openUdp(channel, { remote }, names);
  if (!isUdp) await socket.close();
  const { family } = address;
  const plan = { family, identifier: 0, ttl: TTL };
  const ends = await openIcmpEnds(channel, plan, `Cannot trace a route to ${formatIp(address)}`);
  const onAbort = (): void => ends.interrupt();
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    const { identifier, probe } = prober(address, names, ends, isUdp ? socket : undefined);
    const told = { family, isUdp, identifier, probes, timeout, signal };
    for (let ttl = 1; ttl <= maxHops; ttl++) {
      const hop = await probeHop(ends, ttl, told, probe);
      signal?.throwIfAborted();
      yield hop;
      if (hop.replies.some(({ kind }) => kind !== 'time-exceeded')) return;
    }
  } finally {
    signal?.removeEventListener('abort', onAbort);
    ends.close('traceroute is over');
    await socket.close();
  }
}
